/** How many pixels of a picture are worth asking for: those that the screen shows. */

/** How far around the window pictures are coded that others are subtracted from, in windows. */
export const BEYOND = 250;

/** Before anything was drawn: few, so that the first picture comes soon. */
export const FIRST = 512;
/** Live pictures have no more pixels a side. */
const MOST = 1024;
const LEAST = 16;
/** So much shorter than what it fills may a picture be before finer pixels are asked for. */
const SHORT = 0.85;

/**
 * The longer side to ask for, where `full` pixels fill `length` pixels of the screen. The service
 * averages squares of whole pixels, so only what such squares give is asked for: many windows of
 * nearly the same size then get the same answer.
 */
export function sizeFor(full: number, length: number): number {
  const step = Math.max(1, Math.floor(full / Math.max(LEAST, SHORT * length)), Math.ceil(full / MOST));
  return Math.max(LEAST, Math.ceil(full / step));
}
