/** Group settings to the one policy a device gets: flattening along the tree, locks, and what is refused before signing. */
import { readFileSync } from 'node:fs';
import { fingerprintOf, toBase64 } from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import type { FaultCode } from '../../protocol/fault.ts';
import type { Contacts } from '../../protocol/schema.ts';
import { check } from '../../protocol/validate.ts';
import {
  checkPolicy,
  composePolicy,
  type Entry,
  emptySettings,
  familyOf,
  flatten,
  type Group,
  lockedBy,
  type PolicyBody,
  pathTo,
  type Settings,
} from '../../server/core/policy.ts';
import { issue, rsaKey } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

type Own = { readonly certificates?: readonly Entry[]; readonly lock?: boolean; readonly contacts?: Contacts | null };

const fake = (name: string, purpose: Entry['purpose'] = 'rdp', file = `${name}.pem`): Entry => ({
  purpose,
  file,
  certificate: '',
  fingerprint: name,
});
const settings = ({ certificates = [], lock = false, contacts = null }: Own): Settings => ({
  ...emptySettings,
  certificates: { enforced: lock, entries: certificates },
  contacts: { enforced: lock, value: contacts },
});
const contacts = (name: string): Contacts => ({ name, phone: '+7 000 000-00-00', email: '', note: '' });

table(
  'certificates flatten from the root down',
  [
    { name: 'no group', path: [], entries: [], enforced: false },
    {
      name: 'union in order',
      path: [{ certificates: [fake('a')] }, { certificates: [fake('b')] }],
      entries: ['a', 'b'],
    },
    {
      name: 'one entry for one purpose, nearest to the root wins',
      path: [{ certificates: [fake('a', 'rdp', 'root.pem')] }, { certificates: [fake('a', 'rdp', 'leaf.pem')] }],
      entries: ['a'],
      file: 'root.pem',
    },
    {
      name: 'two purposes are two entries',
      path: [{ certificates: [fake('a', 'rdp')] }, { certificates: [fake('a', 'log')] }],
      entries: ['a', 'a'],
    },
    {
      name: 'below a lock nothing counts',
      path: [{ certificates: [fake('a')], lock: true }, { certificates: [fake('b')] }, { certificates: [fake('c')] }],
      entries: ['a'],
      enforced: true,
    },
    {
      name: 'above and at a lock everything counts',
      path: [{ certificates: [fake('a')] }, { certificates: [fake('b')], lock: true }, { certificates: [fake('c')] }],
      entries: ['a', 'b'],
      enforced: true,
    },
    { name: 'own lock', path: [{ certificates: [fake('a')], lock: true }], entries: ['a'], enforced: true },
  ],
  ({ path, entries, enforced = false, file }: Row) => {
    const flat = flatten(path.map(settings)).certificates;
    assert.equal(
      flat.entries.map(({ fingerprint }) => fingerprint),
      entries,
    );
    assert.is(flat.enforced, enforced);
    if (file) assert.is(flat.entries[0]?.file, file);
  },
);
type Row = {
  readonly name: string;
  readonly path: readonly Own[];
  readonly entries: readonly string[];
  readonly enforced?: boolean;
  readonly file?: string;
};

type Renewing = { readonly days: number | null | undefined; readonly lock?: boolean };
const renewing = ({ days, lock = false }: Renewing): Settings => ({
  ...emptySettings,
  identity: { enforced: lock, value: days === undefined ? null : { renewBeforeDays: days } },
});
table(
  'when identities are renewed flattens from the root down',
  [
    { name: 'nothing said', path: [{ days: undefined }, { days: undefined }], field: undefined, enforced: false },
    { name: 'inherited', path: [{ days: 10 }, { days: undefined }], field: 10, enforced: false },
    { name: 'blank is a value', path: [{ days: 10 }, { days: null }], field: null, enforced: false },
    {
      name: 'a lock wins over everything below',
      path: [{ days: null, lock: true }, { days: 10 }],
      field: null,
      enforced: true,
    },
    {
      name: 'a lock without a value hides none',
      path: [{ days: undefined, lock: true }, { days: 10 }],
      field: 10,
      enforced: true,
    },
  ] as {
    readonly name: string;
    readonly path: readonly Renewing[];
    readonly field: number | null | undefined;
    readonly enforced: boolean;
  }[],
  ({ path, field, enforced }) => {
    const flat = flatten(path.map(renewing));
    assert.is(flat.identity.enforced, enforced);
    const group = { id: 'g', name: 'g' };
    const body = composePolicy({
      group,
      settings: flat,
      server: { main: '', reserve: null },
      addresses: { https: '', mqtt: '' },
    });
    assert.is(body.identity?.renewBeforeDays, field);
    assert.is('identity' in body, field !== undefined);
  },
);

table(
  'contacts flatten from the root down',
  [
    { name: 'none', path: [{}, {}], who: null, enforced: false },
    { name: 'inherited', path: [{ contacts: contacts('root') }, {}], who: 'root', enforced: false },
    {
      name: 'nearest wins',
      path: [{ contacts: contacts('root') }, { contacts: contacts('own') }],
      who: 'own',
      enforced: false,
    },
    {
      name: 'a lock wins over everything below',
      path: [{ contacts: contacts('root'), lock: true }, { contacts: contacts('own') }],
      who: 'root',
      enforced: true,
    },
    {
      name: 'the topmost of two locks wins',
      path: [
        { contacts: contacts('root'), lock: true },
        { contacts: contacts('own'), lock: true },
      ],
      who: 'root',
      enforced: true,
    },
    {
      name: 'a lock without contacts hides none',
      path: [{ lock: true }, { contacts: contacts('own') }],
      who: 'own',
      enforced: true,
    },
  ],
  ({ path, who, enforced }) => {
    const flat = flatten(path.map(settings)).contacts;
    assert.is(flat.value?.name ?? null, who);
    assert.is(flat.enforced, enforced);
  },
);

const device = (change: Partial<Settings['device']>): Settings => ({
  ...emptySettings,
  device: { ...emptySettings.device, ...change },
});
const rdp = (value: string | null, enforced = false): Settings => device({ rdp: { enforced, value } });

table(
  'device settings flatten from the root down',
  [
    { name: 'none', path: [device({}), device({})], value: null, enforced: false },
    { name: 'inherited', path: [rdp('root'), device({})], value: 'root', enforced: false },
    { name: 'nearest wins', path: [rdp('root'), rdp('own')], value: 'own', enforced: false },
    { name: 'a lock wins over everything below', path: [rdp('root', true), rdp('own')], value: 'root', enforced: true },
    {
      name: 'the topmost of two locks wins',
      path: [rdp('root', true), rdp('own', true)],
      value: 'root',
      enforced: true,
    },
    { name: 'own lock', path: [rdp('root'), rdp('own', true)], value: 'own', enforced: true },
    { name: 'no group', path: [], value: null, enforced: false },
  ],
  ({ path, value, enforced }) => {
    assert.equal(flatten(path).device.rdp, { enforced, value });
    assert.equal(flatten(path).device.broker, { enforced: false, value: null });
  },
);

test('what any group on the path locks is locked', () => {
  const flat = flatten([device({ reset: { enforced: true } }), device({ dateTime: { enforced: true } })]).device;
  assert.equal([flat.reset.enforced, flat.dateTime.enforced, flat.connection.enforced], [true, true, false]);
});

test('the blocklist is the union, each once', () => {
  const path = [
    ['a', 'b'],
    ['b', 'c'],
  ].map((blocklist) => ({ ...emptySettings, blocklist }));
  assert.equal(flatten(path).blocklist, ['a', 'b', 'c']);
});

const group = (id: string, parent: string | null): [string, Group] => [id, { id, name: id, parent }];
const tree = new Map([group('root', null), group('left', 'root'), group('right', 'root'), group('leaf', 'left')]);

table(
  'the tree',
  [
    { name: 'root', id: 'root', path: ['root'], family: ['root', 'left', 'right', 'leaf'] },
    { name: 'in the middle', id: 'left', path: ['root', 'left'], family: ['left', 'leaf'] },
    { name: 'leaf', id: 'leaf', path: ['root', 'left', 'leaf'], family: ['leaf'] },
    { name: 'unknown', id: 'none', path: [], family: [] },
  ],
  ({ id, path, family }) => {
    assert.equal(
      pathTo(tree, id).map((each) => each.id),
      path,
    );
    assert.equal(familyOf(tree, id), family);
  },
);

test('a cycle ends', () => {
  const cycle = new Map([group('a', 'b'), group('b', 'a')]);
  assert.is(pathTo(cycle, 'a').length, 64);
});

test('only a lock above counts as locked', () => {
  const path = [
    { ...group('root', null)[1], settings: settings({}) },
    { ...group('left', 'root')[1], settings: settings({ lock: true }) },
    { ...group('leaf', 'left')[1], settings: settings({ lock: true }) },
  ];
  assert.is(lockedBy(path, 'certificates')?.id, 'left');
  assert.is(lockedBy(path.slice(0, 2), 'certificates'), null);
});

const file = (name: string): Buffer => readFileSync(`test/vectors/certificates/${name}.pem`);
function der(name: string): Uint8Array {
  const read = readCertificateFile(file(name));
  const [first] = read.ok ? read.value : [];
  if (!first) throw new Error(`${name} cannot be read`);
  return first.der;
}
const serverLeaf = issue({ cn: 'server.example', dns: ['server.example'] });
const nextLeaf = issue({ cn: 'next.example', dns: ['server.example'] });
const weak = issue({ cn: 'weak', ca: true, key: rsaKey(1024) });
const main = toBase64(serverLeaf.der);
const next = toBase64(nextLeaf.der);
const entry = (bytes: Uint8Array, purpose: Entry['purpose'] = 'rdp', name = 'a.pem'): Entry => ({
  purpose,
  file: name,
  certificate: toBase64(bytes),
  fingerprint: fingerprintOf(bytes),
});
const body = (change: Partial<Settings>, reserve: string | null = null): PolicyBody =>
  composePolicy({
    group: { id: '6b9dd1f2-94e5-4b6f-8b6f-0242ac130003', name: 'Office' },
    settings: { ...emptySettings, ...change },
    server: { main, reserve: reserve === null ? null : { certificate: reserve, activateAt: 1 } },
    addresses: { https: 'server.example:443', mqtt: 'server.example:8883' },
  });
const withEntries = (entries: readonly Entry[]): PolicyBody => body({ certificates: { enforced: false, entries } });
const blocking = (...blocklist: readonly Uint8Array[]) => ({
  blocklist: blocklist.map((bytes) => fingerprintOf(bytes)),
});

test('a composed policy has the shape of the wire', () => {
  const dates = { aud: 'a', rev: 1, iat: 1, refreshBefore: 2 };
  const composed = { ...dates, ...withEntries([entry(der('authority')), entry(der('p384'), 'log')]) };
  const checked = check('policy', composed);
  assert.ok(checked.ok);
});

const refusals: readonly {
  readonly name: string;
  readonly policy: PolicyBody;
  readonly faults: readonly FaultCode[];
}[] = [
  { name: 'empty', policy: body({}), faults: [] },
  { name: 'good ones', policy: withEntries([entry(der('authority')), entry(der('authority'), 'log')]), faults: [] },
  {
    name: 'the same twice',
    policy: withEntries([entry(der('authority')), entry(der('authority'))]),
    faults: ['certificate-twice'],
  },
  {
    name: 'a server that cannot be asked',
    policy: body({ device: rdp('a b').device }),
    faults: ['bad-argument'],
  },
  { name: 'a weak key', policy: withEntries([entry(weak.der)]), faults: ['certificate-weak-key'] },
  {
    name: 'a fault for each bad one',
    policy: withEntries([entry(weak.der), entry(der('authority')), entry(Buffer.from('junk'))]),
    faults: ['certificate-weak-key', 'certificate-unreadable'],
  },
  {
    name: 'an oversized one',
    policy: withEntries([entry(Buffer.alloc(20_000, 1))]),
    faults: ['certificate-too-large'],
  },
  {
    name: '513 certificates',
    policy: withEntries(Array.from({ length: 513 }, () => entry(der('authority')))),
    faults: ['too-many-certificates'],
  },
  {
    name: 'over 1 MiB',
    policy: withEntries(Array.from({ length: 60 }, (_, index) => entry(Buffer.alloc(16_000, index)))),
    faults: ['too-large'],
  },
  {
    name: 'too long a blocklist',
    policy: body({ blocklist: Array.from({ length: 4097 }, () => 'f'.repeat(64)) }),
    faults: ['too-large'],
  },
  { name: 'blocks the main certificate', policy: body(blocking(serverLeaf.der)), faults: ['would-strand'] },
  { name: 'blocks it, with a reserve', policy: body(blocking(serverLeaf.der), next), faults: [] },
  { name: 'blocks both', policy: body(blocking(serverLeaf.der, nextLeaf.der), next), faults: ['would-strand'] },
  { name: 'blocks something else', policy: body(blocking(nextLeaf.der)), faults: [] },
  {
    name: 'a reserve that is an authority',
    policy: body({}, toBase64(der('authority'))),
    faults: ['certificate-wrong-kind'],
  },
];
table('checkPolicy', refusals, ({ policy, faults }) => {
  assert.equal(
    checkPolicy(policy).map(({ code }) => code),
    faults,
  );
});
