/**
 * Which panels are where, as data: columns of rows of cells, each with a share of the room.
 *
 * As text (in the address, and in layouts.json): `13!image|10!6~5*plane+4*legend/4~tables` is a
 * column of 13 parts beside one of 10, whose first row of 6 parts has a plane and a legend.
 */
import layouts from '../layouts.json';
import type { Look } from './looks';

export interface Cell {
  share: number;
  /** What is shown: a kind of panel, or kind:name for one variable. */
  show: string;
}
export interface Row {
  share: number;
  cells: Cell[];
}
export interface Column {
  share: number;
  rows: Row[];
}
export type Layout = Column[];
export type Side = 'left' | 'right' | 'above' | 'below' | 'swap';

interface Technique {
  layout: string;
  looks?: Record<string, Partial<Look>>;
}

/** How results of an analysis are laid out unless the user says otherwise. */
export function techniqueOf(analysis: string | undefined): Technique {
  const known = layouts as Record<string, Technique>;
  const name = analysis && Object.hasOwn(known, analysis) ? analysis : 'any';
  return known[name] ?? { layout: 'image' };
}

export function read(text: string): Layout {
  return text
    .split('|')
    .map((column) => {
      const [share, rest] = shared(column, '!');
      return { share, rows: rest.split('/').map(rowOf).filter(({ cells }) => cells.length) };
    })
    .filter(({ rows }) => rows.length);
}

function rowOf(text: string): Row {
  const [share, rest] = shared(text, '~');
  const cells = rest.split('+').flatMap((cell) => {
    const [part, show] = shared(cell, '*');
    return show ? [{ share: part, show: unescaped(show) }] : [];
  });
  return { share, cells };
}

function shared(text: string, mark: string): [number, string] {
  const cut = text.indexOf(mark);
  if (cut < 0) return [10, text];
  const share = Number.parseFloat(text.slice(0, cut));
  return [share > 0 && share < 1e4 ? share : 10, text.slice(cut + 1)];
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function write(layout: Layout): string {
  const part = (share: number, mark: string) => (share === 10 ? '' : `${+share.toFixed(1)}${mark}`);
  return layout
    .map(
      ({ share, rows }) =>
        part(share, '!') +
        rows
          .map(
            (row) =>
              part(row.share, '~') +
              row.cells.map((cell) => part(cell.share, '*') + escaped(cell.show)).join('+'),
          )
          .join('/'),
    )
    .join('|');
}

function escaped(show: string): string {
  return encodeURIComponent(show).replace(/[!~*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`).replaceAll('%3A', ':');
}

export function cellsOf(layout: Layout): Cell[] {
  return layout.flatMap(({ rows }) => rows.flatMap(({ cells }) => cells));
}

/** Without the cells that `keep` refuses, and without what is empty then. */
export function filtered(layout: Layout, keep: (show: string) => boolean): Layout {
  return layout
    .map((column) => ({
      ...column,
      rows: column.rows
        .map((row) => ({ ...row, cells: row.cells.filter(({ show }) => keep(show)) }))
        .filter(({ cells }) => cells.length),
    }))
    .filter(({ rows }) => rows.length);
}

export function without(layout: Layout, show: string): Layout {
  return filtered(layout, (other) => other !== show);
}

export function replaced(layout: Layout, from: string, to: string): Layout {
  return mapped(layout, (cell) => (cell.show === from ? { ...cell, show: to } : cell));
}

/** With one more panel, below the last column. */
export function added(layout: Layout, show: string, share = 7): Layout {
  if (cellsOf(layout).some((cell) => cell.show === show)) return layout;
  const row = { share, cells: [{ share: 10, show }] };
  const last = layout.at(-1);
  if (!last) return [{ share: 10, rows: [row] }];
  return [...layout.slice(0, -1), { ...last, rows: [...last.rows, row] }];
}

/** The panel `from` beside, above or below the panel `to`, or in its place. */
export function moved(layout: Layout, from: string, to: string, side: Side): Layout {
  if (from === to) return layout;
  if (side === 'swap') {
    return mapped(layout, (cell) =>
      cell.show === from ? { ...cell, show: to } : cell.show === to ? { ...cell, show: from } : cell,
    );
  }
  const cell = { share: 10, show: from };
  const has = (row: Row) => row.cells.some(({ show }) => show === to);
  return without(layout, from).map((column) => ({
    ...column,
    rows: column.rows.flatMap((row) => {
      if (!has(row)) return [row];
      if (side === 'above') return [{ share: row.share, cells: [cell] }, row];
      if (side === 'below') return [row, { share: row.share, cells: [cell] }];
      const at = row.cells.findIndex(({ show }) => show === to) + (side === 'right' ? 1 : 0);
      const cells = [...row.cells];
      cells.splice(at, 0, { ...cell, share: row.cells[0]?.share ?? 10 });
      return [{ ...row, cells }];
    }),
  }));
}

function mapped(layout: Layout, change: (cell: Cell) => Cell): Layout {
  return layout.map((column) => ({
    ...column,
    rows: column.rows.map((row) => ({ ...row, cells: row.cells.map(change) })),
  }));
}

/** Move the border between parts `i` and `i + 1` by `by` of all parts' sum, leaving each some. */
export function resized<T extends { share: number }>(parts: T[], i: number, by: number): T[] {
  const [a, b] = [parts[i], parts[i + 1]];
  if (!a || !b) return parts;
  const all = parts.reduce((sum, { share }) => sum + share, 0);
  const least = Math.min(0.06 * all, a.share, b.share);
  const step = Math.max(least - a.share, Math.min(b.share - least, by * all));
  return parts.map((part, n) =>
    n === i ? { ...part, share: a.share + step } : n === i + 1 ? { ...part, share: b.share - step } : part,
  );
}
