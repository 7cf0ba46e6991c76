/**
 * The values of a picture as colours, by one small shader.
 *
 * Numbers go to the GPU as they came (8-bit codes or floats) and are decoded, subtracted, scaled and
 * coloured there, so that a new window or colour map costs nothing and a new frame one upload.
 */
import { VisMesh } from '@h5web/lib';
import { useThree } from '@react-three/fiber';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import {
  DataTexture,
  DoubleSide,
  FloatType,
  LinearFilter,
  NearestFilter,
  RedFormat,
  RGBAFormat,
  ShaderMaterial,
  UnsignedByteType,
  Vector2,
  Vector4,
} from 'three';
import { SCALES, tableOf, windowOf, type Look } from '../data/looks';
import type { Picture } from '../data/wire';
import { useSpan } from './Raster';

const VERTEX = `
  varying vec2 place;
  void main() {
    place = uv;
    gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
  }`;
const FRAGMENT = `
  uniform highp sampler2D values;
  uniform highp sampler2D minus;
  uniform sampler2D colours;
  uniform vec4 code;       // scale, offset, coded, -
  uniform vec4 minusCode;  // scale, offset, coded, present
  uniform vec2 span;
  uniform int kind;
  uniform float gamma;
  varying vec2 place;
  const vec3 NONE = vec3(0.478, 0.29, 0.322);

  bool read(highp sampler2D from, vec4 how, out float value) {
    float raw = texture2D(from, place).r;
    value = raw;
    if (how.z < 0.5) return !isnan(raw);
    float c = floor(raw * 255.0 + 0.5);
    value = how.y + how.x * c;
    return c > 0.5;
  }
  void main() {
    float value, other;
    bool good = read(values, code, value);
    if (minusCode.w > 0.5) {
      good = read(minus, minusCode, other) && good;
      value -= other;
    }
    float t = clamp((value - span.x) / (span.y - span.x), 0.0, 1.0);
    if (kind == 1) t = clamp(log(max(value, span.x) / span.x) / log(span.y / span.x), 0.0, 1.0);
    else if (kind == 2) t = sqrt(t);
    else if (kind == 3) t = pow(t, gamma);
    vec3 colour = texture2D(colours, vec2((t * 255.0 + 0.5) / 256.0, 0.5)).rgb;
    gl_FragColor = vec4(good ? colour : NONE, 1.0);
  }`;

interface Props {
  picture: Picture;
  minus: Picture | undefined;
  look: Look;
}

export function Values({ picture, minus, look }: Props) {
  const span = useSpan(picture);
  const invalidate = useThree((state) => state.invalidate);
  const material = useMaterial();
  const values = useTexture(picture);
  const other = useTexture(minus);
  const colours = useColours(look);

  useLayoutEffect(() => {
    const set = (name: string, value: unknown) => {
      const uniform = material.uniforms[name];
      if (uniform) uniform.value = value;
    };
    set('values', values);
    set('minus', other ?? values);
    set('colours', colours);
    set('code', codeOf(picture, 0));
    set('minusCode', minus ? codeOf(minus, 1) : new Vector4(1, 0, 0, 0));
    set('span', new Vector2(...windowOf(look, picture)));
    set('kind', SCALES.indexOf(look.scale));
    set('gamma', look.gamma);
    invalidate();
  });

  return (
    <VisMesh
      size={{ width: span.width, height: span.height }}
      position={[span.x, span.y, 0]}
      scale={[1, -1, 1]}
    >
      <primitive object={material} attach="material" />
    </VisMesh>
  );
}

function codeOf({ coded, scale, offset }: Picture, present: number): Vector4 {
  return new Vector4(coded ? scale : 1, coded ? offset : 0, coded ? 1 : 0, present);
}

function useMaterial(): ShaderMaterial {
  const material = useMemo(() => {
    const names = ['values', 'minus', 'colours', 'code', 'minusCode', 'span', 'kind', 'gamma'];
    const uniforms = Object.fromEntries(names.map((name) => [name, { value: null as unknown }]));
    return new ShaderMaterial({ uniforms, vertexShader: VERTEX, fragmentShader: FRAGMENT, side: DoubleSide });
  }, []);
  useEffect(() => () => material.dispose(), [material]);
  return material;
}

function useColours({ colours, inverted }: Look): DataTexture {
  const texture = useMemo(() => {
    const made = new DataTexture(tableOf(colours, inverted), 256, 1, RGBAFormat, UnsignedByteType);
    made.magFilter = made.minFilter = LinearFilter;
    made.needsUpdate = true;
    return made;
  }, [colours, inverted]);
  useEffect(() => () => texture.dispose(), [texture]);
  return texture;
}

/** One texture as long as shape and type stay: new frames are written into it. */
function useTexture(picture: Picture | undefined): DataTexture | undefined {
  const kept = useRef<{ texture: DataTexture; from: Picture }>();
  useEffect(
    () => () => {
      kept.current?.texture.dispose();
      kept.current = undefined;
    },
    [],
  );
  if (!picture) return undefined;
  if (kept.current?.from === picture) return kept.current.texture;
  const data = drawable(picture);
  const [ny, nx] = picture.shape;
  // three's types know bytes only
  const image = kept.current?.texture.image as { data: Drawable; width: number; height: number } | undefined;
  const same = image && image.width === nx && image.height === ny && typeOf(image.data) === typeOf(data);
  if (kept.current && same) {
    image.data = data;
  } else {
    kept.current?.texture.dispose();
    const bytes = data instanceof Uint8Array;
    const texture = new DataTexture(data, nx, ny, RedFormat, bytes ? UnsignedByteType : FloatType);
    texture.magFilter = texture.minFilter = NearestFilter;
    kept.current = { texture, from: picture };
  }
  kept.current.from = picture;
  kept.current.texture.needsUpdate = true;
  return kept.current.texture;
}

/** Bytes that are codes as they are; all else as floats, the one other form a texture takes. */
type Drawable = Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

export function drawable({ data, coded }: Picture): Drawable {
  if (data instanceof Uint8Array && coded) return data;
  return data instanceof Float32Array ? data : Float32Array.from(data);
}

function typeOf(data: unknown): boolean {
  return data instanceof Uint8Array;
}
