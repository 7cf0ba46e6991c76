import { describe, expect, it } from 'vitest';
import { PLAIN } from '../src/data/looks';
import type { Views } from '../src/data/views';
import type { Picture } from '../src/data/wire';
import { stepsOf } from '../src/draw/paper';
import { scaleOf } from '../src/draw/photo';
import { captionOf } from '../src/panels/caption';
import type { Settings } from '../src/settings';

const picture = { run: 'r', frame: 7, low: 0, high: 10, units: 'counts', longName: 'damage', channel: 'data', channels: ['data'], data: new Uint8Array([1, 2, 2]) } as unknown as Picture;
const classes = ['vacuum', 'LiF', 'NMC', 'Li2O'].map((name, value) => ({ name, value, colour: '#fff', shown: true }));
const scene = (some: Partial<Settings> = {}) => ({
  settings: { overlay: true, opacity: 0.4, ...some } as Settings,
  views: { classes, classMap: undefined } as unknown as Views,
  hidden: new Set(['NMC']),
});
const seen = { title: 'Image', named: false, picture, look: PLAIN, minus: undefined, map: picture };

describe('a picture that is kept', () => {
  it('names the classes that are seen in it, and how strong they are', () => {
    const caption = captionOf(scene(), seen);
    expect(caption.classes.map(({ name }) => name)).toEqual(['LiF']);
    expect(caption.over).toBe('Classes, 40 %');
    expect(caption.title).toBe('Image · run r · frame 7');
    expect(captionOf(scene({ overlay: false }), seen).over).toBe('');
    expect(captionOf(scene(), { ...seen, map: undefined }).classes).toEqual([]);
  });
  it('says what is subtracted, and what a variable is', () => {
    expect(captionOf(scene(), { ...seen, minus: picture }).more).toBe('minus frame 7');
    const two = { ...picture, channels: ['data', 'low'] };
    expect(captionOf(scene(), { ...seen, picture: two }).more).toBe('data');
    expect(captionOf(scene(), { ...seen, named: true }).more).toBe('damage');
  });
  it('has five values beside its colours, by powers where these are', () => {
    expect(stepsOf(PLAIN, [0, 4])).toEqual([0, 1, 2, 3, 4]);
    stepsOf({ ...PLAIN, scale: 'log' }, [1, 16]).forEach((value, i) => expect(value).toBeCloseTo(2 ** i));
  });
  it('is so large that no pixel of it is lost, but no larger than programs open', () => {
    expect(scaleOf({ width: 500, height: 400 })).toBe(2);
    expect(scaleOf({ width: 500, height: 400 }, 1 / 3)).toBe(3);
    expect(scaleOf({ width: 500, height: 400 }, 1 / 100)).toBe(4);
    expect(scaleOf({ width: 5000, height: 400 }, 1 / 3)).toBeCloseTo(8192 / 5000);
  });
});
