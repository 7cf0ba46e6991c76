/** Who holds the wheel, what waits for a person, and the emergency stop: always in sight. */
import { number, unit } from './data/format';
import { MODES, useSteering, useStopKey, type Move, type Steering, type Suggestion } from './data/steering';
import { words } from './words';

const w = words.steering;

/** One line below the head; nothing where nobody ever steered. */
export function SteeringBar({ open, onOpen }: { open: boolean; onOpen: () => void }) {
  const steering = useSteering();
  const doc = steering?.doc;
  const stop = steering?.act;
  useStopKey(Boolean(doc && steering?.mayChange), () => stop?.({ action: 'stop' }));
  if (!steering || !doc) return null;
  const { stopped, holder, paused, waiting } = doc;
  const first = waiting[0];
  return (
    <section className={stopped ? 'steering stopped' : 'steering'} aria-label={w.title} data-testid="steering">
      {stopped ? <Stopped {...{ steering }} /> : <StopButton />}
      <ModeSwitch steering={steering} />
      <span className="wheel" title={holder ? w.since(timeOf(holder.since)) : undefined} data-testid="holder">
        {holder ? w.holder(holder.name) : w.nobody}
        {paused && <b className="bad"> {w.paused(paused)}</b>}
      </span>
      {first && !stopped && (
        <div className="suggestion" data-testid="suggestion">
          <Words suggestion={first} />
          <Answer {...{ steering, suggestion: first }} />
        </div>
      )}
      {steering.problem && (
        <span role="alert" className="bad">
          {steering.problem}
        </span>
      )}
      <button type="button" className="toggle more" aria-pressed={open} onClick={onOpen}>
        {waiting.length > 1 ? w.waiting(waiting.length) : w.events}
      </button>
    </section>
  );
}

/** One click, no question. */
export function StopButton() {
  const steering = useSteering();
  if (!steering?.doc || steering.doc.stopped) return null;
  const { mayChange, act } = steering;
  return (
    <button
      type="button"
      className="stop"
      title={mayChange ? w.stopTitle : words.settings.readOnly}
      aria-keyshortcuts="Control+."
      disabled={!mayChange}
      onClick={() => act({ action: 'stop' })}
    >
      {w.stop}
    </button>
  );
}

function Stopped({ steering }: { steering: Steering }) {
  const { stopped } = steering.doc ?? {};
  if (!stopped) return null;
  return (
    <>
      <b role="alert" data-testid="stopped">
        {w.stopped(stopped.by, timeOf(stopped.at), stopped.words)}
      </b>
      <button type="button" className="toggle" disabled={!steering.mayChange} onClick={() => steering.act({ action: 'clear' })}>
        {w.clear}
      </button>
    </>
  );
}

function ModeSwitch({ steering }: { steering: Steering }) {
  const { doc, mayChange, act } = steering;
  return (
    <span className="tools-group" role="group" aria-label={w.mode}>
      {MODES.map((mode) => (
        <button
          key={mode}
          type="button"
          className="toggle"
          aria-pressed={doc?.mode === mode}
          title={w.modeWords[mode]}
          disabled={!mayChange}
          onClick={() => doc?.mode !== mode && act({ action: 'mode', mode })}
        >
          {w.modes[mode]}
        </button>
      ))}
    </span>
  );
}

/** Where to, and what says so. */
export function Words({ suggestion }: { suggestion: Suggestion }) {
  const { plan, moves, reason } = suggestion;
  const values = Object.entries(reason.values)
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${typeof value === 'number' ? number(value, 3) : (value ?? '–')}`)
    .join(', ');
  const sure = reason.sigma === null ? '' : ` ± ${number(reason.sigma, 2)}`;
  const from = reason.frame === null ? '' : `${words.frame} ${reason.frame}`;
  const why = [values + sure, reason.words, reason.model, from].filter((text) => text.trim()).join(' · ');
  return (
    <span className="suggested" title={`${plan}: ${why}`}>
      <b>{movesIn(moves)}</b> <small>{why}</small>
    </span>
  );
}

export function movesIn(moves: Record<string, Move> | undefined): string {
  const text = (value: Move['to']) => (typeof value === 'number' ? number(value, 5) : (value ?? '?'));
  return Object.entries(moves ?? {})
    .map(([axis, { from, to, units }]) => `${axis.replaceAll('_', ' ')} ${from === null ? '' : `${text(from)} `}→ ${text(to)} ${unit(units)}`.trim())
    .join(', ');
}

export function Answer({ steering, suggestion }: { steering: Steering; suggestion: Suggestion }) {
  const { mayChange, name, setName, act } = steering;
  const { id } = suggestion;
  const signed = mayChange && Boolean(name.trim());
  return (
    <span className="answer">
      {mayChange && (
        <input value={name} maxLength={80} size={9} placeholder={words.grid.name} aria-label={words.grid.name} onChange={(event) => setName(event.target.value)} />
      )}
      <button type="button" className="toggle good" disabled={!signed} title={signed ? undefined : w.sign} onClick={() => act({ action: 'accept', id })}>
        {w.accept}
      </button>
      <button type="button" className="toggle" disabled={!signed} title={signed ? undefined : w.sign} onClick={() => act({ action: 'reject', id })}>
        {w.reject}
      </button>
    </span>
  );
}

/** The time of day of an ISO time, here. */
export function timeOf(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : time.toLocaleTimeString('en-GB');
}
