/** Internal users: by whose name and password devices are registered, and for whom certificates are issued (M9). */
import { useState } from 'preact/hooks';
import { fill } from '../../../words/say.ts';
import type { UserDetails, UserMade, UserView } from '../../api/users.ts';
import { useApp, useLoad, type Words } from '../app.ts';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { CheckField } from '../parts/form.tsx';
import { FaultNote, Loading, Page, Section } from '../parts/show.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { UserDialog } from './users/dialog.tsx';
import { MadeDialog, OwnPassword, passwordOf } from './users/password.tsx';

type Open =
  | { readonly do: 'add' }
  | { readonly do: 'edit' | 'password' | 'remove'; readonly user: UserView }
  | { readonly do: 'tell'; readonly made: UserMade };

export const userColumnsOf = (words: Words): readonly Column<UserView>[] => {
  const { users } = words.web;
  return [
    { id: 'name', title: users.name, sortable: true, kind: 'main', cell: ({ name }) => name },
    {
      id: 'fullName',
      title: users.fullName,
      sortable: true,
      cell: ({ fullName, description }) => <Two first={fullName} second={description} />,
    },
    {
      id: 'email',
      title: users.reached,
      sortable: true,
      cell: ({ email, phone }) => <Two first={email} second={phone} />,
    },
    {
      id: 'devices',
      title: users.devices,
      sortable: true,
      cell: ({ devices, maxDevices }) => fill(users.devicesOf, { devices, most: maxDevices }),
    },
  ];
};

const Two = ({ first, second }: { readonly first: string; readonly second: string }) => (
  <>
    {first}
    {first && second && <br />}
    {second && <span class="quiet">{second}</span>}
  </>
);

export function UsersPage() {
  const { words, rights, say } = useApp();
  const { users } = words.web;
  const [open, setOpen] = useState<Open | null>(null);
  const [round, setRound] = useState(0);
  const mayEdit = rights.includes('edit-users');
  const close = () => setOpen(null);
  const changed = (text: string) => {
    close();
    setRound(round + 1);
    say(text);
  };
  const columns: readonly Column<UserView>[] = [
    ...userColumnsOf(words),
    {
      id: 'group',
      title: users.group,
      sortable: true,
      minor: true,
      cell: ({ group }) => group ?? <span class="quiet">{users.unassigned}</span>,
    },
    ...(mayEdit
      ? [{ id: 'do', title: users.actions, cell: (user: UserView) => <RowButtons user={user} onOpen={setOpen} /> }]
      : []),
  ];
  return (
    <Page
      title={users.title}
      lead={users.lead}
      wide
      actions={
        mayEdit && (
          <button type="button" class="button button-main" onClick={() => setOpen({ do: 'add' })}>
            {users.add}
          </button>
        )
      }
    >
      <Table
        key={round}
        path="/users"
        caption={users.title}
        columns={columns}
        start={{ sort: 'name', order: 'asc' }}
        keyOf={({ id }) => id}
        empty={users.empty}
      />
      <Section title={users.directory} lead={users.directoryWhy}>
        <button type="button" class="button" disabled>
          {users.directoryConnect}
        </button>
      </Section>
      {open?.do === 'add' && <UserDialog user={null} onClose={close} onDone={() => changed(users.saved)} />}
      {open?.do === 'edit' && <UserDialog user={open.user} onClose={close} onDone={() => changed(users.saved)} />}
      {open?.do === 'password' && (
        <PasswordDialog user={open.user} onClose={close} onMade={(made) => setOpen({ do: 'tell', made })} />
      )}
      {open?.do === 'tell' && <MadeDialog made={open.made} onClose={close} />}
      {open?.do === 'remove' && <RemoveDialog user={open.user} onClose={close} onDone={() => changed(users.removed)} />}
    </Page>
  );
}

function RowButtons({ user, onOpen }: { readonly user: UserView; readonly onOpen: (open: Open) => void }) {
  const { words } = useApp();
  const { users } = words.web;
  return (
    <span class="row-buttons">
      {(['edit', 'password', 'remove'] as const).map((what) => (
        <button key={what} type="button" class="link" onClick={() => onOpen({ do: what, user })}>
          {users.buttons[what]}
          <span class="unseen"> {user.name}</span>
        </button>
      ))}
    </span>
  );
}

function PasswordDialog({
  user,
  onMade,
  onClose,
}: {
  readonly user: UserView;
  readonly onMade: (made: UserMade) => void;
  readonly onClose: () => void;
}) {
  const { words, api, say } = useApp();
  const { users } = words.web;
  const [own, setOwn] = useState(false);
  const [password, setPassword] = useState('');
  return (
    <ConfirmDialog<UserMade>
      title={fill(users.passwordTitle, { name: user.name })}
      consequences={[users.passwordEnds, users.passwordStays]}
      confirm={users.passwordSet}
      run={() => api.send('PUT', `/users/${user.id}/password`, passwordOf(own, password))}
      onDone={(made) => {
        if (made.password !== null) return onMade(made);
        say(users.passwordDone);
        onClose();
      }}
      onClose={onClose}
    >
      <CheckField label={users.ownPassword} checked={own} onChecked={setOwn} hint={users.ownPasswordHint} />
      {own && <OwnPassword value={password} onValue={setPassword} />}
    </ConfirmDialog>
  );
}

function RemoveDialog({
  user: { id, name },
  onDone,
  onClose,
}: {
  readonly user: UserView;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const { words, api, language } = useApp();
  const { users } = words.web;
  const { value, fault } = useLoad<UserDetails>(`/users/${id}`);
  const count = new Intl.NumberFormat(language);
  const facts = value
    ? [
        users.removeWhat,
        fill(users.removeDevices, { count: count.format(value.devices) }),
        fill(users.removeInvitations, { count: count.format(value.invitations) }),
        fill(users.removeCertificates, { count: count.format(value.certificates) }),
      ]
    : [users.removeWhat];
  return (
    <ConfirmDialog
      title={fill(users.removeTitle, { name })}
      consequences={facts}
      confirm={users.buttons.remove}
      danger
      run={() => api.send('DELETE', `/users/${id}`)}
      onDone={onDone}
      onClose={onClose}
    >
      <FaultNote fault={fault} />
      {!value && !fault && <Loading />}
    </ConfirmDialog>
  );
}
