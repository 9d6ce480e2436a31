/**
 * A pin that expired, and a server that changed its certificate twice meanwhile (F8): a repair file, killed after every
 * effect and again after every effect of the recovery, and in the middle of every disk operation (F32, F37). However often the
 * power goes, the same file leads back, once.
 */
import type { Happening } from '../../agent/core/shape.ts';
import { fault } from '../../protocol/fault.ts';
import { base64, print, serverCertificates } from '../fakes/administration.ts';
import { cutsOf, operationRows } from '../fakes/cutting.ts';
import { ask, type Device, live, openWorld, type Plan, type World, worldAfterCut } from '../fakes/device.ts';
import { orderOf } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

const rev = Date.parse('2027-01-01T00:00:00Z');
const files = new Map<string, string>();

/** The stick that somebody brings: one file for all the cuts of a world. */
function stickOf({ server }: World): string {
  const made = files.get(server.serverId) ?? server.repairFile({ rev, ...dates, time: iat * 1000 });
  files.set(server.serverId, made);
  return made;
}
const iat = Math.floor(Date.parse('2026-11-22T11:00:00Z') / 1000);
const dates = { iat, refreshBefore: iat + 30 * 86400 };

function nextAct(world: World, { status, state }: Device): readonly Happening[] {
  const { server } = world;
  if (!status) return [];
  if (!server.device.confirmed)
    return status.at === 'unregistered' ? [ask({ do: 'register', order: orderOf(world) })] : [];
  if (server.state.main === 0) return status.link.at === 'connected' ? missTwoChanges(world) : [];
  if (state.durable.pins?.current.der === base64(serverCertificates[3])) return [];
  return [ask({ do: 'repair', jws: stickOf(world), rev })];
}

function missTwoChanges({ server }: World): readonly Happening[] {
  const { state } = server;
  const { connection } = state;
  Object.assign(state, { connection: null, main: 3, reserve: { index: 2, activateAt: rev } });
  server.publishPolicies();
  return connection === null ? [] : [{ type: 'closed', connection, fault: fault('server-unreachable') }];
}

const isOver = ({ server }: World, { status, state }: Device): boolean =>
  server.state.report?.pins?.current === print(serverCertificates[3]) &&
  status?.link.at === 'connected' &&
  state.pending === null;

const plan = (world: World, more: Partial<Plan> = {}): Plan => ({
  whenQuiet: (device) => nextAct(world, device),
  goal: (device) => isOver(world, device),
  ...more,
});

function assertEnd(world: World, { state, status }: Device): void {
  assert.is(state.durable.repaired?.rev, rev);
  assert.is(state.counters.highest[`${world.server.serverId}/repair`], rev);
  assert.equal(state.durable.requests, []);
  assert.is(status?.replacement, null);
  assert.is(state.durable.pins?.reserve?.der, base64(serverCertificates[2]));
  assert.is(state.durable.pins?.previous, null);
  assert.equal(world.server.state.conflicts, [], 'an event number was used twice');
}

const { finish, worldsAfterCuts, cutAndFinish } = cutsOf({ plan, assertEnd });

/** The power comes back to a device that has used the file. */
async function assertUsed(world: World): Promise<void> {
  const { ending, device } = await live(world, {
    whenQuiet: ({ answers }) => (answers.size === 0 ? [ask({ do: 'repair', jws: stickOf(world), rev })] : []),
    goal: ({ answers }) => answers.size > 0,
  });
  const [answer] = [...device.answers.values()];
  assert.equal([ending, answer?.ok === false && answer.fault.code], ['goal', 'repair-used']);
}

/** Registered, away while the server changed, and asking for a code: from here on the power is cut. */
async function strandedWorld(): Promise<World> {
  const world = openWorld();
  const { ending } = await live(world, {
    whenQuiet: (device) => (world.server.state.main === 0 ? nextAct(world, device) : []),
    goal: ({ status }) => status?.replacement !== null && status?.replacement !== undefined,
  });
  assert.is(ending, 'goal');
  return worldAfterCut(world, 1);
}

const stranded = await strandedWorld();
const copy = (): World => worldAfterCut(stranded, 1);
const known = new Set<string>();
const whole = copy();
await finish(whole);
const operations = whole.disk.operations();
const first = await worldsAfterCuts(copy(), 0, known);

test('undisturbed: it takes all its effects', () => {
  assert.ok(first.effects > 12, `${first.effects} effects`);
});

const rows = first.left.map((each) => ({ name: `effect ${each.after}`, ...each }));
table('killed after an effect, and again after every effect of the recovery', rows, async ({ after, world }) => {
  const second = await worldsAfterCuts(world, after * 7919, known);
  await assertUsed(world);
  for (const { world: cutTwice } of second.left) await finish(cutTwice);
});

table('killed in the middle of a disk operation, and again', operationRows(operations), async ({ from }) => {
  for (let cut = from; cut < Math.min(from + 25, operations); cut++) await cutAndFinish(copy(), [cut, cut % 13]);
});
