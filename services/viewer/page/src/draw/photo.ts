/**
 * What a stage shows at this moment, as a picture: its canvases and, above them, its SVG.
 *
 * Decided 2026-11-22: the page composes what it drew. Zoom, layers, marks, what is selected and hidden are
 * known here alone; a service that drew them again would be a second way of drawing that must agree with
 * the first. The service's own PNG (all pixels, no layers) stays, for scripts and for pictures larger than
 * a screen.
 */

/** A picture of a part of the page: ready but for its SVG, which a browser draws when it can. */
export interface Photo {
  canvas: HTMLCanvasElement;
  /** Pixels of the picture for one of the page. */
  scale: number;
  svg: string;
}

/** Of the page's pixels: letters stay sharp in print, and no picture grows beyond what programs open. */
const LEAST = 2;
const MOST = 4;
const LONGEST = 8192;

/** What is drawn in SVG looks as style sheets say: so much of that goes with it. */
const KEPT = [
  ...(['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-opacity', 'stroke-linejoin', 'stroke-linecap'] as const),
  ...(['stroke-dasharray', 'opacity', 'paint-order', 'filter', 'visibility', 'display'] as const),
  ...(['font-family', 'font-size', 'font-weight', 'text-anchor', 'dominant-baseline'] as const),
];

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Take what an area holds; of a picture that does not fill it, the picture. */
export function photographed(area: HTMLElement): Photo {
  const layers = [...area.querySelectorAll<HTMLCanvasElement>(':scope > canvas')];
  const first = layers[0];
  const matrix = first && matrixOf(first);
  const box = boxOf(area, first);
  const scale = scaleOf(box, matrix && Math.abs(matrix.a));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(box.width * scale));
  canvas.height = Math.max(1, Math.round(box.height * scale));
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  for (const layer of pen ? layers : []) drawn(pen as CanvasRenderingContext2D, layer, box, scale);
  const over = area.querySelector<SVGSVGElement>(':scope > svg');
  return { canvas, scale, svg: over ? written(over, box, canvas) : '' };
}

/** Its canvas with the SVG on it. */
export async function developed({ canvas, svg }: Photo): Promise<HTMLCanvasElement> {
  if (!svg) return canvas;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function matrixOf(canvas: HTMLCanvasElement): DOMMatrix {
  const { transform } = getComputedStyle(canvas);
  return new DOMMatrix(transform === 'none' ? [1, 0, 0, 1, 0, 0] : transform);
}

/** The part of an area that a picture takes, in the area's pixels. */
function boxOf(area: HTMLElement, canvas: HTMLCanvasElement | undefined): Box {
  const whole = { x: 0, y: 0, width: area.clientWidth, height: area.clientHeight };
  if (!canvas) return whole;
  const { a, d, e, f } = matrixOf(canvas);
  const [right, low] = [e + a * canvas.offsetWidth, f + d * canvas.offsetHeight];
  const x = Math.max(0, Math.min(e, right));
  const y = Math.max(0, Math.min(f, low));
  const width = Math.min(whole.width, Math.max(e, right)) - x;
  const height = Math.min(whole.height, Math.max(f, low)) - y;
  return width > 0 && height > 0 ? { x, y, width, height } : whole;
}

/** So that no pixel of the picture is lost, where that is not too many. */
export function scaleOf({ width, height }: { width: number; height: number }, pitch = 1): number {
  const wanted = Math.max(LEAST, window.devicePixelRatio || 1, Math.min(MOST, 1 / (pitch || 1)));
  return Math.min(wanted, LONGEST / Math.max(1, width, height));
}

function drawn(pen: CanvasRenderingContext2D, layer: HTMLCanvasElement, { x, y }: Box, scale: number): void {
  const { a, b, c, d, e, f } = matrixOf(layer);
  pen.setTransform(scale, 0, 0, scale, -x * scale, -y * scale);
  pen.transform(a, b, c, d, e, f);
  pen.globalAlpha = Number.parseFloat(getComputedStyle(layer).opacity);
  pen.imageSmoothingEnabled = Math.abs(a) * scale <= 1.5;
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(layer, 0, 0, layer.offsetWidth, layer.offsetHeight);
  pen.resetTransform();
  pen.globalAlpha = 1;
}

/** SVG that stands alone: cut to the box, and with the looks that the page's style sheets give it. */
function written(over: SVGSVGElement, { x, y, width, height }: Box, canvas: HTMLCanvasElement): string {
  const copy = over.cloneNode(true) as SVGSVGElement;
  const [from, to] = [over, copy].map((one) => [...one.querySelectorAll<SVGElement>('*')]) as [SVGElement[], SVGElement[]];
  from.forEach((element, i) => {
    const looks = getComputedStyle(element);
    for (const name of KEPT) to[i]?.style.setProperty(name, looks.getPropertyValue(name));
  });
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('viewBox', `${x} ${y} ${width} ${height}`);
  copy.setAttribute('width', String(canvas.width));
  copy.setAttribute('height', String(canvas.height));
  return new XMLSerializer().serializeToString(copy);
}
