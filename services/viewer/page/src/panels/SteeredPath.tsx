/** Where steering went, over a picture. */
import { useMemo } from 'react';
import { pathOf, placeOf, useSteering } from '../data/steering';
import { visitsOf } from '../data/views';
import type { ResultDoc } from '../data/wire';
import { Path } from '../draw/Marks';

/**
 * Where steering went, in a plane over the axes that it moves. Of scans that share a run each has a map of
 * its own: there its own path is drawn, by its visits, and only where steering was too its next place.
 */
export function SteeredPath({ dims, result, scan }: { dims: [string, string]; result: ResultDoc | undefined; scan: unknown }) {
  const steering = useSteering();
  const { doc, events = [] } = steering ?? {};
  const steered = useMemo(() => pathOf(events, dims), [events, dims.join()]);
  const visits = useMemo(
    () => (scan === undefined ? undefined : ((result && visitsOf(result, dims, scan)) ?? [])),
    [result, dims.join(), scan],
  );
  const moves = doc?.stopped ? undefined : doc?.waiting[0]?.moves;
  const path = visits ?? steered;
  const last = steered.at(-1);
  const [y, x] = dims.map((dim, i) => placeOf(moves?.[dim]?.to) ?? last?.[i]);
  const moved = moves !== undefined && (dims[0] in moves || dims[1] in moves);
  const mine = !visits || visits.some((place) => place.every((at, i) => at === last?.[i]));
  const next = mine && moved && y !== undefined && x !== undefined ? ([y, x] as [number, number]) : undefined;
  return path.length || next ? <Path path={path} next={next} /> : null;
}
