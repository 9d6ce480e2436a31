/** Roles of the server's certificates: the safe-to-switch gate, the switch, and what time asks for. */
import { dayMs, instant } from '../../protocol/time.ts';
import { type DeviceView, decideSwitch, devicesNotReady, dueAt, type RoleCertificate } from '../../server/core/role.ts';
import { en } from '../../words/en.ts';
import { ru } from '../../words/ru.ts';
import { sayFault } from '../../words/say.ts';
import { assert, table, test } from '../harness.ts';

const now = instant(Date.parse('2026-11-22T12:00:00Z'));
const inDays = (days: number) => instant(now + days * dayMs);

const device = (name: string, current: string | null, reserve: string | null = null): DeviceView => ({
  id: `id of ${name}`,
  name,
  lastSeen: null,
  pins: { current, reserve },
});
const certificate = (
  role: RoleCertificate['role'],
  fingerprint: string,
  {
    activate = null,
    ends = 397,
    source = 'own',
  }: { readonly activate?: number | null; readonly ends?: number; readonly source?: RoleCertificate['source'] } = {},
): RoleCertificate => ({
  role,
  source,
  fingerprint,
  activateAt: activate === null ? null : inDays(activate),
  notAfter: inDays(ends),
});

table(
  'the gate (B2)',
  [
    { name: 'no devices', devices: [], waiting: [] },
    { name: 'holds it as reserve', devices: [device('a', 'old', 'new')], waiting: [] },
    { name: 'has it as current already', devices: [device('a', 'new')], waiting: [] },
    { name: 'holds another reserve', devices: [device('a', 'old', 'other')], waiting: ['a'] },
    { name: 'never reported', devices: [device('a', null)], waiting: ['a'] },
    {
      name: 'one of three is absent',
      devices: [device('a', 'old', 'new'), device('b', 'old'), device('c', 'new')],
      waiting: ['b'],
    },
  ],
  ({ devices, waiting }) => {
    assert.equal(
      devicesNotReady(devices, 'new').map(({ name }) => name),
      waiting,
    );
  },
);

const three = [
  certificate('previous', 'oldest'),
  certificate('main', 'old'),
  certificate('reserve', 'new', { activate: 7 }),
];

table(
  'the switch',
  [
    {
      name: 'no reserve',
      certificates: [certificate('main', 'old')],
      devices: [],
      override: true,
      fault: 'no-reserve',
    },
    {
      name: 'devices wait',
      certificates: three,
      devices: [device('a', 'old')],
      override: false,
      fault: 'devices-not-ready',
    },
    { name: 'devices wait, overridden', certificates: three, devices: [device('a', 'old')], override: true },
    { name: 'all are ready', certificates: three, devices: [device('a', 'old', 'new')], override: false },
  ] as {
    readonly name: string;
    readonly certificates: readonly RoleCertificate[];
    readonly devices: readonly DeviceView[];
    readonly override: boolean;
    readonly fault?: string;
  }[],
  ({ certificates, devices, override, fault }) => {
    const decided = decideSwitch(certificates, devices, override, now);
    assert.is(decided.ok ? undefined : decided.fault.code, fault);
    if (decided.ok) assert.equal(decided.value, { oldest: 'retired', old: 'previous', new: 'main' });
  },
);

test('a refused switch names how many and who, within the size of a fact', () => {
  const many = Array.from({ length: 40 }, (_, index) => device(`a device with a long name, number ${index}`, 'old'));
  const decided = decideSwitch(three, many, false, now);
  assert.not(decided.ok);
  if (decided.ok) return;
  assert.is(decided.fault.facts['count'], 40);
  assert.match(String(decided.fault.facts['devices']), /\(\+30\)$/);
  assert.ok(String(decided.fault.facts['devices']).length <= 300);
  for (const words of [en, ru])
    assert.match(sayFault(words, decided.fault), /: 40 – a device with a long nam, .*\(\+30\)\. /);
});

const ready = [device('a', 'old', 'new')];
const waiting = [device('a', 'old')];
table(
  'what time asks for',
  [
    {
      name: 'nothing far from the end',
      certificates: [certificate('main', 'old')],
      devices: waiting,
      due: { do: 'nothing' },
    },
    {
      name: 'a reserve 90 days before the end, active 30 before',
      certificates: [certificate('main', 'old', { ends: 90 })],
      devices: waiting,
      due: { do: 'make-reserve', activateAt: inDays(60) },
    },
    {
      name: 'not a day earlier',
      certificates: [certificate('main', 'old', { ends: 91 })],
      devices: waiting,
      due: { do: 'nothing' },
    },
    {
      name: 'in place of an uploaded one as late as is safe',
      certificates: [certificate('main', 'old', { ends: 90, source: 'uploaded' })],
      devices: waiting,
      due: { do: 'make-reserve', activateAt: inDays(83) },
    },
    {
      name: 'a reserve that has ended gives way to another',
      certificates: [certificate('main', 'old', { ends: 0 }), certificate('reserve', 'new', { activate: 0, ends: 0 })],
      devices: ready,
      due: { do: 'drop-reserve' },
    },
    {
      name: 'late: active at once',
      certificates: [certificate('main', 'old', { ends: 10 })],
      devices: waiting,
      due: { do: 'make-reserve', activateAt: now },
    },
    {
      name: 'before its activation',
      certificates: [certificate('main', 'old'), certificate('reserve', 'new', { activate: 1 })],
      devices: ready,
      due: { do: 'nothing' },
    },
    {
      name: 'at its activation, all ready',
      certificates: [certificate('main', 'old'), certificate('reserve', 'new', { activate: 0 })],
      devices: ready,
      due: { do: 'switch', because: 'scheduled' },
    },
    {
      name: 'at its activation, one waits',
      certificates: [certificate('main', 'old'), certificate('reserve', 'new', { activate: 0 })],
      devices: waiting,
      due: { do: 'warn', notReady: 1 },
    },
    {
      name: 'the main one expired: nothing left to wait for',
      certificates: [certificate('main', 'old', { ends: 0 }), certificate('reserve', 'new', { activate: 5 })],
      devices: waiting,
      due: { do: 'switch', because: 'main-expired' },
    },
    { name: 'no certificates at all', certificates: [], devices: waiting, due: { do: 'nothing' } },
  ],
  ({ certificates, devices, due }) => {
    assert.equal(dueAt(certificates, devices, now), due);
  },
);
