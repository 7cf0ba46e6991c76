/** A canvas with a pixel for each pixel of a picture, put where the picture's axes say. */
import { useLayoutEffect, useRef } from 'react';
import type { Picture } from '../data/wire';
import { useStage } from './Stage';

/** Fills the pixels of a picture: 0xAABBGGRR each. */
export type Paint = (pixels: Uint32Array, picture: Picture) => void;

export function Layer(props: { picture: Picture; paint: Paint; opacity?: number; clear?: boolean }) {
  const { picture, paint, opacity = 1, clear = false } = props;
  const place = useRef<HTMLCanvasElement>(null);
  const kept = useRef<ImageData>();
  const [ny, nx] = picture.shape;
  useLayoutEffect(() => {
    // software drawing: what changes whole with every frame is no work for a GPU, and none may be there
    const context = place.current?.getContext('2d', { alpha: clear, willReadFrequently: true });
    if (!context || nx < 1 || ny < 1) return;
    let image = kept.current;
    if (image?.width !== nx || image.height !== ny) image = kept.current = new ImageData(nx, ny);
    paint(new Uint32Array(image.data.buffer), picture);
    context.putImageData(image, 0, 0);
  }, [picture, paint, nx, ny, clear]);
  const { ax, bx, ay, by } = useStage();
  const { x, y } = picture;
  const [sx, sy] = [ax * x.step, ay * y.step];
  const [tx, ty] = [ax * (x.start - x.step / 2) + bx, ay * (y.start - y.step / 2) + by];
  return (
    <canvas
      ref={place}
      width={nx}
      height={ny}
      className={Math.abs(sx) > 1.5 ? 'layer large' : 'layer'}
      style={{ transform: `matrix(${sx}, 0, 0, ${sy}, ${tx}, ${ty})`, opacity }}
    />
  );
}
