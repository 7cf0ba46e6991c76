/** A picture over two axes, with all that the result says about the same axes above it. */
import { useCallback, useEffect, useId, useRef, useState } from 'react';
import { reciprocal, unit } from '../data/format';
import type { Look } from '../data/looks';
import type { Measured } from '../data/measure';
import { lies } from '../data/over';
import type { Named } from '../data/views';
import type { Picture } from '../data/wire';
import { ClassLayer } from '../draw/ClassLayer';
import { Light } from '../draw/Light';
import { Ring, ScaleBar, Shape } from '../draw/Marks';
import { Raster, type Point } from '../draw/Raster';
import type { Camera } from '../draw/Stage';
import { TOOLS, useScene, type Scene } from '../scene';
import { Icon } from '../Icon';
import { words } from '../words';
import { captionOf } from './caption';
import { pick, useDraw } from './hands';
import { SteeredPath } from './SteeredPath';
import { ChannelChoice, Chooser, Slices } from './Chooser';
import { LookMenu } from './LookMenu';
import { OutMenu } from './OutMenu';
import { Things } from './Things';
import { useMaps } from './maps';
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
