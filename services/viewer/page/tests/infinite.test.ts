import { describe, expect, it } from 'vitest';
import { fixed, number } from '../src/data/format';
import { csvOf, read } from '../src/data/measure';
import { viewsOf } from '../src/data/views';
import { understood, type Attrs, type Picture, type ResultDoc } from '../src/data/wire';
import { PLAIN } from '../src/data/looks';
import { painted } from '../src/draw/Values';

const attrs: Attrs = {};
const said = (): ResultDoc =>
  ({
    dims: { e: { size: 2, values: ['inf', 1] }, phase: { size: 1, values: ['inf'] } },
    variables: {
      ratio: { dims: [], shape: [], dtype: '<f8', attrs, values: '-inf' },
      curve: { dims: ['e'], shape: [2], dtype: '<f8', attrs, values: [1, 'inf'] },
      word: { dims: [], shape: [], dtype: '<U3', attrs, values: 'inf' },
    },
    tables: { spot: { rows: 2, total: 2, columns: {
      d: { dims: [], dtype: '<f8', attrs, values: ['inf', null] },
      outline: { dims: ['ray'], dtype: '<f4', attrs, values: [['-inf', 2], [1, 2]] },
      label: { dims: [], dtype: '<U3', attrs, values: ['inf', 'a'] },
    } } },
  }) as unknown as ResultDoc;

describe('infinite numbers', () => {
  it('are numbers again where numbers are meant, and words stay words', () => {
    const { variables, tables, dims } = understood(said());
    expect([variables.ratio?.values, variables.curve?.values, variables.word?.values]).toEqual([-Infinity, [1, Infinity], 'inf']);
    expect([dims.e?.values, dims.phase?.values]).toEqual([[Infinity, 1], ['inf']]);
    expect(tables.spot?.columns.d?.values).toEqual([Infinity, null]);
    expect(tables.spot?.columns.outline?.values).toEqual([[-Infinity, 2], [1, 2]]);
    expect(tables.spot?.columns.label?.values).toEqual(['inf', 'a']);
    expect(viewsOf(understood(said())).numbers.map(({ name }) => name)).toEqual(['ratio', 'word']);
  });
  it('are written as such, and NaN as no value', () => {
    expect([number(Infinity), number(-Infinity), number(Number.NaN), fixed(-Infinity, 2)]).toEqual(['∞', '−∞', '–', '−∞']);
  });
  it('are read from a pixel, and kept in a spreadsheet', () => {
    const value = { value: '-inf', units: 'nm', label: null, sigma: 'inf', along: [], history: { frames: [1, 2], values: ['inf', null] } };
    const { facts, series } = read({ kind: 'pixel', variable: 'v', pixel: [0, 0] }, value);
    expect(facts).toEqual([['value', -Infinity, 'nm'], ['sigma', Infinity, 'nm']]);
    expect(csvOf(series).split('\n')).toEqual(['"frame","over frames [nm]"', '1,inf', '2,']);
  });
  it('have no colour of the scale', () => {
    const picture = { shape: [1, 3], data: new Float32Array([Infinity, -Infinity, 5]), coded: false } as unknown as Picture;
    const pixels = new Uint32Array(3);
    painted(pixels, picture, undefined, PLAIN, [0, 10]);
    expect(pixels[0]).toBe(pixels[1]);
    expect(pixels[2]).not.toBe(pixels[0]);
  });
});
