import type { DeviceRow } from '../../api/devices.ts';
import type { GroupView } from '../../api/groups.ts';
import { useApp, useLoad, type Words } from '../app.ts';
import { Page, Status, type Tone } from '../parts/show.tsx';
import { type Column, type Filter, Table } from '../parts/table.tsx';
import { TimeOr } from '../parts/time.tsx';

export function DevicesPage() {
  const { words } = useApp();
  const { devices } = words.web;
  return (
    <Page title={devices.title} lead={devices.lead} wide>
      <Table
        path="/devices"
        caption={devices.table}
        columns={deviceColumnsOf(words)}
        filters={useDeviceFilters()}
        start={{ sort: 'name', order: 'asc' }}
        keyOf={({ id }) => id}
        empty={devices.empty}
      />
    </Page>
  );
}

export const deviceColumnsOf = ({ web: { devices } }: Words): readonly Column<DeviceRow>[] => [
  {
    id: 'name',
    title: devices.name,
    sortable: true,
    kind: 'main',
    cell: ({ id, name }) => <a href={`/devices/${id}`}>{name}</a>,
  },
  { id: 'group', title: devices.group, sortable: true, cell: ({ group }) => group },
  { id: 'presence', title: devices.presence, sortable: true, cell: (row) => <Presence presence={row.presence} /> },
  { id: 'standing', title: devices.standing, sortable: true, cell: (row) => <Standing row={row} /> },
  {
    id: 'lastSeen',
    title: devices.lastSeen,
    sortable: true,
    cell: ({ lastSeen }) => <TimeOr at={lastSeen} none={devices.never} />,
  },
  {
    id: 'migration',
    title: devices.migration,
    sortable: true,
    minor: true,
    cell: ({ migration }) => devices.migrations[migration ?? 'none'],
  },
];

export function useDeviceFilters(): readonly Filter[] {
  const { devices } = useApp().words.web;
  const groups = useLoad<readonly GroupView[]>('/groups');
  return [
    { id: 'within', title: devices.group, choices: (groups.value ?? []).map(({ id, path }) => [id, path]) },
    { id: 'presence', title: devices.presence, choices: Object.entries(devices.presences) },
    {
      id: 'standing',
      title: devices.standing,
      choices: (['active', 'retired', 'inactive'] as const).map((each) => [each, devices.standings[each]]),
    },
    { id: 'migration', title: devices.migration, choices: Object.entries(devices.migrationFilter) },
  ];
}

export function Presence({ presence }: Pick<DeviceRow, 'presence'>) {
  const { words } = useApp();
  const online = presence === 'online';
  return (
    <Status
      tone={online ? 'good' : 'quiet'}
      icon={online ? 'check' : 'off'}
      text={words.web.devices.presences[presence]}
    />
  );
}

const tones: Readonly<Record<DeviceRow['standing'] | 'waiting' | 'unconfirmed', Tone>> = {
  active: 'good',
  waiting: 'warn',
  unconfirmed: 'warn',
  retired: 'bad',
  inactive: 'bad',
  removed: 'quiet',
};

export function Standing({ row }: { readonly row: DeviceRow }) {
  const { words } = useApp();
  const state = row.waiting ? 'waiting' : row.standing === 'active' && !row.confirmed ? 'unconfirmed' : row.standing;
  return <Status tone={tones[state]} text={words.web.devices.standings[state]} />;
}
