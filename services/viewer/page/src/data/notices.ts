/** What the service tells by itself: a WebSocket that joins again when it was cut. */
import { useEffect, useState } from 'react';
import { askJson, Refused, type Notice } from './wire';

export type Link = 'joining' | 'joined' | 'lost' | 'strange';

/** Words are read: no more often. */
const EVERY_S = 0.25;

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
      const there = new URL(`api/v1/notices?every=${EVERY_S}`, document.baseURI);
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
