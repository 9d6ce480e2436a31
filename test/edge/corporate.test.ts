/** Mail and VPN certificates from order to device: over a real database, by the device's own client over the wire. */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as pkijs from 'pkijs';
import { fetchCorporate } from '../../agent/edge/corporate.ts';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { fingerprintOf, fromBase64, toBase64 } from '../../protocol/certificate.ts';
import type { CorporateRequest, DeviceDocument, Report } from '../../protocol/schema.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { deviceLeafTopic } from '../../protocol/topics.ts';
import { listCertificates } from '../../server/edge/certificate-list.ts';
import { commandsFor } from '../../server/edge/commands.ts';
import { issueCertificates } from '../../server/edge/corporate-issue.ts';
import { deleteCertificates, renewCertificates, wipeDevice } from '../../server/edge/corporate-orders.ts';
import { setCorporateRules } from '../../server/edge/corporate-rules.ts';
import { listInstalled } from '../../server/edge/installed.ts';
import { readPins } from '../../server/edge/pins.ts';
import { addGroup, listDevices, removeDevice } from '../../server/edge/places.ts';
import { replaceDevice } from '../../server/edge/replacing.ts';
import { tick } from '../../server/edge/upkeep.ts';
import { addUser } from '../../server/edge/users.ts';
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
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { withListeners } from '../fakes/legacy-agent.ts';
import { assert, test } from '../harness.ts';

const admin = 'administrator';
type Wanted = NonNullable<DeviceDocument['certificates']>;

/** What the device is told to have, by its signed document. */
async function told({ server }: FleetServer, id: string): Promise<Wanted> {
  const topic = deviceLeafTopic(id, 'device');
  const row = await server.db
    .selectFrom('documents')
    .select('jws')
    .where('topic', '=', topic)
    .executeTakeFirstOrThrow();
  return (payloadOf(row.jws) as DeviceDocument).certificates ?? [];
}
const vpn = { type: 'vpn', kind: 'thin-client', connection: 'with-mobile', source: 'server', alias: 'Office' } as const;
const uploaded = { ...vpn, source: 'uploaded', alias: 'Uploaded' } as const;
const pkcs12 = () => ({
  content: readFileSync('test/vectors/identities/java-ec.p12'),
  key: null,
  password: 'secret',
});
const order = async (fleet: FleetServer, change: object = {}, file: ReturnType<typeof pkcs12> | null = null) => {
  const issued = value(
    await issueCertificates(fleet.server, admin, { ...vpn, devices: ['RECEPTION'], ...change }, file),
  );
  assert.equal(issued.refused, []);
  return issued;
};
const rows = async ({ server }: FleetServer) => (await listCertificates(server, { type: 'vpn', sort: 'alias' })).rows;
const holds = (
  fleet: FleetServer,
  { id }: Pick<Enrolled, 'id'>,
  corporate: Report['corporate'],
  change: Partial<Report> = {},
) => fleet.fleet.receive(id, 'report', bytes(report(id, { corporate: corporate ?? [], ...change })));
const ask = (fleet: FleetServer, { id }: Pick<Enrolled, 'id'>, wanted: Wanted[number], key = makeKey()) =>
  fleet.fleet.certificate(id, {
    format: 1,
    id: wanted.id,
    order: wanted.order,
    csr: toBase64(makeRequest(key, 'x')),
  } satisfies CorporateRequest);
const revokedIn = (der: Uint8Array = new Uint8Array()) =>
  pkijs.CertificateRevocationList.fromBER(der).revokedCertificates ?? [];
const asHeld = ({ id, type, alias, order: number }: Wanted[number], chain: readonly string[]) => ({
  id,
  type,
  alias,
  order: number,
  fingerprint: fingerprintOf(fromBase64(chain[0] ?? '')),
  notAfter: 1,
});

test('issued for a key of the device, and delivered with an uploaded one, by its own client', () =>
  withListeners(async ({ fleet, http, began }) => {
    const { server } = fleet;
    const one = await register(fleet, 'RECEPTION');
    value(
      await addUser(server, admin, {
        name: 'anna@corp.example',
        email: 'anna@corp.example',
        password: 'Correct-Horse1',
      }),
    );
    const anna = server.db.selectFrom('users').select('id');
    await server.db.updateTable('devices').set({ registered_by: anna }).where('id', '=', one.id).execute();
    await order(fleet);
    await order(fleet, { ...uploaded, devices: [], users: ['anna@corp.example'] }, pkcs12());
    assert.equal(
      (await rows(fleet)).map(({ alias, status, source, user, device }) => ({ alias, status, source, user, device })),
      [
        { alias: 'Office', status: 'ordered', source: 'server', user: 'anna@corp.example', device: 'RECEPTION' },
        { alias: 'Uploaded', status: 'ordered', source: 'uploaded', user: 'anna@corp.example', device: 'RECEPTION' },
      ],
    );
    const wanted = await told(fleet, one.id);
    assert.equal(
      wanted.map(({ type, alias, order: number, from }) => ({ type, alias, number, from })),
      [
        { type: 'vpn', alias: 'Office', number: 1, from: 'request' },
        { type: 'vpn', alias: 'Uploaded', number: 1, from: 'delivery' },
      ],
    );
    const { secret } = value(await fleet.fleet.bundle(one.id));
    const accept = [fingerprintOf(fromBase64((await readPins(server.db)).main))];
    const credentials = { key: one.key, chain: one.chain.map(toBase64) };
    const own = { address: `127.0.0.1:${http.port}`, accept, credentials, device: one.id, secret };
    const held: NonNullable<Report['corporate']> = [];
    for (const each of wanted) {
      const { pkcs8, chain } = value(await fetchCorporate({ ...own, ...each }));
      const leaf = new X509Certificate(fromBase64(chain[0] ?? ''));
      assert.ok(leaf.checkPrivateKey(createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })));
      held.push(asHeld(each, chain));
      if (each.from === 'delivery') continue;
      assert.is(leaf.subject, 'O=thintrust vpn\nCN=anna@corp.example');
      assert.is(leaf.subjectAltName, 'email:anna@corp.example');
      assert.ok(leaf.ca === false && (leaf.keyUsage ?? []).join() === '1.3.6.1.5.5.7.3.2');
      assert.ok(Date.parse(leaf.validTo) > began + 364 * dayMs);
    }
    // Nobody with another secret can read it, though it came over the connection.
    const [, delivered] = wanted;
    if (!delivered) throw new Error('no delivery');
    const foreign = await fetchCorporate({ ...own, ...delivered, secret: '00'.repeat(32) });
    assert.is(codeOf(foreign), 'delivery-damaged');
    assert.equal(
      (await rows(fleet)).map(({ status }) => status),
      ['issued', 'issued'],
    );
    value(await holds(fleet, one, held));
    assert.equal(
      (await rows(fleet)).map(({ status }) => status),
      ['valid', 'valid'],
    );
    const installed = value(await listInstalled(server, 'RECEPTION')).certificates;
    assert.equal(
      installed.map(({ name, use, userCertificate }) => ({ name, use, userCertificate })),
      [
        { name: 'Office', use: 'vpn', userCertificate: true },
        { name: 'Uploaded', use: 'vpn', userCertificate: true },
      ],
    );
    // A VPN certificate is no identity.
    const office = wanted[0];
    if (!office) throw new Error('no order');
    const { pkcs8, chain } = value(await fetchCorporate({ ...own, ...office }));
    const asIdentity = await fetchCorporate({ ...own, ...delivered, credentials: { key: pkcs8, chain } });
    assert.is(codeOf(asIdentity), 'identity-refused');
  }));

test('what is refused of one device or user leaves the others done, and is said of each', () =>
  withFleet(async (fleet) => {
    const { server } = fleet;
    const [one, two] = [await register(fleet, 'RECEPTION'), await register(fleet, 'DESK')];
    for (const name of ['anna', 'boris']) value(await addUser(server, admin, { name, password: 'Correct-Horse1' }));
    const anna = server.db.selectFrom('users').select('id').where('name', '=', 'anna');
    const hers = [one.id, two.id];
    await server.db.updateTable('devices').set({ registered_by: anna }).where('id', 'in', hers).execute();
    await order(fleet);
    const users = ['boris', 'anna', 'nobody'];
    const issued = value(await issueCertificates(server, admin, { ...vpn, users }, null));
    assert.equal(
      issued.results.map(({ as, device, user }) => [as, device, user]),
      [['ordered', 'DESK', 'anna']],
    );
    assert.equal(
      issued.refused.map(({ name, fault: { code } }) => [name, code]),
      [
        ['boris', 'not-found'],
        ['RECEPTION', 'already-exists'],
        ['nobody', 'not-found'],
      ],
    );
    const mobile = { type: 'mobile', kind: 'thin-client', source: 'server', authentication: 'password' } as const;
    const invited = value(await issueCertificates(server, admin, { ...mobile, users: ['nobody', 'boris'] }, null));
    assert.match(invited.server.address, /:/);
    assert.match(invited.results[0]?.password ?? '', /^[0-9A-Z-]+$/);
    assert.equal([invited.results.length, invited.refused.length], [1, 1]);
  }));

test('the same key gets the same certificate, another one another, ten a day; the ones nobody has are revoked', () =>
  withFleet(async (fleet) => {
    const one = await register(fleet, 'RECEPTION');
    await order(fleet);
    const [wanted] = await told(fleet, one.id);
    if (!wanted) throw new Error('no order');
    const key = makeKey();
    const first = value(await ask(fleet, one, wanted, key));
    assert.equal(value(await ask(fleet, one, wanted, key)), first);
    for (let count = 2; count <= 10; count += 1) value(await ask(fleet, one, wanted));
    assert.is(codeOf(await ask(fleet, one, wanted)), 'busy');
    const [list] = await fleet.fleet.revocations();
    assert.is(revokedIn(list?.der).length, 9);
    assert.is(codeOf(await fleet.fleet.certificate(one.id, { format: 1, id: wanted.id, order: 2 })), 'not-found');
    assert.is(codeOf(await fleet.fleet.certificate(one.id, { format: 1, id: wanted.id, order: 1 })), 'csr-refused');
    const other = await register(fleet, 'OTHER');
    assert.is(codeOf(await ask(fleet, other, wanted)), 'not-found');
  }));

test('a device that has an uploaded one delivered on and on fills nothing', () =>
  withFleet(async (fleet) => {
    const one = await register(fleet, 'RECEPTION');
    await order(fleet, uploaded, pkcs12());
    const [wanted] = await told(fleet, one.id);
    if (!wanted) throw new Error('no delivery');
    const key = toBase64(
      new Uint8Array(generateKeyPairSync('x25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)),
    );
    fleet.server.refusals.set(`corporate-certificate-delivered ${one.id}`, { since: fleet.server.clock(), count: 99 });
    for (let asked = 0; asked < 3; asked++)
      value(await fleet.fleet.certificate(one.id, { format: 1, id: wanted.id, order: wanted.order, key }));
    const given = (await auditOf(fleet)).filter((row) => row.startsWith('corporate-certificate-delivered'));
    assert.is(given.length, 1);
  }));

test('renewed by order and by itself; an uploaded one is not', () =>
  withFleet(async (fleet) => {
    const { server } = fleet;
    const one = await register(fleet, 'RECEPTION');
    await order(fleet);
    await order(fleet, uploaded, pkcs12());
    const [first, second] = await told(fleet, one.id);
    if (!first || !second) throw new Error('no order');
    const give = async (wanted: Wanted[number]) => asHeld(wanted, value(await ask(fleet, one, wanted)).chain);
    value(await holds(fleet, one, [await give(first)]));
    const outcome = await renewCertificates(server, admin, [first.id, second.id, 'nothing']);
    assert.equal(outcome.done, [first.id]);
    assert.equal(
      outcome.refused.map(({ id, fault: { code } }) => [id, code]),
      [
        [second.id, 'not-renewable'],
        ['nothing', 'not-found'],
      ],
    );
    // The device is off; what it finds when it comes back is the order.
    assert.equal(
      (await rows(fleet)).map(({ status }) => status),
      ['renewal-asked', 'ordered'],
    );
    const [again] = await told(fleet, one.id);
    assert.is(again?.order, 2);
    if (!again) throw new Error('no order');
    const next = await give(again);
    const before = (await rows(fleet))[0]?.thumbprint;
    assert.is.not(before, next.fingerprint);
    value(await holds(fleet, one, [next]));
    const [listed] = await rows(fleet);
    assert.equal([listed?.status, listed?.thumbprint], ['renewed', next.fingerprint]);
    // In its window, by itself, where the rule says so.
    value(await setCorporateRules(server, admin, { vpn: { automaticRenewal: false } }));
    fleet.time.now = instant(fleet.time.now + 340 * dayMs);
    await tick(server);
    assert.is((await told(fleet, one.id))[0]?.order, 2);
    value(await setCorporateRules(server, admin, { vpn: { automaticRenewal: true } }));
    await tick(server);
    assert.is((await told(fleet, one.id))[0]?.order, 3);
    await tick(server);
    assert.is((await told(fleet, one.id))[0]?.order, 3);
  }));

test('a server restored from a backup orders beyond what the device has', () =>
  withFleet(async (fleet) => {
    const one = await register(fleet, 'RECEPTION');
    await order(fleet);
    const [wanted] = await told(fleet, one.id);
    if (!wanted) throw new Error('no order');
    const held = asHeld(wanted, value(await ask(fleet, one, wanted)).chain);
    value(await holds(fleet, one, [held]));
    await renewCertificates(fleet.server, admin, [wanted.id]);
    // It renewed twice after the backup was made.
    value(await holds(fleet, one, [{ ...held, order: 3, fingerprint: '0'.repeat(64) }]));
    const [again] = await told(fleet, one.id);
    assert.is(again?.order, 4);
    if (!again) throw new Error('no order');
    value(await holds(fleet, one, [asHeld(again, value(await ask(fleet, one, again)).chain)]));
    assert.equal(
      (await rows(fleet)).map(({ status }) => status),
      ['renewed'],
    );
  }));

test('deleted, a certificate leaves the list and stays on the device; revoked too where that was said', () =>
  withFleet(async (fleet) => {
    const { server } = fleet;
    const one = await register(fleet, 'RECEPTION');
    await order(fleet);
    await order(fleet, { alias: 'Second' });
    for (const wanted of await told(fleet, one.id)) value(await ask(fleet, one, wanted));
    const [office, second] = await told(fleet, one.id);
    await deleteCertificates(server, admin, { ids: [office?.id ?? ''], revoke: false });
    const count = async () => revokedIn((await fleet.fleet.revocations())[0]?.der).length;
    assert.is(await count(), 0);
    assert.equal(
      (await told(fleet, one.id)).map(({ alias }) => alias),
      ['Second'],
    );
    await deleteCertificates(server, admin, { ids: [second?.id ?? ''], revoke: true });
    assert.is(await count(), 1);
    assert.equal(await rows(fleet), []);
    await order(fleet);
    value(await removeDevice(server, admin, 'RECEPTION'));
    assert.equal(await rows(fleet), []);
  }));

test('asked twice at once with one key, as by a device that did not wait for the first answer: it is one certificate', () =>
  withFleet(async (fleet) => {
    const one = await register(fleet, 'RECEPTION');
    await order(fleet);
    const [office] = await told(fleet, one.id);
    if (!office) throw new Error('no order');
    const key = makeKey();
    const chains = await Promise.all([ask(fleet, one, office, key), ask(fleet, one, office, key)]);
    const [first, second] = chains.map((answer) => value(answer).chain[0]);
    assert.is(first, second);
    assert.is(revokedIn((await fleet.fleet.revocations())[0]?.der).length, 0);
  }));

test('a device that another takes the place of: what it holds opens nothing any more', () =>
  withFleet(async (fleet) => {
    const { server } = fleet;
    const old = await register(fleet, 'RECEPTION');
    await order(fleet);
    await order(fleet, uploaded, pkcs12());
    const [office] = await told(fleet, old.id);
    if (!office) throw new Error('no order');
    value(await ask(fleet, old, office));
    const invited = value(await replaceDevice(server, admin, 'RECEPTION'));
    const chain = value(await fleet.fleet.enrol({ ...invited, csrDer: makeRequest(makeKey(), 'new') }));
    value(await fleet.fleet.confirm(value(await fleet.fleet.deviceOf(proofOf(chain)))));
    assert.is(
      revokedIn((await fleet.fleet.revocations())[0]?.der).length,
      2,
      'its identity, and what it was given for VPN',
    );
    assert.equal(await rows(fleet), []);
    assert.equal(
      await server.db.selectFrom('corporate_certificates').select('id').execute(),
      [],
      'no key is kept for it',
    );
  }));

test('corporate data is wiped by a command that waits for the device, which leaves its group', () =>
  withFleet(async (fleet) => {
    const { server } = fleet;
    value(await addGroup(server, admin, { name: 'Office' }));
    const one = await register(fleet, 'RECEPTION', 'Office');
    await order(fleet);
    await order(fleet, uploaded, pkcs12());
    const [first, second] = await told(fleet, one.id);
    if (!first || !second) throw new Error('no order');
    value(await holds(fleet, one, [asHeld(first, value(await ask(fleet, one, first)).chain)]));
    assert.is(value(await wipeDevice(server, admin, 'RECEPTION')).certificates, 2);
    assert.equal(
      (await rows(fleet)).map(({ status }) => status),
      ['wiping', 'wiping'],
    );
    assert.equal(await told(fleet, one.id), []);
    assert.is(codeOf(await ask(fleet, one, first)), 'not-found');
    assert.is(revokedIn((await fleet.fleet.revocations())[0]?.der).length, 1);
    const [device] = await listDevices(server);
    assert.is(device?.group, 'Unassigned');
    const keys = await server.db.selectFrom('corporate_certificates').select('sealed_key').execute();
    assert.ok(keys.every(({ sealed_key }) => sealed_key === null));
    // Away for longer than a command lives: it is asked for anew.
    fleet.time.now = instant(fleet.time.now + 31 * dayMs);
    value(await holds(fleet, one, []));
    assert.equal(
      (await rows(fleet)).map(({ status }) => status),
      ['wiping', 'wiping'],
    );
    const [command] = await commandsFor(server, server.db, one.id);
    const { seq, command: what } = payloadOf(command ?? '') as { seq: number; command: { do: string } };
    assert.is(what.do, 'wipe');
    const applied = { group: null, policy: 0, device: 0, command: seq };
    value(await holds(fleet, one, [], { applied }));
    assert.equal(
      (await rows(fleet)).map(({ status }) => status),
      ['wiped', 'wiped'],
    );
    assert.equal(
      (await renewCertificates(server, admin, [first.id])).refused.map(({ fault: { code } }) => code),
      ['wrong-state'],
    );
  }));
