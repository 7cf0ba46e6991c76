import { describe, expect, it } from 'vitest';
import { PLAIN, tableOf } from '../src/data/looks';
import { pictureOf, valueAt, type Picture } from '../src/data/wire';
import { painted } from '../src/draw/Values';

const picture = (data: number[], some: Partial<Picture> = {}): Picture => ({
  ...pictureOf(new Map([['x-dtype', '<u2'], ['x-shape', `1,${data.length}`]]), new Uint16Array(data), 'enc=u16&size=9'),
  ...{ scale: 0.5, offset: 0, low: 0, high: 100, ...some },
});
const colours = (one: Picture, minus?: Picture): number[] => {
  const pixels = new Uint32Array(one.data.length);
  painted(pixels, one, minus, PLAIN, [0, 100]);
  return [...pixels];
};
const NONE = 0xff524a7a;

describe('codes of 16 bits', () => {
  it('are codes only where they were asked for', () => {
    expect(picture([2]).coded).toBe(true);
    expect(pictureOf(new Map([['x-dtype', '<u2']]), new Uint16Array(1), 'enc=raw').coded).toBe(false);
    expect(valueAt(picture([0, 300]), 0, 0)).toBeNaN();
    expect(valueAt(picture([0, 300]), 0, 1)).toBe(150);
  });
  it('have the colours of their values', () => {
    const table = new Uint32Array(tableOf('Viridis', false).buffer);
    expect(colours(picture([0, 1, 200, 65535]))).toEqual([NONE, table[1], table[255], table[255]]);
  });
  it('are subtracted, but not where both lie beyond what is coded', () => {
    const far = { scale: 50100 / 65534, offset: -25000 - 50100 / 65534 };
    const [same, unknown, known] = colours(picture([30000, 65535, 65535], far), picture([30000, 65535, 65000], far));
    expect(same).toBe(new Uint32Array(tableOf('Viridis', false).buffer)[0]);
    expect(unknown).toBe(NONE);
    expect(known).not.toBe(NONE);
    const most = picture([65535], { scale: 0.05 });
    expect(colours(most, most)).not.toEqual([NONE]); // the highest there is
  });
});
