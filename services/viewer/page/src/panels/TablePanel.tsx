/** The result's tables, one row per thing; a click selects a thing everywhere. Any length. */
import { useEffect, useMemo, useRef, useState } from 'react';
import { classesOf, speaksOf, type Class } from '../data/classes';
import { number, unit } from '../data/format';
import { isLinked, rowIn } from '../data/views';
import { askJson, nameOf, Refused, understoodTable, type Column, type ResultDoc, type Table } from '../data/wire';
import { useScene } from '../scene';
import { words } from '../words';
import { Panel, Toggle } from './Panel';

const PAGE = 5000;

export function TablePanel({ chosen, onChoose }: { chosen: string | undefined; onChoose: (name: string) => void }) {
  const { shown, views } = useScene('shown', 'views');
  const { result } = shown;
  const first = Object.keys(views.rowMaps)[0];
  const names = Object.keys(result?.tables ?? {}).sort((a, b) => Number(b === first) - Number(a === first));
  const name = chosen && names.includes(chosen) ? chosen : first ?? names[0];
  const [offset, setOffset] = useState(0);
  const table = useRows(result, name, offset);
  if (!result) return null;
  return (
    <Panel
      name="tables"
      title={words.tables}
      tools={names.map((one) => (
        <Toggle key={one} on={one === name} onToggle={() => onChoose(one)}>
          {one}s <small>{result.tables[one]?.total}</small>
        </Toggle>
      ))}
      foot={
        table && table.total > PAGE ? (
          <Pages {...{ offset, total: table.total }} onOffset={setOffset} />
        ) : undefined
      }
    >
      {name !== undefined && table && table.rows > 0 ? (
        <Rows {...{ result, name, table }} offset={offset} />
      ) : (
        <p className="empty">{words.noRows}</p>
      )}
    </Panel>
  );
}

function Pages(props: { offset: number; total: number; onOffset: (offset: number) => void }) {
  const { offset, total, onOffset } = props;
  return (
    <>
      <button type="button" disabled={offset === 0} onClick={() => onOffset(Math.max(0, offset - PAGE))}>
        {words.before}
      </button>
      <span>{words.rowsOf(offset + 1, Math.min(total, offset + PAGE), total)}</span>
      <button type="button" disabled={offset + PAGE >= total} onClick={() => onOffset(offset + PAGE)}>
        {words.after}
      </button>
    </>
  );
}

/** The rows from `offset` on: the result's own first ones, else asked for. */
function useRows(result: ResultDoc | undefined, name: string | undefined, offset: number): Table | undefined {
  const [got, setGot] = useState<{ key: string; table: Table }>();
  const key = result && name && offset ? `${result.seq} ${result.frame} ${name} ${offset}` : '';
  useEffect(() => {
    if (!key || !result || !name) return;
    const at = `${encodeURIComponent(nameOf(result))}/${result.frame}/${encodeURIComponent(name)}`;
    const query = new URLSearchParams({ offset: String(offset), limit: String(PAGE), analysis: result.analysis });
    askJson<Table>(`api/v1/tables/${at}?${query}`).then(
      (table) => setGot({ key, table: { ...understoodTable(table), rows: Object.values(table.columns)[0]?.values.length ?? 0 } }),
      (error: unknown) => {
        if (!(error instanceof Refused || error instanceof TypeError)) throw error;
      },
    );
  }, [key]);
  const own = name === undefined ? undefined : result?.tables[name];
  return offset && got ? got.table : own;
}

/** Rows beyond what is seen are not drawn; their room is kept. */
const MORE = 12;

function Rows({ result, name, table, offset }: { result: ResultDoc; name: string; table: Table; offset: number }) {
  const { views, selection, select } = useScene('views', 'selection', 'select');
  const place = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState<[number, number]>([0, 40]);
  const [height, setHeight] = useState(25);
  const columns = useMemo(
    () => Object.entries(table.columns).filter(([, { dims }]) => dims.length === 0),
    [table],
  );
  const look = () => {
    const box = place.current;
    if (!box) return;
    const tall = box.querySelector<HTMLElement>('tbody tr[data-row]')?.offsetHeight ?? height;
    const from = Math.max(0, Math.floor(box.scrollTop / tall) - MORE);
    const to = Math.ceil((box.scrollTop + box.clientHeight) / tall) + MORE;
    if (tall !== height) setHeight(tall);
    if (from !== seen[0] || to !== seen[1]) setSeen([from, to]);
  };
  useEffect(look);
  const chosen = offset ? undefined : rowIn(result, selection, name);
  const own = selection?.table === name ? selection.row : undefined;
  const linked = chosen ?? (offset ? undefined : firstLinked(result, selection, name, table.rows));
  useEffect(() => {
    const box = place.current;
    if (!box || linked === undefined) return;
    const top = linked * height;
    const head = box.querySelector('thead')?.clientHeight ?? 0;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + height + head > box.scrollTop + box.clientHeight) {
      box.scrollTop = top + height + head - box.clientHeight;
    }
  }, [linked, name]);
  const [from, to] = [Math.min(seen[0], table.rows), Math.min(seen[1], table.rows)];
  return (
    <div className="scroll" ref={place} onScroll={look} tabIndex={0} role="region" aria-label={words.tableOf(name)}>
      <table role="grid" aria-rowcount={table.total}>
        <thead>
          <tr>
            {columns.map(([key, { attrs }]) => (
              <th key={key} title={attrs.long_name} scope="col">
                {key.replaceAll('_', ' ')}
                {unit(attrs.units) && <small>{unit(attrs.units)}</small>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {from > 0 && <tr aria-hidden="true" style={{ height: from * height }} />}
          {Array.from({ length: to - from }, (_, i) => from + i).map((row) => (
            <tr
              key={row}
              data-row={row}
              aria-rowindex={row + 1}
              aria-selected={!offset && isLinked(result, selection, name, row)}
              tabIndex={0}
              onClick={() => offset || select(own === row ? undefined : { table: name, row })}
              onKeyDown={(event) => {
                if (event.key === 'Enter' && !offset) select(own === row ? undefined : { table: name, row });
              }}
            >
              {columns.map(([key, column]) => (
                <td key={key}>
                  <Cell {...{ column, row }} classes={views.classes} reference={key in result.tables} />
                </td>
              ))}
            </tr>
          ))}
          {to < table.rows && <tr aria-hidden="true" style={{ height: (table.rows - to) * height }} />}
        </tbody>
      </table>
    </div>
  );
}

function firstLinked(result: ResultDoc, selection: Parameters<typeof isLinked>[1], name: string, rows: number) {
  if (!selection) return undefined;
  for (let row = 0; row < rows; row++) if (isLinked(result, selection, name, row)) return row;
  return undefined;
}

function Cell(props: { column: Column; classes: Class[]; row: number; reference: boolean }) {
  const { column, classes, row, reference } = props;
  const value = column.values[row];
  const found = classesOf(column.attrs).find((one) => one.value === value);
  if (found) {
    if (!speaksOf(column.attrs, classes)) return <>{found.name}</>;
    return (
      <>
        <i className="swatch" style={{ background: found.colour }} /> {found.name}
      </>
    );
  }
  if (typeof value === 'string') return <>{value}</>;
  if (typeof value !== 'number') return <>{value === true ? 'yes' : value === false ? 'no' : '–'}</>;
  if (reference) return <>{value < 0 ? '–' : value + 1}</>;
  return <>{number(value, 4)}</>;
}
