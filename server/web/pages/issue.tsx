/** The wizard “Certificate issuance” (M3): one step at a time, by the server's own rule of which step there is. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Issued } from '../../api/issue.ts';
import type { JobOrdered } from '../../api/jobs.ts';
import { useApp, useSending } from '../app.ts';
import { base64Of } from '../file.ts';
import { isJob, orderPath } from '../parts/progress.tsx';
import { Note, Page, Section } from '../parts/show.tsx';
import { type Step, Steps } from '../parts/steps.tsx';
import { type Choice, countOf, missingAt, nothingChosen, orderOf, type PageStep, pageSteps } from './issue/choice.ts';
import { ConfirmStep } from './issue/confirm.tsx';
import { Finish } from './issue/finish.tsx';
import { AuthenticationStep, ConnectionStep, KindStep, SendStep, TypeStep } from './issue/one-of.tsx';
import { SourceStep } from './issue/source.tsx';
import { UnderWay } from './issue/under-way.tsx';
import { RecipientsStep, UsersDialog, type UsersOpen } from './issue/users.tsx';

export type StepProps = { readonly choice: Choice; readonly onChoice: (change: Partial<Choice>) => void };

const certificates = '/certificates';

export function IssuePage() {
  const { words, api, place } = useApp();
  const { issue } = words.web;
  const sending = useSending();
  const [started, setStarted] = useState(false);
  const [choice, setChoice] = useState<Choice>(nothingChosen);
  const [open, setOpen] = useState<UsersOpen | null>(null);
  const [round, setRound] = useState(0);
  const [issued, setIssued] = useState<Issued | null>(null);
  const [early, setEarly] = useState('');
  const [job, setJob] = useState(new URLSearchParams(place.query).get('job'));
  const onChoice = (change: Partial<Choice>) => {
    sending.clear();
    setChoice((before) => ({ ...before, ...change }));
  };
  const props = { choice, onChoice };
  const bodies: Readonly<Record<PageStep, () => ComponentChildren>> = {
    type: () => <TypeStep {...props} />,
    kind: () => <KindStep {...props} />,
    connection: () => <ConnectionStep {...props} />,
    users: () => <RecipientsStep key={round} {...props} onOpen={setOpen} />,
    source: () => <SourceStep {...props} />,
    authentication: () => <AuthenticationStep {...props} />,
    send: () => <SendStep {...props} />,
    confirm: () => <ConfirmStep choice={choice} />,
  };
  const steps: readonly Step[] = pageSteps(choice).map((id) => {
    const missing = missingAt(id, choice);
    return { id, title: issue.steps[id], body: bodies[id], missing: missing && issue.missing[missing] };
  });
  const send = async () => {
    const made = await sending.run(async () =>
      api.send<Issued | JobOrdered>('POST', orderPath('/certificates/issue', countOf(choice)), {
        ...orderOf(choice),
        ...(await uploadOf(choice)),
      }),
    );
    if (!made.ok) return;
    // Files and passwords are needed no more.
    setChoice(nothingChosen);
    if (isJob(made.value)) setJob(made.value.job.id);
    else setIssued(made.value);
  };
  return (
    <Page title={issue.title} lead={issue.lead} up={{ href: certificates, title: issue.list }} wide>
      {early !== '' && <Note tone="warn">{early}</Note>}
      {issued && <Finish issued={issued} close={certificates} />}
      {job !== null && !issued && (
        <UnderWay
          job={job}
          close={certificates}
          onIssued={(made, why) => {
            setIssued(made);
            setEarly(why);
          }}
        />
      )}
      {!issued && job === null && !started && (
        <Section title={issue.welcome} lead={issue.welcomeLead}>
          <ul class="consequences">
            {issue.summary.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
          <p class="quiet">{words.web.parts.steps.vary}</p>
          <button type="button" class="button button-main" onClick={() => setStarted(true)}>
            {issue.start}
          </button>
        </Section>
      )}
      {!issued && job === null && started && (
        <Steps
          label={issue.list}
          steps={steps}
          submit={issue.confirm}
          changed={choice !== nothingChosen}
          busy={sending.busy}
          fault={sending.fault}
          arrives
          cancel={certificates}
          onDone={send}
        />
      )}
      {open && (
        <UsersDialog
          open={open}
          onClose={() => setOpen(null)}
          onDone={(user) => {
            setOpen(null);
            setRound(round + 1);
            onChoice({ users: new Map([...choice.users, [user.id, user]]) });
          }}
        />
      )}
    </Page>
  );
}

/** A file that cannot be read any more is sent as nothing, which the server refuses. */
async function uploadOf({ source, type, format, file, key, filePassword }: Choice) {
  if (source !== 'uploaded' || type === 'mobile' || file === null) return {};
  const keyFile = format === 'x509' && key !== null ? { key: (await base64Of(key)) ?? '' } : {};
  const password = filePassword === '' ? {} : { password: filePassword };
  return { file: { content: (await base64Of(file)) ?? '', ...keyFile, ...password } };
}
