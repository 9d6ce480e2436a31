import { useState } from 'preact/hooks';
import type { Session } from '../app.ts';
import { useApp, useSending } from '../app.ts';
import { Form, PasswordField, TextField } from '../parts/form.tsx';
import { Note } from '../parts/show.tsx';
import { Gate } from './gate.tsx';

/** What the one-time link leads to: `/setup#<token>`. */
export function SetupPage() {
  const { words, language, api, setSession, navigate } = useApp();
  const { setup } = words.web.shell;
  const [token] = useState(() => location.hash.slice(1));
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [repeat, setRepeat] = useState('');
  const sending = useSending();
  const different = repeat !== '' && repeat !== password;
  const send = async () => {
    if (repeat !== password) return;
    const answer = await sending.run(() =>
      api.send<Session>('POST', '/setup', { token, name: name.trim(), password, language }),
    );
    if (!answer.ok) return;
    navigate('/', 'replace');
    setSession(answer.value);
  };
  return (
    <Gate title={setup.title}>
      {token === '' ? (
        <Note tone="warn">{setup.noToken}</Note>
      ) : (
        <>
          <p>{setup.lead}</p>
          <Form submit={setup.submit} busy={sending.busy} fault={sending.fault} onSend={send}>
            <TextField
              label={setup.name}
              hint={setup.nameHint}
              autocomplete="username"
              maxLength={120}
              required
              autoFocus
              value={name}
              onValue={setName}
            />
            <PasswordField
              label={setup.password}
              hint={setup.passwordHint}
              autocomplete="new-password"
              value={password}
              onValue={setPassword}
            />
            <PasswordField
              label={setup.repeat}
              wrong={different ? setup.different : null}
              autocomplete="new-password"
              value={repeat}
              onValue={setRepeat}
            />
          </Form>
          <Note tone="quiet" title={setup.mutualTitle}>
            {setup.mutual}
          </Note>
        </>
      )}
    </Gate>
  );
}
