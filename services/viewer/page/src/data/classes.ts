/** Classes (CF flags) and their colours, safe for colour-blind eyes (Okabe and Ito's palette). */
import type { Attrs, ResultDoc } from './wire';

export interface Class {
  value: number;
  name: string;
  colour: string;
  /** Shown in the overlay unless the user says otherwise. */
  shown: boolean;
}

const PALETTE = [
  '#e69f00',
  '#56b4e9',
  '#009e73',
  '#f0e442',
  '#d55e00',
  '#cc79a7',
  '#0072b2',
  '#b8de6f',
  '#8c6bb1',
  '#ffb3a7',
];
const PLAIN: Record<string, string> = {
  vacuum: '#3b444d',
  background: '#3b444d',
  none: '#3b444d',
  amorphous: '#8d98a3',
  unknown: '#f5f7f9',
};
const HIDDEN = new Set(['vacuum', 'background', 'none', 'amorphous']);

/** The palette's colours, then others as far apart as many can be. */
function colourAt(i: number): string {
  const known = PALETTE[i];
  if (known) return known;
  const [hue, light] = [(i * 137.508) % 360, 45 + ((i * 13) % 35)];
  const part = (n: number) => {
    const k = (n + hue / 30) % 12;
    const value = light / 100 - 0.65 * Math.min(light / 100, 1 - light / 100) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value).toString(16).padStart(2, '0');
  };
  return `#${part(0)}${part(8)}${part(4)}`;
}

/** The classes that attributes declare, or none. */
export function classesOf(attrs: Attrs | undefined): Class[] {
  const values = attrs?.flag_values;
  const names = attrs?.flag_meanings?.split(/\s+/).filter(Boolean);
  if (!Array.isArray(values) || !names) return [];
  let next = 0;
  return values.slice(0, names.length).map((value, i) => {
    const name = names[i] ?? String(value);
    const colour = PLAIN[name] ?? colourAt(next++);
    return { value, name, colour, shown: !HIDDEN.has(name) };
  });
}

/** The class whose name begins `label`: "LiF 111" is LiF's. */
export function classOfLabel(classes: Class[], label: string): Class | undefined {
  return classes
    .filter((one) => label === one.name || label.startsWith(`${one.name} `))
    .sort((a, b) => b.name.length - a.name.length)[0];
}

/** Whether a column speaks of these very classes; other flags have no colours. */
export function speaksOf(attrs: Attrs, classes: Class[]): boolean {
  const names = attrs.flag_meanings?.split(/\s+/).filter(Boolean) ?? [];
  return names.length > 0 && names.every((name) => classes.some((one) => one.name === name));
}

/** The colour of a row: by its own class column, or by that of the row it refers to. */
export function colourOfRow(
  result: ResultDoc,
  classes: Class[],
  table: string,
  row: number,
): string | undefined {
  const columns = result.tables[table]?.columns ?? {};
  for (const column of Object.values(columns)) {
    if (!speaksOf(column.attrs, classes)) continue;
    const found = classesOf(column.attrs).find((one) => one.value === column.values[row]);
    if (found) return found.colour;
  }
  for (const [name, column] of Object.entries(columns)) {
    const there = column.values[row];
    if (name !== table && name in result.tables && typeof there === 'number' && there >= 0) {
      return colourOfRow(result, classes, name, there);
    }
  }
  return undefined;
}
