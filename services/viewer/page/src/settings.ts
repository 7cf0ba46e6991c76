/** What the user has set on the page, kept in the browser. */
import { useCallback, useEffect, useState } from 'react';
import { sane, type Look } from './data/looks';

export type Theme = 'dark' | 'light';

export interface Settings {
  /** How each variable looks, as far as the user changed it; '' is the raw image. */
  looks: Record<string, Partial<Look>>;
  overlay: boolean;
  opacity: number;
  /** undefined: as the system has it. */
  theme: Theme | undefined;
  /** Classes whose visibility the user turned round. */
  turned: string[];
  /** Who changes something; it is written down with the change. */
  name: string;
}

export type Change = (some: Partial<Settings>) => void;

const KEPT = 'beamside';
const FIRST: Settings = {
  looks: {},
  overlay: true,
  opacity: 0.4,
  theme: undefined,
  turned: [],
  name: '',
};

export function useSettings(): [Settings, Change] {
  const [settings, setSettings] = useState(recall);
  useEffect(() => {
    try {
      localStorage.setItem(KEPT, JSON.stringify(settings));
    } catch {
      // Private windows keep nothing: the page works without.
    }
  }, [settings]);
  const change = useCallback<Change>((some) => setSettings((now) => ({ ...now, ...some })), []);
  return [settings, change];
}

function recall(): Settings {
  try {
    return settled(JSON.parse(localStorage.getItem(KEPT) ?? '{}'));
  } catch {
    return FIRST;
  }
}

/** Settings of which an older page, or anybody, may have kept anything. */
export function settled(kept: unknown): Settings {
  if (!kept || typeof kept !== 'object') return FIRST;
  const { looks, overlay, opacity, theme, turned, name } = kept as Partial<Settings>;
  return {
    looks: looks && typeof looks === 'object' ? looks : {},
    overlay: overlay !== false,
    opacity: typeof opacity === 'number' && opacity >= 0 && opacity <= 1 ? opacity : FIRST.opacity,
    theme: theme === 'dark' || theme === 'light' ? theme : undefined,
    turned: Array.isArray(turned) ? turned.map(String) : [],
    name: typeof name === 'string' ? name : '',
  };
}

/** The look of a variable: the user's, over the technique's, over the plain one. */
export function lookOf(settings: Settings, variable: string, first?: Partial<Look>): Look {
  return sane(settings.looks[variable], first);
}

/** The theme in force: the user's, else the system's. */
export function useTheme(chosen: Theme | undefined): Theme {
  const query = '(prefers-color-scheme: light)';
  const [light, setLight] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const heard = () => setLight(list.matches);
    list.addEventListener('change', heard);
    return () => list.removeEventListener('change', heard);
  }, []);
  const theme = chosen ?? (light ? 'light' : 'dark');
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  return theme;
}
