/** The classes, how much of each there is, and which are shown; then the single numbers. */
import { number, unit } from './format';
import type { Views } from './views';
import type { ResultDoc } from './wire';
import { words } from './words';

interface Props {
  result: ResultDoc;
  views: Views;
  hidden: ReadonlySet<string>;
  onTurn: (name: string) => void;
}

export function Legend({ result, views, hidden, onTurn }: Props) {
  const shares = sharesOf(result, views);
  const largest = Math.max(1e-9, ...shares.values());
  return (
    <section className="panel legend" data-testid="legend">
      <header>
        <h2>{views.classMap?.variable.attrs.long_name ?? words.classes}</h2>
        {shares.size > 0 && (
          <span className="hint" title={shareTitle(views)}>
            {shareTitle(views)}
          </span>
        )}
      </header>
      <ul>
        {views.classes.map(({ name, colour }) => (
          <li key={name} className={shares.get(name) ? undefined : 'zero'}>
            <label>
              <input type="checkbox" checked={!hidden.has(name)} onChange={() => onTurn(name)} />
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
            <li key={name}>
              <label>
                <span>{name}</span>
                <b>{number(share, 3)}</b>
              </label>
            </li>
          ))}
        {views.numbers.map(({ name, variable }) => (
          <li key={name} title={variable.attrs.long_name}>
            <label>
              <span>{name.replaceAll('_', ' ')}</span>
              <b>
                {typeof variable.values === 'number'
                  ? number(variable.values, 6)
                  : String(variable.values ?? '–')}{' '}
                <small>{unit(variable.attrs.units)}</small>
              </b>
            </label>
          </li>
        ))}
      </ul>
      {result.attrs.note && <p className="note">{String(result.attrs.note)}</p>}
    </section>
  );
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
