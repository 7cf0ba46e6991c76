import { describe, expect, it } from 'vitest';
import { PLAIN, tableOf } from '../src/data/looks';
import type { Picture } from '../src/data/wire';
import { painted } from '../src/draw/Values';
import { boxed, panned, ticksIn, transformOf, zoomed, type Frame, type Zoom } from '../src/draw/zoom';

const FRAME: Frame = { x: [0, 10], y: [0, 10], width: 200, height: 100, flip: true, equal: true };
const dataAt = (frame: Frame, zoom: Zoom | undefined, px: number, py: number) => {
  const { ax, bx, ay, by } = transformOf(frame, zoom);
  return [(px - bx) / ax, (py - by) / ay];
};

describe('a picture on the screen', () => {
  it('has equal units along both axes and lies in the middle', () => {
    const { ax, bx, ay, by } = transformOf(FRAME, undefined);
    expect([ax, ay]).toEqual([10, 10]);
    expect([bx, by]).toEqual([50, 0]);
  });
  it('keeps the place under the pointer where it is when it grows', () => {
    const zoom = zoomed(FRAME, undefined, [120, 40], { x: 8, y: 8 });
    const before = dataAt(FRAME, undefined, 120, 40);
    dataAt(FRAME, zoom, 120, 40).forEach((value, i) => expect(value).toBeCloseTo(before[i] as number));
  });
  it('never shows more than all, and nothing beyond its edges', () => {
    const zoom = zoomed(FRAME, undefined, [0, 0], { x: 8, y: 8 });
    expect(dataAt(FRAME, zoom, 0, 0)).toEqual([0, 0]);
    const far = panned(FRAME, zoom, -1e6, -1e6);
    expect(dataAt(FRAME, far, 200, 100)).toEqual([10, 10]);
    expect(zoomed(FRAME, zoom, [0, 0], { x: 0.1, y: 0.1 })).toBeUndefined();
  });
  it('shows the box that was drawn', () => {
    const zoom = boxed(FRAME, undefined, [100, 50], [120, 60]);
    expect(dataAt(FRAME, zoom, 100, 50)[0]).toBeCloseTo(6);
    expect(dataAt(FRAME, zoom, 100, 50)[1]).toBeCloseTo(5.5);
  });
  it('grows upwards where it is a curve', () => {
    const { ay, by } = transformOf({ ...FRAME, flip: false, equal: false }, undefined);
    expect(10 * ay + by).toBe(0);
  });
});

describe('ticks', () => {
  it('are round and within', () => {
    expect(ticksIn([0.03, 1.01], 5)).toEqual([0.2, 0.4, 0.6000000000000001, 0.8, 1]);
    expect(ticksIn([100, -100], 4)).toEqual([-100, -50, 0, 50, 100]);
    expect(ticksIn([3, 3], 4)).toEqual([]);
    expect(ticksIn([Number.NaN, 3], 4)).toEqual([]);
  });
});

describe('colours', () => {
  const table = new Uint32Array(tableOf('Viridis', false).buffer);
  const NONE = 0xff524a7a;
  const picture = (some: Partial<Picture>) => ({ shape: [1, 4], coded: false, scale: 1, offset: 0, ...some }) as Picture;
  const colours = (one: Picture, minus?: Picture, look = PLAIN) => {
    const pixels = new Uint32Array(4);
    painted(pixels, one, minus, look, [0, 100]);
    return [...pixels];
  };
  it('are those of the window, none where there is no value', () => {
    const floats = picture({ data: Float32Array.from([-5, 60, 1e9, Number.NaN]) });
    expect(colours(floats)).toEqual([table[0], table[153], table[255], NONE]);
    const codes = picture({ coded: true, scale: 60, offset: -60, data: Uint8Array.from([1, 2, 255, 0]) });
    expect(colours(codes)).toEqual([table[0], table[153], table[255], NONE]);
  });
  it('show differences and other scales', () => {
    const one = picture({ data: Float32Array.from([100, 100, 50, 1]) });
    expect(colours(one, picture({ data: Float32Array.from([0, 100, 50, Number.NaN]) }))).toEqual([table[255], table[0], table[0], NONE]);
    expect(colours(one, undefined, { ...PLAIN, scale: 'sqrt' })[2]).toBe(table[180]);
  });
});
