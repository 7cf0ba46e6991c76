/** The page: how the service is above, one desk or two, and what opens over them. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { Boundary } from './Boundary';
import { useCalm } from './calm';
import { Desk, isTyping } from './Desk';
import { useAddress } from './data/address';
import { useHealth } from './data/health';
import { added, cellsOf, read, techniqueOf, without, write } from './data/layout';
import { useNotices, type Link } from './data/notices';
import { EMPTY, type Shown } from './data/shown';
import { SteeringContext, useSteeringOf } from './data/steering';
import type { Spot, Time } from './data/time';
import type { Notice } from './data/wire';
import { Analysis } from './dialogs/Analysis';
import { GridButton, GridDialog } from './dialogs/Calibration';
import { HealthDialog } from './dialogs/HealthDialog';
import { Help } from './dialogs/Help';
import { PanelsDialog } from './dialogs/PanelsDialog';
import { Runs } from './dialogs/Runs';
import { Alarms, Health } from './Health';
import { Icon } from './Icon';
import { SteeringBar } from './Steering';
import { useSettings, useTheme } from './settings';
import { words } from './words';

type Open = 'help' | 'runs' | 'settings' | 'health' | 'panels' | 'grid' | undefined;

export function App() {
  const [settings, change] = useSettings();
  const theme = useTheme(settings.theme);
  const [address, go] = useAddress();
  const [open, setOpen] = useState<Open>();
  const [active, setActive] = useState<'first' | 'second'>('first');
  const [now, setNow] = useState<{ shown: Shown; time: Time | undefined }>({ shown: EMPTY, time: undefined });
  const { notice, at, link } = useNotices();
  const health = useHealth();
  const { age, stale: late } = useAge(notice, at, link);
  const { shown, time } = now;
  const paused = time !== undefined && !time.live;
  const mayChange = health?.may_change ?? true;
  const two = address.beside !== undefined;
  const spot = useMemo(() => ({ run: address.run, frame: address.frame }), [address.run, address.frame]);
  const besideSpot = useMemo(
    () => ({ run: address.beside || undefined, frame: address.besideFrame }),
    [address.beside, address.besideFrame],
  );
  const onSpot = useCallback(({ run, frame }: Spot) => go({ run, frame }), [go]);
  const onBesideSpot = useCallback(({ run, frame }: Spot) => go({ beside: run ?? '', besideFrame: frame }), [go]);
  const onShown = useCallback((shown: Shown, time: Time) => setNow({ shown, time }), []);
  const nothing = useCallback(() => undefined, []);
  const onLayout = useCallback((layout: string | undefined) => go({ layout }), [go]);
  const onChannel = useCallback((channel: string | undefined) => go({ channel }), [go]);
  const onHealth = useCallback(() => setOpen('health'), []);
  const closeBeside = useCallback(() => go({ beside: undefined, besideFrame: undefined }), [go]);
  const close = () => setOpen(undefined);
  const toggleTheme = () => change({ theme: theme === 'dark' ? 'light' : 'dark' });
  const setName = useCallback((name: string) => change({ name }), [change]);
  const steering = useSteeringOf(notice, {
    ...{ name: settings.name, setName, mayChange },
    ...{ someone: words.measure.someone, noAnswer: words.noAnswer },
  });
  const layout = address.layout ?? techniqueOf(address.analysis ?? shown.result?.analysis ?? notice?.status.analysis).layout;
  const steered = cellsOf(read(layout)).some(({ show }) => show === 'steering');
  const toggleSteering = () =>
    onLayout(write(steered ? without(read(layout), 'steering') : added(read(layout), 'steering', 6)));
  usePageKeys({
    '?': () => setOpen(open === 'help' ? undefined : 'help'),
    r: () => setOpen('runs'),
    s: () => setOpen('settings'),
    h: () => setOpen('health'),
    w: () => setOpen('panels'),
    y: () => toggleSteering(),
    t: toggleTheme,
    f: () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()).catch(() => undefined),
    Tab2: () => setActive(active === 'first' ? 'second' : 'first'),
    Escape: () => setOpen(undefined),
  });
  const lost = link === 'lost' || link === 'strange';
  const { analysis: analysed } = notice?.status ?? {};
  const common = { run: notice?.run?.run, analysed, settings, change, theme, mayChange, layout: address.layout, onLayout, analysis: address.analysis, channel: address.channel, onChannel };

  return (
    <SteeringContext.Provider value={steering}>
    <div className={`page${lost || (late && !paused) ? ' stale' : ''}`} data-testid="page" data-link={link}>
      <header className="top">
        <Run {...{ notice, link, shown, paused }} onOpen={() => setOpen('runs')} />
        <Health notice={notice} frameAge={age} late={late} health={health} onOpen={onHealth} />
        <nav aria-label={words.menu}>
          <AnalysisChoice {...{ notice, time }} chosen={address.analysis} onChoose={(analysis) => go({ analysis })} />
          <GridButton correction={notice?.status.correction} onOpen={() => setOpen('grid')} />
          <button type="button" title={`${words.runs.title} (R)`} onClick={() => setOpen('runs')}>
            {words.runs.button}
          </button>
          <button type="button" title={`${words.panels.title} (W)`} onClick={() => setOpen('panels')}>
            {words.panels.button}
          </button>
          <button type="button" title={`${words.settings.title} (S)`} onClick={() => setOpen('settings')}>
            {words.settings.button}
          </button>
          <button type="button" title={`${words.theme} (T)`} aria-label={words.theme} onClick={toggleTheme}>
            <Icon name="theme" />
          </button>
          <button type="button" title={words.help} aria-label={words.help} onClick={() => setOpen('help')}>
            ?
          </button>
        </nav>
      </header>
      <SteeringBar open={steered} onOpen={toggleSteering} />
      <Alarms
        notice={notice}
        link={link}
        result={shown.result}
        age={late && !paused ? age : undefined}
        problem={
          shown.problem
            ? words.undecodable(shown.problem)
            : shown.result?.error
              ? words.analysisFailed(shown.result.error)
              : undefined
        }
      />
      <div className={two ? 'desks two' : 'desks'}>
        <div className="place" onPointerDown={() => setActive('first')} onFocus={() => setActive('first')}>
          <Boundary>
            <Desk {...common} {...{ spot, onSpot, onShown }} active={!open && (!two || active === 'first')} />
          </Boundary>
        </div>
        {two && (
          <div className="place" onPointerDown={() => setActive('second')} onFocus={() => setActive('second')}>
            <Boundary>
              <Desk
                {...common}
                spot={besideSpot}
                onSpot={onBesideSpot}
                onShown={nothing}
                active={!open && active === 'second'}
                onClose={closeBeside}
              />
            </Boundary>
          </div>
        )}
      </div>
      {open === 'help' && <Help onClose={close} />}
      {open === 'health' && <HealthDialog health={health} onClose={close} />}
      {open === 'settings' && <Analysis name={settings.name} change={change} onClose={close} />}
      {open === 'panels' && (
        <PanelsDialog
          layout={layout}
          onLayout={onLayout}
          onClose={close}
        />
      )}
      {open === 'runs' && (
        <Runs
          onOpen={(run) => (go({ run, frame: undefined }), close())}
          onBeside={(run) => (go({ beside: run, besideFrame: undefined }), close())}
          onClose={close}
        />
      )}
      {open === 'grid' && notice?.status.correction && (
        <GridDialog correction={notice.status.correction} mayChange={mayChange} onClose={close} />
      )}
    </div>
    </SteeringContext.Provider>
  );
}

function Run(props: {
  notice: Notice | undefined;
  shown: Shown;
  link: Link;
  paused: boolean;
  onOpen: () => void;
}) {
  const { notice, shown, link, paused, onOpen } = props;
  const { image } = shown;
  const frame = useCalm(image?.frame);
  const state = notice?.status.state ?? 'starting';
  const run = image?.run ?? shown.result?.run ?? notice?.run?.run;
  return (
    <div className="run">
      <span className={`state ${link !== 'joined' ? 'lost' : paused ? 'paused' : state}`} data-testid="state">
        {paused ? words.paused : words.states[state] ?? state}
      </span>
      <button type="button" className="plain" title={words.runs.title} onClick={onOpen}>
        <b title={run}>{run ?? words.noRun}</b>
        <span>
          {shown.result?.source ?? notice?.run?.source} {frame !== undefined && `· ${words.frame} ${frame}`}
        </span>
      </button>
    </div>
  );
}

/** Which analysis is looked at, where there are several. */
function AnalysisChoice(props: {
  notice: Notice | undefined;
  time: Time | undefined;
  chosen: string | undefined;
  onChoose: (analysis: string | undefined) => void;
}) {
  const { notice, time, chosen, onChoose } = props;
  const places = [notice?.result, ...(notice?.grown ?? [])].flatMap((place) => place?.analysis ?? []);
  const names = [...new Set([...places, ...Object.keys(time?.detail?.results ?? {}), ...(chosen ? [chosen] : [])])];
  if (names.length < 2) return null;
  return (
    <select aria-label={words.analysis} value={chosen ?? ''} onChange={(event) => onChoose(event.target.value || undefined)}>
      <option value="">{words.newestAnalysis}</option>
      {names.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
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
    const timer = window.setInterval(() => tick((n) => n + 1), 1000);
    return () => window.clearInterval(timer);
  }, [link]);
  const age = notice?.frame_age_s;
  if (age === null || age === undefined) return { age: undefined, stale: false };
  const now = age + (performance.now() - at) / 1000;
  const running = notice?.status.state === 'running' && !notice.stop;
  // whole seconds: what changes with each frame would be painted with each frame
  return { age: Math.floor(now), stale: running && now > Math.max(LATE_S, 3 * Math.max(...past.current.gaps)) };
}

function usePageKeys(actions: Record<string, () => void>): void {
  const now = useRef(actions);
  now.current = actions;
  useEffect(() => {
    const heard = (event: KeyboardEvent) => {
      if (isTyping(event)) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const action = now.current[key === '2' ? 'Tab2' : key];
      if (!action) return;
      if (key !== 'Escape') event.preventDefault();
      action();
    };
    window.addEventListener('keydown', heard);
    return () => window.removeEventListener('keydown', heard);
  }, []);
}
