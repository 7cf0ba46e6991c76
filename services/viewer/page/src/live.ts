/** The page's pulse: notices come by WebSocket, pictures are fetched when the last one is shown. */
import { useEffect, useRef, useState } from 'react';
import { viewsOf } from './views';
import { askJson, askPicture, Refused, type Notice, type Picture, type ResultDoc } from './wire';

export type Link = 'joining' | 'joined' | 'lost' | 'strange';

export interface Shown {
  image: Picture | undefined;
  result: ResultDoc | undefined;
  /** Pictures of the result's variables, by name. */
  maps: Record<string, Picture>;
  problem: string | undefined;
}

export interface Wishes {
  paused: boolean;
  /** True values are needed, not 8-bit codes. */
  exact: boolean;
  /** A variable of the result that is wanted as a picture with true values. */
  layer: string | undefined;
}

const SOONEST_MS = 1000 / 15;
/** Without a result for so long, the image goes on without waiting for one. */
const PATIENCE_MS = 2000;
const EMPTY: Shown = { image: undefined, result: undefined, maps: {}, problem: undefined };

/** Listens to the service's notices; joins again by itself. */
export function useNotices(): { notice: Notice | undefined; at: number; link: Link } {
  const [heard, setHeard] = useState<{ notice: Notice | undefined; at: number }>({
    notice: undefined,
    at: 0,
  });
  const [link, setLink] = useState<Link>('joining');

  useEffect(() => {
    let socket: WebSocket | undefined;
    let timer = 0;
    let tries = 0;
    let over = false;

    function join(): void {
      const there = new URL('api/v1/notices', document.baseURI);
      there.protocol = there.protocol.replace('http', 'ws');
      socket = new WebSocket(there);
      socket.onmessage = (event) => {
        tries = 0;
        setLink('joined');
        setHeard({ notice: JSON.parse(String(event.data)) as Notice, at: performance.now() });
      };
      socket.onclose = () => {
        if (over) return;
        tries += 1;
        setLink((was) => (was === 'strange' ? was : 'lost'));
        void ask();
        timer = window.setTimeout(join, Math.min(4000, 500 * tries));
      };
    }

    async function ask(): Promise<void> {
      try {
        await askJson('api/v1/status');
      } catch (error) {
        if (error instanceof Refused && error.status === 401) setLink('strange');
        else setLink('lost');
      }
    }

    join();
    return () => {
      over = true;
      window.clearTimeout(timer);
      socket?.close();
    };
  }, []);

  return { notice: heard.notice, at: heard.at, link };
}

/** What is on the screen: as new as the service has it, as fast as the screen can take it. */
export function useShown(notice: Notice | undefined, wishes: Wishes): Shown {
  const [shown, setShown] = useState<Shown>(EMPTY);
  const latest = useRef({ notice, wishes, shown });
  latest.current = { notice, wishes, shown };

  useEffect(() => {
    let over = false;
    let resultAt = Number.NEGATIVE_INFINITY;
    let failedSeq = -1;

    async function turn(): Promise<void> {
      const { notice, wishes, shown } = latest.current;
      if (!notice || document.hidden) return;
      if (wishes.paused) return sharpen(shown, wishes);
      const next = await pull(notice, shown, wishes);
      if (over || next === shown || latest.current.wishes.paused) return;
      if (next.result !== shown.result) resultAt = performance.now();
      setShown(next);
    }

    async function pull(notice: Notice, shown: Shown, wishes: Wishes): Promise<Shown> {
      let next = shown;
      const news = notice.result && isNews(notice.result, next.result);
      if (news && notice.result?.seq !== failedSeq) {
        failedSeq = notice.result?.seq ?? -1;
        next = await withResult(next, wishes);
        failedSeq = -1;
      }
      const quiet = performance.now() - resultAt > PATIENCE_MS;
      const fresh = notice.frame && isNews(notice.frame, next.image);
      const foreign = next.image && next.image.run !== notice.frame?.run;
      if (fresh && next === shown && (quiet || foreign || !next.result)) {
        next = await withNewest(next, wishes);
      }
      return next;
    }

    async function sharpen(shown: Shown, wishes: Wishes): Promise<void> {
      const { image, result } = shown;
      if (image?.coded && wishes.exact) {
        const sharp = await imageOf(image.run, image.frame, true, 4096);
        if (sharp && !over) setShown((now) => (now.image === image ? { ...now, image: sharp } : now));
      }
      if (result && wishes.layer && !(wishes.layer in shown.maps)) {
        const maps = await mapsOf(result, wishes);
        if (!over) setShown((now) => (now.result === result ? { ...now, maps } : now));
      }
    }

    async function loop(): Promise<void> {
      while (!over) {
        const began = performance.now();
        try {
          await turn();
        } catch (error) {
          const text = error instanceof Refused ? error.message : undefined;
          if (text && !over) setShown((now) => ({ ...now, problem: text }));
          await pause(500);
        }
        await presented();
        await pause(Math.max(4, SOONEST_MS - (performance.now() - began)));
      }
    }

    void loop();
    return () => {
      over = true;
    };
  }, []);

  return shown;
}

/** Whether the service has something else than what is shown (it counts anew after a restart). */
function isNews(place: { seq: number }, shown: { seq: number } | undefined): boolean {
  return !shown || place.seq !== shown.seq;
}

async function withResult(shown: Shown, wishes: Wishes): Promise<Shown> {
  const result = await askJson<ResultDoc>('api/v1/results/latest');
  const [maps, image] = await Promise.all([mapsOf(result, wishes), imageFor(result, shown, wishes)]);
  return { image, result, maps, problem: undefined };
}

/** The image that a result was found in, unless a later one of the same run is already shown. */
async function imageFor(
  result: ResultDoc,
  shown: Shown,
  wishes: Wishes,
): Promise<Picture | undefined> {
  const now = shown.image;
  const later = now && now.run === result.run && now.frame > result.frame;
  if (!result.image || later) return now ?? newest(wishes);
  return (await imageOf(result.run, result.frame, wishes.exact, 1024)) ?? now;
}

async function withNewest(shown: Shown, wishes: Wishes): Promise<Shown> {
  const image = await newest(wishes);
  if (!image) return shown;
  const same = shown.result?.run === image.run;
  return {
    image,
    result: same ? shown.result : undefined,
    maps: same ? shown.maps : {},
    problem: undefined,
  };
}

function newest(wishes: Wishes): Promise<Picture | undefined> {
  return askPicture(`api/v1/frames/latest?enc=${wishes.exact ? 'f32' : 'u8'}`);
}

async function imageOf(
  run: string,
  frame: number,
  exact: boolean,
  size: number,
): Promise<Picture | undefined> {
  const place = `api/v1/frames/${encodeURIComponent(run)}/${frame}`;
  try {
    return await askPicture(`${place}?enc=${exact ? 'f32' : 'u8'}&size=${size}`);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return undefined;
    throw error;
  }
}

async function mapsOf(result: ResultDoc, wishes: Wishes): Promise<Record<string, Picture>> {
  const views = viewsOf(result);
  const whole = [views.classMap, ...Object.values(views.rowMaps)];
  const wanted = [
    ...whole.map((named) => [named, 'raw'] as const),
    ...views.planes.slice(0, 1).map((named) => [named, 'u8'] as const),
    ...views.layers
      .filter((named) => named.name === wishes.layer)
      .map((named) => [named, 'f32'] as const),
  ];
  const maps: Record<string, Picture> = {};
  await Promise.all(
    wanted.map(async ([named, enc]) => {
      const href = named?.variable.href;
      if (!named || !href) return;
      const picture = await askPicture(`${href.slice(1)}?enc=${enc}&analysis=${encodeURIComponent(result.analysis)}`);
      if (picture) maps[named.name] = picture;
    }),
  );
  return maps;
}

/** Resolves when what was drawn is on the screen; hidden pages do not draw. */
function presented(): Promise<void> {
  return new Promise((done) => {
    const timer = window.setTimeout(done, 250);
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        window.clearTimeout(timer);
        done();
      }),
    );
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => window.setTimeout(done, ms));
}
