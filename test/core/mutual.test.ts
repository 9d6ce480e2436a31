/** Tables 86 to 90 of the source text on mutual authentication, row by row, and what follows from them. */
import { instant } from '../../protocol/time.ts';
import { checkPorts, legacyPort, webPort } from '../../server/core/listeners.ts';
import {
  type AgentKind,
  answering,
  type Channel,
  channelOf,
  decideClosing,
  decideEndpoint,
  decideSetting,
  type EndpointChange,
  isToMigrate,
  kindOf,
  type LegacyClient,
  type Mutual,
  newInstallation,
  type SettingState,
  settingState,
} from '../../server/core/mutual.ts';
import { assert, table, test } from '../harness.ts';

const at = instant(1_800_000_000_000);
const on: Mutual = { ...newInstallation, enabledAt: at, enabledBy: '1' };
const ready: Mutual = { ...on, newEndpoint: 'on' };
const waiting: readonly LegacyClient[] = [
  { id: 'a', name: 'kiosk' },
  { id: 'b', name: 'desk' },
];
const many = Array.from({ length: 12 }, (_, index) => ({ id: `${index}`, name: `thin ${index}` }));

const ports = { legacy: legacyPort, mutual: 443 };
const numbered = ({ port, mutual }: Channel): string => `${ports[port]} ${mutual ? 'used' : 'not used'}`;

/** Kinds stand for rows of the source: thin client for Android, no migration for iOS prior to 9.8, always mutual for Windows and macOS. */
table(
  'Table 86: ports without and with mutual authentication',
  [
    { name: 'thin client (Android)', kind: 'thin-client', without: '9997 not used', with: '443 used' },
    { name: 'always mutual (Windows, macOS)', kind: 'always-mutual', without: '443 used', with: '443 used' },
  ] as const,
  (row) => {
    assert.is(numbered(channelOf(row.kind, 'off', false)), row.without);
    assert.is(numbered(channelOf(row.kind, 'on', false)), row.with);
  },
);

table(
  'Table 87: the setting after an installation or an upgrade',
  [
    { name: 'a new installation', stored: newInstallation, selected: false },
    { name: 'an upgrade where it was not enabled', stored: newInstallation, selected: false },
    { name: 'an upgrade where it was enabled', stored: on, selected: true },
  ],
  ({ stored, selected }) => {
    for (const release of ['1', '2']) assert.is(settingState(stored, release) !== 'off', selected);
  },
);

type Setting88 = { readonly kind: AgentKind; readonly cells: readonly [string, string, string, string, string] };
const kept: readonly (Setting88 & { readonly name: string })[] = [
  {
    name: 'thin client (Android)',
    kind: 'thin-client',
    cells: ['9997 not used', '443 used', '9997 not used', '443 used', '443 used'],
  },
  {
    name: 'agent without migration (iOS prior to 9.8)',
    kind: 'no-migration',
    cells: ['9997 not used', '9997 not used', '9997 not used', '9997 not used', '9997 not used'],
  },
  {
    name: 'always mutual (macOS, Windows 10)',
    kind: 'always-mutual',
    cells: ['443 used', '443 used', '443 used', '443 used', '443 used'],
  },
];
const columns: readonly (readonly [string, SettingState, boolean])[] = [
  ['not enabled', 'off', true],
  ['enabled, registered after', 'on', false],
  ['enabled, registered before', 'on', true],
  ['enabled before the upgrade, registered after', 'on-before-upgrade', false],
  ['enabled before the upgrade, registered before', 'on-before-upgrade', true],
];
table(
  'Table 88: when devices use mutual authentication',
  kept.flatMap(({ name, kind, cells }) =>
    columns.map(([column, setting, before], index) => ({
      name: `${name}, ${column}`,
      kind,
      setting,
      before,
      cell: cells[index],
    })),
  ),
  ({ kind, setting, before, cell }) => assert.is(numbered(channelOf(kind, setting, before)), cell),
);

table(
  'Table 89: new and legacy endpoint',
  [
    { name: 'not configured, enabled', new: 'unset', legacy: true, works: 'legacy' },
    { name: 'enabled, enabled', new: 'on', legacy: true, works: 'new legacy' },
    { name: 'enabled, disabled', new: 'on', legacy: false, works: 'new' },
    { name: 'disabled, disabled', new: 'off', legacy: false, works: 'error' },
  ] as const,
  (row) => {
    const found = answering({ newEndpoint: row.new, legacyEndpoint: row.legacy });
    const works = (['new', 'legacy'] as const).filter((endpoint) => found[endpoint]).join(' ');
    assert.is(works || 'error', row.works);
  },
);

type Row90 = {
  readonly name: string;
  readonly from: Mutual;
  readonly change: EndpointChange;
  readonly waiting?: readonly LegacyClient[];
  readonly gives: string;
};
const legacyOff = (confirmations: number): EndpointChange => ({ endpoint: 'legacy', on: false, confirmations });
const legacyOn: EndpointChange = { endpoint: 'legacy', on: true, confirmations: 0 };
const rows90: readonly Row90[] = [
  { name: 'new, setting off', from: newInstallation, change: { endpoint: 'new', on: true }, gives: 'mutual-needed' },
  {
    name: 'new, clients wait',
    from: on,
    change: { endpoint: 'new', on: true },
    waiting,
    gives: 'clients-not-migrated',
  },
  { name: 'new, all migrated', from: on, change: { endpoint: 'new', on: true }, gives: 'on true' },
  { name: 'new off again', from: ready, change: { endpoint: 'new', on: false }, gives: 'off true' },
  { name: 'new off where it never was on', from: on, change: { endpoint: 'new', on: false }, gives: 'unset true' },
  { name: 'legacy off without a new one', from: on, change: legacyOff(2), gives: 'new-endpoint-needed' },
  { name: 'legacy off, nothing confirmed', from: ready, change: legacyOff(0), gives: 'confirm-twice' },
  { name: 'legacy off, confirmed once', from: ready, change: legacyOff(1), gives: 'confirm-twice' },
  { name: 'legacy off, confirmed twice', from: ready, change: legacyOff(2), gives: 'on false' },
  {
    name: 'legacy off when it is off',
    from: { ...ready, legacyEndpoint: false },
    change: legacyOff(0),
    gives: 'on false',
  },
  { name: 'legacy on again', from: { ...ready, legacyEndpoint: false }, change: legacyOn, gives: 'on true' },
  {
    name: 'both off, the error of Table 89',
    from: { ...ready, legacyEndpoint: false },
    change: { endpoint: 'new', on: false },
    gives: 'off false',
  },
];
table('Table 90: what may be set when', rows90, (row) => {
  const found = decideEndpoint(row.from, row.change, row.waiting ?? []);
  const gives = found.ok ? `${found.value.newEndpoint} ${found.value.legacyEndpoint}` : found.fault.code;
  assert.is(gives, row.gives);
});

test('once on, it stays on; turning it on again moves nothing', () => {
  const first = decideSetting(newInstallation, true, at, '1');
  assert.equal(first, { ok: true, value: on });
  assert.equal(decideSetting(on, true, instant(at + 1), '2'), { ok: true, value: on });
  const off = decideSetting(on, false, at, '1');
  assert.is(off.ok ? '' : off.fault.code, 'stays-on');
  assert.equal(decideSetting(newInstallation, false, at, '1'), { ok: true, value: newInstallation });
});

table(
  'kindOf',
  [
    { name: 'says nothing', accepts: [], kind: 'no-migration' },
    { name: 'something else', accepts: ['policy-1'], kind: 'no-migration' },
    { name: 'migrates', accepts: ['mutual-migration'], kind: 'thin-client' },
    { name: 'mutual only', accepts: ['mutual-migration', 'mutual-only'], kind: 'always-mutual' },
  ] as const,
  ({ accepts, kind }) => assert.is(kindOf(accepts), kind),
);

const before = instant(at - 1);
table(
  'isToMigrate',
  [
    {
      name: 'off, the group says so',
      mutual: newInstallation,
      kind: 'thin-client',
      registeredAt: before,
      says: true,
      is: false,
    },
    { name: 'on, the group is silent', mutual: on, kind: 'thin-client', registeredAt: before, says: false, is: false },
    { name: 'on, the group says so', mutual: on, kind: 'thin-client', registeredAt: before, says: true, is: true },
    { name: 'on, an agent that cannot', mutual: on, kind: 'no-migration', registeredAt: before, says: true, is: false },
    {
      name: 'one that never goes without any more',
      mutual: newInstallation,
      kind: 'always-mutual',
      registeredAt: before,
      says: false,
      is: true,
    },
    {
      name: 'one that learned it after it registered',
      mutual: on,
      kind: 'thin-client',
      registeredAt: at,
      says: false,
      is: true,
    },
  ] as const,
  ({ mutual, kind, registeredAt, says, is }) => {
    assert.is(isToMigrate(mutual, '1', { kind, registeredAt, migrateClient: says }), is);
  },
);
test('isToMigrate: after an upgrade Table 88 asks it of every thin client', () => {
  assert.ok(isToMigrate(on, '2', { kind: 'thin-client', registeredAt: before, migrateClient: false }));
});

test('closing the legacy port names whom it cuts off, ten of them', () => {
  const refused = decideClosing(many, false);
  assert.ok(!refused.ok);
  assert.is(refused.ok ? '' : refused.fault.facts['count'], 12);
  assert.match(refused.ok ? '' : String(refused.fault.facts['devices']), /^thin 0, .*thin 9 \(\+2\)$/);
  assert.ok(decideClosing(many, true).ok);
  assert.ok(decideClosing([], false).ok);
});

const free = { https: 443, mqtt: 8883, legacy: 9997, web: webPort };
table(
  'ports may not collide',
  [
    { name: 'the defaults', ports: free, says: null },
    { name: 'legacy closed', ports: { ...free, legacy: null }, says: null },
    { name: 'all picked', ports: { ...free, https: 0, mqtt: 0, legacy: 0 }, says: null },
    { name: 'HTTPS and MQTT', ports: { ...free, mqtt: 443 }, says: 'HTTPS MQTT 443' },
    { name: 'HTTPS and legacy', ports: { ...free, legacy: 443 }, says: 'HTTPS legacy HTTPS 443' },
    { name: 'MQTT and legacy', ports: { ...free, legacy: 8883 }, says: 'MQTT legacy HTTPS 8883' },
    { name: 'HTTPS and the Web Console', ports: { ...free, https: 8080 }, says: 'HTTPS Web Console 8080' },
    { name: 'legacy and the Web Console', ports: { ...free, legacy: 8080 }, says: 'legacy HTTPS Web Console 8080' },
    { name: 'MQTT and the Web Console', ports: { ...free, mqtt: 8080 }, says: 'MQTT Web Console 8080' },
  ],
  ({ ports: given, says }) => {
    const found = checkPorts(given);
    const facts = found.ok ? null : found.fault.facts;
    assert.is(facts && `${facts['one']} ${facts['other']} ${facts['port']}`, says);
    if (!found.ok) assert.is(found.fault.code, 'ports-collide');
  },
);
