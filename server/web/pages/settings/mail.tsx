/** E-mail (M10): the SMTP server, a test, the texts and the outbox. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { Page as Listing } from '../../../api/list.ts';
import type { MailRow, MailView } from '../../../api/mail.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { AreaField, Form, PasswordField, SelectField, TextField } from '../../parts/form.tsx';
import { Facts, FaultNote, Loading, Note, Section } from '../../parts/show.tsx';
import { Table } from '../../parts/table.tsx';
import { Time, TimeOr } from '../../parts/time.tsx';
import { MailTexts } from './mail-texts.tsx';

const languages = [
  ['en', 'English'],
  ['ru', 'Русский'],
] as const;

export function Mail() {
  const { words, rights } = useApp();
  const { mail: text } = words.web.settings;
  const { value, fault, again, loading } = useLoad<MailView>('/mail');
  const off = fault?.code === 'mail-off';
  const may = rights.includes('edit-server');
  const view = off ? null : value;
  if (!value && !fault) return <Loading />;
  return (
    <>
      {!off && <FaultNote fault={fault} again={again} />}
      <Section title={text.server}>
        {off && <Note tone="quiet">{text.off}</Note>}
        {may ? <Setting key={view === null ? 'off' : 'on'} view={view} again={again} /> : view && <Shown view={view} />}
      </Section>
      {may && view && !loading && <Test />}
      <MailTexts may={may} />
      <Outbox />
    </>
  );
}

function Shown({ view }: { readonly view: MailView }) {
  const { words } = useApp();
  const { mail: text } = words.web.settings;
  return (
    <Facts
      rows={[
        [text.server, `${view.host}:${view.port}`],
        [text.security, text.securities[view.security]],
        [text.user, view.user],
        [text.from, view.from],
        [text.replyTo, view.replyTo],
        [text.administrators, view.administrators.join(', ')],
      ]}
    />
  );
}

function Setting({ view, again }: { readonly view: MailView | null; readonly again: () => void }) {
  const { words, api, say, language } = useApp();
  const { settings } = words.web;
  const text = settings.mail;
  const sending = useSending();
  const [typed, setTyped] = useState({
    host: view?.host ?? '',
    port: view ? String(view.port) : '',
    security: view?.security ?? 'starttls',
    user: view?.user ?? '',
    password: '',
    from: view?.from ?? '',
    replyTo: view?.replyTo ?? '',
    helo: view?.helo ?? '',
    administrators: view?.administrators.join('\n') ?? '',
    console: view?.console ?? location.origin,
    authorities: view?.authorities ?? '',
    language: view?.language ?? language,
  });
  const [stopping, setStopping] = useState(false);
  const waiting = useLoad<Listing<MailRow>>(stopping ? '/mail/outbox?state=waiting&limit=1' : null);
  const set = (change: Partial<typeof typed>) => setTyped({ ...typed, ...change });
  const field = (name: 'host' | 'user' | 'from' | 'replyTo' | 'helo' | 'console', label: string, required = false) => (
    <TextField
      label={label}
      required={required}
      maxLength={1000}
      value={typed[name]}
      onValue={(value) => set({ [name]: value })}
    />
  );
  return (
    <>
      <Form
        submit={text.save}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          const { port, password, administrators, ...rest } = typed;
          const body = {
            ...rest,
            ...(port.trim() === '' ? {} : { port: Number(port) }),
            ...(password === '' ? {} : { password }),
            administrators: administrators.split(/[\s,;]+/).filter((each) => each !== ''),
          };
          const saved = await sending.run(() => api.send<MailView>('PUT', '/mail', body));
          if (!saved.ok) return;
          set({ password: '', port: String(saved.value.port) });
          say(settings.done);
          again();
        }}
        more={
          view && (
            <button type="button" class="button" onClick={() => setStopping(true)}>
              {text.turnOff}
            </button>
          )
        }
      >
        {field('host', settings.address, true)}
        <SelectField
          label={text.security}
          {...(typed.security === 'none' ? { hint: text.insecure } : {})}
          value={typed.security}
          choices={Object.entries(text.securities)}
          // Another encryption has another usual port.
          onValue={(security) => set({ security: security as MailView['security'], port: '' })}
        />
        <TextField
          label={text.port}
          hint={text.portHint}
          kind="short"
          inputMode="numeric"
          value={typed.port}
          onValue={(port) => set({ port })}
        />
        {field('user', text.user)}
        <PasswordField
          label={text.password}
          {...(view?.password ? { hint: text.passwordKept } : {})}
          autocomplete="off"
          optional
          value={typed.password}
          onValue={(password) => set({ password })}
        />
        {field('from', text.from, true)}
        {field('replyTo', text.replyTo)}
        <AreaField
          label={text.administrators}
          maxLength={20_000}
          value={typed.administrators}
          onValue={(administrators) => set({ administrators })}
        />
        {field('console', text.console)}
        <SelectField
          label={text.language}
          value={typed.language}
          choices={languages}
          onValue={(chosen) => set({ language: chosen as MailView['language'] })}
        />
        {field('helo', text.helo)}
        <AreaField
          label={text.authorities}
          maxLength={200_000}
          value={typed.authorities}
          onValue={(authorities) => set({ authorities })}
        />
      </Form>
      {stopping && waiting.value && (
        <ConfirmDialog
          title={text.turnOffTitle}
          consequences={[fill(text.turnOffWhat, { count: waiting.value.total }), text.turnOffNew]}
          confirm={text.turnOff}
          danger
          run={() => api.send('DELETE', '/mail')}
          onDone={() => {
            setStopping(false);
            again();
          }}
          onClose={() => setStopping(false)}
        />
      )}
    </>
  );
}

function Test() {
  const { words, api, account } = useApp();
  const { mail: text } = words.web.settings;
  const sending = useSending();
  const [address, setAddress] = useState(account.email);
  const [sent, setSent] = useState<string | null>(null);
  return (
    <Section title={text.test}>
      <Form
        submit={text.send}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          setSent(null);
          const done = await sending.run(() =>
            api.send<{ readonly address: string }>('POST', '/mail/test', { address }),
          );
          if (done.ok) setSent(done.value.address);
        }}
      >
        <TextField label={text.testTo} type="email" required maxLength={254} value={address} onValue={setAddress} />
      </Form>
      <div role="status">{sent && <Note tone="good">{fill(text.sent, { address: sent })}</Note>}</div>
    </Section>
  );
}

function Outbox() {
  const { words } = useApp();
  const { mail: text } = words.web.settings;
  return (
    <Section title={text.outbox}>
      <Table<MailRow>
        path="/mail/outbox"
        caption={text.outbox}
        start={{ sort: 'madeAt', order: 'desc' }}
        keyOf={({ id }) => id}
        empty={text.outboxNone}
        filters={[{ id: 'state', title: text.state, choices: Object.entries(text.states) }]}
        columns={[
          { id: 'address', title: text.testTo, sortable: true, kind: 'main', cell: ({ address }) => address },
          { id: 'kind', title: text.kind, sortable: true, cell: ({ kind }) => text.kinds[kind] },
          { id: 'state', title: text.state, sortable: true, cell: ({ state }) => text.states[state] },
          { id: 'tries', title: text.tries, sortable: true, kind: 'number', minor: true, cell: ({ tries }) => tries },
          { id: 'madeAt', title: text.made, sortable: true, cell: ({ madeAt }) => <Time at={madeAt} /> },
          {
            id: 'doneAt',
            title: text.doneAt,
            sortable: true,
            minor: true,
            cell: ({ doneAt }) => <TimeOr at={doneAt} none="–" />,
          },
          { id: 'reason', title: text.reason, kind: 'text', minor: true, cell: ({ reason }) => reason },
        ]}
      />
    </Section>
  );
}
