/** Whoever is refused, and however often, cannot fill the audit log nor keep others out of it. */
import { fault } from '../../protocol/fault.ts';
import { hourMs, instant } from '../../protocol/time.ts';
import { answerCode } from '../../server/edge/codes.ts';
import { invite } from '../../server/edge/invitations.ts';
import {
  auditOf,
  bytes,
  codeOf,
  type FleetServer,
  register,
  report,
  start,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { assert, table, test } from '../harness.ts';

type Refuse = (world: FleetServer, device: string) => Promise<unknown>;
const kinds: readonly { readonly name: string; readonly refuse: Refuse }[] = [
  {
    name: 'enrolment-refused',
    refuse: ({ fleet }) => fleet.enrol({ invitation: 'X', password: 'y', csrDer: Uint8Array.of(1) }),
  },
  { name: 'request-refused', refuse: ({ fleet }) => fleet.refused(null, 'HTTP', fault('bad-shape')) },
  { name: 'message-refused', refuse: ({ fleet }, device) => fleet.receive(device, 'report', bytes('nonsense')) },
  { name: 'code-refused', refuse: ({ server }) => answerCode(server, 'administrator', { code: '1' }) },
  {
    name: 'newer-refused',
    refuse: ({ fleet }, device) => fleet.receive(device, 'report', bytes(report(device, { newer: ['a.b.c'] }))),
  },
];
const counted = async (world: FleetServer, kind: string): Promise<number> =>
  (await auditOf(world)).filter((each) => each.split(' ')[0] === kind).length;

table('of one kind from one actor a hundred an hour are on record:', kinds, ({ name, refuse }) =>
  withFleet(async (world) => {
    const { id } = await register(world, 'kiosk');
    const flood = async (): Promise<void> => {
      for (let index = 0; index < 130; index++) await refuse(world, id);
    };
    const before = (await auditOf(world)).length;
    await flood();
    assert.is(await counted(world, name), 100);
    value(await invite(world.server, 'administrator', {}));
    for (const other of kinds) if (other.name !== name) await other.refuse(world, id);
    assert.is((await auditOf(world)).length, before + 100 + 1 + kinds.length - 1, 'everything else still is');
    world.time.now = instant(world.time.now + 2 * hourMs);
    await flood();
    assert.is(await counted(world, name), 200);
  }),
);

test('one device does not use up what another may tell', () =>
  withFleet(async (world) => {
    const [one, other] = [await register(world, 'one'), await register(world, 'other')];
    for (let index = 0; index < 130; index++) await world.fleet.receive(one.id, 'event', bytes('nonsense'));
    await world.fleet.receive(other.id, 'event', bytes('nonsense'));
    assert.is(await counted(world, 'message-refused'), 101);
  }));

test('a refusal that cannot be recorded is answered all the same', () =>
  withFleet(async ({ fleet, server }) => {
    await server.db.schema.dropTable('audit').execute();
    assert.not((await fleet.enrol({ invitation: 'X', password: 'y', csrDer: Uint8Array.of(1) })).ok);
  }));

test('events: what a spool of a device can hold is kept at once; a device that goes on and on fills nothing', () =>
  withFleet(async (world) => {
    const { server, fleet, time } = world;
    const [loud, other] = [await register(world, 'loud'), await register(world, 'other')];
    const facts = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`f${index}`, 'x'.repeat(300)]));
    let seq = 0;
    const event = () => ({ format: 1, seq: ++seq, at: start, clock: 'known', event: 'noise', facts }) as const;
    const kept = async (): Promise<number> =>
      (await server.db.selectFrom('audit').select('id').where('action', '=', 'noise').execute()).length;
    for (let each = 0; each < 170; each++) value(await fleet.receive(loud.id, 'event', bytes(event())));
    assert.is(await kept(), 170, '2 MiB');
    const checkin = () => {
      const events = Array.from({ length: 250 }, event);
      return fleet.checkin(loud.id, { format: 1, nonce: 'a'.repeat(32), report: report(loud.id), events });
    };
    const answered = value(await checkin());
    const after = await kept();
    assert.ok(after > 170 && after < 350, `${after}`);
    assert.is(answered.acknowledged, after, 'the rest may come again');
    assert.ok(answered.policy !== null, 'and it is served as before');
    assert.is(codeOf(await fleet.receive(loud.id, 'event', bytes(event()))), 'too-large');
    assert.is(await kept(), after);
    assert.is((await auditOf(world)).filter((row) => row === 'message-refused too-large').length, 2);
    value(await fleet.receive(other.id, 'event', bytes(event())));
    time.now = instant(start + hourMs);
    value(await fleet.receive(loud.id, 'event', bytes(event())));
    assert.is(await kept(), after + 2);
  }));
