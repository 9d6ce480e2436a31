/** Repair files as the server makes them: by which key, with what in them, refused where they would lead nowhere, and on record. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRepair } from '../../agent/core/repair.ts';
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { readIdentity } from '../../server/edge/context.ts';
import { openKit } from '../../server/edge/kit.ts';
import { listAudit } from '../../server/edge/overview.ts';
import { readPins } from '../../server/edge/pins.ts';
import { draftFromKit, draftRepair, type RepairOrder, signWithRecovery } from '../../server/edge/repair.ts';
import { scheduleReserve, switchCertificate } from '../../server/edge/rotation.ts';
import { auditOf, codeOf, type FleetServer, start, value, withFleet } from '../fakes/fleet-server.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';
const order: RepairOrder = { days: 30, key: 'policy', time: false };

async function openAs({ server }: FleetServer, jws: string, now = start) {
  const { serverId } = await readIdentity(server.db);
  const keys = { recovery: server.keys.recovery, policy: [server.keys.policy.publicKey] };
  const clock = { at: 'known' as const, now, floor: now };
  return openRepair(jws, { serverId, keys, clock, blocklist: [], repaired: null, highest: {} });
}
const kitOf = async ({ directory, passphrase }: FleetServer) =>
  value(await openKit(readFileSync(join(directory, 'recovery-kit.json'), 'utf8'), passphrase));

test('by the policy key: the present certificate, the next one and the addresses, good for its days, on record', () =>
  withFleet(async (world) => {
    const { server } = world;
    value(await scheduleReserve(server, admin, instant(start + 7 * dayMs)));
    const { jws, payload } = value(await draftRepair(server, admin, { ...order, days: 3 }));
    const opened = value(await openAs(world, jws ?? ''));
    assert.equal(opened.bundle.pins, await readPins(server.db));
    assert.ok(opened.bundle.pins.reserve);
    assert.equal(opened.bundle.addresses, { https: '127.0.0.1:4430', mqtt: '127.0.0.1:8830' });
    assert.equal([opened.by, opened.time, opened.bundle.policyKeys], ['policy', null, undefined]);
    assert.is(codeOf(await openAs(world, jws ?? '', instant(start + 3 * dayMs + 1000))), 'repair-stale');
    const next = value(await draftRepair(server, admin, order));
    assert.ok(next.payload.rev > payload.rev, 'a later one counts after it');
    const rows = (await listAudit(server, 100)).filter(({ action }) => action === 'repair-file-made');
    assert.equal(
      rows.map(({ facts }) => [facts['rev'], facts['key'], facts['days'], facts['time']]),
      [
        [next.payload.rev, 'policy', 30, 'no'],
        [payload.rev, 'policy', 3, 'no'],
      ],
    );
  }));

test('by the recovery key: drafted by the server, signed by the kit alone', () =>
  withFleet(async (world) => {
    const { server } = world;
    const drafted = value(await draftRepair(server, admin, { ...order, key: 'recovery', time: true }));
    assert.is(drafted.jws, null, 'the server does not have the key');
    const opened = value(await openAs(world, value(signWithRecovery(await kitOf(world), drafted.payload))));
    assert.equal([opened.by, opened.time], ['recovery', start]);
    assert.equal(opened.bundle.policyKeys, [server.keys.policy.publicKey]);
    const foreign = { ...drafted.payload, aud: '00000000-0000-4000-8000-000000000000/repair' };
    assert.is(codeOf(signWithRecovery(await kitOf(world), foreign)), 'wrong-audience');
  }));

test('from the kit alone, after the server has changed its certificate', () =>
  withFleet(async (world) => {
    const { server } = world;
    value(await scheduleReserve(server, admin, start));
    value(await switchCertificate(server, admin, true));
    const kit = await kitOf(world);
    const draft = value(draftFromKit(kit, start, { ...order, key: 'recovery' }));
    const opened = value(await openAs(world, value(signWithRecovery(kit, draft))));
    assert.is(opened.main.fingerprint, fingerprintOf(fromBase64((await readPins(server.db)).main)));
    assert.is(opened.time, null);
  }));

table(
  'not made',
  [
    { name: 'a time by the policy key', after: 0, order: { ...order, time: true }, expected: 'not-allowed' },
    { name: 'with a certificate that has expired', after: 10 * 366 * dayMs, order, expected: 'expired' },
  ],
  ({ after, order: wanted, expected }) =>
    withFleet(async (world) => {
      world.time.now = instant(start + after);
      assert.is(codeOf(await draftRepair(world.server, admin, wanted)), expected);
      assert.not((await auditOf(world)).includes('repair-file-made'));
    }),
);
