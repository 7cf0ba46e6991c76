/** A picture drawn by WebGL over axes in true units, with zoom, and layers of SVG above it. */
import { DefaultInteractions, useCanvasEvent, useVisCanvasContext, VisCanvas } from '@h5web/lib';
import { useThree } from '@react-three/fiber';
import { useMemo, useRef, type ReactNode } from 'react';
import { number } from '../data/format';
import type { Look } from '../data/looks';
import type { Axis, Picture } from '../data/wire';
import { Quick } from './Quick';
import { Values } from './Values';

export interface Point {
  y: number;
  x: number;
}

interface Props {
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
  children?: ReactNode;
}

export function Raster(props: Props) {
  const { picture, look, minus, bare = false, label, drawing = false, children } = props;
  const { shape } = picture;
  const x = useEdges(picture.x, shape[1]);
  const y = useEdges(picture.y, shape[0]);
  return (
    <div className={drawing ? 'canvas drawing' : 'canvas'} role="img" aria-label={label}>
      <VisCanvas
        aspect="equal"
        showAxes={!bare}
        abscissaConfig={{ visDomain: x, formatTick: tick }}
        ordinateConfig={{ visDomain: y, flip: true, formatTick: tick }}
      >
        <Quick />
        <DefaultInteractions {...(drawing ? { pan: false } : {})} />
        <Hand {...props} />
        <Values picture={picture} minus={minus} look={look} />
        {children}
      </VisCanvas>
    </div>
  );
}

const tick = (value: number) => number(value, 6);

/** The outer edges of the first and last pixel; the same array as long as they stay. */
function useEdges({ start, step }: Axis, n: number): [number, number] {
  return useMemo(() => [start - step / 2, start + (n - 0.5) * step], [start, step, n]);
}

/** Tells where the pointer is and what it draws, in the units of the axes. */
function Hand({ onPoint, onPick, onDraw, drawing }: Props) {
  const down = useRef<{ screen: [number, number]; data: Point }>();
  const camera = useThree((state) => state.camera);
  const invalidate = useThree((state) => state.invalidate);
  useCanvasEvent('pointermove', ({ dataPt }) => {
    onPoint({ y: dataPt.y, x: dataPt.x });
    if (drawing && down.current) onDraw?.(down.current.data, { y: dataPt.y, x: dataPt.x }, false);
  });
  useCanvasEvent('pointerleave', () => onPoint(undefined));
  useCanvasEvent('pointerdown', ({ dataPt, sourceEvent }) => {
    const { clientX, clientY } = sourceEvent;
    down.current = { screen: [clientX, clientY], data: { y: dataPt.y, x: dataPt.x } };
    if (drawing) (sourceEvent.target as Element).setPointerCapture?.(sourceEvent.pointerId);
  });
  useCanvasEvent('pointerup', ({ dataPt, sourceEvent }) => {
    if (!down.current) return;
    const { screen, data } = down.current;
    down.current = undefined;
    const distance = Math.hypot(sourceEvent.clientX - screen[0], sourceEvent.clientY - screen[1]);
    if (distance < 4) onPick?.({ y: dataPt.y, x: dataPt.x });
    else if (drawing) onDraw?.(data, { y: dataPt.y, x: dataPt.x }, true);
  });
  useCanvasEvent('dblclick', () => {
    camera.scale.set(1, 1, 1);
    camera.position.setX(0).setY(0);
    camera.updateMatrixWorld();
    invalidate();
  });
  return null;
}

/** The part of the canvas that a picture's axes span, in the canvas's own world. */
export function useSpan(picture: Picture) {
  const { abscissaScale, ordinateScale } = useVisCanvasContext();
  const { x, y, shape } = picture;
  const [left, right] = [-0.5, shape[1] - 0.5].map((i) => abscissaScale(x.start + i * x.step));
  const [top, bottom] = [-0.5, shape[0] - 0.5].map((i) => ordinateScale(y.start + i * y.step));
  const [l = 0, r = 0, t = 0, b = 0] = [left, right, top, bottom];
  return { width: r - l, height: t - b, x: (l + r) / 2, y: (t + b) / 2 };
}
