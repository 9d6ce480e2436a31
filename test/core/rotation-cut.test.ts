/**
 * Three changes of the server's certificate, missed for years, killed after every effect of following them, and once more after
 * every effect of the recovery (F7, F9–F14, F22): one certificate, no code, and the end is always the same.
 */
import { dayMs } from '../../protocol/time.ts';
import { base64, print, serverCertificates } from '../fakes/administration.ts';
import {
  ask,
  type Device,
  live,
  openWorld,
  type Plan,
  type World,
  worldAfterCut,
  worldIdentity,
} from '../fakes/device.ts';
import { orderOf } from '../fakes/story.ts';
import { assert, table } from '../harness.ts';

const [missed, now] = [serverCertificates[0], serverCertificates[3]];

const isOver = ({ status, state }: Device): boolean =>
  status?.link.at === 'connected' && state.pending === null && state.durable.pins?.current.der === base64(now);

async function finish(world: World, more: Partial<Plan> = {}): Promise<void> {
  const { ending, device } = await live(world, {
    goal: isOver,
    whenQuiet: ({ state }) => {
      const { pins, requests } = state.durable;
      assert.ok([base64(missed), base64(now)].includes(pins?.current.der ?? ''), 'a certificate on the way was pinned');
      assert.equal(requests, [], 'a code was asked for');
      return [];
    },
    ...more,
  });
  assert.is(ending, 'goal', JSON.stringify(device.status?.link));
  const { pins } = device.state.durable;
  assert.equal([pins?.current.source, pins?.reserve, pins?.previous], ['policy', null, null]);
  assert.is(world.server.state.report?.pins?.current, print(now));
  const followed = [...world.server.state.events.values()].filter(
    ({ event }) => event === 'server-certificate-followed',
  );
  assert.ok(followed.length <= 1 && followed.every(({ facts }) => facts['links'] === 3));
  assert.equal(world.server.state.conflicts, [], 'an event number was used twice');
}

/** Registered and allowed to follow; then off for years. */
async function prepare(): Promise<World> {
  const world = openWorld();
  const { server, time } = world;
  server.state.rotation = true;
  server.publishPolicies();
  let asked = false;
  const { ending } = await live(world, {
    whenQuiet: ({ status }) => {
      if (asked || status?.at !== 'unregistered') return [];
      asked = true;
      return [ask({ do: 'register', order: orderOf(world) })];
    },
    goal: ({ status, state }) => status?.link.at === 'connected' && status.policy !== null && state.pending === null,
  });
  assert.is(ending, 'goal');
  const away = worldAfterCut(world, 0);
  away.time.trueMs = time.trueMs + 3 * 365 * dayMs;
  const later = worldAfterCut(away, 0);
  for (const each of [1, 2, 3]) later.server.changeTo(each);
  later.server.publishPolicies();
  return later;
}

async function worldsAfterCuts(world: World, seed: number, known: Set<string>) {
  const left: { readonly after: number; readonly world: World }[] = [];
  await finish(world, {
    afterEffect: (after) => {
      const cut = worldAfterCut(world, seed + after);
      const identity = worldIdentity(cut);
      if (!known.has(identity)) left.push({ after, world: cut });
      known.add(identity);
    },
  });
  return left;
}

const known = new Set<string>();
const rows = (await worldsAfterCuts(await prepare(), 0, known)).map((each) => ({
  name: `effect ${each.after}`,
  ...each,
}));
assert.ok(rows.length > 8, `${rows.length} worlds`);
table('killed after an effect, and again after every effect of the recovery', rows, async ({ after, world }) => {
  for (const { world: twice } of await worldsAfterCuts(world, after * 7919, known)) await finish(twice);
});
