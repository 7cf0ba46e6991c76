/** What travels between service and page, and how to ask for it. */
import type { SteeringDoc } from './steering';

export interface Attrs {
  units?: string;
  long_name?: string;
  flag_values?: number[];
  flag_meanings?: string;
  note?: string;
  [name: string]: unknown;
}

export interface Axis {
  start: number;
  step: number;
  units: string;
}

/** One decision on the pixel grid, as the service keeps it. */
export interface Decision {
  event: 'accept' | 'withdraw';
  at: string;
  by: string;
  correction: number[];
}

/** Scale, anisotropy and shear of the pixel grid: what holds, and what is proposed. */
export interface Correction {
  setting: unknown;
  in_force: Decision | null;
  proposal: {
    correction: number[];
    correction_sigma: number[] | null;
    enough: boolean;
    alarm: string;
    note: string;
    run: string;
    frames: number;
  } | null;
}

export interface Status {
  correction?: Correction | null;
  steering?: SteeringDoc | null;
  state?: string;
  source?: string;
  run?: string;
  run_status?: string;
  account?: {
    expected?: number | null;
    received?: number;
    missing?: number;
    missing_ranges?: [number, number][];
    archived?: number;
    processed?: number;
    failed?: number;
    refused?: Record<string, number>;
    skipped?: Record<string, number>;
  };
  rates?: { in_fps?: number; out_fps?: number };
  latency_ms?: { p50?: number; p95?: number; p99?: number };
  readers?: Record<string, { queue?: number; capacity?: number; policy?: string }>;
  archive?: { path?: string; free_bytes?: number; backlog_bytes?: number };
  alarms?: string[];
  analysis?: string;
  device?: string;
  calibration?: { pixel_size_nm?: number[]; origin?: string };
}

export interface Place {
  seq: number;
  source: string;
  run: string;
  number: number | null;
  analysis?: string | null;
}

export interface Notice {
  status: Status;
  status_age_s: number | null;
  frame_age_s: number | null;
  run: { source: string; run: string } | null;
  frame: Place | null;
  result: Place | null;
  /** The newest of what grows over a run, one for each analysis. */
  grown?: Place[];
  stop: { run: string; status: string; reason: string } | null;
}

export interface Column {
  dims: string[];
  dtype?: string;
  attrs: Attrs;
  values: (number | string | boolean | null)[];
}

export interface Table {
  rows: number;
  total: number;
  columns: Record<string, Column>;
}

export interface Variable {
  dims: string[];
  shape: number[];
  dtype: string;
  attrs: Attrs;
  values?: unknown;
  href?: string;
}

export interface Dim {
  size: number;
  units?: string;
  long_name?: string;
  start?: number;
  step?: number;
  values?: (number | string)[];
  /** Of how many values one is told, where they are very many. */
  every?: number;
}

export interface ResultDoc {
  seq: number;
  source: string;
  run: string;
  frame: number;
  analysis: string;
  error: string | null;
  image: boolean;
  /** How the archive knows the run, for links that last. */
  id?: string | null;
  from?: 'live' | 'archive';
  latency_s: number | null;
  provenance: Record<string, unknown>;
  attrs: Attrs;
  dims: Record<string, Dim>;
  variables: Record<string, Variable>;
  tables: Record<string, Table>;
}

export type Numbers =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** An array of two dimensions with what its numbers mean. */
export interface Picture {
  seq: number;
  run: string;
  /** How the archive knows the run, where it came from there. */
  id: string | null;
  frame: number;
  /** Of a frame: which of its images it is, and what they are called. */
  channel: string;
  channels: string[];
  shape: [number, number];
  data: Numbers;
  /** True where `data` are codes: value = offset + scale * code, 0 = none. */
  coded: boolean;
  scale: number;
  offset: number;
  low: number;
  high: number;
  step: number;
  /** Whether each pixel is the mean of step x step, not one of them. */
  averaged: boolean;
  /** The shape before shrinking. */
  full: [number, number];
  units: string;
  longName: string;
  /** What asked for it. */
  asked?: string;
  y: Axis;
  x: Axis;
}

const TYPES: Record<string, { new (buffer: ArrayBuffer, at: number, length: number): Numbers; BYTES_PER_ELEMENT: number }> = {
  '|u1': Uint8Array,
  '|i1': Int8Array,
  '<u2': Uint16Array,
  '<i2': Int16Array,
  '<u4': Uint32Array,
  '<i4': Int32Array,
  '<f4': Float32Array,
  '<f8': Float64Array,
};

/** An answer that is not a success, with the service's own sentence. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    text: string,
  ) {
    super(text);
  }
}

async function ask(address: string, how: RequestInit = {}): Promise<Response> {
  const answer = await fetch(address, { ...how, credentials: 'same-origin' });
  if (answer.ok) return answer;
  let text = `the service answered ${answer.status}`;
  try {
    const said: unknown = await answer.json();
    if (said && typeof said === 'object' && 'error' in said) text = String(said.error);
  } catch {
    // Not JSON: the status says enough.
  }
  throw new Refused(answer.status, text);
}

export async function askJson<T>(address: string): Promise<T> {
  return (await (await ask(address)).json()) as T;
}

/** Infinite numbers come as texts, for JSON has none. */
export function spoken<T>(value: T): T | number {
  return value === 'inf' ? Infinity : value === '-inf' ? -Infinity : value;
}

/** A result whose infinite numbers are numbers; it is changed in place. */
export function understood(result: ResultDoc): ResultDoc {
  for (const variable of Object.values(result.variables)) {
    if (isFloat(variable.dtype)) variable.values = Array.isArray(variable.values) ? heard(variable.values) : spoken(variable.values);
  }
  for (const dim of Object.values(result.dims)) {
    // names of things are no numbers, however they read
    if (dim.values?.some((value) => typeof value === 'number' || value === null)) dim.values = heard(dim.values);
  }
  Object.values(result.tables).forEach(understoodTable);
  return result;
}

export function understoodTable(table: Table): Table {
  for (const column of Object.values(table.columns)) {
    if (isFloat(column.dtype)) column.values = heard(column.values);
  }
  return table;
}

function heard<T>(values: T[]): T[] {
  const has = values.some((value) => value === 'inf' || value === '-inf' || Array.isArray(value));
  return has ? values.map((value) => (Array.isArray(value) ? heard(value) : spoken(value)) as T) : values;
}

function isFloat(dtype: string | undefined): boolean {
  return /^[<>|=]?[fc]/.test(dtype ?? '');
}

/** Tell the service something, as JSON. */
export async function tell<T>(address: string, said: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const how = { method: 'POST', headers, body: JSON.stringify(said) };
  return (await (await ask(address, how)).json()) as T;
}

export async function askText(address: string): Promise<string> {
  return (await ask(address)).text();
}

/** Accept or withdraw a correction of the pixel grid. */
export async function decide(wish: {
  action: 'accept' | 'withdraw';
  by: string;
  correction?: number[];
}): Promise<{ event: Decision }> {
  return tell('api/v1/calibration', wish);
}

/** Fetch a picture; undefined where there is nothing (newer). */
export async function askPicture(address: string): Promise<Picture | undefined> {
  const answer = await ask(address);
  if (answer.status === 204) return undefined;
  const bytes = await answer.arrayBuffer();
  return pictureOf(answer.headers, numbersIn(answer.headers, bytes, 0, bytes.byteLength), address);
}

/** What a header is found by: `Headers`, or a map of them. */
type Heads = { get: (name: string) => string | null | undefined };

/** The numbers that lie in a message, by the type that its headers tell. */
export function numbersIn(headers: Heads, bytes: ArrayBuffer, at: number, length: number): Numbers {
  const Kind = TYPES[headers.get('x-dtype') ?? ''];
  if (!Kind) throw new Refused(415, `the page can't read numbers of type ${headers.get('x-dtype')}`);
  return new Kind(bytes, at, length / Kind.BYTES_PER_ELEMENT);
}

/** What the service knows a run by: an archive has a name of its own, for runs are often called alike. */
export function nameOf({ id, run }: { id?: string | null | undefined; run: string }): string {
  return id || run;
}

/** What the headers of an answer say of its numbers. */
export function pictureOf(headers: Heads, data: Numbers, address: string): Picture {
  const head = (name: string) => headers.get(`x-${name}`) ?? '';
  const number = (name: string) => Number.parseFloat(head(name));
  const shape = (name: string) => head(name).split(',').map(Number);
  const axes = Object.values(JSON.parse(head('axes') || '{}') as Record<string, Axis>);
  const [ny = 0, nx = 0] = shape('shape');
  const [fullY, fullX] = shape('full-shape');
  const none: Axis = { start: 0, step: 1, units: 'px' };
  const step = number('step') || 1;
  return {
    seq: number('seq'),
    run: decodeURIComponent(head('run')),
    id: decodeURIComponent(head('id')) || null,
    frame: number('frame'),
    channel: decodeURIComponent(head('channel')),
    channels: JSON.parse(head('channels') || '[]') as string[],
    shape: [ny, nx],
    data,
    coded: ({ '|u1': 'enc=u8', '<u2': 'enc=u16' }[head('dtype')] ?? ' ') === /enc=u\d+/.exec(address)?.[0],
    scale: number('scale'),
    offset: number('offset'),
    low: number('low'),
    high: number('high'),
    step,
    averaged: !address.includes('enc=raw'),
    full: [fullY || ny * step, fullX || nx * step],
    units: decodeURIComponent(head('units')),
    longName: decodeURIComponent(head('long-name')),
    y: axes.at(-2) ?? none,
    x: axes.at(-1) ?? none,
  };
}

/** The true value of a pixel; NaN where there is none. */
export function valueAt(picture: Picture, iy: number, ix: number): number {
  const code = picture.data[iy * picture.shape[1] + ix];
  if (code === undefined) return Number.NaN;
  if (!picture.coded) return code;
  return code === 0 ? Number.NaN : picture.offset + picture.scale * code;
}

/** Which pixel lies at a position, or undefined outside. */
export function pixelAt(picture: Picture, y: number, x: number): [number, number] | undefined {
  const iy = Math.round((y - picture.y.start) / picture.y.step);
  const ix = Math.round((x - picture.x.start) / picture.x.step);
  const inside = iy >= 0 && ix >= 0 && iy < picture.shape[0] && ix < picture.shape[1];
  return inside ? [iy, ix] : undefined;
}

/** Which pixel of the whole image, before shrinking, lies at a position; undefined outside. */
export function fullPixelAt(picture: Picture, y: number, x: number): [number, number] | undefined {
  const pixel = [fullIndex(picture, 'y', y), fullIndex(picture, 'x', x)] as const;
  const inside = pixel.every((i, axis) => i >= 0 && i < (picture.full[axis] ?? 0));
  return inside ? [Math.floor(pixel[0]), Math.floor(pixel[1])] : undefined;
}

/** A position in pixels of the whole image, from the outer edge of the first. */
export function fullIndex(picture: Picture, axis: 'y' | 'x', at: number): number {
  const { start, step } = picture[axis];
  const pitch = step / picture.step;
  return (at - start) / pitch + (picture.averaged ? picture.step / 2 : 0.5);
}

/** The position of an edge between pixels of the whole image. */
export function fullPosition(picture: Picture, axis: 'y' | 'x', index: number): number {
  const { start, step } = picture[axis];
  const pitch = step / picture.step;
  return start + (index - (picture.averaged ? picture.step / 2 : 0.5)) * pitch;
}
