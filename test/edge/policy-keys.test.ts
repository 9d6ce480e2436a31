/** The policy key of a real server rolls over: announced, activated behind the gate, revoked by the kit, rebuilt from it (B12). */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { emptyDurable } from '../../agent/core/durable.ts';
import { freshCounters } from '../../agent/core/generation.ts';
import { takeStatements } from '../../agent/core/keys.ts';
import { keysAudience } from '../../protocol/audience.ts';
import { thumbprint } from '../../protocol/jws.ts';
import type { PublicKey } from '../../protocol/schema.ts';
import { instant } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import type { PolicyKeysView } from '../../server/api/mutual.ts';
import { recoverFromKit } from '../../server/edge/backup.ts';
import { deleteIdentity, renewIdentity } from '../../server/edge/identities.ts';
import { openKit, sealBase } from '../../server/edge/kit.ts';
import { addGroup, listDevices } from '../../server/edge/places.ts';
import { activateKey, announceKey, revokeKey, showPolicyKeys, signRevocation } from '../../server/edge/policy-keys.ts';
import { scheduleReserve, switchCertificate } from '../../server/edge/rotation.ts';
import { makeSigningKey, signDocument } from '../../server/edge/sign.ts';
import {
  auditOf,
  codeOf,
  type Enrolled,
  type FleetServer,
  openFleet,
  payloadOf,
  register,
  report,
  temporary,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { assert, test } from '../harness.ts';

const admin = 'administrator';
const nonce = 'a'.repeat(32);

const kidOf = (jws: string): unknown => JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString())['kid'];
const latest = ({ published }: FleetServer, topic: string): string =>
  published.findLast((each) => each.topic === topic)?.payload ?? '';
const kitOf = ({ directory }: FleetServer): string => readFileSync(join(directory, 'recovery-kit.json'), 'utf8');
const reports = (world: FleetServer, device: Enrolled, policyKeys: readonly string[]) =>
  world.fleet.checkin(device.id, {
    format: 1,
    nonce,
    report: report(device.id, { policyKeys: [...policyKeys] }),
    events: [],
  });

/** What the command line does with the kit. */
async function revocation(world: FleetServer, kit: string, revoke: string) {
  const { secrets } = value(await openKit(kit, world.passphrase));
  const statement = signRevocation(secrets, await showPolicyKeys(world.server), revoke, world.time.now);
  return { statement, base: await sealBase(secrets, world.passphrase) };
}

/** What a device that holds these keys makes of key statements. */
function keysAfter(
  held: readonly PublicKey[],
  recoveryKey: PublicKey,
  serverId: string,
  statements: readonly string[],
) {
  const bundle = { serverId, recoveryKey };
  const registration = { at: 'registered', policyKeys: held, bundle } as never;
  const clock = { at: 'unknown' as const, now: instant(0), floor: instant(0) };
  const taken = takeStatements({ ...emptyDurable, registration }, freshCounters(instant(0)), statements, clock);
  assert.is(taken.fault, null);
  return taken.keys.map(thumbprint);
}

async function rebuilt(world: FleetServer, kit: string, run: (again: FleetServer) => Promise<void>): Promise<void> {
  const root = temporary();
  const directory = join(root, 'state');
  const { now } = world.time;
  value(await recoverFromKit({ directory, clock: () => now, log: () => {} }, kit, world.passphrase));
  const again = await openFleet({ directory, now });
  try {
    await run(again);
  } finally {
    await again.close();
    rmSync(root, { recursive: true });
  }
}

test('announced, held by all, activated, revoked; and a server rebuilt from the kit at each step goes on', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const group = value(await addGroup(server, admin, { name: 'Office' })).id;
    const [one, two] = [await register(world, 'one', 'Office'), await register(world, 'two', 'Office')];
    value(await scheduleReserve(server, admin, world.time.now));
    value(await switchCertificate(server, admin, true));
    const before = await showPolicyKeys(server);
    const first = server.keys.policy.publicKey;
    assert.equal([before.next, before.former, before.active], [null, [], thumbprint(first)]);

    const announced = value(await announceKey(server, admin));
    assert.is(codeOf(await announceKey(server, admin)), 'already-exists');
    await world.publish();
    const policy = latest(world, policyTopic(group));
    assert.is(thumbprint(payloadOf(policy)['nextKey'] as PublicKey), announced.next);
    assert.is(kidOf(policy), before.active, 'the present key vouches for the next one');
    const bundle = value(await fleet.bundle(one.id));
    assert.equal(bundle.policyKeys.map(thumbprint), [before.active, announced.next]);
    await rebuilt(world, kitOf(world), async (again) => {
      const { active, next } = await showPolicyKeys(again.server);
      assert.equal([active, next], [before.active, announced.next]);
    });

    value(await reports(world, one, [before.active, announced.next ?? '']));
    value(await reports(world, two, [before.active]));
    assert.equal((await showPolicyKeys(server)).notReady, ['two']);
    const third = await register(world, 'three', 'Office');
    assert.equal((await showPolicyKeys(server)).notReady, ['three', 'two']);
    value(await deleteIdentity(server, admin, third.id));
    assert.equal((await showPolicyKeys(server)).notReady, ['two'], 'who cannot connect holds up nobody');
    assert.is(codeOf(await activateKey(server, admin, false)), 'policy-key-not-held');
    value(await renewIdentity(server, admin, 'one'));
    value(await reports(world, two, [before.active, announced.next ?? '']));
    const rolled = value(await activateKey(server, admin, false));
    assert.equal([rolled.active, rolled.next, rolled.former], [announced.next, null, [before.active]]);
    await world.publish();
    const documents = [latest(world, policyTopic(group)), latest(world, deviceLeafTopic(one.id, 'device'))];
    assert.equal(documents.map(kidOf), [rolled.active, rolled.active]);
    const commands = await server.db.selectFrom('commands').select('jws').execute();
    assert.equal(
      commands.map(({ jws }) => kidOf(jws)),
      [rolled.active],
      'what waits is signed anew',
    );
    const links = await server.db.selectFrom('rotations').select('jws').execute();
    assert.equal(
      links.map(({ jws }) => kidOf(jws)),
      [rolled.active],
    );
    assert.is(kidOf(value(await reports(world, one, [])).time), rolled.active);
    const activated = kitOf(world);
    await rebuilt(world, activated, async (again) => {
      const { active, former } = await showPolicyKeys(again.server);
      assert.equal([active, former], [rolled.active, [before.active]]);
      // A device that still holds what the former key signed is known by it.
      const id = value(await again.fleet.deviceOf(one.proof));
      const held = report(id, {
        applied: { group, policy: Number(payloadOf(policy)['rev']), device: 0, command: 0 },
        newer: [policy],
      });
      value(await again.fleet.checkin(id, { format: 1, nonce, report: held, events: [] }));
      const groups = await again.server.db.selectFrom('groups').select('name').execute();
      assert.ok(groups.some(({ name }) => name === 'Office'));
      assert.is((await listDevices(again.server)).length, 1);
    });

    value(await revokeKey(server, admin, await revocation(world, activated, before.active)));
    await world.publish();
    assert.ok(Number(payloadOf(latest(world, policyTopic(group)))['keys']) > 0);
    const { keys = [] } = value(await reports(world, one, []));
    const { serverId } = await showPolicyKeys(server);
    assert.equal(keysAfter([first], server.keys.recovery, serverId, keys), [rolled.active]);
    assert.equal(keysAfter([first, server.keys.policy.publicKey], server.keys.recovery, serverId, keys), [
      rolled.active,
    ]);
    await rebuilt(world, kitOf(world), async (again) => {
      const { active, former } = await showPolicyKeys(again.server);
      assert.equal([active, former, again.server.keys.kitSigning], [rolled.active, [], null]);
      assert.equal(
        (await again.server.db.selectFrom('key_statements').select('jws').execute()).map(({ jws }) => jws),
        keys,
      );
      // The former key is nowhere in it.
      const { secrets } = value(await openKit(kitOf(world), world.passphrase));
      assert.is(thumbprint(secrets.policy.publicKey), rolled.active);
    });
    const told = (await auditOf(world)).filter((action) => action.startsWith('policy-key-'));
    assert.equal(told, ['policy-key-revoked', 'policy-key-activated', 'policy-key-announced']);
  }));

test('all of it is read again at the next start', () =>
  withFleet(async (world) => {
    const { server, directory } = world;
    value(await announceKey(server, admin));
    const announced = await showPolicyKeys(server);
    const opened = async (): Promise<PolicyKeysView> => {
      const again = await openFleet({ directory, now: world.time.now });
      try {
        return await showPolicyKeys(again.server);
      } finally {
        await again.close();
      }
    };
    assert.equal(await opened(), announced);
    const rolled = value(await activateKey(server, admin, true));
    assert.equal(await opened(), rolled);
  }));

test('without an announced key there is nothing to activate', () =>
  withFleet(async ({ server }) => assert.is(codeOf(await activateKey(server, admin, true)), 'not-found')));

const stranger = makeSigningKey();
const rows: readonly {
  readonly name: string;
  readonly change: (statement: Record<string, unknown>) => Record<string, unknown>;
  readonly by?: typeof stranger;
  readonly base?: string;
  readonly expected: string;
}[] = [
  { name: 'signed by another key', change: (body) => body, by: stranger, expected: 'unknown-key' },
  { name: 'of another server', change: (body) => ({ ...body, aud: keysAudience('x') }), expected: 'wrong-audience' },
  { name: 'adding another key', change: (body) => ({ ...body, add: stranger.publicKey }), expected: 'bad-argument' },
  { name: 'adding none', change: (body) => ({ ...body, add: null }), expected: 'bad-argument' },
  { name: 'revoking none', change: (body) => ({ ...body, revoke: null }), expected: 'not-found' },
  {
    name: 'revoking the active key',
    change: (body) => ({ ...body, revoke: thumbprint(body['add'] as PublicKey) }),
    expected: 'not-found',
  },
  { name: 'no revision', change: (body) => ({ ...body, rev: 0 }), expected: 'replayed' },
  { name: 'a kit that is none', change: (body) => body, base: '{}', expected: 'backup-unreadable' },
];
test('key statements that are refused change nothing', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { active } = await showPolicyKeys(server);
    value(await announceKey(server, admin));
    value(await activateKey(server, admin, true));
    const kit = kitOf(world);
    const { secrets } = value(await openKit(kit, world.passphrase));
    const view = await showPolicyKeys(server);
    const good = signRevocation(secrets, view, active, world.time.now);
    const base = JSON.parse(kit).base;
    for (const { name, change, by = secrets.recovery, expected, base: other = base } of rows) {
      const statement = signDocument('key', by.keyPkcs8, by.publicKey, change(payloadOf(good)));
      assert.is(codeOf(await revokeKey(server, admin, { statement, base: other })), expected, name);
      assert.equal(await showPolicyKeys(server), view, name);
    }
    assert.is(kitOf(world).length, kit.length);
  }));
