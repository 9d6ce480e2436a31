/** Devices that are to come: approval, invitations, lists and group tokens (B13). */
import { useState } from 'preact/hooks';
import { fill } from '../../../words/say.ts';
import type { GroupView } from '../../api/groups.ts';
import type { JobOrdered } from '../../api/jobs.ts';
import type { GroupTokenView, RequestView } from '../../api/onboarding.ts';
import { type Loaded, useApp, useLoad, useSending } from '../app.ts';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { CheckField, FileField, Form, SelectField, TextField } from '../parts/form.tsx';
import { isJob, orderPath } from '../parts/progress.tsx';
import { RemovableRows } from '../parts/removable.tsx';
import { LoadedRows } from '../parts/rows.tsx';
import { FaultNote, Page, Section } from '../parts/show.tsx';
import { Time } from '../parts/time.tsx';
import { type Told, ToldSection } from './told.tsx';

export function OnboardingPage() {
  const { words } = useApp();
  const { onboarding } = words.web;
  const tokens = useLoad<readonly GroupTokenView[]>('/group-tokens');
  const groups = useLoad<readonly GroupView[]>('/groups');
  const [told, setTold] = useState<Told | null>(null);
  const ordinary = (groups.value ?? []).filter(({ kind }) => kind === 'ordinary');
  const take = (made: Told) => {
    setTold(made);
    tokens.again();
  };
  return (
    <Page title={onboarding.title} lead={onboarding.lead}>
      <FaultNote fault={groups.fault} again={groups.again} />
      {told && <ToldSection told={told} onDone={() => setTold(null)} />}
      <Requests />
      <Invite groups={ordinary} onMade={take} />
      <List onMade={take} />
      <Tokens tokens={tokens} />
      <MakeToken groups={ordinary} onMade={take} />
    </Page>
  );
}

function Requests() {
  const { words } = useApp();
  const { onboarding } = words.web;
  const requests = useLoad<readonly RequestView[]>('/enrolment-requests');
  const [deciding, setDeciding] = useState<Deciding | null>(null);
  return (
    <Section title={onboarding.requests} lead={onboarding.requestsLead}>
      <LoadedRows
        of={requests}
        none={onboarding.requestsNone}
        caption={onboarding.requests}
        heads={[
          onboarding.request,
          onboarding.group,
          onboarding.hardware,
          onboarding.address,
          onboarding.asked,
          onboarding.decide,
        ]}
        row={(row) => ({
          key: row.number,
          cells: [
            <code key="n">{row.number}</code>,
            row.group,
            row.hardwareId,
            row.address,
            <Time key="a" at={row.askedAt} />,
            <span key="d" class="row-buttons">
              <button type="button" class="button" onClick={() => setDeciding({ row, decision: 'approved' })}>
                {onboarding.approve}
                <span class="unseen"> {row.number}</span>
              </button>
              <button type="button" class="button" onClick={() => setDeciding({ row, decision: 'refused' })}>
                {onboarding.refuse}
                <span class="unseen"> {row.number}</span>
              </button>
            </span>,
          ],
        })}
      />
      {deciding && (
        <Decide
          deciding={deciding}
          onClose={() => {
            setDeciding(null);
            requests.again();
          }}
        />
      )}
    </Section>
  );
}

type Deciding = { readonly row: RequestView; readonly decision: 'approved' | 'refused' };

function Decide({
  deciding: { row, decision },
  onClose,
}: {
  readonly deciding: Deciding;
  readonly onClose: () => void;
}) {
  const { words, api, say } = useApp();
  const { onboarding } = words.web;
  const [name, setName] = useState('');
  const approving = decision === 'approved';
  const body = { decision, ...(approving && name.trim() !== '' ? { name: name.trim() } : {}) };
  return (
    <ConfirmDialog
      title={fill(approving ? onboarding.approveTitle : onboarding.refuseTitle, { number: row.number })}
      consequences={[approving ? fill(onboarding.approveWhat, { group: row.group }) : onboarding.refuseWhat]}
      confirm={approving ? onboarding.approve : onboarding.refuse}
      danger={!approving}
      run={() => api.send('POST', `/enrolment-requests/${row.number}`, body)}
      onDone={() => {
        say(approving ? onboarding.approved : onboarding.refused);
        onClose();
      }}
      onClose={onClose}
    >
      {approving && (
        <TextField
          label={onboarding.deviceName}
          hint={onboarding.deviceNameHint}
          maxLength={120}
          value={name}
          onValue={setName}
        />
      )}
    </ConfirmDialog>
  );
}

/** A list that is no longer is shown where it was asked for. */
const shownAtOnce = 200;

type Making = { readonly onMade: (told: Told) => void };

const groupChoices = (groups: readonly GroupView[]): readonly (readonly [string, string])[] =>
  groups.map(({ name, path }) => [name, path] as const);

function Invite({ groups, onMade }: Making & { readonly groups: readonly GroupView[] }) {
  const { words, api } = useApp();
  const { onboarding } = words.web;
  const sending = useSending();
  const [name, setName] = useState('');
  const [group, setGroup] = useState('');
  const body = { ...(name.trim() === '' ? {} : { name: name.trim() }), ...(group === '' ? {} : { group }) };
  return (
    <Section title={onboarding.invite} lead={onboarding.inviteLead}>
      <Form
        submit={onboarding.makeInvitation}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          const made = await sending.run(() => api.send<Told>('POST', '/invitations', body));
          if (made.ok) onMade(made.value);
        }}
      >
        <TextField
          label={onboarding.deviceName}
          hint={onboarding.deviceNameHint}
          maxLength={120}
          value={name}
          onValue={setName}
        />
        <SelectField
          label={onboarding.group}
          value={group}
          choices={[['', onboarding.noGroup], ...groupChoices(groups)]}
          onValue={setGroup}
        />
      </Form>
    </Section>
  );
}

function List({ onMade }: Making) {
  const { words, api, say } = useApp();
  const { onboarding } = words.web;
  const sending = useSending();
  const [file, setFile] = useState<File | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  return (
    <Section title={onboarding.list} lead={onboarding.listLead}>
      <Form
        submit={onboarding.makeInvitations}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          if (!file) return setWrong(onboarding.noFile);
          const csv = await file.text();
          const path = orderPath('/invitations/import', csv.split('\n').length, shownAtOnce);
          const made = await sending.run(() => api.send<Told | JobOrdered>('POST', path, { csv }));
          if (!made.ok) return;
          if (isJob(made.value)) say(words.web.jobs.ordered);
          else onMade(made.value);
        }}
      >
        <FileField
          label={onboarding.file}
          accept=".csv,text/csv"
          wrong={wrong}
          onFile={(chosen) => {
            setFile(chosen);
            setWrong(null);
            sending.clear();
          }}
        />
      </Form>
    </Section>
  );
}

function Tokens({ tokens }: { readonly tokens: Loaded<readonly GroupTokenView[]> }) {
  const { words, api } = useApp();
  const { onboarding } = words.web;
  return (
    <Section title={onboarding.tokens} lead={onboarding.tokensLead}>
      <RemovableRows
        of={tokens}
        none={onboarding.tokensNone}
        caption={onboarding.tokens}
        heads={[
          onboarding.token,
          onboarding.group,
          onboarding.used,
          onboarding.approval,
          onboarding.ends,
          onboarding.status,
        ]}
        row={(row) => ({
          key: row.id,
          cells: [
            <code key="i">{row.id}</code>,
            row.group,
            fill(onboarding.usedOf, { used: row.used, most: row.most }),
            row.approval ? onboarding.yes : onboarding.no,
            <Time key="e" at={row.expiresAt} />,
            onboarding.states[stateOf(row)],
          ],
        })}
        remove={{
          word: onboarding.end,
          name: (row) => (stateOf(row) === 'open' ? row.id : null),
          done: onboarding.ended,
          ask: ({ id }, ends) => (
            <ConfirmDialog
              title={fill(onboarding.endTitle, { token: id })}
              consequences={[onboarding.endWhat]}
              confirm={onboarding.end}
              danger
              run={() => api.send('DELETE', `/group-tokens/${id}`)}
              {...ends}
            />
          ),
        }}
      />
    </Section>
  );
}

function stateOf({ endedAt, expiresAt, used, most }: GroupTokenView): 'open' | 'full' | 'expired' | 'ended' {
  if (endedAt !== null) return 'ended';
  if (expiresAt <= Date.now()) return 'expired';
  return used >= most ? 'full' : 'open';
}

function MakeToken({ groups, onMade }: Making & { readonly groups: readonly GroupView[] }) {
  const { words, api } = useApp();
  const { onboarding } = words.web;
  const sending = useSending();
  const [chosen, setGroup] = useState('');
  const [most, setMost] = useState('10');
  const [days, setDays] = useState('7');
  const [approval, setApproval] = useState(true);
  const group = chosen === '' ? (groups[0]?.name ?? '') : chosen;
  if (groups.length === 0) return null;
  return (
    <Section title={onboarding.makeToken}>
      <Form
        submit={onboarding.makeToken}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          const body = { group, most: Number(most), days: Number(days), approval };
          const made = await sending.run(() => api.send<Told>('POST', '/group-tokens', body));
          if (made.ok) onMade(made.value);
        }}
      >
        <SelectField label={onboarding.group} value={group} choices={groupChoices(groups)} onValue={setGroup} />
        <TextField label={onboarding.most} type="number" kind="short" required value={most} onValue={setMost} />
        <TextField label={onboarding.days} type="number" kind="short" required value={days} onValue={setDays} />
        <CheckField label={onboarding.withApproval} checked={approval} onChecked={setApproval} />
      </Form>
    </Section>
  );
}
