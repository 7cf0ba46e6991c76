/** A frame around one view: title, tools, the view, and a line of readout. */
import { createContext, useContext, useId, useRef, useState, type DragEvent, type ReactNode } from 'react';
import type { Side } from '../data/layout';
import { Icon, type IconName } from '../Icon';
import { words } from '../words';

/** How a panel is moved, closed and made large; empty where it can't be. */
export interface Hold {
  show: string;
  large: boolean;
  onClose?: () => void;
  onLarge?: () => void;
  onMove?: (from: string, side: Side) => void;
}
export const HoldContext = createContext<Hold>({ show: '', large: false });

interface Props {
  name: string;
  title: ReactNode;
  tools?: ReactNode;
  foot?: ReactNode;
  children: ReactNode;
}

const KIND = 'application/x-beamside-panel';

export function Panel({ name, title, tools, foot, children }: Props) {
  const id = useId();
  const hold = useContext(HoldContext);
  const { side, ...drop } = useDrop(hold);
  return (
    <section
      className={`panel ${name}${hold.large ? ' large' : ''}`}
      data-testid={name}
      aria-labelledby={id}
      {...drop}
    >
      <header>
        <h2
          id={id}
          draggable={Boolean(hold.onMove)}
          title={hold.onMove ? words.panels.drag : undefined}
          onDragStart={(event) => event.dataTransfer.setData(KIND, hold.show)}
        >
          {title}
        </h2>
        <div className="tools">
          {tools}
          {hold.onLarge && (
            <button type="button" className="quiet" title={words.panels.large} aria-label={words.panels.large} aria-pressed={hold.large} onClick={hold.onLarge}>
              <Icon name={hold.large ? 'small' : 'large'} />
            </button>
          )}
          {hold.onClose && !hold.large && (
            <button type="button" className="quiet" title={words.panels.close} aria-label={words.panels.close} onClick={hold.onClose}>
              <Icon name="close" />
            </button>
          )}
        </div>
      </header>
      <div className="view">{children}</div>
      {foot !== undefined && <footer>{foot}</footer>}
      {side && <i className={`drop ${side}`} />}
    </section>
  );
}

/** Where another panel would go that is dropped here. */
function useDrop({ onMove }: Hold) {
  const [side, setSide] = useState<Side>();
  const over = (event: DragEvent<HTMLElement>) => {
    if (!onMove || !event.dataTransfer.types.includes(KIND)) return;
    event.preventDefault();
    const box = event.currentTarget.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.x) / box.width, (event.clientY - box.y) / box.height];
    const nearest = Math.min(x, 1 - x, y, 1 - y);
    if (nearest > 0.25) setSide('swap');
    else setSide(nearest === x ? 'left' : nearest === 1 - x ? 'right' : nearest === y ? 'above' : 'below');
  };
  const drop = (event: DragEvent<HTMLElement>) => {
    const from = event.dataTransfer.getData(KIND);
    if (onMove && from && side) {
      event.preventDefault();
      onMove(from, side);
    }
    setSide(undefined);
  };
  return { side, onDragOver: over, onDrop: drop, onDragLeave: () => setSide(undefined) };
}

export function Toggle(props: {
  on: boolean;
  onToggle: () => void;
  title?: string;
  label?: string;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      className="toggle"
      aria-pressed={props.on}
      aria-label={props.label}
      title={props.title}
      onClick={props.onToggle}
    >
      {props.children}
    </button>
  );
}

/** A button that opens a small sheet below it; Escape and a click elsewhere close it. */
export function Sheet(props: { name: string; icon: IconName; label: string; title: string; children: (close: () => void) => ReactNode }) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  const place = open ? button.current?.getBoundingClientRect() : undefined;
  return (
    <span
      className="sheet-place"
      onKeyDown={(event) => {
        if (event.key === 'Escape' && open) {
          event.stopPropagation();
          close();
        }
      }}
      onBlur={(event) => {
        if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget)) setOpen(false);
      }}
    >
      <button
        ref={button}
        type="button"
        className="toggle"
        aria-label={props.label}
        aria-expanded={open}
        title={props.title}
        data-testid={`open-${props.name}`}
        onClick={() => setOpen(!open)}
      >
        <Icon name={props.icon} />
        <span className="wide">{props.label}</span>
      </button>
      {open && place && (
        <>
          <span className="sheet-back" onClick={close} />
          <div
            className="sheet"
            role="group"
            aria-label={props.title}
            data-testid={`sheet-${props.name}`}
            style={{
              top: Math.min(place.bottom + 4, window.innerHeight - 120),
              right: Math.max(8, window.innerWidth - place.right),
            }}
          >
            {props.children(close)}
          </div>
        </>
      )}
    </span>
  );
}
