/** The fleet over a real database: enrolment, places, what devices say, and documents on their way to the broker. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { parseCertificate } from '../../protocol/certificate.ts';
import { deriveSecret } from '../../protocol/codes.ts';
import { openJws } from '../../protocol/jws.ts';
import { hourMs, instant, minuteMs } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { check } from '../../protocol/validate.ts';
import { readIdentity } from '../../server/edge/context.ts';
import { invite } from '../../server/edge/invitations.ts';
import { showStatus } from '../../server/edge/overview.ts';
import { addGroup, listDevices, listGroups, moveDevice, removeDevice, showDevice } from '../../server/edge/places.ts';
import { setContacts, showPolicy } from '../../server/edge/policies.ts';
import {
  auditOf,
  bytes,
  codeOf,
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
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const lastOn = ({ published }: FleetServer, topic: string): string | undefined =>
  published.findLast((each) => each.topic === topic)?.payload;

test('the first start keeps keys sealed and private', () =>
  withFleet(async ({ directory, server, passphrase }) => {
    for (const file of ['master.key', 'recovery-kit.json'])
      assert.is(statSync(join(directory, file)).mode & 0o777, 0o600);
    const database = readFileSync(join(directory, 'thintrust.sqlite'));
    const kit = readFileSync(join(directory, 'recovery-kit.json'));
    const { policy, codeMaster, clientAuthority } = server.keys;
    for (const secret of [policy.keyPkcs8, codeMaster, clientAuthority.keyPkcs8])
      for (const spelled of [
        Buffer.from(secret),
        Buffer.from(secret).toString('base64'),
        Buffer.from(secret).toString('hex'),
      ]) {
        assert.not.ok(database.includes(spelled));
        assert.not.ok(kit.includes(spelled));
      }
    assert.match(passphrase, /^[0-9A-Z]{5}(-[0-9A-Z]{5}){4}$/);
    assert.equal(
      (await listGroups(server)).map(({ name, kind }) => [name, kind]),
      [['Unassigned', 'unassigned']],
    );
  }));

test('a device enrols, fetches its bundle, and its document is published', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const { id, chain } = await register(world, 'kiosk');
    assert.match(id, uuid);
    const leaf = value(parseCertificate(chain[0] ?? new Uint8Array()));
    assert.is(leaf.owner, id);
    const bundle = value(await fleet.bundle(id));
    assert.ok(check('registrationBundle', bundle).ok);
    assert.is(bundle.secret, Buffer.from(deriveSecret(server.keys.codeMaster, id, 1)).toString('hex'));
    assert.is(bundle.deviceName, 'kiosk');
    assert.is(bundle.managed, false);
    const jws = lastOn(world, deviceLeafTopic(id, 'device')) ?? '';
    const opened = value(openJws(jws, 'device', bundle.policyKeys));
    const document = JSON.parse(Buffer.from(opened.payload).toString('utf8'));
    assert.ok(check('deviceDocument', document).ok);
    assert.is(document.aud, `${bundle.serverId}/device/${id}`);
    assert.is(document.group, bundle.group);
    assert.equal(world.refreshed, [{ id, group: bundle.group }]);
    assert.equal((await auditOf(world)).slice(0, 3), ['registered', 'enrolled', 'invited']);
  }));

test('the same key gets the same certificate until the bundle is confirmed, another key none', () =>
  withFleet(async ({ server, fleet }) => {
    const { invitation, password } = value(await invite(server, admin, {}));
    const key = makeKey();
    const csrDer = makeRequest(key, 'serial 1');
    const first = value(await fleet.enrol({ invitation, password, csrDer }));
    const again = value(await fleet.enrol({ invitation, password, csrDer: makeRequest(key, 'serial 1') }));
    assert.equal(Buffer.from(again[0] ?? []), Buffer.from(first[0] ?? []));
    const other = await fleet.enrol({ invitation, password, csrDer: makeRequest(makeKey(), 'serial 2') });
    assert.is(codeOf(other), 'invitation-refused');
    const id = value(await fleet.deviceOf(proofOf(first)));
    value(await fleet.confirm(id));
    value(await fleet.confirm(id));
    assert.is(codeOf(await fleet.enrol({ invitation, password, csrDer })), 'invitation-refused');
    assert.is((await listDevices(server)).length, 1);
  }));

test('two enrolments at once make one device', () =>
  withFleet(async ({ server, fleet }) => {
    const { invitation, password } = value(await invite(server, admin, {}));
    const csrDer = makeRequest(makeKey(), 'serial');
    const both = await Promise.all([1, 2].map(() => fleet.enrol({ invitation, password, csrDer })));
    const [one, other] = both.map((each) => Buffer.from(value(each)[0] ?? []).toString('hex'));
    assert.is(one, other);
    assert.is((await listDevices(server)).length, 1);
  }));

test('ten wrong passwords end an invitation; the device is not told why', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const { invitation, password } = value(await invite(server, admin, {}));
    const csrDer = makeRequest(makeKey(), 'serial');
    for (let attempt = 1; attempt <= 9; attempt++)
      assert.is(codeOf(await fleet.enrol({ invitation, password: 'WRONG', csrDer })), 'invitation-refused');
    const typed = password.toLowerCase().replaceAll('-', ' ');
    assert.ok(
      (await fleet.enrol({ invitation: invitation.toLowerCase(), password: typed, csrDer })).ok,
      'the tenth is right',
    );
    assert.is(codeOf(await fleet.enrol({ invitation, password: 'WRONG', csrDer })), 'invitation-refused');
    const after = await fleet.enrol({ invitation, password, csrDer });
    assert.equal(after, { ok: false, fault: { code: 'invitation-refused', kind: 'rejected', facts: {} } });
  }));

test('ten guesses at the same moment are ten tries', () =>
  withFleet(async ({ server, fleet }) => {
    const { invitation, password } = value(await invite(server, admin, {}));
    const csrDer = makeRequest(makeKey(), 'serial');
    await Promise.all(Array.from({ length: 12 }, () => fleet.enrol({ invitation, password: 'WRONG', csrDer })));
    assert.is(codeOf(await fleet.enrol({ invitation, password, csrDer })), 'invitation-refused');
  }));

table(
  'refused enrolments leave no device and an audit row',
  [
    { name: 'unknown invitation', change: { invitation: 'NOSUCH' }, code: 'invitation-refused' },
    { name: 'an invitation of 10 kB', change: { invitation: 'X'.repeat(10_000) }, code: 'invitation-refused' },
    { name: 'no password', change: { password: '' }, code: 'invitation-refused' },
    { name: 'a request that is none', change: { csrDer: Buffer.from('junk') }, code: 'csr-refused' },
    { name: 'an expired invitation', change: {}, later: 72 * hourMs, code: 'invitation-refused' },
  ] as {
    readonly name: string;
    readonly change: object;
    readonly later?: number;
    readonly code: string;
  }[],
  ({ change, later = 0, code }) =>
    withFleet(async (world) => {
      const { server, fleet, time } = world;
      const { invitation, password } = value(await invite(server, admin, {}));
      time.now = instant(start + later);
      const request = { invitation, password, csrDer: makeRequest(makeKey(), 'serial'), ...change };
      assert.is(codeOf(await fleet.enrol(request)), code);
      assert.is((await listDevices(server)).length, 0);
      assert.match((await auditOf(world))[0] ?? '', /^enrolment-refused /);
    }),
);

test('an unknown certificate is nobody, a removed device stays out', () =>
  withFleet(async (world) => {
    const { server, fleet, published, disconnected, refreshed } = world;
    const { id, proof } = await register(world, 'kiosk');
    assert.is(codeOf(await fleet.deviceOf({ ...proof, serial: '00' })), 'identity-refused');
    value(await removeDevice(server, admin, 'kiosk'));
    await world.publish();
    assert.is(codeOf(await fleet.deviceOf(proof)), 'identity-refused');
    assert.is(codeOf(await fleet.bundle(id)), 'identity-refused');
    assert.is(await fleet.groupOf(id), null);
    assert.equal(disconnected, [id]);
    assert.equal(refreshed.at(-1), { id, group: null });
    for (const leaf of ['device', 'report', 'presence'] as const)
      assert.equal(
        published.findLast(({ topic }) => topic === deviceLeafTopic(id, leaf)),
        {
          topic: deviceLeafTopic(id, leaf),
          payload: '',
          retain: true,
        },
      );
    assert.is(codeOf(await fleet.receive(id, 'report', bytes(report(id)))), 'identity-refused');
    assert.is(codeOf(await showDevice(server, id)), 'not-found');
  }));

test('an id is the device that has it, or had it, whatever others call themselves', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { id } = await register(world, 'kiosk');
    await register(world, id);
    const { id: group } = value(await addGroup(server, admin, { name: 'Lab' }));
    value(await moveDevice(server, admin, { device: id, group }));
    assert.is(value(await showDevice(server, id)).name, 'kiosk');
    value(await removeDevice(server, admin, id));
    assert.is(codeOf(await removeDevice(server, admin, id)), 'not-found');
    const left = await listDevices(server);
    assert.equal(
      left.map(({ name }) => name),
      [id],
    );
    value(await removeDevice(server, admin, left[0]?.id ?? ''));
  }));

test('a move: the policy is there first, and the device document names a revision of it', () =>
  withFleet(async (world) => {
    const { server, fleet, published } = world;
    const { id } = await register(world, 'kiosk');
    const office = value(await addGroup(server, admin, { name: 'Office' })).id;
    value(await moveDevice(server, admin, { device: 'kiosk', group: 'Office' }));
    await world.publish();
    const policy = payloadOf(lastOn(world, policyTopic(office)) ?? '');
    const document = payloadOf(lastOn(world, deviceLeafTopic(id, 'device')) ?? '');
    assert.is(document['group'], office);
    assert.is(document['managed'], true);
    assert.is(document['groupRev'], policy['rev']);
    const places = published.map(({ topic }) => topic);
    assert.ok(places.lastIndexOf(policyTopic(office)) < places.lastIndexOf(deviceLeafTopic(id, 'device')));
    assert.equal(world.refreshed.at(-1), { id, group: office });
    assert.is(await fleet.groupOf(id), office);
  }));

table(
  'places that cannot be',
  [
    { name: 'an empty name', run: ({ server }) => addGroup(server, admin, { name: '  ' }), code: 'bad-argument' },
    {
      name: 'a name with control characters',
      run: ({ server }) => addGroup(server, admin, { name: 'a\u001b[2J' }),
      code: 'bad-argument',
    },
    {
      name: 'a name that is there',
      run: ({ server }) => addGroup(server, admin, { name: 'Unassigned' }),
      code: 'already-exists',
    },
    {
      name: 'an unknown parent',
      run: ({ server }) => addGroup(server, admin, { name: 'a', parent: 'none' }),
      code: 'not-found',
    },
    {
      name: 'below a group of the server',
      run: ({ server }) => addGroup(server, admin, { name: 'a', parent: 'Unassigned' }),
      code: 'not-allowed',
    },
    {
      name: 'an unknown device',
      run: ({ server }) => moveDevice(server, admin, { device: 'x', group: 'Unassigned' }),
      code: 'not-found',
    },
    { name: 'removing an unknown device', run: ({ server }) => removeDevice(server, admin, 'x'), code: 'not-found' },
    {
      name: 'an invitation into an unknown group',
      run: ({ server }) => invite(server, admin, { group: 'x' }),
      code: 'not-found',
    },
    {
      name: 'a name that two devices have',
      run: async (world) => {
        await register(world, 'twin');
        await register(world, 'twin');
        return showDevice(world.server, 'twin');
      },
      code: 'bad-argument',
    },
  ] as {
    readonly name: string;
    readonly run: (world: FleetServer) => Promise<Parameters<typeof codeOf>[0]>;
    readonly code: string;
  }[],
  ({ run, code }) => withFleet(async (world) => assert.is(codeOf(await run(world)), code)),
);

const foreign = '2b902f89-1818-4d5d-8195-7504d90ee2e8';
table(
  'what devices say is judged, and a bad message audited',
  [
    { name: 'not JSON', leaf: 'report', payload: () => Buffer.from('{'), code: 'not-json' },
    { name: 'not UTF-8', leaf: 'event', payload: () => Buffer.from([0xff, 0xfe]), code: 'not-json' },
    { name: 'wrong shape', leaf: 'report', payload: () => bytes({ format: 1 }), code: 'bad-shape' },
    {
      name: 'another version',
      leaf: 'report',
      payload: (id) => bytes({ ...report(id), format: 2 }),
      code: 'unknown-version',
    },
    { name: 'too large an event', leaf: 'event', payload: () => Buffer.alloc(20_000, 32), code: 'too-large' },
    {
      name: 'too large a report',
      leaf: 'report',
      payload: () => Buffer.alloc(3 * 1024 * 1024 + 1, 32),
      code: 'too-large',
    },
    { name: 'about another device', leaf: 'report', payload: () => bytes(report(foreign)), code: 'wrong-audience' },
    {
      name: 'a presence of another kind',
      leaf: 'presence',
      payload: () => bytes({ format: 1, at: 'away' }),
      code: 'bad-shape',
    },
  ] as {
    readonly name: string;
    readonly leaf: 'report' | 'event' | 'presence';
    readonly payload: (id: string) => Uint8Array;
    readonly code: string;
  }[],
  ({ leaf, payload, code }) =>
    withFleet(async (world) => {
      const { server, fleet } = world;
      const { id } = await register(world, 'kiosk');
      value(await fleet.receive(id, 'report', bytes(report(id, { faults: [] }))));
      assert.is(codeOf(await fleet.receive(id, leaf, payload(id))), code);
      assert.is((await auditOf(world))[0], `message-refused ${code}`);
      assert.is(value(await showDevice(server, id)).reportedAt, start);
    }),
);

test('events count once, are audited, and acknowledged by check-in', () =>
  withFleet(async (world) => {
    const { fleet } = world;
    const { id } = await register(world, 'kiosk');
    const event = (seq: number) => ({
      format: 1 as const,
      seq,
      at: start,
      clock: 'known' as const,
      event: 'code-locked',
      facts: { seq },
    });
    value(await fleet.receive(id, 'event', bytes(event(5))));
    value(await fleet.receive(id, 'event', bytes(event(5))));
    const answer = value(
      await fleet.checkin(id, {
        format: 1,
        nonce: 'a'.repeat(32),
        report: report(id),
        events: [event(5), event(6), event(7)],
      }),
    );
    assert.is(answer.acknowledged, 7);
    assert.is((await auditOf(world)).filter((row) => row === 'code-locked').length, 3);
  }));

test('a check-in answers what the device lacks, and the time it asked for', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const { id } = await register(world, 'kiosk');
    const { unassigned, serverId } = await readIdentity(server.db);
    const nonce = '0123456789abcdef'.repeat(2);
    const ask = (change: object) =>
      fleet.checkin(id, { format: 1, nonce, report: report(id, change), events: [] }).then(value);
    const first = await ask({});
    assert.ok(check('checkinAnswer', first).ok);
    const policy = payloadOf(first.policy ?? '');
    const place = payloadOf(first.device ?? '');
    assert.is(policy['aud'], `${serverId}/group/${unassigned}`);
    const applied = { group: unassigned, policy: policy['rev'], device: place['rev'], command: 0 };
    const second = await ask({ applied });
    assert.is(second.policy, null);
    assert.is(second.device, null);
    const time = value(openJws(first.time, 'time', [server.keys.policy.publicKey]));
    const statement = JSON.parse(Buffer.from(time.payload).toString('utf8'));
    assert.is(statement.nonce, nonce);
    assert.is(statement.time, start);
    const ahead = await ask({ applied: { ...applied, policy: Number(policy['rev']) + 5 } });
    assert.ok(ahead.policy, 'a device ahead of us is shown what we have, so that it can show what it holds');
    const foreignReport = await fleet.checkin(id, { format: 1, nonce, report: report(foreign), events: [] });
    assert.is(codeOf(foreignReport), 'wrong-audience');
  }));

test('a lagging report brings the document again, at most once a minute', () =>
  withFleet(async (world) => {
    const { fleet, published, time } = world;
    const { id } = await register(world, 'kiosk');
    const topic = deviceLeafTopic(id, 'device');
    const count = () => published.filter((each) => each.topic === topic).length;
    const before = count();
    value(await fleet.receive(id, 'report', bytes(report(id))));
    assert.is(count(), before, 'it was published just now');
    time.now = instant(start + minuteMs);
    value(await fleet.receive(id, 'report', bytes(report(id))));
    assert.is(count(), before + 1);
  }));

test('while the broker is away documents wait, and then the latest goes out', () =>
  withFleet(async (world) => {
    const { server, broker, published } = world;
    const office = value(await addGroup(server, admin, { name: 'Office' })).id;
    broker.fails = true;
    await world.publish();
    for (const name of ['first', 'second'])
      value(await setContacts(server, admin, 'Office', { name, phone: '', email: '', note: '' }));
    await world.publish();
    assert.ok((await showStatus(server)).unpublished > 0);
    broker.fails = false;
    await world.publish();
    const policies = published.filter(({ topic }) => topic === policyTopic(office));
    assert.is(policies.length, 1);
    const contacts = payloadOf(policies[0]?.payload ?? '')['contacts'] as { value: { name: string } };
    assert.is(contacts.value.name, 'second');
    assert.is((await showStatus(server)).unpublished, 0);
  }));

test('what changes while it is on its way goes out again', () =>
  withFleet(async (world) => {
    const { server, broker, published } = world;
    const office = value(await addGroup(server, admin, { name: 'Office' })).id;
    await world.publish();
    const contacts = (name: string) => setContacts(server, admin, 'Office', { name, phone: '', email: '', note: '' });
    value(await contacts('first'));
    broker.during = async () => {
      value(await contacts('second'));
    };
    await world.publish();
    assert.is((await showStatus(server)).unpublished, 1);
    await world.publish();
    const policies = published.filter(({ topic }) => topic === policyTopic(office));
    assert.is(payloadOf(policies.at(-1)?.payload ?? '')['rev'], (await showPolicy(server, 'Office').then(value)).rev);
  }));

test('presence is kept', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const { id } = await register(world, 'kiosk');
    value(await fleet.receive(id, 'presence', bytes({ format: 1, at: 'online' })));
    assert.is((await listDevices(server))[0]?.presence, 'online');
    value(await fleet.receive(id, 'presence', new Uint8Array()));
    assert.is((await listDevices(server))[0]?.presence, 'online');
    value(await fleet.receive(id, 'presence', bytes({ format: 1, at: 'offline' })));
    assert.is((await showStatus(server)).online, 0);
  }));
