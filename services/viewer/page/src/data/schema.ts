/** Settings of an analysis as the service describes them, and what people type into them. */

export interface Field {
  type?: string;
  title?: string;
  default?: unknown;
  description?: string;
  units?: string;
  enum?: (string | number)[];
  items?: { type?: string };
  minItems?: number;
  maxItems?: number;
  nullable?: boolean;
  choices?: { value: string | number; title?: string }[];
}

export interface Schema {
  title?: string;
  description?: string;
  properties: Record<string, Field>;
}

export interface SettingsDoc {
  may_change: boolean;
  analysis: string;
  values: Record<string, unknown>;
  revision?: number;
  schema: Schema;
  events: { at?: string; by?: string; changes?: Record<string, [unknown, unknown]> }[];
}

/** What a setting's value looks like in a text field. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The value that a text means; an error's words where it means none. */
export function valueOf(field: Field, text: string): { value: unknown } | { error: 'number' | 'whole' | 'json' | 'empty' } {
  const plain = text.trim();
  if (plain === '' && (field.nullable || field.default === null)) return { value: null };
  if (field.type === 'number' || field.type === 'integer') {
    const value = Number(plain);
    if (plain === '' || !Number.isFinite(value)) return { error: 'number' };
    return field.type === 'integer' && !Number.isInteger(value) ? { error: 'whole' } : { value };
  }
  if (field.type === 'array') {
    const parts = plain === '' ? [] : plain.split(',').map((part) => part.trim());
    const kind = field.items?.type;
    if (kind !== 'number' && kind !== 'integer') return { value: parts };
    const values = parts.map(Number);
    return values.every(Number.isFinite) ? { value: values } : { error: 'number' };
  }
  if (field.type !== 'object') return { value: text };
  try {
    return { value: JSON.parse(plain) as unknown };
  } catch {
    return { error: 'json' };
  }
}

/** Only what is other than before. */
export function changesOf(values: Record<string, unknown>, edited: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(edited).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(values[name])),
  );
}
