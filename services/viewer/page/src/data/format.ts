/** Numbers for people. */

export function number(value: number | null | undefined, digits = 4): string {
  if (value === Infinity || value === -Infinity) return value > 0 ? '∞' : '−∞';
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(digits - 2);
  return String(Number.parseFloat(value.toPrecision(digits)));
}

export function fixed(value: number | null | undefined, digits: number): string {
  if (value === Infinity || value === -Infinity) return number(value);
  return value === null || value === undefined || !Number.isFinite(value)
    ? '–'
    : value.toFixed(digits);
}

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : value.toLocaleString('en').replaceAll(',', ' ');
}

export function bytes(value: number | undefined): string {
  if (value === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  return `${number(value / 1000 ** power, 3)} ${units[power]}`;
}

export function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return `${Math.round(value / 3600)} h`;
}

export function milliseconds(value: number | undefined): string {
  if (value === undefined) return '–';
  return value < 1000 ? `${Math.round(value)} ms` : `${number(value / 1000, 3)} s`;
}

/** `nm-1` and friends as people write them. */
export function unit(units: string | undefined): string {
  if (!units || units === '1') return '';
  return units.replace('1/nm', 'nm⁻¹').replace(/(nm|um|px)\^?2$/, '$1²').replace('um', 'µm');
}

/** Whether an axis is one of spatial frequency, so that 1/value is a length. */
export function reciprocal(units: string | undefined): string | undefined {
  return units?.startsWith('1/') ? units.slice(2) : undefined;
}
