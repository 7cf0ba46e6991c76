/** What a result can be shown as, told by its dims and attributes alone. */
import { classesOf, type Class } from './classes';
import type { ResultDoc, Variable } from './wire';

export interface Named {
  name: string;
  variable: Variable;
}

export interface Views {
  /** Maps over the image (dims y, x) of classes. */
  classMap: Named | undefined;
  classes: Class[];
  /** Maps of row numbers: `grain_map` tells which row of the table `grain` a pixel belongs to. */
  rowMaps: Record<string, Named>;
  /** Maps over the image of measured values. */
  layers: Named[];
  /** Pictures over other axes, such as a power spectrum. */
  planes: Named[];
  /** Curves, by the dimension they run along. */
  curves: Record<string, Named[]>;
  /** Numbers by name, such as the share of each phase. */
  shares: Named[];
  /** Single numbers. */
  numbers: Named[];
}

export function viewsOf(result: ResultDoc | undefined): Views {
  const views: Views = {
    classMap: undefined,
    classes: [],
    rowMaps: {},
    layers: [],
    planes: [],
    curves: {},
    shares: [],
    numbers: [],
  };
  for (const [name, variable] of Object.entries(result?.variables ?? {})) {
    if (result) place(result, views, { name, variable });
  }
  return views;
}

function place(result: ResultDoc, views: Views, named: Named): void {
  const { dims, dtype, attrs } = named.variable;
  const whole = /^[|<>]?[ui]/.test(dtype);
  if (dims.length === 0) {
    if (!isSigma(result, named.name)) views.numbers.push(named);
  }
  else if (dims.length === 1) placeCurve(result, views, named, dims[0] ?? '');
  else if (dims.at(-2) === 'y' && dims.at(-1) === 'x') {
    const table = named.name.replace(/_map$/, '');
    const classes = classesOf(attrs);
    if (dims.length > 2) views.layers.push(named);
    else if (classes.length && !views.classMap) {
      views.classMap = named;
      views.classes = classes;
    } else if (whole && table in result.tables) views.rowMaps[table] = named;
    else views.layers.push(named);
  } else views.planes.push(named);
}

function placeCurve(result: ResultDoc, views: Views, named: Named, dim: string): void {
  const axis = result.dims[dim];
  if (isSigma(result, named.name)) return;
  if (typeof axis?.values?.[0] === 'string') views.shares.push(named);
  else (views.curves[dim] ??= []).push(named);
}

/** Whether it is the uncertainty of another variable, and shown with that. */
function isSigma(result: ResultDoc, name: string): boolean {
  return name.endsWith('_sigma') && name.slice(0, -6) in result.variables;
}

/** The first two columns of a table that are places along two dimensions: where its things are. */
export function placesOf(result: ResultDoc, table: string): [string, string] | undefined {
  const names = Object.keys(result.tables[table]?.columns ?? {}).filter((name) => name in result.dims);
  const [first, second] = names;
  return first !== undefined && second !== undefined ? [first, second] : undefined;
}

/** Polygons of a table's rows over two dimensions: columns `outline_y`, `outline_x`. */
export function outlinesOf(
  result: ResultDoc,
  table: string,
  dims: [string, string],
): [number[][], number[][]] | undefined {
  const columns = result.tables[table]?.columns ?? {};
  const [y, x] = dims.map((dim) => columns[`outline_${dim}`]?.values as unknown);
  return isGrid(y) && isGrid(x) ? [y, x] : undefined;
}

function isGrid(values: unknown): values is number[][] {
  return Array.isArray(values) && values.every(Array.isArray);
}

/** Where a dimension's points are. */
export function pointsOf(result: ResultDoc, dim: string): number[] {
  const axis = result.dims[dim];
  if (!axis) return [];
  if (axis.values) return axis.values.map(Number);
  const { start = 0, step = 1 } = axis;
  return Array.from({ length: axis.size }, (_, i) => start + step * i);
}

/** A table's column of numbers, NaN where there is none. */
export function numbersOf(result: ResultDoc, table: string, column: string): number[] | undefined {
  const values = result.tables[table]?.columns[column]?.values;
  return values?.map((value) => (typeof value === 'number' ? value : Number.NaN));
}

/** Where a scan went: the rows of that scan in a table of visits; undefined where not all are told. */
export function visitsOf(result: ResultDoc, [dimY, dimX]: [string, string], scan: unknown): [y: number, x: number][] | undefined {
  const last = (dim: string) => dim.slice(dim.lastIndexOf('_') + 1);
  for (const [table, { rows, total }] of Object.entries(result.tables)) {
    const scans = numbersOf(result, table, 'scan');
    const [y, x] = [numbersOf(result, table, last(dimY)), numbersOf(result, table, last(dimX))];
    if (!scans || !y || !x || rows < total) continue;
    return scans.flatMap((of, row) => (of === scan ? [[y[row] ?? Number.NaN, x[row] ?? Number.NaN]] : []));
  }
  return undefined;
}

export interface Selection {
  table: string;
  row: number;
}

/** Whether a row belongs to the selection: it is it, refers to it, or is referred to by it. */
export function isLinked(
  result: ResultDoc,
  selection: Selection | undefined,
  table: string,
  row: number,
): boolean {
  if (!selection) return false;
  if (selection.table === table) return selection.row === row;
  const up = result.tables[table]?.columns[selection.table]?.values[row];
  if (up === selection.row) return true;
  return result.tables[selection.table]?.columns[table]?.values[selection.row] === row;
}

/** The row of `table` that the selection means, or undefined. */
export function rowIn(
  result: ResultDoc,
  selection: Selection | undefined,
  table: string,
): number | undefined {
  if (!selection) return undefined;
  if (selection.table === table) return selection.row;
  const there = result.tables[selection.table]?.columns[table]?.values[selection.row];
  return typeof there === 'number' && there >= 0 ? there : undefined;
}

/** Where the selected thing is in the next result: the nearest of its kind, if there is one near. */
export function follow(
  from: ResultDoc | undefined,
  to: ResultDoc | undefined,
  selection: Selection | undefined,
): Selection | undefined {
  if (!from || !to || !selection || from.run !== to.run) return undefined;
  const { table, row } = selection;
  const [fromY, fromX, toY, toX] = [from, to].flatMap((result) => [
    numbersOf(result, table, 'y'),
    numbersOf(result, table, 'x'),
  ]);
  const [y, x] = [fromY?.[row], fromX?.[row]];
  const { size = 0, step = 1 } = to.dims.x ?? {};
  let nearest = 0.04 * size * Math.abs(step);
  let found: Selection | undefined;
  if (y === undefined || x === undefined || !toY || !toX) return undefined;
  toY.forEach((value, i) => {
    const distance = Math.hypot(value - y, (toX[i] ?? Number.NaN) - x);
    if (distance > nearest || !(distance >= 0)) return;
    nearest = distance;
    found = { table, row: i };
  });
  return found;
}
