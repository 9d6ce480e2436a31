/** A user added or edited, on the page of users and within the wizard. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { GroupView } from '../../../api/groups.ts';
import type { UserDetails, UserMade, UserView } from '../../../api/users.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { CheckField, Form, SelectField, TextField } from '../../parts/form.tsx';
import { FaultNote } from '../../parts/show.tsx';
import { MadeDialog, OwnPassword, passwordOf } from './password.tsx';

export function UserDialog({
  user,
  onDone,
  onClose,
}: {
  /** Null: a new one. */
  readonly user: UserView | null;
  readonly onDone: (user: UserView) => void;
  readonly onClose: () => void;
}) {
  const { words, api } = useApp();
  const { users } = words.web;
  const groups = useLoad<readonly GroupView[]>('/groups');
  const sending = useSending();
  const [name, setName] = useState('');
  const [own, setOwn] = useState(true);
  const [password, setPassword] = useState('');
  const [fields, setFields] = useState({
    fullName: user?.fullName ?? '',
    description: user?.description ?? '',
    email: user?.email ?? '',
    phone: user?.phone ?? '',
    maxDevices: String(user?.maxDevices ?? 1),
    group: user?.group ?? '',
  });
  const [told, setTold] = useState<{ readonly made: UserMade; readonly added: UserView } | null>(null);
  const set = (field: keyof typeof fields) => (value: string) => setFields({ ...fields, [field]: value });
  const known = { ...fields, maxDevices: Number(fields.maxDevices), group: fields.group === '' ? null : fields.group };
  const send = async () => {
    if (user) {
      const changed = await sending.run(() => api.send<UserDetails>('PUT', `/users/${user.id}`, known));
      if (changed.ok) onDone(changed.value);
      return;
    }
    const { group, ...rest } = known;
    const body = { name: name.trim(), ...rest, ...(group === null ? {} : { group }), ...passwordOf(own, password) };
    const made = await sending.run(() => api.send<UserMade>('POST', '/users', body));
    if (!made.ok) return;
    const added = await sending.run(() => api.get<UserDetails>(`/users/${encodeURIComponent(made.value.name)}`));
    if (!added.ok) return;
    if (made.value.password === null) onDone(added.value);
    else setTold({ made: made.value, added: added.value });
  };
  if (told) return <MadeDialog made={told.made} onClose={() => onDone(told.added)} />;
  const ordinary = (groups.value ?? []).filter(({ kind }) => kind === 'ordinary');
  return (
    <Dialog title={user ? fill(users.editTitle, { name: user.name }) : users.addTitle} onClose={onClose}>
      <FaultNote fault={groups.fault} again={groups.again} />
      <Form
        submit={user ? users.save : users.addOne}
        busy={sending.busy}
        fault={sending.fault}
        onSend={send}
        more={
          <button type="button" class="button" onClick={onClose}>
            {words.web.shell.cancel}
          </button>
        }
      >
        {!user && (
          <fieldset class="form">
            <legend>{users.credentials}</legend>
            <TextField
              label={users.name}
              hint={users.nameHint}
              required
              autoFocus
              autocomplete="off"
              maxLength={120}
              value={name}
              onValue={setName}
            />
            <CheckField label={users.ownPassword} hint={users.ownPasswordHint} checked={own} onChecked={setOwn} />
            {own && <OwnPassword value={password} onValue={setPassword} />}
          </fieldset>
        )}
        <fieldset class="form">
          <legend>{users.optional}</legend>
          <TextField label={users.fullName} maxLength={120} value={fields.fullName} onValue={set('fullName')} />
          <TextField
            label={users.description}
            maxLength={120}
            value={fields.description}
            onValue={set('description')}
          />
          <TextField
            label={users.email}
            hint={users.emailHint}
            maxLength={254}
            value={fields.email}
            onValue={set('email')}
          />
          <TextField label={users.phone} maxLength={120} value={fields.phone} onValue={set('phone')} />
        </fieldset>
        <fieldset class="form">
          <legend>{users.registering}</legend>
          <SelectField
            label={users.group}
            value={fields.group}
            choices={[['', users.unassigned], ...ordinary.map(({ name: each, path }) => [each, path] as const)]}
            onValue={set('group')}
          />
          <TextField
            label={users.maxDevices}
            type="number"
            kind="short"
            required
            value={fields.maxDevices}
            onValue={set('maxDevices')}
          />
        </fieldset>
      </Form>
    </Dialog>
  );
}
