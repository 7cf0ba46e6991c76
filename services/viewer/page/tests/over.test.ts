import { describe, expect, it } from 'vitest';
import { lies, over } from '../src/data/over';
import { fullIndex, pixelAt, type Picture } from '../src/data/wire';

const base = {
  ...{ shape: [4, 8], full: [8, 16], step: 2, averaged: true },
  y: { start: 0.05, step: 0.2, units: 'nm' },
  x: { start: 0.05, step: 0.2, units: 'nm' },
} as unknown as Picture;
const plain = { start: 0, step: 1, units: '' };
const map = { shape: [4, 4], full: [4, 4], step: 1, averaged: false, y: plain, x: plain } as unknown as Picture;

describe('a map over a picture', () => {
  it('covers all of it where nothing is said of where its pixels are', () => {
    const laid = over(map, base, { y: { size: 4 }, x: { size: 4 } });
    expect(laid?.x.units).toBe('nm');
    // 16 pixels of 0.1 nm from -0.05 to 1.55 nm, in four parts
    expect(laid?.x.start).toBeCloseTo(0.15);
    expect(laid?.x.step).toBeCloseTo(0.4);
    expect(laid?.y.step).toBeCloseTo(0.2);
    expect(laid && pixelAt(laid, 0.74, 1.54)).toEqual([3, 3]);
    expect(fullIndex(base, 'x', 1.55)).toBeCloseTo(16);
  });
  it('lies where it says, in the units of the picture only', () => {
    const dims = { y: { size: 4, start: 0, step: 1, units: 'nm' }, x: { size: 4, start: 0, step: 1, units: 'nm' } };
    const placed = { ...map, y: { ...plain, units: 'nm' }, x: { ...plain, units: 'nm' } };
    expect(over(placed, base, dims)).toBe(placed);
    expect(over(map, base, dims)).toBeUndefined();
    expect(over(map, base, { y: { size: 2, values: [1, 3] }, x: { size: 4 } })).toBeUndefined();
  });
  it('takes things along with it under the same rule', () => {
    expect(lies({ y: { size: 4 }, x: { size: 4 } }, ['y', 'x'], base)).toBe(true);
    expect(lies({ y: { size: 4, units: 'px' }, x: { size: 4 } }, ['y', 'x'], base)).toBe(false);
  });
});
