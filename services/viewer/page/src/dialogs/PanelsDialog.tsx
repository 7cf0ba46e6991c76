/** Which panels there are; changing it changes the address, so a link keeps it. */
import { added, cellsOf, read, without, write } from '../data/layout';
import { KINDS } from '../panels/Panels';
import { words } from '../words';
import { Dialog } from './Dialog';

interface Props {
  layout: string;
  onLayout: (layout: string | undefined) => void;
  onClose: () => void;
}

export function PanelsDialog({ layout, onLayout, onClose }: Props) {
  const now = read(layout);
  const shows = cellsOf(now).map(({ show }) => show);
  const all = [...shows, ...KINDS.filter((kind) => !shows.some((show) => show.split(':')[0] === kind))];
  const more = KINDS.filter((kind) => kind === 'plane' || kind === 'image' || kind === 'curves');
  return (
    <Dialog name="panels" title={words.panels.title} onClose={onClose}>
      <p className="hint">{words.panels.hint}</p>
      <div className="form">
        {all.map((show) => (
          <label key={show}>
            <span>{words.panels.names[show] ?? show.replace(':', ': ').replaceAll('_', ' ')}</span>
            <input
              type="checkbox"
              checked={shows.includes(show)}
              onChange={(event) => onLayout(write(event.target.checked ? added(now, show) : without(now, show)))}
            />
          </label>
        ))}
      </div>
      <div className="row">
        {more.map((kind) => (
          <button key={kind} type="button" onClick={() => onLayout(write(added(now, `${kind}:${shows.length}`)))}>
            {words.panels.another(words.panels.names[kind] ?? kind)}
          </button>
        ))}
        <button type="button" onClick={() => onLayout(undefined)}>
          {words.panels.reset}
        </button>
      </div>
    </Dialog>
  );
}
