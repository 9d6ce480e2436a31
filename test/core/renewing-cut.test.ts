/**
 * Renewal, and enrolling again by code, killed after every effect and once more after every effect of the recovery, and in the
 * middle of disk operations (F9–F14, F32, F37). The end is always the same: one identity, proven, its key alone on
 * the disk. At no rest on the way is the identity in use one the server refuses, or one whose key is not there.
 */
import { leafOf, registeredOf } from '../../agent/core/identity.ts';
import type { Happening } from '../../agent/core/shape.ts';
import { dayMs } from '../../protocol/time.ts';
import { cutsOf, operationRows } from '../fakes/cutting.ts';
import { ask, cutPower, type Device, live, openWorld, type Plan, type World, worldAfterCut } from '../fakes/device.ts';
import { orderOf } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

const days = 100;
/** Of the disk operations every third is cut short here; what the disk itself makes of each is `edge/disk-cut.long`. */
const diskStride = 3;

/** Registered, its documents there; the power is off. */
async function prepare(): Promise<World> {
  const world = openWorld();
  world.server.state.identityDays = days;
  world.server.publishPolicies();
  const { ending } = await live(world, {
    whenQuiet: ({ status }) => (status?.at === 'unregistered' ? [ask({ do: 'register', order: orderOf(world) })] : []),
    goal: ({ status, state }) => status?.link.at === 'connected' && status.policy !== null && state.pending === null,
  });
  assert.is(ending, 'goal');
  return world;
}
/** Switched on again so many days before the end of its identity, or after it. */
async function atDay(day: number): Promise<World> {
  const world = await prepare();
  cutPower(world, day);
  world.time.trueMs += (days - day) * dayMs;
  world.server.publishPolicies();
  world.server.moveTo(world.server.unassigned);
  return world;
}

/** The administrator answers what the screen shows, once for each code. */
function openDesk(): (world: World, device: Device) => readonly Happening[] {
  let answered = '';
  return ({ server }, { status }) => {
    const shown = status?.replacement?.about === 'device' ? status.replacement.confirmationCode : '';
    if (shown === '' || shown === answered) return [];
    answered = shown;
    return [ask({ do: 'code', code: server.answerCode(shown) })];
  };
}

const identityOf = ({ state }: Device) => registeredOf(state)?.identity ?? null;
const plan = (world: World, more: Partial<Plan> = {}): Plan => {
  const desk = openDesk();
  return {
    whenQuiet: (device) => {
      const own = registeredOf(device.state);
      assert.ok(own, 'the registration is lost');
      const notAfter = leafOf(own.identity)?.notAfter ?? 0;
      if (own.standing === 'active' && !world.server.state.retired)
        assert.ok(notAfter > world.time.trueMs || own.next !== null || device.status?.identity?.at === 'expired');
      return desk(world, device);
    },
    goal: (device) => {
      const identity = identityOf(device);
      const by = world.server.contacts.filter((each) => each.by === 'mqtt').at(-1)?.fingerprint;
      const renewed = identity !== null && world.server.identities.has(identity.key.sha256);
      return renewed && device.status?.link.at === 'connected' && by === leafOf(identity)?.fingerprint;
    },
    ...more,
  };
};

async function assertEnd(world: World, device: Device): Promise<void> {
  const own = registeredOf(device.state);
  assert.equal([own?.standing, own?.next, own?.bundle.deviceId], ['active', null, world.server.device.id]);
  assert.is(device.status?.identity?.at, 'valid');
  assert.is(device.status?.replacement, null);
  assert.is(world.server.identities.get(own?.identity.key.sha256 ?? '')?.seen, true);
  assert.ok((await world.disk.files.list('/state/keys')).includes(own?.identity.key.sha256 ?? ''), 'the key is gone');
  assert.equal(world.server.state.conflicts, [], 'an event number was used twice');
  const faults = device.status?.faults.map(({ code }) => code).filter((code) => code !== 'policy-stale');
  assert.equal(faults, []);
}

const { finish, worldsAfterCuts, cutAndFinish } = cutsOf({ plan, assertEnd });

/** Wherever the power goes, the story is told from a copy of `prepared`. */
async function measure(name: string, day: number, least: number, again: boolean) {
  const prepared = await atDay(day);
  const begin = (): World => worldAfterCut(prepared, 0);
  const whole = begin();
  const before = whole.disk.operations();
  await finish(whole);
  const operations = whole.disk.operations() - before;
  const known = new Set<string>();
  return { name, least, again, begin, operations, known, first: await worldsAfterCuts(begin(), 0, known) };
}

const stories = [
  await measure('in the window', 20, 20, true),
  await measure('in its grace', -10, 20, false),
  await measure('retired, by code', -40, 30, true),
];

// In its grace the steps are those in the window, by another way: killed once.
for (const { again, name, begin, first, known, least, operations } of stories) {
  test(`${name}: undisturbed, it takes all its effects`, () =>
    assert.ok(first.effects >= least, `${first.effects} effects, ${first.left.length} worlds`));
  table(
    `${name}: killed after an effect${again ? ', and again after every effect of the recovery' : ''}`,
    first.left.map((each) => ({ name: `effect ${each.after}`, ...each })),
    async ({ after, world }) => {
      if (!again) return void (await finish(world));
      const second = await worldsAfterCuts(world, after * 7919, known);
      for (const { world: cutTwice } of second.left) await finish(cutTwice);
    },
  );
  if (!again) continue;
  table(`${name}: killed in the middle of a disk operation, and again`, operationRows(operations), async ({ from }) => {
    for (let cut = from; cut < Math.min(from + 25, operations); cut += diskStride)
      await cutAndFinish(begin(), [cut, cut % 13]);
  });
}
