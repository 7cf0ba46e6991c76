/** A frame around one view: title, tools, the view, and a line of readout. */
import type { ReactNode } from 'react';

interface Props {
  name: string;
  title: ReactNode;
  tools?: ReactNode;
  foot?: ReactNode;
  children: ReactNode;
}

export function Panel({ name, title, tools, foot, children }: Props) {
  return (
    <section className={`panel ${name}`} data-testid={name}>
      <header>
        <h2>{title}</h2>
        <div className="tools">{tools}</div>
      </header>
      <div className="view">{children}</div>
      {foot !== undefined && <footer>{foot}</footer>}
    </section>
  );
}

export function Toggle(props: {
  on: boolean;
  onToggle: () => void;
  title?: string;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      className="toggle"
      aria-pressed={props.on}
      title={props.title}
      onClick={props.onToggle}
    >
      {props.children}
    </button>
  );
}
