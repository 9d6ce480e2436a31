/**
 * The cut test: the main job is killed after every effect, and once more during the recovery from that; the end is always
 * the same (F9–F14, F32, F37). The disk forgets what was not synced, in a different way each time.
 */
import { base64, logServer, print, rdpRoot, serverCertificates } from '../fakes/administration.ts';
import { counts, cutPower, type Device, live, openWorld, type Plan, type World } from '../fakes/device.ts';
import { type Chapter, chapterOf, chapters, tellStory } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

const story = (world: World, more: Partial<Plan> = {}): Plan => {
  const tell = tellStory();
  return {
    whenQuiet: (device) => tell(world, device),
    goal: (device) => chapterOf(world) === 'end' && device.status?.link.at === 'connected',
    ...more,
  };
};

/** Everything that must be the same however often the power went. */
function assertEnd(world: World, device: Device): void {
  const held = device.status?.certificates.map(
    ({ fingerprint, purpose, source }) => `${purpose} ${source} ${fingerprint}`,
  );
  assert.equal(held, [
    `ksc replacement ${print(serverCertificates[3])}`,
    `rdp policy ${print(rdpRoot)}`,
    `log policy ${print(logServer)}`,
  ]);
  assert.equal(
    device.exported.map((each) => each.der).sort(),
    [base64(serverCertificates[3]), base64(rdpRoot), base64(logServer)].sort(),
  );
  assert.is(device.status?.device?.id, world.server.device.id);
  assert.is(device.status?.device?.group, 'Office');
  assert.is(device.status?.replacement, null);
  assert.is(world.server.state.report?.codes.tries, 0);
  assert.equal(world.server.state.conflicts, [], 'an event number was used twice');
  assert.is(world.server.state.presence, 'online');
}

/** How many effects each chapter takes, from one undisturbed run. */
async function measure(): Promise<{ effects: number; operations: number; ends: Map<Chapter, number> }> {
  const world = openWorld();
  const ends = new Map<Chapter, number>();
  const plan = story(world);
  const { ending, device } = await live(world, {
    ...plan,
    whenQuiet: (each) => {
      ends.set(chapterOf(world), each.effects.filter(counts).length);
      return plan.whenQuiet?.(each) ?? [];
    },
  });
  assert.is(ending, 'goal');
  assertEnd(world, device);
  return { effects: device.effects.filter(counts).length, operations: world.disk.operations(), ends };
}

const whole = await measure();

test('the undisturbed story passes through every chapter', () => {
  assert.equal([...whole.ends.keys()], chapters.slice(0, -1));
  assert.ok(whole.effects > 100, `only ${whole.effects} effects`);
});

async function cutAndFinish(cuts: readonly Partial<Plan>[]): Promise<void> {
  const world = openWorld();
  for (const [index, cut] of cuts.entries()) {
    const { ending, device } = await live(world, story(world, cut));
    if (ending === 'goal') return assertEnd(world, device);
    assert.is(ending, 'cut', `${ending} in ${chapterOf(world)}`);
    cutPower(world, index * 7919 + (cut.cutAfter ?? cut.cutDiskAfter ?? 0));
  }
  const { ending, device } = await live(world, story(world));
  assert.is(ending, 'goal', `${ending} in ${chapterOf(world)}: ${JSON.stringify(device.status)}`);
  assertEnd(world, device);
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const tens = Array.from({ length: Math.ceil(whole.effects / 10) }, (_, index) => ({
  name: `effects ${index * 10 + 1}–${index * 10 + 10}`,
  cuts: upTo(10).map((offset) => index * 10 + offset),
}));

table('killed after an effect, and again after each of the first four of the recovery', tens, async ({ cuts }) => {
  for (const cutAfter of cuts) {
    await cutAndFinish([{ cutAfter }]);
    for (const again of upTo(4)) await cutAndFinish([{ cutAfter }, { cutAfter: again }]);
  }
});

const diskCuts = Array.from({ length: Math.ceil(whole.operations / 25) }, (_, index) => ({
  name: `operations ${index * 25}–${index * 25 + 24}`,
  cuts: Array.from({ length: 25 }, (_, offset) => index * 25 + offset),
}));

table('killed in the middle of a disk operation', diskCuts, async ({ cuts }) => {
  for (const cutDiskAfter of cuts) await cutAndFinish([{ cutDiskAfter }, { cutDiskAfter: cutDiskAfter % 11 }]);
});
