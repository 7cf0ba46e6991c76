/** Small pictures drawn here: no font needs to have them. */

const PATHS = {
  first: 'M4 3v10M13 3 6 8l7 5z',
  back: 'M11 3 4 8l7 5z',
  on: 'M5 3l7 5-7 5z',
  pause: 'M5 3v10M11 3v10',
  play: 'M4 2l10 6-10 6z',
  move: 'M8 1v14M1 8h14M6 3l2-2 2 2M6 13l2 2 2-2M3 6 1 8l2 2M13 6l2 2-2 2',
  box: 'M2 4h12v8H2z',
  line: 'M3 13 13 3',
  large: 'M9 2h5v5M14 2 9 7M7 14H2V9M2 14l5-5',
  small: 'M14 7H9V2M9 7l5-5M2 9h5v5M7 9l-5 5',
  close: 'M3 3l10 10M13 3 3 13',
  theme: 'M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12',
  look: 'M1 8c3-5 11-5 14 0-3 5-11 5-14 0zM8 6a2 2 0 1 0 .01 0z',
  out: 'M8 1v9M4 7l4 4 4-4M2 12v2h12v-2',
  difference: 'M8 2 14 13H2z',
} as const;
const FILLED = new Set(['first', 'back', 'on', 'play']);

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className={FILLED.has(name) ? 'icon filled' : 'icon'} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
      {name === 'theme' && <path className="half" d="M8 2a6 6 0 0 0 0 12z" />}
    </svg>
  );
}
