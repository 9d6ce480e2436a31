/** What is done with an account; each step says before what it does. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { AccountMade, AccountView, RolesView, TokenView } from '../../../api/account.ts';
import type { Page } from '../../../api/list.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { ConfirmDialog, Dialog } from '../../parts/dialog.tsx';
import { CheckField, Form, PasswordField, SelectField, TextField } from '../../parts/form.tsx';
import { Facts, Note } from '../../parts/show.tsx';
import type { Step } from '../accounts.tsx';
import { RoleFields } from './roles.tsx';

type Closing = { readonly onClose: () => void };
type Making = Closing & { readonly onMade: (made: AccountMade) => void };

export function AccountDialog({
  account,
  roles,
  onMade,
  onClose,
}: Making & {
  /** Null: a new one. */
  readonly account: AccountView | null;
  readonly roles: RolesView;
}) {
  const { words, api, account: self } = useApp();
  const { accounts } = words.web;
  const sending = useSending();
  const [name, setName] = useState('');
  const [fullName, setFullName] = useState(account?.fullName ?? '');
  const [email, setEmail] = useState(account?.email ?? '');
  const [language, setLanguage] = useState<string>(account?.language ?? self.language);
  const [given, setGiven] = useState<readonly AccountView['roles'][number][]>(account?.roles ?? []);
  const [own, setOwn] = useState(false);
  const [password, setPassword] = useState('');
  const [wrong, setWrong] = useState(false);
  const isSelf = account?.id === self.id;
  const send = async () => {
    setWrong(given.length === 0);
    if (given.length === 0) return;
    const body = { fullName: fullName.trim(), email: email.trim(), language, ...(isSelf ? {} : { roles: given }) };
    if (!account) {
      const added = { ...body, name: name.trim(), ...(own ? { password } : {}) };
      const made = await sending.run(() => api.send<AccountMade>('POST', '/accounts', added));
      if (made.ok) onMade(made.value);
      return;
    }
    const changed = await sending.run(() => api.send('PUT', `/accounts/${account.id}`, body));
    if (changed.ok) onMade({ id: account.id, name: account.name, password: null });
  };
  return (
    <Dialog title={account ? fill(accounts.editTitle, { name: account.name }) : accounts.add} onClose={onClose}>
      <Form
        submit={account ? accounts.save : accounts.add}
        busy={sending.busy}
        fault={sending.fault}
        onSend={send}
        more={
          <button type="button" class="button" onClick={onClose}>
            {words.web.shell.cancel}
          </button>
        }
      >
        {!account && (
          <TextField
            label={accounts.name}
            hint={words.web.shell.setup.nameHint}
            required
            autoFocus
            autocomplete="off"
            maxLength={120}
            value={name}
            onValue={setName}
          />
        )}
        <TextField label={accounts.fullName} maxLength={120} value={fullName} onValue={setFullName} />
        <TextField label={accounts.email} maxLength={120} value={email} onValue={setEmail} />
        <SelectField
          label={words.web.shell.account.language}
          value={language}
          choices={[
            ['en', 'English'],
            ['ru', 'Русский'],
          ]}
          onValue={setLanguage}
        />
        <RoleFields roles={roles} given={given} closed={isSelf ? accounts.ownRoles : null} onGiven={setGiven} />
        {wrong && given.length === 0 && <Note tone="bad">{accounts.noRole}</Note>}
        {!account && <OwnPassword own={own} onOwn={setOwn} value={password} onValue={setPassword} />}
      </Form>
    </Dialog>
  );
}

function OwnPassword({
  own,
  onOwn,
  value,
  onValue,
}: {
  readonly own: boolean;
  readonly onOwn: (own: boolean) => void;
  readonly value: string;
  readonly onValue: (value: string) => void;
}) {
  const { words } = useApp();
  const { accounts } = words.web;
  return (
    <>
      <CheckField label={accounts.ownPassword} hint={accounts.ownPasswordHint} checked={own} onChecked={onOwn} />
      {own && (
        <PasswordField
          label={accounts.password}
          hint={words.web.shell.setup.passwordHint}
          autocomplete="new-password"
          value={value}
          onValue={onValue}
        />
      )}
    </>
  );
}

export function PasswordDialog({ account: { id, name }, onMade, onClose }: Making & { readonly account: AccountView }) {
  const { words, api } = useApp();
  const { accounts } = words.web;
  const [own, setOwn] = useState(false);
  const [password, setPassword] = useState('');
  return (
    <ConfirmDialog<AccountMade>
      title={fill(accounts.passwordTitle, { name })}
      consequences={accounts.passwordWhat}
      confirm={accounts.buttons.password}
      run={() => api.send('PUT', `/accounts/${id}/password`, own ? { password } : {})}
      onDone={onMade}
      onClose={onClose}
    >
      <OwnPassword own={own} onOwn={setOwn} value={password} onValue={setPassword} />
    </ConfirmDialog>
  );
}

export function StepDialog({
  account: { id, name },
  step,
  onDone,
  onClose,
}: Closing & { readonly account: AccountView; readonly step: Step; readonly onDone: () => void }) {
  const { words, api, language } = useApp();
  const { accounts } = words.web;
  const ends = step === 'remove' || step === 'disable';
  const tokens = useLoad<Page<TokenView>>(ends ? `/tokens?limit=1&madeBy=${encodeURIComponent(name)}` : null);
  const count = tokens.value && new Intl.NumberFormat(language).format(tokens.value.total);
  const run = () => {
    if (step === 'remove') return api.send('DELETE', `/accounts/${id}`);
    if (step === 'secondFactor') return api.send('DELETE', `/accounts/${id}/second-factor`);
    return api.send('PUT', `/accounts/${id}`, { disabled: step === 'disable' });
  };
  return (
    <ConfirmDialog
      title={fill(accounts.steps[step].title, { name })}
      consequences={[
        ...accounts.steps[step].what,
        ...(ends && count ? [fill(step === 'remove' ? accounts.tokensEnd : accounts.tokensRest, { count })] : []),
      ]}
      confirm={accounts.buttons[step]}
      danger={step !== 'enable'}
      run={run}
      onDone={onDone}
      onClose={onClose}
    />
  );
}

/** Shown once: closing forgets it. */
export function SecretDialog({
  title,
  name,
  secret,
  onClose,
}: Closing & { readonly title: string; readonly name: string; readonly secret: string }) {
  const { words } = useApp();
  const { accounts } = words.web;
  return (
    <Dialog title={title} onClose={onClose}>
      <Note tone="warn">{accounts.once}</Note>
      <Facts
        rows={[
          [accounts.name, name],
          [title, <code key="s">{secret}</code>],
        ]}
      />
      <div class="form-buttons">
        <button type="button" class="button button-main" onClick={onClose}>
          {words.web.shell.close}
        </button>
      </div>
    </Dialog>
  );
}
