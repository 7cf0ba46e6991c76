/** The panels of a desk, side by side as the layout says; borders move, panels change places. */
import { Fragment, memo, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import {
  added,
  cellsOf,
  filtered,
  moved,
  replaced,
  resized,
  without,
  type Column,
  type Layout,
  type Row,
} from '../data/layout';
import type { Views } from '../data/views';
import type { ResultDoc } from '../data/wire';
import { Boundary } from '../Boundary';
import { useScene } from '../scene';
import { words } from '../words';
import { CurvePanel } from './CurvePanel';
import { Legend } from './Legend';
import { MeasurePanel } from './MeasurePanel';
import { HoldContext } from './Panel';
import { PicturePanel } from './PicturePanel';
import { SteeringPanel } from './SteeringPanel';
import { TablePanel } from './TablePanel';

export const KINDS = ['image', 'plane', 'curves', 'legend', 'tables', 'measure', 'steering'] as const;

interface Props {
  layout: Layout;
  /** undefined: as the technique has it. */
  onLayout: (layout: Layout | undefined) => void;
}

export const Panels = memo(function Panels({ layout, onLayout }: Props) {
  const { shown, views, measured } = useScene('shown', 'views', 'measured');
  const [large, setLarge] = useState<string>();
  const has = (show: string) => isThere(show, shown.result, views);
  const measuring = measured && !cellsOf(layout).some(({ show }) => show === 'measure');
  const wanted = measuring ? added(layout, 'measure', 8) : layout;
  const seen = filtered(wanted, has);
  const single = large !== undefined && cellsOf(seen).some(({ show }) => show === large);
  const drawn: Layout = single ? [{ share: 1, rows: [{ share: 1, cells: [{ share: 1, show: large }] }] }] : seen;
  // A border between what is seen: parts that are not seen keep their shares.
  const change = (next: Layout) => onLayout(merged(wanted, next, has));
  const cell = (show: string): ReactNode => (
    <HoldContext.Provider
      value={{
        show,
        large: single,
        onLarge: () => setLarge(single ? undefined : show),
        onClose: () => onLayout(without(wanted, show)),
        onMove: (from, side) => onLayout(moved(wanted, from, show, side)),
      }}
    >
      <Boundary>
        <Shown show={show} onShow={(next) => onLayout(replaced(wanted, show, next))} />
      </Boundary>
    </HoldContext.Provider>
  );
  return (
    <main className={`panels${cellsOf(drawn).length === 1 ? ' alone' : ''}`}>
      <Split
        along="x"
        parts={drawn}
        onParts={(parts: Column[]) => change(parts)}
        keyOf={(column) => column.rows[0]?.cells[0]?.show ?? ''}
        draw={(column, c) => (
          <Split
            along="y"
            parts={column.rows}
            onParts={(rows: Row[]) => change(drawn.map((old, n) => (n === c ? { ...old, rows } : old)))}
            keyOf={(row) => row.cells[0]?.show ?? ''}
            draw={(row, r) => (
              <Split
                along="x"
                parts={row.cells}
                onParts={(cells) =>
                  change(
                    drawn.map((old, n) =>
                      n === c ? { ...old, rows: old.rows.map((one, m) => (m === r ? { ...one, cells } : one)) } : old,
                    ),
                  )
                }
                keyOf={({ show }) => show.split(':')[0] ?? show}
                draw={({ show }) => cell(show)}
              />
            )}
          />
        )}
      />
    </main>
  );
});

/** The shares of what is seen, put back into the whole layout. */
function merged(whole: Layout, seen: Layout, has: (show: string) => boolean): Layout {
  let c = 0;
  return whole.map((column) => {
    if (!filtered([column], has).length) return column;
    const now = seen[c++];
    let r = 0;
    const rows = column.rows.map((row) => {
      if (!row.cells.some(({ show }) => has(show))) return row;
      const nowRow = now?.rows[r++];
      const cells = row.cells.map((cell) => nowRow?.cells.find(({ show }) => show === cell.show) ?? cell);
      return { share: nowRow?.share ?? row.share, cells };
    });
    return { share: now?.share ?? column.share, rows };
  });
}

/** Whether the result has something to show there. */
export function isThere(show: string, result: ResultDoc | undefined, views: Views): boolean {
  const [kind] = split(show);
  if (kind === 'image' || kind === 'measure' || kind === 'steering') return true;
  if (!result) return false;
  if (kind === 'plane') return views.planes.length > 0;
  if (kind === 'curves') return Object.keys(views.curves).length > 0;
  if (kind === 'legend') return views.classes.length + views.numbers.length + views.shares.length > 0;
  return kind === 'tables' && Object.keys(result.tables).length > 0;
}

function split(show: string): [string, string | undefined] {
  const cut = show.indexOf(':');
  return cut < 0 ? [show, undefined] : [show.slice(0, cut), show.slice(cut + 1)];
}

/** The panel that a cell names. */
function Shown({ show, onShow }: { show: string; onShow: (show: string) => void }) {
  const { views } = useScene('views');
  const [kind, name] = split(show);
  const choose = (next: string) => onShow(next ? `${kind}:${next}` : kind);
  if (kind === 'image' || kind === 'plane') {
    const choices = kind === 'image' ? views.layers : views.planes;
    const found = choices.find((one) => one.name === name);
    const named = found ?? (kind === 'plane' ? choices[0] : undefined);
    return <PicturePanel {...{ kind, named, choices }} onChoose={choose} />;
  }
  if (kind === 'curves') {
    const dims = Object.keys(views.curves);
    const dim = name !== undefined && dims.includes(name) ? name : (dims[0] ?? '');
    return <CurvePanel {...{ dim, dims }} onChoose={choose} />;
  }
  if (kind === 'legend') return <Legend />;
  if (kind === 'tables') return <TablePanel chosen={name} onChoose={choose} />;
  if (kind === 'steering') return <SteeringPanel />;
  return <MeasurePanel />;
}

/** Parts beside each other with borders that can be moved, by pointer and by keys. */
function Split<T extends { share: number }>(props: {
  along: 'x' | 'y';
  parts: T[];
  onParts: (parts: T[]) => void;
  keyOf: (part: T) => string;
  draw: (part: T, i: number) => ReactNode;
}) {
  const { along, parts, onParts, keyOf, draw } = props;
  const place = useRef<HTMLDivElement>(null);
  const [moving, setMoving] = useState<{ i: number; from: number; parts: T[] }>();
  const now = moving?.parts ?? parts;
  const position = (event: PointerEvent) => (along === 'x' ? event.clientX : event.clientY);
  const size = () => (along === 'x' ? place.current?.clientWidth : place.current?.clientHeight) || 1;
  const drag = (event: PointerEvent) => {
    if (!moving) return;
    setMoving({ ...moving, parts: resized(parts, moving.i, (position(event) - moving.from) / size()) });
  };
  const drop = () => {
    if (moving) onParts(moving.parts);
    setMoving(undefined);
  };
  const press = (event: KeyboardEvent, i: number) => {
    const by = { ArrowLeft: -0.02, ArrowUp: -0.02, ArrowRight: 0.02, ArrowDown: 0.02 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    onParts(resized(parts, i, by));
  };
  const all = now.reduce((sum, { share }) => sum + share, 0) || 1;
  return (
    <div ref={place} className={`split ${along}`}>
      {now.map((part, i) => (
        <Fragment key={keyOf(part)}>
          <div className="part" style={{ flexGrow: part.share / all }}>
            {draw(part, i)}
          </div>
          {i + 1 < now.length && (
            <div
              className="border"
              role="separator"
              tabIndex={0}
              aria-label={words.panels.border}
              aria-orientation={along === 'x' ? 'vertical' : 'horizontal'}
              aria-valuenow={Math.round((100 * part.share) / all)}
              onPointerDown={(event) => {
                event.currentTarget.setPointerCapture(event.pointerId);
                setMoving({ i, from: position(event), parts });
              }}
              onPointerMove={drag}
              onPointerUp={drop}
              onKeyDown={(event) => press(event, i)}
            />
          )}
        </Fragment>
      ))}
    </div>
  );
}
