/** A photo with what explains it: title, a colour bar, and the names of classes. */
import { number } from '../data/format';
import { placeOf, tableOf, type Look } from '../data/looks';
import { developed, type Photo } from './photo';

export interface Words {
  title: string;
  /** Below the title, smaller. */
  more: string;
  look: Look;
  window: [low: number, high: number];
  units: string;
  /** What the classes over the picture are, and how strong they are; '' where there are none. */
  over: string;
  classes: { name: string; colour: string }[];
  paper: string;
  ink: string;
}

const MARGIN = 14;
const TITLE = 30;
const MORE = 18;
const PANEL = 170;
const ROW = 20;
const BAR = { wide: 20, most: 220, top: 24 };
/** Classes that are named. */
const MOST = 40;

/** Put a photo on paper. */
export async function printed(photo: Photo, words: Words): Promise<Blob> {
  const { scale } = photo;
  const picture = await developed(photo);
  const head = TITLE + (words.more ? MORE : 0);
  const named = words.classes.slice(0, MOST);
  const rows = named.length ? named.length + 2 : 0;
  const [width, tall] = [picture.width / scale, picture.height / scale];
  const bar = Math.max(60, Math.min(BAR.most, tall - BAR.top - 20 - (rows ? ROW * rows : 0)));
  const height = Math.max(tall, BAR.top + bar + 20 + ROW * rows);
  const paper = document.createElement('canvas');
  paper.width = Math.round(scale * (width + PANEL + 2 * MARGIN));
  paper.height = Math.round(scale * (height + head + 2 * MARGIN));
  const pen = paper.getContext('2d', { alpha: false });
  if (!pen) throw new Error('no canvas');
  pen.fillStyle = words.paper;
  pen.fillRect(0, 0, paper.width, paper.height);
  pen.drawImage(picture, Math.round(MARGIN * scale), Math.round((MARGIN + head) * scale));
  pen.scale(scale, scale);
  pen.fillStyle = words.ink;
  const room = width + PANEL;
  said(pen, words.title, MARGIN, MARGIN + 14, room, '600 15px system-ui, sans-serif');
  said(pen, words.more, MARGIN, MARGIN + 33, room, '12px system-ui, sans-serif');
  pen.translate(2 * MARGIN + width, MARGIN + head);
  colourBar(pen, words, bar);
  pen.translate(0, BAR.top + bar + 20);
  if (rows) legend(pen, words, named);
  return new Promise((done, failed) =>
    paper.toBlob((blob) => (blob ? done(blob) : failed(new Error('no PNG'))), 'image/png'),
  );
}

function colourBar(pen: CanvasRenderingContext2D, { look, window, units, ink }: Words, tall: number): void {
  const table = tableOf(look.colours, look.inverted);
  const scale = look.scale === 'linear' ? '' : look.scale;
  said(pen, [units, scale].filter(Boolean).join(' · '), 0, 12, PANEL - MARGIN);
  for (let row = 0; row < tall; row++) {
    const at = 4 * Math.round(255 * (1 - row / (tall - 1)));
    pen.fillStyle = `rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`;
    pen.fillRect(0, BAR.top + row, BAR.wide, 1.5);
  }
  pen.strokeStyle = '#8888';
  pen.strokeRect(0, BAR.top, BAR.wide, tall);
  pen.fillStyle = ink;
  for (const value of stepsOf(look, window)) {
    const y = BAR.top + tall * (1 - placeOf(value, window, look));
    pen.fillRect(BAR.wide, y - 0.5, 5, 1);
    said(pen, number(value, 4), BAR.wide + 9, y + 4, PANEL - BAR.wide - 9 - MARGIN);
  }
}

/** Five values over a window, by powers where the colours are. */
export function stepsOf({ scale }: Look, [low, high]: [number, number]): number[] {
  const at = (share: number) => (scale === 'log' ? low * (high / low) ** share : low * (1 - share) + high * share);
  return [0, 0.25, 0.5, 0.75, 1].map(at);
}

function legend(pen: CanvasRenderingContext2D, { over, classes, ink }: Words, named: Words['classes']): void {
  said(pen, over, 0, 12, PANEL - MARGIN);
  named.forEach(({ name, colour }, row) => {
    const y = ROW * (row + 1) + 4;
    pen.fillStyle = colour;
    pen.fillRect(0, y, 12, 12);
    pen.fillStyle = ink;
    said(pen, name, 19, y + 11, PANEL - 19 - MARGIN);
  });
  const left = classes.length - named.length;
  if (left > 0) said(pen, `+ ${left}`, 19, ROW * (named.length + 1) + 15, PANEL - 19 - MARGIN);
}

/** A text, cut where there is no more room. */
function said(pen: CanvasRenderingContext2D, text: string, x: number, y: number, room: number, font = '12px system-ui, sans-serif'): void {
  pen.font = font;
  let shown = text;
  while (shown && pen.measureText(shown === text ? text : `${shown}…`).width > room) shown = shown.slice(0, -1);
  pen.fillText(shown === text ? text : `${shown}…`, x, y);
}
