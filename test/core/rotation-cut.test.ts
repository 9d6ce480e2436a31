/**
 * Three changes of the server's certificate, missed for years, killed after every effect of following them, and once more after
 * every effect of the recovery (F7, F9–F14, F22): one certificate, no code, and the end is always the same.
 */
import { dayMs } from '../../protocol/time.ts';
import { base64, print, serverCertificates } from '../fakes/administration.ts';
import { cutsOf } from '../fakes/cutting.ts';
import { ask, type Device, live, openWorld, type Plan, type World, worldAfterCut } from '../fakes/device.ts';
import { orderOf } from '../fakes/story.ts';
import { assert, table } from '../harness.ts';

const [missed, now] = [serverCertificates[0], serverCertificates[3]];

const isOver = ({ status, state }: Device): boolean =>
  status?.link.at === 'connected' && state.pending === null && state.durable.pins?.current.der === base64(now);

const plan = (_: World, more: Partial<Plan>): Plan => ({
  goal: isOver,
  whenQuiet: ({ state }) => {
    const { pins, requests } = state.durable;
    assert.ok([base64(missed), base64(now)].includes(pins?.current.der ?? ''), 'a certificate on the way was pinned');
    assert.equal(requests, [], 'a code was asked for');
    return [];
  },
  ...more,
});

function assertEnd(world: World, device: Device): void {
  const { pins } = device.state.durable;
  assert.equal([pins?.current.source, pins?.reserve, pins?.previous], ['policy', null, null]);
  assert.is(world.server.state.report?.pins?.current, print(now));
  const followed = [...world.server.state.events.values()].filter(
    ({ event }) => event === 'server-certificate-followed',
  );
  assert.ok(followed.length <= 1 && followed.every(({ facts }) => facts['links'] === 3));
  assert.equal(world.server.state.conflicts, [], 'an event number was used twice');
}

const { finish, worldsAfterCuts } = cutsOf({ plan, assertEnd });

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

const known = new Set<string>();
const first = await worldsAfterCuts(await prepare(), 0, known);
assert.ok(first.left.length > 8, `${first.left.length} worlds`);
const rows = first.left.map((each) => ({ name: `effect ${each.after}`, ...each }));
table('killed after an effect, and again after every effect of the recovery', rows, async ({ after, world }) => {
  const second = await worldsAfterCuts(world, after * 7919, known);
  for (const { world: twice } of second.left) await finish(twice);
});
