/** How data become pixels of the screen: `screen = a * data + b` along each axis. */

export type Range = [number, number];

/** What is looked at, where it is not all: how much larger, and around which place. */
export interface Zoom {
  kx: number;
  ky: number;
  x: number;
  y: number;
}

export interface Frame {
  /** All of the data, from edge to edge. */
  x: Range;
  y: Range;
  width: number;
  height: number;
  /** Whether y grows downwards, as the rows of an image. */
  flip: boolean;
  /** Whether a unit is as long along x as along y. */
  equal: boolean;
}

export interface Transform {
  ax: number;
  bx: number;
  ay: number;
  by: number;
}

const MOST = 20_000;

/** `zoom` undefined shows everything. */
export function transformOf(frame: Frame, zoom: Zoom | undefined): Transform {
  const { x, y, width, height, flip, equal } = frame;
  let [sx, sy] = [width / (x[1] - x[0] || 1), height / (y[1] - y[0] || 1)];
  if (equal) sx = sy = Math.min(Math.abs(sx), Math.abs(sy));
  const ax = sx * (zoom?.kx ?? 1);
  const ay = sy * (zoom?.ky ?? 1) * (flip ? 1 : -1);
  const cx = kept(zoom?.x, x, width / Math.abs(ax || 1));
  const cy = kept(zoom?.y, y, height / Math.abs(ay || 1));
  return { ax, bx: width / 2 - ax * cx, ay, by: height / 2 - ay * cy };
}

/** The middle of what is seen: nothing beyond the edges where there is enough to fill the screen. */
function kept(at: number | undefined, [from, to]: Range, seen: number): number {
  const middle = (from + to) / 2;
  const room = (Math.abs(to - from) - seen) / 2;
  if (at === undefined || !(room > 0)) return middle;
  return Math.max(middle - room, Math.min(middle + room, at));
}

/** `by` times larger, with the place under the pointer where it was; undefined: all is seen. */
export function zoomed(
  frame: Frame,
  zoom: Zoom | undefined,
  [px, py]: [number, number],
  by: { x: number; y: number },
): Zoom | undefined {
  const { ax, bx, ay, by: b } = transformOf(frame, zoom);
  const bounded = (k: number) => Math.max(1, Math.min(MOST, k));
  const kx = bounded((zoom?.kx ?? 1) * by.x);
  const ky = bounded((zoom?.ky ?? 1) * by.y);
  if (kx === 1 && ky === 1) return undefined;
  const [x, y] = [(px - bx) / ax, (py - b) / ay];
  const [nx, ny] = [(ax * kx) / (zoom?.kx ?? 1), (ay * ky) / (zoom?.ky ?? 1)];
  return settled(frame, { kx, ky, x: x + (frame.width / 2 - px) / nx, y: y + (frame.height / 2 - py) / ny });
}

/** Moved by so many pixels. */
export function panned(frame: Frame, zoom: Zoom | undefined, dx: number, dy: number): Zoom | undefined {
  if (!zoom) return undefined;
  const { ax, ay } = transformOf(frame, zoom);
  return settled(frame, { ...zoom, x: zoom.x - dx / ax, y: zoom.y - dy / ay });
}

/** The box between two places of the screen, as large as it goes. */
export function boxed(frame: Frame, zoom: Zoom | undefined, from: [number, number], to: [number, number]): Zoom | undefined {
  const [dx, dy] = [Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])];
  if (dx < 4 || dy < 4) return zoom;
  const middle: [number, number] = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  let by = { x: frame.width / dx, y: frame.height / dy };
  if (frame.equal) by = { x: Math.min(by.x, by.y), y: Math.min(by.x, by.y) };
  const there = zoomed(frame, zoom, middle, by);
  return there && panned(frame, there, frame.width / 2 - middle[0], frame.height / 2 - middle[1]);
}

/** The same with its middle where `transformOf` lets it be, so that moving begins at once. */
function settled(frame: Frame, zoom: Zoom): Zoom {
  const { ax, bx, ay, by } = transformOf(frame, zoom);
  return { ...zoom, x: (frame.width / 2 - bx) / ax, y: (frame.height / 2 - by) / ay };
}

/** Round numbers within a range, about so many. */
export function ticksIn([from, to]: Range, many: number): number[] {
  const [low, high] = from < to ? [from, to] : [to, from];
  const rough = (high - low) / Math.max(1, many);
  if (!(rough > 0) || !Number.isFinite(rough)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.min(50, last - first + 1) }, (_, i) => (first + i) * step);
}
