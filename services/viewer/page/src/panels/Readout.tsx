/** The value under the pointer, in the units of the axes; the true one where the picture is coarser. */
import { useEffect, useState } from 'react';
import { useCalm } from '../calm';
import { fixed, number, reciprocal, unit } from '../data/format';
import { gradientOf, windowOf, type Look } from '../data/looks';
import { placeOf, type Value } from '../data/measure';
import { askJson, fullPixelAt, nameOf, pixelAt, spoken, valueAt, type Picture, type ResultDoc } from '../data/wire';
import type { Point } from '../draw/Raster';
import { useScene } from '../scene';
import { words } from '../words';

interface Props {
  picture: Picture;
  variable: string;
  point: Point | undefined;
  minus: Picture | undefined;
  classMap: Picture | undefined;
  slices: [string, number][];
}

export function Readout(props: Props) {
  const { picture, variable, point, minus, classMap } = props;
  const { views, shown } = useScene('views', 'shown');
  const pixel = point && pixelAt(picture, point.y, point.x);
  const full = point && fullPixelAt(picture, point.y, point.x);
  const rough = picture.coded || picture.step > 1;
  const here = useExact(props, picture, rough ? full : undefined);
  const there = useExact(props, minus ?? picture, rough && minus ? full : undefined);
  const exact = minus ? less(here, there) : here;
  if (!point || !pixel || !full) {
    const binned = picture.step > 1 ? `${words.binned(picture.step)} · ` : '';
    return <span className="hint">{binned + words.readoutHint}</span>;
  }
  const places = uneven(shown.result, variable, full);
  const value = valueAt(picture, ...pixel) - (minus ? valueAt(minus, ...pixel) : 0);
  const over = classMap && pixelAt(classMap, point.y, point.x);
  const found = over && views.classes.find((one) => one.value === valueAt(classMap, ...over));
  return (
    <>
      {places.length === 0 && <Where picture={picture} point={point} />}
      {places.map(([dim, at, units]) => (
        <span key={dim}>
          {dim} {number(at, 6)} {units}
        </span>
      ))}
      <span data-testid="value" data-exact={!rough || exact !== undefined}>
        <b>{exact !== undefined ? number(exact, 7) : (rough ? '≈ ' : '') + number(value, rough ? 3 : 7)}</b>{' '}
        {unit(picture.units)}
      </span>
      {found && (
        <span>
          <i className="swatch" style={{ background: found.colour }} /> {found.name}
        </span>
      )}
      <span className="hint">
        [{full[0]}, {full[1]}]
      </span>
    </>
  );
}

/** Places along dimensions whose steps are uneven: the picture is drawn by index there. */
function uneven(result: ResultDoc | undefined, variable: string, full: [number, number]): [string, number, string][] {
  const dims = result?.variables[variable]?.dims.slice(-2) ?? [];
  return dims.flatMap((dim, i) => {
    const { values, units = '', every = 1 } = result?.dims[dim] ?? {};
    const at = values?.[Math.floor((full[i] ?? -1) / every)];
    return typeof at === 'number' ? [[dim, at, unit(units)] as [string, number, string]] : [];
  });
}

function Where({ picture, point }: { picture: Picture; point: Point }) {
  const units = unit(picture.x.units);
  const length = reciprocal(picture.x.units);
  if (!length) {
    return (
      <span>
        x {number(point.x)} y {number(point.y)} {units}
      </span>
    );
  }
  const radius = Math.hypot(point.y, point.x);
  return (
    <span>
      k {fixed(radius, 3)} {units} · d <b>{number(1 / radius)}</b> {length}
    </span>
  );
}

function less(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one - other;
}

const REST_MS = 120;

function numeric(value: Value['value']): number {
  const number = spoken(value);
  return typeof number === 'number' ? number : Number.NaN;
}

/** The true value of a pixel, asked of the service when the pointer rests. */
function useExact({ variable, slices }: Props, picture: Picture, full: [number, number] | undefined) {
  const { shown } = useScene('shown');
  const [got, setGot] = useState<{ address: string; value: number | undefined }>();
  const { path, query } = placeOf(variable, nameOf(picture), picture.frame, shown.result, picture);
  const all = new URLSearchParams(query);
  for (const [dim, index] of slices) all.append('sel', `${dim}:${index}`);
  if (full) {
    all.set('y', String(full[0]));
    all.set('x', String(full[1]));
  }
  const address = full && `api/v1/values/${path}?${all}`;
  useEffect(() => {
    if (!address) return;
    const timer = window.setTimeout(() => {
      askJson<Value>(address).then(
        ({ value }) => setGot({ address, value: numeric(value) }),
        () => setGot({ address, value: undefined }),
      );
    }, REST_MS);
    return () => window.clearTimeout(timer);
  }, [address]);
  return got && got.address === address ? got.value : undefined;
}

/** Which value has which colour. */
export function ColourScale({ look, picture }: { look: Look; picture: Picture }) {
  const window = windowOf(look, picture);
  const low = useCalm(number(window[0], 3));
  const high = useCalm(number(window[1], 3));
  const scale = look.scale === 'linear' ? '' : ` ${words.look.scales[look.scale]}`;
  return (
    <span className="scale" title={words.look.window + scale} data-testid="window">
      <span>{low}</span>
      <i style={{ background: gradientOf(look) }} />
      <span>{high}</span>
      {scale && <small>{scale}</small>}
    </span>
  );
}
