/** A picture over two axes, with all that the result says about the same axes above it. */
import { useCallback, useEffect, useId, useMemo, useRef, useState } from 'react';
import { reciprocal, unit } from '../data/format';
import type { Look } from '../data/looks';
import type { Measured } from '../data/measure';
import { pathOf, placeOf, useSteering } from '../data/steering';
import { lies } from '../data/over';
import { numbersOf, visitsOf, type Named } from '../data/views';
import { fullIndex, fullPixelAt, pixelAt, valueAt, type Picture, type ResultDoc } from '../data/wire';
import { ClassLayer } from '../draw/ClassLayer';
import { Light } from '../draw/Light';
import { Path, Ring, ScaleBar, Shape } from '../draw/Marks';
import { Raster, type Point } from '../draw/Raster';
import type { Camera } from '../draw/Stage';
import { TOOLS, useScene, type Scene } from '../scene';
import { Icon } from '../Icon';
import { words } from '../words';
import { captionOf } from './caption';
import { ChannelChoice, Chooser, Slices } from './Chooser';
import { LookMenu } from './LookMenu';
import { OutMenu } from './OutMenu';
import { Things } from './Things';
import { useMaps, type RowMaps } from './maps';
import { Panel, Sheet, Toggle } from './Panel';
import { PngButtons } from './PngButtons';
import { Turnable, TurnTools, useTurned, useTurning } from './Turning';
import { ColourScale, Readout } from './Readout';

const USED = [
  ...(['shown', 'views', 'settings', 'change', 'select', 'hidden', 'cursor', 'setCursor', 'look', 'setLook'] as const),
  ...(['exact', 'slices', 'tool', 'measured', 'measure', 'pinned', 'sharp', 'setSharp', 'theme'] as const),
] as const;
type Used = Pick<Scene, (typeof USED)[number]>;

/** A picture to look at closely. */
export const CLOSE = 2048;

/** How a picture is asked for: 8-bit codes within the window, or finer ones. */
export function queryOf(look: Look, exact: boolean, size: number, slices: [string, number][] = [], channel?: string): string {
  const query = new URLSearchParams({ enc: exact ? 'u16' : 'u8', size: String(size) });
  if (look.locked) query.set('limits', look.locked.join(','));
  else query.set('percentiles', look.percentiles.join(','));
  for (const [dim, index] of slices) query.append('sel', `${dim}:${index}`);
  if (channel) query.set('prefer', channel);
  return query.toString();
}

/** The raw image (`named` undefined) or a variable of two dimensions and more. */
export function PicturePanel(props: {
  kind: 'image' | 'plane';
  named: Named | undefined;
  choices: Named[];
  onChoose: (name: string) => void;
}) {
  const { kind, named, choices, onChoose } = props;
  const scene = useScene(...USED);
  const variable = named?.name ?? '';
  const look = scene.look(variable);
  const extra = named?.variable.dims.slice(0, -2) ?? [];
  const slices = extra.map((dim): [string, number] => [dim, scene.slices[dim] ?? 0]);
  const turning = useTurning(scene.shown.result, named);
  const turned = turning.turn !== undefined;
  const query = queryOf(look, scene.exact, scene.exact ? CLOSE : scene.sharp(variable), turned ? [] : slices);
  const [asked, light] = useTurned(named, query, turning);
  const kept = useLast(asked, variable);
  const lit = useLast(light, variable);
  const picture = named ? kept : scene.shown.image;
  const [point, setPoint] = useState<Point>();
  const dims: [string, string] = turned ? ['row', 'column'] : dimsOf(named);
  const [map, rowMaps] = useMaps(scene, dims, picture);
  const drawing = scene.tool !== 'look';
  const [draft, setDraft] = useState<Measured>();
  const draw = useDraw(scene, variable, picture, setDraft);
  const shape = draft ?? scene.measured;
  const panel = useId();
  const camera = useRef<Camera>(null);
  const { setSharp } = scene;
  const onSharp = useCallback((size: number) => setSharp(panel, variable, size), [setSharp, panel, variable]);
  useEffect(() => () => setSharp(panel, variable, undefined), [setSharp, panel, variable]);
  const central = picture && reciprocal(picture.x.units) !== undefined;
  const minus = !variable && scene.pinned && scene.pinned.channel === picture?.channel && fits(scene.pinned, picture) ? scene.pinned : undefined;
  const seen = picture && minus ? differing(look, picture) : look;
  const hover = (at: Point | undefined) => {
    setPoint(at);
    if (central) scene.setCursor(at && Math.hypot(at.y, at.x));
  };

  const title = named ? (named.variable.attrs.long_name ?? named.name) : words.image;
  const png = picture && (
    <PngButtons
      camera={camera}
      name={`${picture.run}_${picture.frame}_${variable || 'image'}`}
      words={() => captionOf(scene, { title, named: named !== undefined, picture, look: seen, minus, map: turned ? undefined : map })}
    />
  );
  return (
    <Panel
      name={kind}
      title={
        <>
          {choices.length + (kind === 'image' ? 1 : 0) > 1 ? (
            <Chooser {...{ kind, named, choices, onChoose }} />
          ) : (
            <span title={named?.name}>{title}</span>
          )}{' '}
          {!named && <ChannelChoice image={picture} />}
          <small>{unit(picture?.x.units)}</small>
          <Notes {...{ scene, picture, map }} minus={Boolean(minus)} raw={!named} />
        </>
      }
      tools={
        picture && (
          <>
            <TurnTools {...turning} />
            <Slices dims={turned ? [] : extra} />
            {kind === 'image' && !turned && <ToolButtons />}
            <LookMenu
              {...{ look, picture }}
              onLook={(some) => scene.setLook(variable, some)}
              overlay={map && { opacity: scene.settings.overlay ? scene.settings.opacity : 0, onOpacity: (opacity) => scene.change({ overlay: true, opacity }) }}
            />
            {turned ? (
              <Sheet name="out" icon="out" label={words.out.button} title={words.out.title}>
                {() => <div className="form links">{png}</div>}
              </Sheet>
            ) : (
              <OutMenu {...{ variable, slices, minus, png }} look={seen} />
            )}
          </>
        )
      }
      foot={
        picture && (
          <>
            {turned ? <span>{words.turning.hint}</span> : <Readout {...{ picture, variable, point, minus, slices }} classMap={map} />}
            <ColourScale look={seen} picture={picture} />
          </>
        )
      }
    >
      {picture ? (
        <Turnable turning={turning} here={asked !== undefined}>
          <Raster
            bare={kind === 'plane' || turned}
            picture={picture}
            look={seen}
            {...{ minus, drawing, camera }}
            label={words.pictureOf(title, picture.frame, picture.run)}
            onDraw={draw}
            onPoint={hover}
            onSharp={onSharp}
            onPick={(at) => pick(scene, rowMaps, dims, variable, picture, at)}
            above={
              turned ? (
                lit && fits(lit, picture) && <Light picture={lit} theme={scene.theme} />
              ) : (
                map &&
                scene.settings.overlay &&
                scene.settings.opacity > 0 && (
                  <ClassLayer
                    map={map}
                    classes={scene.views.classes}
                    hidden={scene.hidden}
                    opacity={scene.settings.opacity}
                  />
                )
              )
            }
          >
            <ScaleBar units={unit(picture.x.units)} />
            {scene.cursor !== undefined && central && <Ring radius={scene.cursor} />}
            {lies(scene.shown.result?.dims ?? {}, dims, picture) && <Things dims={dims} rowMaps={rowMaps} />}
            {named && <SteeredPath dims={dims} result={scene.shown.result} scan={named.variable.attrs.scan} />}
            {shape?.variable === variable && <Shape measured={shape} picture={picture} />}
          </Raster>
        </Turnable>
      ) : (
        <p className="empty">{words.noPicture}</p>
      )}
    </Panel>
  );
}

function dimsOf(named: Named | undefined): [string, string] {
  return [named?.variable.dims.at(-2) ?? 'y', named?.variable.dims.at(-1) ?? 'x'];
}

/** The last picture of the same variable, while the next one is on its way. */
function useLast(picture: Picture | undefined, variable: string): Picture | undefined {
  const [kept, setKept] = useState<{ picture: Picture; variable: string }>();
  if (picture && kept?.picture !== picture) setKept({ picture, variable });
  return picture ?? (kept?.variable === variable ? kept.picture : undefined);
}

/** A window around no difference, in the colours for differences. */
function differing(look: Look, picture: Picture): Look {
  const most = (picture.high - picture.low) / 2 || 1;
  return { ...look, colours: 'PuOr', scale: 'linear', locked: [-most, most] };
}

function fits(one: Picture, other: Picture | undefined): boolean {
  return one.shape[0] === other?.shape[0] && one.shape[1] === other.shape[1];
}

/** The row whose pixel or outline was clicked; else a look at the pixel itself. */
function pick(
  scene: Used,
  rowMaps: RowMaps,
  [dimY, dimX]: [string, string],
  variable: string,
  picture: Picture,
  at: Point,
): void {
  const pixel = fullPixelAt(picture, at.y, at.x);
  if (pixel) scene.measure({ kind: 'pixel', variable, pixel });
  for (const [table, map] of Object.entries(rowMaps)) {
    const there = pixelAt(map, at.y, at.x);
    const row = there ? valueAt(map, ...there) - 1 : -1;
    if (row >= 0) return scene.select({ table, row });
  }
  scene.select(nearest(scene, dimY, dimX, picture, at));
}

/** The thing nearest to a click, where tables have many things and no map. */
function nearest(scene: Used, dimY: string, dimX: string, picture: Picture, at: Point) {
  const { result } = scene.shown;
  if (!result) return undefined;
  let best = 0.015 * picture.shape[1] * Math.abs(picture.x.step);
  let found: { table: string; row: number } | undefined;
  for (const table of Object.keys(result.tables)) {
    const [y, x] = [numbersOf(result, table, dimY), numbersOf(result, table, dimX)];
    if (!y || !x) continue;
    for (let row = 0; row < y.length; row++) {
      const distance = Math.hypot((y[row] ?? Number.NaN) - at.y, (x[row] ?? Number.NaN) - at.x);
      if (distance < best) [best, found] = [distance, { table, row }];
    }
  }
  return found;
}

/** Turns what is drawn into what is measured, in pixels of the whole image. */
function useDraw(
  scene: Used,
  variable: string,
  picture: Picture | undefined,
  setDraft: (draft: Measured | undefined) => void,
) {
  const { tool, measure } = scene;
  return useCallback(
    (from: Point, to: Point, done: boolean) => {
      if (!picture) return;
      // not before it is drawn: the panel that opens moves the picture
      const tell = (what: Measured) => {
        setDraft(done ? undefined : what);
        if (done) measure(what);
      };
      const y = [from.y, to.y].map((at) => fullIndex(picture, 'y', at));
      const x = [from.x, to.x].map((at) => fullIndex(picture, 'x', at));
      const [y0 = 0, y1 = 0] = y;
      const [x0 = 0, x1 = 0] = x;
      if (tool === 'line') {
        // the middle of the first pixel is 0 for the service, 0.5 from its edge here
        const line = [y0 - 0.5, x0 - 0.5, y1 - 0.5, x1 - 0.5] as [number, number, number, number];
        return tell({ kind: 'line', variable, line });
      }
      const [ny, nx] = picture.full;
      const low = (a: number, b: number) => Math.max(0, Math.floor(Math.min(a, b)));
      const high = (a: number, b: number, n: number) => Math.min(n, Math.ceil(Math.max(a, b)));
      const box = [low(y0, y1), low(x0, x1), high(y0, y1, ny), high(x0, x1, nx)] as [number, number, number, number];
      if (box[2] > box[0] && box[3] > box[1]) tell({ kind: 'box', variable, box });
      else if (done) setDraft(undefined);
    },
    [tool, measure, variable, picture],
  );
}

/**
 * Where steering went, in a plane over the axes that it moves. Of scans that share a run each has a map of
 * its own: there its own path is drawn, by its visits, and only where steering was too its next place.
 */
function SteeredPath({ dims, result, scan }: { dims: [string, string]; result: ResultDoc | undefined; scan: unknown }) {
  const steering = useSteering();
  const { doc, events = [] } = steering ?? {};
  const steered = useMemo(() => pathOf(events, dims), [events, dims.join()]);
  const visits = useMemo(
    () => (scan === undefined ? undefined : ((result && visitsOf(result, dims, scan)) ?? [])),
    [result, dims.join(), scan],
  );
  const moves = doc?.stopped ? undefined : doc?.waiting[0]?.moves;
  const path = visits ?? steered;
  const last = steered.at(-1);
  const [y, x] = dims.map((dim, i) => placeOf(moves?.[dim]?.to) ?? last?.[i]);
  const moved = moves !== undefined && (dims[0] in moves || dims[1] in moves);
  const mine = !visits || visits.some((place) => place.every((at, i) => at === last?.[i]));
  const next = mine && moved && y !== undefined && x !== undefined ? ([y, x] as [number, number]) : undefined;
  return path.length || next ? <Path path={path} next={next} /> : null;
}

const ICONS = { look: 'move', box: 'box', line: 'line' } as const;

function ToolButtons() {
  const { tool, setTool, pinned, togglePin } = useScene('tool', 'setTool', 'pinned', 'togglePin');
  return (
    <>
      <span className="tools-group" role="group" aria-label={words.tools.title}>
        {TOOLS.map((one) => (
          <Toggle
            key={one}
            on={tool === one}
            label={words.tools[one]}
            title={`${words.tools[one]} (${words.tools.keys[one]})`}
            onToggle={() => setTool(one)}
          >
            <Icon name={ICONS[one]} />
          </Toggle>
        ))}
      </span>
      <Toggle on={Boolean(pinned)} label={words.tools.pinTitle} title={words.tools.pinTitle} onToggle={togglePin}>
        <Icon name="difference" />
      </Toggle>
    </>
  );
}

function Notes(props: { scene: Used; picture: Picture | undefined; map: Picture | undefined; minus: boolean; raw: boolean }) {
  const { scene, picture, map, minus, raw } = props;
  const { result } = scene.shown;
  return (
    <>
      {raw && result && map && picture && result.frame !== picture.frame && (
        <small className="tag">{words.mapOf(result.frame)}</small>
      )}
      {minus && scene.pinned && <small className="tag">{words.minus(scene.pinned.frame)}</small>}
    </>
  );
}
