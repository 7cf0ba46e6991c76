/** How the service is, in words. */
import { bytes, count, milliseconds, number, seconds } from '../data/format';
import type { HealthDoc } from '../data/health';
import { words } from '../words';
import { Dialog } from './Dialog';

const w = words.health;

export function HealthDialog({ health, onClose }: { health: HealthDoc | undefined; onClose: () => void }) {
  return (
    <Dialog name="health-words" title={w.title} onClose={onClose}>
      {health ? <Facts health={health} /> : <p className="hint">{words.noAnswer}</p>}
    </Dialog>
  );
}

function Facts({ health }: { health: HealthDoc }) {
  const { frames, latency_ms: late, disk, queues, spool, memory } = health;
  const rows: [string, string | undefined][] = [
    [w.state, [words.states[health.state] ?? health.state, health.run_status].filter(Boolean).join(', ')],
    [w.frames, frames && w.account(frames)],
    [w.latency, late && w.percentiles(...[late.p50, late.p95, late.p99].map(milliseconds) as [string, string, string])],
    ...Object.entries(queues ?? {}).map(([name, q]): [string, string] => [
      `${w.queue} ${name}`,
      w.queueWords(count(q.queue), count(q.capacity), q.policy ?? '', q.workers),
    ]),
    [w.spool, spool && `${bytes(spool.bytes)} / ${bytes(spool.budget_bytes)}`],
    [w.disk, disk && w.diskWords(bytes(disk.free_bytes), disk.hours_left === null || disk.hours_left === undefined ? undefined : seconds(disk.hours_left * 3600), disk.path)],
    [w.analysis, [health.analysis, health.device && w.on(health.device)].filter(Boolean).join(' ')],
    ...(health.models ?? []).map(({ name, sha256 }): [string, string] => [w.model, `${name} ${String(sha256 ?? '').slice(0, 12)}`]),
    [w.calibration, health.calibration?.pixel_size_nm && words.calibration(health.calibration.pixel_size_nm.map((n) => number(n)), health.calibration.origin)],
    [w.viewers, String(health.viewers ?? '')],
    [w.memory, memory && `${bytes(memory.bytes)} / ${bytes(memory.limit_bytes)}`],
    [w.version, health.version],
  ];
  return (
    <>
      {(health.alarms ?? []).map((alarm) => (
        <p key={alarm} className="alarm-words">
          {alarm}
        </p>
      ))}
      {!health.alarms?.length && <p>{w.fine}</p>}
      <dl className="facts-list">
        {rows.map(([name, text], i) =>
          text ? (
            <div key={i}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ) : null,
        )}
      </dl>
    </>
  );
}
