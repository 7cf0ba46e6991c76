/** PNG of what is seen, made here: only the page knows the zoom, the layers and the marks. */
import { useState, type RefObject } from 'react';
import { printed, type Words } from '../draw/paper';
import type { Camera } from '../draw/Stage';
import { words } from '../words';
import { saved } from './files';

const w = words.out;

interface Props {
  camera: RefObject<Camera>;
  /** Asked when the picture is taken. */
  words: () => Omit<Words, 'paper' | 'ink'>;
  name: string;
}

export function PngButtons({ camera, words: said, name }: Props) {
  const [problem, setProblem] = useState(false);
  const keep = (whole: boolean) => {
    const { current } = camera;
    if (!current) return;
    const looks = getComputedStyle(current.area.closest('.panel') ?? current.area);
    const text = { ...said(), paper: looks.backgroundColor, ink: looks.color };
    printed(current.take(whole), text).then(
      (png) => saved(png, `${name.replaceAll(/[^\w.-]+/g, '_')}.png`),
      () => setProblem(true),
    );
  };
  return (
    <>
      <button type="button" onClick={() => keep(false)}>
        {w.png}
      </button>
      {camera.current?.zoomed() && (
        <button type="button" onClick={() => keep(true)}>
          {w.pngWhole}
        </button>
      )}
      {problem && <small role="status">{w.noPng}</small>}
    </>
  );
}
