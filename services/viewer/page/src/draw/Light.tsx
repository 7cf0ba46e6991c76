/** Light and shade on what is seen of a volume, and its ground where nothing is. */
import { useMemo } from 'react';
import type { Theme } from '../settings';
import type { Picture } from '../data/wire';
import { Layer, type Paint } from './Layer';

/** Colours of a panel, 0xAABBGGRR. */
const GROUND: Record<Theme, number> = { light: 0xffffffff, dark: 0xff1d1814 };
/** How dark it becomes where no light falls, of 255. */
const DARKEST = 190;

export function Light({ picture, theme }: { picture: Picture; theme: Theme }) {
  const paint = useMemo((): Paint => {
    return (pixels, { data, coded, scale, offset }) => {
      for (let i = 0; i < pixels.length; i++) {
        const one = data[i] as number;
        const light = !coded ? one : one === 0 ? Number.NaN : offset + scale * one;
        const dark = Math.round(DARKEST * (1 - Math.max(0, Math.min(1, light))));
        pixels[i] = Number.isNaN(light) ? GROUND[theme] : dark * 0x1000000;
      }
    };
  }, [theme]);
  return <Layer picture={picture} paint={paint} clear />;
}
