/** What is on the screen: fetched when the last of it was presented, so that nothing queues. */
import { useEffect, useRef, useState } from 'react';
import { askJson, askPicture, Refused, type Picture, type Place, type ResultDoc } from './wire';
import { newest as heard } from './notices';
import { words } from '../words';

/** A picture that a panel wants: of a variable of the result, or ('') the raw image. */
export interface Want {
  variable: string;
  query: string;
}

export interface Moment {
  run: string;
  frame: number;
}

export interface Shown {
  image: Picture | undefined;
  result: ResultDoc | undefined;
  /** What was wanted, by `keyOf`; null where the service has none. */
  pictures: Record<string, Picture | null>;
  problem: string | undefined;
}

export interface Wishes {
  /** Where to look; undefined: at the newest. */
  moment: Moment | undefined;
  analysis: string | undefined;
  image: Want;
  wants: Want[];
}

export const keyOf = ({ variable, query }: Want) => `${variable}?${query}`;

const SOONEST_MS = 1000 / 15;
/** Without a result for so long, the image goes on without waiting for one. */
const PATIENCE_MS = 2000;
export const EMPTY: Shown = { image: undefined, result: undefined, pictures: {}, problem: undefined };

type Latest = () => { wishes: Wishes; shown: Shown };

/** `onPresented` hears of everything new once it is on the screen. */
export function useShown(wishes: Wishes, onPresented: (shown: Shown) => void): Shown {
  const [shown, setShown] = useState<Shown>(EMPTY);
  const latest = useRef({ wishes, shown, onPresented });
  latest.current = { wishes, shown, onPresented };

  useEffect(() => {
    let over = false;
    const puller = new Puller(() => latest.current);

    async function turn(): Promise<void> {
      const { shown, wishes } = latest.current;
      if (document.hidden) return;
      const next = await puller.next();
      const now = latest.current.wishes;
      if (over || next === shown || now.moment !== wishes.moment) return;
      setShown(next);
      await presented();
      latest.current.onPresented(next);
    }

    async function loop(): Promise<void> {
      while (!over) {
        const began = performance.now();
        try {
          await turn();
        } catch (error) {
          const text = error instanceof Refused ? error.message : undefined;
          if (text && !over) setShown((now) => (now.problem === text ? now : { ...now, problem: text }));
          await pause(500);
        }
        await pause(Math.max(8, SOONEST_MS - (performance.now() - began)));
      }
    }

    void loop();
    return () => {
      over = true;
    };
  }, []);

  return shown;
}

/** Decides what to fetch next. */
class Puller {
  private resultAt = Number.NEGATIVE_INFINITY;
  /** A moment that was tried, so that what isn't there is not asked for again and again. */
  private tried: Moment | undefined;

  constructor(private readonly latest: Latest) {}

  async next(): Promise<Shown> {
    const { wishes, shown } = this.latest();
    const next = wishes.moment ? await this.past(wishes.moment) : await this.live();
    return next === shown ? completed(shown, wishes) : next;
  }

  private async live(): Promise<Shown> {
    const { wishes, shown } = this.latest();
    const { notice } = heard;
    this.tried = undefined;
    if (!notice) return shown;
    const grown = notice.grown?.find(({ analysis }) => analysis === wishes.analysis);
    const place = grown ?? notice.result;
    if (place && isNews(place, shown.result, wishes.analysis)) {
      const result = await newestResult(wishes.analysis);
      if (result && (result.seq !== shown.result?.seq || result.analysis !== shown.result.analysis)) {
        this.resultAt = performance.now();
        return this.withResult(result);
      }
    }
    const quiet = performance.now() - this.resultAt > PATIENCE_MS;
    const fresh = notice.frame && notice.frame.seq !== shown.image?.seq;
    const foreign = shown.image && shown.image.run !== notice.frame?.run;
    return fresh && (quiet || foreign || !shown.result) ? this.withNewest() : shown;
  }

  private async withResult(result: ResultDoc): Promise<Shown> {
    const { wishes, shown } = this.latest();
    const later = shown.image && shown.image.run === result.run && shown.image.frame > result.frame;
    const image = result.image && !later ? imageOf(result, wishes) : undefined;
    const [pictures, found] = await Promise.all([picturesOf(result, wishes.wants, {}), image]);
    return { image: found ?? shown.image ?? (await newest(wishes)), result, pictures, problem: undefined };
  }

  private async withNewest(): Promise<Shown> {
    const { wishes, shown } = this.latest();
    const image = await newest(wishes);
    if (!image) return shown;
    const same = shown.result?.run === image.run;
    return same ? { ...shown, image, problem: undefined } : { ...EMPTY, image };
  }

  private async past(moment: Moment): Promise<Shown> {
    const { wishes, shown } = this.latest();
    const wanted = wishes.analysis === undefined || shown.result?.analysis === wishes.analysis;
    const there = wanted && shown.image?.frame === moment.frame && isRun(shown, moment.run);
    if (there || this.tried === moment) return shown;
    this.tried = moment;
    const [result, image] = await Promise.all([
      resultOf(moment, wishes.analysis),
      imageOf(moment, wishes),
    ]);
    const pictures = result ? await picturesOf(result, wishes.wants, {}) : {};
    const problem = image || result ? undefined : words.gone(moment.frame, moment.run);
    return { image: image ?? shown.image, result, pictures, problem };
  }
}

function isRun({ image, result }: Shown, run: string): boolean {
  return image?.run === run || (result?.id === run && result.run === image?.run);
}

/** Whether the service has something else than what is shown (it counts anew after a restart). */
function isNews(place: Place, shown: ResultDoc | undefined, analysis: string | undefined): boolean {
  if (!shown || place.seq !== shown.seq) return true;
  return analysis !== undefined && analysis !== shown.analysis;
}

/** What is shown with what is wanted of it now: contrast, layers and panels change while it stays. */
async function completed(shown: Shown, wishes: Wishes): Promise<Shown> {
  const { image, result, pictures } = shown;
  const keys = new Set(wishes.wants.map(keyOf));
  const lacking = wishes.wants.filter((want) => !(keyOf(want) in pictures) && hrefOf(result, want));
  const stale = image !== undefined && image.asked !== keyOf(wishes.image);
  if (!lacking.length && !stale) return shown;
  const kept = Object.fromEntries(Object.entries(pictures).filter(([key]) => keys.has(key)));
  const [all, sharp] = await Promise.all([
    result ? picturesOf(result, lacking, kept) : {},
    stale ? imageOf(image, wishes) : image,
  ]);
  // what is gone from the ring stays as it is
  const same = image && !sharp ? { ...image, asked: keyOf(wishes.image) } : sharp;
  return { ...shown, image: same, pictures: all };
}

async function newestResult(analysis: string | undefined): Promise<ResultDoc | undefined> {
  const of = analysis === undefined ? '' : `?analysis=${encodeURIComponent(analysis)}`;
  try {
    return await askJson<ResultDoc>(`api/v1/results/latest${of}`);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // 204: nothing yet
    throw error;
  }
}

async function resultOf(moment: Moment, analysis: string | undefined): Promise<ResultDoc | undefined> {
  const of = analysis === undefined ? '' : `?analysis=${encodeURIComponent(analysis)}`;
  return unlessGone(() =>
    askJson<ResultDoc>(`api/v1/results/${encodeURIComponent(moment.run)}/${moment.frame}${of}`),
  );
}

async function newest({ image }: Wishes): Promise<Picture | undefined> {
  return asked(await askPicture(`api/v1/frames/latest?${image.query}`), image);
}

function imageOf(moment: Moment, { image }: Wishes): Promise<Picture | undefined> {
  const place = `api/v1/frames/${encodeURIComponent(moment.run)}/${moment.frame}`;
  return unlessGone(async () => asked(await askPicture(`${place}?${image.query}`), image));
}

function asked(picture: Picture | undefined, want: Want): Picture | undefined {
  return picture && { ...picture, asked: keyOf(want) };
}

async function unlessGone<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return undefined;
    throw error;
  }
}

function hrefOf(result: ResultDoc | undefined, want: Want): string | undefined {
  return result?.variables[want.variable]?.href;
}

async function picturesOf(
  result: ResultDoc,
  wants: Want[],
  kept: Record<string, Picture | null>,
): Promise<Record<string, Picture | null>> {
  const all = { ...kept };
  await Promise.all(
    wants.map(async (want) => {
      const href = hrefOf(result, want);
      if (!href) return;
      const of = `analysis=${encodeURIComponent(result.analysis)}`;
      const join = href.includes('?') ? '&' : '?';
      const picture = await unlessGone(() => askPicture(`${href.slice(1)}${join}${want.query}&${of}`));
      all[keyOf(want)] = picture ?? null;
    }),
  );
  return all;
}

/** Resolves when what was drawn is on the screen; hidden pages do not draw. */
function presented(): Promise<void> {
  return new Promise((done) => {
    const timer = window.setTimeout(done, 250);
    requestAnimationFrame(() => {
      window.clearTimeout(timer);
      window.setTimeout(done); // after this frame was painted
    });
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => window.setTimeout(done, ms));
}
