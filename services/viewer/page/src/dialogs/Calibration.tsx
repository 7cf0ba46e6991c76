/** The pixel grid: what is in force, what the crystals propose, and a person's word on it. */
import { useState } from 'react';
import { decide, Refused, type Correction } from '../data/wire';
import { words } from '../words';
import { Dialog } from './Dialog';

const w = words.grid;

/** The button that opens it; it is marked where somebody should look. */
export function GridButton(props: {
  correction: Correction | null | undefined;
  onOpen: () => void;
}) {
  const { correction, onOpen } = props;
  if (!correction?.proposal && !correction?.in_force) return null;
  const alarm = alarmOf(correction);
  return (
    <button
      type="button"
      className={alarm ? 'alarm' : ''}
      title={alarm ?? w.title}
      onClick={onOpen}
      data-testid="grid-button"
    >
      {w.button}
    </button>
  );
}

function alarmOf(correction: Correction): string | undefined {
  const alarm = correction.proposal?.alarm;
  return alarm && alarm !== 'none' ? alarm : undefined;
}

export function GridDialog(props: { correction: Correction; mayChange: boolean; onClose: () => void }) {
  const { correction, mayChange, onClose } = props;
  const [by, setBy] = useState('');
  const [said, setSaid] = useState<string>();
  const [busy, setBusy] = useState(false);
  const { proposal, in_force: force, setting } = correction;
  const fixed = setting !== 'accepted';

  async function act(action: 'accept' | 'withdraw'): Promise<void> {
    setBusy(true);
    try {
      const seen = action === 'accept' && proposal ? { correction: proposal.correction } : {};
      const { event } = await decide({ action, by, ...seen });
      setSaid(w.done(event.event, event.by));
    } catch (error) {
      setSaid(error instanceof Refused ? error.message : w.failed);
    }
    setBusy(false);
  }

  return (
    <Dialog name="grid" title={w.title} onClose={onClose}>
      <section className="grid-words">
        <dl>
          <dt>{w.inForce}</dt>
          <dd>
            {force ? numbers(force.correction) : w.nothing}
            {force && <small>{w.by(force.by, force.at)}</small>}
          </dd>
          <dt>{w.proposal}</dt>
          <dd>
            {proposal ? numbers(proposal.correction, proposal.correction_sigma) : w.noProposal}
            {proposal && <small>{w.from(proposal.run, proposal.frames)}</small>}
          </dd>
        </dl>
        {proposal && <p>{proposal.note}</p>}
        {fixed && <p>{w.fixed(String(setting))}</p>}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void act('accept');
          }}
        >
          <input
            value={by}
            maxLength={80}
            placeholder={w.name}
            aria-label={w.name}
            onChange={(event) => setBy(event.target.value)}
          />
          <button type="submit" disabled={busy || fixed || !mayChange || !by.trim() || !proposal?.enough}>
            {w.accept}
          </button>
          <button
            type="button"
            disabled={busy || !mayChange || !by.trim() || !force}
            onClick={() => void act('withdraw')}
          >
            {w.withdraw}
          </button>
          <button type="button" onClick={onClose}>
            {w.close}
          </button>
        </form>
        <p className="hint" role="status">
          {said ?? (proposal && !proposal.enough ? w.tooLittle : w.hint)}
        </p>
      </section>
    </Dialog>
  );
}

/** Scale and anisotropy in per cent, shear in degrees, each with its error where it is known. */
function numbers(values: number[], sigma?: number[] | null): string {
  const units = [
    [100, '%'],
    [100, '%'],
    [180 / Math.PI, '°'],
  ] as const;
  return units
    .map(([factor, unit], n) => {
      const value = (values[n] ?? 0) * factor;
      const error = sigma?.[n] === undefined ? '' : ` ± ${(sigma[n] * factor).toFixed(2)}`;
      return `${w.parts[n]} ${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}${error} ${unit}`;
    })
    .join(', ');
}
