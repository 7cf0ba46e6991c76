/** The classes, how much of each there is, and which are shown; then the single numbers. */
import { number, unit } from '../data/format';
import { useScene } from '../scene';
import { Panel } from './Panel';
import { classesOf } from '../data/classes';
import type { ReactNode } from 'react';
import type { Views } from '../data/views';
import type { ResultDoc, Variable } from '../data/wire';
import { words } from '../words';

export function Legend() {
  const { shown, views, hidden, turn } = useScene('shown', 'views', 'hidden', 'turn');
  const { result } = shown;
  if (!result) return null;
  const shares = sharesOf(result, views);
  const largest = Math.max(1e-9, ...shares.values());
  const first = views.shares[0]?.name ?? '';
  return (
    <Panel
      name="legend"
      title={
        <>
          {views.classMap?.variable.attrs.long_name ?? (views.classes.length ? words.classes : words.numbers)}{' '}
          {shares.size > 0 && <small title={shareTitle(views)}>{shareTitle(views)}</small>}
        </>
      }
    >
      <div className="scroll" tabIndex={0} role="region" aria-label={words.classes}>
        <ul>
          {views.classes.map(({ name, colour }) => (
            <li key={name} className={shares.get(name) ? undefined : 'zero'} title={sigmaOf(result, views, name)}>
              <label>
                <input type="checkbox" checked={!hidden.has(name)} onChange={() => turn(name)} />
                <i className="swatch" style={{ background: colour }} />
                <span>{name}</span>
                <span className={shares.has(name) ? 'bar' : 'bar none'}>
                  <i
                    style={{
                      width: `${(100 * (shares.get(name) ?? 0)) / largest}%`,
                      background: colour,
                    }}
                  />
                </span>
                <b>{shares.has(name) ? percent(shares.get(name)) : ''}</b>
              </label>
            </li>
          ))}
          {[...shares]
            .filter(([name]) => !views.classes.some((one) => one.name === name))
            .map(([name, share]) => (
              <Fact key={name} name={name} series={`${first} ${name}`}>
                {number(share, 3)}
              </Fact>
            ))}
          {views.numbers.map(({ name, variable }) => (
            <Fact key={name} name={name.replaceAll('_', ' ')} title={variable.attrs.long_name} series={name} variable={name}>
              {textOf(variable)}
              {sigmaBeside(result, name)} <small>{unit(variable.attrs.units)}</small>
            </Fact>
          ))}
        </ul>
        {result.attrs.note && <p className="note">{String(result.attrs.note)}</p>}
      </div>
    </Panel>
  );
}

/** One number with its history; a click looks at it more closely. */
function Fact(props: { name: string; title?: string | undefined; series: string; variable?: string; children: ReactNode }) {
  const { history, measure } = useScene('history', 'measure');
  const past = history[props.series] ?? [];
  const { variable } = props;
  return (
    <li className="fact" title={props.title}>
      {variable !== undefined ? (
        <button type="button" onClick={() => measure({ kind: 'number', variable })}>
          {props.name}
        </button>
      ) : (
        <span>{props.name}</span>
      )}
      <Spark values={past} />
      <b>{props.children}</b>
    </li>
  );
}

/** A tiny curve without axes. */
export function Spark({ values }: { values: number[] }) {
  if (values.length < 3) return <svg className="spark" aria-hidden="true" />;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const path = values
    .map((value, i) => {
      const x = (60 * i) / (values.length - 1);
      const y = high > low ? 14 - (12 * (value - low)) / (high - low) : 8;
      return `${i ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
  return (
    <svg className="spark" viewBox="0 0 60 16" preserveAspectRatio="none" aria-hidden="true">
      <path d={path} />
    </svg>
  );
}

function textOf(variable: Variable): string {
  const { values, attrs } = variable;
  const flag = classesOf(attrs).find(({ value }) => value === values);
  if (flag) return flag.name;
  return typeof values === 'number' ? number(values, 4) : String(values ?? '–');
}

function sigmaBeside(result: ResultDoc, name: string): string {
  const sigma = result.variables[`${name}_sigma`]?.values;
  return typeof sigma === 'number' ? ` ± ${number(sigma, 2)}` : '';
}

function sigmaOf(result: ResultDoc, views: Views, label: string): string | undefined {
  const first = views.shares[0];
  const sigmas = first && result.variables[`${first.name}_sigma`]?.values;
  const i = first ? (result.dims[first.variable.dims[0] ?? '']?.values ?? []).indexOf(label) : -1;
  const sigma: unknown = Array.isArray(sigmas) ? sigmas[i] : undefined;
  return typeof sigma === 'number' ? `± ${(100 * sigma).toFixed(1)} %` : undefined;
}

function shareTitle(views: Views): string {
  return views.shares[0]?.variable.attrs.long_name ?? '';
}

function sharesOf(result: ResultDoc, views: Views): Map<string, number> {
  const first = views.shares[0]?.variable;
  const names = result.dims[first?.dims[0] ?? '']?.values ?? [];
  const values = Array.isArray(first?.values) ? (first.values as (number | null)[]) : [];
  return new Map(names.map((name, i) => [String(name), values[i] ?? Number.NaN]));
}

function percent(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return '–';
  if (share === 0) return '0 %';
  return share < 0.001 ? '< 0.1 %' : `${(100 * share).toFixed(1)} %`;
}
