/** Renewal, retirement and second enrolment over a real database; slots, commands and the list of identities. */
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { deriveSecret, makeConfirmation } from '../../protocol/codes.ts';
import { openJws } from '../../protocol/jws.ts';
import { reenrolmentPassword } from '../../protocol/reenrolment.ts';
import type { Command, DeviceDocument, Policy } from '../../protocol/schema.ts';
import { dayMs, hourMs, instant, minuteMs } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { check } from '../../protocol/validate.ts';
import type { IssuanceRules } from '../../server/core/issuance.ts';
import type { RenewalProof } from '../../server/core/ports.ts';
import { answerCode } from '../../server/edge/codes.ts';
import { readIdentity, writeIdentity } from '../../server/edge/context.ts';
import { allDevices, makeFleet } from '../../server/edge/fleet.ts';
import { deleteIdentity, listIdentities, renewIdentity } from '../../server/edge/identities.ts';
import { invite } from '../../server/edge/invitations.ts';
import { setRules } from '../../server/edge/issuance.ts';
import { readServerCertificates } from '../../server/edge/pins.ts';
import { addGroup, listDevices, moveDevice, removeDevice, showDevice } from '../../server/edge/places.ts';
import { setIdentity, setLock } from '../../server/edge/policies.ts';
import { queueEverything } from '../../server/edge/publishing.ts';
import { readGate, scheduleReserve } from '../../server/edge/rotation.ts';
import { readRules } from '../../server/edge/rules.ts';
import { tick } from '../../server/edge/upkeep.ts';
import {
  auditOf,
  bytes,
  codeOf,
  type Enrolled,
  type FleetServer,
  payloadOf,
  proofOf,
  register,
  report,
  start,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';
const later = (days: number) => instant(start + days * dayMs);

function renewalProof(chain: readonly Uint8Array[]): RenewalProof {
  const { notBefore, notAfter } = value(parseCertificate(chain[0] ?? new Uint8Array()));
  return { ...proofOf(chain), notBefore, notAfter };
}
const leafOf = (chain: readonly Uint8Array[]): string => Buffer.from(chain[0] ?? []).toString('hex');
const newest = (world: FleetServer, topic: string) =>
  payloadOf(world.published.findLast((each) => each.topic === topic)?.payload ?? '');
const documentOf = (world: FleetServer, id: string) =>
  newest(world, deviceLeafTopic(id, 'device')) as unknown as DeviceDocument;
const statuses = async ({ server }: FleetServer) => (await listIdentities(server)).map(({ status }) => status);

/** Renewed by a new key, and used once. */
async function renewed({ fleet }: FleetServer, device: Pick<Enrolled, 'id' | 'chain'>): Promise<Enrolled> {
  const key = makeKey();
  const chain = value(await fleet.renew(renewalProof(device.chain), makeRequest(key, device.id)));
  const proof = proofOf(chain);
  assert.is(value(await fleet.deviceOf(proof)), device.id);
  return { id: device.id, key, chain, proof };
}

test('a renewal: the same key the same certificate, until it is used; both are valid then', () =>
  withFleet(async (world) => {
    const { fleet, time } = world;
    const device = await register(world, 'kiosk');
    time.now = later(340);
    const proof = renewalProof(device.chain);
    assert.is(value(await fleet.mayRenew(proof)), device.id);
    const csrDer = makeRequest(makeKey(), device.id);
    const first = value(await fleet.renew(proof, csrDer));
    const leaf = value(parseCertificate(first[0] ?? new Uint8Array()));
    assert.is(leaf.owner, device.id);
    assert.is(leaf.notBefore, time.now - hourMs, 'back-dated (F6)');
    assert.is(leaf.notAfter, time.now - hourMs + 365 * dayMs - 1000);
    assert.match(leaf.serial, /^[0-9A-F]{28,32}$/);
    assert.is(leafOf(value(await fleet.renew(proof, csrDer))), leafOf(first));
    assert.equal(await statuses(world), ['valid', 'issued']);
    assert.is(value(await fleet.deviceOf(proofOf(first))), device.id);
    assert.equal(await statuses(world), ['superseded', 'renewed']);
    const used = await fleet.renew(proof, csrDer);
    assert.is(codeOf(used), 'csr-refused');
    assert.is(value(await fleet.deviceOf(device.proof)), device.id, 'the old one is valid until its end');
    const audit = await auditOf(world);
    assert.equal(audit.slice(0, 3), ['message-refused csr-refused', 'identity-renewed', 'identity-issued']);
  }));

test('two requests at once with one key make one identity', () =>
  withFleet(async (world) => {
    const device = await register(world, 'kiosk');
    const csrDer = makeRequest(makeKey(), device.id);
    const both = await Promise.all([1, 2].map(() => world.fleet.renew(renewalProof(device.chain), csrDer)));
    const [one, other] = both.map((each) => leafOf(value(each)));
    assert.is(one, other);
    assert.is((await listIdentities(world.server)).length, 2);
  }));

table(
  'when a renewal was, for the record',
  [
    { name: 'long before the window', days: 10, when: 'early' },
    { name: 'a day before the window', days: 333, when: 'early' },
    { name: 'in the window', days: 336, when: 'in the window' },
    { name: 'after the end', days: 380, when: 'after the end' },
  ],
  ({ days, when }) =>
    withFleet(async (world) => {
      const device = await register(world, 'kiosk');
      world.time.now = later(days);
      value(await world.fleet.renew(renewalProof(device.chain), makeRequest(makeKey(), device.id)));
      const row = await world.server.db
        .selectFrom('audit')
        .select('facts')
        .where('action', '=', 'identity-issued')
        .executeTakeFirstOrThrow();
      assert.is(JSON.parse(row.facts).when, when);
    }),
);

test('30 days after its end a device is retired, for good, and what it never used is of no use', () =>
  withFleet(async (world) => {
    const { server, fleet, time } = world;
    const device = await register(world, 'kiosk');
    const proof = renewalProof(device.chain);
    time.now = later(364 + 30);
    const unused = value(await fleet.renew(proof, makeRequest(makeKey(), device.id)));
    time.now = later(366 + 30);
    assert.is(codeOf(await fleet.mayRenew(proof)), 'identity-retired');
    assert.is((await listDevices(server))[0]?.standing, 'retired');
    assert.equal(await statuses(world), ['retired', 'issued']);
    assert.is(codeOf(await fleet.deviceOf(proofOf(unused))), 'identity-refused');
    assert.is(codeOf(await fleet.mayRenew(renewalProof(unused))), 'identity-retired');
    assert.is(await fleet.groupOf(device.id), null);
    assert.equal(world.refreshed.at(-1), { id: device.id, group: null });
    assert.equal(await allDevices(server), []);
    time.now = later(380);
    assert.is(codeOf(await fleet.mayRenew(proof)), 'identity-retired', 'a clock that goes back changes nothing');
    assert.is(codeOf(await fleet.renew(proof, makeRequest(makeKey(), device.id))), 'identity-refused');
    assert.is((await auditOf(world)).filter((each) => each === 'device-retired').length, 1);
  }));

test('a copy from long ago does not retire the device that goes on', () =>
  withFleet(async (world) => {
    const device = await register(world, 'kiosk');
    world.time.now = later(350);
    await renewed(world, device);
    world.time.now = later(500);
    assert.is(codeOf(await world.fleet.mayRenew(renewalProof(device.chain))), 'identity-refused');
    assert.is((await listDevices(world.server))[0]?.standing, 'active');
  }));

table(
  'requests that are refused change nothing',
  [
    { name: 'another subject', csr: () => makeRequest(makeKey(), 'another'), code: 'csr-refused' },
    { name: 'the key in use', csr: ({ key, id }) => makeRequest(key, id), code: 'csr-refused' },
    { name: 'junk', csr: () => Buffer.from('junk'), code: 'csr-refused' },
    { name: '17 KiB', csr: () => Buffer.alloc(17 * 1024), code: 'too-large' },
  ] as { readonly name: string; readonly csr: (device: Enrolled) => Uint8Array; readonly code: string }[],
  ({ csr, code }) =>
    withFleet(async (world) => {
      const device = await register(world, 'kiosk');
      assert.is(codeOf(await world.fleet.renew(renewalProof(device.chain), csr(device))), code);
      assert.is((await listIdentities(world.server)).length, 1);
      assert.is((await auditOf(world))[0], `message-refused ${code}`);
    }),
);

test('a device that forgets its keys gets ten identities a day', () =>
  withFleet(async (world) => {
    const device = await register(world, 'kiosk');
    world.time.now = later(340);
    const ask = async () =>
      codeOf(await world.fleet.renew(renewalProof(device.chain), makeRequest(makeKey(), device.id)));
    const asked: (string | null)[] = [];
    for (let index = 0; index < 12; index++) asked.push(await ask());
    assert.equal(asked, [...Array(10).fill(null), 'busy', 'busy']);
    world.time.now = later(341.1);
    assert.is(await ask(), null);
  }));

test('rules are set for the whole server, within their bounds, and one keeps the others', () =>
  withFleet(async (world) => {
    value(await setRules(world.server, admin, { validityDays: 90 }));
    value(await setRules(world.server, admin, { passwordLength: 16, renewBeforeDays: 7 }));
    const device = await register(world, 'kiosk');
    assert.is(renewalProof(device.chain).notAfter, start - hourMs + 90 * dayMs - 1000);
    const { password } = value(await invite(world.server, admin, {}));
    assert.is(password.replaceAll('-', '').length, 16);
    const bad: readonly Partial<IssuanceRules>[] = [
      ...[0, 398, 1.5].map((validityDays) => ({ validityDays })),
      ...[0, 61].map((renewBeforeDays) => ({ renewBeforeDays })),
      ...[7, 17].map((passwordLength) => ({ passwordLength })),
      {},
    ];
    for (const each of bad) assert.is(codeOf(await setRules(world.server, admin, each)), 'bad-argument');
    assert.equal(await readRules(world.server.db), {
      validityDays: 90,
      renewBeforeDays: 7,
      automaticRenewal: true,
      passwordLength: 16,
      promptPassword: false,
    });
    const { group } = documentOf(world, device.id);
    await tick(world.server);
    await world.publish();
    assert.equal((newest(world, policyTopic(group)) as unknown as Policy).identity, { renewBeforeDays: 7 });
    const slot = documentOf(world, device.id).identity?.renewAt ?? 0;
    const end = start - hourMs + 90 * dayMs - 1000;
    assert.ok(slot >= end - 7 * dayMs && slot < end, 'its slot follows');
  }));

test('automatic renewal off: nobody is renewed without an order, one order is one renewal, the list says so', () =>
  withFleet(async (world) => {
    const { server, fleet, time } = world;
    const device = await register(world, 'kiosk');
    const { group } = documentOf(world, device.id);
    const policy = () => (newest(world, policyTopic(group)) as unknown as Policy).identity;
    value(await setRules(server, admin, { automaticRenewal: false }));
    await world.publish();
    assert.equal(policy(), { renewBeforeDays: 30, automatic: false });
    const disabled = async () => (await listIdentities(server)).map((row) => row.automaticRenewalDisabled);
    assert.equal(await disabled(), [true]);
    for (const days of [340, 370]) {
      time.now = later(days);
      assert.is(codeOf(await fleet.mayRenew(renewalProof(device.chain))), 'renewal-not-ordered');
      const asked = await fleet.renew(renewalProof(device.chain), makeRequest(makeKey(), device.id));
      assert.is(codeOf(asked), 'identity-refused', 'and where the judgement before was passed by');
    }
    value(await renewIdentity(server, admin, 'kiosk'));
    const next = await renewed(world, device);
    assert.is(codeOf(await fleet.mayRenew(renewalProof(next.chain))), 'renewal-not-ordered');
    value(await setRules(server, admin, { automaticRenewal: true }));
    await world.publish();
    assert.is(policy(), undefined);
    assert.is(value(await fleet.mayRenew(renewalProof(next.chain))), device.id);
    assert.equal(new Set(await disabled()), new Set([false]));
  }));

test('a recovered server that does not know the identity takes the device in by its renewal, also after the end', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const device = await register(world, 'kiosk');
    await server.db.deleteFrom('identities').execute();
    world.time.now = later(370);
    const ask = () => fleet.renew(renewalProof(device.chain), makeRequest(makeKey(), device.id));
    assert.is(codeOf(await ask()), 'identity-refused');
    const identity = await readIdentity(server.db);
    await writeIdentity(server.db, { ...identity, recovered: identity.unassigned, adopting: true });
    value(await ask());
    assert.equal(await statuses(world), ['expired', 'issued']);
  }));

test('how long an identity holds that was taken in at a connection is known at once, and the certificate kept', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const device = await register(world, 'kiosk');
    await server.db.deleteFrom('identities').execute();
    const identity = await readIdentity(server.db);
    await writeIdentity(server.db, { ...identity, recovered: identity.unassigned, adopting: true });
    assert.is(value(await fleet.deviceOf(device.proof)), device.id);
    const ends = async () => (await listIdentities(server)).map(({ notAfter }) => notAfter);
    assert.equal(await ends(), [renewalProof(device.chain).notAfter]);
    const [row] = await server.db.selectFrom('identities').select('chain').execute();
    assert.equal(JSON.parse(row?.chain ?? ''), [toBase64(device.proof.der)]);
  }));

// slots

test('the slot is in the device document, follows the setting of the group and the identity in use', () =>
  withFleet(async (world) => {
    const { server, time } = world;
    const office = value(await addGroup(server, admin, { name: 'Office' })).id;
    value(await addGroup(server, admin, { name: 'Floor', parent: 'Office' }));
    const device = await register(world, 'kiosk', 'Floor');
    const { notAfter } = renewalProof(device.chain);
    const slot = async (): Promise<number> => {
      await tick(server);
      await world.publish();
      const document = documentOf(world, device.id);
      assert.ok(check('deviceDocument', document).ok);
      return document.identity?.renewAt ?? 0;
    };
    const within = (at: number, days: number) => at >= notAfter - days * dayMs && at <= notAfter - (days / 4) * dayMs;
    assert.ok(within(await slot(), 30));
    value(await setIdentity(server, admin, 'Office', { renewBeforeDays: null }));
    assert.ok(within(await slot(), 60));
    assert.equal((newest(world, policyTopic(office)) as unknown as Policy).identity, { renewBeforeDays: null });
    value(await setIdentity(server, admin, 'Floor', { renewBeforeDays: 2 }));
    assert.ok(within(await slot(), 2));
    value(await setLock(server, admin, 'Office', { block: 'identity', enforced: true }));
    assert.ok(within(await slot(), 60), 'a lock goes before what a child set');
    assert.is(codeOf(await setIdentity(server, admin, 'Floor', null)), 'not-allowed');
    value(await setLock(server, admin, 'Office', { block: 'identity', enforced: false }));
    value(await setIdentity(server, admin, 'Floor', null));
    value(await setIdentity(server, admin, 'Office', null));
    assert.ok(within(await slot(), 30));
    assert.is((newest(world, policyTopic(office)) as unknown as Policy).identity, undefined);
    value(await moveDevice(server, admin, { device: 'kiosk', group: 'Office' }));
    const before = await slot();
    time.now = later(334);
    const csrDer = makeRequest(makeKey(), device.id);
    const next = value(await world.fleet.renew(renewalProof(device.chain), csrDer));
    assert.is(await slot(), before, 'an identity that is not used moves nothing');
    value(await world.fleet.deviceOf(proofOf(next)));
    assert.ok((await slot()) > notAfter + 200 * dayMs);
  }));

test('behind an outside broker a report tells which identity is in use', () =>
  withFleet(async (world) => {
    const device = await register(world, 'kiosk');
    world.time.now = later(340);
    const next = value(await world.fleet.renew(renewalProof(device.chain), makeRequest(makeKey(), device.id)));
    const { fingerprint } = proofOf(next);
    const { notAfter } = renewalProof(next);
    value(
      await world.fleet.receive(device.id, 'report', bytes(report(device.id, { identity: { fingerprint, notAfter } }))),
    );
    assert.equal(await statuses(world), ['superseded', 'renewed']);
  }));

// commands

const commandsOn = (world: FleetServer, id: string) =>
  world.published.filter(({ topic }) => topic === deviceLeafTopic(id, 'command'));
const checkinOf = (id: string, command = 0) => ({
  format: 1 as const,
  nonce: '0'.repeat(32),
  report: report(id, { applied: { group: null, policy: 0, device: 0, command } }),
  events: [],
});

test('a renewal that is asked for reaches the device by broker and check-in until it is counted, and shows as renewed', () =>
  withFleet(async (world) => {
    const { server, fleet, time } = world;
    const device = await register(world, 'kiosk');
    value(await renewIdentity(server, admin, 'kiosk'));
    await world.publish();
    assert.equal(await statuses(world), ['renewal-asked']);
    const [sent] = commandsOn(world, device.id);
    assert.is(sent?.retain, false);
    const opened = value(openJws(sent?.payload ?? '', 'command', [server.keys.policy.publicKey]));
    const command = JSON.parse(Buffer.from(opened.payload).toString()) as Command;
    assert.ok(check('command', command).ok);
    assert.equal(command.command, { do: 'renew' });
    assert.is(command.expires, (start + 30 * dayMs) / 1000);
    assert.equal(value(await fleet.checkin(device.id, checkinOf(device.id))).commands, [sent?.payload]);
    // Asked again: one command, with a higher number.
    value(await renewIdentity(server, admin, 'kiosk'));
    await world.publish();
    const again = payloadOf(commandsOn(world, device.id)[1]?.payload ?? '') as unknown as Command;
    assert.ok(again.seq > command.seq);
    assert.is(value(await fleet.checkin(device.id, checkinOf(device.id, command.seq))).commands.length, 1);
    assert.is(commandsOn(world, device.id).length, 2, 'not again within the minute');
    time.now = instant(time.now + 2 * minuteMs);
    value(await fleet.checkin(device.id, checkinOf(device.id, command.seq)));
    assert.is(commandsOn(world, device.id).length, 3, 'again to a device that lags');
    await queueEverything(server, server.db);
    await world.publish();
    assert.is(commandsOn(world, device.id).length, 4, 'again to a broker that forgot');
    assert.equal(value(await fleet.checkin(device.id, checkinOf(device.id, again.seq))).commands, []);
    await renewed(world, device);
    assert.equal(await statuses(world), ['superseded', 'renewed']);
  }));

test('a broker that is away gets the command later, once', () =>
  withFleet(async (world) => {
    const device = await register(world, 'kiosk');
    world.broker.fails = true;
    value(await renewIdentity(world.server, admin, 'kiosk'));
    await world.publish();
    assert.is(commandsOn(world, device.id).length, 0);
    world.broker.fails = false;
    await world.publish();
    await world.publish();
    assert.is(commandsOn(world, device.id).length, 1);
  }));

test('a device that comes back gets a command again, since a broker may have lost what waited', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const device = await register(world, 'kiosk');
    const say = async (at: 'online' | 'offline'): Promise<number> => {
      value(await fleet.receive(device.id, 'presence', bytes({ format: 1, at })));
      await world.publish();
      return commandsOn(world, device.id).length;
    };
    assert.is(await say('online'), 0, 'there is none');
    await say('offline');
    value(await renewIdentity(server, admin, 'kiosk'));
    await world.publish();
    assert.is(await say('online'), 2);
    assert.is(await say('online'), 2, 'it has been here all the time');
    await say('offline');
    assert.is(await say('online'), 3);
    value(await fleet.checkin(device.id, checkinOf(device.id, Number.MAX_SAFE_INTEGER)));
    await say('offline');
    assert.is(await say('online'), 3, 'it was counted');
  }));

test('a command whose end came before the device is signed anew while it is wanted', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const device = await register(world, 'kiosk');
    value(await renewIdentity(server, admin, 'kiosk'));
    world.time.now = later(31);
    const [jws = ''] = value(await fleet.checkin(device.id, checkinOf(device.id))).commands;
    assert.is((payloadOf(jws) as unknown as Command).expires, later(61) / 1000);
    await renewed(world, device);
    world.time.now = later(100);
    assert.equal(value(await fleet.checkin(device.id, checkinOf(device.id))).commands, []);
  }));

// deleted, removed, retired

test('a deleted identity leaves the list, and its device is inactive until it registers anew', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const device = await register(world, 'kiosk');
    value(await renewIdentity(server, admin, 'kiosk'));
    value(await deleteIdentity(server, admin, 'kiosk'));
    await world.publish();
    assert.equal(await listIdentities(server), []);
    assert.is(value(await showDevice(server, 'kiosk')).standing, 'inactive');
    assert.is(codeOf(await fleet.deviceOf(device.proof)), 'identity-refused');
    assert.is(codeOf(await fleet.mayRenew(renewalProof(device.chain))), 'identity-refused');
    assert.is(await fleet.groupOf(device.id), null);
    assert.equal(await allDevices(server), []);
    assert.equal(world.disconnected, [device.id]);
    assert.is(commandsOn(world, device.id).length, 0);
    assert.is(world.published.findLast(({ topic }) => topic === deviceLeafTopic(device.id, 'device'))?.payload, '');
    for (const refused of [
      await deleteIdentity(server, admin, 'kiosk'),
      await renewIdentity(server, admin, 'kiosk'),
      await moveDevice(server, admin, { device: 'kiosk', group: 'Unassigned' }),
    ])
      assert.is(codeOf(refused), 'wrong-state');
    const again = await register(world, 'kiosk again');
    assert.is.not(again.id, device.id);
    assert.equal(await statuses(world), ['valid']);
    value(await removeDevice(server, admin, 'kiosk'));
    assert.is((await listDevices(server)).length, 1);
  }));

test('devices that cannot connect hold up no switch of the server certificate', () =>
  withFleet(async (world) => {
    const { server, fleet, time } = world;
    const old = await register(world, 'old');
    await register(world, 'deleted');
    time.now = later(400);
    assert.is(codeOf(await fleet.mayRenew(renewalProof(old.chain))), 'identity-retired');
    value(await deleteIdentity(server, admin, 'deleted'));
    value(await scheduleReserve(server, admin, later(401)));
    assert.ok(value(await readGate(server)).open);
  }));

// enrolling again

const secretOf = ({ server }: FleetServer, id: string) => deriveSecret(server.keys.codeMaster, id, 1);

/** A code of the device over the server's own certificate, answered. */
async function answered(world: FleetServer, id: string, action: 1 | 2 | 3 = 1): Promise<void> {
  const { server } = world;
  const [main] = await readServerCertificates(server.db);
  const certificateDer = action === 1 ? Buffer.from(JSON.parse(main?.chain ?? '[]')[0], 'base64') : null;
  const code = makeConfirmation({ secret: secretOf(world, id), deviceId: id, action, counter: 7, certificateDer });
  value(await answerCode(server, admin, { code }));
}

async function retired(world: FleetServer): Promise<Enrolled> {
  const device = await register(world, 'kiosk');
  world.time.now = later(400);
  assert.is(codeOf(await world.fleet.mayRenew(renewalProof(device.chain))), 'identity-retired');
  return device;
}

const enrolAgain = (world: FleetServer, id: string, key = makeKey(), password?: string) => {
  const csrDer = makeRequest(key, id);
  const right = reenrolmentPassword(secretOf(world, id), csrDer);
  return world.fleet.enrol({ invitation: id, password: password ?? right, csrDer });
};

test('the password of a second enrolment', () => {
  const password = reenrolmentPassword(
    Uint8Array.from({ length: 32 }, (_, index) => index),
    Uint8Array.of(0x30, 0),
  );
  assert.is(password, '921b05a050c43858837877cac924d700583843a07eaa20036643278e6d39a19a');
});

test('the secret before the newest one counts too, since the device may not know that yet; the one before that does not', () =>
  withFleet(async (world) => {
    const device = await retired(world);
    await answered(world, device.id);
    const generation = (secret_generation: number) =>
      world.server.db.updateTable('devices').set({ secret_generation }).where('id', '=', device.id).execute();
    await generation(3);
    assert.is(codeOf(await enrolAgain(world, device.id)), 'invitation-refused');
    await generation(2);
    assert.is(proofOf(value(await enrolAgain(world, device.id))).commonName, device.id);
  }));

test('after an answered code a retired device enrols again under its id, once; the same key is answered the same', () =>
  withFleet(async (world) => {
    const device = await retired(world);
    assert.is(codeOf(await enrolAgain(world, device.id)), 'invitation-refused');
    await answered(world, device.id);
    const key = makeKey();
    const chain = value(await enrolAgain(world, device.id, key));
    assert.is(proofOf(chain).commonName, device.id);
    const moved = (await listDevices(world.server))[0];
    assert.is(moved?.standing, 'active');
    assert.equal(world.refreshed.at(-1), { id: device.id, group: moved?.groupId ?? '' });
    assert.is(leafOf(value(await enrolAgain(world, device.id, key))), leafOf(chain));
    assert.is(codeOf(await enrolAgain(world, device.id)), 'invitation-refused', 'another key');
    assert.is(value(await world.fleet.deviceOf(proofOf(chain))), device.id);
    assert.is(codeOf(await enrolAgain(world, device.id, key)), 'invitation-refused', 'it was used');
    assert.equal(
      (await auditOf(world)).filter((each) => /^(enrolled-again|identity-renewed)/.test(each)),
      ['identity-renewed', 'enrolled-again'],
    );
    await world.publish();
    assert.ok((documentOf(world, device.id).identity?.renewAt ?? 0) > later(600));
  }));

table(
  'no second enrolment',
  [
    { name: 'a wrong password', password: 'f'.repeat(64) },
    { name: 'no code', code: null },
    { name: 'a code for something else', code: 3 },
    { name: 'a day after the code', later: dayMs },
    { name: 'a removed device', before: (world, { id }) => removeDevice(world.server, admin, id) },
    { name: 'a deleted identity', before: (world, { id }) => deleteIdentity(world.server, admin, id) },
    { name: 'its old key', key: ({ key }) => key },
    { name: 'another device', id: '00000000-0000-4000-8000-000000000000' },
  ] as {
    readonly name: string;
    readonly password?: string;
    readonly code?: 1 | 3 | null;
    readonly later?: number;
    readonly before?: (world: FleetServer, device: Enrolled) => Promise<unknown>;
    readonly key?: (device: Enrolled) => Uint8Array;
    readonly id?: string;
  }[],
  (row) =>
    withFleet(async (world) => {
      const device = await retired(world);
      if (row.code !== null) await answered(world, device.id, row.code ?? 1);
      world.time.now = instant(world.time.now + (row.later ?? 0));
      await row.before?.(world, device);
      const key = row.key?.(device) ?? makeKey();
      const refused = await enrolAgain(world, row.id ?? device.id, key, row.password);
      assert.equal(refused, { ok: false, fault: { code: 'invitation-refused', kind: 'rejected', facts: {} } });
      assert.is((await auditOf(world))[0], 'enrolment-refused invitation-refused');
      assert.is((await listIdentities(world.server)).filter(({ status }) => status !== 'retired').length, 0);
    }),
);

test('the key of a renewal whose answer was lost does for the second enrolment', () =>
  withFleet(async (world) => {
    const device = await register(world, 'kiosk');
    world.time.now = later(364 + 20);
    const key = makeKey();
    const lost = value(await world.fleet.renew(renewalProof(device.chain), makeRequest(key, device.id)));
    world.time.now = later(400);
    assert.is(codeOf(await world.fleet.mayRenew(renewalProof(device.chain))), 'identity-retired');
    assert.is(codeOf(await enrolAgain(world, device.id, key)), 'invitation-refused');
    await answered(world, device.id);
    assert.is(leafOf(value(await enrolAgain(world, device.id, key))), leafOf(lost));
    assert.is(value(await world.fleet.deviceOf(proofOf(lost))), device.id);
    assert.is((await listDevices(world.server))[0]?.standing, 'active');
  }));

test('nobody without the password has a certificate made', () =>
  withFleet(async (world) => {
    const device = await retired(world);
    const { keys } = world.server;
    const unreadable = {
      ...world.server,
      keys: { ...keys, clientAuthority: { ...keys.clientAuthority, keyPkcs8: Uint8Array.of(0) } },
    };
    const fleet = makeFleet(unreadable, async () => {});
    const asked = { invitation: device.id, password: 'f'.repeat(64), csrDer: makeRequest(makeKey(), device.id) };
    assert.is(codeOf(await fleet.enrol(asked)), 'invitation-refused');
  }));

test('a device that is not retired cannot enrol again, code or not', () =>
  withFleet(async (world) => {
    const { id } = await register(world, 'kiosk');
    await answered(world, id);
    assert.is(codeOf(await enrolAgain(world, id)), 'invitation-refused');
  }));

test('a device that would be retired by its next renewal enrols again by the same code', () =>
  withFleet(async (world) => {
    const device = await register(world, 'kiosk');
    world.time.now = later(390);
    await answered(world, device.id);
    assert.is(codeOf(await enrolAgain(world, device.id)), 'invitation-refused', 'in its grace it renews');
    world.time.now = later(400);
    assert.is(codeOf(await enrolAgain(world, device.id)), 'invitation-refused', 'the day of the code is over');
    await answered(world, device.id);
    value(await enrolAgain(world, device.id));
  }));

test('a code that was answered before the server said retired counts too', () =>
  withFleet(async (world) => {
    const device = await register(world, 'kiosk');
    world.time.now = later(400);
    await answered(world, device.id);
    assert.is(codeOf(await world.fleet.mayRenew(renewalProof(device.chain))), 'identity-retired');
    value(await enrolAgain(world, device.id));
  }));

// invitations

test('a new invitation for a name ends the earlier one, also one whose time ran out in a queue (F21)', () =>
  withFleet(async (world) => {
    const { server, fleet, time } = world;
    const enrol = async ({ invitation, password }: { readonly invitation: string; readonly password: string }) =>
      codeOf(await fleet.enrol({ invitation, password, csrDer: makeRequest(makeKey(), 'serial') }));
    const other = value(await invite(server, admin, { name: 'other' }));
    const first = value(await invite(server, admin, { name: 'kiosk' }));
    const second = value(await invite(server, admin, { name: 'kiosk' }));
    assert.is(await enrol(first), 'invitation-refused');
    time.now = instant(start + 73 * hourMs);
    assert.is(await enrol(second), 'invitation-refused');
    const third = value(await invite(server, admin, { name: 'kiosk' }));
    assert.is(await enrol(third), null);
    assert.is(await enrol(other), 'invitation-refused');
    time.now = start;
    for (const old of [first, second]) assert.is(await enrol(old), 'invitation-refused', 'even if the clock goes back');
    assert.is(await enrol(other), null, 'another name is left alone');
  }));
