/** A sheet over the page: the browser keeps the focus in it, and Escape closes it. */
import { useEffect, useId, useRef, type ReactNode } from 'react';
import { Icon } from '../Icon';
import { StopButton } from '../Steering';
import { words } from '../words';

export function Dialog(props: { name: string; title: string; onClose: () => void; children: ReactNode }) {
  const { name, title, onClose, children } = props;
  const place = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = place.current;
    if (dialog && !dialog.open) dialog.showModal();
  }, []);
  return (
    <dialog
      ref={place}
      aria-labelledby={id}
      data-testid={name}
      onClose={onClose}
      onClick={(event) => event.target === place.current && onClose()}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <StopButton />
        <button type="button" className="quiet" aria-label={words.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="dialog-body" tabIndex={-1}>{children}</div>
    </dialog>
  );
}
