/**
 * Mail and VPN certificates delivered, renewed and wiped, killed after every effect and in the middle of disk operations. The end is
 * always the same: what the server named, each with its key on the disk, or nothing of it and no key.
 */
import type { DeviceDocument } from '../../protocol/schema.ts';
import { cutsOf, operationRows } from '../fakes/cutting.ts';
import { ask, cutPower, type Device, live, openWorld, type Plan, type World, worldAfterCut } from '../fakes/device.ts';
import { orderOf } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

type Wanted = NonNullable<DeviceDocument['certificates']>;
/** Of the disk operations every third is cut short here; what the disk itself makes of each is `edge/disk-cut.long`. */
const diskStride = 3;
const wanted = (order: number): Wanted => [
  { id: '5d2c7c9e-1111-4111-8111-111111111111', type: 'vpn', alias: 'Office', order, from: 'request' },
  { id: '5d2c7c9e-2222-4222-8222-222222222222', type: 'mail', alias: 'Post', order: 1, from: 'delivery' },
];

async function prepare(): Promise<World> {
  const world = openWorld();
  world.server.publishPolicies();
  const { ending } = await live(world, {
    whenQuiet: ({ status }) => (status?.at === 'unregistered' ? [ask({ do: 'register', order: orderOf(world) })] : []),
    goal: ({ status, state }) => status?.link.at === 'connected' && status.policy !== null && state.pending === null,
  });
  assert.is(ending, 'goal');
  cutPower(world, 1);
  return world;
}

/** While the device is off. */
function order(world: World, certificates: Wanted): void {
  world.server.state.corporate = certificates;
  world.server.moveTo(world.server.state.group);
}
function orderWipe(world: World): void {
  order(world, []);
  world.server.state.commands.push(world.server.commandOf('wipe'));
}

const heldOf = ({ state }: Device) =>
  (state.durable.corporate ?? []).map(({ alias, order: number }) => `${alias} ${number}`).sort();
const namedOf = (world: World) =>
  world.server.state.corporate.map(({ alias, order: number }) => `${alias} ${number}`).sort();
const reportedOf = (world: World) =>
  (world.server.state.report?.corporate ?? []).map(({ alias, order: number }) => `${alias} ${number}`).sort();

const plan = (world: World, more: Partial<Plan> = {}): Plan => ({
  goal: (device) =>
    device.status?.link.at === 'connected' &&
    device.state.pending === null &&
    heldOf(device).join() === namedOf(world).join() &&
    reportedOf(world).join() === namedOf(world).join() &&
    (world.server.state.report?.applied.command ?? 0) >= world.server.state.commandSeq,
  ...more,
});

async function assertEnd(world: World, device: Device): Promise<void> {
  const keys = await world.disk.files.list('/state/keys');
  const own = (device.state.durable.corporate ?? []).map(({ identity }) => identity.key.sha256);
  for (const key of own) assert.ok(keys.includes(key), 'a key is gone');
  if (world.server.state.commandSeq > 0)
    assert.equal(
      keys.filter((key) => world.server.state.corporateKeys.includes(key)),
      [],
      'a key has stayed',
    );
  assert.equal(heldOf({ ...device, state: { ...device.state, durable: device.state.durable } }), namedOf(world));
  assert.equal(device.status?.faults ?? [], []);
  assert.equal(world.server.state.conflicts, [], 'an event number was used twice');
}

const { finish, worldsAfterCuts, cutAndFinish } = cutsOf({ plan, assertEnd });

async function measure(name: string, prepared: World, least: number) {
  const begin = (): World => worldAfterCut(prepared, 0);
  const whole = begin();
  const before = whole.disk.operations();
  await finish(whole);
  const operations = whole.disk.operations() - before;
  return { name, least, begin, operations, whole, first: await worldsAfterCuts(begin(), 0, new Set()) };
}

const fresh = await prepare();
order(fresh, wanted(1));
const delivered = await measure('delivered', fresh, 10);
const again = worldAfterCut(delivered.whole, 3);
order(again, wanted(2));
const renewed = await measure('renewed', again, 5);
const last = worldAfterCut(renewed.whole, 5);
orderWipe(last);
const wiped = await measure('wiped', last, 5);

for (const { name, begin, first, least, operations } of [delivered, renewed, wiped]) {
  test(`${name}: undisturbed, it takes all its effects`, () =>
    assert.ok(first.effects >= least, `${first.effects} effects, ${first.left.length} worlds`));
  table(
    `${name}: killed after an effect`,
    first.left.map((each) => ({ name: `effect ${each.after}`, ...each })),
    async ({ world }) => void (await finish(world)),
  );
  table(`${name}: killed in the middle of a disk operation, and again`, operationRows(operations), async ({ from }) => {
    for (let cut = from; cut < Math.min(from + 25, operations); cut += diskStride)
      await cutAndFinish(begin(), [cut, cut % 13]);
  });
}

test('a reset leaves nothing of them, and takes what other programs read away', async () => {
  const world = worldAfterCut(renewed.whole, 7);
  let asked = false;
  const { ending, device } = await live(world, {
    whenQuiet: ({ status }) => {
      if (asked || status?.link.at !== 'connected') return [];
      asked = true;
      return [ask({ do: 'reset' })];
    },
    goal: ({ status }) => status?.at === 'unregistered',
  });
  assert.is(ending, 'goal');
  assert.equal(await world.disk.files.list('/state/keys'), []);
  const exported = device.effects.filter((effect) => effect.do === 'export-corporate');
  assert.equal(
    exported.map(({ certificates }) => certificates.length),
    [2, 0],
  );
});

test('what the server names no more stays, by its newest name', async () => {
  const world = worldAfterCut(renewed.whole, 9);
  const [office, post] = wanted(2);
  if (!office || !post) throw new Error('nothing is wanted');
  order(world, [{ ...office, alias: 'Office 2' }, post]);
  await finish(world);
  order(world, [post]);
  world.server.state.report = null;
  const { ending, device } = await live(world, {
    goal: ({ status }) => status?.link.at === 'connected' && world.server.state.report !== null,
  });
  assert.is(ending, 'goal');
  assert.equal(heldOf(device), ['Office 2 2', 'Post 1']);
});
