/** How values become colours: window, scale and colour map, for each variable, remembered. */
import {
  interpolateCividis,
  interpolateGreys,
  interpolateInferno,
  interpolateMagma,
  interpolatePlasma,
  interpolatePuOr,
  interpolateRdBu,
  interpolateTurbo,
  interpolateViridis,
} from 'd3-scale-chromatic';
import type { Picture } from './wire';

/** Colours by a number from 0 to 1. */
const INTERPOLATORS = {
  Viridis: interpolateViridis,
  Cividis: interpolateCividis,
  Greys: (t: number) => interpolateGreys(1 - t),
  Inferno: interpolateInferno,
  Magma: interpolateMagma,
  Plasma: interpolatePlasma,
  Turbo: interpolateTurbo,
  PuOr: interpolatePuOr,
  RdBu: interpolateRdBu,
};
export type ColorMap = keyof typeof INTERPOLATORS;

export const SCALES = ['linear', 'log', 'sqrt', 'gamma'] as const;
export type Scale = (typeof SCALES)[number];

export interface Look {
  colours: ColorMap;
  inverted: boolean;
  scale: Scale;
  gamma: number;
  percentiles: [low: number, high: number];
  /** The window in true values that stays; undefined follows each frame by the percentiles. */
  locked: [low: number, high: number] | undefined;
}

/** Perceptually even first: safe for colour-blind eyes. The last ones are for differences. */
export const COLOURS: [ColorMap, string][] = [
  ['Viridis', 'Viridis'],
  ['Cividis', 'Cividis'],
  ['Greys', 'Gray'],
  ['Inferno', 'Inferno'],
  ['Magma', 'Magma'],
  ['Plasma', 'Plasma'],
  ['Turbo', 'Turbo'],
  ['PuOr', 'Purple to orange'],
  ['RdBu', 'Red to blue'],
];

export const PLAIN: Look = {
  colours: 'Viridis',
  inverted: false,
  scale: 'linear',
  gamma: 0.5,
  percentiles: [0.1, 99.9],
  locked: undefined,
};

/** A look of which any part may be missing or nonsense (it was kept by a browser). */
export function sane(kept: Partial<Look> | undefined, first: Partial<Look> = {}): Look {
  const look = { ...PLAIN, ...first, ...kept };
  const [low, high] = Array.isArray(look.percentiles) ? look.percentiles : [Number.NaN, 0];
  const good = low >= 0 && high <= 100 && low < high;
  return {
    colours: Object.hasOwn(INTERPOLATORS, look.colours) ? look.colours : PLAIN.colours,
    inverted: Boolean(look.inverted),
    scale: SCALES.includes(look.scale) ? look.scale : 'linear',
    gamma: look.gamma > 0.05 && look.gamma < 20 ? look.gamma : PLAIN.gamma,
    percentiles: good ? [low, high] : PLAIN.percentiles,
    locked: Array.isArray(look.locked) && look.locked.every(Number.isFinite) ? look.locked : undefined,
  };
}

/** The window in true values: the locked one, else what the service measured. */
export function windowOf(look: Look, picture: Picture): [number, number] {
  let [low, high] = look.locked ?? [picture.low, picture.high];
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = [0, 1];
  if (look.scale === 'log' && !(low > 0)) low = high > 0 ? high / 1e4 : 1e-4;
  if (!(high > low)) high = low + (Math.abs(low) * 1e-6 || 1);
  return [low, high];
}

/** Where in 0..1 of the colours a value is. */
export function placeOf(value: number, [low, high]: [number, number], look: Look): number {
  const linear = Math.min(1, Math.max(0, (value - low) / (high - low)));
  if (look.scale === 'sqrt') return Math.sqrt(linear);
  if (look.scale === 'gamma') return linear ** look.gamma;
  if (look.scale !== 'log') return linear;
  const place = Math.log(Math.max(value, low) / low) / Math.log(high / low);
  return Math.min(1, Math.max(0, place));
}

const TABLES = new Map<string, Uint8Array<ArrayBuffer>>();

/** 256 colours, RGBA. */
export function tableOf(colours: ColorMap, inverted: boolean): Uint8Array<ArrayBuffer> {
  const key = `${colours}${inverted}`;
  const kept = TABLES.get(key);
  if (kept) return kept;
  const table = new Uint8Array(1024);
  for (let i = 0; i < 256; i++) {
    const rgb = rgbOf(INTERPOLATORS[colours](inverted ? 1 - i / 255 : i / 255));
    table.set([...rgb, 255], 4 * i);
  }
  TABLES.set(key, table);
  return table;
}

/** `rgb(1, 2, 3)` and `#010203`, as d3 writes colours. */
export function rgbOf(text: string): [number, number, number] {
  if (text.startsWith('#')) {
    const n = Number.parseInt(text.slice(1), 16);
    return [n >> 16, (n >> 8) & 255, n & 255];
  }
  const [r = 0, g = 0, b = 0] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return [Math.round(r), Math.round(g), Math.round(b)];
}

/** A CSS gradient of the colours. */
export function gradientOf({ colours, inverted }: Look): string {
  const stops = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((i) => INTERPOLATORS[colours](inverted ? 1 - i / 8 : i / 8));
  return `linear-gradient(to right, ${stops.join(', ')})`;
}
