/** The image of the specimen, with its classes above it. */
import { getLinearGradient, INTERPOLATORS, type ColorMap } from '@h5web/lib';
import { useState } from 'react';
import { ClassLayer } from './ClassLayer';
import { number, unit } from './format';
import { Marks, Outline, type Mark } from './Marks';
import { Panel, Toggle } from './Panel';
import { Raster, type Look } from './Raster';
import { colourOfRow } from './classes';
import type { Settings } from './settings';
import { isLinked, numbersOf, rowIn, type Selection, type Views } from './views';
import { pixelAt, valueAt, type Picture, type ResultDoc } from './wire';
import { words } from './words';

const COLOURS: [ColorMap, boolean, string][] = [
  ['Greys', false, 'Gray'],
  ['Viridis', false, 'Viridis'],
  ['Cividis', false, 'Cividis'],
  ['Inferno', false, 'Inferno'],
];

interface Props {
  image: Picture;
  result: ResultDoc | undefined;
  views: Views;
  maps: Record<string, Picture>;
  hidden: ReadonlySet<string>;
  selection: Selection | undefined;
  onSelect: (selection: Selection | undefined) => void;
  settings: Settings;
  onSettings: (change: Partial<Settings>) => void;
}

export function ImagePanel(props: Props) {
  const { image, result, views, maps, hidden, selection, onSelect, settings, onSettings } = props;
  const [point, setPoint] = useState<{ y: number; x: number }>();
  const layer = settings.layer ? maps[settings.layer] : undefined;
  const base = layer ?? image;
  const locked = settings.locked && !layer ? settings.locked : undefined;
  const [colours, inverted] = COLOURS.find(([name]) => name === settings.colours) ?? COLOURS[0]!;
  const look = useLook(colours, inverted, settings.log, locked ?? [base.low, base.high]);
  const classes = views.classMap && maps[views.classMap.name];
  // lengths and pixels do not lie over each other
  const classMap = classes?.x.units === base.x.units ? classes : undefined;

  return (
    <Panel
      name="image"
      title={
        <>
          {words.image} <small>{unit(base.x.units)}</small>
          {result && result.frame !== image.frame && classMap && (
            <small className="tag">{words.mapOf(result.frame)}</small>
          )}
        </>
      }
      tools={<Tools settings={settings} onSettings={onSettings} views={views} base={base} />}
      foot={
        <>
          <Readout base={base} point={point} classMap={classMap} views={views} />
          <Scale look={look} />
        </>
      }
    >
      <Raster
        picture={base}
        look={look}
        onPoint={setPoint}
        onPick={(at) => onSelect(pick(views, maps, at))}
      >
        {classMap && settings.opacity > 0 && settings.overlay && (
          <ClassLayer
            map={classMap}
            classes={views.classes}
            hidden={hidden}
            opacity={settings.opacity}
          />
        )}
        {result && classMap && <Selected {...{ result, views, maps, selection }} />}
      </Raster>
    </Panel>
  );
}

function useLook(
  colours: ColorMap,
  inverted: boolean,
  log: boolean,
  [low, high]: [number, number],
): Look {
  return { colours, inverted, log, low, high };
}

function Tools(props: {
  settings: Settings;
  onSettings: (change: Partial<Settings>) => void;
  views: Views;
  base: Picture;
}) {
  const { settings, onSettings, views, base } = props;
  return (
    <>
      {views.layers.length > 0 && (
        <select
          aria-label={words.layer}
          value={settings.layer ?? ''}
          onChange={(event) => onSettings({ layer: event.target.value || undefined })}
        >
          <option value="">{words.image}</option>
          {views.layers.map(({ name, variable }) => (
            <option key={name} value={name} title={variable.attrs.long_name}>
              {name.replaceAll('_', ' ')}
            </option>
          ))}
        </select>
      )}
      <select
        aria-label={words.colours}
        value={settings.colours}
        onChange={(event) => onSettings({ colours: event.target.value as ColorMap })}
      >
        {COLOURS.map(([name, , label]) => (
          <option key={name} value={name}>
            {label}
          </option>
        ))}
      </select>
      <Toggle
        on={!settings.locked}
        title={`${words.contrast} (A)`}
        onToggle={() => onSettings({ locked: settings.locked ? undefined : [base.low, base.high] })}
      >
        {settings.locked ? words.locked : words.auto}
      </Toggle>
      <Toggle on={settings.log} title="L" onToggle={() => onSettings({ log: !settings.log })}>
        {words.log}
      </Toggle>
      {views.classMap && (
        <label className="slider" title="O">
          {words.opacity}
          <input
            type="range"
            min={0}
            max={1}
            step={0.05}
            value={settings.overlay ? settings.opacity : 0}
            onChange={(event) =>
              onSettings({ overlay: true, opacity: Number.parseFloat(event.target.value) })
            }
          />
        </label>
      )}
    </>
  );
}

/** Outline and centre of what is selected. */
function Selected(props: {
  result: ResultDoc;
  views: Views;
  maps: Record<string, Picture>;
  selection: Selection | undefined;
}) {
  const { result, views, maps, selection } = props;
  if (!selection) return null;
  const outlines = Object.entries(views.rowMaps).flatMap(([table, { name }]) => {
    const row = rowIn(result, selection, table);
    const map = maps[name];
    return map && row !== undefined ? [<Outline key={table} map={map} value={row + 1} />] : [];
  });
  return (
    <>
      {outlines}
      <Marks marks={centres(result, views, selection)} radius={4} />
    </>
  );
}

function centres(result: ResultDoc, views: Views, selection: Selection): Mark[] {
  return Object.keys(result.tables).flatMap((table) => {
    const y = numbersOf(result, table, 'y');
    const x = numbersOf(result, table, 'x');
    if (!y || !x) return [];
    return y.flatMap((value, row) => {
      const there = Number.isFinite(value) && Number.isFinite(x[row]);
      if (!there || !isLinked(result, selection, table, row)) return [];
      const colour = colourOfRow(result, views.classes, table, row) ?? '#ffffff';
      return [{ id: `${table}${row}`, y: value, x: x[row] ?? 0, colour, strong: false }];
    });
  });
}

/** The row whose pixel was clicked. */
function pick(
  views: Views,
  maps: Record<string, Picture>,
  at: { y: number; x: number },
): Selection | undefined {
  for (const [table, { name }] of Object.entries(views.rowMaps)) {
    const map = maps[name];
    const pixel = map && pixelAt(map, at.y, at.x);
    const row = pixel ? valueAt(map, ...pixel) - 1 : -1;
    if (row >= 0) return { table, row };
  }
  return undefined;
}

/** Which value has which colour. */
function Scale({ look }: { look: Look }) {
  const gradient = getLinearGradient(INTERPOLATORS[look.colours], 'right');
  return (
    <span className="scale" title={words.contrast}>
      {number(look.low, 3)}
      <i style={{ background: gradient }} />
      {number(look.high, 3)}
    </span>
  );
}

function Readout(props: {
  base: Picture;
  point: { y: number; x: number } | undefined;
  classMap: Picture | undefined;
  views: Views;
}) {
  const { base, point, classMap, views } = props;
  const pixel = point && pixelAt(base, point.y, point.x);
  if (!point || !pixel) {
    const binned = base.step > 1 ? `${words.binned(base.step)} · ` : '';
    return <span className="hint">{binned + words.readoutHint}</span>;
  }
  const value = valueAt(base, ...pixel);
  const code = base.data[pixel[0] * base.shape[1] + pixel[1]];
  const edge = base.coded && base.scale > 0 ? (code === 255 ? '≥ ' : code === 1 ? '≤ ' : '') : '';
  const there = classMap && pixelAt(classMap, point.y, point.x);
  const found = there && views.classes.find(({ value }) => value === valueAt(classMap, ...there));
  const units = unit(base.x.units);
  return (
    <>
      <span>
        x {number(point.x)} y {number(point.y)} {units}
      </span>
      <span data-testid="value">
        <b>{edge + number(value, 5)}</b>
      </span>
      {found && (
        <span>
          <i className="swatch" style={{ background: found.colour }} /> {found.name}
        </span>
      )}
      <span className="hint">
        [{pixel[0]}, {pixel[1]}]
      </span>
    </>
  );
}
