/** Many devices at once, with an administrator's word for each or without, and one in the place of another (B13). */
import { createHash } from 'node:crypto';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { spkiOf } from '../../agent/edge/device-key.ts';
import { enrol } from '../../agent/edge/enrol.ts';
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import { requestNumber } from '../../protocol/request-number.ts';
import { dayMs, hourMs, instant } from '../../protocol/time.ts';
import type { Invited } from '../../server/api/onboarding.ts';
import { decideRequest, listRequests } from '../../server/edge/approvals.ts';
import { addToken, endToken, listTokens } from '../../server/edge/group-tokens.ts';
import { setNaming } from '../../server/edge/naming.ts';
import { readPins } from '../../server/edge/pins.ts';
import { addGroup, listDevices } from '../../server/edge/places.ts';
import { replaceDevice } from '../../server/edge/replacing.ts';
import { importRoster } from '../../server/edge/roster.ts';
import {
  auditOf,
  codeOf,
  type FleetServer,
  proofOf,
  register,
  start,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { withListeners } from '../fakes/legacy-agent.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';

const withOffice = (run: (world: FleetServer) => Promise<void>): Promise<void> =>
  withFleet(async (world) => {
    value(await addGroup(world.server, admin, { name: 'Office' }));
    await run(world);
  });
const leafOf = (chain: readonly Uint8Array[]): string => Buffer.from(chain[0] ?? []).toString('hex');
const numberOf = (key: Uint8Array): string => requestNumber(spkiOf(key));
const ask = (
  { fleet }: FleetServer,
  { invitation, password }: Pick<Invited, 'invitation' | 'password'>,
  key = makeKey(),
  name = 'serial',
) => fleet.enrol({ invitation, password, csrDer: makeRequest(key, name), from: '192.0.2.1' });
/** Enrolled and confirmed; its id. */
async function join(
  world: FleetServer,
  invited: Pick<Invited, 'invitation' | 'password'>,
  key = makeKey(),
  name = 'serial',
) {
  const chain = value(await ask(world, invited, key, name));
  const id = value(await world.fleet.deviceOf(proofOf(chain)));
  value(await world.fleet.confirm(id));
  return id;
}
const names = async ({ server }: FleetServer) =>
  (await listDevices(server)).map(({ name, group }) => `${group}/${name}`);

test('a group token: so many devices, each with its key, the same key as often as it likes', () =>
  withOffice(async (world) => {
    const { server } = world;
    const token = value(await addToken(server, admin, { group: 'Office', most: 2 }));
    const key = makeKey();
    const first = value(await ask(world, token, key, 'one'));
    assert.equal(leafOf(value(await ask(world, token, key, 'one'))), leafOf(first), 'the answer was lost on its way');
    await join(world, { ...token, password: token.password.toLowerCase().replaceAll('-', ' ') }, makeKey(), 'two');
    assert.is(codeOf(await ask(world, token)), 'token-used-up');
    assert.equal(await names(world), ['Office/one', 'Office/two']);
    assert.equal(
      (await listTokens(server)).map(({ used, most, group }) => [used, most, group]),
      [[2, 2, 'Office']],
    );
    value(await world.fleet.confirm(value(await world.fleet.deviceOf(proofOf(first)))));
    assert.is(codeOf(await ask(world, token, key)), 'token-used-up', 'what is confirmed is over');
  }));

test('what was begun and given up makes room when its time is over', () =>
  withOffice(async (world) => {
    const token = value(await addToken(world.server, admin, { group: 'Office', most: 1, days: 30 }));
    value(await ask(world, token));
    assert.is(codeOf(await ask(world, token)), 'token-used-up');
    world.time.now = instant(start + 73 * hourMs);
    value(await ask(world, token));
  }));

type Closed = { readonly name: string; readonly close: (world: FleetServer, id: string) => Promise<unknown> };
const closings: readonly Closed[] = [
  { name: 'ended', close: async ({ server }, id) => value(await endToken(server, admin, id.toLowerCase())) },
  {
    name: 'expired, to the millisecond',
    close: async (world) => {
      world.time.now = instant(start + 7 * dayMs);
    },
  },
];
table('a token that is over: nobody begins, who has begun goes on', closings, ({ close }) =>
  withOffice(async (world) => {
    const token = value(await addToken(world.server, admin, { group: 'Office', most: 5 }));
    world.time.now = instant(start + 7 * dayMs - 1);
    const key = makeKey();
    value(await ask(world, token, key));
    await close(world, token.invitation);
    assert.is(codeOf(await ask(world, token)), 'invitation-refused');
    await join(world, token, key);
  }),
);

const wanted: readonly {
  readonly name: string;
  readonly ask: Parameters<typeof addToken>[2];
  readonly code: string;
}[] = [
  { name: 'no group', ask: { group: 'Nowhere', most: 1 }, code: 'not-found' },
  { name: 'for nobody', ask: { group: 'Office', most: 0 }, code: 'bad-argument' },
  { name: 'for everybody', ask: { group: 'Office', most: 10_001 }, code: 'bad-argument' },
  { name: 'for no time', ask: { group: 'Office', most: 1, days: 0 }, code: 'bad-argument' },
  { name: 'for ever', ask: { group: 'Office', most: 1, days: 366 }, code: 'bad-argument' },
];
table('tokens that are not made', wanted, ({ ask: asked, code }) =>
  withOffice(async ({ server }) => assert.is(codeOf(await addToken(server, admin, asked)), code)),
);

test('approval: it waits, is compared by its number, named, and let in; another is refused', () =>
  withOffice(async (world) => {
    const { server } = world;
    const token = value(await addToken(server, admin, { group: 'Office', most: 5, approval: true }));
    const [key, other] = [makeKey(), makeKey()];
    const waits = await ask(world, token, key, 'serial 7');
    assert.equal(waits.ok ? null : waits.fault.facts, { request: numberOf(key) });
    assert.is(codeOf(waits), 'enrolment-pending');
    world.time.now = instant(start + hourMs);
    assert.is(codeOf(await ask(world, token, other, 'serial 8')), 'enrolment-pending');
    assert.is(codeOf(await ask(world, token, key, 'serial 7')), 'enrolment-pending');
    assert.is(codeOf(await ask(world, { ...token, password: 'AAAA-AAAA-AAAA-AAAA' }, key)), 'invitation-refused');
    assert.equal(
      (await listRequests(server)).map(({ number, group, hardwareId, address, askedAt, lastAskedAt }) => [
        number,
        group,
        hardwareId,
        address,
        askedAt - start,
        lastAskedAt - start,
      ]),
      [
        [numberOf(key), 'Office', 'serial 7', '192.0.2.1', 0, hourMs],
        [numberOf(other), 'Office', 'serial 8', '192.0.2.1', hourMs, hourMs],
      ],
    );
    const decide = (number: string, decision: 'approved' | 'refused', name?: string) =>
      decideRequest(server, admin, { number, decision, ...(name === undefined ? {} : { name }) });
    assert.is(codeOf(await decide(numberOf(makeKey()), 'approved')), 'not-found');
    assert.is(codeOf(await decide('%', 'approved')), 'not-found');
    assert.is(codeOf(await decide(numberOf(key), 'approved', ' ')), 'bad-argument');
    value(await decide(numberOf(key).toLowerCase().replaceAll('-', ''), 'approved', 'Lobby'));
    value(await decide(numberOf(other), 'refused'));
    assert.is(codeOf(await decide(numberOf(other), 'approved')), 'not-found', 'a refusal stays');
    assert.is(codeOf(await ask(world, token, other)), 'invitation-refused');
    await join(world, token, key, 'serial 7');
    assert.equal(await names(world), ['Office/Lobby']);
    assert.equal(await listRequests(server), []);
    const audit = await auditOf(world);
    assert.is(audit.filter((row) => row === 'approval-asked').length, 2, 'asking again is no news');
    assert.is(audit.filter((row) => row.startsWith('enrolment-refused')).length, 2);
  }));

test('the client of the device is told to come again, and which number to read out', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    value(await addGroup(server, admin, { name: 'Office' }));
    const token = value(await addToken(server, admin, { group: 'Office', most: 1, approval: true }));
    const fingerprint = fingerprintOf(fromBase64((await readPins(server.db)).main));
    const order = { ...token, fingerprint, address: `127.0.0.1:${setting.http.port}` };
    const key = makeKey();
    const judging = { at: () => setting.began };
    const waits = await enrol(order, key, 'serial', judging);
    assert.equal(waits, {
      ok: false,
      fault: { code: 'enrolment-pending', kind: 'unavailable', facts: { request: numberOf(key) } },
    });
    value(await decideRequest(server, admin, { number: numberOf(key), decision: 'approved' }));
    assert.ok((await enrol(order, key, 'serial', judging)).ok);
    assert.is(codeOf(await enrol(order, makeKey(), 'serial', judging)), 'token-used-up');
  }));

test('what a registration by a token began has no password that opens it', () =>
  withOffice(async (world) => {
    const token = value(await addToken(world.server, admin, { group: 'Office', most: 5 }));
    value(await ask(world, token));
    const begun = await world.server.db.selectFrom('invitations').select('id').executeTakeFirstOrThrow();
    for (const password of [token.password, 'x', '0'])
      assert.is(codeOf(await ask(world, { invitation: begun.id, password })), 'invitation-refused');
  }));

test('a list of devices: all or none, and each comes with its own password', () =>
  withOffice(async (world) => {
    const { server } = world;
    const refused = await importRoster(server, admin, 'name,group\nkiosk,Office\nlobby,Nowhere\nhall,Nowhere\n');
    assert.is(codeOf(refused), 'csv-group');
    assert.equal(!refused.ok && 'faults' in refused && refused.faults.map(({ facts }) => facts['row']), [3, 4]);
    assert.equal(await server.db.selectFrom('invitations').select('id').execute(), []);
    const { rows, address } = value(await importRoster(server, admin, 'name;group\nkiosk;Office\nlobby;\n'));
    assert.is(address, '127.0.0.1:4430');
    assert.equal(
      rows.map(({ name, group }) => [name, group]),
      [
        ['kiosk', 'Office'],
        ['lobby', 'Unassigned'],
      ],
    );
    const [kiosk, lobby] = rows;
    assert.is(
      codeOf(await ask(world, { invitation: kiosk?.invitation ?? '', password: lobby?.password ?? '' })),
      'invitation-refused',
    );
    for (const row of rows) await join(world, row);
    assert.equal(await names(world), ['Office/kiosk', 'Unassigned/lobby']);
    const kept = JSON.stringify(await server.db.selectFrom('invitations').selectAll().execute());
    for (const { password } of rows) assert.not.ok(kept.includes(password.replaceAll('-', '')));
    const again = value(await importRoster(server, admin, 'name\nhall\n'));
    value(await importRoster(server, admin, 'name\nhall\n'));
    assert.is(
      codeOf(await ask(world, again.rows[0] ?? { invitation: '', password: '' })),
      'invitation-refused',
      'the later one counts',
    );
  }));

test('a broken device is replaced: name, number and group stay, and the old one is out once the new one is in', () =>
  withOffice(async (world) => {
    const { server, disconnected } = world;
    value(await setNaming(server, admin, 'Office', ['Msk']));
    const old = await register(world, 'kiosk', 'Office');
    await register(world, 'other', 'Office');
    assert.equal(await names(world), ['Office/Msk-0001', 'Office/Msk-0002']);
    const invited = value(await replaceDevice(server, admin, 'Msk-0001'));
    const key = makeKey();
    const chain = value(await ask(world, invited, key));
    assert.ok((await world.fleet.deviceOf(old.proof)).ok, 'it goes on until the new one has its bundle');
    assert.equal(disconnected, []);
    const id = value(await world.fleet.deviceOf(proofOf(chain)));
    assert.is(value(await world.fleet.bundle(id)).deviceName, 'Msk-0001');
    value(await world.fleet.confirm(id));
    value(await world.fleet.confirm(id));
    assert.is(codeOf(await world.fleet.deviceOf(old.proof)), 'identity-refused');
    assert.equal(disconnected, [old.id]);
    const left = await server.db
      .selectFrom('identities')
      .select('serial')
      .where('device_id', '=', old.id)
      .where('revoked_at', 'is', null)
      .execute();
    assert.equal(left, [], 'its identity is on the revocation list');
    assert.equal(await names(world), ['Office/Msk-0001', 'Office/Msk-0002']);
    assert.equal(
      (await listDevices(server)).map((row) => row.id === id),
      [true, false],
    );
    await register(world, 'third', 'Office');
    assert.equal((await names(world)).at(-1), 'Office/Msk-0003', 'numbers are given once');
    assert.ok((await auditOf(world)).includes('device-replaced'));
    assert.is(codeOf(await replaceDevice(server, admin, 'nobody')), 'not-found');
  }));

test('the number is of the key alone', () => {
  const key = makeKey();
  const hash = createHash('sha256').update(spkiOf(key)).digest('hex');
  assert.match(numberOf(key), /^[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}$/);
  assert.is(numberOf(key).replaceAll('-', '').toLowerCase(), hash.slice(0, 12));
});
