import { describe, expect, it } from 'vitest';
import { columnsOf, queried, START, turnedBy } from '../src/data/turning';
import type { ResultDoc } from '../src/data/wire';

const variable = (dims: string[], dtype: string) => ({ dims, dtype, shape: dims.map(() => 4), attrs: {} });
const result = {
  variables: { particle_map: variable(['z', 'y', 'x'], '<u4') },
  tables: {
    particle: { columns: { label: { values: [1, 2] }, damage: { values: [0.5, null] }, note: { values: ['a', 'b'] } } },
  },
} as unknown as ResultDoc;
const named = (name: string, dims: string[], dtype: string) => ({ name, variable: variable(dims, dtype) }) as never;

describe('a volume that is turned', () => {
  it('is one of labels with a table, coloured by its numbers', () => {
    expect(columnsOf(result, named('particle_map', ['z', 'y', 'x'], '<u4'))).toEqual(['label', 'damage']);
    expect(columnsOf(result, named('particle_map', ['y', 'x'], '<u4'))).toEqual([]);
    expect(columnsOf(result, named('particle_map', ['z', 'y', 'x'], '<f4'))).toEqual([]);
    expect(columnsOf(result, named('grain_map', ['z', 'y', 'x'], '<u4'))).toEqual([]);
    expect(columnsOf(undefined, named('particle_map', ['z', 'y', 'x'], '<u4'))).toEqual([]);
    expect(columnsOf(result, undefined)).toEqual([]);
  });

  it('goes round, but not over the top', () => {
    expect(turnedBy(START, -50, 100)).toEqual({ azimuth: 345, elevation: 90, colour: '' });
    expect(turnedBy(START, 720, -300)).toEqual({ azimuth: 35, elevation: -90, colour: '' });
  });

  it('is asked for in whole degrees beside all else', () => {
    expect(queried('enc=u8&size=512', { azimuth: 10.4, elevation: -3.6, colour: '' })).toBe('enc=u8&size=512&turn=10%2C-4');
    expect(queried('enc=u8', { ...START, colour: 'damage' })).toBe('enc=u8&turn=35%2C28&colour=damage');
  });
});
