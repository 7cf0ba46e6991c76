/** The last values of every single number of the results that were shown: small, bounded. */
import type { ResultDoc } from './wire';

export type History = Record<string, number[]>;

const KEPT = 240;

/** With the numbers of one more result; another run begins anew. */
export function grown(history: History, before: ResultDoc | undefined, result: ResultDoc): History {
  const same = before && before.run === result.run && before.analysis === result.analysis;
  const next: History = {};
  for (const [name, value] of numbersIn(result)) {
    const past = same ? (history[name] ?? []) : [];
    next[name] = [...past.slice(1 - KEPT), value];
  }
  return next;
}

function* numbersIn(result: ResultDoc): Generator<[string, number]> {
  for (const [name, { dims, values }] of Object.entries(result.variables)) {
    if (dims.length === 0 && typeof values === 'number' && Number.isFinite(values)) yield [name, values];
    const labels = result.dims[dims[0] ?? '']?.values;
    if (dims.length !== 1 || !Array.isArray(values) || typeof labels?.[0] !== 'string') continue;
    for (let i = 0; i < Math.min(labels.length, 64); i++) {
      const value: unknown = values[i];
      if (typeof value === 'number' && Number.isFinite(value)) yield [`${name} ${labels[i]}`, value];
    }
  }
}
