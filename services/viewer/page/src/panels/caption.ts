/** What stands beside a picture that is kept. */
import { unit } from '../data/format';
import { windowOf, type Look } from '../data/looks';
import type { Picture } from '../data/wire';
import type { Words } from '../draw/paper';
import type { Scene } from '../scene';
import { words } from '../words';

type Used = Pick<Scene, 'settings' | 'views' | 'hidden'>;

interface Seen {
  title: string;
  /** Whether it is a variable of a result. */
  named: boolean;
  picture: Picture;
  look: Look;
  minus: Picture | undefined;
  /** The classes above it, where there are any. */
  map: Picture | undefined;
}

export function captionOf({ settings, views, hidden }: Used, { title, named, picture, look, minus, map }: Seen): Omit<Words, 'paper' | 'ink'> {
  const seen = map && settings.overlay && settings.opacity > 0 ? new Set<number>(map.data) : undefined;
  const classes = seen ? views.classes.filter(({ name, value }) => seen.has(value) && !hidden.has(name)) : [];
  const what = views.classMap?.variable.attrs.long_name || words.classes;
  return {
    title: `${title} · ${words.run} ${picture.run} · ${words.frame} ${picture.frame}`,
    more: [!named && picture.channels.length > 1 && picture.channel, minus && words.minus(minus.frame), title !== picture.longName && named && picture.longName].filter(Boolean).join(', '),
    ...{ look, window: windowOf(look, picture), units: unit(picture.units) },
    over: classes.length ? words.out.over(what, settings.opacity) : '',
    classes,
  };
}
