/** Where a map of a result lies over a picture. */
import type { Axis, Picture, ResultDoc } from './wire';

/**
 * By its own axes where they have the picture's units; all over it where the result says nothing
 * of where its pixels are; else nowhere: lengths and pixels do not lie over each other.
 */
export function over(map: Picture, base: Picture, dims: ResultDoc['dims']): Picture | undefined {
  if (![dims.y, dims.x].some((dim) => dim?.start !== undefined || dim?.values)) {
    return { ...map, y: stretched(map, base, 'y'), x: stretched(map, base, 'x') };
  }
  return map.x.units === base.x.units && map.y.units === base.y.units ? map : undefined;
}

function stretched(map: Picture, base: Picture, axis: 'y' | 'x'): Axis {
  const { start, step, units } = base[axis];
  const i = axis === 'y' ? 0 : 1;
  const pitch = step / base.step;
  const edge = start - (base.averaged ? step : pitch) / 2;
  const wide = (base.full[i] * pitch) / map.full[i];
  return { units, step: map.step * wide, start: edge + ((map.averaged ? map.step : 1) / 2) * wide };
}

/** Whether things placed along these dimensions lie over a picture. */
export function lies(dims: ResultDoc['dims'], [y, x]: [string, string], picture: Picture): boolean {
  const fits = (dim: string, units: string) => !dims[dim]?.units || dims[dim]?.units === units;
  return fits(y, picture.y.units) && fits(x, picture.x.units);
}
