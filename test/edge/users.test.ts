/** Registration by the name and password of a user: over the wire with the device's own client, and over a real database. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { enrol } from '../../agent/edge/enrol.ts';
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import { dayMs, instant, minuteMs } from '../../protocol/time.ts';
import { makeFleet } from '../../server/edge/fleet.ts';
import { invite } from '../../server/edge/invitations.ts';
import { setRules } from '../../server/edge/issuance.ts';
import { makeLockouts } from '../../server/edge/lockouts.ts';
import { readPins } from '../../server/edge/pins.ts';
import { addGroup, listDevices, removeDevice } from '../../server/edge/places.ts';
import { makePasswordDoor } from '../../server/edge/user-passwords.ts';
import { addUser, changeUser, listUsers, removeUser, setUserPassword, showUser } from '../../server/edge/users.ts';
import { auditOf, codeOf, type FleetServer, proofOf, start, value, withFleet } from '../fakes/fleet-server.ts';
import { atLegacy, withListeners } from '../fakes/legacy-agent.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';
const password = 'Correct-Horse1';
const anna = 'anna@corp.example';

const withAnna = (run: (world: FleetServer) => Promise<void>, maxDevices = 3): Promise<void> =>
  withFleet(async (world) => {
    value(await addGroup(world.server, admin, { name: 'Office' }));
    value(await addUser(world.server, admin, { name: anna, group: 'Office', maxDevices, password }));
    await run(world);
  });
type Try = { readonly user?: string; readonly password?: string; readonly key?: Uint8Array; readonly from?: string };
const register = ({ fleet }: Pick<FleetServer, 'fleet'>, typed: Try = {}) =>
  fleet.enrol({
    invitation: typed.user ?? anna,
    password: typed.password ?? password,
    csrDer: makeRequest(typed.key ?? makeKey(), 'serial 1'),
    from: typed.from ?? '192.0.2.1',
  });
const leafOf = (chain: readonly Uint8Array[]): string => Buffer.from(chain[0] ?? []).toString('hex');
const reasons = async ({ server }: FleetServer): Promise<readonly unknown[]> =>
  (
    await server.db
      .selectFrom('audit')
      .select('facts')
      .where('action', '=', 'enrolment-refused')
      .orderBy('id')
      .execute()
  ).map(({ facts }) => JSON.parse(facts).reason);

test('a device registers by a name and a password, on both ports, with the client of the device', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    value(await addUser(server, admin, { name: anna, password, maxDevices: 9 }));
    const fingerprint = fingerprintOf(fromBase64((await readPins(server.db)).main));
    const ports = [setting.http.port, atLegacy(setting)];
    for (const [index, user] of [anna, 'Anna', 'CORP\\anna'].entries()) {
      const address = `127.0.0.1:${ports[index % 2]}`;
      const key = makeKey();
      const order = { address, fingerprint, invitation: user, password };
      const judging = { at: () => setting.began };
      const wrong = await enrol({ ...order, password: 'Wrong-Horse1' }, key, 'serial 1', judging);
      assert.is(codeOf(wrong), 'invitation-refused');
      const chain = value(await enrol(order, key, 'serial 1', judging));
      const { subject } = new X509Certificate(Buffer.from(fromBase64(chain[0] ?? '')));
      assert.match(subject, /^CN=[0-9a-f-]{36}$/m);
    }
    assert.is((await listDevices(server)).length, 3);
  }));

test('its group, its place in the list, and a confirmation that ends the registration', () =>
  withAnna(async (world) => {
    const { server, fleet } = world;
    const chain = value(await register(world));
    const device = value(await fleet.deviceOf(proofOf(chain)));
    value(await fleet.confirm(device));
    assert.equal(
      (await listDevices(server)).map(({ name, group, confirmed }) => ({ name, group, confirmed })),
      [{ name: 'serial 1', group: 'Office', confirmed: true }],
    );
    assert.equal(
      (await listUsers(server)).map(({ name, group, devices, maxDevices }) => ({ name, group, devices, maxDevices })),
      [{ name: anna, group: 'Office', devices: 1, maxDevices: 3 }],
    );
    value(await addUser(server, admin, { name: 'boris', password }));
    value(await register(world, { user: 'boris' }));
    assert.ok(
      (await listDevices(server)).some(({ group }) => group === 'Unassigned'),
      'without a group of his own',
    );
  }));

test('the same key gets the same certificate until the bundle is confirmed, after a restart too; another key another device', () =>
  withAnna(async (world) => {
    const { server, fleet } = world;
    const key = makeKey();
    const chain = value(await register(world, { key }));
    const again = { fleet: makeFleet(server, world.publish) };
    assert.is(leafOf(value(await register(again, { key }))), leafOf(chain));
    world.time.now = instant(start + 4 * dayMs);
    assert.is(leafOf(value(await register(again, { key }))), leafOf(chain), 'after the time of an invitation');
    assert.is.not(leafOf(value(await register(world))), leafOf(chain));
    assert.is((await listDevices(server)).length, 2);
    value(await fleet.confirm(value(await fleet.deviceOf(proofOf(chain)))));
    assert.is.not(leafOf(value(await register(world, { key }))), leafOf(chain), 'what was confirmed is over');
  }));

test('so many devices and no more, also at once; a removed one makes room', () =>
  withAnna(async (world) => {
    const { server } = world;
    const tries = await Promise.all(
      Array.from({ length: 4 }, (_, index) => register(world, { from: `192.0.2.${index}` })),
    );
    assert.equal(tries.map((each) => codeOf(each)).sort(), ['too-many-devices', 'too-many-devices', null, null].sort());
    assert.is((await listDevices(server)).length, 2);
    const [device] = await listDevices(server);
    value(await removeDevice(server, admin, device?.id ?? ''));
    value(await register(world));
    assert.is(codeOf(await register(world)), 'too-many-devices');
  }, 2));

test('what is refused says nothing of why, and is on record', () =>
  withAnna(async (world) => {
    value(await addUser(world.server, admin, { name: 'anna@other.example', password }));
    const tries: readonly Try[] = [
      { password: 'Wrong-Horse1' },
      { user: 'nobody' },
      { user: 'anna@elsewhere.example' },
      { user: 'anna' },
      { user: 'anna:x' },
      { password: `${password} ABCD-EFGH-JKMN` },
    ];
    for (const [index, typed] of tries.entries())
      assert.equal(await register(world, { ...typed, from: `192.0.2.${index}` }), {
        ok: false,
        fault: { code: 'invitation-refused', kind: 'rejected', facts: {} },
      });
    assert.equal(await reasons(world), [
      'wrong password',
      'unknown',
      'unknown',
      'unknown',
      'unknown',
      'wrong one-time password of the installation',
    ]);
  }));

test('five wrong passwords hold up the name at that address alone', () =>
  withAnna(async (world) => {
    const { time } = world;
    const wrong = (from: string) => register(world, { password: 'Wrong-Horse1', from });
    for (let each = 0; each < 5; each++) assert.is(codeOf(await wrong('203.0.113.9')), 'invitation-refused');
    assert.is(codeOf(await register(world, { from: '203.0.113.9' })), 'busy');
    assert.is(codeOf(await register(world, { user: 'CORP\\anna', from: '203.0.113.9' })), 'busy', 'in every form');
    value(await register(world));
    for (let each = 0; each < 5; each++) await register(world, { user: 'nobody', from: '203.0.113.9' });
    assert.is(
      codeOf(await register(world, { user: 'nobody', from: '203.0.113.9' })),
      'busy',
      'also who does not exist',
    );
    time.now = instant(start + 15 * minuteMs);
    value(await register(world, { from: '203.0.113.9' }));
  }));

test('a name that nobody has costs the time of one that somebody has', async () => {
  const door = makePasswordDoor(() => start);
  const timeOf = async (hash: string | null) => {
    const began = performance.now();
    assert.equal(await door.check({ name: 'x', address: `${began}`, hash, password }), { ok: true, value: false });
    return performance.now() - began;
  };
  const kept = `$argon2id$v=19$m=19456,t=2,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
  const pairs: (readonly [number, number])[] = [];
  for (let each = 0; each < 5; each++) pairs.push([await timeOf(kept), await timeOf(null)]);
  const middle = (index: 0 | 1) => pairs.map((pair) => pair[index]).sort((one, other) => one - other)[2] ?? 0;
  assert.ok(middle(1) > middle(0) / 3 && middle(1) < middle(0) * 3, JSON.stringify(pairs));
});

test('passwords are looked at two at a time; of one address four wait, the rest are told to come again', async () => {
  const door = makePasswordDoor(() => start);
  const all = Array.from({ length: 9 }, (_, index) =>
    door.check({ name: `user ${index}`, address: '192.0.2.1', hash: null, password }),
  );
  const other = door.check({ name: 'user', address: '192.0.2.2', hash: null, password });
  assert.equal((await Promise.all(all)).map(codeOf), [...Array(6).fill(null), 'busy', 'busy', 'busy']);
  assert.is(codeOf(await other), null);
});

test('the addresses of one line of IPv6 are one: whoever has them all guesses no oftener, and takes no more of the turns', async () => {
  const door = makePasswordDoor(() => start);
  const tries: (string | null)[] = [];
  for (let each = 0; each < 7; each++)
    tries.push(codeOf(await door.check({ name: 'x', address: `2001:db8:0:1::${each}`, hash: null, password })));
  assert.equal(tries, [null, null, null, null, null, 'busy', 'busy']);
  assert.is(codeOf(await door.check({ name: 'x', address: '2001:db8:0:2::1', hash: null, password })), null);
  const all = Array.from({ length: 9 }, (_, index) =>
    door.check({ name: `user ${index}`, address: `2001:db8:0:3::${index}`, hash: null, password }),
  );
  assert.equal((await Promise.all(all)).map(codeOf), [...Array(6).fill(null), 'busy', 'busy', 'busy']);
});

test('what is tried from anywhere, as codes of a second factor are, counts for its name alone', () => {
  const tries = makeLockouts(() => start);
  for (const name of ['w', 'x', 'y', 'z']) for (let each = 0; each < 5; each++) tries.count(name, '');
  assert.not(tries.mayTry('z', ''));
  tries.count('anna', '');
  assert.ok(tries.mayTry('anna', ''), 'one mistyped code is no reason to wait for the mistakes of others');
});

test('with the prompt on a one-time password is needed too, once, and with the same key again (M1)', () =>
  withAnna(async (world) => {
    const { server, fleet } = world;
    value(await setRules(server, admin, { promptPassword: true, passwordLength: 8 }));
    assert.is(codeOf(await register(world)), 'invitation-refused');
    const lost = value(await invite(server, admin, { user: anna }));
    const made = value(await invite(server, admin, { user: 'CORP\\anna' }));
    assert.is(made.invitation, anna);
    assert.match(made.password, /^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
    const both = (installation: string, key?: Uint8Array) =>
      register(world, { password: `${password} ${installation}`, ...(key && { key }) });
    assert.is(codeOf(await both(lost.password)), 'invitation-refused', 'another one was made since');
    const row = await server.db
      .selectFrom('invitations')
      .select('id')
      .where('tries_left', '>', 0)
      .executeTakeFirstOrThrow();
    const alone = await register(world, { user: row.id, password: made.password });
    assert.is(codeOf(alone), 'invitation-refused', 'alone it opens nothing');
    const key = makeKey();
    const chain = value(await both(made.password.toLowerCase(), key));
    assert.is(leafOf(value(await both(made.password, key))), leafOf(chain));
    assert.is(codeOf(await both(made.password)), 'invitation-refused', 'bound to the first key');
    value(await fleet.confirm(value(await fleet.deviceOf(proofOf(chain)))));
    assert.is(codeOf(await both(made.password, key)), 'invitation-refused', 'used');
  }));

test('a registration by a user is opened by no password of an invitation', () =>
  withAnna(async (world) => {
    value(await register(world));
    const { id } = await world.server.db.selectFrom('invitations').select('id').executeTakeFirstOrThrow();
    for (const typed of ['x', password])
      assert.is(codeOf(await register(world, { user: id, password: typed })), 'invitation-refused');
  }));

test('what is known of a user is changed, each thing by itself, and what a removal would end is counted', () =>
  withAnna(async (world) => {
    const { server } = world;
    value(await addGroup(server, admin, { name: 'Shop' }));
    value(await register(world));
    value(await invite(server, admin, { user: anna }));
    const change = {
      fullName: 'Anna K',
      description: 'Front desk',
      email: 'anna@Corp.example',
      phone: '+7 495 000-00-00',
    };
    value(await changeUser(server, admin, 'anna', { ...change, maxDevices: 5 }));
    const changed = value(await changeUser(server, admin, 'CORP\\anna', { group: 'Shop', phone: '' }));
    const { id: _, createdAt: __, ...shown } = changed;
    assert.equal(shown, {
      ...change,
      name: anna,
      email: 'anna@corp.example',
      phone: '',
      group: 'Shop',
      devices: 1,
      maxDevices: 5,
      invitations: 2,
      certificates: 0,
    });
    assert.is(value(await changeUser(server, admin, anna, { group: null })).group, null);
    value(await changeUser(server, admin, anna, { group: null, maxDevices: 5 }));
    assert.equal(
      (await auditOf(world)).filter((each) => each === 'user-changed').length,
      3,
      'what changes nothing is no change',
    );
    value(await register(world, { key: makeKey() }));
    assert.is(value(await showUser(server, anna)).devices, 2, 'the password is as it was');
  }));

table(
  'changes that are not taken',
  [
    { name: 'nobody', wanted: 'boris', change: { fullName: 'x' }, code: 'not-found' },
    { name: 'no such group', wanted: anna, change: { group: 'Nowhere' }, code: 'not-found' },
    { name: 'an address that is none', wanted: anna, change: { email: 'anna' }, code: 'bad-argument' },
    { name: 'a telephone with a line break', wanted: anna, change: { phone: '1\n2' }, code: 'bad-argument' },
    { name: 'a description without end', wanted: anna, change: { description: 'x'.repeat(121) }, code: 'bad-argument' },
    { name: 'too many devices', wanted: anna, change: { maxDevices: 10_001 }, code: 'bad-argument' },
  ],
  ({ wanted, change, code }) =>
    withAnna(async ({ server }) => {
      assert.is(codeOf(await changeUser(server, admin, wanted, change)), code);
      assert.is(value(await showUser(server, anna)).fullName, '');
    }),
);

table(
  'users that are not taken',
  [
    { name: 'a weak password', wanted: { name: 'boris', password: 'password' }, code: 'password-weak' },
    { name: 'there already', wanted: { name: 'ANNA@corp.example', password }, code: 'already-exists' },
    { name: 'a name that is none', wanted: { name: 'b/o', password }, code: 'bad-argument' },
    { name: 'no such group', wanted: { name: 'boris', password, group: 'Nowhere' }, code: 'not-found' },
    { name: 'an address that is none', wanted: { name: 'boris', password, email: 'boris' }, code: 'bad-argument' },
    { name: 'no devices', wanted: { name: 'boris', password, maxDevices: 0 }, code: 'bad-argument' },
  ],
  ({ wanted, code }) => withAnna(async ({ server }) => assert.is(codeOf(await addUser(server, admin, wanted)), code)),
);

test('another password, a made one, and an end; no password is anywhere', () =>
  withAnna(async (world) => {
    const { server } = world;
    const key = makeKey();
    value(await register(world, { key }));
    const made = value(await setUserPassword(server, admin, 'anna', undefined)).password ?? '';
    assert.is(made.length, 14);
    assert.is(codeOf(await register(world, { key })), 'invitation-refused');
    value(await register(world, { key, password: made }));
    value(await removeUser(server, admin, 'anna'));
    assert.is(codeOf(await register(world, { key, password: made })), 'invitation-refused');
    assert.is((await listDevices(server)).length, 1, 'its device stays');
    assert.equal(await listUsers(server), []);
    const actions = (await auditOf(world)).filter((each) => each.startsWith('user-'));
    assert.equal(actions, ['user-removed', 'user-password-set', 'user-added']);
    const files = ['thintrust.sqlite', 'thintrust.sqlite-wal'].map((file) => join(world.directory, file));
    const stored = files.flatMap((file) => {
      try {
        return [readFileSync(file, 'latin1')];
      } catch {
        return [];
      }
    });
    assert.ok(stored.some((text) => text.includes('$argon2id$v=19$m=19456,t=2,p=1$')));
    for (const secret of [password, made, 'Wrong-Horse1']) assert.not.ok(stored.some((text) => text.includes(secret)));
  }));
