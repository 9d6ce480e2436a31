/** Tokens by which programs use the API. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { RolesView, TokenMade, TokenView } from '../../../api/account.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { ConfirmDialog, Dialog } from '../../parts/dialog.tsx';
import { Form, SelectField, TextField } from '../../parts/form.tsx';
import { FaultNote, Note, Page, Status } from '../../parts/show.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { sayTime, Time } from '../../parts/time.tsx';
import { SecretDialog } from './dialogs.tsx';
import { maySet, RoleFields, roleNames } from './roles.tsx';

type Open =
  | { readonly do: 'add' }
  | { readonly do: 'end'; readonly token: TokenView }
  | { readonly do: 'tell'; readonly made: TokenMade };

export function TokensPage() {
  const { words, rights, say } = useApp();
  const { accounts } = words.web;
  const { tokens } = accounts;
  const roles = useLoad<RolesView>('/roles');
  const [open, setOpen] = useState<Open | null>(null);
  const [round, setRound] = useState(0);
  const mayEdit = rights.includes('edit-accounts');
  const changed = (text: string) => {
    setOpen(null);
    setRound(round + 1);
    say(text);
  };
  const columns: readonly Column<TokenView>[] = [
    { id: 'name', title: tokens.name, sortable: true, kind: 'main', cell: ({ name }) => name },
    { id: 'roles', title: accounts.roles, sortable: true, cell: (row) => roleNames(words, row.roles) },
    {
      id: 'madeBy',
      title: tokens.madeBy,
      sortable: true,
      cell: ({ madeBy }) => madeBy ?? <span class="quiet">{tokens.commandLine}</span>,
    },
    { id: 'madeAt', title: tokens.madeAt, sortable: true, minor: true, cell: ({ madeAt }) => <Time at={madeAt} /> },
    {
      id: 'expiresAt',
      title: tokens.expiresAt,
      sortable: true,
      cell: ({ expiresAt }) => (
        <>
          <Time at={expiresAt} /> {expiresAt <= Date.now() && <Status tone="bad" text={tokens.over} />}
        </>
      ),
    },
    ...(mayEdit
      ? [
          {
            id: 'do',
            title: accounts.actions,
            cell: (token: TokenView) => {
              const beyond = !token.roles.every((role) => maySet(roles.value, rights, role));
              return (
                <>
                  <button type="button" class="link" disabled={beyond} onClick={() => setOpen({ do: 'end', token })}>
                    {tokens.end}
                    <span class="unseen"> {token.name}</span>
                  </button>
                  {beyond && <span class="row-why">{accounts.beyond}</span>}
                </>
              );
            },
          },
        ]
      : []),
  ];
  return (
    <Page
      title={tokens.title}
      lead={tokens.lead}
      up={{ href: '/accounts', title: accounts.title }}
      wide
      actions={
        mayEdit && (
          <button type="button" class="button button-main" onClick={() => setOpen({ do: 'add' })}>
            {tokens.add}
          </button>
        )
      }
    >
      <FaultNote fault={roles.fault} again={roles.again} />
      <Table
        key={round}
        path="/tokens"
        caption={tokens.title}
        columns={columns}
        start={{ sort: 'name', order: 'asc' }}
        keyOf={({ id }) => id}
        empty={tokens.empty}
      />
      {open?.do === 'add' && (
        <AddDialog
          roles={roles.value ?? []}
          onMade={(made) => setOpen({ do: 'tell', made })}
          onClose={() => setOpen(null)}
        />
      )}
      {open?.do === 'tell' && (
        <SecretDialog
          title={tokens.token}
          name={open.made.name}
          secret={open.made.token}
          onClose={() => changed(tokens.made)}
        />
      )}
      {open?.do === 'end' && <EndDialog token={open.token} onDone={changed} onClose={() => setOpen(null)} />}
    </Page>
  );
}

const lives = [7, 30, 90, 180, 365] as const;
const dayMs = 24 * 60 * 60 * 1000;

function AddDialog({
  roles,
  onMade,
  onClose,
}: {
  readonly roles: RolesView;
  readonly onMade: (made: TokenMade) => void;
  readonly onClose: () => void;
}) {
  const { words, api } = useApp();
  const { accounts } = words.web;
  const { tokens } = accounts;
  const sending = useSending();
  const [name, setName] = useState('');
  const [days, setDays] = useState('90');
  const [given, setGiven] = useState<readonly RolesView[number]['role'][]>([]);
  const [wrong, setWrong] = useState(false);
  return (
    <Dialog title={tokens.add} onClose={onClose}>
      <Form
        submit={tokens.add}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          setWrong(given.length === 0);
          if (given.length === 0) return;
          const body = { name: name.trim(), roles: given, days: Number(days) };
          const made = await sending.run(() => api.send<TokenMade>('POST', '/tokens', body));
          if (made.ok) onMade(made.value);
        }}
        more={
          <button type="button" class="button" onClick={onClose}>
            {words.web.shell.cancel}
          </button>
        }
      >
        <TextField
          label={tokens.name}
          hint={tokens.nameHint}
          required
          autoFocus
          autocomplete="off"
          maxLength={40}
          value={name}
          onValue={setName}
        />
        <RoleFields roles={roles} given={given} onGiven={setGiven} />
        {wrong && given.length === 0 && <Note tone="bad">{accounts.noRole}</Note>}
        <SelectField
          label={tokens.days}
          hint={fill(tokens.until, { at: sayTime(words, Date.now() + Number(days) * dayMs) })}
          value={days}
          choices={lives.map((each) => [String(each), fill(tokens.forDays, { days: each })])}
          onValue={setDays}
        />
      </Form>
    </Dialog>
  );
}

function EndDialog({
  token,
  onDone,
  onClose,
}: {
  readonly token: TokenView;
  readonly onDone: (said: string) => void;
  readonly onClose: () => void;
}) {
  const { words, api } = useApp();
  const { tokens } = words.web.accounts;
  return (
    <ConfirmDialog
      title={fill(tokens.endTitle, { name: token.name })}
      consequences={[tokens.endWhat]}
      confirm={tokens.end}
      danger
      run={() => api.send('DELETE', `/tokens/${token.id}`)}
      onDone={() => onDone(tokens.ended)}
      onClose={onClose}
    />
  );
}
