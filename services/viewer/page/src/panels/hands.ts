/** What a person does in a picture: picks a thing, draws what is measured. */
import { useCallback } from 'react';
import type { Measured } from '../data/measure';
import { numbersOf } from '../data/views';
import { fullIndex, fullPixelAt, pixelAt, valueAt, type Picture } from '../data/wire';
import type { Point } from '../draw/Raster';
import type { Scene } from '../scene';
import type { RowMaps } from './maps';

type Picking = Pick<Scene, 'shown' | 'select' | 'measure'>;
type Drawing = Pick<Scene, 'tool' | 'measure'>;

/** The row whose pixel or outline was clicked; else a look at the pixel itself. */
export function pick(
  scene: Picking,
  rowMaps: RowMaps,
  [dimY, dimX]: [string, string],
  variable: string,
  picture: Picture,
  at: Point,
): void {
  const pixel = fullPixelAt(picture, at.y, at.x);
  if (pixel) scene.measure({ kind: 'pixel', variable, pixel });
  for (const [table, map] of Object.entries(rowMaps)) {
    const there = pixelAt(map, at.y, at.x);
    const row = there ? valueAt(map, ...there) - 1 : -1;
    if (row >= 0) return scene.select({ table, row });
  }
  scene.select(nearest(scene, dimY, dimX, picture, at));
}

/** The thing nearest to a click, where tables have many things and no map. */
function nearest(scene: Picking, dimY: string, dimX: string, picture: Picture, at: Point) {
  const { result } = scene.shown;
  if (!result) return undefined;
  let best = 0.015 * picture.shape[1] * Math.abs(picture.x.step);
  let found: { table: string; row: number } | undefined;
  for (const table of Object.keys(result.tables)) {
    const [y, x] = [numbersOf(result, table, dimY), numbersOf(result, table, dimX)];
    if (!y || !x) continue;
    for (let row = 0; row < y.length; row++) {
      const distance = Math.hypot((y[row] ?? Number.NaN) - at.y, (x[row] ?? Number.NaN) - at.x);
      if (distance < best) [best, found] = [distance, { table, row }];
    }
  }
  return found;
}

/** Turns what is drawn into what is measured, in pixels of the whole image. */
export function useDraw(
  scene: Drawing,
  variable: string,
  picture: Picture | undefined,
  setDraft: (draft: Measured | undefined) => void,
) {
  const { tool, measure } = scene;
  return useCallback(
    (from: Point, to: Point, done: boolean) => {
      if (!picture) return;
      // not before it is drawn: the panel that opens moves the picture
      const tell = (what: Measured) => {
        setDraft(done ? undefined : what);
        if (done) measure(what);
      };
      const y = [from.y, to.y].map((at) => fullIndex(picture, 'y', at));
      const x = [from.x, to.x].map((at) => fullIndex(picture, 'x', at));
      const [y0 = 0, y1 = 0] = y;
      const [x0 = 0, x1 = 0] = x;
      if (tool === 'line') {
        // the middle of the first pixel is 0 for the service, 0.5 from its edge here
        const line = [y0 - 0.5, x0 - 0.5, y1 - 0.5, x1 - 0.5] as [number, number, number, number];
        return tell({ kind: 'line', variable, line });
      }
      const [ny, nx] = picture.full;
      const low = (a: number, b: number) => Math.max(0, Math.floor(Math.min(a, b)));
      const high = (a: number, b: number, n: number) => Math.min(n, Math.ceil(Math.max(a, b)));
      const box = [low(y0, y1), low(x0, x1), high(y0, y1, ny), high(x0, x1, nx)] as [number, number, number, number];
      if (box[2] > box[0] && box[3] > box[1]) tell({ kind: 'box', variable, box });
      else if (done) setDraft(undefined);
    },
    [tool, measure, variable, picture],
  );
}
