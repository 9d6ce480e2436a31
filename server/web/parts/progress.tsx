/** Long work: how far it is, on every page and after a reload, until whoever ordered it has seen the end. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { fill, sayFault } from '../../../words/say.ts';
import type { JobDetails, JobOrdered, JobView } from '../../api/jobs.ts';
import type { Page } from '../../api/list.ts';
import { jobOrdered } from '../api.ts';
import { useApp, useLoad, type Words } from '../app.ts';
import { ConfirmDialog, Dialog } from './dialog.tsx';
import { csvFile } from './file-link.ts';
import { Icon } from './icon.tsx';
import { FaultNote, Loading, Note, Status } from './show.tsx';

/** To more than this many nobody should have to wait for. */
const atOnce = 20;
const runningMs = 1000;
const restingMs = 60_000;
const mostShown = 5;
const mostRefused = 100;
/** What came of it is a page of its own. */
const issuing = 'certificates/issue';

/** Where an order about `count` things is sent to. It is answered with its outcome, or with the job it has become. */
export const orderPath = (path: string, count: number, most = atOnce): string =>
  count > most ? `${path}?background=1` : path;
export const isJob = <T extends object>(answer: T | JobOrdered): answer is JobOrdered => 'job' in answer;

export const kindName = ({ web }: Words, kind: string): string => {
  const kinds: Readonly<Record<string, string>> = web.jobs.kinds;
  return Object.hasOwn(kinds, kind) ? (kinds[kind] ?? kind) : kind;
};

const isOver = ({ finishedAt }: JobView): boolean => finishedAt !== null;

export function Jobs() {
  const { words } = useApp();
  const { jobs, again } = useJobs();
  const [open, setOpen] = useState<{ readonly do: 'look' | 'end'; readonly job: JobView } | null>(null);
  const close = () => {
    setOpen(null);
    again();
  };
  const own = words.web.jobs;
  return (
    <>
      {jobs.length > 0 && (
        <section class="jobs" aria-label={own.title}>
          {jobs.map((job) => (
            <JobLine key={job.id} job={job} onOpen={(what) => setOpen({ do: what, job })} onForgotten={again} />
          ))}
        </section>
      )}
      {open?.do === 'look' && <Outcome job={open.job} onClose={close} />}
      {open?.do === 'end' && <End job={open.job} onClose={close} />}
    </>
  );
}

function JobLine({
  job,
  onOpen,
  onForgotten,
}: {
  readonly job: JobView;
  readonly onOpen: (what: 'look' | 'end') => void;
  readonly onForgotten: () => void;
}) {
  const { words, api, language, navigate } = useApp();
  const own = words.web.jobs;
  const count = new Intl.NumberFormat(language);
  const name = kindName(words, job.kind);
  const tried = job.done + job.refused;
  const facts = { done: count.format(tried), total: count.format(job.total), refused: count.format(job.refused) };
  const tone = job.state === 'done' && job.refused === 0 ? 'good' : isOver(job) ? 'bad' : 'quiet';
  return (
    <div class="job">
      <strong>{name}</strong>
      {isOver(job) ? (
        <Status tone={tone} text={own.states[job.state]} />
      ) : (
        <progress aria-label={name} value={tried} max={Math.max(1, job.total)} />
      )}
      <span class="job-count">
        {fill(own.count, facts)}
        {job.refused > 0 && `, ${fill(own.refused, facts)}`}
      </span>
      <span class="row-buttons">
        {isOver(job) ? (
          <>
            <button
              type="button"
              class="button"
              onClick={() => (job.kind === issuing ? navigate(`/certificates/issue?job=${job.id}`) : onOpen('look'))}
            >
              {own.look}
              <span class="unseen"> {name}</span>
            </button>
            <button
              type="button"
              class="button"
              onClick={async () => {
                await api.send('DELETE', `/jobs/${job.id}`);
                onForgotten();
              }}
            >
              {own.forget}
              <span class="unseen"> {name}</span>
            </button>
          </>
        ) : (
          job.state !== 'ending' && (
            <button type="button" class="button" onClick={() => onOpen('end')}>
              {own.end}
              <span class="unseen"> {name}</span>
            </button>
          )
        )}
      </span>
    </div>
  );
}

type OfJob = { readonly job: JobView; readonly onClose: () => void };

function End({ job, onClose }: OfJob) {
  const { words, api, language } = useApp();
  const own = words.web.jobs;
  const count = new Intl.NumberFormat(language);
  const tried = job.done + job.refused;
  return (
    <ConfirmDialog
      title={own.endTitle}
      consequences={[
        fill(own.endStays, { count: count.format(tried) }),
        fill(own.endLeft, { count: count.format(job.total - tried) }),
      ]}
      confirm={own.end}
      danger
      run={() => api.send('POST', `/jobs/${job.id}/end`)}
      onDone={onClose}
      onClose={onClose}
    />
  );
}

type Answered = {
  readonly refused?: readonly { readonly id: string; readonly fault: JobDetails['fault'] }[];
  /** Passwords of those who were invited. */
  readonly csv?: string;
};

function Outcome({ job, onClose }: OfJob) {
  const { words, language } = useApp();
  const own = words.web.jobs;
  const { value, fault, again } = useLoad<JobDetails>(`/jobs/${job.id}`);
  const answer = (value?.answer ?? {}) as Answered;
  const refused = answer.refused ?? [];
  const count = new Intl.NumberFormat(language);
  return (
    <Dialog title={kindName(words, job.kind)} onClose={onClose}>
      <FaultNote fault={fault} again={again} />
      {!value && !fault && <Loading />}
      <p>
        {fill(own.outcome, { done: count.format(job.done), refused: count.format(job.refused) })}{' '}
        {(job.state === 'ended' || job.state === 'broken') && own.explained[job.state]}{' '}
        {value?.fault && sayFault(words, value.fault)}
      </p>
      {refused.length > 0 && (
        <ul class="consequences">
          {refused.slice(0, mostRefused).map(({ id, fault: why }) => (
            <li key={id}>
              <code>{id.slice(0, 16)}</code> {why && sayFault(words, why)}
            </li>
          ))}
        </ul>
      )}
      {refused.length > mostRefused && <p>{fill(own.more, { count: count.format(refused.length - mostRefused) })}</p>}
      {answer.csv && <Note tone="warn">{words.web.onboarding.toldOnce}</Note>}
      <div class="form-buttons">
        {answer.csv && (
          <a class="button button-main" href={csvFile(answer.csv)} download="invitations.csv">
            <Icon name="download" />
            {words.web.onboarding.save}
          </a>
        )}
        <button type="button" class="button" onClick={onClose}>
          {words.web.shell.close}
        </button>
      </div>
    </Dialog>
  );
}

/** Those of this account that run, and those that are over and were not put away. The end of each is said. */
function useJobs(): { readonly jobs: readonly JobView[]; readonly again: () => void } {
  const { api, account, words, say } = useApp();
  const [jobs, setJobs] = useState<readonly JobView[]>([]);
  const [round, setRound] = useState(0);
  const again = () => setRound((before) => before + 1);
  const running = useRef<ReadonlySet<string>>(new Set());
  const told = useRef<(job: JobView) => void>(() => {});
  told.current = (job) => say(fill(words.web.jobs.over, { name: kindName(words, job.kind) }));
  useEffect(() => {
    addEventListener(jobOrdered, again);
    return () => removeEventListener(jobOrdered, again);
  }, []);
  useEffect(() => {
    const aborting = new AbortController();
    let timer = 0;
    const look = async () => {
      const path = `/jobs?by=${encodeURIComponent(account.name)}&limit=${mostShown}`;
      const answer = await api.poll<Page<JobView>>(path, aborting.signal);
      const rows = answer.ok ? answer.value.rows : [];
      if (answer.ok) {
        setJobs(rows);
        for (const job of rows) if (isOver(job) && running.current.has(job.id)) told.current(job);
        running.current = new Set(rows.filter((job) => !isOver(job)).map(({ id }) => id));
      }
      timer = window.setTimeout(look, running.current.size > 0 ? runningMs : restingMs);
    };
    look();
    return () => {
      aborting.abort();
      clearTimeout(timer);
    };
  }, [api, account.name, round]);
  return { jobs, again };
}
