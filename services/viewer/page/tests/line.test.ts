import { describe, expect, it } from 'vitest';
import { headOf, newsOf, Pieces } from '../src/data/line';
import { FIRST, sizeFor } from '../src/data/sharp';
import { Refused } from '../src/data/wire';

function message(head: object, ...arrays: number[][]): ArrayBuffer {
  let text = JSON.stringify(head);
  text = text.padEnd(8 * Math.ceil(text.length / 8));
  const bytes = new Uint8Array(8 + text.length + 8 * arrays.length);
  new DataView(bytes.buffer).setUint32(0, text.length, true);
  new DataView(bytes.buffer).setUint32(4, bytes.length, true);
  bytes.set(new TextEncoder().encode(text), 8);
  arrays.forEach((array, i) => bytes.set(array, 8 + text.length + 8 * i));
  return bytes.buffer;
}

describe('an answer on the line', () => {
  const what = { image: 'enc=u8&size=16', wants: [] };
  const headers = { 'x-dtype': '|u1', 'x-shape': '1,3', 'x-scale': '2', 'x-offset': '1', 'x-run': 'a' };
  const image = { of: 'image', status: 200, headers, at: 0, length: 3 };
  const map = { of: ['map', 'enc=raw'], status: 200, headers: { ...headers, 'x-dtype': '<u2' }, at: 8, length: 6 };

  it('holds the result, the image and what is wanted', () => {
    const said = message({ what, result: { seq: 5, variables: {}, dims: {}, tables: {} }, parts: [image, map] }, [1, 0, 3], [1, 0, 2, 0, 3, 1]);
    const news = newsOf(said, headOf(said));
    expect(news.result?.seq).toBe(5);
    expect([...(news.image?.data ?? [])]).toEqual([1, 0, 3]);
    expect(news.image?.coded).toBe(true);
    const found = news.pictures.get('map?enc=raw');
    expect([...(found?.data ?? [])]).toEqual([1, 2, 259]);
    expect(found?.coded).toBe(false);
  });
  it('is put together where it came in pieces', () => {
    const said = message({ what, result: null, parts: [image] }, [7, 8, 9]);
    const pieces = new Pieces();
    expect(pieces.add(said)).toBe(said);
    for (let n = 0; n < 2; n++) {
      expect(pieces.add(said.slice(0, 20))).toBeUndefined();
      expect(pieces.add(said.slice(20, 40))).toBeUndefined();
      expect(pieces.add(said.slice(40))).toEqual(said);
    }
  });
  it('leaves out what is gone and says what is wrong', () => {
    const gone = message({ what, result: null, parts: [{ of: 'image', status: 404, error: 'gone' }] });
    expect(newsOf(gone, headOf(gone)).image).toBeUndefined();
    const bad = message({ what, result: null, parts: [{ of: 'image', status: 422, error: 'torn' }] });
    expect(() => newsOf(bad, headOf(bad))).toThrow(new Refused(422, 'torn'));
  });
});

describe('the size to ask for', () => {
  it('is what the screen shows, by squares of whole pixels', () => {
    expect(sizeFor(1024, 243)).toBe(256);
    expect(sizeFor(1024, 600)).toBe(512);
    expect(sizeFor(1024, 610)).toBe(1024);
    expect(sizeFor(1000, 300)).toBe(334);
    expect(sizeFor(4096, 3000)).toBe(1024);
  });
  it('is never less than the service takes, and all of a small picture', () => {
    expect(sizeFor(1, 700)).toBe(16);
    expect(sizeFor(300, 700)).toBe(300);
    expect(sizeFor(8192, 0)).toBe(16);
    expect(FIRST).toBeGreaterThan(16);
  });
});
