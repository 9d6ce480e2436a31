/** Where certificates of agents come from (A5): the own authority, or a setting of SCEP or EST. */
import { useEffect, useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { EnrolmentChanged } from '../../../api/mutual.ts';
import type { Answer } from '../../api.ts';
import { useApp, useSending } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Form, PasswordField, SelectField, TextField } from '../../parts/form.tsx';
import { Rows } from '../../parts/rows.tsx';
import { FaultNote, Section, Status, Unseen } from '../../parts/show.tsx';
import type { Part } from './mutual.tsx';

const local = 'local';

export function Enrolment({ view, again, may }: Part) {
  const { words, api, say } = useApp();
  const { settings } = words.web;
  const text = settings.mutual;
  const [choosing, setChoosing] = useState<string | null>(null);
  const [removing, setRemoving] = useState<string | null>(null);
  const used = view.enrolment.at === 'local' ? local : view.enrolment.name;
  const sayName = (name: string): string => (name === local ? text.local : name);
  const done = (): void => {
    setChoosing(null);
    setRemoving(null);
    say(settings.done);
    again();
  };
  const all = [
    { name: local, protocol: '', url: '', subject: '', offered: true, unknown: [] as readonly string[] },
    ...view.scep.map(({ protocol = 'scep', ...each }) => ({ ...each, protocol: protocol.toUpperCase() })),
  ];
  return (
    <Section title={text.enrolment} lead={text.enrolmentLead}>
      <Rows
        caption={text.enrolment}
        heads={[
          settings.name,
          text.protocol,
          settings.address,
          text.subject,
          <Unseen key="c" text={text.choose} />,
          ...(may ? [<Unseen key="r" text={settings.remove} />] : []),
        ]}
        rows={all.map(({ name, protocol, url, subject, offered, unknown }) => ({
          key: name,
          cells: [
            sayName(name),
            protocol,
            url,
            <code key="s">{subject}</code>,
            name === used ? (
              <Status key="u" tone="good" text={text.inUse} />
            ) : !offered ? (
              <Status key="n" tone="warn" text={fill(text.notOffered, { unknown: unknown.join(' ') })} />
            ) : may ? (
              <button key="c" type="button" class="button" onClick={() => setChoosing(name)}>
                {text.choose}
                <span class="unseen"> {sayName(name)}</span>
              </button>
            ) : (
              ''
            ),
            ...(may
              ? [
                  name === local || name === used ? (
                    ''
                  ) : (
                    <button key="r" type="button" class="button" onClick={() => setRemoving(name)}>
                      {settings.remove}
                      <span class="unseen"> {name}</span>
                    </button>
                  ),
                ]
              : []),
          ],
        }))}
      />
      {may && <AddSetting onAdded={done} />}
      {choosing !== null && (
        <Choose name={choosing} said={sayName(choosing)} onDone={done} onClose={() => setChoosing(null)} />
      )}
      {removing !== null && (
        <ConfirmDialog
          title={fill(text.removeTitle, { name: removing })}
          consequences={[text.settingWhat]}
          confirm={settings.remove}
          danger
          run={() => api.send('DELETE', `/mutual/enrolments/${encodeURIComponent(removing)}`)}
          onDone={done}
          onClose={() => setRemoving(null)}
        />
      )}
    </Section>
  );
}

/** The server says first how many would have to register again. */
function Choose({
  name,
  said,
  onDone,
  onClose,
}: {
  readonly name: string;
  readonly said: string;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const { words, api } = useApp();
  const { mutual: text } = words.web.settings;
  const [looked, setLooked] = useState<Answer<EnrolmentChanged> | null>(null);
  useEffect(() => {
    api.send<EnrolmentChanged>('PUT', '/mutual/enrolment', { name, look: true }).then(setLooked);
  }, [api, name]);
  if (!looked?.ok) return <FaultNote fault={looked?.fault ?? null} />;
  return (
    <ConfirmDialog
      title={fill(text.chooseTitle, { name: said })}
      consequences={[fill(text.chooseWhat, { count: looked.value.mustRegisterAgain }), text.chooseKeeps]}
      confirm={text.choose}
      danger
      run={() => api.send('PUT', '/mutual/enrolment', { name })}
      onDone={onDone}
      onClose={onClose}
    />
  );
}

const nothing = {
  name: '',
  protocol: 'scep',
  url: '',
  fingerprint: '',
  subject: 'CN=$RANDOM_16$',
  user: '',
  password: '',
};

function AddSetting({ onAdded }: { readonly onAdded: () => void }) {
  const { words, api } = useApp();
  const { settings } = words.web;
  const text = settings.mutual;
  const sending = useSending();
  const [typed, setTyped] = useState(nothing);
  const set = (change: Partial<typeof nothing>) => setTyped({ ...typed, ...change });
  return (
    <details>
      <summary>{text.addSetting}</summary>
      <Form
        submit={settings.add}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          const { user, password, fingerprint, ...given } = typed;
          const body = {
            ...given,
            fingerprint: fingerprint.replace(/[:\s]/g, '').toLowerCase(),
            ...(user === '' ? {} : { user }),
            ...(password === '' ? {} : { password }),
          };
          const added = await sending.run(() => api.send('POST', '/mutual/enrolments', body));
          if (!added.ok) return;
          setTyped(nothing);
          onAdded();
        }}
      >
        <TextField
          label={settings.name}
          required
          maxLength={120}
          value={typed.name}
          onValue={(name) => set({ name })}
        />
        <SelectField
          label={text.protocol}
          value={typed.protocol}
          choices={[
            ['scep', 'SCEP'],
            ['est', 'EST'],
          ]}
          onValue={(protocol) => set({ protocol })}
        />
        <TextField
          label={settings.address}
          required
          maxLength={300}
          value={typed.url}
          onValue={(url) => set({ url })}
        />
        <TextField
          label={text.fingerprint}
          required
          maxLength={120}
          value={typed.fingerprint}
          onValue={(fingerprint) => set({ fingerprint })}
        />
        <TextField
          label={text.subject}
          hint={text.subjectHint}
          required
          maxLength={1000}
          value={typed.subject}
          onValue={(subject) => set({ subject })}
        />
        {typed.protocol === 'est' && (
          <TextField label={text.user} maxLength={64} value={typed.user} onValue={(user) => set({ user })} />
        )}
        <PasswordField
          label={text.secret}
          autocomplete="off"
          optional
          value={typed.password}
          onValue={(password) => set({ password })}
        />
      </Form>
    </details>
  );
}
