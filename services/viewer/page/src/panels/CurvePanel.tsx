/** Curves along a common axis, with the labelled points of tables that lie on it. */
import { useMemo, type CSSProperties } from 'react';
import { usePicture, useScene } from '../scene';
import { classOfLabel, type Class } from '../data/classes';
import { fixed, number, reciprocal, unit } from '../data/format';
import { Lines } from '../draw/Lines';
import { Stage, useStage } from '../draw/Stage';
import { Panel } from './Panel';
import type { Theme } from '../settings';
import { numbersOf, pointsOf, type Named } from '../data/views';
import type { ResultDoc } from '../data/wire';
import { words } from '../words';

const LINES: Record<Theme, string[]> = {
  dark: ['#8fa3b8', '#56b4e9', '#e69f00', '#009e73'],
  light: ['#8794a2', '#0072b2', '#b86e00', '#00795a'],
};

interface Props {
  dim: string;
  dims: string[];
  onChoose: (dim: string) => void;
}

export function CurvePanel({ dim, dims, onChoose }: Props) {
  const { shown, views, theme, cursor, setCursor } = useScene('shown', 'views', 'theme', 'cursor', 'setCursor');
  const curves = views.curves[dim] ?? [];
  const { result } = shown;
  return result && curves.length ? (
    <Curves
      {...{ dim, dims, onChoose, curves, result, theme, cursor }}
      classes={views.classes}
      onCursor={setCursor}
    />
  ) : null;
}

interface CurvesProps extends Props {
  curves: Named[];
  classes: Class[];
  result: ResultDoc;
  theme: Theme;
  cursor: number | undefined;
  onCursor: (at: number | undefined) => void;
}

function Curves(props: CurvesProps) {
  const { dim, dims, onChoose, curves, classes, result, theme, cursor, onCursor } = props;
  const all = useMemo(() => pointsOf(result, dim), [result, dim]);
  const lines = useLines(curves);
  const points = useMemo(() => thinned(all, Math.max(0, ...lines.map((line) => line.length))), [all, lines]);
  const x = useDomain(points[0] ?? 0, points.at(-1) ?? 1);
  const y = useDomain(...extent(lines));
  const axis = result.dims[dim];
  const length = reciprocal(axis?.units);
  const label = unit(axis?.units);
  const colours = LINES[theme];
  const nearest = cursor === undefined ? -1 : closest(points, cursor);
  const drawn = useMemo(
    () => lines.map((values, i) => ({ at: points, values, colour: colours[i % colours.length] ?? '#888', width: 1.4 })),
    [lines, points, colours],
  );
  const tags = useMemo(() => tagsOf(result, dim, classes), [result, dim, classes]);

  return (
    <Panel
      name="curves"
      title={
        <>
          {dims.length > 1 ? (
            <select aria-label={words.axis} value={dim} onChange={(event) => onChoose(event.target.value)}>
              {dims.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          ) : (
            (axis?.long_name || dim)
          )}{' '}
          <small>
            {cursor === undefined ? label : `${dim} ${fixed(cursor, 3)} ${unit(axis?.units)}`}
            {cursor !== undefined && length && cursor > 0 && ` · d ${number(1 / cursor)} ${length}`}
          </small>
        </>
      }
      tools={curves.map(({ name, variable }, i) => (
        <span key={name} className="key" title={variable.attrs.long_name}>
          <i style={{ background: colours[i % colours.length] }} />
          {name.replaceAll('_', ' ')}
          {nearest >= 0 && <b>{fixed(lines[i]?.[nearest], 2)}</b>}
        </span>
      ))}
    >
      <div className="canvas" role="img" aria-label={words.curvesOf(curves.map(({ name }) => name).join(', '), dim)}>
        <Stage {...{ x, y }} grid onPoint={(point) => onCursor(point?.x)} layers={<Lines lines={drawn} />}>
          <Tags tags={tags} cursor={cursor} />
        </Stage>
      </div>
    </Panel>
  );
}

/** The curves' values: inline, or (many points) as a picture of one row. */
function useLines(curves: Named[]): (number | null)[][] {
  const first = usePicture(curves[0]?.variable.href && curves[0].name, LONG);
  const second = usePicture(curves[1]?.variable.href && curves[1].name, LONG);
  const third = usePicture(curves[2]?.variable.href && curves[2].name, LONG);
  const fourth = usePicture(curves[3]?.variable.href && curves[3].name, LONG);
  return useMemo(
    () =>
      curves.map(({ variable }, i) => {
        if (Array.isArray(variable.values)) return variable.values as (number | null)[];
        const picture = [first, second, third, fourth][i];
        return picture ? Array.from(picture.data) : [];
      }),
    [curves, first, second, third, fourth],
  );
}

const LONG = 'enc=f32&size=4096';

/** As many points as the longest line has: long lines come averaged. */
function thinned(points: number[], n: number): number[] {
  if (n === 0 || n >= points.length) return points;
  const step = points.length / n;
  return Array.from({ length: n }, (_, i) => points[Math.floor((i + 0.5) * step)] ?? 0);
}

function useDomain(low: number, high: number): [number, number] {
  return useMemo(() => [low, high > low ? high : low + 1], [low, high]);
}

/** A range that holds all values, with room for labels above, rounded so that it is quiet. */
function extent(lines: (number | null)[][]): [number, number] {
  let low = 0;
  let high = 0;
  for (const line of lines) {
    for (const value of line) {
      if (value === null || !Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  const step = 10 ** Math.floor(Math.log10(Math.max(high - low, 1e-12))) / 2;
  return [Math.floor(low / step) * step, Math.ceil((high * 1.4) / step) * step || 1];
}

function closest(points: number[], at: number): number {
  let best = -1;
  points.forEach((point, i) => {
    if (best < 0 || Math.abs(point - at) < Math.abs((points[best] ?? 0) - at)) best = i;
  });
  return best;
}

interface Tag {
  at: number;
  label: string;
  colour: string;
  weight: number;
}

function tagsOf(result: ResultDoc, dim: string, classes: Class[]): Tag[] {
  return Object.entries(result.tables).flatMap(([table, { columns }]) => {
    const places = numbersOf(result, table, dim);
    if (!places) return [];
    const heights = numbersOf(result, table, 'height');
    return places.flatMap((at, row) => {
      const label = String(columns.label?.values[row] ?? '');
      const colour = classOfLabel(classes, label)?.colour ?? 'var(--muted)';
      const tag = { at, label, colour, weight: heights?.[row] ?? 0 };
      return Number.isFinite(at) ? [tag] : [];
    });
  });
}

const ROWS = 3;
const ROW_HEIGHT = 13;

/** Ticks with labels in a few rows; where there is no room, the higher peak keeps its label. */
function Tags({ tags, cursor }: { tags: Tag[]; cursor: number | undefined }) {
  const { ax: a, bx: b, frame } = useStage();
  const rows = rowsFor(tags, a, b, frame.width);
  return (
      <g className="tags">
        {cursor !== undefined && (
          <line className="cursor" x1={a * cursor + b} x2={a * cursor + b} y2={frame.height} />
        )}
        {tags.map((tag, i) => {
          const { row, left } = rows.get(tag) ?? { row: ROWS, left: false };
          return (
            <g key={i} transform={`translate(${a * tag.at + b} 0)`}>
              <line y1={row * ROW_HEIGHT + 4} y2={frame.height} stroke={tag.colour} />
              {row < ROWS && (
                <text
                  x={left ? -4 : 4}
                  y={row * ROW_HEIGHT + 13}
                  textAnchor={left ? 'end' : 'start'}
                  style={{ '--tag': tag.colour } as CSSProperties}
                >
                  {tag.label}
                </text>
              )}
            </g>
          );
        })}
      </g>
  );
}

function rowsFor(
  tags: Tag[],
  a: number,
  b: number,
  width: number,
): Map<Tag, { row: number; left: boolean }> {
  const taken: [number, number][][] = Array.from({ length: ROWS }, () => []);
  const rows = new Map<Tag, { row: number; left: boolean }>();
  for (const tag of [...tags].sort((one, two) => two.weight - one.weight)) {
    const long = 7 * tag.label.length + 8;
    const at = a * tag.at + b;
    const left = at + long > width;
    const [from, to] = left ? [at - long, at] : [at, at + long];
    const row = taken.findIndex((spans) => spans.every(([f, t]) => to < f || from > t));
    if (row < 0 || !tag.label) continue;
    taken[row]?.push([from, to]);
    rows.set(tag, { row, left });
  }
  return rows;
}
