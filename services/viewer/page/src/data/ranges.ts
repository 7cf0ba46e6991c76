/** Frame numbers as inclusive ranges: a run of a million frames stays small. */
export type Ranges = [first: number, last: number][];

export function sizeOf(ranges: Ranges): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** Sorted and joined, whatever the order and overlap. */
export function joined(...many: Ranges[]): Ranges {
  const all = many.flat().filter(([a, b]) => Number.isFinite(a) && b >= a);
  const out: Ranges = [];
  for (const [first, last] of all.sort((a, b) => a[0] - b[0])) {
    const end = out.at(-1);
    if (end && first <= end[1] + 1) end[1] = Math.max(end[1], last);
    else out.push([first, last]);
  }
  return out;
}

export function rangesOf(numbers: number[]): Ranges {
  return joined(numbers.map((n) => [n, n]));
}

/** How many numbers come before `frame`. */
export function rankOf(ranges: Ranges, frame: number): number {
  let rank = 0;
  for (const [first, last] of ranges) {
    if (frame < first) break;
    rank += Math.min(frame, last + 1) - first;
    if (frame <= last) break;
  }
  return Math.min(rank, Math.max(0, sizeOf(ranges) - 1));
}

/** The number at `rank`, the first or last one beyond the ends; undefined of nothing. */
export function at(ranges: Ranges, rank: number): number | undefined {
  let left = Math.max(0, Math.min(Math.round(rank), sizeOf(ranges) - 1));
  for (const [first, last] of ranges) {
    if (left <= last - first) return first + left;
    left -= last - first + 1;
  }
  return undefined;
}

/** The number `by` further on than `frame`, or at the end. */
export function moved(ranges: Ranges, frame: number, by: number): number | undefined {
  return at(ranges, rankOf(ranges, frame) + by);
}
