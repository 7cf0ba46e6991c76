/** Measurements that the service makes on true values, in pixels of the whole image. */
import { useEffect, useRef, useState } from 'react';
import { askJson, Refused, spoken, type Picture, type ResultDoc } from './wire';

export type Measured =
  | { kind: 'box'; variable: string; box: [y0: number, x0: number, y1: number, x1: number] }
  | { kind: 'line'; variable: string; line: [y0: number, x0: number, y1: number, x1: number] }
  | { kind: 'pixel'; variable: string; pixel: [y: number, x: number] }
  | { kind: 'number'; variable: string };

export interface Series {
  name: string;
  axis: string;
  at: number[];
  values: (number | null)[];
  sigma?: (number | null)[] | undefined;
  units: string;
}

export interface Measurement {
  /** Name, value and units. */
  facts: [string, number | string | null, string][];
  series: Series[];
}

interface Past {
  frames: number[];
  values?: (number | null)[];
  mean?: (number | null)[];
  sigma?: (number | null)[];
  sum?: (number | null)[];
}
interface Region {
  count: number;
  mean: number | null;
  sigma: number | null;
  sum: number | null;
  min: number | null;
  max: number | null;
  units: string;
  area: { value: number; units: string } | null;
  history: Past | null;
}
interface Profile {
  distance: number[];
  distance_units: string;
  values: (number | null)[];
  units: string;
}
export interface Value {
  value: number | string | null;
  units: string;
  label: string | null;
  sigma: number | null;
  at: Record<string, { index: number; value: number; units: string }>;
  along: { dim: string; units: string; coords: number[]; values: (number | null)[] }[];
  history: Past | null;
}

/** Where an array is in the API: a raw frame, or a variable of a frame's result. */
export function placeOf(
  variable: string,
  run: string,
  frame: number,
  result: ResultDoc | undefined,
  image?: Picture | undefined,
): { path: string; query: Record<string, string> } {
  const at = `${encodeURIComponent(run)}/${frame}`;
  if (!variable) return { path: `frames/${at}`, query: image && image.channels.length > 1 ? { channel: image.channel } : {} };
  const analysis = result?.analysis;
  const query: Record<string, string> = analysis ? { analysis } : {};
  return { path: `results/${at}/${encodeURIComponent(variable)}`, query };
}

const LAST = '200';

export function addressOf(
  what: Measured,
  run: string,
  frame: number,
  result: ResultDoc | undefined,
  slices: string[],
  image?: Picture | undefined,
): string {
  const { path, query } = placeOf(what.variable, run, frame, result, image);
  const all = new URLSearchParams(query);
  for (const slice of slices) all.append('sel', slice);
  if (what.kind !== 'line') all.set('last', LAST);
  if (what.kind === 'box') all.set('roi', what.box.join(','));
  if (what.kind === 'line') all.set('line', what.line.map((n) => n.toFixed(2)).join(','));
  if (what.kind === 'pixel') {
    all.set('y', String(what.pixel[0]));
    all.set('x', String(what.pixel[1]));
  }
  const verb = { box: 'region', line: 'profile', pixel: 'values', number: 'values' }[what.kind];
  return `api/v1/${verb}/${path}?${all}`;
}

export function read(what: Measured, answer: unknown): Measurement {
  if (what.kind === 'box') return ofRegion(answer as Region);
  if (what.kind === 'line') return ofProfile(answer as Profile);
  return ofValue(answer as Value);
}

function ofRegion(r: Region): Measurement {
  const past = r.history;
  return {
    facts: [
      ['mean', r.mean, r.units],
      ['sigma', r.sigma, r.units],
      ['sum', r.sum, r.units],
      ['min', r.min, r.units],
      ['max', r.max, r.units],
      ['area', r.area?.value ?? r.count, r.area?.units ?? 'px'],
    ],
    series: past
      ? [
          { name: 'mean', axis: 'frame', at: past.frames, values: past.mean ?? [], sigma: past.sigma, units: r.units },
          { name: 'sigma', axis: 'frame', at: past.frames, values: past.sigma ?? [], units: r.units },
          { name: 'sum', axis: 'frame', at: past.frames, values: past.sum ?? [], units: r.units },
        ]
      : [],
  };
}

function ofProfile(p: Profile): Measurement {
  const length = p.distance.at(-1) ?? 0;
  const axis = p.distance_units || 'px';
  return {
    facts: [['length', length, axis]],
    series: [{ name: 'profile', axis, at: p.distance, values: p.values, units: p.units }],
  };
}

function ofValue(v: Value): Measurement {
  const facts: Measurement['facts'] = [['value', v.label ?? spoken(v.value), v.label ? '' : v.units]];
  if (v.sigma !== null && v.sigma !== undefined) facts.push(['sigma', spoken(v.sigma), v.units]);
  const along = (v.along ?? []).map(({ dim, units, coords, values }) => ({
    name: dim,
    axis: `${dim} ${units}`.trim(),
    at: coords.map((c, i) => (typeof c === 'number' ? c : i)),
    values: values.map(spoken),
    units: v.units,
  }));
  const past = v.history;
  const history = past
    ? [{ name: 'over frames', axis: 'frame', at: past.frames, values: (past.values ?? []).map(spoken), units: v.units }]
    : [];
  return { facts, series: [...along, ...history] };
}

const SOONEST_MS = 400;

/** The measurement of what is shown, as new as it is but not more often than people can read. */
export function useMeasurement(
  what: Measured | undefined,
  address: string | undefined,
): { measurement: Measurement | undefined; problem: string | undefined } {
  const [got, setGot] = useState<{
    what: Measured;
    measurement: Measurement | undefined;
    problem: string | undefined;
  }>();
  const began = useRef(0);
  const busy = useRef(false);
  const again = useRef<() => void>();
  useEffect(() => {
    if (!what || !address) return;
    let over = false;
    async function ask(): Promise<void> {
      if (busy.current) {
        again.current = () => void ask();
        return;
      }
      busy.current = true;
      began.current = performance.now();
      try {
        const measurement = read(what!, await askJson(address!));
        if (!over) setGot({ what: what!, measurement, problem: undefined });
      } catch (error) {
        if (!over && error instanceof Refused) {
          setGot({ what: what!, measurement: undefined, problem: error.message });
        }
      } finally {
        busy.current = false;
        again.current?.();
        again.current = undefined;
      }
    }
    const wait = Math.max(0, SOONEST_MS - (performance.now() - began.current));
    const timer = window.setTimeout(() => void ask(), wait);
    return () => {
      over = true;
      window.clearTimeout(timer);
    };
  }, [what, address]);
  return got && got.what === what ? got : { measurement: undefined, problem: undefined };
}

/** A table for spreadsheets. */
export function csvOf(series: Series[]): string {
  return series
    .map(({ name, axis, at, values, units }) =>
      [
        [quoted(axis), quoted(units ? `${name} [${units}]` : name)].join(','),
        ...at.map((x, i) => `${x},${cell(values[i])}`),
      ].join('\n'),
    )
    .join('\n\n');
}

function cell(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '' : String(value).replace('Infinity', 'inf');
}

/** A cell of text; one that a spreadsheet would compute is made plain. */
function quoted(text: string): string {
  const plain = /^[=+\-@\t]/.test(text) ? `'${text}` : text;
  return `"${plain.replaceAll('"', '""')}"`;
}
