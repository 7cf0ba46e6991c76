/** What the page keeps in its address, so that a link shows the same to somebody else. */
import { useCallback, useEffect, useState } from 'react';

export interface Address {
  /** Run and frame that are looked at; without a run: live. */
  run: string | undefined;
  frame: number | undefined;
  /** The run beside it: '' is live. */
  beside: string | undefined;
  besideFrame: number | undefined;
  analysis: string | undefined;
  /** Which image of frames that have several; undefined: the first. */
  channel: string | undefined;
  layout: string | undefined;
}

export function readAddress(search: string): Address {
  const query = new URLSearchParams(search);
  const text = (name: string) => query.get(name) ?? undefined;
  const whole = (name: string) => {
    const value = query.get(name);
    return value && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  };
  return {
    run: text('run') || undefined,
    frame: whole('frame'),
    beside: text('beside'),
    besideFrame: whole('beside-frame'),
    analysis: text('analysis') || undefined,
    channel: text('channel') || undefined,
    layout: text('layout') || undefined,
  };
}

export function writeAddress(address: Address): string {
  const query = new URLSearchParams();
  const put = (name: string, value: string | number | undefined) => {
    if (value !== undefined) query.set(name, String(value));
  };
  put('run', address.run);
  put('frame', address.frame);
  put('beside', address.beside);
  put('beside-frame', address.besideFrame);
  put('analysis', address.analysis);
  put('channel', address.channel);
  put('layout', address.layout);
  const text = query.toString().replaceAll('%2F', '/').replaceAll('%7C', '|').replaceAll('%21', '!').replaceAll('%3A', ':');
  return text ? `?${text}` : '';
}

export function useAddress(): [Address, (some: Partial<Address>) => void] {
  const [address, setAddress] = useState(() => readAddress(window.location.search));
  useEffect(() => {
    const back = () => setAddress(readAddress(window.location.search));
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  }, []);
  useEffect(() => {
    const search = writeAddress(address);
    if (search === window.location.search) return;
    // Scrubbing moves fast, and browsers refuse more than a hundred changes in some seconds.
    const timer = window.setTimeout(() => {
      window.history.replaceState(null, '', `${window.location.pathname}${search}`);
    }, 250);
    return () => window.clearTimeout(timer);
  }, [address]);
  const change = useCallback(
    (some: Partial<Address>) => setAddress((now) => ({ ...now, ...some })),
    [],
  );
  return [address, change];
}
