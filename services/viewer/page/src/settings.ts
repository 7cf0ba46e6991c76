/** What the user has set on the page, kept in the browser. */
import type { ColorMap } from '@h5web/lib';
import { useCallback, useEffect, useState } from 'react';

export type Theme = 'dark' | 'light';

export interface Settings {
  colours: ColorMap;
  log: boolean;
  /** The contrast window that stays; undefined follows each frame. */
  locked: [number, number] | undefined;
  overlay: boolean;
  opacity: number;
  layer: string | undefined;
  /** undefined: as the system has it. */
  theme: Theme | undefined;
  /** Classes whose visibility the user turned round. */
  turned: string[];
}

const KEPT = 'beamside';
const FIRST: Settings = {
  colours: 'Greys',
  log: false,
  locked: undefined,
  overlay: true,
  opacity: 0.4,
  layer: undefined,
  theme: undefined,
  turned: [],
};

export function useSettings(): [Settings, (change: Partial<Settings>) => void] {
  const [settings, setSettings] = useState(recall);
  useEffect(() => {
    try {
      localStorage.setItem(KEPT, JSON.stringify(settings));
    } catch {
      // Private windows keep nothing: the page works without.
    }
  }, [settings]);
  const change = useCallback(
    (some: Partial<Settings>) => setSettings((now) => ({ ...now, ...some })),
    [],
  );
  return [settings, change];
}

function recall(): Settings {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEPT) ?? '{}');
    return kept && typeof kept === 'object' ? { ...FIRST, ...kept } : FIRST;
  } catch {
    return FIRST;
  }
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
