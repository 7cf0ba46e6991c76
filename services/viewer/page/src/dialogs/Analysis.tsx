/** The settings of the analysis: a form drawn from what the service says of them. */
import { useEffect, useState, type FormEvent } from 'react';
import { unit } from '../data/format';
import { changesOf, textOf, valueOf, type Field, type SettingsDoc } from '../data/schema';
import { askJson, Refused, tell } from '../data/wire';
import type { Change } from '../settings';
import { words } from '../words';
import { Dialog } from './Dialog';

const w = words.settings;

interface Props {
  name: string;
  change: Change;
  onClose: () => void;
}

export function Analysis({ name, change, onClose }: Props) {
  const [doc, setDoc] = useState<SettingsDoc>();
  const [edited, setEdited] = useState<Record<string, unknown>>({});
  const [bad, setBad] = useState<Record<string, string>>({});
  const [said, setSaid] = useState<string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    askJson<SettingsDoc>('api/v1/settings').then(setDoc, (error: unknown) =>
      setSaid(error instanceof Refused ? error.message : words.noAnswer),
    );
  }, []);
  const changes = doc ? changesOf(doc.values, edited) : {};
  const many = Object.keys(changes).length;

  async function send(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    try {
      const answer = await tell<{ settings: SettingsDoc }>('api/v1/settings', { settings: changes, by: name });
      setDoc(answer.settings);
      setEdited({});
      setSaid(w.done(many));
    } catch (error) {
      setSaid(error instanceof Refused ? error.message : words.noAnswer);
    }
    setBusy(false);
  }

  return (
    <Dialog name="settings" title={doc ? w.of(doc.analysis) : w.title} onClose={onClose}>
      {doc && (
        <form onSubmit={(event) => void send(event)}>
          {doc.schema.description && <p className="hint">{doc.schema.description.split('\n')[0]}</p>}
          <div className="fields" tabIndex={0} role="region" aria-label={w.title}>
            {Object.entries(doc.schema.properties).map(([key, field]) => (
              <FieldRow
                key={`${key} ${doc.revision ?? 0}`}
                {...{ name: key, field }}
                value={key in edited ? edited[key] : doc.values[key]}
                changed={key in changes}
                problem={bad[key]}
                disabled={!doc.may_change}
                onValue={(value, problem) => {
                  setEdited({ ...edited, [key]: value });
                  const { [key]: _, ...others } = bad;
                  setBad(problem ? { ...others, [key]: problem } : others);
                }}
              />
            ))}
          </div>
          {doc.may_change ? (
            <div className="row">
              <input value={name} maxLength={80} placeholder={words.grid.name} aria-label={words.grid.name} onChange={(event) => change({ name: event.target.value })} />
              <button type="submit" disabled={busy || !many || !name.trim() || Object.keys(bad).length > 0}>
                {w.apply(many)}
              </button>
            </div>
          ) : (
            <p className="hint">{w.readOnly}</p>
          )}
        </form>
      )}
      <p role="status" className={said ? '' : 'hint'}>
        {said ?? (doc ? w.hint : words.loading)}
      </p>
      {doc && doc.events.length > 0 && (
        <ul className="events">
          {doc.events.slice(-5).reverse().map((event, i) => (
            <li key={i}>{w.event(event.by ?? '', event.at ?? '', listed(event.changes))}</li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}

function listed(changes: Record<string, [unknown, unknown]> | undefined): string {
  return Object.entries(changes ?? {})
    .map(([name, [from, to]]) => `${name}: ${textOf(from) || '–'} → ${textOf(to) || '–'}`)
    .join('; ');
}

interface RowProps {
  name: string;
  field: Field;
  value: unknown;
  changed: boolean;
  problem: string | undefined;
  disabled: boolean;
  onValue: (value: unknown, problem?: string) => void;
}

function FieldRow(props: RowProps) {
  const { name, field, changed, problem } = props;
  const group = field.type === 'array' && field.choices;
  const label = (
    <span>
      {(field.title ?? name).replaceAll('_', ' ')} {field.units && <small>{unit(field.units)}</small>}
    </span>
  );
  return (
    <div className={changed ? 'field changed' : 'field'} data-field={name}>
      {group ? (
        <fieldset>
          <legend>{label}</legend>
          <Choices {...props} choices={group} />
        </fieldset>
      ) : (
        <label>
          {label}
          <Entry {...props} />
        </label>
      )}
      {field.description && <small>{field.description}</small>}
      {problem && <small className="bad">{problem}</small>}
    </div>
  );
}

function Entry({ field, value, disabled, onValue }: RowProps) {
  const [text, setText] = useState(() => textOf(value));
  if (field.type === 'boolean') {
    return <input type="checkbox" disabled={disabled} checked={value === true} onChange={(event) => onValue(event.target.checked)} />;
  }
  const options = field.enum?.map((one) => ({ value: one, title: String(one) })) ?? field.choices;
  if (options) {
    return (
      <select
        disabled={disabled}
        value={textOf(value)}
        onChange={(event) => onValue(options.find((one) => String(one.value) === event.target.value)?.value ?? null)}
      >
        {field.nullable && <option value="">–</option>}
        {options.map((one) => (
          <option key={String(one.value)} value={String(one.value)}>
            {one.title ?? one.value}
          </option>
        ))}
      </select>
    );
  }
  return (
    <input
      type="text"
      disabled={disabled}
      value={text}
      inputMode={field.type === 'number' || field.type === 'integer' ? 'decimal' : 'text'}
      onChange={(event) => {
        setText(event.target.value);
        const read = valueOf(field, event.target.value);
        if ('value' in read) onValue(read.value);
        else onValue(event.target.value, w.errors[read.error]);
      }}
    />
  );
}

/** Any of many, such as the candidate phases. */
function Choices({ value, disabled, onValue, choices }: RowProps & { choices: NonNullable<Field['choices']> }) {
  const chosen = Array.isArray(value) ? value.map(String) : [];
  const turn = (one: string, on: boolean) =>
    onValue(choices.map(({ value }) => value).filter((v) => (String(v) === one ? on : chosen.includes(String(v)))));
  return (
    <div className="choices">
      {choices.map((one) => (
        <label key={String(one.value)}>
          <input
            type="checkbox"
            disabled={disabled}
            checked={chosen.includes(String(one.value))}
            onChange={(event) => turn(String(one.value), event.target.checked)}
          />
          {one.title ?? one.value}
        </label>
      ))}
    </div>
  );
}
