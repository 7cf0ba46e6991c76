import { describe, expect, it } from 'vitest';
import { readAddress, writeAddress } from '../src/data/address';
import { classesOf } from '../src/data/classes';
import { grown } from '../src/data/history';
import { PLAIN, placeOf, sane, tableOf, windowOf } from '../src/data/looks';
import { csvOf, read } from '../src/data/measure';
import { at, joined, moved, rangesOf, rankOf, sizeOf } from '../src/data/ranges';
import { changesOf, valueOf } from '../src/data/schema';
import { axesOf, lengthened, pathOf, type SteeringEvent } from '../src/data/steering';
import { follow, isLinked, outlinesOf, placesOf, viewsOf, visitsOf } from '../src/data/views';
import { fullPixelAt, fullPosition, nameOf, pictureOf, pixelAt, valueAt, type ResultDoc } from '../src/data/wire';
import { settled } from '../src/settings';

function picture(head: Record<string, string>, data: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>, enc: string) {
  return pictureOf(new Headers(head), data, `x?enc=${enc}`);
}
const HEAD = {
  'x-shape': '2,3',
  'x-dtype': '|u1',
  'x-scale': '0.5',
  'x-offset': '10',
  'x-low': '11',
  'x-high': '13',
  'x-step': '4',
  'x-full-shape': '8,11',
  'x-axes': JSON.stringify({ y: { start: 0.15, step: 0.4, units: 'nm' }, x: { start: 0.15, step: 0.4, units: 'nm' } }),
  'x-run': 'a%20%3Cb%3E',
  'x-frame': '7',
};

describe('a picture', () => {
  const p = picture(HEAD, Uint8Array.from([0, 1, 2, 3, 4, 255]), 'u8');
  it('gives true values of codes, none for 0', () => {
    expect(valueAt(p, 0, 0)).toBeNaN();
    expect(valueAt(p, 0, 2)).toBe(11);
    expect(p.run).toBe('a <b>');
  });
  it('knows which pixel, and which of the whole image, lies at a position', () => {
    expect(pixelAt(p, 0.55, 0.95)).toEqual([1, 2]);
    expect(pixelAt(p, -0.2, 0)).toBeUndefined();
    expect(fullPixelAt(p, 0, 0)).toEqual([0, 0]);
    expect(fullPixelAt(p, 0.34, 1.04)).toEqual([3, 10]);
    expect(fullPixelAt(p, 0.34, 1.09)).toBeUndefined(); // the last mean reaches beyond the image
    expect(fullPosition(p, 'y', 0)).toBeCloseTo(-0.05);
    expect(fullPosition(p, 'y', 4)).toBeCloseTo(0.35);
  });
});

describe('runs that are called alike', () => {
  const archived = picture({ ...HEAD, 'x-id': '20261121T1_cam_1', 'x-run': '1' }, new Uint8Array(6), 'u8');
  it('are told apart by the name of the archive', () => {
    expect(nameOf(archived)).toBe('20261121T1_cam_1');
    expect(nameOf(picture({ ...HEAD, 'x-run': '1' }, new Uint8Array(6), 'u8'))).toBe('1');
  });
});

describe('frames', () => {
  const ranges = joined([[5, 9]], rangesOf([1, 2, 3]), [[9, 12]]);
  it('are ranges, whatever the order', () => {
    expect(ranges).toEqual([[1, 3], [5, 12]]);
    expect(sizeOf(ranges)).toBe(11);
  });
  it('are stepped over gaps and stop at the ends', () => {
    expect(moved(ranges, 3, 1)).toBe(5);
    expect(moved(ranges, 5, -1)).toBe(3);
    expect(moved(ranges, 12, 1)).toBe(12);
    expect(moved(ranges, 1, -1e9)).toBe(1);
    expect(at([], 3)).toBeUndefined();
    expect([1, 3, 4, 5, 99].map((n) => rankOf(ranges, n))).toEqual([0, 2, 3, 3, 10]);
  });
});

describe('a look', () => {
  it('is sane whatever a browser kept', () => {
    expect(sane({ percentiles: [99, 1], gamma: Number.NaN, colours: 'constructor' as never, locked: [1, Number.NaN] })).toEqual(PLAIN);
  });
  it('has a window also where there are no values', () => {
    const p = picture({ ...HEAD, 'x-low': 'nan', 'x-high': 'nan' }, new Uint8Array(6), 'u8');
    expect(windowOf(PLAIN, p)).toEqual([0, 1]);
    const [low, high] = windowOf({ ...PLAIN, scale: 'log', locked: [-5, 100] }, p);
    expect([low, high]).toEqual([0.01, 100]);
  });
  it('places values', () => {
    expect(placeOf(10, [1, 100], { ...PLAIN, scale: 'log' })).toBeCloseTo(0.5);
    expect(placeOf(25, [0, 100], { ...PLAIN, scale: 'sqrt' })).toBe(0.5);
    expect(placeOf(-3, [0, 100], PLAIN)).toBe(0);
  });
  it('has 256 colours, the other way round inverted', () => {
    const [one, other] = [tableOf('Viridis', false), tableOf('Viridis', true)];
    expect([...one.slice(0, 3)]).toEqual([68, 1, 84]);
    expect([...other.slice(-4, -1)]).toEqual([68, 1, 84]);
  });
});

const RESULT = {
  seq: 1, run: 'r', frame: 3, analysis: 'any', attrs: {},
  dims: {
    y: { size: 4, units: 'nm', start: 0, step: 1 }, x: { size: 4, units: 'nm', start: 0, step: 1 },
    ky: { size: 4, units: '1/nm' }, kx: { size: 4, units: '1/nm' }, energy: { size: 9 },
    phase: { size: 2, values: ['a', '<b>'] },
  },
  variables: {
    map: { dims: ['y', 'x'], shape: [4, 4], dtype: '|u1', attrs: { flag_values: [0, 1], flag_meanings: 'vacuum a' } },
    thing_map: { dims: ['y', 'x'], shape: [4, 4], dtype: '<i4', attrs: {} },
    stack: { dims: ['energy', 'y', 'x'], shape: [9, 4, 4], dtype: '<f4', attrs: {} },
    power: { dims: ['ky', 'kx'], shape: [4, 4], dtype: '<f4', attrs: {} },
    spectrum: { dims: ['energy'], shape: [9], dtype: '<f4', attrs: {}, values: [1, 2] },
    spectrum_sigma: { dims: ['energy'], shape: [9], dtype: '<f4', attrs: {}, values: [1, 2] },
    share: { dims: ['phase'], shape: [2], dtype: '<f4', attrs: {}, values: [0.25, 0.75] },
    count: { dims: [], shape: [], dtype: '<i4', attrs: {}, values: 5 },
  },
  tables: {
    thing: { rows: 2, total: 2, columns: {
      y: { dims: [], attrs: {}, values: [1, 2] }, x: { dims: [], attrs: {}, values: [1, 2] },
      outline_y: { dims: ['ray'], attrs: {}, values: [[0, 1], [1, 2]] }, outline_x: { dims: ['ray'], attrs: {}, values: [[0, 1], [1, 2]] },
    } },
    spot: { rows: 2, total: 2, columns: {
      ky: { dims: [], attrs: {}, values: [1, 2] }, kx: { dims: [], attrs: {}, values: [1, 2] },
      y: { dims: [], attrs: {}, values: [1, 2] }, x: { dims: [], attrs: {}, values: [1, 2] },
      thing: { dims: [], attrs: {}, values: [1, 0] },
    } },
  },
} as unknown as ResultDoc;

describe('a result that nobody has seen before', () => {
  const views = viewsOf(RESULT);
  it('is sorted by its dims and attributes', () => {
    expect(views.classMap?.name).toBe('map');
    expect(views.rowMaps.thing?.name).toBe('thing_map');
    expect(views.layers.map(({ name }) => name)).toEqual(['stack']);
    expect(views.planes.map(({ name }) => name)).toEqual(['power']);
    expect(views.curves.energy?.map(({ name }) => name)).toEqual(['spectrum']);
    expect(views.shares.map(({ name }) => name)).toEqual(['share']);
    expect(views.numbers.map(({ name }) => name)).toEqual(['count']);
  });
  it('says where its things are, and their outlines', () => {
    expect(placesOf(RESULT, 'spot')).toEqual(['ky', 'kx']);
    expect(outlinesOf(RESULT, 'thing', ['y', 'x'])?.[0]).toHaveLength(2);
    expect(outlinesOf(RESULT, 'spot', ['y', 'x'])).toBeUndefined();
  });
  it('links rows both ways and follows a thing to the next frame', () => {
    expect(isLinked(RESULT, { table: 'thing', row: 1 }, 'spot', 0)).toBe(true);
    expect(isLinked(RESULT, { table: 'spot', row: 0 }, 'thing', 1)).toBe(true);
    expect(isLinked(RESULT, { table: 'spot', row: 0 }, 'thing', 0)).toBe(false);
    expect(follow(RESULT, { ...RESULT, seq: 2 }, { table: 'thing', row: 1 })).toEqual({ table: 'thing', row: 1 });
  });
  it('has 500 classes, each with a colour', () => {
    const names = Array.from({ length: 500 }, (_, i) => `c${i}`);
    const classes = classesOf({ flag_values: names.map((_, i) => i), flag_meanings: names.join(' ') });
    expect(classes).toHaveLength(500);
    expect(classes.every(({ colour }) => /^#[0-9a-f]{6}$/.test(colour))).toBe(true);
    expect(new Set(classes.map(({ colour }) => colour)).size).toBeGreaterThan(300);
  });
  it('leaves its numbers behind, bounded', () => {
    let history = grown({}, undefined, RESULT);
    for (let i = 0; i < 500; i++) history = grown(history, RESULT, RESULT);
    expect(history.count).toHaveLength(240);
    expect(history['share <b>']?.at(-1)).toBe(0.75);
    expect(grown(history, RESULT, { ...RESULT, run: 'other' }).count).toHaveLength(1);
  });
});

describe('what is typed', () => {
  it('is read as the setting wants it', () => {
    expect(valueOf({ type: 'number' }, ' 1e-3 ')).toEqual({ value: 0.001 });
    expect(valueOf({ type: 'number' }, 'x')).toEqual({ error: 'number' });
    expect(valueOf({ type: 'integer' }, '1.5')).toEqual({ error: 'whole' });
    expect(valueOf({ type: 'number', nullable: true }, '')).toEqual({ value: null });
    expect(valueOf({ type: 'array', items: { type: 'number' } }, '1, 2')).toEqual({ value: [1, 2] });
    expect(valueOf({ type: 'object' }, '{')).toEqual({ error: 'json' });
    expect(changesOf({ a: 1, b: [2] }, { a: 1, b: [3] })).toEqual({ b: [3] });
  });
});

describe('the address', () => {
  it('keeps run, frame and layout', () => {
    const search = '?run=a/b <c>&frame=12&beside=&layout=13!image|10!plane:x';
    const address = readAddress(search);
    expect(address).toMatchObject({ run: 'a/b <c>', frame: 12, beside: '', layout: '13!image|10!plane:x' });
    expect(readAddress(writeAddress(address))).toEqual(address);
    expect(readAddress('?frame=-1&run=')).toMatchObject({ run: undefined, frame: undefined });
  });
});

describe('a measurement', () => {
  it('of a box has its numbers and their course', () => {
    const past = { frames: [1, 2], mean: [1, 2], sigma: [0, 0], sum: [4, 8] };
    const answer = { count: 4, mean: 2, sigma: 0, sum: 8, min: 2, max: 2, units: 'counts', area: null, history: past };
    const { facts, series } = read({ kind: 'box', variable: '', box: [0, 0, 2, 2] }, answer);
    expect(facts[0]).toEqual(['mean', 2, 'counts']);
    expect(series.map(({ name }) => name)).toEqual(['mean', 'sigma', 'sum']);
    expect(csvOf(series)).toContain('"frame","mean [counts]"\n1,1\n2,2');
  });
  it('never lets a spreadsheet compute a name', () => {
    expect(csvOf([{ name: '=1+1', axis: 'x', at: [], values: [], units: '' }])).toContain(`"'=1+1"`);
  });
});

it('settings of any age are read', () => {
  expect(settled({ opacity: 9, turned: 'x', theme: 'pink', looks: null, locked: [1, 2] })).toMatchObject({ opacity: 0.4, turned: [], theme: undefined, looks: {} });
  expect(settled(null).overlay).toBe(true);
});

describe('steering', () => {
  const done = (n: number, moves: Record<string, number>): SteeringEvent => ({
    ...{ event: 'done', at: `2026-01-01T00:00:${n}`, by: 'hunt', via: 'api', id: String(n) },
    moves: Object.fromEntries(Object.entries(moves).map(([axis, to]) => [axis, { to, from: 1, units: 'nm' }])),
  });
  const events = [done(10, { y: 2 }), done(11, { y: 3, x: 5 }), done(12, { x: 6 }), { ...done(13, { x: 9 }), event: 'refused' }];
  it('goes where moves were done, axes that are not moved stay', () => {
    expect(pathOf(events, ['y', 'x'])).toEqual([[3, 5], [3, 6]]);
    expect(axesOf(events)).toEqual(['y', 'x']);
  });
  it('draws each scan over its own map', () => {
    const column = (...values: number[]) => ({ dims: [], attrs: {}, values });
    const columns = { y: column(0, 0, 15), x: column(0, 30, 0), scan: column(1, 2, 1) };
    const tables = { spot: { rows: 1, total: 1, columns: { y: column(1), x: column(2) } }, visit: { rows: 3, total: 3, columns } };
    const result = { tables } as unknown as ResultDoc;
    const dims: [string, string] = ['stage_y', 'stage_x'];
    expect(visitsOf(result, dims, 1)).toEqual([[0, 0], [15, 0]]);
    expect(visitsOf(result, dims, 2)).toEqual([[0, 30]]);
    tables.visit.total = 9; // a path with gaps is none
    expect(visitsOf(result, dims, 1)).toBeUndefined();
  });
  it('keeps events that the service no longer tells, each once', () => {
    const later = lengthened(events.slice(0, 2), events.slice(1));
    expect(later).toEqual(events);
    expect(lengthened(later, events.slice(2))).toBe(later);
  });
});
