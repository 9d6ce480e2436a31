/**
 * Cuts in the main job: the power goes at a chosen moment, the device starts again, and the end is always the same (F9–F14,
 * F32, F37).
 */
import { assert, table } from '../harness.ts';
import { base64, logServer, print, rdpRoot, serverCertificates } from './administration.ts';
import { cutsOf } from './cutting.ts';
import { counts, type Device, live, openWorld, type Plan, type World } from './device.ts';
import { type Chapter, chapterOf, tellStory } from './story.ts';

const plan = (world: World, more: Partial<Plan> = {}): Plan => {
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

const { finish, worldsAfterCuts, cutAndFinish } = cutsOf({ plan, assertEnd });

/** The main job, with these cuts one after the other, then to its end. */
export const cutInOperations = (cuts: readonly number[]): Promise<void> => cutAndFinish(openWorld(), cuts);

/** How many effects each chapter takes, from one undisturbed run. */
export async function measure(): Promise<{ effects: number; operations: number; ends: Map<Chapter, number> }> {
  const world = openWorld();
  const ends = new Map<Chapter, number>();
  const undisturbed = plan(world);
  const { ending, device } = await live(world, {
    ...undisturbed,
    whenQuiet: (each) => {
      ends.set(chapterOf(world), each.effects.filter(counts).length);
      return undisturbed.whenQuiet?.(each) ?? [];
    },
  });
  assert.is(ending, 'goal');
  assertEnd(world, device);
  return { effects: device.effects.filter(counts).length, operations: world.disk.operations(), ends };
}

/**
 * One of `parts` shares of the cut test by effects: the main job is killed after every effect n, each recovery from that is
 * killed after every effect m, and what follows must reach the end. Nothing is sampled. Only the part of the story before
 * a cut is not told again: worlds are copied at the cut. Share `part` takes every `parts`-th n.
 */
export async function tableOfCuts(part: number, parts: number): Promise<void> {
  const known = new Set<string>();
  const first = await worldsAfterCuts(openWorld(), 0, known);
  const rows = first.left
    .filter((_, index) => index % parts === part)
    .map((each) => ({ name: `effect ${each.after}`, ...each }));
  table('killed after an effect, and again after every effect of the recovery', rows, async ({ after, world }) => {
    const second = await worldsAfterCuts(world, after * 7919, known);
    assert.ok(second.effects > 3, `a recovery of ${second.effects} effects`);
    for (const { world: cutTwice } of second.left) await finish(cutTwice);
  });
}
