/** How values become colours: colour map, scale, window. */
import { useState } from 'react';
import { COLOURS, SCALES, type Look, type Scale } from '../data/looks';
import { number } from '../data/format';
import type { Picture } from '../data/wire';
import { words } from '../words';
import { Sheet, Toggle } from './Panel';

const w = words.look;

interface Props {
  look: Look;
  picture: Picture;
  onLook: (some: Partial<Look>) => void;
  /** Opacity of the classes above, where there are any. */
  overlay?: { opacity: number; onOpacity: (opacity: number) => void } | undefined;
}

export function LookMenu({ look, picture, onLook, overlay }: Props) {
  const lock = () => onLook({ locked: look.locked ? undefined : [picture.low, picture.high] });
  return (
    <>
      <span className="wide">
        <Toggle on={look.locked !== undefined} title={`${w.lockTitle} (A)`} onToggle={lock}>
          {look.locked ? w.locked : w.auto}
        </Toggle>
      </span>
      <Sheet name="look" icon="look" label={w.button} title={w.title}>
        {() => (
          <div className="form">
            <label>
              <span>{w.colours}</span>
              <select
                value={look.colours}
                onChange={(event) => onLook({ colours: event.target.value as Look['colours'] })}
              >
                {COLOURS.map(([name, label]) => (
                  <option key={name} value={name}>
                    {label}
                  </option>
                ))}
              </select>
            </label>
            <label>
              <span>{w.inverted}</span>
              <input
                type="checkbox"
                checked={look.inverted}
                onChange={(event) => onLook({ inverted: event.target.checked })}
              />
            </label>
            <label>
              <span>{w.scale}</span>
              <select
                value={look.scale}
                onChange={(event) => onLook({ scale: event.target.value as Scale })}
              >
                {SCALES.map((scale) => (
                  <option key={scale} value={scale}>
                    {w.scales[scale]}
                  </option>
                ))}
              </select>
            </label>
            {look.scale === 'gamma' && (
              <label>
                <span>{w.gamma}</span>
                <Entry value={look.gamma} good={(g) => g > 0.05 && g < 20} onNumber={(gamma) => onLook({ gamma })} label={w.gamma} />
              </label>
            )}
            <label>
              <span>{w.lock}</span>
              <input type="checkbox" checked={look.locked !== undefined} onChange={lock} />
            </label>
            <Window {...{ look, picture, onLook }} />
            {overlay && (
              <label>
                <span>{w.overlay}</span>
                <input
                  type="range"
                  min={0}
                  max={1}
                  step={0.05}
                  value={overlay.opacity}
                  onChange={(event) => overlay.onOpacity(Number.parseFloat(event.target.value))}
                />
              </label>
            )}
          </div>
        )}
      </Sheet>
    </>
  );
}

function Window({ look, picture, onLook }: Props) {
  const [low, high] = look.percentiles;
  const window = look.locked ?? [picture.low, picture.high];
  return (
    <>
      <label>
        <span>{w.percentiles}</span>
        <span className="pair">
          <Entry value={low} good={(p) => p >= 0 && p < high} onNumber={(p) => onLook({ percentiles: [p, high], locked: undefined })} label={w.lowPercentile} />
          <Entry value={high} good={(p) => p > low && p <= 100} onNumber={(p) => onLook({ percentiles: [low, p], locked: undefined })} label={w.highPercentile} />
        </span>
      </label>
      <label>
        <span>{w.window}</span>
        <span className="pair">
          <Entry value={window[0]} good={(v) => v < window[1]} onNumber={(v) => onLook({ locked: [v, window[1]] })} label={w.low} />
          <Entry value={window[1]} good={(v) => v > window[0]} onNumber={(v) => onLook({ locked: [window[0], v] })} label={w.high} />
        </span>
      </label>
    </>
  );
}

/** A number that is taken when it is finished and good, and else put back. */
function Entry(props: { value: number; good: (value: number) => boolean; onNumber: (value: number) => void; label: string }) {
  const [text, setText] = useState<string>();
  const done = () => {
    const value = text === undefined ? NaN : Number.parseFloat(text);
    if (Number.isFinite(value) && value !== props.value && props.good(value)) props.onNumber(value);
    setText(undefined);
  };
  return (
    <input
      type="text"
      inputMode="decimal"
      aria-label={props.label}
      value={text ?? number(props.value, 6)}
      onChange={(event) => setText(event.target.value)}
      onBlur={done}
      onKeyDown={(event) => event.key === 'Enter' && done()}
    />
  );
}
