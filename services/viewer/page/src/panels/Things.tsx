/** The things of tables above a picture: points, star polygons, and the pixels of what is selected. */
import { useMemo } from 'react';
import { colourOfRow } from '../data/classes';
import { reciprocal } from '../data/format';
import { isLinked, numbersOf, outlinesOf, placesOf, rowIn } from '../data/views';
import type { Picture, ResultDoc } from '../data/wire';
import { Dots, Marks, Outline, Polygons, type Mark } from '../draw/Marks';
import { useScene, type Scene } from '../scene';

/** More than so many points are drawn as dots, without handles of their own. */
const MARKS = 300;

interface Props {
  dims: [string, string];
  rowMaps: Record<string, Picture>;
}

export function Things({ dims, rowMaps }: Props) {
  const scene = useScene('shown', 'selection', 'views', 'select');
  const { shown, selection, views } = scene;
  const { result } = shown;
  const marks = useMemo(
    () => (result ? marksOf(scene, result, dims, Object.keys(rowMaps)) : []),
    [result, views, selection, dims.join(), rowMaps],
  );
  if (!result) return null;
  const many = marks.length > MARKS;
  const outlined = Object.keys(result.tables).flatMap((table) => {
    const polygons = outlinesOf(result, table, dims);
    return polygons ? [{ table, polygons }] : [];
  });
  return (
    <>
      {outlined.map(({ table, polygons }) => (
        <Polygons key={table} y={polygons[0]} x={polygons[1]} strong={rowIn(result, selection, table)} />
      ))}
      {Object.entries(rowMaps).map(([table, map]) => {
        const row = rowIn(result, selection, table);
        return row === undefined ? null : <Outline key={table} map={map} value={row + 1} />;
      })}
      {many && <Dots marks={marks.filter(({ strong }) => !strong)} />}
      <Marks marks={many ? marks.filter(({ strong }) => strong).slice(0, MARKS) : marks} radius={6} />
    </>
  );
}

/** The rows of every table that lie over both axes: all where that is their first place, else the selected. */
function marksOf(scene: Pick<Scene, 'views' | 'selection' | 'select'>, result: ResultDoc, [dimY, dimX]: [string, string], mapped: string[]): Mark[] {
  const { views, selection, select } = scene;
  const mirrored = reciprocal(result.dims[dimX]?.units) !== undefined;
  return Object.keys(result.tables).flatMap((table) => {
    const y = numbersOf(result, table, dimY);
    const x = numbersOf(result, table, dimX);
    if (!y || !x) return [];
    const first = placesOf(result, table)?.join() === [dimY, dimX].join();
    const drawn = mapped.includes(table) || outlinesOf(result, table, [dimY, dimX]) !== undefined;
    const labels = result.tables[table]?.columns.label?.values;
    return y.flatMap((value, row) => {
      const strong = isLinked(result, selection, table, row);
      if (!strong && (!first || drawn)) return [];
      const label = labels?.[row];
      const mark: Mark = {
        id: `${table}${row}`,
        y: value,
        x: x[row] ?? Number.NaN,
        colour: colourOfRow(result, views.classes, table, row) ?? '#ffffff',
        strong,
        label: first && typeof label === 'string' ? label : '',
        onPick: () => select({ table, row }),
      };
      if (!Number.isFinite(mark.y) || !Number.isFinite(mark.x)) return [];
      const mate = { ...mark, id: `${mark.id}-`, y: -mark.y, x: -mark.x, faint: true };
      return mirrored ? [mark, mate] : [mark];
    });
  });
}
