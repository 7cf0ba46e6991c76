/** A volume of labels that is turned, by dragging and by the arrow keys; the service looks at it. */
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import type { Named } from '../data/views';
import { columnsOf, lit, queried, START, turnedBy, type Turn } from '../data/turning';
import type { Picture, ResultDoc } from '../data/wire';
import { usePicture } from '../scene';
import { words } from '../words';
import { Toggle } from './Panel';

/** Degrees that a key turns it. */
const STEP = 15;
/** Degrees for a pixel of the pointer's way. */
const BY_PIXEL = 0.5;
const KEYS: Record<string, [number, number]> = {
  ArrowLeft: [STEP, 0],
  ArrowRight: [-STEP, 0],
  ArrowUp: [0, STEP],
  ArrowDown: [0, -STEP],
};

export interface Turning {
  columns: string[];
  /** undefined: slices are shown. */
  turn: Turn | undefined;
  set: (turn: Turn | undefined) => void;
}

export function useTurning(result: ResultDoc | undefined, named: Named | undefined): Turning {
  const [turn, set] = useState<Turn>();
  const columns = columnsOf(result, named);
  return { columns, turn: columns.length ? turn : undefined, set };
}

/** The picture of a variable, turned if it is, and the light on it. */
export function useTurned(named: Named | undefined, query: string, { turn }: Turning): [Picture | undefined, Picture | undefined] {
  const picture = usePicture(named?.name, turn ? queried(query, turn) : query);
  const light = usePicture(turn && named?.name, turn ? lit(new URLSearchParams(query).get('size') ?? '1024', turn) : '');
  return [turn && !light ? undefined : picture, light];
}

/** Slices or the whole, and what colours it. */
export function TurnTools({ columns, turn, set }: Turning) {
  if (!columns.length) return null;
  return (
    <>
      <Toggle on={turn !== undefined} onToggle={() => set(turn ? undefined : START)} title={words.turning.title}>
        {words.turning.on}
      </Toggle>
      {turn && (
        <select
          aria-label={words.turning.colour}
          title={words.turning.colour}
          value={turn.colour || columns[0]}
          onChange={(event) => set({ ...turn, colour: event.target.value })}
        >
          {columns.map((name) => (
            <option key={name} value={name}>
              {name.replaceAll('_', ' ')}
            </option>
          ))}
        </select>
      )}
    </>
  );
}

/** Turns what it holds; the next turn is asked for when the last one is `here`. */
export function Turnable(props: { turning: Turning; here: boolean; children: ReactNode }) {
  const { here, children } = props;
  const { turn, set } = props.turning;
  const wish = useRef<Turn>();
  const last = useRef<[number, number]>();
  useEffect(() => {
    if (here && turn && wish.current) {
      if (wish.current !== turn) set({ ...wish.current, colour: turn.colour });
      wish.current = undefined;
    }
  }, [here, turn, set]);
  if (!turn) return <>{children}</>;
  const go = (azimuth: number, elevation: number) => {
    const next = turnedBy(wish.current ?? turn, azimuth, elevation);
    if (here) set(next);
    else wish.current = next;
  };
  const press = (event: PointerEvent<HTMLDivElement>) => {
    event.stopPropagation();
    event.currentTarget.focus();
    event.currentTarget.setPointerCapture(event.pointerId);
    last.current = [event.clientX, event.clientY];
  };
  const move = (event: PointerEvent<HTMLDivElement>) => {
    event.stopPropagation();
    const from = last.current;
    if (!from) return;
    last.current = [event.clientX, event.clientY];
    go(BY_PIXEL * (from[0] - event.clientX), BY_PIXEL * (event.clientY - from[1]));
  };
  const lift = (event: PointerEvent) => {
    event.stopPropagation();
    last.current = undefined;
  };
  const key = (event: KeyboardEvent) => {
    const by = KEYS[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    go(...by);
  };
  return (
    <div
      className="turnable"
      role="group"
      tabIndex={0}
      aria-label={words.turning.hint}
      title={words.turning.hint}
      onPointerDownCapture={press}
      onPointerMoveCapture={move}
      onPointerUpCapture={lift}
      onPointerCancelCapture={lift}
      onKeyDown={key}
    >
      {children}
    </div>
  );
}
