/** What goes out: files made by the service of what is on the screen, and Python that reads it. */
import { useState, type ReactNode } from 'react';
import type { Look } from '../data/looks';
import { placeOf } from '../data/measure';
import { askText, nameOf, Refused, type Picture } from '../data/wire';
import { useScene } from '../scene';
import { words } from '../words';
import { Sheet } from './Panel';

const w = words.out;
/** The service's names of colour maps, where they are others. */
const MAPS: Record<string, string> = { Greys: 'gray', PuOr: 'puor', RdBu: 'rdbu' };

interface Props {
  variable: string;
  look: Look;
  slices: [string, number][];
  /** What is subtracted on the screen, and in the files. */
  minus: Picture | undefined;
  /** Of the picture as it is seen. */
  png: ReactNode;
}

export function OutMenu({ variable, look, slices, minus, png }: Props) {
  const { shown, theme, selection } = useScene('shown', 'theme', 'selection');
  const frame = variable ? shown.result?.frame : shown.image?.frame;
  const from = variable ? shown.result : shown.image;
  const run = from ? nameOf(from) : '';
  if (frame === undefined) return null;
  const { path, query } = placeOf(variable, run, frame, shown.result, shown.image);
  const link = (format: string, more: Record<string, string> = {}) => {
    const all = new URLSearchParams({ format, ...query, ...more });
    for (const [dim, index] of slices) all.append('sel', `${dim}:${index}`);
    if (minus && format !== 'py') all.set('minus', `${nameOf(minus)}/${minus.frame}`);
    return `api/v1/export/${path}?${all}`;
  };
  const seen: Record<string, string> = {
    map: MAPS[look.colours] ?? look.colours.toLowerCase(),
    scale: look.scale,
    gamma: String(look.gamma),
    dark: theme === 'dark' ? '1' : '0',
    inverted: look.inverted ? '1' : '0',
    ...(look.locked ? { limits: look.locked.join(',') } : { percentiles: look.percentiles.join(',') }),
  };
  const result = shown.result;
  const whole: Record<string, string> = result ? { analysis: result.analysis } : {};
  const of = result && `results/${encodeURIComponent(nameOf(result))}/${result.frame}`;
  const table = selection?.table ?? Object.keys(result?.tables ?? {})[0];
  return (
    <Sheet name="out" icon="out" label={w.button} title={w.title}>
      {() => (
        <div className="form links">
          {png}
          <a href={link('png', seen)} download>{w.pngData}</a>
          <a href={link('tiff')} download>{w.tiff}</a>
          <a href={link('csv')} download>{w.csv}</a>
          <a href={link('npy')} download>{w.npy}</a>
          <a href={link('h5')} download>{w.h5}</a>
          {of && <a href={`api/v1/export/${of}?${new URLSearchParams({ format: 'h5', image: '1', ...whole })}`} download>{w.whole}</a>}
          {result && table && (
            <a
              href={`api/v1/export/tables/${encodeURIComponent(nameOf(result))}/${result.frame}/${encodeURIComponent(table)}?${new URLSearchParams({ format: 'csv', ...whole })}`}
              download
            >
              {w.table(table)}
            </a>
          )}
          <CopyButton name={w.python} text={() => askText(link('py'))} />
          <CopyButton name={w.permalink} text={() => Promise.resolve(permalink(run, frame))} />
        </div>
      )}
    </Sheet>
  );
}

/** This page at this frame, whoever opens it. */
export function permalink(run: string, frame: number): string {
  const there = new URL(window.location.href);
  there.searchParams.delete('token');
  there.searchParams.set('run', run);
  there.searchParams.set('frame', String(frame));
  return there.href;
}

/** Copies a text; shows it to be copied by hand where the browser doesn't let pages do it. */
function CopyButton({ name, text }: { name: string; text: () => Promise<string> }) {
  const [said, setSaid] = useState<string>();
  const [shown, setShown] = useState<string>();
  async function copy(): Promise<void> {
    try {
      const found = await text();
      setShown(found);
      await navigator.clipboard.writeText(found);
      setSaid(w.copied);
    } catch (error) {
      setSaid(error instanceof Refused ? error.message : w.byHand);
    }
  }
  return (
    <>
      <button type="button" onClick={() => void copy()}>
        {name}
      </button>
      {said && <small role="status">{said}</small>}
      {shown && <textarea readOnly aria-label={name} rows={Math.min(8, shown.split('\n').length)} value={shown} />}
    </>
  );
}
