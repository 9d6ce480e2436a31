/** An order about many is done by the server itself: what came of it in the end; how far it is stands in the shell. The page may be left meanwhile. */
import { useEffect } from 'preact/hooks';
import { sayFault } from '../../../../words/say.ts';
import type { Issued } from '../../../api/issue.ts';
import type { JobDetails } from '../../../api/jobs.ts';
import { useApp, useLoad, usePoll } from '../../app.ts';
import { FaultNote, Loading, Note, Section } from '../../parts/show.tsx';

const pollMs = 1000;

export function UnderWay({
  job,
  close,
  onIssued,
}: {
  readonly job: string;
  readonly close: string;
  readonly onIssued: (issued: Issued) => void;
}) {
  const { words } = useApp();
  const { jobs, shell } = words.web;
  const path = `/jobs/${encodeURIComponent(job)}`;
  const first = useLoad<JobDetails>(path);
  const value = usePoll<JobDetails>(path, pollMs) ?? first.value;
  useEffect(() => {
    if (value?.state === 'done' && value.answer) onIssued(value.answer as Issued);
  }, [value]);
  if (!value) return first.fault ? <FaultNote fault={first.fault} /> : <Loading />;
  const { state, fault } = value;
  const over = state !== 'waiting' && state !== 'running';
  return (
    <Section title={jobs.kinds['certificates/issue']} arrives>
      {over ? (
        <Note tone="warn">
          {state === 'done' ? jobs.gone : jobs.explained[state]} {fault && sayFault(words, fault)}
        </Note>
      ) : (
        <Note tone="quiet">{jobs.ordered}</Note>
      )}
      <a class="button" href={close}>
        {shell.close}
      </a>
    </Section>
  );
}
