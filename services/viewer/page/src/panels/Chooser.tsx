/** Which variable a panel shows, and where along its further dimensions. */
import { useEffect, useRef, useState } from 'react';
import { number, unit } from '../data/format';
import type { Named } from '../data/views';
import type { Picture } from '../data/wire';
import { useScene } from '../scene';
import { Icon } from '../Icon';
import { words } from '../words';

/** From one slice to the next while they are played. */
const PLAY_MS = 300;

export function Chooser(props: {
  kind: 'image' | 'plane';
  named: Named | undefined;
  choices: Named[];
  onChoose: (name: string) => void;
}) {
  const { kind, named, choices, onChoose } = props;
  return (
    <select
      aria-label={words.layer}
      value={named?.name ?? ''}
      onChange={(event) => onChoose(event.target.value)}
    >
      {kind === 'image' && <option value="">{words.image}</option>}
      {choices.map(({ name, variable }) => (
        <option key={name} value={name} title={variable.attrs.long_name}>
          {name.replaceAll('_', ' ')}
        </option>
      ))}
    </select>
  );
}

/** Which image of a frame that has several. */
export function ChannelChoice({ image }: { image: Picture | undefined }) {
  const { setChannel } = useScene('setChannel');
  if (!image || image.channels.length < 2) return null;
  return (
    <select
      aria-label={words.channel}
      title={`${words.channel} (C)`}
      value={image.channel}
      onChange={(event) => setChannel(event.target.value === image.channels[0] ? undefined : event.target.value)}
    >
      {image.channels.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}

/** A slider for each dimension that a picture does not show; it can be played through. */
export function Slices({ dims }: { dims: string[] }) {
  const { shown, slices, setSlice } = useScene('shown', 'slices', 'setSlice');
  const [playing, setPlaying] = useState<string>();
  const size = playing && dims.includes(playing) ? (shown.result?.dims[playing]?.size ?? 0) : 0;
  const now = playing ? (slices[playing] ?? 0) : 0;
  const go = useRef(setSlice); // another one at each drawing, which must not begin the wait anew
  go.current = setSlice;
  useEffect(() => {
    if (!playing || size < 2) return;
    const timer = window.setTimeout(() => go.current(playing, (now + 1) % size), PLAY_MS);
    return () => window.clearTimeout(timer);
  }, [playing, size, now]);
  return (
    <>
      {dims.map((dim) => {
        const axis = shown.result?.dims[dim];
        const index = Math.min(slices[dim] ?? 0, (axis?.size ?? 1) - 1);
        const value = axis?.values?.[index] ?? (axis?.step !== undefined ? (axis.start ?? 0) + index * axis.step : index);
        return (
          <label key={dim} className="slider" title={axis?.long_name}>
            {dim}
            <input
              type="range"
              min={0}
              max={(axis?.size ?? 1) - 1}
              step={1}
              value={index}
              onChange={(event) => setSlice(dim, Number(event.target.value))}
            />
            <button
              type="button"
              title={playing === dim ? words.pause : words.through}
              aria-label={playing === dim ? words.pause : words.through}
              aria-pressed={playing === dim}
              onClick={() => setPlaying(playing === dim ? undefined : dim)}
            >
              <Icon name={playing === dim ? 'pause' : 'play'} />
            </button>
            <b>
              {typeof value === 'number' ? number(value) : value} {unit(axis?.units)}
            </b>
          </label>
        );
      })}
    </>
  );
}
