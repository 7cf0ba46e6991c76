/** Points and outlines drawn above a picture, in the picture's own units. */
import { useMemo } from 'react';
import { number } from '../data/format';
import type { Measured } from '../data/measure';
import { fullPosition, type Picture } from '../data/wire';
import { useStage } from './Stage';

export interface Mark {
  id: string;
  y: number;
  x: number;
  colour: string;
  /** Belongs to what is selected. */
  strong: boolean;
  /** Only a mirror image of a mark. */
  faint?: boolean;
  label?: string;
  onPick?: () => void;
}

function useScreen(): [number, number, number, number] {
  const { ax, bx, ay, by } = useStage();
  return [ax, bx, ay, by];
}

export function Marks({ marks, radius }: { marks: Mark[]; radius: number }) {
  const [ax, bx, ay, by] = useScreen();
  return (
    <g className="marks">
      {marks.map((mark) => (
        <g
          key={mark.id}
          className={`mark${mark.strong ? ' strong' : ''}${mark.faint ? ' faint' : ''}`}
          transform={`translate(${ax * mark.x + bx} ${ay * mark.y + by})`}
          onClick={mark.onPick}
        >
          <circle r={mark.strong ? radius + 2 : radius} className="halo" />
          <circle r={mark.strong ? radius + 2 : radius} stroke={mark.colour} />
          {mark.label && mark.strong && !mark.faint && (
            <text x={radius + 6} y={4}>
              {mark.label}
            </text>
          )}
        </g>
      ))}
    </g>
  );
}

/** Very many points: one path, without handles. */
export function Dots({ marks }: { marks: Mark[] }) {
  const [ax, bx, ay, by] = useScreen();
  const path = marks
    .map(({ y, x }) => `M${(ax * x + bx - 2).toFixed(1)} ${(ay * y + by).toFixed(1)}h4`)
    .join('');
  return (
    <path className="dots" d={path} />
  );
}

/** One polygon for each row, in data units; `strong` is the row that is selected. */
export function Polygons(props: { y: number[][]; x: number[][]; strong: number | undefined }) {
  const { y, x, strong } = props;
  const [ax, bx, ay, by] = useScreen();
  const pathOf = (row: number) =>
    (y[row] ?? [])
      .map((value, i) => {
        const place = `${(ax * (x[row]?.[i] ?? 0) + bx).toFixed(1)} ${(ay * value + by).toFixed(1)}`;
        return (i ? 'L' : 'M') + place;
      })
      .join('') + 'Z';
  const all = y.map((_, row) => (row === strong ? '' : pathOf(row))).join('');
  return (
    <g className="polygons">
      <path className="halo" d={all} />
      <path d={all} />
      {strong !== undefined && y[strong] && (
        <>
          <path className="strong halo" d={pathOf(strong)} />
          <path className="strong" d={pathOf(strong)} />
        </>
      )}
    </g>
  );
}

/** What is measured: a box, a line or a pixel. */
export function Shape({ measured, picture }: { measured: Measured; picture: Picture }) {
  const [ax, bx, ay, by] = useScreen();
  const y = (index: number) => ay * fullPosition(picture, 'y', index) + by;
  const x = (index: number) => ax * fullPosition(picture, 'x', index) + bx;
  let path = '';
  if (measured.kind === 'box') {
    const [y0, x0, y1, x1] = measured.box;
    path = `M${x(x0)} ${y(y0)}H${x(x1)}V${y(y1)}H${x(x0)}Z`;
  } else if (measured.kind === 'line') {
    const [y0, x0, y1, x1] = measured.line.map((n) => n + 0.5) as [number, number, number, number];
    path = `M${x(x0)} ${y(y0)}L${x(x1)} ${y(y1)}`;
  } else if (measured.kind === 'pixel') {
    const [cy, cx] = measured.pixel.map((n) => n + 0.5) as [number, number];
    path = `M${x(cx) - 14} ${y(cy)}h10m8 0h10M${x(cx)} ${y(cy) - 14}v10m0 8v10`;
  }
  return (
    <g className="shape" data-testid="shape">
      <path className="halo" d={path} />
      <path d={path} />
    </g>
  );
}

/** A bar of a round length; on a wall long enough to be seen from afar. */
export function ScaleBar({ units }: { units: string }) {
  const { ax, bx, ay, by, frame } = useStage();
  const wanted = Math.max(90, frame.width / 7) / Math.abs(ax);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const length = power * ([5, 2, 1].find((step) => step * power <= wanted) ?? 1);
  const x = Math.max(0, ax * frame.x[0] + bx) + 12;
  const y = Math.min(frame.height, ay * frame.y[1] + by) - 12;
  return (
    <g className="scale-bar">
      <path d={`M${x} ${y}h${Math.abs(ax) * length}`} />
      <text x={x} y={y - 7}>
        {number(length)} {units}
      </text>
    </g>
  );
}

/** A circle around the middle. */
export function Ring({ radius }: { radius: number }) {
  const [ax, bx, ay, by] = useScreen();
  return (
    <g className="ring">
      {['halo', ''].map((name) => (
        <ellipse
          key={name}
          className={name}
          cx={bx}
          cy={by}
          rx={Math.abs(ax * radius)}
          ry={Math.abs(ay * radius)}
        />
      ))}
    </g>
  );
}

/** The border of the pixels of `map` that hold `value`. */
export function Outline({ map, value }: { map: Picture; value: number }) {
  const [ax, bx, ay, by] = useScreen();
  const border = useMemo(() => borderOf(map, value), [map, value]);
  const path = border
    .map(([y0, x0, y1, x1]) => `M${ax * x0 + bx} ${ay * y0 + by}L${ax * x1 + bx} ${ay * y1 + by}`)
    .join('');
  return (
    <g className="outline">
      <path d={path} className="halo" />
      <path d={path} />
    </g>
  );
}

type Line = [y0: number, x0: number, y1: number, x1: number];

/** Straight pieces between pixels that hold `value` and pixels that don't, in data units. */
function borderOf({ data, shape: [ny, nx], y, x }: Picture, value: number): Line[] {
  const has = (iy: number, ix: number) =>
    iy >= 0 && ix >= 0 && iy < ny && ix < nx && data[iy * nx + ix] === value;
  const lines: Line[] = [];
  const at = (iy: number, ix: number): [number, number] => [
    y.start + (iy - 0.5) * y.step,
    x.start + (ix - 0.5) * x.step,
  ];
  for (let iy = 0; iy <= ny; iy++) {
    for (let ix = 0; ix < nx; ix++) {
      if (has(iy - 1, ix) === has(iy, ix)) continue;
      const from = ix;
      while (ix + 1 < nx && has(iy - 1, ix + 1) !== has(iy, ix + 1)) ix++;
      lines.push([...at(iy, from), ...at(iy, ix + 1)]);
    }
  }
  for (let ix = 0; ix <= nx; ix++) {
    for (let iy = 0; iy < ny; iy++) {
      if (has(iy, ix - 1) === has(iy, ix)) continue;
      const from = iy;
      while (iy + 1 < ny && has(iy + 1, ix - 1) !== has(iy + 1, ix)) iy++;
      lines.push([...at(from, ix), ...at(iy + 1, ix)]);
    }
  }
  return lines;
}

/** Where steering went, the newest place marked, and (dashed) where it would go next. */
export function Path({ path, next }: { path: [y: number, x: number][]; next: [y: number, x: number] | undefined }) {
  const [ax, bx, ay, by] = useScreen();
  const at = ([y, x]: [number, number]) => `${(ax * x + bx).toFixed(1)} ${(ay * y + by).toFixed(1)}`;
  const d = path.length ? `M${path.map(at).join('L')}` : '';
  const last = path.at(-1);
  return (
    <g className="path" data-testid="path">
      <path d={d} className="halo" />
      <path d={d} />
      {last && next && <path d={`M${at(last)}L${at(next)}`} className="next" />}
      {last && <circle cx={ax * last[1] + bx} cy={ay * last[0] + by} r={4.5} />}
      {next && <circle cx={ax * next[1] + bx} cy={ay * next[0] + by} r={7} className="next" />}
    </g>
  );
}
