/** The own account: language, password, second factor. */
import { useState } from 'preact/hooks';
import { inFours } from '../../../protocol/fours.ts';
import type { SecondFactorOffer, SecondFactorSet } from '../../api/account.ts';
import { type Session, useApp, useSending } from '../app.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Form, PasswordField, TextField } from '../parts/form.tsx';
import { LanguageSwitch } from '../parts/language.tsx';
import { Qr } from '../parts/qr.tsx';
import { Facts, Page, Section, Status } from '../parts/show.tsx';

export function AccountPage() {
  const { words, account, api } = useApp();
  const { web } = words;
  return (
    <Page title={web.account.title}>
      <Section title={account.fullName || account.name}>
        <Facts
          rows={[
            [web.account.name, account.name],
            [web.account.roles, <Roles key="r" />],
          ]}
        />
      </Section>
      <Section title={web.shell.account.language} lead={web.account.languageLead}>
        <LanguageSwitch onChosen={(language) => api.send('PUT', '/session/language', { language })} />
      </Section>
      <PasswordSection />
      <FactorSection />
    </Page>
  );
}

export function Roles() {
  const { words, account } = useApp();
  const names: Readonly<Record<string, string>> = words.web.shell.account.roles;
  return account.roles.map((role) => names[role] ?? role).join(', ');
}

function PasswordSection() {
  const { words, api, say, setSession } = useApp();
  const { account } = words.web;
  const { setup } = words.web.shell;
  const [current, setCurrent] = useState('');
  const [password, setPassword] = useState('');
  const [repeat, setRepeat] = useState('');
  const sending = useSending();
  const send = async () => {
    if (repeat !== password) return;
    const answer = await sending.run(() => api.send<Session>('PUT', '/session/password', { current, password }));
    if (!answer.ok) return;
    setSession(answer.value);
    for (const set of [setCurrent, setPassword, setRepeat]) set('');
    say(account.changed);
  };
  return (
    <Section title={account.password}>
      <Form submit={account.change} busy={sending.busy} fault={sending.fault} onSend={send}>
        <PasswordField label={account.current} autocomplete="current-password" value={current} onValue={setCurrent} />
        <PasswordField
          label={account.next}
          hint={setup.passwordHint}
          autocomplete="new-password"
          value={password}
          onValue={setPassword}
        />
        <PasswordField
          label={account.repeat}
          wrong={repeat !== '' && repeat !== password ? setup.different : null}
          autocomplete="new-password"
          value={repeat}
          onValue={setRepeat}
        />
      </Form>
    </Section>
  );
}

function FactorSection() {
  const { words, account } = useApp();
  const own = words.web.account;
  const [open, setOpen] = useState(false);
  const on = account.secondFactor;
  return (
    <Section title={own.factor} lead={own.factorLead}>
      <p>
        <Status tone={on ? 'good' : 'quiet'} icon={on ? 'shield' : 'off'} text={on ? own.factorOn : own.factorOff} />
      </p>
      <button type="button" class="button" onClick={() => setOpen(true)}>
        {on ? own.turnOff : own.turnOn}
      </button>
      {open && (on ? <TurnOff onClose={() => setOpen(false)} /> : <TurnOn onClose={() => setOpen(false)} />)}
    </Section>
  );
}

function TurnOn({ onClose }: { readonly onClose: () => void }) {
  const { words, api, say, setSession } = useApp();
  const own = words.web.account;
  const [password, setPassword] = useState('');
  const [done, setDone] = useState<SecondFactorSet | null>(null);
  const [secret, setSecret] = useState<SecondFactorOffer | null>(null);
  const [code, setCode] = useState('');
  const sending = useSending();
  const ask = async () => {
    const answer = await sending.run(() => api.send<SecondFactorOffer>('POST', '/session/second-factor', { password }));
    if (answer.ok) setSecret(answer.value);
  };
  const finish = async () => {
    const answer = await sending.run(() =>
      api.send<SecondFactorSet>('PUT', '/session/second-factor', { code: code.replace(/\s/g, '') }),
    );
    if (answer.ok) setDone(answer.value);
  };
  const leave = () => {
    onClose();
    if (done === null) return;
    setSession(done);
    say(own.factorOn);
  };
  return (
    <Dialog title={done ? own.recovery : own.turnOnTitle} onClose={leave}>
      {done !== null ? (
        <>
          <p>{own.recoveryLead}</p>
          <ul class="recovery">
            {done.recoveryCodes.map((each) => (
              <li key={each}>
                <code>{each}</code>
              </li>
            ))}
          </ul>
          <div class="form-buttons">
            <button type="button" class="button button-main" onClick={leave}>
              {own.kept}
            </button>
          </div>
        </>
      ) : secret === null ? (
        <Form submit={own.next1} busy={sending.busy} fault={sending.fault} onSend={ask}>
          <PasswordField
            label={own.yourPassword}
            autocomplete="current-password"
            autoFocus
            value={password}
            onValue={setPassword}
          />
        </Form>
      ) : (
        <Form submit={own.finish} busy={sending.busy} fault={sending.fault} onSend={finish}>
          <p>{own.scan}</p>
          <Qr text={secret.uri} title={own.qr} />
          <Facts rows={[[own.secret, <code key="s">{inFours(secret.secret)}</code>]]} />
          <TextField
            label={own.code}
            kind="code"
            inputMode="numeric"
            autocomplete="one-time-code"
            maxLength={8}
            required
            autoFocus
            value={code}
            onValue={setCode}
          />
        </Form>
      )}
    </Dialog>
  );
}

function TurnOff({ onClose }: { readonly onClose: () => void }) {
  const { words, api, say, setSession } = useApp();
  const own = words.web.account;
  const [password, setPassword] = useState('');
  const sending = useSending();
  const send = async () => {
    const answer = await sending.run(() => api.send<Session>('DELETE', '/session/second-factor', { password }));
    if (!answer.ok) return;
    onClose();
    setSession(answer.value);
    say(own.factorOff);
  };
  return (
    <Dialog title={own.turnOffTitle} onClose={onClose}>
      <p>{own.turnOffLead}</p>
      <Form submit={own.finishOff} danger busy={sending.busy} fault={sending.fault} onSend={send}>
        <PasswordField
          label={own.yourPassword}
          autocomplete="current-password"
          autoFocus
          value={password}
          onValue={setPassword}
        />
      </Form>
    </Dialog>
  );
}
