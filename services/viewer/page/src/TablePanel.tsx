/** The result's tables, one row per thing; a click selects a thing everywhere. */
import { useEffect, useRef, useState } from 'react';
import { classesOf, speaksOf, type Class } from './classes';
import { number, unit } from './format';
import { Panel, Toggle } from './Panel';
import { isLinked, type Selection } from './views';
import type { Column, ResultDoc } from './wire';
import { words } from './words';

interface Props {
  result: ResultDoc;
  classes: Class[];
  /** The table that is shown first. */
  first: string | undefined;
  selection: Selection | undefined;
  onSelect: (selection: Selection | undefined) => void;
}

export function TablePanel({ result, classes, first, selection, onSelect }: Props) {
  const names = Object.keys(result.tables).sort((a, b) => Number(b === first) - Number(a === first));
  const [chosen, setChosen] = useState<string>();
  const name = chosen && names.includes(chosen) ? chosen : first ?? names[0];
  const table = name === undefined ? undefined : result.tables[name];
  return (
    <Panel
      name="tables"
      title={words.tables}
      tools={names.map((one) => (
        <Toggle key={one} on={one === name} onToggle={() => setChosen(one)}>
          {one}s <small>{result.tables[one]?.total}</small>
        </Toggle>
      ))}
    >
      {name !== undefined && table && table.rows > 0 ? (
        <Rows {...{ result, classes, name, selection, onSelect }} />
      ) : (
        <p className="empty">{words.noRows}</p>
      )}
    </Panel>
  );
}

function Rows(props: {
  result: ResultDoc;
  classes: Class[];
  name: string;
  selection: Selection | undefined;
  onSelect: (selection: Selection | undefined) => void;
}) {
  const { result, classes, name, selection, onSelect } = props;
  const table = result.tables[name];
  const here = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    // Braces: newer browsers give a promise, which React would take for a clean-up.
    here.current?.scrollIntoView({ block: 'nearest' });
  }, [selection]);
  if (!table) return null;
  const columns = Object.entries(table.columns).filter(([, { dims }]) => dims.length === 0);
  return (
    <div className="scroll">
      <table>
        <thead>
          <tr>
            {columns.map(([key, { attrs }]) => (
              <th key={key} title={attrs.long_name}>
                {key.replaceAll('_', ' ')}
                {unit(attrs.units) && <small>{unit(attrs.units)}</small>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: table.rows }, (_, row) => {
            const linked = isLinked(result, selection, name, row);
            const own = selection?.table === name && selection.row === row;
            return (
              <tr
                key={row}
                ref={linked ? here : undefined}
                aria-selected={linked}
                tabIndex={0}
                onClick={() => onSelect(own ? undefined : { table: name, row })}
                onKeyDown={(event) => {
                  if (event.key === 'Enter') onSelect(own ? undefined : { table: name, row });
                }}
              >
                {columns.map(([key, column]) => (
                  <td key={key}>
                    <Cell {...{ column, classes, row }} reference={key in result.tables} />
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
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
