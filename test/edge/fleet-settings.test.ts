/** What groups set and lock on devices (T13, T14), codes for locked actions, and names by rule (T19), over a real database. */
import { deriveSecret, makeConfirmation, replacementMatches } from '../../protocol/codes.ts';
import type { PolicySettings } from '../../protocol/schema.ts';
import { policyTopic } from '../../protocol/topics.ts';
import { answerCode } from '../../server/edge/codes.ts';
import { setNaming } from '../../server/edge/naming.ts';
import { addGroup, listDevices, moveDevice, removeDevice } from '../../server/edge/places.ts';
import { setLock, setSetting, showPolicy } from '../../server/edge/policies.ts';
import { tick } from '../../server/edge/upkeep.ts';
import { auditOf, codeOf, type FleetServer, payloadOf, register, value, withFleet } from '../fakes/fleet-server.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';

/** Office, with Floor below it. */
async function offices({ server }: FleetServer): Promise<{ readonly office: string; readonly floor: string }> {
  const office = value(await addGroup(server, admin, { name: 'Office' })).id;
  return { office, floor: value(await addGroup(server, admin, { name: 'Floor', parent: 'Office' })).id };
}

async function publishedSettings(world: FleetServer, group: string): Promise<PolicySettings> {
  await world.publish();
  const policy = world.published.findLast(({ topic }) => topic === policyTopic(group));
  return payloadOf(policy?.payload ?? '')['settings'] as PolicySettings;
}

test('values and locks reach the group and those below it, signed', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { office, floor } = await offices(world);
    value(await setSetting(server, admin, 'Office', { name: 'rdp', value: ' farm.example ', enforced: true }));
    value(await setSetting(server, admin, 'Office', { name: 'logServer', value: 'log.example:7000', enforced: false }));
    value(await setSetting(server, admin, 'Floor', { name: 'logServer', value: 'near.example', enforced: false }));
    value(await setLock(server, admin, 'Office', { block: 'reset', enforced: true }));
    const [near, above] = [await publishedSettings(world, floor), await publishedSettings(world, office)];
    assert.equal(near.rdp, { enforced: true, value: 'farm.example' });
    assert.equal(near.logServer, { enforced: false, value: 'near.example' });
    assert.equal([near.reset, near.connection], [{ enforced: true }, { enforced: false }]);
    assert.is(above.logServer.value, 'log.example:7000');
    const shown = value(await showPolicy(server, 'Floor'));
    assert.equal(shown.own.device.rdp, { enforced: false, value: null });
    assert.equal(shown.effective.device.rdp, { enforced: true, value: 'farm.example' });
    assert.ok((await auditOf(world)).includes('setting-set'));
  }));

test('what a parent locks later goes before what a child had set, and comes back when it is taken away', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { floor } = await offices(world);
    value(await setSetting(server, admin, 'Floor', { name: 'broker', value: 'own.example', enforced: true }));
    value(await setSetting(server, admin, 'Office', { name: 'broker', value: 'firm.example', enforced: true }));
    assert.is((await publishedSettings(world, floor)).broker.value, 'firm.example');
    value(await setSetting(server, admin, 'Office', { name: 'broker', value: null, enforced: false }));
    assert.is((await publishedSettings(world, floor)).broker.value, 'own.example');
  }));

const refusals: readonly {
  readonly name: string;
  readonly group: string;
  readonly ask: (server: FleetServer['server'], group: string) => Promise<Parameters<typeof codeOf>[0]>;
  readonly code: string;
}[] = [
  {
    name: 'below a lock, a value',
    group: 'Floor',
    ask: (server, group) => setSetting(server, admin, group, { name: 'rdp', value: 'a.example', enforced: false }),
    code: 'not-allowed',
  },
  {
    name: 'below a lock, the lock',
    group: 'Floor',
    ask: (server, group) => setLock(server, admin, group, { block: 'reset', enforced: false }),
    code: 'not-allowed',
  },
  {
    name: 'a group of the server: its devices are not managed',
    group: 'Unassigned',
    ask: (server, group) => setLock(server, admin, group, { block: 'connection', enforced: true }),
    code: 'not-allowed',
  },
  {
    name: 'a server that cannot be read',
    group: 'Office',
    ask: (server, group) => setSetting(server, admin, group, { name: 'broker', value: 'a b', enforced: false }),
    code: 'bad-argument',
  },
  {
    name: 'nothing, locked',
    group: 'Office',
    ask: (server, group) => setSetting(server, admin, group, { name: 'broker', value: null, enforced: true }),
    code: 'bad-argument',
  },
  {
    name: 'an unknown group',
    group: 'none',
    ask: (server, group) => setNaming(server, admin, group, ['A']),
    code: 'not-found',
  },
];
table('refused, and nothing is changed', refusals, ({ group, ask, code }) =>
  withFleet(async (world) => {
    const { server } = world;
    const { floor } = await offices(world);
    value(await setSetting(server, admin, 'Office', { name: 'rdp', value: 'farm.example', enforced: true }));
    value(await setLock(server, admin, 'Office', { block: 'reset', enforced: true }));
    const before = await publishedSettings(world, floor);
    assert.is(codeOf(await ask(server, group)), code);
    assert.equal(await publishedSettings(world, floor), before);
  }),
);

table(
  'a code for a locked action names action and device, and is on record',
  [
    { name: 'other addresses', action: 2 as const, named: 'changeConnection' },
    { name: 'the reset', action: 3 as const, named: 'reset' },
  ],
  ({ action, named }) =>
    withFleet(async (world) => {
      const { server } = world;
      const { id } = await register(world, 'kiosk');
      const subject = { secret: deriveSecret(server.keys.codeMaster, id, 1), deviceId: id, certificateDer: null };
      const code = makeConfirmation({ ...subject, action, counter: 41 });
      const answer = value(await answerCode(server, admin, { code }));
      assert.equal([answer.action, answer.device.name, answer.certificate], [named, 'kiosk', null]);
      const replacement = answer.replacementCode.replaceAll(' ', '');
      assert.ok(replacementMatches(replacement, { ...subject, question: code.slice(0, 14) }));
      assert.is((await auditOf(world))[0], `code-answered ${named}`);
    }),
);

const names = async ({ server }: FleetServer): Promise<readonly string[]> =>
  (await listDevices(server)).map(({ name }) => name);
const documentName = async (world: FleetServer, device: string): Promise<unknown> => {
  await tick(world.server);
  await world.publish();
  const document = world.published.findLast(({ topic }) => topic.endsWith(`device/${device}/device`));
  return payloadOf(document?.payload ?? '')['name'];
};

test('a rule names the devices of a group and below it, those that come later too, and tells them', () =>
  withFleet(async (world) => {
    const { server } = world;
    await offices(world);
    const first = await register(world, 'one', 'Office');
    const second = await register(world, 'two', 'Floor');
    const stranger = await register(world, 'three');
    value(await setNaming(server, admin, 'Office', ['Moscow', 'Desk']));
    assert.equal(await names(world), ['Moscow-Desk-0001', 'Moscow-Desk-0002', 'three']);
    assert.is(await documentName(world, first.id), 'Moscow-Desk-0001');
    await register(world, 'four', 'Floor');
    value(await moveDevice(server, admin, { device: 'three', group: 'Floor' }));
    assert.equal(await names(world), ['Moscow-Desk-0001', 'Moscow-Desk-0002', 'Moscow-Desk-0003', 'Moscow-Desk-0004']);
    assert.is(await documentName(world, stranger.id), 'Moscow-Desk-0004');
    // A rule of its own goes before; the number of a device stays.
    value(await setNaming(server, admin, 'Floor', ['Lab']));
    assert.equal(await names(world), ['Lab-0002', 'Lab-0003', 'Lab-0004', 'Moscow-Desk-0001']);
    assert.is(await documentName(world, second.id), 'Lab-0002');
    assert.ok((await auditOf(world)).includes('device-renamed'));
  }));

test('a rule for many: nothing is signed where it is ordered, and others get their turn while the devices are told', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { db } = server;
    await offices(world);
    const some = await Promise.all(Array.from({ length: 12 }, (_, index) => register(world, `d${index}`, 'Office')));
    await tick(server);
    await world.publish();
    const before = world.published.length;
    value(await setNaming(server, admin, 'Office', ['Desk']));
    await world.publish();
    assert.is(world.published.length, before);
    const due = await db.selectFrom('documents').select('aud').where('signed_at', '=', 0).execute();
    assert.is(due.length, 12);
    let turns = 0;
    const turn = setInterval(() => turns++, 1);
    await tick(server);
    clearInterval(turn);
    assert.ok(turns > 0, 'the thread was never left');
    await world.publish();
    assert.is(world.published.length, before + 12);
    const last = await db
      .selectFrom('devices')
      .selectAll()
      .where('id', '=', some[11]?.id ?? '')
      .executeTakeFirstOrThrow();
    assert.is(await documentName(world, last.id), last.name);
    const renamed = await db.selectFrom('audit').selectAll().where('action', '=', 'device-renamed').execute();
    assert.equal(
      renamed.map(({ facts }) => JSON.parse(facts).name).sort(),
      Array.from({ length: 12 }, (_, index) => `Desk-${String(index + 1).padStart(4, '0')}`),
    );
  }));

test('no number is given twice, and a name that somebody typed is left to its device', () =>
  withFleet(async (world) => {
    const { server } = world;
    await offices(world);
    await register(world, 'Lab-0001');
    value(await setNaming(server, admin, 'Office', ['Lab']));
    await register(world, 'one', 'Office');
    assert.equal(await names(world), ['Lab-0001', 'Lab-0002']);
    value(await removeDevice(server, admin, 'Lab-0002'));
    await register(world, 'two', 'Office');
    assert.equal(await names(world), ['Lab-0001', 'Lab-0003']);
  }));

test('without a rule names stay as they are', () =>
  withFleet(async (world) => {
    const { server } = world;
    await offices(world);
    await register(world, 'one', 'Office');
    value(await setNaming(server, admin, 'Office', ['Lab']));
    value(await setNaming(server, admin, 'Office', null));
    await register(world, 'two', 'Office');
    assert.equal(await names(world), ['Lab-0001', 'two']);
  }));
