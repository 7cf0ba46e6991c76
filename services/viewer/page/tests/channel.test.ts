import { describe, expect, it } from 'vitest';
import { readAddress, writeAddress } from '../src/data/address';
import { addressOf } from '../src/data/measure';
import { pictureOf, type Picture } from '../src/data/wire';
import { PLAIN } from '../src/data/looks';
import { queryOf } from '../src/panels/PicturePanel';

const image = (channels: string[]) =>
  pictureOf(
    new Map([['x-channel', 'low%20%25'], ['x-channels', JSON.stringify(channels)], ['x-shape', '1,1'], ['x-dtype', '|u1']]),
    new Uint8Array(1),
    'enc=u8',
  );
const asked = (picture: Picture) => addressOf({ kind: 'pixel', variable: '', pixel: [1, 2] }, 'r', 3, undefined, [], picture);

describe('a frame with several channels', () => {
  it('says which of its images it is', () => {
    expect(image(['high', 'low %'])).toMatchObject({ channel: 'low %', channels: ['high', 'low %'] });
    expect(pictureOf(new Map(), new Uint8Array(1), '')).toMatchObject({ channel: '', channels: [] });
  });
  it('is measured in the one that is shown', () => {
    expect(asked(image(['high', 'low %']))).toContain('channel=low+%25');
    expect(asked(image(['low %']))).not.toContain('channel');
  });
  it('is asked for by a wish, which a frame of another run may lack', () => {
    expect(queryOf(PLAIN, false, 64, [], 'low %')).toContain('prefer=low+%25');
    expect(queryOf(PLAIN, false, 64)).not.toContain('prefer');
  });
  it('is kept in the address', () => {
    expect(readAddress(writeAddress(readAddress('?channel=low+%2525'))).channel).toBe('low %25');
  });
});
