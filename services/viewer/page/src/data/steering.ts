/** Who steers, what is suggested and why, and where it went: as the service's notices tell. */
import { createContext, useCallback, useContext, useEffect, useRef, useState } from 'react';
import { Refused, tell, type Notice } from './wire';

export const MODES = ['advise', 'auto', 'off'] as const;
export type Mode = (typeof MODES)[number];

export interface Move {
  to: number | string | null;
  from: number | string | null;
  units: string;
}

export interface Reason {
  run: string | null;
  frame: number | null;
  values: Record<string, number | string | null>;
  sigma: number | null;
  model: string;
  words: string;
}

export interface Suggestion {
  id: string;
  by: string;
  plan: string;
  moves: Record<string, Move>;
  reason: Reason;
}

export interface SteeringEvent {
  event: string;
  at: string;
  by: string;
  via: string;
  id?: string;
  words?: string;
  mode?: string;
  moves?: Record<string, Move>;
  reason?: Reason;
}

export interface SteeringDoc {
  mode: Mode;
  stopped: SteeringEvent | null;
  holder: { name: string; since: string; expires_s: number } | null;
  paused: string | null;
  waiting: Suggestion[];
  counts: Record<string, number>;
  events: SteeringEvent[];
}

export type Wish =
  | { action: 'accept' | 'reject'; id: string }
  | { action: 'mode'; mode: Mode }
  | { action: 'stop' | 'clear' };

export interface Steering {
  /** undefined: nobody ever steered here. */
  doc: SteeringDoc | undefined;
  /** What happened since the page was opened, and the last before, the oldest first. */
  events: SteeringEvent[];
  /** What came of the last wish, where it was refused. */
  problem: string | undefined;
  mayChange: boolean;
  /** Who wishes; written down. */
  name: string;
  setName: (name: string) => void;
  act: (wish: Wish) => void;
}

export const SteeringContext = createContext<Steering | undefined>(undefined);
export const useSteering = () => useContext(SteeringContext);

/** Events that the page keeps, for the path. */
const KEPT = 2000;

/** Keeps what the notices say of steering; the same object as long as nothing changed. */
export function useSteeringOf(
  notice: Notice | undefined,
  who: { name: string; someone: string; setName: (name: string) => void; mayChange: boolean; noAnswer: string },
): Steering {
  const [problem, setProblem] = useState<string>();
  const [answered, setAnswered] = useState<{ doc: SteeringDoc; over: Notice | undefined }>();
  const kept = useRef<{ text: string; doc: SteeringDoc | undefined; events: SteeringEvent[] }>({
    text: '',
    doc: undefined,
    events: [],
  });
  // an answer holds until the next notice
  const said = answered && answered.over === notice ? answered.doc : notice?.status.steering;
  const text = said ? JSON.stringify({ ...said, holder: said.holder?.name }) : '';
  if (said && text !== kept.current.text) {
    const events = lengthened(kept.current.events, said.events);
    kept.current = { text, doc: wasSeen(said) || events.length ? said : undefined, events };
  }
  const now = useRef({ notice, who });
  now.current = { notice, who };
  const act = useCallback((wish: Wish) => {
    const by = now.current.who.name.trim() || now.current.who.someone;
    tell<{ steering?: SteeringDoc }>('api/v1/steering', { ...wish, by }).then(
      ({ steering }) => {
        setProblem(undefined);
        if (steering) setAnswered({ doc: steering, over: now.current.notice });
      },
      (error: unknown) => setProblem(error instanceof Refused ? error.message : now.current.who.noAnswer),
    );
  }, []);
  const { name, setName, mayChange } = who;
  const { doc, events } = kept.current;
  const value = useRef<Steering>();
  const before = value.current;
  const same =
    before?.doc === doc && before?.problem === problem && before?.name === name && before?.mayChange === mayChange;
  if (!before || !same) value.current = { doc, events, problem, mayChange, name, setName, act };
  return value.current as Steering;
}

function wasSeen({ holder, stopped, events, waiting }: SteeringDoc): boolean {
  return Boolean(holder || stopped || events.length || waiting.length);
}

/** `known` and what of `said` is not in it; the oldest go. */
export function lengthened(known: SteeringEvent[], said: SteeringEvent[]): SteeringEvent[] {
  const keyOf = ({ at, event, id, by }: SteeringEvent) => [at, event, id, by].join(' ');
  const keys = new Set(known.slice(-said.length - 100).map(keyOf));
  const fresh = said.filter((event) => !keys.has(keyOf(event)));
  return fresh.length ? [...known, ...fresh].slice(-KEPT) : known;
}

/** Where two axes stood, one point for each move that was done. */
export function pathOf(events: SteeringEvent[], [dimY, dimX]: [string, string]): [y: number, x: number][] {
  const path: [number, number][] = [];
  let [y, x]: (number | undefined)[] = [];
  for (const { event, moves } of events) {
    if (event !== 'done' || !moves || !(dimY in moves || dimX in moves)) continue;
    y = placeOf(moves[dimY]?.to) ?? y ?? placeOf(moves[dimY]?.from);
    x = placeOf(moves[dimX]?.to) ?? x ?? placeOf(moves[dimX]?.from);
    if (y !== undefined && x !== undefined) path.push([y, x]);
  }
  return path;
}

export function placeOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** The two axes that are moved most: what a path can be drawn over. */
export function axesOf(events: SteeringEvent[]): [string, string] | undefined {
  const counts = new Map<string, number>();
  for (const { event, moves } of events) {
    if (event !== 'done') continue;
    for (const axis of Object.keys(moves ?? {})) counts.set(axis, (counts.get(axis) ?? 0) + 1);
  }
  const [first, second] = [...counts].sort((a, b) => b[1] - a[1]).map(([axis]) => axis);
  if (first === undefined || second === undefined) return undefined;
  return /x$/i.test(first) && /y$/i.test(second) ? [second, first] : [first, second];
}

/** Keys that stop from everywhere, also while somebody types: Ctrl + . as in LabVIEW. */
export function useStopKey(on: boolean, stop: () => void): void {
  useEffect(() => {
    if (!on) return;
    const heard = (event: KeyboardEvent) => {
      if (event.key !== '.' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      stop();
    };
    window.addEventListener('keydown', heard, true);
    return () => window.removeEventListener('keydown', heard, true);
  }, [on, stop]);
}
