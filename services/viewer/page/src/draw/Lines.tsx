/** Lines over a common axis, drawn whole for every frame. */
import { useLayoutEffect, useRef } from 'react';
import { useStage } from './Stage';

export interface Line {
  at: readonly number[];
  values: readonly (number | null | undefined)[];
  colour: string;
  width: number;
}

export function Lines({ lines }: { lines: Line[] }) {
  const place = useRef<HTMLCanvasElement>(null);
  const { ax, bx, ay, by, frame } = useStage();
  const { width, height } = frame;
  useLayoutEffect(() => {
    // software drawing: a GPU that is none takes ten times as long
    const context = place.current?.getContext('2d', { willReadFrequently: true });
    if (!context) return;
    const dots = window.devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, dots * width, dots * height);
    context.setTransform(dots, 0, 0, dots, 0, 0);
    for (const line of lines) {
      context.strokeStyle = line.colour;
      context.lineWidth = line.values.length > width / 3 ? Math.min(1, line.width) : line.width;
      context.lineJoin = 'bevel';
      traced(context, line, [ax, bx, ay, by], width);
    }
  }, [lines, ax, bx, ay, by, width, height]);
  const dots = window.devicePixelRatio || 1;
  return (
    <canvas ref={place} className="lines" width={Math.round(dots * width)} height={Math.round(dots * height)} style={{ width, height }} />
  );
}

/** So many pieces are stroked at a time: the cost of one long path of noise grows with its square. */
const PIECES = 16;

/** Strokes a line; where many points share a pixel, their least and most are drawn. */
function traced(
  pen: CanvasRenderingContext2D,
  { at, values }: Line,
  [ax, bx, ay, by]: [number, number, number, number],
  width: number,
): void {
  const many = values.length > 4 * width;
  let [drawn, column, low, high] = [0, Number.NaN, 0, 0];
  pen.beginPath();
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    const x = ax * (at[i] ?? Number.NaN) + bx;
    if (value === null || value === undefined || !Number.isFinite(value) || !Number.isFinite(x)) {
      if (drawn) pen.stroke();
      pen.beginPath();
      drawn = 0;
      continue;
    }
    const y = ay * value + by;
    const same = many && drawn > 0 && Math.round(x) === column;
    if (same && y >= low && y <= high) continue;
    if (drawn) pen.lineTo(x, y);
    else pen.moveTo(x, y);
    drawn += 1;
    [low, high] = same ? [Math.min(low, y), Math.max(high, y)] : [y, y];
    column = Math.round(x);
    if (drawn <= PIECES) continue;
    pen.stroke();
    pen.beginPath();
    pen.moveTo(x, y);
    drawn = 1;
  }
  if (drawn) pen.stroke();
}
