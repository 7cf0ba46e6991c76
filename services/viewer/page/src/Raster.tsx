/** A picture drawn by WebGL over axes in true units, with zoom, and layers of SVG above it. */
import {
  DefaultInteractions,
  HeatmapMesh,
  ScaleType,
  useCanvasEvent,
  useVisCanvasContext,
  VisCanvas,
  type ColorMap,
} from '@h5web/lib';
import { useThree } from '@react-three/fiber';
import { useMemo, useRef, type ReactNode } from 'react';
import { number } from './format';
import grid from './grid';
import type { Axis, Picture } from './wire';

export interface Look {
  colours: ColorMap;
  inverted: boolean;
  log: boolean;
  /** The contrast window in true values. */
  low: number;
  high: number;
}

interface Props {
  picture: Picture;
  look: Look;
  /** Without axes the picture takes the whole place. */
  bare?: boolean;
  onPoint: (point: { y: number; x: number } | undefined) => void;
  onPick?: (point: { y: number; x: number }) => void;
  children?: ReactNode;
}

export function Raster({ picture, look, bare = false, onPoint, onPick, children }: Props) {
  const { shape } = picture;
  const x = useEdges(picture.x, shape[1]);
  const y = useEdges(picture.y, shape[0]);
  const values = useMemo(() => drawable(picture), [picture]);
  const mask = useMemo(() => maskOf(picture), [picture]);
  const domain = useMemo(() => domainOf(picture, look), [picture, look]);
  const scaleType = look.log && !picture.coded ? ScaleType.Log : ScaleType.Linear;

  return (
    <VisCanvas
      aspect="equal"
      showAxes={!bare}
      abscissaConfig={{ visDomain: x, formatTick: tick }}
      ordinateConfig={{ visDomain: y, flip: true, formatTick: tick }}
    >
      <DefaultInteractions />
      <Hand onPoint={onPoint} onPick={onPick} />
      <HeatmapMesh
        values={values}
        domain={domain}
        scaleType={scaleType}
        colorMap={look.colours}
        invertColorMap={look.inverted}
        badColor="#7a4a52"
        scale={[1, -1, 1]}
        {...(mask ? { mask } : {})}
      />
      {children}
    </VisCanvas>
  );
}

const tick = (value: number) => number(value, 6);

/** The outer edges of the first and last pixel; the same array as long as they stay. */
function useEdges({ start, step }: Axis, n: number): [number, number] {
  return useMemo(() => [start - step / 2, start + (n - 0.5) * step], [start, step, n]);
}

function drawable(picture: Picture) {
  const { data, shape } = picture;
  const safe = data instanceof Uint8Array || data instanceof Float32Array;
  return grid(safe ? data : Float32Array.from(data), shape);
}

/** Where codes say "no value". */
function maskOf(picture: Picture) {
  if (!picture.coded || !picture.data.includes(0)) return undefined;
  const mask = Uint8Array.from(picture.data, (code) => (code === 0 ? 255 : 0));
  return grid(mask, picture.shape);
}

function domainOf(picture: Picture, look: Look): [number, number] {
  let { low, high } = look;
  if (look.log && !picture.coded) low = low > 0 ? low : Math.max(high, 1e-12) / 1e4;
  if (!(high > low)) high = low + (Math.abs(low) * 1e-6 || 1);
  if (!picture.coded) return [low, high];
  if (!(picture.scale > 0)) return [0, 2];
  return [(low - picture.offset) / picture.scale, (high - picture.offset) / picture.scale];
}

/** Tells where the pointer is, in the units of the axes. */
function Hand({ onPoint, onPick }: Pick<Props, 'onPoint' | 'onPick'>) {
  const down = useRef<[number, number]>();
  const camera = useThree((state) => state.camera);
  const invalidate = useThree((state) => state.invalidate);
  useCanvasEvent('pointermove', ({ dataPt }) => onPoint({ y: dataPt.y, x: dataPt.x }));
  useCanvasEvent('pointerleave', () => onPoint(undefined));
  useCanvasEvent('pointerdown', ({ sourceEvent }) => {
    down.current = [sourceEvent.clientX, sourceEvent.clientY];
  });
  useCanvasEvent('pointerup', ({ dataPt, sourceEvent }) => {
    const [x, y] = down.current ?? [0, 0];
    const moved = Math.hypot(sourceEvent.clientX - x, sourceEvent.clientY - y);
    if (down.current && moved < 4) onPick?.({ y: dataPt.y, x: dataPt.x });
    down.current = undefined;
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
