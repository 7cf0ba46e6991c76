/** What the service tells by itself: a WebSocket that joins again when it was cut. */
import { useEffect, useState } from 'react';
import { askJson, Refused, type Notice } from './wire';

export type Link = 'joining' | 'joined' | 'lost' | 'strange';

/** The newest notice, for who pulls pictures: it does not wait until the page drew the words. */
export const newest: { notice: Notice | undefined } = { notice: undefined };
/** The words of notices are drawn no more often. */
const WORDS_MS = 250;

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
    let later = 0;
    let drawn = false;
    let at = 0;
    let tries = 0;
    let over = false;

    function draw(): void {
      later = 0;
      drawn = true;
      setHeard({ notice: newest.notice, at });
    }

    function join(): void {
      const there = new URL('api/v1/notices', document.baseURI);
      there.protocol = there.protocol.replace('http', 'ws');
      socket = new WebSocket(there);
      socket.onmessage = (event) => {
        tries = 0;
        setLink('joined');
        newest.notice = JSON.parse(String(event.data)) as Notice;
        at = performance.now();
        if (!later) later = window.setTimeout(draw, drawn ? WORDS_MS : 0);
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
      window.clearTimeout(later);
      socket?.close();
    };
  }, []);

  return { notice: heard.notice, at: heard.at, link };
}
