/** How the service is: one quiet strip, and words where something is wrong. */
import { memo, type ReactNode } from 'react';
import { bytes, count, fixed, milliseconds, number, seconds } from './data/format';
import type { HealthDoc } from './data/health';
import type { Link } from './data/notices';
import type { Notice, ResultDoc } from './data/wire';
import { words } from './words';

interface Props {
  notice: Notice | undefined;
  frameAge: number | undefined;
  late: boolean;
  health: HealthDoc | undefined;
  onOpen: () => void;
}

const w = words.health;

export const Health = memo(function Health({ notice, frameAge, late, health, onOpen }: Props) {
  const status = notice?.status ?? {};
  const account = status.account ?? {};
  const refused = sum(account.refused);
  const skipped = sum(account.skipped);
  const hours = health?.disk?.hours_left ?? undefined;
  const of = account.expected ? ` / ${count(account.expected)}` : '';
  return (
    <button
      type="button"
      className="health"
      data-testid="health"
      title={`${w.title} (H)`}
      onClick={onOpen}
    >
      <Tile name={w.rateIn} title={w.perSecond}>
        {fixed(status.rates?.in_fps, 1)} <small>/s</small>
      </Tile>
      <Tile name={w.rateOut} title={w.perSecond}>
        {fixed(status.rates?.out_fps, 1)} <small>/s</small>
      </Tile>
      <Tile name={w.received}>
        {count(account.received)}
        <small>{of}</small>
      </Tile>
      <Tile name={w.analysed}>{count(account.processed)}</Tile>
      <Tile name={w.archived}>{count(account.archived)}</Tile>
      <Tile name={w.missing} bad={(account.missing ?? 0) > 0} title={ranges(account.missing_ranges)}>
        {count(account.missing)}
      </Tile>
      {refused > 0 && (
        <Tile name={w.refused} bad title={list(account.refused)}>
          {count(refused)}
        </Tile>
      )}
      {skipped > 0 && (
        <Tile name={w.skipped} title={list(account.skipped)}>
          {count(skipped)}
        </Tile>
      )}
      {(account.failed ?? 0) > 0 && (
        <Tile name={w.failed} bad>
          {count(account.failed)}
        </Tile>
      )}
      <Queues readers={status.readers} />
      <Tile name={w.latency}>{milliseconds(status.latency_ms?.p95)}</Tile>
      <Tile name={w.lastFrame} bad={late}>
        {frameAge === undefined ? '–' : frameAge < 1 ? w.now : frameAge < 120 ? `${frameAge} s` : seconds(frameAge)}
      </Tile>
      <Tile name={w.diskFree} title={status.archive?.path} bad={hours !== undefined && hours < 12}>
        {bytes(status.archive?.free_bytes)}
        {hours !== undefined && hours < 1000 && <small> {w.left(seconds(hours * 3600))}</small>}
      </Tile>
    </button>
  );
});

function Tile(props: { name: string; title?: string; bad?: boolean; children: ReactNode }) {
  return (
    <span className={props.bad ? 'tile bad' : 'tile'} title={props.title}>
      <span>{props.name}</span>
      <b>{props.children}</b>
    </span>
  );
}

function Queues({ readers }: { readers: Notice['status']['readers'] }) {
  const all = Object.entries(readers ?? {});
  if (!all.length) return null;
  return (
    <span className="tile">
      <span>{w.queue}</span>
      <span className="queues">
        {all.map(([name, { queue, capacity }]) => {
          const fill = queue !== undefined && capacity ? queue / capacity : 0;
          const level = fill > 0.95 ? 'full' : fill > 0.5 ? 'half' : '';
          return (
            <i key={name} className={level} title={w.queueOf(name, count(queue), count(capacity))}>
              <i style={{ height: `${Math.min(100, 100 * fill)}%` }} />
            </i>
          );
        })}
      </span>
    </span>
  );
}

function sum(counts: Record<string, number> | undefined): number {
  return Object.values(counts ?? {}).reduce((a, b) => a + b, 0);
}

function list(counts: Record<string, number> | undefined): string {
  return Object.entries(counts ?? {})
    .map(([reason, n]) => `${reason}: ${n}`)
    .join('\n');
}

function ranges(missing: [number, number][] | undefined): string {
  return (missing ?? []).map(([a, b]) => (a === b ? String(a) : `${a}–${b}`)).join(', ');
}

/** What stands in the line when nothing is wrong. */
function Quiet({ notice, result }: { notice: Notice | undefined; result: ResultDoc | undefined }) {
  const { archive, analysis, device, calibration } = notice?.status ?? {};
  const took = result?.latency_s;
  const { stop } = notice ?? {};
  return (
    <>
      {stop && <span>{words.stopped(stop.run, stop.status, stop.reason)}</span>}
      {analysis && <span>{words.doing(analysis, result?.provenance.version, device)}</span>}
      {typeof took === 'number' && <span>{words.took(seconds(took))}</span>}
      {calibration?.pixel_size_nm && (
        <span>{words.calibration(calibration.pixel_size_nm.map((n) => number(n)), calibration.origin)}</span>
      )}
      {archive?.path && <span>{words.archive(archive.path)}</span>}
    </>
  );
}

/** What is wrong, in words, in a line that is always there so that nothing jumps. */
export function Alarms(props: {
  notice: Notice | undefined;
  link: Link;
  /** Seconds since the last frame, where that is too long. */
  age: number | undefined;
  problem: string | undefined;
  result: ResultDoc | undefined;
}) {
  const { notice, link, age, problem, result } = props;
  const texts = [
    link === 'lost' && words.lost,
    link === 'strange' && words.strange,
    link === 'joined' && age !== undefined && words.stale(seconds(age)),
    problem,
    ...(notice?.status.alarms ?? []).map(String),
  ].filter((text): text is string => Boolean(text));
  return (
    <div
      className={texts.length ? 'line alarms' : 'line'}
      role="status"
      data-testid="alarms"
      title={texts.join('\n')}
    >
      {texts.length ? texts.map((text, i) => <span key={i}>{text}</span>) : <Quiet notice={notice} result={result} />}
    </div>
  );
}
