/** Where in time a desk looks: live, at one frame, or moving through a run. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { at, joined, moved, type Ranges } from './ranges';
import type { Moment, Shown } from './shown';
import { askJson, Refused } from './wire';

export interface RunInfo {
  id: string | null;
  run: string;
  source: string;
  live: boolean;
  status: string;
  reason?: string;
  start_time: string;
  end_time?: string;
  frames: number;
  missing?: number;
  shape?: [number, number] | null;
  analyses: { name: string; frames: number; failed?: number }[];
  problems?: string[];
}

/** One run in full. */
export interface RunDetail extends RunInfo {
  numbers: Ranges;
  held: Ranges;
  results: Record<string, Ranges>;
}

export interface Spot {
  run: string | undefined;
  frame: number | undefined;
}

export interface Time {
  live: boolean;
  playing: boolean;
  moment: Moment | undefined;
  /** All frames of the run that can be looked at. */
  ranges: Ranges;
  detail: RunDetail | undefined;
  pause: () => void;
  play: () => void;
  step: (by: number) => void;
  goTo: (frame: number) => void;
  goLive: () => void;
  /** Must hear of everything presented: a run plays on from there. */
  presented: () => void;
}

export function useTime(
  spot: Spot,
  onSpot: (spot: Spot) => void,
  running: string | undefined,
  shown: () => Shown,
): Time {
  const [playing, setPlaying] = useState(false);
  const live = spot.run === undefined;
  const run = spot.run ?? running;
  const detail = useRun(run, live ? 3000 : undefined);
  const ranges = useMemo(
    () => (detail ? joined(detail.numbers, detail.held) : []),
    [detail],
  );
  const last = at(ranges, Number.MAX_SAFE_INTEGER);
  const frame = spot.frame ?? (live ? undefined : last);
  const moment = useMemo(
    () => (spot.run !== undefined && frame !== undefined ? { run: spot.run, frame } : undefined),
    [spot.run, frame],
  );
  const now = useRef({ moment, ranges, playing, shown });
  now.current = { moment, ranges, playing, shown };

  const goTo = useCallback(
    (to: number) => {
      const here = now.current.moment?.run ?? now.current.shown().image?.run ?? run;
      if (here !== undefined) onSpot({ run: here, frame: to });
    },
    [onSpot, run],
  );
  const pause = useCallback(() => {
    setPlaying(false);
    const { image, result } = now.current.shown();
    const place = image ?? result;
    if (now.current.moment || !place) return;
    onSpot({ run: place.run, frame: place.frame });
    // a run may begin again under its name; its archive has one of its own
    void archiveOf(place.run).then((run) => {
      const { moment } = now.current;
      if (run && moment?.run === place.run) onSpot({ run, frame: moment.frame });
    });
  }, [onSpot]);
  const step = useCallback(
    (by: number) => {
      setPlaying(false);
      const { moment, ranges, shown } = now.current;
      const here = moment?.frame ?? shown().image?.frame;
      const to = here === undefined ? undefined : moved(withFrame(ranges, here), here, by);
      if (to !== undefined) goTo(to);
    },
    [goTo],
  );
  const goLive = useCallback(() => {
    setPlaying(false);
    onSpot({ run: undefined, frame: undefined });
  }, [onSpot]);
  const play = useCallback(() => {
    const { moment, ranges } = now.current;
    if (moment && at(ranges, Number.MAX_SAFE_INTEGER) === moment.frame) goTo(at(ranges, 0) ?? 0);
    setPlaying(true);
  }, [goTo]);
  const presented = useCallback(() => {
    const { moment, ranges, playing } = now.current;
    if (!playing || !moment) return;
    const to = moved(ranges, moment.frame, 1);
    if (to === undefined || to === moment.frame) setPlaying(false);
    else goTo(to);
  }, [goTo]);
  const going = playing && moment !== undefined;
  useEffect(() => {
    if (going) presented();
  }, [going, presented]);

  return { live, playing: going, moment, ranges, detail, pause, play, step, goTo, goLive, presented };
}

/** What the archive calls a run that goes on; undefined where it keeps none. */
async function archiveOf(run: string): Promise<string | undefined> {
  try {
    const { live, id } = await askJson<RunDetail>(`api/v1/runs/${encodeURIComponent(run)}`);
    return (live && id) || undefined;
  } catch (error) {
    if (error instanceof Refused || error instanceof TypeError) return undefined;
    throw error;
  }
}

function withFrame(ranges: Ranges, frame: number): Ranges {
  return joined(ranges, [[frame, frame]]);
}

/** A run's frames; asked for again every `everyMs`, or once. */
export function useRun(run: string | undefined, everyMs: number | undefined): RunDetail | undefined {
  const [detail, setDetail] = useState<{ run: string; detail: RunDetail }>();
  useEffect(() => {
    if (run === undefined) return;
    let over = false;
    async function look(): Promise<void> {
      if (document.hidden) return;
      try {
        const found = await askJson<RunDetail>(`api/v1/runs/${encodeURIComponent(run ?? '')}`);
        if (!over) setDetail({ run: run ?? '', detail: found });
      } catch (error) {
        if (!(error instanceof Refused || error instanceof TypeError)) throw error;
      }
    }
    void look();
    const timer = window.setInterval(() => void look(), everyMs ?? 5000);
    return () => {
      over = true;
      window.clearInterval(timer);
    };
  }, [run, everyMs]);
  return detail && detail.run === run ? detail.detail : undefined;
}

