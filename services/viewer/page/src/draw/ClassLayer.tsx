/** Classes as colours over the image. */
import { useMemo } from 'react';
import type { Class } from '../data/classes';
import type { Picture } from '../data/wire';
import { Layer, type Paint } from './Layer';

interface Props {
  map: Picture;
  classes: Class[];
  hidden: ReadonlySet<string>;
  opacity: number;
}

export function ClassLayer({ map, classes, hidden, opacity }: Props) {
  const seen = classes.flatMap(({ name, value, colour }) => (hidden.has(name) ? [] : [`${value} ${colour}`])).join(',');
  const paint = useMemo((): Paint => {
    const colours = coloursOf(classes, hidden);
    return (pixels, { data }) => {
      for (let i = 0; i < pixels.length; i++) pixels[i] = colours[(data[i] as number) & 65535] as number;
    };
  }, [seen]);
  return <Layer picture={map} paint={paint} opacity={opacity} clear />;
}

/** By the value of a class; nothing where it is hidden. */
function coloursOf(classes: Class[], hidden: ReadonlySet<string>): Uint32Array {
  const colours = new Uint32Array(65536);
  const bytes = new Uint8Array(colours.buffer);
  for (const { value, name, colour } of classes) {
    if (hidden.has(name)) continue;
    const rgb = Number.parseInt(colour.slice(1), 16);
    bytes.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255, 255], 4 * (value & 65535));
  }
  return colours;
}
