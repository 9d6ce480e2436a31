/** Users or devices chosen in a list of the server; users are added and edited without leaving the wizard. */
import type { DeviceRow } from '../../../api/devices.ts';
import type { UserView } from '../../../api/users.ts';
import { useApp } from '../../app.ts';
import { RadioField } from '../../parts/form.tsx';
import { Note } from '../../parts/show.tsx';
import { Table } from '../../parts/table.tsx';
import { deviceColumnsOf, useDeviceFilters } from '../devices.tsx';
import type { StepProps } from '../issue.tsx';
import { UserDialog } from '../users/dialog.tsx';
import { userColumnsOf } from '../users.tsx';
import { isOfDevices, isOrdered, sayNames, withoutDevice } from './choice.ts';

export type UsersOpen = { readonly user: UserView | null };

/** Certificates that devices fetch may be for devices as they are; all others are for users. */
export function RecipientsStep(props: StepProps & { readonly onOpen: (open: UsersOpen) => void }) {
  const { words, place, navigate } = useApp();
  const { issue } = words.web;
  const { choice, onChoice } = props;
  return (
    <>
      {isOrdered(choice) && (
        <RadioField
          legend={issue.to}
          choices={[
            ['users', issue.toUsers, issue.usersLeads.ordered],
            ['devices', issue.toDevices, issue.toDevicesHint],
          ]}
          value={choice.to}
          onValue={(to) => {
            // What one table was narrowed down by says nothing of the other.
            navigate(place.path, 'replace');
            onChoice({ to });
          }}
        />
      )}
      {isOfDevices(choice) ? <DevicesChosen {...props} /> : <UsersChosen {...props} />}
    </>
  );
}

/** Those that can fetch something. */
const fetching = { standing: 'active', waiting: 'false' };

function DevicesChosen({ choice, onChoice }: StepProps) {
  const { words } = useApp();
  const { devices } = words.web;
  return (
    <Table
      path="/devices"
      caption={devices.table}
      columns={deviceColumnsOf(words).map((column) =>
        column.id === 'name' ? { ...column, cell: ({ name }: DeviceRow) => name } : column,
      )}
      filters={useDeviceFilters().filter(({ id }) => id !== 'standing')}
      fixed={fetching}
      start={{ sort: 'name', order: 'asc' }}
      keyOf={({ id }) => id}
      empty={devices.empty}
      selection={{
        nameOf: ({ name }) => name,
        kept: { chosen: choice.devices, onChosen: (chosen) => onChoice({ devices: chosen }) },
      }}
    />
  );
}

function UsersChosen({ choice, onChoice, onOpen }: StepProps & { readonly onOpen: (open: UsersOpen) => void }) {
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
      {!isOrdered(choice) && <p class="quiet">{issue.usersLeads[choice.type === 'mobile' ? 'invited' : 'recorded']}</p>}
      <div class="form-buttons">
        <button type="button" class="button" disabled={!mayEdit} onClick={() => onOpen({ user: null })}>
          {users.add}
        </button>
        {edit}
        {!mayEdit && <span class="hint">{issue.mayNotEdit}</span>}
      </div>
      {away.length > 0 && (
        <Note tone="warn" title={issue.haveNoDevice}>
          {sayNames(away)}
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
