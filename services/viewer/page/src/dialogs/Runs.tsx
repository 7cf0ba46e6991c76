/** All runs, live and archived: look at one, or at two side by side. */
import { useEffect, useState } from 'react';
import { count } from '../data/format';
import type { RunInfo } from '../data/time';
import { askJson, Refused } from '../data/wire';
import { words } from '../words';
import { Dialog } from './Dialog';

const w = words.runs;

interface Props {
  onOpen: (run: string | undefined) => void;
  onBeside: (run: string) => void;
  onClose: () => void;
}

interface Answer {
  runs: RunInfo[];
  more: boolean;
  folder: string | null;
}

export function Runs({ onOpen, onBeside, onClose }: Props) {
  const [runs, setRuns] = useState<RunInfo[]>();
  const [more, setMore] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [find, setFind] = useState('');
  async function load(before?: string): Promise<void> {
    try {
      const of = before ? `&before=${encodeURIComponent(before)}` : '';
      const answer = await askJson<Answer>(`api/v1/runs?limit=50${of}`);
      setRuns((now) => [...(before ? (now ?? []) : []), ...answer.runs]);
      setMore(answer.more);
    } catch (error) {
      setProblem(error instanceof Refused ? error.message : words.noAnswer);
    }
  }
  useEffect(() => void load(), []);
  const seen = runs?.filter(({ run, source, id }) => `${run} ${source} ${id}`.toLowerCase().includes(find.toLowerCase()));
  const last = runs?.findLast(({ id }) => id !== null)?.id;
  return (
    <Dialog name="runs" title={w.title} onClose={onClose}>
      <div className="row">
        <input type="search" placeholder={w.find} aria-label={w.find} value={find} onChange={(event) => setFind(event.target.value)} />
        <button type="button" onClick={() => onOpen(undefined)}>
          {words.time.live}
        </button>
      </div>
      {problem && <p role="alert">{problem}</p>}
      {!runs && !problem && <p className="hint">{words.loading}</p>}
      {seen && (
        <div className="scroll" tabIndex={0} role="region" aria-label={w.title}>
          <table>
            <thead>
              <tr>
                {w.columns.map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {seen.map((run) => (
                <RunRow key={run.id ?? `${run.source}/${run.run}`} {...{ run, onOpen, onBeside }} />
              ))}
            </tbody>
          </table>
          {more && last && (
            <button type="button" onClick={() => void load(last)}>
              {w.older}
            </button>
          )}
        </div>
      )}
      {seen?.length === 0 && <p className="hint">{w.none}</p>}
    </Dialog>
  );
}

function RunRow({ run, onOpen, onBeside }: { run: RunInfo } & Pick<Props, 'onOpen' | 'onBeside'>) {
  const name = run.id ?? run.run;
  return (
    <tr>
      <td>
        <b>{run.run}</b>
        <small> {run.source}</small>
      </td>
      <td>{time(run.start_time)}</td>
      <td title={run.problems?.join('\n')}>
        {words.time.states[run.status] ?? run.status}
        {(run.missing ?? 0) > 0 && <small className="bad"> {w.missing(run.missing ?? 0)}</small>}
      </td>
      <td>{count(run.frames)}</td>
      <td>{run.analyses.map(({ name }) => name).join(', ')}</td>
      <td className="row">
        <button type="button" onClick={() => onOpen(run.live ? undefined : name)} aria-label={w.openRun(run.run)}>
          {w.open}
        </button>
        <button type="button" onClick={() => onBeside(run.live ? '' : name)} aria-label={w.besideRun(run.run)}>
          {w.beside}
        </button>
      </td>
    </tr>
  );
}

function time(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? '' : date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}
