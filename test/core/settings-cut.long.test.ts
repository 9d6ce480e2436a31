/**
 * Settings, another address by code, and the reset by code, killed after every effect and again after every effect of the
 * recovery, and in the middle of every disk operation (F9–F14, F32, F37). It always ends in a device that nobody ever
 * registered, with nothing of its life before on the disk.
 */
import { emptyDurable } from '../../agent/core/durable.ts';
import { toObjects } from '../../agent/core/generation.ts';
import type { Happening } from '../../agent/core/shape.ts';
import { base64, rdpRoot, settingsWith } from '../fakes/administration.ts';
import { elsewhere } from '../fakes/agent.ts';
import { cutsOf, operationRows } from '../fakes/cutting.ts';
import { ask, type Device, openWorld, type Plan, type World } from '../fakes/device.ts';
import { orderOf } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

const locks = settingsWith(['connection', 'reset']);

/** What the administrator and the person do next, by what the server and the screen show. */
function nextAct({ server }: World, { status }: Device): readonly Happening[] {
  if (!status) return [];
  if (!server.device.confirmed)
    return status.at === 'unregistered' ? [ask({ do: 'register', order: orderOf({ server } as World) })] : [];
  if (status.at !== 'registered') return [];
  if (server.state.group !== server.office) {
    server.office.settings = locks;
    server.office.entries = [{ purpose: 'rdp', file: 'root.pem', certificate: base64(rdpRoot) }];
    return [...server.publishPolicies(), ...server.moveTo(server.office)];
  }
  if (status.device?.managed !== true || !status.settings.reset.locked) return [];
  if (status.settings.language !== 'ru') return [ask({ do: 'settings', rdp: 'ts.example', language: 'ru' })];
  const wanted = status.server?.https === elsewhere.https ? 'reset' : 'connection';
  const code = status.operation?.action === wanted ? status.operation.confirmationCode : '';
  if (code !== '') return [ask({ do: 'code', code: server.answerCode(code) })];
  return [ask(wanted === 'reset' ? { do: 'reset' } : { do: 'connection', ...elsewhere })];
}

const isOver = ({ server }: World, { status, state }: Device): boolean =>
  server.device.confirmed && status?.at === 'unregistered' && state.pending === null;

const plan = (world: World, more: Partial<Plan> = {}): Plan => ({
  whenQuiet: (device) => nextAct(world, device),
  goal: (device) => isOver(world, device),
  ...more,
});

async function assertEnd(world: World, device: Device): Promise<void> {
  const { files } = world.disk;
  assert.equal(await files.list('/state/keys'), []);
  assert.is((await files.list('/state/objects')).length, 1);
  assert.is((await files.list('/state/generations')).length, 1);
  assert.equal(device.exported, []);
  assert.equal(device.status?.certificates, []);
  assert.is(device.status?.settings.language, null);
  assert.is(device.status?.operation, null);
  assert.is(device.state.counters.tries, 0);
  assert.equal(device.status?.faults, []);
  assert.equal(world.server.state.conflicts, [], 'an event number was used twice');
  const [name = ''] = await files.list('/state/objects');
  assert.equal(
    JSON.parse(`${Buffer.from(await files.read(`/state/objects/${name}`))}`),
    JSON.parse(`${toObjects(emptyDurable)[0]?.bytes}`),
  );
}

const { finish, worldsAfterCuts, cutAndFinish } = cutsOf({ plan, assertEnd });

const whole = openWorld();
await finish(whole);
const operations = whole.disk.operations();
const known = new Set<string>();
const first = await worldsAfterCuts(openWorld(), 0, known);

test('undisturbed: it takes all its effects', () => {
  assert.ok(first.effects > 60, `${first.effects} effects`);
});

const rows = first.left.map((each) => ({ name: `effect ${each.after}`, ...each }));
table('killed after an effect, and again after every effect of the recovery', rows, async ({ after, world }) => {
  const second = await worldsAfterCuts(world, after * 7919, known);
  for (const { world: cutTwice } of second.left) await finish(cutTwice);
});

table('killed in the middle of a disk operation, and again', operationRows(operations), async ({ from }) => {
  for (let cut = from; cut < Math.min(from + 25, operations); cut++) await cutAndFinish(openWorld(), [cut, cut % 13]);
});
