/** Policies, the server's own certificates and confirmation codes over a real database. */
import { readFileSync } from 'node:fs';
import { fingerprintOf, fromBase64, toBase64, toPem } from '../../protocol/certificate.ts';
import { deriveSecret, makeConfirmation, parseReplacement } from '../../protocol/codes.ts';
import type { Policy } from '../../protocol/schema.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { policyTopic } from '../../protocol/topics.ts';
import { setBlocked } from '../../server/edge/blocking.ts';
import { answerCode, lookUpCode } from '../../server/edge/codes.ts';
import { markCompromised } from '../../server/edge/compromised.ts';
import { listAudit } from '../../server/edge/overview.ts';
import { addGroup } from '../../server/edge/places.ts';
import { addCertificates, removeCertificates, setContacts, setLock, showPolicy } from '../../server/edge/policies.ts';
import { addRevocationLists, removeRevocationList, setRevocation } from '../../server/edge/revocation-lists.ts';
import {
  listServerCertificates,
  readGate,
  resetReserve,
  scheduleReserve,
  switchCertificate,
} from '../../server/edge/rotation.ts';
import { changeChoices, tick } from '../../server/edge/upkeep.ts';
import {
  addTwin,
  auditOf,
  bytes,
  codeOf,
  type FleetServer,
  payloadOf,
  register,
  report,
  start,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { issue, issueList, rsaKey } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';
const file = (name: string): Buffer => readFileSync(`test/vectors/certificates/${name}.pem`);
const pem = (name: string): string => file(name).toString('latin1');
const upload = (content: Uint8Array, purpose: 'rdp' | 'log' = 'rdp') => ({ purpose, file: 'roots.pem', content });
const weak = toPem(issue({ cn: 'weak', ca: true, key: rsaKey(1024) }).der);
const contacts = (name: string) => ({ name, phone: '+7 000 000-00-00', email: '', note: '' });

const policyOf = ({ published }: FleetServer, group: string): Policy =>
  payloadOf(published.findLast(({ topic }) => topic === policyTopic(group))?.payload ?? '') as Policy;

/** Office with Floor below it. */
async function offices({ server }: FleetServer): Promise<{ readonly office: string; readonly floor: string }> {
  const office = value(await addGroup(server, admin, { name: 'Office' })).id;
  return { office, floor: value(await addGroup(server, admin, { name: 'Floor', parent: 'Office' })).id };
}

test('a certificate of a parent reaches its children, and what is taken away leaves them', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { office, floor } = await offices(world);
    const [added = ''] = value(await addCertificates(server, admin, 'Office', upload(file('authority'))));
    value(await addCertificates(server, admin, 'Floor', upload(file('p384'), 'log')));
    await world.publish();
    assert.equal(
      policyOf(world, office).certificates.entries.map(({ purpose }) => purpose),
      ['rdp'],
    );
    assert.equal(
      policyOf(world, floor).certificates.entries.map(({ purpose }) => purpose),
      ['rdp', 'log'],
    );
    assert.is(policyOf(world, floor).certificates.entries[0]?.file, 'roots.pem');
    value(await removeCertificates(server, admin, 'Office', [{ fingerprint: added }]));
    await world.publish();
    assert.equal(
      policyOf(world, floor).certificates.entries.map(({ purpose }) => purpose),
      ['log'],
    );
  }));

test('every certificate of a file counts, with Windows line ends and text around', () =>
  withFleet(async (world) => {
    await offices(world);
    const text = `roots of the company\r\n${pem('authority')}\n\nand more\n${pem('p521')}`.replaceAll('\n', '\r\n');
    const added = value(await addCertificates(world.server, admin, 'Office', upload(Buffer.from(text))));
    assert.is(added.length, 2);
  }));

table(
  'uploads that are refused leave the policy as it was',
  [
    { name: 'junk', content: Buffer.from('junk'), codes: ['certificate-unreadable'] },
    { name: 'empty', content: Buffer.alloc(0), codes: ['certificate-unreadable'] },
    {
      name: 'a fault for each bad one',
      content: Buffer.from(weak + pem('authority') + pem('rsa1024')),
      codes: ['certificate-weak-key', 'certificate-weak-key'],
    },
    {
      name: 'a fault for each that cannot be read, and for each other bad one (F29)',
      content: Buffer.from(
        `${toPem(Buffer.from('3003020101', 'hex'))}${pem('authority')}${weak}-----BEGIN CERTIFICATE-----\n`,
      ),
      codes: ['certificate-unreadable', 'certificate-weak-key', 'certificate-unreadable'],
    },
    {
      name: 'the same twice in a file',
      content: Buffer.from(pem('authority') + pem('authority')),
      codes: ['certificate-twice'],
    },
    { name: 'the same as there is', content: file('p256'), codes: ['certificate-twice'] },
    { name: '9 MiB', content: Buffer.alloc(9 * 1024 * 1024, 65), codes: ['too-large'] },
    { name: 'an unknown group', group: 'none', content: file('authority'), codes: ['not-found'] },
    { name: 'a group of the server', group: 'Unassigned', content: file('authority'), codes: ['not-allowed'] },
    { name: 'below a lock', group: 'Floor', lock: true, content: file('authority'), codes: ['not-allowed'] },
  ] as {
    readonly name: string;
    readonly group?: string;
    readonly lock?: boolean;
    readonly content: Buffer;
    readonly codes: readonly string[];
  }[],
  ({ group = 'Office', lock = false, content, codes }) =>
    withFleet(async (world) => {
      const { server } = world;
      await offices(world);
      value(await addCertificates(server, admin, 'Office', upload(file('p256'))));
      value(await setLock(server, admin, 'Office', { block: 'certificates', enforced: lock }));
      const before = value(await showPolicy(server, 'Office'));
      const refused = await addCertificates(server, admin, group, upload(content));
      assert.equal(refused.ok ? [] : refused.faults.map(({ code }) => code), codes);
      assert.equal(value(await showPolicy(server, 'Office')), before);
    }),
);

test('512 certificates fit, one more does not', () =>
  withFleet(async (world) => {
    const { server } = world;
    await offices(world);
    const authority = issue({ cn: 'many', ca: true });
    const many = Array.from({ length: 513 }, (_, index) => toPem(issue({ cn: `leaf ${index}`, by: authority }).der));
    const first = Buffer.from(many.slice(0, 512).join(''));
    assert.is(value(await addCertificates(server, admin, 'Office', upload(first))).length, 512);
    const refused = await addCertificates(server, admin, 'Office', upload(Buffer.from(many[512] ?? '')));
    assert.is(refused.ok ? null : refused.fault.code, 'too-many-certificates');
    const below = await addCertificates(server, admin, 'Floor', upload(file('p256')));
    assert.is(below.ok ? null : below.fault.code, 'too-many-certificates', 'what is inherited counts');
  }));

const authority = issue({ cn: 'Servers', ca: true });
/** Of the same name, with another key. */
const impostor = issue({ cn: 'Servers', ca: true });
const old = issueList({ by: authority, number: 1, from: '2026-01-01T00:00:00Z' });
const fresh = issueList({ by: authority, number: 2, from: '2026-02-01T00:00:00Z', revoked: [authority] });
const list = (content: Uint8Array) => ({ file: 'list.crl', content });

test('revocation is the strictest of the path, with the newest list of each authority', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { office, floor } = await offices(world);
    value(await addCertificates(server, admin, 'Office', upload(Buffer.from(toPem(authority.der)))));
    const [first = ''] = value(await addRevocationLists(server, admin, 'Office', list(old)));
    await world.publish();
    assert.is(policyOf(world, office).revocation, undefined, 'off everywhere: nothing of it is sent');

    value(await setRevocation(server, admin, 'Office', { purpose: 'rdp', mode: 'soft' }));
    value(await setRevocation(server, admin, 'Floor', { purpose: 'rdp', mode: 'off' }));
    value(await setRevocation(server, admin, 'Floor', { purpose: 'log', mode: 'hard' }));
    await world.publish();
    const { lists, ...modes } = policyOf(world, floor).revocation ?? { lists: [] };
    assert.equal(modes, { rdp: 'soft', broker: 'off', log: 'hard' });
    assert.equal(lists, [toBase64(old)]);
    assert.is(policyOf(world, office).revocation?.log, 'off');

    const [second = ''] = value(
      await addRevocationLists(server, admin, 'Floor', list(Buffer.from(toPem(fresh, 'X509 CRL')))),
    );
    await world.publish();
    assert.equal(policyOf(world, floor).revocation?.lists, [toBase64(fresh)]);
    assert.equal(policyOf(world, office).revocation?.lists, [toBase64(old)]);
    assert.is(codeOf(await removeRevocationList(server, admin, 'Office', second)), 'not-found');
    value(await removeRevocationList(server, admin, 'Floor', second));
    value(await addRevocationLists(server, admin, 'Office', list(fresh)));
    await world.publish();
    assert.equal(policyOf(world, floor).revocation?.lists, [toBase64(fresh)]);
    assert.is(codeOf(await removeRevocationList(server, admin, 'Office', first)), 'not-found', 'replaced');
    assert.is((await auditOf(world)).filter((action) => action === 'revocation-list-added').length, 3);
  }));

table(
  'revocation lists that are refused',
  [
    { name: 'junk', content: Buffer.from('junk'), code: 'crl-unreadable' },
    { name: 'a certificate', content: Buffer.from(toPem(authority.der)), code: 'crl-unreadable' },
    { name: 'changes only', content: issueList({ by: authority, number: 3, delta: true }), code: 'crl-partial' },
    { name: 'the one there is', content: fresh, code: 'crl-older' },
    { name: 'an older one', content: old, code: 'crl-older' },
    { name: 'not by the authority of that name', content: issueList({ by: impostor, number: 9 }), code: 'crl-forged' },
    { name: 'an older one below', group: 'Floor', content: old, code: 'crl-older' },
    { name: 'an unknown group', group: 'none', content: fresh, code: 'not-found' },
    { name: 'a group of the server', group: 'Unassigned', content: fresh, code: 'not-allowed' },
    { name: 'below a lock', group: 'Floor', lock: true, content: fresh, code: 'not-allowed' },
  ] as {
    readonly name: string;
    readonly group?: string;
    readonly lock?: boolean;
    readonly content: Buffer;
    readonly code: string;
  }[],
  ({ group = 'Office', lock = false, content, code }) =>
    withFleet(async (world) => {
      const { server } = world;
      await offices(world);
      value(await addCertificates(server, admin, 'Office', upload(Buffer.from(toPem(authority.der)))));
      value(await addRevocationLists(server, admin, 'Office', list(fresh)));
      value(await setLock(server, admin, 'Office', { block: 'certificates', enforced: lock }));
      const before = value(await showPolicy(server, 'Office'));
      assert.is(codeOf(await addRevocationLists(server, admin, group, list(content))), code);
      assert.equal(value(await showPolicy(server, 'Office')), before);
    }),
);

test('a list of an authority that is not among the certificates is taken; devices judge it', () =>
  withFleet(async (world) => {
    const { server } = world;
    await offices(world);
    value(await addRevocationLists(server, admin, 'Office', list(old)));
    assert.is(value(await showPolicy(server, 'Office')).effective.revocation.lists.length, 1);
  }));

test('contacts are inherited, overridden and locked', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { floor } = await offices(world);
    const seen = async () => {
      await world.publish();
      return policyOf(world, floor).contacts.value?.name ?? null;
    };
    value(await setContacts(server, admin, 'Office', contacts('Service desk')));
    assert.is(await seen(), 'Service desk');
    value(await setContacts(server, admin, 'Floor', contacts('Floor desk')));
    assert.is(await seen(), 'Floor desk');
    value(await setLock(server, admin, 'Office', { block: 'contacts', enforced: true }));
    assert.is(await seen(), 'Service desk');
    assert.is(codeOf(await setContacts(server, admin, 'Floor', null)), 'not-allowed');
    value(await setLock(server, admin, 'Office', { block: 'contacts', enforced: false }));
    value(await setContacts(server, admin, 'Floor', null));
    assert.is(await seen(), 'Service desk');
    value(await setContacts(server, admin, 'Unassigned', contacts('Helpers')));
  }));

test('a policy that would strand its devices is refused, until there is a reserve', () =>
  withFleet(async (world) => {
    const { server } = world;
    await offices(world);
    const [main] = await listServerCertificates(server);
    const blocked = { fingerprint: main?.fingerprint ?? '', blocked: true };
    assert.is(codeOf(await setBlocked(server, admin, 'Office', blocked)), 'would-strand');
    assert.equal(value(await showPolicy(server, 'Office')).own.blocklist, []);
    value(await scheduleReserve(server, admin, start));
    value(await setBlocked(server, admin, 'Office', blocked));
    assert.is(codeOf(await resetReserve(server, admin)), 'would-strand');
    value(await setBlocked(server, admin, 'Office', { ...blocked, blocked: false }));
    value(await resetReserve(server, admin));
    assert.is(codeOf(await setBlocked(server, admin, 'Office', { ...blocked, blocked: false })), 'not-found');
  }));

test('three devices, one absent: the gate stays shut, and the switch needs an override', () =>
  withFleet(async (world) => {
    const { server, fleet, served } = world;
    const { office } = await offices(world);
    const devices = await Promise.all(['one', 'two', 'absent'].map((name) => register(world, name, 'Office')));
    const [old] = await listServerCertificates(server);
    assert.is(codeOf(await switchCertificate(server, admin, true)), 'no-reserve');
    const reserve = value(await scheduleReserve(server, admin, instant(start + 7 * dayMs)));
    assert.is(codeOf(await scheduleReserve(server, admin, start)), 'reserve-there');
    await world.publish();
    const pins = policyOf(world, office).server;
    assert.is(fingerprintOf(fromBase64(pins.reserve?.certificate ?? '')), reserve.fingerprint);
    assert.is(pins.reserve?.activateAt, start + 7 * dayMs);
    for (const { id } of devices.slice(0, 2)) {
      const held = { current: old?.fingerprint ?? '', reserve: reserve.fingerprint, previous: null };
      value(await fleet.receive(id, 'report', bytes(report(id, { pins: held }))));
    }
    const gate = value(await readGate(server));
    assert.is(gate.open, false);
    assert.equal(
      gate.notReady.map(({ name, lastSeen }) => [name, lastSeen]),
      [['absent', null]],
    );
    const refused = await switchCertificate(server, admin, false);
    assert.equal(refused.ok ? null : refused.fault, {
      code: 'devices-not-ready',
      kind: 'rejected',
      facts: { count: 1, devices: 'absent' },
    });
    assert.is(served.length, 0);
    assert.is(codeOf(await switchCertificate(server, admin, 0)), 'devices-not-ready', 'more than was told');
    const switched = value(await switchCertificate(server, admin, 1));
    assert.is(switched.main, reserve.fingerprint);
    assert.is(switched.previous, old?.fingerprint);
    assert.equal(switched.listeners, [{ listener: 'test', fingerprint: null, right: false }]);
    assert.is(served.length, 1);
    assert.ok((await auditOf(world)).includes('listener-serves-other'));
    await world.publish();
    const after = policyOf(world, office).server;
    assert.is(fingerprintOf(fromBase64(after.main)), reserve.fingerprint);
    assert.is(after.reserve, null);
    const roles = (await listServerCertificates(server)).map(({ role }) => role).sort();
    assert.equal(roles, ['main', 'previous']);
    value(await scheduleReserve(server, admin, start));
    value(await switchCertificate(server, admin, true));
    assert.equal((await listServerCertificates(server)).map(({ role }) => role).sort(), [
      'main',
      'previous',
      'retired',
    ]);
  }));

test('a certificate of the server that is marked compromised is blocked for every group, and the main one is not', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const { office, floor } = await offices(world);
    const { id } = await register(world, 'one', 'Office');
    const [old] = await listServerCertificates(server);
    const lost = { fingerprint: old?.fingerprint ?? '', look: false };
    assert.is(codeOf(await markCompromised(server, admin, lost)), 'would-strand');
    assert.is(codeOf(await markCompromised(server, admin, { ...lost, fingerprint: 'f'.repeat(64) })), 'not-found');
    const held = { current: lost.fingerprint, reserve: null, previous: null };
    value(await fleet.receive(id, 'report', bytes(report(id, { pins: held }))));
    const reserve = value(await scheduleReserve(server, admin, start, 'rsa-3072'));
    assert.equal([reserve.key, reserve.since, reserve.compromised], ['RSA 3072', start, false]);
    world.time.now = instant(start + dayMs);
    value(await switchCertificate(server, admin, true));
    assert.is(value(await markCompromised(server, admin, { ...lost, look: true })).devices, 1);
    assert.is(
      (await listServerCertificates(server)).some(({ compromised }) => compromised),
      false,
    );
    assert.equal(value(await markCompromised(server, admin, lost)), { fingerprint: lost.fingerprint, devices: 1 });
    await world.publish();
    for (const group of [office, floor]) assert.equal(policyOf(world, group).blocklist, [lost.fingerprint]);
    const rows = await listServerCertificates(server);
    assert.equal(Object.fromEntries(rows.map(({ role, since, compromised }) => [role, [since - start, compromised]])), {
      main: [dayMs, false],
      previous: [0, true],
    });
    const next = value(await scheduleReserve(server, admin, start));
    value(await markCompromised(server, admin, { fingerprint: next.fingerprint, look: false }));
    assert.is(codeOf(await readGate(server)), 'no-reserve', 'a reserve is taken back');
  }));

table(
  'activation dates that cannot be',
  [
    { name: 'two days ago', at: start - 2 * dayMs },
    { name: 'after its own end', at: start + 400 * dayMs },
  ],
  ({ at }) =>
    withFleet(async ({ server }) => {
      assert.is(codeOf(await scheduleReserve(server, admin, instant(at))), 'bad-argument');
    }),
);

test('documents are signed again after seven days, not before', () =>
  withFleet(async (world) => {
    const { server, time } = world;
    const { office } = await offices(world);
    await register(world, 'kiosk', 'Office');
    const revs = async () => {
      await world.publish();
      return world.published.length;
    };
    const before = await revs();
    time.now = instant(start + 7 * dayMs - 1);
    await tick(server);
    assert.is(await revs(), before);
    time.now = instant(start + 7 * dayMs);
    await tick(server);
    assert.is(await revs(), before + 4, 'three groups and one device');
    assert.is(policyOf(world, office).iat, (start + 7 * dayMs) / 1000);
  }));

test('a reserve comes by itself 90 days before the end and takes over when all devices hold it', () =>
  withFleet(async (world) => {
    const { server, fleet, time } = world;
    const { id } = await register(world, 'kiosk');
    const [main] = await listServerCertificates(server);
    const end = main?.notAfter ?? 0;
    time.now = instant(end - 91 * dayMs);
    await tick(server);
    assert.is(codeOf(await readGate(server)), 'no-reserve');
    time.now = instant(end - 90 * dayMs);
    await tick(server);
    const reserve = (await listServerCertificates(server)).find(({ role }) => role === 'reserve');
    assert.is(reserve?.activateAt, end - 30 * dayMs);
    time.now = instant(end - 30 * dayMs);
    const forged = { format: 1, seq: 1, at: end, clock: 'known', event: 'switch-waits', facts: {} };
    value(await fleet.receive(id, 'event', bytes(forged)));
    await tick(server);
    await tick(server);
    const warned = (await listAudit(server, 1000)).filter(({ action }) => action === 'switch-waits');
    assert.equal(
      warned.map(({ actor }) => actor),
      ['server', id],
      'warned once a day, whatever a device says of itself',
    );
    const held = { current: main?.fingerprint ?? '', reserve: reserve?.fingerprint ?? '', previous: null };
    value(await fleet.receive(id, 'report', bytes(report(id, { pins: held }))));
    await tick(server);
    const now = await listServerCertificates(server);
    assert.is(now.find(({ role }) => role === 'main')?.fingerprint, reserve?.fingerprint);
    assert.is(now.find(({ role }) => role === 'previous')?.fingerprint, main?.fingerprint);
  }));

test('new addresses are told by every policy', () =>
  withFleet(async (world) => {
    const { office } = await offices(world);
    assert.is(value(await changeChoices(world.server, { httpsPort: 4430 })), false);
    assert.is(value(await changeChoices(world.server, { httpsPort: 4431 })), true);
    await world.publish();
    assert.is(policyOf(world, office).addresses.https, '127.0.0.1:4431');
  }));

async function confirmationOf({ server }: FleetServer, device: string, der: Uint8Array, counter = 7): Promise<string> {
  const secret = deriveSecret(server.keys.codeMaster, device, 1);
  return makeConfirmation({ secret, deviceId: device, certificateDer: der, action: 1, counter });
}

async function mainDer({ server }: FleetServer): Promise<Uint8Array> {
  const row = await server.db
    .selectFrom('server_certificates')
    .select('chain')
    .where('role', '=', 'main')
    .executeTakeFirst();
  return fromBase64((JSON.parse(row?.chain ?? '[]') as string[])[0] ?? '');
}

test('a code is answered with its device and certificate, on record first', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { id } = await register(world, 'kiosk');
    const der = await mainDer(world);
    const code = await confirmationOf(world, id, der);
    const answer = value(await answerCode(server, admin, { code }));
    assert.equal(answer.device, { id, name: 'kiosk', group: 'Unassigned', presence: 'offline', lastSeen: null });
    assert.is(answer.action, 'replaceCertificate');
    assert.is(answer.certificate?.view.fingerprint, fingerprintOf(der));
    assert.is(answer.certificate?.role, 'main');
    assert.ok(parseReplacement(answer.replacementCode).ok);
    assert.match(answer.replacementCode, /^\d{4} \d{4} \d{4}$/);
    assert.is((await auditOf(world))[0], 'code-answered replaceCertificate');
  }));

table(
  'codes that get no answer',
  [
    { name: 'a typing error', code: () => '1234 5678 9012 3456', fault: 'code-typo' },
    {
      name: 'a stranger’s certificate',
      code: (world, id) => confirmationOf(world, id, Buffer.from('interceptor')),
      fault: 'code-not-ours',
      audited: true,
    },
    {
      name: 'a device that is none of ours',
      code: async (world) => confirmationOf(world, '2b902f89-1818-4d5d-8195-7504d90ee2e8', await mainDer(world)),
      fault: 'code-not-ours',
      audited: true,
    },
    {
      name: 'a certificate given up',
      code: async (world, id) => {
        const der = await mainDer(world);
        for (const _ of [1, 2]) {
          value(await scheduleReserve(world.server, admin, start));
          value(await switchCertificate(world.server, admin, true));
        }
        return confirmationOf(world, id, der);
      },
      fault: 'code-not-ours',
      audited: true,
    },
    {
      name: 'another device named',
      code: async (world, id) => confirmationOf(world, id, await mainDer(world)),
      device: 'other',
      fault: 'code-not-ours',
    },
    {
      name: 'an unknown device named',
      code: async (world, id) => confirmationOf(world, id, await mainDer(world)),
      device: 'none',
      fault: 'not-found',
    },
  ] as {
    readonly name: string;
    readonly code: (world: FleetServer, id: string) => string | Promise<string>;
    readonly device?: string;
    readonly fault: string;
    readonly audited?: boolean;
  }[],
  ({ code, device, fault, audited }) =>
    withFleet(async (world) => {
      const { id } = await register(world, 'kiosk');
      await register(world, 'other');
      const question = { code: await code(world, id), ...(device === undefined ? {} : { device }) };
      assert.is(codeOf(await answerCode(world.server, admin, question)), fault);
      if (audited) assert.is((await auditOf(world))[0], `code-refused ${fault}`);
    }),
);

test('a code that fits two devices names both, and one is picked', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { id } = await register(world, 'kiosk');
    const der = await mainDer(world);
    // Their tags agree for some counter: found by looking, about one counter in 10^4 does.
    const twin = await addTwin(world, id);
    let code = '';
    for (let counter = 0; counter < 100_000 && code === ''; counter++) {
      const one = await confirmationOf(world, id, der, counter);
      if (one === (await confirmationOf(world, twin, der, counter))) code = one;
    }
    assert.is.not(code, '');
    const refused = await answerCode(server, admin, { code });
    assert.is(codeOf(refused), 'code-ambiguous');
    const devices = refused.ok ? '' : String(refused.fault.facts['devices']);
    assert.ok(devices.includes(id) && devices.includes(twin));
    assert.equal(refused.candidates?.map(({ device }) => device.id).sort(), [id, twin].sort());
    assert.is(codeOf(await lookUpCode(server, admin, { code })), 'code-ambiguous');
    const looked = value(await lookUpCode(server, admin, { code, device: 'twin' }));
    assert.equal(
      [looked.device.id, 'replacementCode' in looked, (await auditOf(world))[0]],
      [twin, false, 'code-refused code-ambiguous'],
    );
    assert.is(value(await answerCode(server, admin, { code, device: 'twin' })).device.id, twin);
    assert.is(value(await answerCode(server, admin, { code, device: id })).device.id, id);
  }));
