/** What needs an administrator's eye, over a real database: who would miss the switch (B10), what ends, who is locked. */
import { sql } from 'kysely';
import { dayMs, hourMs, type Instant, instant } from '../../protocol/time.ts';
import { forgetPresence, type OfflineRisk, readDeviceRisk, readOfflineRisk } from '../../server/edge/absences.ts';
import { setBlocked } from '../../server/edge/blocking.ts';
import { listCertificates } from '../../server/edge/certificate-list.ts';
import { issueCertificates } from '../../server/edge/corporate-issue.ts';
import { deleteCertificates } from '../../server/edge/corporate-orders.ts';
import { showDashboard } from '../../server/edge/dashboard.ts';
import { deleteIdentity, renewIdentity } from '../../server/edge/identities.ts';
import { pageLacking, readReadiness } from '../../server/edge/lacking.ts';
import { eventsOf, pageDeviceEvents } from '../../server/edge/overview.ts';
import { addGroup } from '../../server/edge/places.ts';
import { addCertificates } from '../../server/edge/policies.ts';
import { scheduleReserve } from '../../server/edge/rotation.ts';
import { bytes, codeOf, type FleetServer, register, report, start, value, withFleet } from '../fakes/fleet-server.ts';
import { issue } from '../fakes/issue.ts';
import { assert, test } from '../harness.ts';

const admin = 'administrator';

const at = (world: FleetServer, ms: number): Instant => {
  world.time.now = instant(start + ms);
  return world.time.now;
};
const presence = async ({ fleet }: FleetServer, id: string, state: 'online' | 'offline') =>
  value(await fleet.receive(id, 'presence', bytes({ format: 1, at: state })));
const verdictOf = ({ atRisk }: OfflineRisk, name: string): string =>
  atRisk.find((device) => device.name === name)?.verdict ?? 'none';

test('devices that come and go, and the switch that comes nearer', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    assert.is(codeOf(await readOfflineRisk(server, null)), 'no-reserve');
    const [kiosk, , lodge, ready] = await Promise.all(
      ['kiosk', 'never', 'lodge', 'ready'].map((name) => register(world, name)),
    );
    for (const one of [kiosk, lodge, ready]) await presence(world, one?.id ?? '', 'online');
    at(world, hourMs);
    await presence(world, lodge?.id ?? '', 'offline');
    at(world, 4 * dayMs);
    await presence(world, lodge?.id ?? '', 'online');
    at(world, 5 * dayMs);
    for (const one of [kiosk, lodge]) await presence(world, one?.id ?? '', 'offline');
    const reserve = value(await scheduleReserve(server, admin, instant(start + 7 * dayMs)));
    const pins = { current: 'a'.repeat(64), reserve: reserve.fingerprint, previous: null };
    value(await fleet.receive(ready?.id ?? '', 'report', bytes(report(ready?.id ?? '', { pins }))));
    at(world, 5 * dayMs + 2 * hourMs);
    const risk = value(await readOfflineRisk(server, null));
    assert.is(risk.switchAt, start + 7 * dayMs);
    assert.equal(risk.counts, { holds: 1, connected: 0, expected: 0, late: 1, overdue: 0, unknown: 2 });
    assert.equal(
      ['kiosk', 'never', 'lodge'].map((name) => verdictOf(risk, name)),
      ['unknown', 'unknown', 'late'],
    );
    const later = value(await readOfflineRisk(server, instant(start + 9 * dayMs)));
    assert.is(verdictOf(later, 'lodge'), 'none');
    assert.is(later.counts.expected, 1);
    at(world, 9 * dayMs);
    assert.is(verdictOf(value(await readOfflineRisk(server, null)), 'lodge'), 'overdue');
    const lodgeAlone = value(await readDeviceRisk(server, 'lodge'));
    assert.equal(lodgeAlone, {
      switchAt: start + 7 * dayMs,
      verdict: 'overdue',
      absentSince: start + 5 * dayMs,
      absences: 1,
      longestMs: 4 * dayMs - hourMs,
      backBy: start + 9 * dayMs - hourMs,
    });
    assert.is(value(await readDeviceRisk(server, 'ready')).verdict, 'holds');
    value(await deleteIdentity(server, admin, 'lodge'));
    assert.is(value(await readDeviceRisk(server, 'lodge')).verdict, null, 'it makes no contact any more');
    assert.is(codeOf(await readDeviceRisk(server, 'nobody')), 'not-found');
  }));

test('one device: what was done to it, what it did, and nothing of others', () =>
  withFleet(async (world) => {
    const { server } = world;
    const [, other] = [await register(world, 'kiosk'), await register(world, 'lodge')];
    value(await renewIdentity(server, admin, 'kiosk'));
    const order = { type: 'vpn', kind: 'thin-client', connection: 'with-mobile', source: 'server' } as const;
    value(await issueCertificates(server, admin, { ...order, alias: 'Office', devices: ['kiosk'] }, null));
    const [vpn] = (await listCertificates(server, { type: 'vpn' })).rows;
    await deleteCertificates(server, admin, { ids: [vpn?.id ?? ''], revoke: true });
    const { rows, total } = value(await pageDeviceEvents(server, 'kiosk', { limit: 3 }));
    assert.equal(
      rows.map(({ action }) => action),
      ['corporate-certificate-deleted', 'corporate-certificate-ordered', 'renewal-asked'],
    );
    assert.ok(total > 3);
    const all = value(await pageDeviceEvents(server, 'kiosk', { q: other.id }));
    assert.is(all.total, 0);
    assert.is(codeOf(await pageDeviceEvents(server, 'nobody', {})), 'not-found');
    const plan = await eventsOf(server.db, other.id).explain(undefined, sql`query plan`);
    const steps = plan.map(({ detail }) => String(detail));
    assert.ok(
      steps.some((step) => step.includes('audit_by_device_in_facts')) && !steps.some((step) => step.startsWith('SCAN')),
      steps.join(),
    );
  }));

test('the list of who lacks the reserve says of each what the count says of all', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const names = ['here', 'never', 'soon', 'late', 'gone', 'ready'];
    const [here, , soon, late, gone, ready] = await Promise.all(names.map((name) => register(world, name)));
    for (const one of [here, soon, late, gone, ready]) await presence(world, one?.id ?? '', 'online');
    const away = async (one: typeof here, from: number, to: number) => {
      at(world, from * dayMs);
      await presence(world, one?.id ?? '', 'offline');
      at(world, to * dayMs);
      await presence(world, one?.id ?? '', 'online');
    };
    await away(gone, 1, 2);
    await away(soon, 2, 4);
    await away(late, 5, 10);
    for (const [day, one] of [gone, soon, late].entries()) {
      at(world, (11 + day) * dayMs);
      await presence(world, one?.id ?? '', 'offline');
    }
    const reserve = value(await scheduleReserve(server, admin, instant(start + 16 * dayMs)));
    const pins = { current: 'a'.repeat(64), reserve: reserve.fingerprint, previous: null };
    value(await fleet.receive(ready?.id ?? '', 'report', bytes(report(ready?.id ?? '', { pins }))));
    at(world, 13 * dayMs + 2 * hourMs);
    const verdicts = async (when?: number) => {
      const { rows } = await pageLacking(server, { sort: 'name', ...(when === undefined ? {} : { at: when }) });
      return Object.fromEntries(rows.map(({ name, verdict }) => [name, verdict]));
    };
    assert.equal(await verdicts(), {
      gone: 'overdue',
      here: 'connected',
      late: 'late',
      never: 'unknown',
      soon: 'expected',
    });
    for (const when of [null, start + 13 * dayMs + 3 * hourMs, start + 30 * dayMs]) {
      const risk = value(await readOfflineRisk(server, when === null ? null : instant(when)));
      const rows = Object.values(await verdicts(when ?? undefined));
      for (const verdict of ['connected', 'expected', 'late', 'overdue', 'unknown'] as const)
        assert.is(rows.filter((each) => each === verdict).length, risk.counts[verdict], `${when}: ${verdict}`);
      const { atRisk: _, ...rest } = risk;
      assert.equal(value(await readReadiness(server, when === null ? null : instant(when))), rest);
    }
    const { rows, total } = await pageLacking(server, { verdict: 'late', q: 'LAT' });
    assert.equal(
      [total, rows[0]?.name, rows[0]?.longestMs, rows[0]?.backBy],
      [1, 'late', 5 * dayMs, start + 18 * dayMs],
    );
    const first = async (sort: 'backBy' | 'lastSeen') =>
      (await pageLacking(server, { sort, order: 'desc', limit: 1 })).rows[0]?.name;
    assert.equal([await first('backBy'), await first('lastSeen')], ['late', 'late']);
  }));

test('what a broker says again after a restart is no sign of life', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const { id } = await register(world, 'kiosk');
    const seen = async () => ({
      ...(await server.db
        .selectFrom('devices')
        .select(['last_seen', 'absent_since', 'presence'])
        .where('id', '=', id)
        .executeTakeFirst()),
    });
    await presence(world, id, 'online');
    value(await fleet.receive(id, 'report', bytes(report(id))));
    const gone = at(world, dayMs);
    await presence(world, id, 'offline');
    const away = { last_seen: gone, absent_since: gone, presence: 'offline' };
    assert.equal(await seen(), away);
    at(world, 30 * dayMs);
    await forgetPresence(server.db, world.time.now);
    await presence(world, id, 'offline');
    value(await fleet.receive(id, 'report', bytes(report(id))));
    assert.equal(await seen(), away, 'retained presence and report');
    const back = at(world, 31 * dayMs);
    value(await fleet.receive(id, 'report', bytes(report(id, { at: back }))));
    assert.is((await seen()).last_seen, back);
    await presence(world, id, 'online');
    const stopped = at(world, 32 * dayMs);
    await forgetPresence(server.db, stopped);
    assert.equal(await seen(), { last_seen: back, absent_since: stopped, presence: 'offline' });
  }));

test('counted: clock, lock, faults, endings, blocklist', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    value(await addGroup(server, admin, { name: 'Office' }));
    const ids: string[] = [];
    for (const name of ['one', 'two', 'three']) ids.push((await register(world, name, 'Office')).id);
    const [one = '', two = '', three = ''] = ids;
    const soon = start + 10 * dayMs;
    const day = (days: number): string => new Date(start + days * dayMs).toISOString();
    const ending = issue({ cn: 'ending', dns: ['rdp.example'], from: day(-1), to: day(29) });
    const lasting = issue({ cn: 'lasting', dns: ['rdp.example'], from: day(-1), to: day(31) });
    for (const { der } of [ending, lasting])
      value(await addCertificates(server, admin, 'Office', { purpose: 'rdp', file: 'rdp.der', content: der }));
    value(await setBlocked(server, admin, 'Office', { fingerprint: 'b'.repeat(64), blocked: true }));
    value(
      await fleet.receive(
        one,
        'report',
        bytes(
          report(one, {
            clock: { at: 'unknown', floor: 0 },
            codes: { tries: 0, lockedForMs: 5000 },
            identity: { fingerprint: 'c'.repeat(64), notAfter: soon },
          }),
        ),
      ),
    );
    await presence(world, two, 'online');
    value(await deleteIdentity(server, admin, three));
    const shown = await showDashboard(server);
    assert.equal(shown.devices, {
      active: 2,
      online: 1,
      waiting: 0,
      retired: 0,
      inactive: 1,
      clockUnknown: 1,
      locked: 1,
      faulty: 0,
      ending: 1,
    });
    assert.equal(
      shown.policies.map(({ group, purpose, file, notAfter }) => [group, purpose, file, notAfter]),
      [['Office', 'rdp', 'rdp.der', start + 29 * dayMs]],
    );
    assert.equal([shown.server, shown.blocked, shown.risk], [[], 1, null]);
    at(world, 380 * dayMs);
    assert.equal(
      (await showDashboard(server)).server.map(({ role }) => role),
      ['main'],
    );
  }));
