import { describe, expect, it } from 'vitest';
import { added, cellsOf, filtered, moved, read, replaced, resized, techniqueOf, without, write } from '../src/data/layout';
import layouts from '../src/layouts.json';

const shows = (text: string) => cellsOf(read(text)).map(({ show }) => show);

describe('a layout', () => {
  it('is read and written as the same text', () => {
    for (const { layout } of Object.values(layouts)) expect(write(read(layout))).toBe(layout);
  });
  it('keeps any variable name', () => {
    const name = 'plane:a/b|c+d*e!f~g%é';
    expect(shows(write([{ share: 1, rows: [{ share: 1, cells: [{ share: 1, show: name }] }] }]))).toEqual([name]);
  });
  it('survives nonsense from an address', () => {
    expect(read('||//++')).toEqual([]);
    expect(read('-5!x|NaN!y').map(({ share }) => share)).toEqual([10, 10]);
    expect(shows('%E0%A4%A')).toEqual(['%E0%A4%A']);
  });
  it('moves a panel beside, above and into the place of another', () => {
    const text = 'image|plane+legend/tables';
    expect(write(moved(read(text), 'tables', 'image', 'below'))).toBe('image/tables|plane+legend');
    expect(write(moved(read(text), 'image', 'legend', 'left'))).toBe('plane+image+legend/tables');
    expect(write(moved(read(text), 'image', 'tables', 'swap'))).toBe('tables|plane+legend/image');
    expect(write(moved(read(text), 'image', 'image', 'left'))).toBe(text);
  });
  it('loses and gains panels, each once', () => {
    expect(write(without(read('image|plane/tables'), 'image'))).toBe('plane/tables');
    expect(shows(write(added(read('image|plane'), 'measure')))).toEqual(['image', 'plane', 'measure']);
    expect(shows(write(added(read('image|plane'), 'plane')))).toEqual(['image', 'plane']);
    expect(shows(write(added([], 'image')))).toEqual(['image']);
    expect(write(replaced(read('image|plane'), 'plane', 'plane:spectrum'))).toBe('image|plane:spectrum');
    expect(write(filtered(read('image|plane/tables'), (show) => show === 'tables'))).toBe('tables');
  });
  it('shares room without losing any', () => {
    const parts = resized([{ share: 10 }, { share: 10 }], 0, 0.25);
    expect(parts.map(({ share }) => share)).toEqual([15, 5]);
    const least = resized([{ share: 10 }, { share: 10 }], 0, 9);
    expect(least[1]!.share).toBeGreaterThan(1);
    expect(least[0]!.share + least[1]!.share).toBe(20);
  });
  it('is that of the technique, or of any', () => {
    expect(techniqueOf('hrtem').looks?.['']?.colours).toBe('Greys');
    expect(techniqueOf('toString')).toEqual(layouts.any);
    expect(techniqueOf(undefined)).toEqual(layouts.any);
  });
});
