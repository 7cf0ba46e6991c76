/** Steering in full: what waits for a person, the path, and what happened, the newest first. */
import { useMemo } from 'react';
import { number, unit } from '../data/format';
import { axesOf, pathOf, useSteering, type SteeringEvent } from '../data/steering';
import { Answer, movesIn, timeOf, Words } from '../Steering';
import { words } from '../words';
import { Panel } from './Panel';

const w = words.steering;
const LISTED = 100;

export function SteeringPanel() {
  const steering = useSteering();
  const { doc, events = [] } = steering ?? {};
  return (
    <Panel name="steering-panel" title={w.title} foot={doc && <span>{w.counts(doc.counts)}</span>}>
      {steering && doc ? (
        <div className="scroll" tabIndex={0} role="region" aria-label={w.title}>
          {doc.waiting.length > 0 && (
            <ul className="waiting-list">
              {doc.waiting.map((one) => (
                <li key={one.id}>
                  <Words suggestion={one} /> <small>{w.by(one.by, one.plan)}</small>
                  {!doc.stopped && <Answer {...{ steering }} suggestion={one} />}
                </li>
              ))}
            </ul>
          )}
          <PathChart events={events} />
          <ol className="steering-events" reversed>
            {events
              .slice(-LISTED)
              .reverse()
              .map((event, i) => (
                <Happened key={`${event.at} ${event.event} ${event.id ?? i}`} event={event} />
              ))}
          </ol>
        </div>
      ) : (
        <p className="empty">{w.never}</p>
      )}
    </Panel>
  );
}

function Happened({ event }: { event: SteeringEvent }) {
  const { event: kind, at, by, mode, moves, words: why, reason } = event;
  const said = [mode && (w.modes[mode as keyof typeof w.modes] ?? mode), movesIn(moves), why, reason?.words];
  return (
    <li className={`happened ${kind}`}>
      <time dateTime={at}>{timeOf(at)}</time> <b>{w.kinds[kind] ?? kind}</b> {said.filter(Boolean).join(' · ')}{' '}
      <small>{by}</small>
    </li>
  );
}

/** The path over the two axes that are moved most. */
function PathChart({ events }: { events: SteeringEvent[] }) {
  const axes = useMemo(() => axesOf(events), [events]);
  const path = useMemo(() => (axes ? pathOf(events, axes) : []), [events, axes]);
  const last = path.at(-1);
  if (!axes || !last || path.length < 2) return null;
  const [y0, y1] = range(path.map(([y]) => y));
  const [x0, x1] = range(path.map(([, x]) => x));
  const [height, width] = [120, 200];
  const at = ([y, x]: [number, number]) =>
    `${(8 + ((width - 16) * (x - x0)) / (x1 - x0)).toFixed(1)} ${(8 + ((height - 16) * (y - y0)) / (y1 - y0)).toFixed(1)}`;
  const [cx, cy] = at(last).split(' ');
  const units = [...events].reverse().find(({ moves }) => moves?.[axes[0]])?.moves?.[axes[0]]?.units;
  return (
    <figure className="path-chart">
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={w.pathOf(path.length, axes[0], axes[1])}>
        <path d={`M${path.map(at).join('L')}`} />
        <circle cx={cx} cy={cy} r="4" />
      </svg>
      <figcaption>
        {axes[1].replaceAll('_', ' ')} {number(x0)}…{number(x1)}, {axes[0].replaceAll('_', ' ')} {number(y0)}…{number(y1)} {unit(units)}
      </figcaption>
    </figure>
  );
}

function range(values: number[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return high > low ? [low, high] : [low - 0.5, low + 0.5];
}
