/** Time: pause, step, scrub, play, live. */
import { at, joined, rankOf, sizeOf } from './data/ranges';
import type { Shown } from './data/shown';
import type { Time } from './data/time';
import { Icon } from './Icon';
import { words } from './words';

const w = words.time;

interface Props {
  time: Time;
  shown: Shown;
  onClose?: (() => void) | undefined;
}

export function TimeBar({ time, shown, onClose }: Props) {
  const frame = time.moment?.frame ?? shown.image?.frame ?? shown.result?.frame;
  // the frame on the screen is newer than the list of all
  const ranges = frame === undefined ? time.ranges : joined(time.ranges, [[frame, frame]]);
  const many = sizeOf(ranges);
  const rank = frame === undefined ? 0 : rankOf(ranges, frame);
  const run = time.detail;
  return (
    <div className="time" role="group" aria-label={w.title} data-testid="time">
      <button type="button" title={`${w.first} (Home)`} aria-label={w.first} onClick={() => time.step(-1e9)}>
        <Icon name="first" />
      </button>
      <button type="button" title={`${w.back} (←)`} aria-label={w.back} onClick={() => time.step(-1)}>
        <Icon name="back" />
      </button>
      <PlayButton time={time} />
      <button type="button" title={`${w.on} (→)`} aria-label={w.on} onClick={() => time.step(1)}>
        <Icon name="on" />
      </button>
      <input
        type="range"
        aria-label={w.scrub}
        aria-valuetext={frame === undefined ? words.noRun : `${words.frame} ${frame}`}
        min={0}
        max={Math.max(1, many - 1)}
        step={1}
        disabled={many < 2}
        value={time.live ? Math.max(1, many - 1) : rank}
        onChange={(event) => time.goTo(at(ranges, Number(event.target.value)) ?? 0)}
      />
      <span className="where" data-testid="frame">
        {frame === undefined ? '–' : `${words.frame} ${frame}`}
        {many > 1 && <small>{w.of(rank + 1, many)}</small>}
      </span>
      {(run?.live !== false || time.live) && (
        <button
          type="button"
          className="live"
          aria-pressed={time.live}
          title={`${w.liveTitle} (End)`}
          onClick={time.goLive}
        >
          {w.live}
        </button>
      )}
      {run && !time.live && (
        <span className="hint run-name" title={run.run}>
          {run.run} · {w.states[run.status] ?? run.status}
        </span>
      )}
      {onClose && (
        <button type="button" onClick={onClose} aria-label={w.close} title={w.close}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

/** Live it pauses; in a past run it plays. */
function PlayButton({ time }: { time: Time }) {
  const going = time.live || time.playing;
  const name = going ? words.pause : time.detail?.live === false ? w.play : w.playOn;
  return (
    <button
      type="button"
      className="play"
      title={`${name} (${words.space})`}
      aria-label={name}
      onClick={going ? time.pause : time.play}
    >
      <Icon name={going ? 'pause' : 'play'} />
    </button>
  );
}
