/** What all panels of one desk share. */
import { createContext, useContext, useEffect, useLayoutEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { Look } from './data/looks';
import type { Measured } from './data/measure';
import type { History } from './data/history';
import type { Shown, Want } from './data/shown';
import type { Time } from './data/time';
import type { Selection, Views } from './data/views';
import type { Picture } from './data/wire';
import type { Change, Settings, Theme } from './settings';

/** What the pointer does in a picture. */
export const TOOLS = ['look', 'box', 'line'] as const;
export type Tool = (typeof TOOLS)[number];

export interface Scene {
  shown: Shown;
  views: Views;
  time: Time;
  theme: Theme;
  settings: Settings;
  change: Change;
  /** Whether this token may change anything. */
  mayChange: boolean;
  selection: Selection | undefined;
  select: (selection: Selection | undefined) => void;
  /** Classes that are not drawn. */
  hidden: ReadonlySet<string>;
  turn: (name: string) => void;
  /** A place along the curves' axis that the pointer shows, in them or as a distance in a plane. */
  cursor: number | undefined;
  setCursor: (at: number | undefined) => void;
  /** Which image of frames that have several. */
  setChannel: (channel: string | undefined) => void;
  look: (variable: string) => Look;
  setLook: (variable: string, some: Partial<Look>) => void;
  /** Whether true values are fetched instead of 8-bit codes. */
  exact: boolean;
  /** Index along each extra dimension. */
  slices: Record<string, number>;
  setSlice: (dim: string, index: number) => void;
  /** Tells that a picture is wanted as long as the panel is there. */
  want: (want: Want) => () => void;
  /** How many pixels the longer side of a variable's pictures should have. */
  sharp: (variable: string) => number;
  /** Tells how many a panel shows; undefined when it is gone. */
  setSharp: (panel: string, variable: string, size: number | undefined) => void;
  tool: Tool;
  setTool: (tool: Tool) => void;
  measured: Measured | undefined;
  measure: (what: Measured | undefined) => void;
  /** The frame that others are compared with. */
  pinned: Picture | undefined;
  togglePin: () => void;
  history: History;
}

/** The scene of one desk, of which each panel hears only what it uses. */
export interface SceneStore {
  scene: Scene;
  hear: (changed: () => void) => () => void;
}
export const SceneContext = createContext<SceneStore | undefined>(undefined);

/** Keeps a scene for panels: they are told after the desk is drawn, before anything is painted. */
export function useSceneStore(scene: Scene): SceneStore {
  const ears = useRef(new Set<() => void>());
  const store = useRef<SceneStore>();
  store.current ??= {
    scene,
    hear: (changed) => {
      ears.current.add(changed);
      return () => ears.current.delete(changed);
    },
  };
  store.current.scene = scene;
  useLayoutEffect(() => {
    for (const changed of ears.current) changed();
  }, [scene]);
  return store.current;
}

/** These parts of the scene; who asks is drawn again only when one of them is another. */
export function useScene<K extends keyof Scene>(...keys: K[]): Pick<Scene, K> {
  const store = useContext(SceneContext);
  if (!store) throw new Error('a panel stands on no desk');
  const kept = useRef<Pick<Scene, K>>();
  return useSyncExternalStore(store.hear, () => {
    const { scene } = store;
    if (!kept.current || keys.some((key) => kept.current?.[key] !== scene[key])) {
      kept.current = Object.fromEntries(keys.map((key) => [key, scene[key]])) as Pick<Scene, K>;
    }
    return kept.current;
  });
}

/** A picture of the shown result: undefined until it came, and where there is none. */
export function usePicture(variable: string | undefined, query: string): Picture | undefined {
  const { want, shown } = useScene('want', 'shown');
  const wanted = useMemo(
    () => (variable === undefined ? undefined : { variable, query }),
    [variable, query],
  );
  useEffect(() => (wanted ? want(wanted) : undefined), [want, wanted]);
  return (wanted && shown.pictures[`${wanted.variable}?${wanted.query}`]) ?? undefined;
}
