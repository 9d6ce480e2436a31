/** Who may sign in to this console, and what each may do (T20). */
import { useState } from 'preact/hooks';
import type { AccountMade, AccountView, RolesView } from '../../api/account.ts';
import { useApp, useLoad } from '../app.ts';
import { FaultNote, Page, Status } from '../parts/show.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { AccountDialog, PasswordDialog, SecretDialog, StepDialog } from './accounts/dialogs.tsx';
import { maySet, RolesSection, roleNames } from './accounts/roles.tsx';

const steps = ['secondFactor', 'disable', 'enable', 'remove'] as const;
export type Step = (typeof steps)[number];
type Open =
  | { readonly do: 'add' }
  | { readonly do: 'edit' | 'password' | Step; readonly account: AccountView }
  | { readonly do: 'tell'; readonly made: AccountMade };

export function AccountsPage() {
  const { words, rights, say } = useApp();
  const { accounts } = words.web;
  const roles = useLoad<RolesView>('/roles');
  const [open, setOpen] = useState<Open | null>(null);
  const [round, setRound] = useState(0);
  const mayEdit = rights.includes('edit-accounts');
  const close = () => setOpen(null);
  const changed = (text: string) => {
    close();
    setRound(round + 1);
    say(text);
  };
  const tell = (made: AccountMade) => {
    setRound(round + 1);
    if (made.password === null) changed(accounts.saved);
    else setOpen({ do: 'tell', made });
  };
  const columns: readonly Column<AccountView>[] = [
    { id: 'name', title: accounts.name, sortable: true, kind: 'main', cell: ({ name }) => name },
    {
      id: 'fullName',
      title: accounts.fullName,
      sortable: true,
      cell: ({ fullName, email }) => (
        <>
          {fullName}
          {fullName && email && <br />}
          <span class="quiet">{email}</span>
        </>
      ),
    },
    { id: 'roles', title: accounts.roles, sortable: true, cell: (row) => roleNames(words, row.roles) },
    {
      id: 'disabled',
      title: accounts.state,
      sortable: true,
      cell: ({ disabled }) => (
        <Status tone={disabled ? 'bad' : 'good'} text={disabled ? accounts.disabled : accounts.enabled} />
      ),
    },
    {
      id: 'secondFactor',
      title: accounts.secondFactor,
      sortable: true,
      cell: ({ secondFactor }) => (
        <Status tone={secondFactor ? 'good' : 'quiet'} text={secondFactor ? accounts.on : accounts.off} />
      ),
    },
    ...(mayEdit
      ? [
          {
            id: 'do',
            title: accounts.actions,
            cell: (row: AccountView) => (
              <RowButtons account={row} roles={roles.value} onOpen={(what) => setOpen({ do: what, account: row })} />
            ),
          },
        ]
      : []),
  ];
  return (
    <Page
      title={accounts.title}
      lead={mayEdit ? accounts.lead : accounts.readOnly}
      wide
      actions={
        <>
          <a class="button" href="/accounts/tokens">
            {accounts.tokens.title}
          </a>
          {mayEdit && (
            <button type="button" class="button button-main" onClick={() => setOpen({ do: 'add' })}>
              {accounts.add}
            </button>
          )}
        </>
      }
    >
      <FaultNote fault={roles.fault} again={roles.again} />
      <Table
        key={round}
        path="/accounts"
        caption={accounts.title}
        columns={columns}
        start={{ sort: 'name', order: 'asc' }}
        keyOf={({ id }) => id}
        empty={words.web.parts.table.empty}
      />
      <RolesSection roles={roles.value} />
      {open?.do === 'add' && <AccountDialog account={null} roles={roles.value ?? []} onMade={tell} onClose={close} />}
      {open?.do === 'edit' && (
        <AccountDialog account={open.account} roles={roles.value ?? []} onMade={tell} onClose={close} />
      )}
      {open?.do === 'password' && <PasswordDialog account={open.account} onMade={tell} onClose={close} />}
      {open?.do === 'tell' && (
        <SecretDialog
          title={accounts.password}
          name={open.made.name}
          secret={open.made.password ?? ''}
          onClose={() => changed(accounts.saved)}
        />
      )}
      {isStep(open) && (
        <StepDialog account={open.account} step={open.do} onDone={() => changed(accounts.saved)} onClose={close} />
      )}
    </Page>
  );
}

const isStep = (open: Open | null): open is { readonly do: Step; readonly account: AccountView } =>
  steps.some((step) => step === open?.do);

/** What the server would refuse is there and says why. */
function RowButtons({
  account,
  roles,
  onOpen,
}: {
  readonly account: AccountView;
  readonly roles: RolesView | null;
  readonly onOpen: (what: 'edit' | 'password' | Step) => void;
}) {
  const { words, account: own, rights } = useApp();
  const { accounts } = words.web;
  const beyond = !account.roles.every((role) => maySet(roles, rights, role));
  const self = account.id === own.id;
  const why = beyond ? accounts.beyond : self ? accounts.self : null;
  const buttons = [
    'edit',
    'password',
    ...(account.secondFactor ? (['secondFactor'] as const) : []),
    account.disabled ? 'enable' : 'disable',
    'remove',
  ] as const;
  return (
    <>
      <span class="row-buttons">
        {buttons.map((what) => (
          <button
            key={what}
            type="button"
            class="link"
            disabled={beyond || (self && what !== 'edit')}
            onClick={() => onOpen(what)}
          >
            {accounts.buttons[what]}
            <span class="unseen"> {account.name}</span>
          </button>
        ))}
      </span>
      {why && <span class="row-why">{why}</span>}
    </>
  );
}
