/** Axes with round numbers, and lines at them. */
import { memo } from 'react';
import { number } from '../data/format';
import { ticksIn } from './zoom';

interface AxisProps {
  along: 'x' | 'y';
  /** screen = a * data + b */
  a: number;
  b: number;
  length: number;
  /** Where the data are: nothing is written beside them. */
  from: number;
  to: number;
  label?: string | undefined;
}

const ROOM = { x: 80, y: 55 };

function ticksAlong(along: 'x' | 'y', a: number, b: number, length: number): number[] {
  return ticksIn([(0 - b) / a, (length - b) / a], length / ROOM[along]);
}

export const Axis = memo(function Axis({ along, a, b, length, from, to, label }: AxisProps) {
  const slack = 1e-9 * Math.abs(to - from);
  const all = length > 0 ? ticksAlong(along, a, b, length) : [];
  const ticks = all.filter((tick) => tick >= from - slack && tick <= to + slack);
  return (
    <svg className={`axis ${along}`} aria-hidden="true">
      {ticks.map((tick) => {
        const at = a * tick + b;
        const place = along === 'x' ? { x: at, y: 15 } : { x: 38, y: at + 4 };
        return (
          <text key={tick} {...place} textAnchor={along === 'x' ? 'middle' : 'end'}>
            {number(tick, 6)}
          </text>
        );
      })}
      {label && (
        <text x={length - 2} y={15} textAnchor="end" className="label">
          {label}
        </text>
      )}
    </svg>
  );
});

export const Grid = memo(function Grid(props: {
  ax: number;
  bx: number;
  ay: number;
  by: number;
  width: number;
  height: number;
}) {
  const { ax, bx, ay, by, width, height } = props;
  const columns = ticksAlong('x', ax, bx, width).map((tick) => `M${(ax * tick + bx).toFixed(1)} 0V${height}`);
  const rows = ticksAlong('y', ay, by, height).map((tick) => `M0 ${(ay * tick + by).toFixed(1)}H${width}`);
  return (
    <svg className="grid" width={width} height={height} aria-hidden="true">
      <path d={columns.join('') + rows.join('')} />
    </svg>
  );
});
