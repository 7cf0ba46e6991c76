import { words } from '../words';
import { Dialog } from './Dialog';

/** What the keyboard and the pointer do. */
export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog name="help" title={words.help} onClose={onClose}>
      <dl className="keys">
        {words.keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
