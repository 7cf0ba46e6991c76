/** Words that change with every frame are read by nobody, and each change is painted. */
import { useEffect, useRef, useState } from 'react';

const CALM_MS = 400;

/** The newest of a value that is read: another one at once after a rest, else no more often. */
export function useCalm<T>(value: T): T {
  const [shown, setShown] = useState(value);
  const at = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    if (Object.is(shown, value)) return;
    const show = () => {
      at.current = performance.now();
      setShown(() => value);
    };
    const wait = at.current + CALM_MS - performance.now();
    if (wait <= 0) return show();
    const timer = window.setTimeout(show, wait);
    return () => window.clearTimeout(timer);
  }, [shown, value]);
  return shown;
}
