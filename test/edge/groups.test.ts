/** One group as the API shows it, its place in the tree, and a certificate that is blocked everywhere. */
import { readFileSync } from 'node:fs';
import { sql } from 'kysely';
import { fingerprintOf } from '../../protocol/certificate.ts';
import type { Policy } from '../../protocol/schema.ts';
import { policyTopic } from '../../protocol/topics.ts';
import type { BlockedRow, GroupDetails, PolicyCertificateRow } from '../../server/api/groups.ts';
import type { Page as Listing } from '../../server/api/list.ts';
import { setBlocked, setBlockedEverywhere } from '../../server/edge/blocking.ts';
import { readDelivery, showGroup } from '../../server/edge/group-details.ts';
import { addToken } from '../../server/edge/group-tokens.ts';
import { moveGroup, removeGroup, renameGroup } from '../../server/edge/group-tree.ts';
import { invite } from '../../server/edge/invitations.ts';
import { migrations } from '../../server/edge/migrations.ts';
import { setNaming } from '../../server/edge/naming.ts';
import { addGroup, listGroups, removeDevice, showDevice } from '../../server/edge/places.ts';
import { addCertificates, removeCertificates, setContacts, setLock, setSetting } from '../../server/edge/policies.ts';
import type { Database } from '../../server/edge/tables.ts';
import { addUser } from '../../server/edge/users.ts';
import {
  auditOf,
  bytes,
  codeOf,
  type FleetServer,
  payloadOf,
  register,
  report,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { issue } from '../fakes/issue.ts';
import { addPerson, type Page, password, withConsole } from '../fakes/web-client.ts';
import { assert, test } from '../harness.ts';

const admin = 'administrator';
const vector = (name: string): Buffer => readFileSync(`test/vectors/certificates/${name}.pem`);
const upload = (content: Uint8Array, file: string, purpose: 'rdp' | 'broker' | 'log' = 'rdp') => ({
  purpose,
  file,
  content,
});
const contacts = (name: string) => ({ name, phone: '', email: '', note: '' });

/** Office, Floor below it, Room below that. */
async function offices({ server }: FleetServer): Promise<{ office: string; floor: string; room: string }> {
  const office = value(await addGroup(server, admin, { name: 'Office' })).id;
  const floor = value(await addGroup(server, admin, { name: 'Floor', parent: 'Office' })).id;
  return { office, floor, room: value(await addGroup(server, admin, { name: 'Room', parent: 'Floor' })).id };
}

const policyOf = ({ published }: FleetServer, group: string): Policy =>
  payloadOf(published.findLast(({ topic }) => topic === policyTopic(group))?.payload ?? '') as Policy;

test('a group tells what it says, what counts, whose word that is, and who locks it', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { office, floor } = await offices(world);
    value(await setContacts(server, admin, 'Room', contacts('of the room')));
    value(await setContacts(server, admin, 'Floor', contacts('of the floor')));
    value(await setSetting(server, admin, 'Office', { name: 'rdp', value: 'rdp.example.com', enforced: true }));
    const shown = async (group: string): Promise<GroupDetails> => value(await showGroup(server, group));
    const before = await shown('Room');
    assert.equal(
      [
        before.contacts.own?.name,
        before.contacts.effective?.name,
        before.contacts.from?.name,
        before.contacts.lockedBy,
      ],
      ['of the room', 'of the room', 'Room', null],
    );
    assert.equal(before.settings.rdp, {
      own: null,
      enforced: false,
      effective: 'rdp.example.com',
      from: { id: office, name: 'Office' },
      lockedBy: { id: office, name: 'Office' },
    });
    value(await setLock(server, admin, 'Floor', { block: 'contacts', enforced: true }));
    const after = await shown('Room');
    assert.equal(
      [after.contacts.effective?.name, after.contacts.from?.id, after.contacts.lockedBy?.id],
      ['of the floor', floor, floor],
    );
    assert.is((await shown('Floor')).contacts.lockedBy, null, 'its own lock hinders nobody there');
    assert.equal(
      after.path.map(({ name }) => name),
      ['Office', 'Floor'],
    );
    assert.is((await shown('Office')).groups, 2);
    assert.is(codeOf(await showGroup(server, 'Nowhere')), 'not-found');
  }));

test('delivery counts devices of the group and below that report what is in force', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const { office, room } = await offices(world);
    const one = await register(world, 'one', 'Office');
    const two = await register(world, 'two', 'Room');
    const gone = await register(world, 'gone', 'Room');
    value(await removeDevice(server, admin, gone.id));
    const count = async (group: string): Promise<readonly number[]> => {
      const { devices, applied } = value(await readDelivery(server, group));
      return [applied, devices];
    };
    assert.equal(
      [await count('Office'), await count('Room')],
      [
        [0, 2],
        [0, 1],
      ],
    );
    const tell = async (id: string, group: string, policy: number) =>
      value(
        await fleet.receive(id, 'report', bytes(report(id, { applied: { group, policy, device: 1, command: 0 } }))),
      );
    const { rev } = value(await readDelivery(server, 'Room'));
    await tell(two.id, room, rev);
    assert.equal(
      [await count('Office'), await count('Room')],
      [
        [1, 2],
        [1, 1],
      ],
    );
    await tell(one.id, office, value(await readDelivery(server, 'Office')).rev);
    assert.equal(await count('Office'), [2, 2]);
    await tell(one.id, room, rev + 100_000);
    assert.equal(await count('Office'), [1, 2], 'the policy of another group is not this one');
    value(await setContacts(server, admin, 'Floor', contacts('new')));
    assert.equal(
      [await count('Office'), await count('Room')],
      [
        [0, 2],
        [0, 1],
      ],
    );
  }));

const ask = async <T>(page: Page, path: string): Promise<T> => {
  const { status, body, text } = await page.ask('GET', path);
  assert.is(status, 200, text.slice(0, 300));
  return body as T;
};
type Certificates = Listing<PolicyCertificateRow>;

test('the certificates of a policy as a list: columns of T14, sorted, searched, filtered, paged, as CSV', () =>
  withConsole(async (console) => {
    const { server } = console.world;
    await offices(console.world);
    await addPerson(console, 'olga', 'auditor');
    const page = console.page();
    await page.signIn('olga', password);
    const short = issue({ cn: 'ends first', ca: true, to: '2026-12-02T00:00:00Z' });
    value(await addCertificates(server, admin, 'Office', upload(vector('authority'), 'b-office.pem')));
    value(await addCertificates(server, admin, 'Floor', upload(short.der, 'a-floor.der', 'log')));
    value(await addCertificates(server, admin, 'Floor', upload(vector('authority'), 'c-twice.pem')));
    const list = '/groups/Floor/policy/certificates';
    const files = async (query: string) =>
      (await ask<Certificates>(page, `${list}?${query}`)).rows.map(({ file }) => file);
    const [first] = (await ask<Certificates>(page, `${list}?sort=notAfter`)).rows;
    assert.equal(
      [first?.file, first?.subject, first?.issuer, first?.own, first?.counts, first?.fingerprint, first?.group],
      ['a-floor.der', 'CN=ends first', 'CN=ends first', true, true, fingerprintOf(short.der), 'Floor'],
    );
    assert.ok((first?.notBefore ?? 0) < (first?.notAfter ?? 0));
    assert.equal(await files(''), ['a-floor.der', 'b-office.pem', 'c-twice.pem']);
    assert.equal(await files('sort=file&order=desc&limit=2'), ['c-twice.pem', 'b-office.pem']);
    assert.equal(await files('own=true'), ['a-floor.der', 'c-twice.pem']);
    assert.equal(await files('own=false'), ['b-office.pem']);
    assert.equal(await files('purpose=log'), ['a-floor.der']);
    assert.equal(await files('q=ENDS'), ['a-floor.der']);
    value(await setBlocked(server, admin, 'Office', { fingerprint: first?.fingerprint ?? '', blocked: true }));
    assert.is((await ask<Certificates>(page, `${list}?purpose=log`)).rows[0]?.blocked, true);
    value(await setLock(server, admin, 'Office', { block: 'certificates', enforced: true }));
    assert.equal(
      (await ask<Certificates>(page, list)).rows.map(({ file, counts }) => [file, counts]),
      [
        ['a-floor.der', false],
        ['b-office.pem', true],
        ['c-twice.pem', false],
      ],
    );
    assert.equal(await ask<Certificates>(page, '/groups/Room/policy/certificates?own=true'), { rows: [], total: 0 });
    const csv = await page.ask('GET', `${list}?format=csv&own=true`);
    assert.is(csv.text.trim().split('\r\n').length, 3);
    assert.match(csv.text, /^\ufefffile,purpose,issuer,subject,notBefore,notAfter,fingerprint,/);
    assert.is((await page.ask('GET', '/groups/Nowhere/policy/certificates')).body.code, 'not-found');
  }));

test('what lists sort by is read from the certificates of an older database', () =>
  withFleet(async ({ server }) => {
    value(await addGroup(server, admin, { name: 'Office' }));
    value(await addCertificates(server, admin, 'Office', upload(vector('authority'), 'a.pem')));
    const sorted = ['issuer', 'subject', 'not_before', 'not_after'] as const;
    const read = (db: Database) => db.selectFrom('policy_certificates').select(sorted).execute();
    const before = await read(server.db);
    for (const column of sorted)
      await sql.raw(`alter table policy_certificates drop column ${column}`).execute(server.db);
    await migrations['0019-policy-certificates']?.up(server.db as never);
    assert.equal(await read(server.db), before);
    assert.ok((before[0]?.not_after ?? 0) > 0 && before[0]?.subject.includes('CN='));
  }));

test('many certificates are taken away at once, or none', () =>
  withFleet(async (world) => {
    const { server } = world;
    await offices(world);
    const added = value(await addCertificates(server, admin, 'Office', upload(vector('authority'), 'a.pem')));
    const more = value(await addCertificates(server, admin, 'Office', upload(vector('p384'), 'b.pem', 'log')));
    const all = [...added, ...more].map((fingerprint) => ({ fingerprint }));
    const { rev } = value(await readDelivery(server, 'Office'));
    const wrong = await removeCertificates(server, admin, 'Office', [...all, { fingerprint: 'a'.repeat(64) }]);
    assert.is(codeOf(wrong), 'not-found');
    assert.is((await server.db.selectFrom('policy_certificates').selectAll().execute()).length, 2);
    assert.is(value(await readDelivery(server, 'Office')).rev, rev);
    value(await removeCertificates(server, admin, 'Office', all));
    assert.is((await server.db.selectFrom('policy_certificates').selectAll().execute()).length, 0);
  }));

test('blocked everywhere: in every policy, in groups made or moved to the top later, until it is taken off everywhere', () =>
  withConsole(async (console) => {
    const { world } = console;
    const { server } = world;
    await offices(world);
    await register(world, 'one', 'Room');
    await register(world, 'two');
    await addPerson(console, 'olga', 'officer');
    const page = console.page();
    await page.signIn('olga', password);
    const [fingerprint = ''] = value(
      await addCertificates(server, admin, 'Floor', upload(vector('authority'), 'a.pem')),
    );
    const reach = await page.ask('GET', `/blocklist/${fingerprint}`);
    assert.equal([reach.body.devices, reach.body.trusting, reach.body.everywhere], [2, 1, false]);
    assert.equal(
      reach.body.policies.map(({ name }: { name: string }) => name),
      ['Floor'],
    );
    const marked = await page.ask('PUT', '/blocklist', { body: { fingerprint, blocked: true } });
    assert.equal([marked.status, marked.body.everywhere], [200, true]);
    const later = value(await addGroup(server, admin, { name: 'Later' })).id;
    value(await moveGroup(server, admin, 'Room', null));
    const groups = await listGroups(server);
    for (const { id, name } of groups) {
      const rows = (await page.ask('GET', `/groups/${id}/policy/blocklist`)).body as Listing<BlockedRow>;
      assert.equal(
        rows.rows.map((row) => [row.fingerprint, row.subject?.includes('CN='), row.own]),
        [[fingerprint, true, name !== 'Floor']],
        name,
      );
    }
    await world.publish();
    for (const id of [later, ...groups.map((group) => group.id)])
      assert.equal(policyOf(world, id).blocklist, [fingerprint]);
    const off = await page.ask('PUT', '/blocklist', { body: { fingerprint, blocked: false } });
    assert.equal([off.status, off.body.everywhere], [200, false]);
    assert.is((await server.db.selectFrom('blocked_certificates').selectAll().execute()).length, 0);
    assert.is(codeOf(await setBlockedEverywhere(server, admin, { fingerprint, blocked: false })), 'not-found');
  }));

test('the certificate of the server itself cannot be blocked everywhere', () =>
  withFleet(async ({ server }) => {
    const { fingerprint } = await server.db
      .selectFrom('server_certificates')
      .select('fingerprint')
      .where('role', '=', 'main')
      .executeTakeFirstOrThrow();
    assert.is(codeOf(await setBlockedEverywhere(server, admin, { fingerprint, blocked: true })), 'would-strand');
    assert.is((await server.db.selectFrom('blocked_certificates').selectAll().execute()).length, 0);
  }));

test('a group gets another name, which its devices see; the others are not signed again', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { office, floor } = await offices(world);
    const { rev } = value(await readDelivery(server, 'Floor'));
    value(await renameGroup(server, admin, 'Office', ' Head office '));
    await world.publish();
    assert.is(policyOf(world, office).group.name, 'Head office');
    assert.is(value(await readDelivery(server, floor)).rev, rev);
    value(await renameGroup(server, admin, 'Head office', 'Head office'));
    assert.is(codeOf(await renameGroup(server, admin, 'Floor', 'Room')), 'already-exists');
    assert.is(codeOf(await renameGroup(server, admin, 'Floor', ' ')), 'bad-argument');
    const own = (await listGroups(server)).find(({ kind }) => kind === 'unassigned')?.id ?? '';
    for (const refused of [
      await renameGroup(server, admin, own, 'mine'),
      await moveGroup(server, admin, own, 'Floor'),
      await moveGroup(server, admin, 'Floor', own),
      await removeGroup(server, admin, own),
    ])
      assert.is(codeOf(refused), 'not-allowed');
    assert.ok((await auditOf(world)).some((row) => row.startsWith('group-renamed')));
  }));

test('a group that is moved gets what its new parent says: certificates, names', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { room } = await offices(world);
    const device = await register(world, 'one', 'Room');
    value(await addGroup(server, admin, { name: 'Store' }));
    value(await addCertificates(server, admin, 'Office', upload(vector('authority'), 'a.pem')));
    value(await addCertificates(server, admin, 'Store', upload(vector('p384'), 'b.pem', 'log')));
    value(await setNaming(server, admin, 'Store', ['Store']));
    value(await moveGroup(server, admin, 'Room', 'Store'));
    await world.publish();
    assert.equal(
      policyOf(world, room).certificates.entries.map(({ file }) => file),
      ['b.pem'],
    );
    assert.is(value(await showDevice(server, device.id)).name, 'Store-0001');
    assert.is(codeOf(await moveGroup(server, admin, 'Office', 'Floor')), 'bad-argument', 'below itself');
    assert.is(codeOf(await moveGroup(server, admin, 'Office', 'Office')), 'bad-argument', 'below itself');
    let last = 'Store';
    for (let level = 2; level <= 15; level++) {
      value(await addGroup(server, admin, { name: `level ${level}`, parent: last }));
      last = `level ${level}`;
    }
    assert.is(codeOf(await moveGroup(server, admin, 'Office', last)), 'bad-argument', 'two levels too deep');
    value(await moveGroup(server, admin, 'Floor', last));
  }));

test('a group that nothing is in is removed, with what could lead into it', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { room } = await offices(world);
    const device = await register(world, 'one', 'Room');
    assert.is(codeOf(await removeGroup(server, admin, 'Office')), 'group-not-empty');
    assert.is(codeOf(await removeGroup(server, admin, 'Room')), 'group-not-empty');
    value(await removeDevice(server, admin, device.id));
    value(await invite(server, admin, { group: 'Room' }));
    value(await addToken(server, admin, { group: 'Room', most: 2, days: 2, approval: false }));
    value(await addUser(server, admin, { name: 'anna', group: 'Room' }));
    value(await addCertificates(server, admin, 'Room', upload(vector('authority'), 'a.pem')));
    value(await setBlocked(server, admin, 'Room', { fingerprint: 'a'.repeat(64), blocked: true }));
    await world.publish();
    value(await removeGroup(server, admin, 'Room'));
    await world.publish();
    assert.is(world.published.findLast(({ topic }) => topic === policyTopic(room))?.payload, '');
    const open = await server.db.selectFrom('invitations').select('expires_at').where('used_at', 'is', null).execute();
    assert.ok(open.every(({ expires_at }) => expires_at <= world.time.now));
    const tokens = await server.db.selectFrom('group_tokens').select('ended_at').execute();
    assert.ok(tokens.every(({ ended_at }) => ended_at !== null));
    value(await removeGroup(server, admin, 'Floor'));
    assert.is(codeOf(await removeGroup(server, admin, 'Floor')), 'not-found');
    value(await addGroup(server, admin, { name: 'Floor' }));
  }));
