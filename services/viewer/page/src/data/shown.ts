/** What is on the screen: fetched when the last of it was presented, so that nothing queues. */
import { useEffect, useRef, useState } from 'react';
import { Line } from './line';
import { askJson, askPicture, nameOf, Refused, understood, type Picture, type ResultDoc } from './wire';
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
export const EMPTY: Shown = { image: undefined, result: undefined, pictures: {}, problem: undefined };

type Latest = () => { wishes: Wishes; shown: Shown };

/** `onPresented` hears of everything new once it is on the screen. */
export function useShown(wishes: Wishes, onPresented: (shown: Shown) => void): Shown {
  const [shown, setShown] = useState<Shown>(EMPTY);
  const latest = useRef({ wishes, shown, onPresented });
  latest.current = { wishes, shown, onPresented };

  const line = useRef<Line>();

  useEffect(() => {
    let over = false;
    line.current = new Line();
    const puller = new Puller(() => latest.current, line.current);

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
      line.current?.close();
    };
  }, []);
  useEffect(() => line.current?.wake(), [wishes]);

  return shown;
}

/** Decides what to fetch next. */
class Puller {
  /** A moment that was tried, so that what isn't there is not asked for again and again. */
  private tried: Moment | undefined;

  constructor(
    private readonly latest: Latest,
    private readonly line: Line,
  ) {}

  async next(): Promise<Shown> {
    const { wishes, shown } = this.latest();
    const next = wishes.moment ? await this.past(wishes.moment) : shown;
    const whole = next === shown ? await completed(shown, wishes) : next;
    return whole === shown && !wishes.moment ? this.live() : whole;
  }

  private async live(): Promise<Shown> {
    const { wishes, shown } = this.latest();
    const { analysis, image, wants } = wishes;
    this.tried = undefined;
    const same = analysis === undefined || analysis === shown.result?.analysis;
    const after = {
      result: (same && shown.result?.seq) || 0,
      frame: shown.image?.seq ?? 0,
      run: shown.image?.run,
    };
    const news = await this.line.ask(after, {
      ...{ analysis, image: image.query },
      wants: wants.map(({ variable, query }) => [variable, query]),
    });
    if (!news) return shown;
    const found = asked(news.image, image) ?? shown.image;
    if (!news.result) {
      const goesOn = shown.result?.run === found?.run;
      return { ...(goesOn ? shown : EMPTY), image: found, problem: undefined };
    }
    const pictures = wants.map((want) => [keyOf(want), news.pictures.get(keyOf(want)) ?? null] as const);
    const there = pictures.filter(([, picture], i) => picture || hrefOf(news.result, wants[i] as Want));
    return { image: found, result: news.result, pictures: Object.fromEntries(there), problem: undefined };
  }

  private async past(moment: Moment): Promise<Shown> {
    const { wishes, shown } = this.latest();
    const { image: here } = shown;
    const wanted = wishes.analysis === undefined || shown.result?.analysis === wishes.analysis;
    const there = wanted && here?.frame === moment.frame && nameOf(here) === moment.run;
    if (there || this.tried === moment) return shown;
    this.tried = moment;
    const [result, image] = (
      await Promise.all([resultOf(moment, wishes.analysis), imageOf(moment, wishes)])
    ).map((one) => called(one, moment)) as [ResultDoc | undefined, Picture | undefined];
    const pictures = result ? await picturesOf(result, wishes.wants, {}) : {};
    const problem = image || result ? undefined : words.gone(moment.frame, moment.run);
    return { image: image ?? shown.image, result, pictures, problem };
  }
}

/** What is shown with what is wanted of it now: contrast, layers and panels change while it stays. */
async function completed(shown: Shown, wishes: Wishes): Promise<Shown> {
  const { image, result, pictures } = shown;
  const keys = new Set(wishes.wants.map(keyOf));
  const lacking = wishes.wants.filter((want) => !(keyOf(want) in pictures) && hrefOf(result, want));
  const stale = image !== undefined && image.asked !== keyOf(wishes.image);
  if (!lacking.length && !stale) return shown;
  const kept = Object.fromEntries(Object.entries(pictures).filter(([key]) => keys.has(key)));
  const here = image && { run: nameOf(image), frame: image.frame };
  const [all, sharp] = await Promise.all([
    result ? picturesOf(result, lacking, kept) : {},
    stale && here ? called(await imageOf(here, wishes), here) : image,
  ]);
  // what is gone from the ring stays as it is
  const same = image && !sharp ? { ...image, asked: keyOf(wishes.image) } : sharp;
  return { ...shown, image: same, pictures: all };
}

async function resultOf(moment: Moment, analysis: string | undefined): Promise<ResultDoc | undefined> {
  const of = analysis === undefined ? '' : `?analysis=${encodeURIComponent(analysis)}`;
  return unlessGone(async () =>
    understood(await askJson<ResultDoc>(`api/v1/results/${encodeURIComponent(moment.run)}/${moment.frame}${of}`)),
  );
}

/** Under the name it was asked for by: that of an archive stays, that of a run may be another's tomorrow. */
function called<T extends Picture | ResultDoc>(one: T | undefined, { run }: Moment): T | undefined {
  return one && nameOf(one) !== run ? { ...one, id: run } : one;
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
  if (!result?.variables[want.variable]?.href) return undefined;
  return `/api/v1/results/${encodeURIComponent(nameOf(result))}/${result.frame}/${encodeURIComponent(want.variable)}`;
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
