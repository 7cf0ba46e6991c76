/** Points and outlines drawn above a picture, in the picture's own units. */
import { SvgElement, useCameraState, useVisCanvasContext } from '@h5web/lib';
import { useMemo } from 'react';
import { Vector3 } from 'three';
import { number } from './format';
import type { Picture } from './wire';

export interface Mark {
  id: string;
  y: number;
  x: number;
  colour: string;
  /** Belongs to what is selected. */
  strong: boolean;
  /** Only a mirror image of a mark. */
  faint?: boolean;
  label?: string;
  onPick?: () => void;
}

/** How data become screen pixels: `screen = a * data + b` along x and y. */
function useScreen(): [number, number, number, number] {
  const { dataToHtml } = useVisCanvasContext();
  return useCameraState(
    (camera) => {
      const zero = dataToHtml(camera, new Vector3(0, 0));
      const one = dataToHtml(camera, new Vector3(1, 1));
      return [one.x - zero.x, zero.x, one.y - zero.y, zero.y];
    },
    [dataToHtml],
    (a, b) => a.every((value, i) => value === b[i]),
  );
}

export function Marks({ marks, radius }: { marks: Mark[]; radius: number }) {
  const [ax, bx, ay, by] = useScreen();
  return (
    <SvgElement>
      <g className="marks">
        {marks.map((mark) => (
          <g
            key={mark.id}
            className={`mark${mark.strong ? ' strong' : ''}${mark.faint ? ' faint' : ''}`}
            transform={`translate(${ax * mark.x + bx} ${ay * mark.y + by})`}
            onClick={mark.onPick}
          >
            <circle r={mark.strong ? radius + 2 : radius} className="halo" />
            <circle r={mark.strong ? radius + 2 : radius} stroke={mark.colour} />
            {mark.label && mark.strong && !mark.faint && (
              <text x={radius + 6} y={4}>
                {mark.label}
              </text>
            )}
          </g>
        ))}
      </g>
    </SvgElement>
  );
}

/** A bar of a round length. */
export function ScaleBar({ units }: { units: string }) {
  const { canvasSize, abscissaConfig, ordinateConfig } = useVisCanvasContext();
  const [ax, bx, ay, by] = useScreen();
  const wanted = 90 / Math.abs(ax);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const length = power * ([5, 2, 1].find((step) => step * power <= wanted) ?? 1);
  const x = Math.max(0, ax * abscissaConfig.visDomain[0] + bx) + 12;
  const y = Math.min(canvasSize.height, ay * ordinateConfig.visDomain[1] + by) - 12;
  return (
    <SvgElement>
      <g className="scale-bar">
        <path d={`M${x} ${y}h${Math.abs(ax) * length}`} />
        <text x={x} y={y - 7}>
          {number(length)} {units}
        </text>
      </g>
    </SvgElement>
  );
}

/** A circle around the middle. */
export function Ring({ radius }: { radius: number }) {
  const [ax, bx, ay, by] = useScreen();
  return (
    <SvgElement>
      <g className="ring">
        {['halo', ''].map((name) => (
          <ellipse
            key={name}
            className={name}
            cx={bx}
            cy={by}
            rx={Math.abs(ax * radius)}
            ry={Math.abs(ay * radius)}
          />
        ))}
      </g>
    </SvgElement>
  );
}

/** The border of the pixels of `map` that hold `value`. */
export function Outline({ map, value }: { map: Picture; value: number }) {
  const [ax, bx, ay, by] = useScreen();
  const border = useMemo(() => borderOf(map, value), [map, value]);
  const path = border
    .map(([y0, x0, y1, x1]) => `M${ax * x0 + bx} ${ay * y0 + by}L${ax * x1 + bx} ${ay * y1 + by}`)
    .join('');
  return (
    <SvgElement>
      <g className="outline">
        <path d={path} className="halo" />
        <path d={path} />
      </g>
    </SvgElement>
  );
}

type Line = [y0: number, x0: number, y1: number, x1: number];

/** Straight pieces between pixels that hold `value` and pixels that don't, in data units. */
function borderOf({ data, shape: [ny, nx], y, x }: Picture, value: number): Line[] {
  const has = (iy: number, ix: number) =>
    iy >= 0 && ix >= 0 && iy < ny && ix < nx && data[iy * nx + ix] === value;
  const lines: Line[] = [];
  const at = (iy: number, ix: number): [number, number] => [
    y.start + (iy - 0.5) * y.step,
    x.start + (ix - 0.5) * x.step,
  ];
  for (let iy = 0; iy <= ny; iy++) {
    for (let ix = 0; ix < nx; ix++) {
      if (has(iy - 1, ix) === has(iy, ix)) continue;
      const from = ix;
      while (ix + 1 < nx && has(iy - 1, ix + 1) !== has(iy, ix + 1)) ix++;
      lines.push([...at(iy, from), ...at(iy, ix + 1)]);
    }
  }
  for (let ix = 0; ix <= nx; ix++) {
    for (let iy = 0; iy < ny; iy++) {
      if (has(iy, ix - 1) === has(iy, ix)) continue;
      const from = iy;
      while (iy + 1 < ny && has(iy + 1, ix - 1) !== has(iy + 1, ix)) iy++;
      lines.push([...at(from, ix), ...at(iy + 1, ix)]);
    }
  }
  return lines;
}
