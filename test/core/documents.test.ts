/** Every way a signed document is refused, and what admits it (B1, F35, F36, F39). */
import { randomUUID } from 'node:crypto';
import {
  type Audience,
  admitDevice,
  admitPolicy,
  type OpenDevice,
  type OpenPolicy,
  openCommand,
  openDevice,
  openPolicy,
  openTime,
  type Situation,
} from '../../agent/core/documents.ts';
import { toBase64 } from '../../protocol/certificate.ts';
import type { DocumentType } from '../../protocol/jws.ts';
import { instant, toNumericDate } from '../../protocol/time.ts';
import { makeSigningKey, signDocument } from '../../server/edge/sign.ts';
import { issue, rsaKey } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const now = instant(Date.parse('2026-11-22T12:00:00Z'));
const clock = { at: 'known' as const, now, floor: now };
const [serverId, deviceId, group, other] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
const key = makeSigningKey();
const stranger = makeSigningKey();
const audience: Audience = { serverId, deviceId, keys: [key.publicKey] };
const seconds = toNumericDate(now);
const authority = issue({ cn: 'CA', ca: true });
const base64 = (issued: { der: Uint8Array }): string => toBase64(issued.der);
const main = base64(issue({ cn: 'main', by: authority }));
const root = base64(authority);
const weak = base64(issue({ cn: 'weak', key: rsaKey(1024) }));
const entry = (certificate: string, purpose = 'rdp') => ({ purpose, file: 'a.pem', certificate });

const dates = { iat: seconds, refreshBefore: seconds + 1209600, format: 1 };
const policyOf = (more: object = {}) => ({
  aud: `${serverId}/group/${group}`,
  rev: 10,
  ...dates,
  group: { id: group, name: 'Office' },
  server: { main, reserve: null },
  addresses: { https: 'a:1', mqtt: 'a:2' },
  certificates: { enforced: true, entries: [entry(root)] },
  contacts: { enforced: true, value: null },
  blocklist: [],
  ...more,
});
const deviceOf = (more: object = {}) => ({
  aud: `${serverId}/device/${deviceId}`,
  rev: 10,
  ...dates,
  name: 'thin-1',
  group,
  managed: true,
  groupRev: 0,
  secretGeneration: 1,
  ...more,
});
const sign = (type: DocumentType, payload: object, by = key): string =>
  signDocument(type, by.keyPkcs8, by.publicKey, payload);
const entries = (...list: object[]) => ({ certificates: { enforced: true, entries: list } });

const policies: readonly { name: string; jws: string; expected: string; faults?: number }[] = [
  { name: 'a good one', jws: sign('policy', policyOf()), expected: 'ok' },
  { name: 'unknown fields are ignored', jws: sign('policy', policyOf({ later: { a: 1 } })), expected: 'ok' },
  {
    name: 'unless critical',
    jws: sign('policy', policyOf({ later: 1, critical: ['later'] })),
    expected: 'unknown-critical',
  },
  { name: 'unsigned', jws: JSON.stringify(policyOf()), expected: 'bad-shape' },
  {
    name: 'no signature',
    jws: `${sign('policy', policyOf()).split('.').slice(0, 2).join('.')}.`,
    expected: 'bad-shape',
  },
  { name: 'by another key', jws: sign('policy', policyOf(), stranger), expected: 'unknown-key' },
  {
    name: 'by another key under our name',
    jws: signDocument('policy', stranger.keyPkcs8, key.publicKey, policyOf()),
    expected: 'bad-signature',
  },
  { name: 'of another type', jws: sign('device', policyOf()), expected: 'wrong-type' },
  {
    name: 'of another server',
    jws: sign('policy', policyOf({ aud: `${randomUUID()}/group/${group}` })),
    expected: 'wrong-audience',
  },
  {
    name: 'audience and group differ',
    jws: sign('policy', policyOf({ aud: `${serverId}/group/${other}` })),
    expected: 'wrong-audience',
  },
  {
    name: 'audience is a device',
    jws: sign('policy', policyOf({ aud: `${serverId}/device/${deviceId}` })),
    expected: 'wrong-audience',
  },
  { name: 'of a later format', jws: sign('policy', policyOf({ format: 2 })), expected: 'unknown-version' },
  { name: 'a field is missing', jws: sign('policy', { ...policyOf(), server: undefined }), expected: 'bad-shape' },
  {
    name: 'a day ahead is the skew of clocks',
    jws: sign('policy', policyOf({ iat: seconds + 86400 + 600 })),
    expected: 'ok',
  },
  {
    name: 'more than that is from the future',
    jws: sign('policy', policyOf({ iat: seconds + 86400 + 601 })),
    expected: 'from-the-future',
  },
  { name: 'too large', jws: sign('policy', policyOf({ padding: 'x'.repeat(1024 * 1024) })), expected: 'too-large' },
  {
    name: '512 certificates',
    jws: sign('policy', policyOf(entries(...Array.from({ length: 512 }, () => entry(root))))),
    expected: 'certificate-twice',
    faults: 511,
  },
  {
    name: '513 certificates',
    jws: sign('policy', policyOf(entries(...Array.from({ length: 513 }, () => entry(root))))),
    expected: 'bad-shape',
  },
  {
    name: 'one unreadable certificate refuses all',
    jws: sign('policy', policyOf(entries(entry(root), entry('AAAA')))),
    expected: 'certificate-unreadable',
    faults: 1,
  },
  {
    name: 'a weak one',
    jws: sign('policy', policyOf(entries(entry(root), entry(weak)))),
    expected: 'certificate-weak-key',
    faults: 1,
  },
  {
    name: 'two bad ones are counted',
    jws: sign('policy', policyOf(entries(entry(weak), entry('AAAA'), entry(root)))),
    expected: 'certificate-weak-key',
    faults: 2,
  },
  {
    name: 'twice for one purpose',
    jws: sign('policy', policyOf(entries(entry(root), entry(root)))),
    expected: 'certificate-twice',
    faults: 1,
  },
  {
    name: 'once for each of two purposes',
    jws: sign('policy', policyOf(entries(entry(root), entry(root, 'log')))),
    expected: 'ok',
  },
  {
    name: 'an expired one is kept',
    jws: sign(
      'policy',
      policyOf(entries(entry(base64(issue({ cn: 'old', ca: true, from: '2010-01-01', to: '2011-01-01' }))))),
    ),
    expected: 'ok',
  },
  {
    name: 'purpose ksc comes by the slots alone',
    jws: sign('policy', policyOf(entries(entry(root, 'ksc')))),
    expected: 'bad-shape',
  },
  {
    name: 'an authority as server pin',
    jws: sign('policy', policyOf({ server: { main: root, reserve: null } })),
    expected: 'certificate-wrong-kind',
    faults: 1,
  },
  {
    name: 'an authority as reserve',
    jws: sign('policy', policyOf({ server: { main, reserve: { certificate: root, activateAt: 1 } } })),
    expected: 'certificate-wrong-kind',
    faults: 1,
  },
  {
    name: 'an unreadable pin',
    jws: sign('policy', policyOf({ server: { main: 'AAAA', reserve: null } })),
    expected: 'certificate-unreadable',
    faults: 1,
  },
];
table('openPolicy', policies, ({ jws, expected, faults }) => {
  const opened = openPolicy(jws, audience, clock);
  assert.is(opened.ok ? 'ok' : opened.fault.code, expected);
  if (faults !== undefined) assert.is(!opened.ok && opened.fault.facts['faults'], faults);
  if (opened.ok) assert.is(opened.value.certificates.length, opened.value.policy.certificates.entries.length);
});
test('openPolicy: a clock that is unknown judges no date', () => {
  const jws = sign('policy', policyOf({ iat: seconds + 9_999_999 }));
  assert.ok(openPolicy(jws, audience, { ...clock, at: 'unknown' }).ok);
});

const nonce = '1'.padStart(32, '0');
const timeOf = (more: object = {}) => ({ ...deviceOf(), nonce, time: now, ...more });
const commandOf = (more: object = {}) => ({
  ...deviceOf(),
  seq: 1,
  expires: seconds,
  command: { do: 'report' },
  ...more,
});
const foreign = { aud: `${serverId}/device/${randomUUID()}` };
const own: readonly { name: string; open: () => { ok: boolean; fault?: { code: string } }; expected: string }[] = [
  { name: 'device: good', open: () => openDevice(sign('device', deviceOf()), audience, clock), expected: 'ok' },
  {
    name: 'device: of another',
    open: () => openDevice(sign('device', deviceOf(foreign)), audience, clock),
    expected: 'wrong-audience',
  },
  {
    name: 'device: a policy',
    open: () => openDevice(sign('policy', deviceOf()), audience, clock),
    expected: 'wrong-type',
  },
  {
    name: 'device: from the future',
    open: () => openDevice(sign('device', deviceOf({ iat: seconds + 99_999 })), audience, clock),
    expected: 'from-the-future',
  },
  {
    name: 'device: critical',
    open: () => openDevice(sign('device', deviceOf({ critical: ['x'] })), audience, clock),
    expected: 'unknown-critical',
  },
  { name: 'command: good', open: () => openCommand(sign('command', commandOf()), audience, clock), expected: 'ok' },
  {
    name: 'command: of another',
    open: () => openCommand(sign('command', commandOf(foreign)), audience, clock),
    expected: 'wrong-audience',
  },
  {
    name: 'command: a device document',
    open: () => openCommand(sign('device', commandOf()), audience, clock),
    expected: 'wrong-type',
  },
  { name: 'time: good', open: () => openTime(sign('time', timeOf()), audience, nonce), expected: 'ok' },
  {
    name: 'time: over another nonce',
    open: () => openTime(sign('time', timeOf()), audience, '0'.repeat(32)),
    expected: 'replayed',
  },
  {
    name: 'time: for another',
    open: () => openTime(sign('time', timeOf(foreign)), audience, nonce),
    expected: 'wrong-audience',
  },
  {
    name: 'time: by a stranger',
    open: () => openTime(sign('time', timeOf(), stranger), audience, nonce),
    expected: 'unknown-key',
  },
];
table('documents of the device', own, ({ open, expected }) => {
  const opened = open();
  assert.is(opened.ok ? 'ok' : opened.fault?.code, expected);
});

const policy = (rev: number, id = group): OpenPolicy => {
  const opened = openPolicy(
    sign('policy', policyOf({ rev, aud: `${serverId}/group/${id}`, group: { id, name: '' } })),
    audience,
    clock,
  );
  if (!opened.ok) throw new Error(opened.fault.code);
  return opened.value;
};
const device = (rev: number, id = group, groupRev = 0): OpenDevice => {
  const opened = openDevice(sign('device', deviceOf({ rev, group: id, groupRev })), audience, clock);
  if (!opened.ok) throw new Error(opened.fault.code);
  return opened.value;
};
type Facts = { policy?: OpenPolicy; device?: OpenDevice; waiting?: OpenDevice; highest?: Record<string, number> };
const situation = (held: Facts): Situation => ({
  held: { policy: held.policy ?? null, device: held.device ?? null },
  waiting: held.waiting ?? null,
  highest: held.highest ?? {},
  group,
});
const policyAud = `${serverId}/group/${group}`;
const deviceAud = `${serverId}/device/${deviceId}`;
const p10 = policy(10);
const d10 = device(10);

const admissions: readonly { name: string; held: Facts; incoming: OpenPolicy | OpenDevice; expected: string }[] = [
  { name: 'policy: first', held: {}, incoming: p10, expected: 'apply' },
  { name: 'policy: newer', held: { policy: p10 }, incoming: policy(11), expected: 'apply' },
  { name: 'policy: equal', held: { policy: p10 }, incoming: p10, expected: 'replay' },
  {
    name: 'policy: lower is a replay, and tells the server what is newer',
    held: { policy: p10 },
    incoming: policy(9),
    expected: 'replay newer',
  },
  {
    name: 'policy: below the highest, though a fallback holds less',
    held: { policy: policy(5), highest: { [policyAud]: 12 } },
    incoming: policy(11),
    expected: 'replay',
  },
  {
    name: 'policy: the highest again after a fallback',
    held: { policy: policy(5), highest: { [policyAud]: 12 } },
    incoming: policy(12),
    expected: 'apply',
  },
  {
    name: 'policy: the highest again when all was lost',
    held: { highest: { [policyAud]: 10 } },
    incoming: p10,
    expected: 'apply',
  },
  {
    name: 'policy: of a group that is not ours',
    held: { policy: p10 },
    incoming: policy(11, other),
    expected: 'wrong-audience',
  },
  {
    name: 'policy: of the group the bundle named, once moved away',
    held: { device: device(11, other) },
    incoming: policy(11),
    expected: 'wrong-audience',
  },
  {
    name: 'policy: of the group that waits',
    held: { policy: p10, waiting: device(11, other, 5) },
    incoming: policy(5, other),
    expected: 'apply',
  },
  {
    name: 'policy: of the group that waits, below the least revision',
    held: { policy: p10, waiting: device(11, other, 6) },
    incoming: policy(5, other),
    expected: 'wait',
  },
  {
    name: 'policy: of the old group while a move waits',
    held: { policy: p10, waiting: device(11, other, 6) },
    incoming: policy(11),
    expected: 'apply',
  },
  { name: 'device: first', held: {}, incoming: d10, expected: 'apply' },
  { name: 'device: newer', held: { device: d10 }, incoming: device(11), expected: 'apply' },
  { name: 'device: equal', held: { device: d10 }, incoming: d10, expected: 'replay' },
  { name: 'device: lower', held: { device: d10 }, incoming: device(9), expected: 'replay newer' },
  {
    name: 'device: below the highest',
    held: { highest: { [deviceAud]: 12 } },
    incoming: device(11),
    expected: 'replay',
  },
  {
    name: 'device: to another group waits for its policy',
    held: { policy: p10, device: d10 },
    incoming: device(11, other),
    expected: 'wait',
  },
  {
    name: 'device: to another group whose policy is there',
    held: { policy: policy(7, other), device: d10 },
    incoming: device(11, other, 7),
    expected: 'apply',
  },
  {
    name: 'device: to another group whose policy is too old',
    held: { policy: policy(7, other), device: d10 },
    incoming: device(11, other, 8),
    expected: 'wait',
  },
  {
    name: 'device: lower than the one that waits',
    held: { device: d10, waiting: device(12, other) },
    incoming: device(11),
    expected: 'replay newer',
  },
  {
    name: 'device: back to the group we are in',
    held: { device: d10, waiting: device(11, other) },
    incoming: device(12),
    expected: 'apply',
  },
  {
    name: 'device: a third group instead',
    held: { device: d10, waiting: device(11, other) },
    incoming: device(12, randomUUID()),
    expected: 'wait',
  },
];
table('admission', admissions, ({ held, incoming, expected }) => {
  const admitted =
    'policy' in incoming ? admitPolicy(situation(held), incoming) : admitDevice(situation(held), incoming);
  const newer = admitted.ok && admitted.value.at === 'replay' && admitted.value.newer !== null ? ' newer' : '';
  assert.is(admitted.ok ? `${admitted.value.at}${newer}` : admitted.fault.code, expected);
  if (!admitted.ok || admitted.value.at !== 'apply') return;
  const { held: after } = admitted.value;
  assert.is('policy' in incoming ? after.policy : after.device, incoming);
  if (held.waiting && 'policy' in incoming && incoming.policy.group.id === other) assert.is(after.device, held.waiting);
});
