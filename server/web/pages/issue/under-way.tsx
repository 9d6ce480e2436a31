/** An order about many is done by the server itself: what came of it in the end; how far it is stands in the shell. The page may be left meanwhile. */
import { useEffect } from 'preact/hooks';
import { sayFault } from '../../../../words/say.ts';
import type { Issued } from '../../../api/issue.ts';
import type { JobDetails } from '../../../api/jobs.ts';
import { useApp, useLoad, usePoll, type Words } from '../../app.ts';
import { FaultNote, Loading, Note, Section } from '../../parts/show.tsx';

const pollMs = 1000;

export function UnderWay({
  job,
  close,
  onIssued,
}: {
  readonly job: string;
  readonly close: string;
  /** `early`: why it is not all that was ordered, else empty. */
  readonly onIssued: (issued: Issued, early: string) => void;
}) {
  const { words } = useApp();
  const { jobs, shell } = words.web;
  const path = `/jobs/${encodeURIComponent(job)}`;
  const first = useLoad<JobDetails>(path);
  const value = usePoll<JobDetails>(path, pollMs) ?? first.value;
  useEffect(() => {
    // What was made before it was ended is there too: one-time passwords are told now or never.
    if (value?.finishedAt && value.answer) onIssued(value.answer as Issued, earlyEnd(words, value));
  }, [value]);
  if (!value) return first.fault ? <FaultNote fault={first.fault} /> : <Loading />;
  return (
    <Section title={jobs.kinds['certificates/issue']} arrives>
      {value.finishedAt ? (
        <Note tone="warn">{earlyEnd(words, value) || jobs.gone}</Note>
      ) : (
        <Note tone="quiet">{jobs.ordered}</Note>
      )}
      <a class="button" href={close}>
        {shell.close}
      </a>
    </Section>
  );
}

function earlyEnd(words: Words, { state, fault }: JobDetails): string {
  if (state !== 'ended' && state !== 'broken') return '';
  return [words.web.jobs.explained[state], ...(fault ? [sayFault(words, fault)] : [])].join(' ');
}
