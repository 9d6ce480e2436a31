import { useEffect, useState } from 'preact/hooks';
import type { Session } from '../app.ts';
import { useApp, useSending } from '../app.ts';
import { Form, PasswordField, TextField } from '../parts/form.tsx';
import { Note } from '../parts/show.tsx';
import { Gate } from './gate.tsx';

export type SignInReason = 'ended' | 'signed-out' | null;

/** Name and password, then the code where the account has a second factor. The page that was asked for follows. */
export function SignInPage({ reason }: { readonly reason: SignInReason }) {
  const { words, api, setSession } = useApp();
  const { signIn } = words.web.shell;
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState<string | null>(null);
  const [empty, setEmpty] = useState(false);
  const sending = useSending();
  useEffect(() => {
    api.get<{ readonly needed: boolean }>('/setup').then((answer) => setEmpty(answer.ok && answer.value.needed));
  }, [api]);
  const send = async () => {
    const answer = await sending.run(() =>
      api.send<Session>('POST', '/session', { name: name.trim(), password, ...(code ? { code } : {}) }),
    );
    if (answer.ok) return setSession(answer.value);
    if (answer.fault.code === 'second-factor-needed') {
      sending.clear();
      setCode('');
    }
  };
  if (code !== null)
    return (
      <Gate title={signIn.codeTitle}>
        <p>{signIn.codeLead}</p>
        <Form
          submit={signIn.codeSubmit}
          busy={sending.busy}
          fault={sending.fault}
          onSend={send}
          more={
            <button
              type="button"
              class="link"
              onClick={() => {
                sending.clear();
                setCode(null);
                setPassword('');
              }}
            >
              {signIn.other}
            </button>
          }
        >
          <TextField
            label={signIn.code}
            hint={signIn.codeHint}
            kind="code"
            autocomplete="one-time-code"
            maxLength={40}
            required
            autoFocus
            value={code}
            onValue={setCode}
          />
        </Form>
      </Gate>
    );
  return (
    <Gate title={signIn.title}>
      {reason && <Note tone="quiet">{reason === 'ended' ? signIn.ended : signIn.signedOut}</Note>}
      {empty && <Note tone="warn">{signIn.firstStart}</Note>}
      <Form submit={signIn.submit} busy={sending.busy} fault={sending.fault} onSend={send}>
        <TextField
          label={signIn.name}
          autocomplete="username"
          maxLength={120}
          required
          autoFocus
          value={name}
          onValue={setName}
        />
        <PasswordField label={signIn.password} autocomplete="current-password" value={password} onValue={setPassword} />
      </Form>
    </Gate>
  );
}
