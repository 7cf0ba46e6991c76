/** The page: health above, the image at the left, what it means at the right. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { GridButton, GridDialog } from './Calibration';
import { CurvePanel } from './CurvePanel';
import { Alarms, Health } from './Health';
import { ImagePanel } from './ImagePanel';
import { Legend } from './Legend';
import { useNotices, useShown, type Link } from './live';
import { PlanePanel } from './PlanePanel';
import { useSettings, useTheme, type Settings } from './settings';
import { TablePanel } from './TablePanel';
import { follow, viewsOf, type Selection } from './views';
import type { Notice, Picture, ResultDoc } from './wire';
import { words } from './words';

export function App() {
  const [settings, setSettings] = useSettings();
  const theme = useTheme(settings.theme);
  const [paused, setPaused] = useState(false);
  const [help, setHelp] = useState(false);
  const [grid, setGrid] = useState(false);
  const [cursor, setCursor] = useState<number>();
  const { notice, at, link } = useNotices();
  const exact = paused || settings.log;
  const shown = useShown(notice, { paused, exact, layer: settings.layer });
  const { age: frameAge, stale: late } = useAge(notice, at, link);
  const { image, result, maps } = shown;
  const views = useMemo(() => viewsOf(result), [result]);
  const [selection, setSelection] = useSelection(result);
  const hidden = useHidden(views.classes, settings.turned);
  const plane = views.planes[0];
  const planePicture = plane && maps[plane.name];
  const [curveDim, curves] = Object.entries(views.curves)[0] ?? [];
  const togglePause = useCallback(() => setPaused((was) => !was), []);

  useKeys(image, settings, setSettings, {
    pause: togglePause,
    help: () => setHelp((was) => !was),
    escape: () => (setHelp(false), setGrid(false), setSelection(undefined)),
  });

  const turn = (name: string) =>
    setSettings({
      turned: settings.turned.includes(name)
        ? settings.turned.filter((one) => one !== name)
        : [...settings.turned, name],
    });
  const stale = link === 'lost' || link === 'strange' || (late && !paused);

  return (
    <div className={`page${stale ? ' stale' : ''}`} data-testid="page" data-link={link}>
      <header className="top">
        <Run notice={notice} image={image} link={link} paused={paused} />
        <Health notice={notice} frameAge={frameAge} late={late} />
        <nav>
          <GridButton correction={notice?.status.correction} onOpen={() => setGrid(true)} />
          <button type="button" onClick={togglePause} aria-pressed={paused}>
            {paused ? words.resume : words.pause}
          </button>
          <button
            type="button"
            title={words.theme}
            aria-label={words.theme}
            onClick={() => setSettings({ theme: theme === 'dark' ? 'light' : 'dark' })}
          >
            ◐
          </button>
          <button
            type="button"
            title={words.help}
            aria-label={words.help}
            onClick={() => setHelp(!help)}
          >
            ?
          </button>
        </nav>
      </header>
      <Alarms
        notice={notice}
        link={link}
        result={result}
        age={late && !paused ? frameAge : undefined}
        problem={
          shown.problem
            ? words.undecodable(shown.problem)
            : result?.error
              ? words.analysisFailed(result.error)
              : undefined
        }
      />
      {image ? (
        <main className={result ? '' : 'alone'}>
          <ImagePanel
            {...{ image, result, views, maps, hidden, selection, settings }}
            onSelect={setSelection}
            onSettings={setSettings}
          />
          {result && (
            <>
              {planePicture && (
                <PlanePanel
                  {...{ plane, result, selection, cursor }}
                  onCursor={setCursor}
                  picture={planePicture}
                  classes={views.classes}
                  onSelect={setSelection}
                />
              )}
              <Legend {...{ result, views, hidden }} onTurn={turn} />
              {curveDim && curves && (
                <CurvePanel
                  dim={curveDim}
                  {...{ curves, result, theme, cursor }}
                  onCursor={setCursor}
                  classes={views.classes}
                />
              )}
              {Object.keys(result.tables).length > 0 && (
                <TablePanel
                  first={Object.keys(views.rowMaps)[0]}
                  {...{ result, selection }}
                  classes={views.classes}
                  onSelect={setSelection}
                />
              )}
            </>
          )}
        </main>
      ) : (
        <main className="waiting">
          <p>{words.waiting}</p>
          <p className="hint">{words.waitingHint}</p>
        </main>
      )}
      {help && <Help onClose={() => setHelp(false)} />}
      {grid && notice?.status.correction && (
        <GridDialog correction={notice.status.correction} onClose={() => setGrid(false)} />
      )}
    </div>
  );
}

function Run(props: {
  notice: Notice | undefined;
  image: Picture | undefined;
  link: Link;
  paused: boolean;
}) {
  const { notice, image, link, paused } = props;
  const state = notice?.status.state ?? 'starting';
  const run = image?.run ?? notice?.run?.run;
  const source = notice?.run?.source;
  return (
    <div className="run">
      <span className={`state ${link !== 'joined' ? 'lost' : paused ? 'paused' : state}`} data-testid="state">
        {paused ? words.paused : words.states[state] ?? state}
      </span>
      <div>
        <b title={run}>{run ?? words.noRun}</b>
        <span>
          {source} {image && `· ${words.frame} ${image.frame}`}
        </span>
      </div>
    </div>
  );
}

function Help({ onClose }: { onClose: () => void }) {
  return (
    <div className="help" role="dialog" aria-label={words.help} onClick={onClose}>
      <dl>
        {words.keys.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>Double click</kbd>
          </dt>
          <dd>{words.reset}</dd>
        </div>
      </dl>
    </div>
  );
}

/** What is selected, kept while results change: the thing itself, not its row number. */
function useSelection(
  result: ResultDoc | undefined,
): [Selection | undefined, (selection: Selection | undefined) => void] {
  const [kept, setKept] = useState<{ selection: Selection | undefined; result?: ResultDoc }>({
    selection: undefined,
  });
  const selection = useMemo(
    () => (kept.result === result ? kept.selection : follow(kept.result, result, kept.selection)),
    [kept, result],
  );
  useEffect(() => {
    // what is not found in one result may be back in the next
    const gone = kept.selection && !selection && kept.result?.run === result?.run;
    if (kept.result !== result && !gone) setKept({ selection, result });
  }, [kept, result, selection]);
  const select = useCallback(
    (next: Selection | undefined) => setKept({ selection: next, result }),
    [result],
  );
  return [selection, select];
}

/** The last frame is late when it is older than this, and than three of the longest last gaps. */
const LATE_S = 5;

/** Seconds since the last frame by the service's clock, and whether the next one is overdue. */
function useAge(
  notice: Notice | undefined,
  at: number,
  link: Link,
): { age: number | undefined; stale: boolean } {
  const [, tick] = useState(0);
  const past = useRef<{ seq: number; at: number; gaps: number[] }>({ seq: -1, at: 0, gaps: [] });
  const seq = notice?.frame?.seq ?? -1;
  if (seq !== past.current.seq) {
    const gap = past.current.seq < 0 ? 0 : (at - past.current.at) / 1000;
    past.current = { seq, at, gaps: [...past.current.gaps, Math.min(gap, 600)].slice(-4) };
  }
  useEffect(() => {
    const timer = window.setInterval(() => tick((n) => n + 1), 500);
    return () => window.clearInterval(timer);
  }, [link]);
  const age = notice?.frame_age_s;
  if (age === null || age === undefined) return { age: undefined, stale: false };
  const now = age + (performance.now() - at) / 1000;
  const running = notice?.status.state === 'running' && !notice.stop;
  return { age: now, stale: running && now > Math.max(LATE_S, 3 * Math.max(...past.current.gaps)) };
}

function useHidden(
  classes: { name: string; shown: boolean }[],
  turned: string[],
): ReadonlySet<string> {
  return useMemo(
    () =>
      new Set(
        classes
          .filter(({ name, shown }) => shown === turned.includes(name))
          .map(({ name }) => name),
      ),
    [classes, turned],
  );
}

function useKeys(
  image: Picture | undefined,
  settings: Settings,
  change: (some: Partial<Settings>) => void,
  act: { pause: () => void; help: () => void; escape: () => void },
): void {
  useEffect(() => {
    function heard(event: KeyboardEvent): void {
      const there = event.target as HTMLElement | null;
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (there?.closest('select, input:not([type=range]):not([type=checkbox])')) return;
      const actions: Record<string, () => void> = {
        ' ': act.pause,
        '?': act.help,
        Escape: act.escape,
        l: () => change({ log: !settings.log }),
        o: () => change({ overlay: !settings.overlay }),
        a: () =>
          image && change({ locked: settings.locked ? undefined : [image.low, image.high] }),
      };
      const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!action) return;
      event.preventDefault();
      action();
    }
    window.addEventListener('keydown', heard);
    return () => window.removeEventListener('keydown', heard);
  });
}
