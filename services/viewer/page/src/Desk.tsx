/** One run on the screen: its panels as the layout has them, and its place in time below. */
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { grown, type History } from './data/history';
import { read, techniqueOf, write, type Layout } from './data/layout';
import { sane, SCALES, type Look } from './data/looks';
import type { Measured } from './data/measure';
import { EMPTY, keyOf, useShown, type Shown, type Want } from './data/shown';
import { BEYOND, FIRST } from './data/sharp';
import { useTime, type Spot, type Time } from './data/time';
import { follow, viewsOf, type Selection, type Views } from './data/views';
import { askPicture, nameOf, type Picture, type ResultDoc } from './data/wire';
import { Panels } from './panels/Panels';
import { CLOSE, queryOf } from './panels/PicturePanel';
import { SceneContext, TOOLS, useSceneStore, type Scene, type Tool } from './scene';
import type { Change, Settings, Theme } from './settings';
import { TimeBar } from './TimeBar';
import { words } from './words';

interface Props {
  /** The run that is going on, and its analysis, by the service's last word. */
  run: string | undefined;
  analysed: string | undefined;
  spot: Spot;
  onSpot: (spot: Spot) => void;
  analysis: string | undefined;
  /** The image that is wanted of frames that have several; undefined: the first. */
  channel: string | undefined;
  onChannel: (channel: string | undefined) => void;
  /** The layout as text; undefined: the technique's own. */
  layout: string | undefined;
  onLayout: (layout: string | undefined) => void;
  settings: Settings;
  change: Change;
  theme: Theme;
  mayChange: boolean;
  /** Whether keys go here. */
  active: boolean;
  /** Hears what is shown, for the head of the page. */
  onShown: (shown: Shown, time: Time) => void;
  /** Closes this desk, where it is the second. */
  onClose?: (() => void) | undefined;
}

export const Desk = memo(function Desk(props: Props) {
  const { run, analysed, spot, onSpot, analysis, channel, settings, change, theme, mayChange, active, onShown } = props;
  const [pinned, setPinned] = useState<Picture>();
  const [tool, setTool] = useState<Tool>('look');
  const [measured, measure] = useState<Measured>();
  const [slices, setSlices] = useState<Record<string, number>>({});
  const [cursor, setCursor] = useState<number>();
  const [wants, want] = useWants();
  const [sharp, setSharp] = useSharp();
  const latest = useRef<Shown>(EMPTY);
  const time = useTime(spot, onSpot, run, () => latest.current);
  const technique = techniqueOf(analysis ?? latest.current.result?.analysis ?? analysed);
  const look = useCallback(
    (variable: string): Look => sane(settings.looks[keptAs(variable, channel)], technique.looks?.[variable]),
    [settings.looks, technique, channel],
  );
  const exact = (!time.live && !time.playing) || pinned !== undefined;
  // codes are even steps, of which logarithms leave few
  const values = exact || look('').scale === 'log';
  const query = queryOf(look(''), values, exact ? CLOSE : sharp(''), [], channel);
  const imageQuery = pinned ? `${query}&beyond=${BEYOND}` : query;
  const image = useMemo((): Want => ({ variable: '', query: imageQuery }), [imageQuery]);
  const wishes = useMemo(
    () => ({ moment: time.moment, analysis, image, wants }),
    [time.moment, analysis, image, wants],
  );
  const shown = useShown(wishes, time.presented);
  latest.current = shown;
  useLayoutEffect(() => onShown(shown, time), [shown, time.live, time.playing, time.moment, time.detail]);

  const { result } = shown;
  const views = useMemo(() => viewsOf(result), [result]);
  const [selection, select] = useSelection(result);
  const hidden = useHidden(views.classes, settings.turned);
  const history = useHistory(result);
  const now = useRef({ settings, pinned, imageQuery, channel });
  now.current = { settings, pinned, imageQuery, channel };
  const acts = useMemo(() => actsOf(now, latest, change, setSlices, setPinned), [change]);
  const scene: Scene = {
    ...{ shown, views, time, theme, settings, change, mayChange, selection, select, hidden },
    ...{ cursor, setCursor, look, exact, slices, want, sharp, setSharp, tool, setTool, measured, measure, pinned, history },
    ...acts,
    setChannel: props.onChannel,
  };
  const store = useSceneStore(scene);
  useDeskKeys(active, scene);
  const layout = useMemo(() => read(props.layout ?? technique.layout), [props.layout, technique]);
  const { onLayout } = props;
  const setLayout = useCallback((next: Layout | undefined) => onLayout(next && write(next)), [onLayout]);

  return (
    <SceneContext.Provider value={store}>
      <div className={`desk${active ? ' active' : ''}`} data-testid="desk">
        {shown.image || result ? (
          <Panels layout={layout} onLayout={setLayout} />
        ) : (
          <main className="waiting">
            <p>{shown.problem ?? words.waiting}</p>
            <p className="hint">{words.waitingHint}</p>
          </main>
        )}
        <TimeBar time={time} shown={shown} onClose={props.onClose} />
      </div>
    </SceneContext.Provider>
  );
});

/** What panels may do to the desk; the same functions as long as the desk is there. */
function actsOf(
  now: { current: { settings: Settings; pinned: Picture | undefined; imageQuery: string; channel: string | undefined } },
  latest: { current: Shown },
  change: Change,
  setSlices: (next: (slices: Record<string, number>) => Record<string, number>) => void,
  setPinned: (picture: Picture | undefined) => void,
): Pick<Scene, 'turn' | 'setLook' | 'setSlice' | 'togglePin'> {
  return {
    turn: (name) => change({ turned: turned(now.current.settings.turned, name) }),
    setLook: (variable, some) => {
      const { settings: { looks }, channel } = now.current;
      const name = keptAs(variable, channel);
      change({ looks: { ...looks, [name]: { ...looks[name], ...some } } });
    },
    setSlice: (dim, index) => setSlices((slices) => ({ ...slices, [dim]: index })),
    togglePin: () => {
      const { image } = latest.current;
      if (now.current.pinned) setPinned(undefined);
      else if (image) void pin(image, now.current.imageQuery).then(setPinned);
    },
  };
}

/** Under which name a look is remembered: that of one channel is not that of another. */
function keptAs(variable: string, channel: string | undefined): string {
  return !variable && channel ? `channel:${channel}` : variable;
}

/** The frame on the screen in fine codes that reach far, to compare others with. */
async function pin(image: Picture, query: string): Promise<Picture> {
  const wide = query.includes('beyond=') ? query : `${query}&beyond=${BEYOND}`;
  const exact = wide.replace('enc=u8', 'enc=u16').replace(/size=\d+/, `size=${CLOSE}`);
  const place = `api/v1/frames/${encodeURIComponent(nameOf(image))}/${image.frame}`;
  return (await askPicture(`${place}?${exact}`)) ?? image;
}

/** What panels want; each want counts once, however many want it. */
function useWants(): [Want[], (want: Want) => () => void] {
  const counts = useRef(new Map<string, { want: Want; n: number }>());
  const [wants, setWants] = useState<Want[]>([]);
  const want = useCallback((one: Want) => {
    const key = keyOf(one);
    const entry = counts.current.get(key) ?? { want: one, n: 0 };
    entry.n += 1;
    counts.current.set(key, entry);
    const tell = () => setWants([...counts.current.values()].map(({ want }) => want));
    if (entry.n === 1) tell();
    return () => {
      entry.n -= 1;
      if (entry.n > 0) return;
      counts.current.delete(key);
      tell();
    };
  }, []);
  return [wants, want];
}

/** How sharp panels want their pictures; the sharpest wins where several show the same. */
function useSharp(): [Scene['sharp'], Scene['setSharp']] {
  const [sizes, setSizes] = useState<Record<string, number>>({});
  const panels = useRef(new Map<string, { variable: string; size: number }>());
  const setSharp = useCallback((panel: string, variable: string, size: number | undefined) => {
    // a panel that goes leaves its size: it may be back in a moment
    if (size === undefined) return void panels.current.delete(panel);
    panels.current.set(panel, { variable, size });
    const all = [...panels.current.values()].filter((one) => one.variable === variable);
    const most = Math.max(...all.map((one) => one.size));
    setSizes((now) => (now[variable] === most ? now : { ...now, [variable]: most }));
  }, []);
  const sharp = useCallback((variable: string) => sizes[variable] ?? FIRST, [sizes]);
  return [sharp, setSharp];
}

function useHistory(result: ResultDoc | undefined): History {
  const kept = useRef<{ result: ResultDoc | undefined; history: History }>({ result: undefined, history: {} });
  if (result && kept.current.result !== result) {
    kept.current = { result, history: grown(kept.current.history, kept.current.result, result) };
  }
  return kept.current.history;
}

function turned(names: string[], name: string): string[] {
  return names.includes(name) ? names.filter((one) => one !== name) : [...names, name];
}

/** What is selected, kept while results change: the thing itself, not its row number. */
function useSelection(
  result: ResultDoc | undefined,
): [Selection | undefined, (selection: Selection | undefined) => void] {
  const [kept, setKept] = useState<{ selection: Selection | undefined; result?: ResultDoc | undefined }>({
    selection: undefined,
  });
  const selection = useMemo(
    () => (kept.result === result ? kept.selection : follow(kept.result, result, kept.selection)),
    [kept, result],
  );
  useEffect(() => {
    // what is not found in one result may be back in the next
    const gone = kept.selection && !selection && kept.result?.run === result?.run;
    if (kept.result !== result && !gone && (kept.selection || selection)) setKept({ selection, result });
  }, [kept, result, selection]);
  const select = useCallback(
    (next: Selection | undefined) => setKept({ selection: next, result }),
    [result],
  );
  return [selection, select];
}

function useHidden(classes: Views['classes'], turned: string[]): ReadonlySet<string> {
  return useMemo(
    () =>
      new Set(
        classes.filter(({ name, shown }) => shown === turned.includes(name)).map(({ name }) => name),
      ),
    [classes, turned],
  );
}

/** Keys of what is looked at; those of the page are in App. */
function useDeskKeys(active: boolean, scene: Scene): void {
  const now = useRef(scene);
  now.current = scene;
  useEffect(() => {
    if (!active) return;
    const heard = (event: KeyboardEvent) => {
      if (isTyping(event)) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const action = actionsOf(now.current, event.shiftKey ? 10 : 1)[key];
      if (!action || (event.target as HTMLElement | null)?.closest('[role=separator]')) return;
      event.preventDefault();
      action();
    };
    window.addEventListener('keydown', heard);
    return () => window.removeEventListener('keydown', heard);
  }, [active]);
}

function actionsOf(scene: Scene, far: number): Record<string, () => void> {
  const { time, settings, change, look, setLook, shown } = scene;
  const raw = look('');
  const image = shown.image;
  return {
    ' ': () => (time.live ? time.pause() : time.playing ? time.pause() : time.detail?.live !== false ? time.goLive() : time.play()),
    ArrowLeft: () => time.step(-far),
    ArrowRight: () => time.step(far),
    Home: () => time.step(-1e9),
    End: () => (time.detail?.live === false ? time.step(1e9) : time.goLive()),
    ArrowUp: () => nextRow(scene, -1),
    ArrowDown: () => nextRow(scene, 1),
    a: () => image && setLook('', { locked: raw.locked ? undefined : [image.low, image.high] }),
    l: () => setLook('', { scale: SCALES[(SCALES.indexOf(raw.scale) + 1) % SCALES.length] ?? 'linear' }),
    o: () => change({ overlay: !settings.overlay }),
    v: () => scene.setTool('look'),
    b: () => scene.setTool('box'),
    p: () => scene.setTool('line'),
    c: () => image && nextChannel(scene, image),
    d: scene.togglePin,
    x: () => scene.setTool(TOOLS[(TOOLS.indexOf(scene.tool) + 1) % TOOLS.length] ?? 'look'),
    Escape: () => {
      if (scene.tool !== 'look') scene.setTool('look');
      else if (scene.measured) scene.measure(undefined);
      scene.select(undefined);
    },
  };
}

function nextChannel({ setChannel }: Scene, { channel, channels }: Picture): void {
  const next = (channels.indexOf(channel) + 1) % channels.length;
  if (channels.length > 1) setChannel(next ? channels[next] : undefined);
}

/** The next row of the table that is selected in, or of the first. */
function nextRow({ shown, views, selection, select }: Scene, by: number): void {
  const tables = shown.result?.tables ?? {};
  const table = selection?.table ?? Object.keys(views.rowMaps)[0] ?? Object.keys(tables)[0];
  const rows = table === undefined ? 0 : (tables[table]?.rows ?? 0);
  if (table === undefined || !rows) return;
  const row = selection ? selection.row + by : by > 0 ? 0 : rows - 1;
  select({ table, row: Math.max(0, Math.min(rows - 1, row)) });
}

export function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return true;
  const there = event.target as HTMLElement | null;
  if (!there?.closest) return false;
  if (there.closest('dialog, [role=dialog]') && event.key !== 'Escape') return true;
  if (event.key === ' ' && there.closest('button, a, summary, [role=row]')) return true;
  if (event.key.startsWith('Arrow') && there.closest('input[type=range]')) return true;
  return Boolean(there.closest('select, textarea, input:not([type=range]):not([type=checkbox])'));
}
