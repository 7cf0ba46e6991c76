/** The values of a picture as colours. */
import { useMemo } from 'react';
import { placeOf, tableOf, windowOf, type Look } from '../data/looks';
import { BEYOND } from '../data/sharp';
import type { Picture } from '../data/wire';
import { Layer, type Paint } from './Layer';

/** Where there is no value: a colour that no map has. */
const NONE = 0xff524a7a;

export function Values({ picture, minus, look }: { picture: Picture; minus: Picture | undefined; look: Look }) {
  const [low, high] = windowOf(look, picture);
  const { colours, inverted, scale, gamma } = look;
  const paint = useMemo((): Paint => {
    const one: Look = { ...look, colours, inverted, scale, gamma };
    return (pixels, from) => painted(pixels, from, minus, one, [low, high]);
  }, [colours, inverted, scale, gamma, low, high, minus]);
  return <Layer picture={picture} paint={paint} />;
}

/** Write the colour of every value, NONE where there is none or an infinite one: no colour is that of either. */
export function painted(
  pixels: Uint32Array,
  picture: Picture,
  minus: Picture | undefined,
  look: Look,
  window: [number, number],
): void {
  const table = new Uint32Array(tableOf(look.colours, look.inverted).buffer);
  const { data, coded } = picture;
  if (coded && !minus) {
    const colours = coloursOfCodes(picture, look, window, table);
    for (let i = 0; i < pixels.length; i++) pixels[i] = colours[data[i] as number] as number;
    return;
  }
  const [value, other] = [reader(picture), minus && reader(minus)];
  const unknown = minus && lost(picture, minus);
  const fast = look.scale === 'linear';
  const [low, high] = window;
  const per = 255 / (high - low);
  for (let i = 0; i < pixels.length; i++) {
    const here = unknown?.(i) ? Number.NaN : value(i) - (other ? other(i) : 0);
    const at = fast ? (here - low) * per : 255 * placeOf(here, window, look);
    pixels[i] = here - here !== 0 ? NONE : (table[at < 0 ? 0 : at > 255 ? 255 : (at + 0.5) | 0] as number);
  }
}

/** What each code looks like. */
function coloursOfCodes(picture: Picture, look: Look, window: [number, number], table: Uint32Array): Uint32Array {
  const colours = new Uint32Array(256 ** picture.data.BYTES_PER_ELEMENT).fill(NONE);
  for (let code = 1; code < colours.length; code++) {
    const at = placeOf(picture.offset + picture.scale * code, window, look);
    colours[code] = table[Math.round(255 * at)] ?? NONE;
  }
  return colours;
}

/** Codes of values that lie beyond all that is coded: there one knows no more than that. */
function endsOf({ coded, data, scale, offset, low, high }: Picture): [least: number, most: number] {
  const last = 256 ** data.BYTES_PER_ELEMENT - 1;
  const far = (code: number) => coded && Math.abs(offset + scale * code - (code === 1 ? low : high)) > 0.999 * BEYOND * (high - low);
  return [far(1) ? 1 : -1, far(last) ? last : -1];
}

/** Whether both lie beyond the same end, so that how far they are apart is not known. */
function lost(one: Picture, other: Picture): (i: number) => boolean {
  const [[low, high], [otherLow, otherHigh]] = [endsOf(one), endsOf(other)];
  return (i) => (one.data[i] === low && other.data[i] === otherLow) || (one.data[i] === high && other.data[i] === otherHigh);
}

function reader({ data, coded, scale, offset }: Picture): (i: number) => number {
  if (!coded) return (i) => data[i] as number;
  return (i) => (data[i] === 0 ? Number.NaN : offset + scale * (data[i] as number));
}
