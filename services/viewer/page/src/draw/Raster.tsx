/** A picture over axes in true units, with zoom, layers of classes and SVG above it. */
import { useEffect, useMemo, type ReactNode, type Ref } from 'react';
import type { Look } from '../data/looks';
import type { Axis, Picture } from '../data/wire';
import { sizeFor } from '../data/sharp';
import { Stage, useStage, type Camera, type Point } from './Stage';
import { Values } from './Values';

export type { Point } from './Stage';

interface Props {
  camera?: Ref<Camera> | undefined;
  picture: Picture;
  look: Look;
  /** What is subtracted from the picture. */
  minus?: Picture | undefined;
  /** Without axes the picture takes the whole place. */
  bare?: boolean;
  /** What the picture is, for those who can't see it. */
  label: string;
  /** Whether dragging draws, instead of moving the picture. */
  drawing?: boolean;
  onDraw?: (from: Point, to: Point, done: boolean) => void;
  onPoint: (point: Point | undefined) => void;
  onPick?: (point: Point) => void;
  /** Hears how many pixels the longer side of the picture should have, as it is shown. */
  onSharp: (size: number) => void;
  /** Canvases above the values. */
  above?: ReactNode;
  /** SVG above all. */
  children?: ReactNode;
}

export function Raster(props: Props) {
  const { picture, look, minus, bare = false, label, drawing = false, above, children } = props;
  const { shape } = picture;
  const x = useEdges(picture.x, shape[1]);
  const y = useEdges(picture.y, shape[0]);
  return (
    <div className="canvas" role="img" aria-label={label}>
      <Stage
        {...{ x, y, drawing }}
        axes={!bare}
        flip
        equal
        camera={props.camera}
        onDraw={props.onDraw}
        onPoint={props.onPoint}
        onPick={props.onPick}
        layers={
          <>
            <Values picture={picture} minus={minus} look={look} />
            {above}
          </>
        }
      >
        <Sharpness picture={picture} onSharp={props.onSharp} />
        {children}
      </Stage>
    </div>
  );
}

/** Tells how many pixels are worth having at this zoom, on this screen. */
function Sharpness({ picture, onSharp }: { picture: Picture; onSharp: (size: number) => void }) {
  const { ax, ay } = useStage();
  const { x, y, shape, full } = picture;
  const sides = [Math.abs(ax * x.step) * shape[1], Math.abs(ay * y.step) * shape[0]];
  const length = Math.max(...sides) * (window.devicePixelRatio || 1);
  const size = sizeFor(Math.max(...full), length);
  useEffect(() => onSharp(size), [size, onSharp]);
  return null;
}

/** The outer edges of the first and last pixel; the same array as long as they stay. */
function useEdges({ start, step }: Axis, n: number): [number, number] {
  return useMemo(() => {
    const edges: [number, number] = [start - step / 2, start + (n - 0.5) * step];
    return edges[0] <= edges[1] ? edges : [edges[1], edges[0]];
  }, [start, step, n]);
}
