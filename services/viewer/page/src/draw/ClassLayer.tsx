/** Classes as colours over the image. */
import { VisMesh } from '@h5web/lib';
import { useThree } from '@react-three/fiber';
import { useEffect, useMemo } from 'react';
import { DataTexture, DoubleSide, NearestFilter, RGBAFormat, UnsignedByteType } from 'three';
import type { Class } from '../data/classes';
import { useSpan } from './Raster';
import type { Picture } from '../data/wire';

const VERTEX = `
  varying vec2 place;
  void main() {
    place = uv;
    gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
  }`;
const FRAGMENT = `
  uniform sampler2D classes;
  uniform float opacity;
  varying vec2 place;
  void main() {
    vec4 colour = texture2D(classes, place);
    gl_FragColor = vec4(colour.rgb, colour.a * opacity);
  }`;

interface Props {
  map: Picture;
  classes: Class[];
  hidden: ReadonlySet<string>;
  opacity: number;
}

export function ClassLayer({ map, classes, hidden, opacity }: Props) {
  const span = useSpan(map);
  const invalidate = useThree((state) => state.invalidate);
  const texture = useMemo(() => textureOf(map, classes, hidden), [map, classes, hidden]);
  const shader = useMemo(
    () => ({
      uniforms: { classes: { value: texture }, opacity: { value: opacity } },
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
    }),
    [texture, opacity],
  );
  useEffect(() => () => texture.dispose(), [texture]);
  useEffect(() => {
    invalidate();
  }, [shader, invalidate]);

  return (
    <VisMesh
      size={{ width: span.width, height: span.height }}
      position={[span.x, span.y, 0.1]}
      scale={[1, -1, 1]}
      renderOrder={1}
    >
      <shaderMaterial args={[shader]} transparent depthTest={false} side={DoubleSide} />
    </VisMesh>
  );
}

function textureOf(map: Picture, classes: Class[], hidden: ReadonlySet<string>): DataTexture {
  const colours = new Uint32Array(65536);
  const bytes = new Uint8Array(colours.buffer);
  for (const { value, name, colour } of classes) {
    if (hidden.has(name)) continue;
    const rgb = Number.parseInt(colour.slice(1), 16);
    bytes.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255, 255], 4 * (value & 65535));
  }
  const pixels = new Uint32Array(map.data.length);
  for (let i = 0; i < pixels.length; i++) pixels[i] = colours[(map.data[i] ?? 0) & 65535] ?? 0;
  const [ny, nx] = map.shape;
  const rgba = new Uint8Array(pixels.buffer);
  const texture = new DataTexture(rgba, nx, ny, RGBAFormat, UnsignedByteType);
  texture.magFilter = NearestFilter;
  texture.minFilter = NearestFilter;
  texture.needsUpdate = true;
  return texture;
}
