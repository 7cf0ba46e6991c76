/** From where a volume of labels is looked at, and what colours it. */
import type { Named } from './views';
import type { ResultDoc } from './wire';

export interface Turn {
  /** Degrees around z, and above the plane of y and x. */
  azimuth: number;
  elevation: number;
  /** A column of its table; the first when empty. */
  colour: string;
}

export const START: Turn = { azimuth: 35, elevation: 28, colour: '' };

/** The columns that can colour a volume of labels: those of numbers of its table; none if it is none. */
export function columnsOf(result: ResultDoc | undefined, named: Named | undefined): string[] {
  const { dims, dtype } = named?.variable ?? { dims: [], dtype: '' };
  const table = named?.name.replace(/_map$/, '') ?? '';
  if (!result || table === named?.name || dims.length !== 3 || !/^[|<>]?[ui]/.test(dtype)) return [];
  const columns = result.tables[table]?.columns ?? {};
  if (!('label' in columns)) return [];
  return Object.entries(columns)
    .filter(([, { values }]) => values.some((value) => typeof value === 'number'))
    .map(([name]) => name);
}

/** A query for the volume seen from there. */
export function queried(query: string, { azimuth, elevation, colour }: Turn): string {
  const asked = new URLSearchParams(query);
  asked.set('turn', `${Math.round(azimuth)},${Math.round(elevation)}`);
  if (colour) asked.set('colour', colour);
  return asked.toString();
}

/** A query for the light on it, seen from there. */
export function lit(size: string, turn: Turn): string {
  return queried(new URLSearchParams({ enc: 'u8', size, limits: '0,1' }).toString(), { ...turn, colour: 'light' });
}

/** Turned further; from above and from below it goes no further up and down. */
export function turnedBy(turn: Turn, azimuth: number, elevation: number): Turn {
  return {
    ...turn,
    azimuth: (((turn.azimuth + azimuth) % 360) + 360) % 360,
    elevation: Math.max(-90, Math.min(90, turn.elevation + elevation)),
  };
}
