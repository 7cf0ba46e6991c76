/** A box, a line, a pixel or a number over time, measured by the service on true values. */
import { useMemo, useState } from 'react';
import { number, unit } from '../data/format';
import { addressOf, csvOf, useMeasurement, type Measured, type Series } from '../data/measure';
import { nameOf, tell, Refused } from '../data/wire';
import { Lines } from '../draw/Lines';
import { Stage } from '../draw/Stage';
import { useScene } from '../scene';
import { words } from '../words';
import { saved } from './files';
import { Panel, Toggle } from './Panel';

const w = words.measure;

export function MeasurePanel() {
  const { measured, shown, measure, slices, theme } = useScene('measured', 'shown', 'measure', 'slices', 'theme');
  const place = measured?.variable ? shown.result : shown.image;
  const extra = shown.result?.variables[measured?.variable ?? '']?.dims.slice(0, -2) ?? [];
  const sel = extra.map((dim) => `${dim}:${slices[dim] ?? 0}`);
  const address = measured && place && addressOf(measured, nameOf(place), place.frame, shown.result, measured.kind === 'pixel' ? [] : sel, shown.image);
  const { measurement, problem } = useMeasurement(measured, address);
  const [chosen, setChosen] = useState<string>();
  const series = measurement?.series ?? [];
  const one = series.find(({ name }) => name === chosen) ?? series[0];
  return (
    <Panel
      name="measure"
      title={
        <>
          {measured ? titleOf(measured) : w.title} <small>{one && `${w.series[one.name] ?? one.name} ${unit(one.units)}`}</small>
        </>
      }
      tools={
        measured && (
          <>
            {series.length > 1 &&
              series.map(({ name }) => (
                <Toggle key={name} on={name === one?.name} onToggle={() => setChosen(name)}>
                  {w.series[name] ?? name}
                </Toggle>
              ))}
            {series.length > 0 && (
              <button type="button" className="toggle" onClick={() => saved(new Blob([csvOf(series)], { type: 'text/csv' }), 'measurement.csv')}>
                CSV
              </button>
            )}
            {measured.kind === 'box' && <Steer measured={measured} />}
            <button type="button" className="toggle" onClick={() => measure(undefined)} title="Esc">
              {w.forget}
            </button>
          </>
        )
      }
      foot={
        measured && (
          <span className="facts" data-testid="facts">
            {problem ??
              (measurement?.facts ?? []).map(([name, value, units]) => (
                <span key={name}>
                  {w.facts[name] ?? name} <b data-fact={name}>{typeof value === 'number' ? number(value, 7) : (value ?? '–')}</b>{' '}
                  {unit(units)}
                </span>
              ))}
          </span>
        )
      }
    >
      {one && one.at.length > 1 ? (
        <Chart key={one.axis} series={one} theme={theme} />
      ) : (
        <p className="empty">{measured ? (measurement ? w.noSeries : (problem ?? w.waiting)) : w.hint}</p>
      )}
    </Panel>
  );
}

function titleOf(what: Measured): string {
  const of = what.variable ? ` ${words.of} ${what.variable.replaceAll('_', ' ')}` : '';
  if (what.kind === 'pixel') return `${w.pixel} [${what.pixel.join(', ')}]${of}`;
  if (what.kind === 'number') return what.variable.replaceAll('_', ' ');
  return w[what.kind] + of;
}

const COLOUR = { dark: '#56b4e9', light: '#0072b2' };

function Chart({ series, theme }: { series: Series; theme: 'dark' | 'light' }) {
  const [at, setAt] = useState<number>();
  const { values, sigma } = series;
  const low = bound(values, sigma, -1, Math.min);
  const high = bound(values, sigma, 1, Math.max);
  const [first, last] = [series.at[0] ?? 0, series.at.at(-1) ?? 1];
  const x = useMemo((): [number, number] => [first, last > first ? last : first + 1], [first, last]);
  const margin = (high - low) * 0.08 || Math.abs(high) * 0.01 || 1;
  const y = useMemo((): [number, number] => [low - margin, high + margin], [low, high, margin]);
  const nearest = at === undefined ? -1 : closest(series.at, at);
  const lines = useMemo(() => {
    const bounds = sigma ? [-1, 1].map((sign) => values.map((v, i) => shifted(v, sigma[i], sign))) : [];
    return [values, ...bounds].map((one, i) => ({
      ...{ at: series.at, values: one },
      ...(i ? { colour: '#8894a1', width: 0.7 } : { colour: COLOUR[theme], width: 1.6 }),
    }));
  }, [series, values, sigma, theme]);
  return (
    <div className="canvas" role="img" aria-label={words.curvesOf(series.name, series.axis)}>
      <Stage {...{ x, y }} grid xLabel={unit(series.axis)} onPoint={(point) => setAt(point?.x)} layers={<Lines lines={lines} />} />
      {nearest >= 0 && (
        <span className="chart-value">
          {number(series.at[nearest], 5)}: <b>{number(values[nearest], 6)}</b>
        </span>
      )}
    </div>
  );
}

function shifted(value: number | null, by: number | null | undefined, sign: number): number | null {
  return value === null || typeof by !== 'number' ? null : value + sign * by;
}

function bound(
  values: (number | null)[],
  sigma: (number | null)[] | undefined,
  sign: number,
  pick: (a: number, b: number) => number,
): number {
  let found = Number.NaN;
  values.forEach((value, i) => {
    if (value === null || !Number.isFinite(value)) return;
    const here = value + sign * (sigma?.[i] ?? 0);
    found = Number.isNaN(found) ? here : pick(found, here);
  });
  return Number.isNaN(found) ? (sign > 0 ? 1 : 0) : found;
}

function closest(points: number[], at: number): number {
  let best = -1;
  points.forEach((point, i) => {
    if (best < 0 || Math.abs(point - at) < Math.abs((points[best] ?? 0) - at)) best = i;
  });
  return best;
}

/** Lets steering look at this box. */
function Steer({ measured }: { measured: Extract<Measured, { kind: 'box' }> }) {
  const { mayChange, settings } = useScene('mayChange', 'settings');
  const [said, setSaid] = useState<string>();
  if (!mayChange || measured.variable) return null;
  const [y0, x0, y1, x1] = measured.box;
  const send = () =>
    tell('api/v1/roi', { roi: { y: [y0, y1], x: [x0, x1] }, by: settings.name || w.someone }).then(
      () => setSaid(w.steered),
      (error: unknown) => setSaid(error instanceof Refused ? error.message : words.noAnswer),
    );
  return (
    <button type="button" className="toggle" title={w.steerTitle} onClick={() => void send()}>
      {said ?? w.steer}
    </button>
  );
}
