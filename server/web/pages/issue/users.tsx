/** Users chosen in a list of the server, added and edited without leaving the wizard. */
import type { UserView } from '../../../api/users.ts';
import { useApp } from '../../app.ts';
import { Note } from '../../parts/show.tsx';
import { Table } from '../../parts/table.tsx';
import type { StepProps } from '../issue.tsx';
import { UserDialog } from '../users/dialog.tsx';
import { userColumnsOf } from '../users.tsx';
import { isOrdered, withoutDevice } from './choice.ts';

export type UsersOpen = { readonly user: UserView | null };

export function UsersStep({ choice, onChoice, onOpen }: StepProps & { readonly onOpen: (open: UsersOpen) => void }) {
  const { words, rights } = useApp();
  const { issue, users } = words.web;
  const mayEdit = rights.includes('edit-users');
  const [only, ...more] = choice.users.values();
  const away = isOrdered(choice) ? withoutDevice(choice) : [];
  const edit = (
    <button
      type="button"
      class="button"
      disabled={!mayEdit || !only || more.length > 0}
      onClick={() => only && onOpen({ user: only })}
    >
      {issue.editUser}
    </button>
  );
  return (
    <>
      <p class="quiet">
        {issue.usersLeads[isOrdered(choice) ? 'ordered' : choice.type === 'mobile' ? 'invited' : 'recorded']}
      </p>
      <div class="form-buttons">
        <button type="button" class="button" disabled={!mayEdit} onClick={() => onOpen({ user: null })}>
          {users.add}
        </button>
        {edit}
        {!mayEdit && <span class="hint">{issue.mayNotEdit}</span>}
      </div>
      {away.length > 0 && (
        <Note tone="warn" title={issue.haveNoDevice}>
          {away.map(({ name }) => name).join(', ')}
        </Note>
      )}
      <Table
        path="/users"
        caption={issue.steps.users}
        columns={userColumnsOf(words)}
        start={{ sort: 'name', order: 'asc' }}
        keyOf={({ id }) => id}
        empty={users.empty}
        selection={{
          nameOf: ({ name }) => name,
          kept: { chosen: choice.users, onChosen: (chosen) => onChoice({ users: chosen }) },
        }}
      />
    </>
  );
}

export const UsersDialog = ({
  open,
  ...props
}: {
  readonly open: UsersOpen;
  readonly onDone: (user: UserView) => void;
  readonly onClose: () => void;
}) => <UserDialog user={open.user} {...props} />;
