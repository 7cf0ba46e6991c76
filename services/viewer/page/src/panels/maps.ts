/** The maps of classes and of rows that lie over a picture. */
import { useMemo } from 'react';
import { over } from '../data/over';
import type { Picture } from '../data/wire';
import { usePicture, type Scene } from '../scene';

/** By the table whose rows they number. */
export type RowMaps = Record<string, Picture>;

const QUERY = 'enc=raw&size=2048';

export function useMaps(
  { views, shown }: Pick<Scene, 'views' | 'shown'>,
  [dimY, dimX]: [string, string],
  base: Picture | undefined,
): [classes: Picture | undefined, rows: RowMaps] {
  const there = dimY === 'y' && dimX === 'x' && base !== undefined;
  const rows = Object.entries(there ? views.rowMaps : {});
  const classes = usePicture(there ? views.classMap?.name : undefined, QUERY);
  usePicture(rows[0]?.[1].name, QUERY);
  usePicture(rows[1]?.[1].name, QUERY);
  return useMemo(() => {
    const dims = shown.result?.dims ?? {};
    const laid = (map: Picture | null | undefined) => (map && base ? over(map, base, dims) : undefined);
    const maps = rows.flatMap(([table, { name }]) => {
      const map = laid(shown.pictures[`${name}?${QUERY}`]);
      return map ? [[table, map] as const] : [];
    });
    return [laid(classes), Object.fromEntries(maps)];
  }, [shown, views, there, classes, base]);
}
