/**
 * Renewal with another authority, of an identity that is from there and of one that is to be, killed after every effect and once
 * more after every effect of the recovery (F14, F18, F32, F37). The end is always the same: one identity of that authority,
 * proven, which the server was told of by the one before, its key on the disk; nobody is asked for anything on the way.
 */
import { leafOf, registeredOf } from '../../agent/core/identity.ts';
import { dayMs } from '../../protocol/time.ts';
import { cutsOf } from '../fakes/cutting.ts';
import { ask, cutPower, type Device, live, openWorld, type Plan, type World, worldAfterCut } from '../fakes/device.ts';
import { scep, toldByPolicy } from '../fakes/elsewhere.ts';
import { orderOf } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

const days = 100;
const daysBefore = 20;

/** Registered, in the window of its identity, and the power is off. */
async function prepare(from: 'there' | 'here'): Promise<World> {
  const world = openWorld();
  const { server } = world;
  server.state.identityDays = days;
  server.publishPolicies();
  const order =
    from === 'there' ? { ...orderOf(world), enrolment: { ...scep, key: 'P-256' as const } } : orderOf(world);
  const { ending } = await live(world, {
    whenQuiet: ({ status }) => (status?.at === 'unregistered' ? [ask({ do: 'register', order })] : []),
    goal: ({ status, state }) => status?.link.at === 'connected' && status.policy !== null && state.pending === null,
  });
  assert.is(ending, 'goal');
  cutPower(world, 1);
  world.time.trueMs += (days - daysBefore) * dayMs;
  if (from === 'here') server.state.enrolment = { ...toldByPolicy, protocol: 'est' };
  server.publishPolicies();
  server.moveTo(server.unassigned);
  return world;
}

const identityOf = ({ state }: Device) => registeredOf(state)?.identity ?? null;
const plan = (world: World, more: Partial<Plan> = {}): Plan => ({
  whenQuiet: (device) => {
    assert.ok(registeredOf(device.state), 'the registration is lost');
    assert.is(device.status?.replacement, null, 'a code is asked for');
    return [];
  },
  goal: (device) => {
    const identity = identityOf(device);
    const by = world.server.contacts.filter((each) => each.by === 'mqtt').at(-1)?.fingerprint;
    const renewed = identity !== null && world.server.identities.get(identity.key.sha256)?.seen === true;
    const followed = renewed && leafOf(identity)?.fingerprint !== firstOf(world);
    return followed && device.status?.link.at === 'connected' && by === leafOf(identity)?.fingerprint;
  },
  ...more,
});
const firstOf = ({ server }: World): string | undefined =>
  leafOf({ key: { kind: 'file', sha256: '' }, chain: server.device.chain })?.fingerprint;

async function assertEnd(world: World, device: Device): Promise<void> {
  const own = registeredOf(device.state);
  const key = own?.identity.key.sha256 ?? '';
  assert.equal([own?.standing, own?.next, own?.bundle.deviceId], ['active', null, world.server.device.id]);
  assert.match((own && leafOf(own.identity)?.issuer) ?? '', /Foreign CA/);
  assert.ok(own?.enrolment, 'where it is from is forgotten');
  assert.ok(world.server.state.announced.includes(key), 'never announced');
  assert.ok((await world.disk.files.list('/state/keys')).includes(key), 'the key is gone');
  assert.equal(world.server.state.conflicts, [], 'an event number was used twice');
  const faults = device.status?.faults.map(({ code }) => code).filter((code) => code !== 'policy-stale');
  assert.equal(faults, []);
}

const { finish, worldsAfterCuts } = cutsOf({ plan, assertEnd });

async function measure(name: string, from: 'there' | 'here') {
  const prepared = await prepare(from);
  const known = new Set<string>();
  return { name, known, first: await worldsAfterCuts(worldAfterCut(prepared, 0), 0, known) };
}

for (const { name, known, first } of [await measure('from there', 'there'), await measure('from here', 'here')]) {
  test(`${name}: undisturbed, it takes all its effects`, () =>
    assert.ok(first.effects >= 20, `${first.effects} effects, ${first.left.length} worlds`));
  table(
    `${name}: killed after an effect, and again after every effect of the recovery`,
    first.left.map((each) => ({ name: `effect ${each.after}`, ...each })),
    async ({ after, world }) => {
      const second = await worldsAfterCuts(world, after * 7919, known);
      for (const { world: cutTwice } of second.left) await finish(cutTwice);
    },
  );
}
