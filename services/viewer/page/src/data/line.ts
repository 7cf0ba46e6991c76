/** The line on which news come: one ask, one answer with all that is new, as soon as there is any. */
import { numbersIn, pictureOf, Refused, understood, type Picture, type ResultDoc } from './wire';

/** What is wanted; pictures by their queries. */
export interface What {
  analysis: string | undefined;
  image: string;
  wants: [variable: string, query: string][];
}

/** What is shown: the answer is what is newer. */
export interface After {
  result: number;
  frame: number;
  run: string | undefined;
}

export interface News {
  result: ResultDoc | undefined;
  /** Undefined: the service has none, or it is shown already. */
  image: Picture | undefined;
  /** By variable and query. */
  pictures: Map<string, Picture>;
}

interface Part {
  of: 'image' | [variable: string, query: string];
  status: number;
  error?: string;
  headers?: Record<string, string>;
  at?: number;
  length?: number;
}
interface Head {
  what?: What;
  error?: string;
  result?: ResultDoc | null;
  parts: Part[];
}

interface Waiting {
  what: string;
  done: (news: News | undefined) => void;
  failed: (error: Error) => void;
}

/** One ask at a time; joins when it is asked, again when it was cut. */
export class Line {
  private socket: WebSocket | undefined;
  private waiting: Waiting | undefined;
  /** What came of a long answer so far. */
  private pieces = new Pieces();

  /** What is new, as soon as it is; undefined if somebody called `wake` meanwhile. */
  ask(after: After, what: What): Promise<News | undefined> {
    const text = JSON.stringify(what);
    return new Promise((done, failed) => {
      this.waiting = { what: text, done, failed };
      const say = () => this.socket?.send(`{"after":${JSON.stringify(after)},"what":${text}}`);
      if (this.socket?.readyState === WebSocket.OPEN) say();
      else this.join(say);
    });
  }

  /** Ends the wait for news: something else is wanted. */
  wake(): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.done(undefined);
  }

  close(): void {
    this.wake();
    this.socket?.close();
    this.socket = undefined;
  }

  private join(say: () => void): void {
    this.socket?.close();
    const there = new URL('api/v1/line', document.baseURI);
    there.protocol = there.protocol.replace('http', 'ws');
    const socket = new WebSocket(there);
    this.socket = socket;
    this.pieces = new Pieces();
    socket.binaryType = 'arraybuffer';
    socket.onopen = say;
    socket.onmessage = (event) => {
      const whole = this.socket === socket && this.pieces.add(event.data as ArrayBuffer);
      if (whole) this.hear(whole);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.fail(new TypeError('the service went away'));
    };
  }

  private hear(message: ArrayBuffer): void {
    const { waiting } = this;
    if (!waiting) return;
    try {
      const head = headOf(message);
      if (head.error !== undefined) throw new Refused(400, head.error);
      // an answer to what was asked before; the one to this follows
      if (JSON.stringify(head.what) !== waiting.what) return;
      const news = newsOf(message, head);
      this.waiting = undefined;
      waiting.done(news);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private fail(error: Error): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.failed(error);
  }
}

/** Puts a long answer together. */
export class Pieces {
  private whole: Uint8Array<ArrayBuffer> | undefined;
  private filled = 0;

  /** The answer, once all of it is there. */
  add(piece: ArrayBuffer): ArrayBuffer | undefined {
    if (!this.whole) {
      const length = new DataView(piece).getUint32(4, true);
      if (length === piece.byteLength) return piece;
      this.whole = new Uint8Array(length);
      this.filled = 0;
    }
    const { whole } = this;
    whole.set(new Uint8Array(piece), this.filled);
    this.filled += piece.byteLength;
    if (this.filled < whole.length) return undefined;
    this.whole = undefined;
    return whole.buffer;
  }
}

const FIRST = 8;

export function headOf(message: ArrayBuffer): Head {
  const length = new DataView(message).getUint32(0, true);
  return JSON.parse(new TextDecoder().decode(new Uint8Array(message, FIRST, length))) as Head;
}

/** The parts of an answer; where one can't be had for another reason than being gone, an error. */
export function newsOf(message: ArrayBuffer, head: Head): News {
  const start = FIRST + new DataView(message).getUint32(0, true);
  const news: News = { result: head.result ? understood(head.result) : undefined, image: undefined, pictures: new Map() };
  for (const { of, status, error, headers = {}, at = 0, length = 0 } of head.parts) {
    if (status === 404) continue;
    if (status !== 200) throw new Refused(status, error ?? `the service answered ${status}`);
    const heads = new Map(Object.entries(headers));
    const query = of === 'image' ? (head.what?.image ?? '') : of[1];
    const picture = pictureOf(heads, numbersIn(heads, message, start + at, length), query);
    if (of === 'image') news.image = picture;
    else news.pictures.set(`${of[0]}?${query}`, picture);
  }
  return news;
}
