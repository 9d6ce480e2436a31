/** Rotation statements of a real server: kept with every change, signed daily, judged by the device's own judge. */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { judgeRotations } from '../../agent/core/rotating.ts';
import { fetchRotations } from '../../agent/edge/rotations.ts';
import { serverAudience } from '../../protocol/audience.ts';
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import type { Policy } from '../../protocol/schema.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { policyTopic } from '../../protocol/topics.ts';
import { recoverFromKit } from '../../server/edge/backup.ts';
import { setBlocked } from '../../server/edge/blocking.ts';
import { readIdentity } from '../../server/edge/context.ts';
import { serveDevices } from '../../server/edge/device-http.ts';
import { allStatements, listLinks, removeLink, statementsFrom } from '../../server/edge/links.ts';
import { readListenerTls, readPins } from '../../server/edge/pins.ts';
import { addGroup } from '../../server/edge/places.ts';
import { setLock, setRotation, showPolicy } from '../../server/edge/policies.ts';
import { scheduleReserve, switchCertificate } from '../../server/edge/rotation.ts';
import { tick } from '../../server/edge/upkeep.ts';
import {
  auditOf,
  codeOf,
  type FleetServer,
  openFleet,
  payloadOf,
  start,
  temporary,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';

const mainOf = async ({ server }: FleetServer): Promise<string> => (await readPins(server.db)).main;
const print = (der: string): string => fingerprintOf(fromBase64(der));

/** Changes the main certificate, and gives the certificates from the first to the present one, base64. */
async function change(world: FleetServer, times: number): Promise<readonly string[]> {
  const mains = [await mainOf(world)];
  for (let each = 0; each < times; each++) {
    value(await scheduleReserve(world.server, admin, world.time.now));
    value(await switchCertificate(world.server, admin, true));
    mains.push(await mainOf(world));
  }
  return mains;
}

/** What a device that holds `current` makes of the server's answer, when it is shown `presented`. */
async function judged(world: FleetServer, current: string, presented: string): Promise<string> {
  const answer = await world.fleet.rotations(print(current));
  if (!answer.ok) return answer.fault.code;
  const { serverId } = await readIdentity(world.server.db);
  const { now } = world.time;
  const verdict = judgeRotations(answer.value.statements, presented, {
    audience: { serverId, deviceId: 'x', keys: [world.server.keys.policy.publicKey] },
    current: print(current),
    clock: { at: 'known', now, floor: now },
    blocklist: [],
    highest: 0,
  });
  return verdict.ok ? `${verdict.value.links} links` : verdict.fault.code;
}

test('a device that missed three changes is led to the main certificate, from wherever it stands', () =>
  withFleet(async (world) => {
    const mains = await change(world, 3);
    const [one = '', two = '', three = '', four = ''] = mains;
    const led = [];
    for (const each of mains) led.push(await judged(world, each, four));
    assert.equal(led, ['3 links', '2 links', '1 links', 'not-found']);
    assert.is(await judged(world, one, three), 'rotation-broken');
    assert.is(new Set([one, two, three, four]).size, 4);
  }));

test('the agent fetches them from the real listener, without an identity', () =>
  withFleet(async (world) => {
    const [one = '', , three = ''] = await change(world, 2);
    const tls = value(await readListenerTls(world.server));
    const { clock, log } = world.server;
    const http = await serveDevices({ fleet: world.fleet, tls, host: '127.0.0.1', port: 0, clock, log });
    try {
      const bytes = value(await fetchRotations(`127.0.0.1:${http.port}`, print(one)));
      assert.equal(JSON.parse(Buffer.from(bytes).toString()), value(await world.fleet.rotations(print(one))));
      assert.is(codeOf(await fetchRotations(`127.0.0.1:${http.port}`, print(three))), 'not-found');
    } finally {
      await http.close();
    }
  }));

test('the newest link is signed again daily, the older ones stay as they are', () =>
  withFleet(async (world) => {
    const [one = '', , , four = ''] = await change(world, 3);
    const before = value(await allStatements(world.server)).statements;
    world.time.now = instant(start + dayMs - 1);
    await tick(world.server);
    assert.equal(value(await allStatements(world.server)).statements, before);
    world.time.now = instant(start + 40 * dayMs);
    assert.is(await judged(world, one, four), 'rotation-stale');
    await tick(world.server);
    const after = value(await allStatements(world.server)).statements;
    assert.equal(after.slice(0, 2), before.slice(0, 2));
    assert.is(await judged(world, one, four), '3 links');
    const { aud, rev, iat, refreshBefore, seq } = payloadOf(after[2] ?? '');
    const days = (Number(refreshBefore) - Number(iat)) / 86400;
    assert.equal([aud, days, seq], [serverAudience((await readIdentity(world.server.db)).serverId), 30, 3]);
    assert.ok(Number(rev) > Number(payloadOf(before[2] ?? '')['rev']));
    assert.is((await auditOf(world)).filter((action) => action === 'rotation-renewed').length, 1);
  }));

const breaks: readonly {
  readonly name: string;
  readonly act: (world: FleetServer, mains: readonly string[]) => Promise<unknown>;
  readonly expected: readonly string[];
}[] = [
  {
    name: 'a removed link',
    act: ({ server }) => removeLink(server, admin, 2),
    expected: ['not-found', 'not-found', '1 links'],
  },
  {
    name: 'a blocked certificate',
    act: ({ server }, mains) =>
      setBlocked(server, admin, 'Unassigned', { fingerprint: print(mains[1] ?? ''), blocked: true }),
    expected: ['not-found', '2 links', '1 links'],
  },
  {
    name: 'a blocked main certificate, changed then',
    act: async (world, mains) => {
      value(await scheduleReserve(world.server, admin, world.time.now));
      const fingerprint = print(mains[3] ?? '');
      value(await setBlocked(world.server, admin, 'Unassigned', { fingerprint, blocked: true }));
      value(await switchCertificate(world.server, admin, true));
    },
    expected: ['not-found', 'not-found', 'not-found', '1 links'],
  },
];
table('what breaks the chain', breaks, ({ act, expected }) =>
  withFleet(async (world) => {
    const mains = await change(world, 3);
    await act(world, mains);
    const now = await mainOf(world);
    const led = [];
    for (const each of mains.slice(0, expected.length)) led.push(await judged(world, each, now));
    assert.equal(led, expected);
    // And nothing of it is signed again.
    world.time.now = instant(start + 40 * dayMs);
    await tick(world.server);
    const renewed = (await listLinks(world.server)).filter(({ signedAt }) => signedAt === world.time.now);
    assert.equal(
      renewed.map(({ to, counts }) => [to, counts]),
      [[print(now), true]],
    );
  }),
);

test('a server rebuilt from its kit still leads its devices, along all but what was taken back', () =>
  withFleet(async (world) => {
    const mains = await change(world, 3);
    value(await setBlocked(world.server, admin, 'Unassigned', { fingerprint: print(mains[1] ?? ''), blocked: true }));
    const kit = readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8');
    const root = temporary();
    const directory = join(root, 'state');
    const around = { directory, clock: () => world.time.now, log: () => {} };
    value(await recoverFromKit(around, kit, world.passphrase));
    const rebuilt = await openFleet({ directory, now: world.time.now });
    try {
      await tick(rebuilt.server);
      const led = [];
      for (const each of mains.slice(0, 3)) led.push(await judged(rebuilt, each, mains[3] ?? ''));
      assert.equal(led, ['not-found', '2 links', '1 links']);
    } finally {
      await rebuilt.close();
      rmSync(root, { recursive: true });
    }
  }));

test('a group allows it for itself and those below it, unless one above has locked the block', () =>
  withFleet(async (world) => {
    const { server, published } = world;
    const office = value(await addGroup(server, admin, { name: 'Office' })).id;
    const floor = value(await addGroup(server, admin, { name: 'Floor', parent: 'Office' })).id;
    const allowed = async (): Promise<readonly unknown[]> => {
      await world.publish();
      return [office, floor].map((group) => {
        const { payload = '' } = published.findLast(({ topic }) => topic === policyTopic(group)) ?? {};
        return (payloadOf(payload) as Policy).rotation?.allowed;
      });
    };
    assert.equal(await allowed(), [undefined, undefined]);
    value(await setRotation(server, admin, 'Office', true));
    assert.equal(await allowed(), [true, true]);
    value(await setRotation(server, admin, 'Floor', false));
    assert.equal(await allowed(), [true, undefined]);
    value(await setRotation(server, admin, 'Floor', null));
    value(await setLock(server, admin, 'Office', { block: 'rotation', enforced: true }));
    assert.is(codeOf(await setRotation(server, admin, 'Floor', false)), 'not-allowed');
    assert.equal(await allowed(), [true, true]);
    assert.is(value(await showPolicy(server, 'Floor')).effective.rotation.allowed, true);
    assert.is(codeOf(await setRotation(server, admin, 'Unassigned', true)), 'not-allowed');
    assert.is(codeOf(await setRotation(server, admin, 'Nobody', true)), 'not-found');
  }));

test('what is not there is not found', () =>
  withFleet(async ({ server }) => {
    assert.is(codeOf(await removeLink(server, admin, 1)), 'not-found');
    assert.is(codeOf(await allStatements(server)), 'not-found');
    assert.is(codeOf(await statementsFrom(server, 'ab'.repeat(32))), 'not-found');
  }));
