/** The list of certificates of managed devices: over a real database, kept true by what happens to devices. */

import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { dayMs, hourMs, instant } from '../../protocol/time.ts';
import { listCertificates, readAlias, setAlias, showCertificate } from '../../server/edge/certificate-list.ts';
import { deleteCertificates } from '../../server/edge/corporate-orders.ts';
import { deleteIdentity, listIdentities, renewIdentity } from '../../server/edge/identities.ts';
import { setRules } from '../../server/edge/issuance.ts';
import { removeDevice } from '../../server/edge/places.ts';
import { tick } from '../../server/edge/upkeep.ts';
import { addUser } from '../../server/edge/users.ts';
import {
  bytes,
  codeOf,
  type FleetServer,
  proofOf,
  register,
  report,
  start,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';
const seen = async ({ server }: FleetServer, query = {}) =>
  (await listCertificates(server, query)).rows.map(({ device, status }) => `${device} ${status}`);

test('an identity is listed from its first contact to its end, and what happens to it shows', () =>
  withFleet(async (fleet) => {
    const { server } = fleet;
    const one = await register(fleet, 'RECEPTION');
    value(
      await fleet.fleet.receive(
        one.id,
        'report',
        bytes(report(one.id, { identity: { fingerprint: one.proof.fingerprint, notAfter: start } })),
      ),
    );
    assert.equal(await seen(fleet), ['RECEPTION valid']);
    value(await renewIdentity(server, admin, 'RECEPTION'));
    assert.equal(await seen(fleet), ['RECEPTION renewal-asked']);
    const renewal = { ...one.proof, notBefore: start, notAfter: instant(start + 365 * dayMs) };
    const chain = value(await fleet.fleet.renew(renewal, makeRequest(makeKey(), one.id)));
    const next = proofOf(chain).fingerprint;
    fleet.time.now = instant(start + hourMs);
    value(
      await fleet.fleet.receive(
        one.id,
        'report',
        bytes(report(one.id, { identity: { fingerprint: next, notAfter: start } })),
      ),
    );
    assert.equal(await seen(fleet, { sort: 'status' }), ['RECEPTION renewed', 'RECEPTION superseded']);
    const [former] = (await listCertificates(server, { status: 'superseded' })).rows;
    const tidied = await deleteCertificates(server, admin, { ids: [former?.id ?? ''], revoke: false });
    assert.equal(
      tidied.refused.map(({ fault: { code } }) => code),
      ['wrong-state'],
      'the device goes on by the one that followed',
    );
    const shown = value(await showCertificate(server, next));
    const { id, deviceId, user, alias, type, kind, protocol, source, since, thumbprint, automaticRenewalDisabled } =
      shown;
    assert.equal(
      { id, deviceId, user, alias, type, kind, protocol, source, since, thumbprint, automaticRenewalDisabled },
      {
        id: next,
        deviceId: one.id,
        user: null,
        alias: '',
        type: 'mobile',
        kind: 'thin-client',
        protocol: 'agent',
        source: 'server',
        since: start + hourMs,
        thumbprint: next,
        automaticRenewalDisabled: false,
      },
    );
    value(await setRules(server, admin, { automaticRenewal: false }));
    assert.is(value(await showCertificate(server, next)).automaticRenewalDisabled, true);
    fleet.time.now = instant(start + 400 * dayMs);
    await tick(server);
    assert.equal(await seen(fleet), ['RECEPTION expired']);
    value(await deleteIdentity(server, admin, 'RECEPTION'));
    assert.equal(await seen(fleet), []);
  }));

test('the list says of identities what their own list says', () =>
  withFleet(async (fleet) => {
    const { server } = fleet;
    for (const name of ['B', 'A', 'C', 'D']) await register(fleet, name);
    value(await removeDevice(server, admin, 'C'));
    value(await renewIdentity(server, admin, 'D'));
    const own = (await listIdentities(server)).map(({ thumbprint, status, since, notAfter, issuedAt }) => ({
      thumbprint,
      status,
      since,
      notAfter,
      issuedAt,
    }));
    const { rows } = await listCertificates(server, { sort: 'device' });
    assert.equal(
      rows.map(({ thumbprint, status, since, notAfter, issuedAt }) => ({
        thumbprint,
        status,
        since,
        notAfter,
        issuedAt,
      })),
      own,
    );
  }));

const queries = [
  { name: 'by device', query: { sort: 'device' }, found: 'ALPHA BETA GAMMAX1 GAMMA_1', total: 4 },
  { name: 'backwards', query: { sort: 'device', order: 'desc' }, found: 'GAMMA_1 GAMMAX1 BETA ALPHA', total: 4 },
  { name: 'a page', query: { sort: 'device', offset: 1, limit: 2 }, found: 'BETA GAMMAX1', total: 4 },
  { name: 'a page behind the end', query: { sort: 'device', offset: 9 }, found: '', total: 4 },
  { name: 'searched, in any case', query: { q: 'gAm', sort: 'device' }, found: 'GAMMAX1 GAMMA_1', total: 2 },
  { name: 'searched, behind the end', query: { q: 'gam', offset: 7 }, found: '', total: 2 },
  { name: 'what stands for anything stands for itself', query: { q: 'gamma_1' }, found: 'GAMMA_1', total: 1 },
  { name: 'so does the other', query: { q: '%' }, found: '', total: 0 },
  { name: 'by the user', query: { q: 'anna' }, found: 'ALPHA', total: 1 },
  { name: 'of a status', query: { status: 'renewal-asked' }, found: 'BETA', total: 1 },
  { name: 'of another type', query: { type: 'vpn' }, found: '', total: 0 },
  { name: 'what ends soon', query: { endsBefore: start + dayMs }, found: '', total: 0 },
  { name: 'what has ended', query: { endsWithin: 0 }, found: '', total: 0 },
  { name: 'what ends within its days', query: { endsWithin: 366, sort: 'device', limit: 1 }, found: 'ALPHA', total: 4 },
] as const;

test('sorted, searched, filtered and paged', () =>
  withFleet(async (fleet) => {
    const { server } = fleet;
    for (const name of ['GAMMAX1', 'ALPHA', 'GAMMA_1', 'BETA']) await register(fleet, name);
    value(await renewIdentity(server, admin, 'BETA'));
    value(await addUser(server, admin, { name: 'anna@corp.example', password: 'Correct-Horse1' }));
    const anna = server.db.selectFrom('users').select('id');
    await server.db.updateTable('devices').set({ registered_by: anna }).where('name', '=', 'ALPHA').execute();
    for (const { name, query, found, total } of queries) {
      const page = await listCertificates(server, query);
      assert.is(page.rows.map(({ device }) => device).join(' '), found, name);
      assert.is(page.total, total, name);
    }
    const first = (await listCertificates(server, {})).rows[0];
    const spelled = (first?.thumbprint ?? '').toUpperCase().replace(/(..)(?=.)/g, '$1:');
    assert.is((await listCertificates(server, { q: spelled.slice(0, 23) })).rows[0]?.id, first?.id);
  }));

const aliases = [
  { name: 'plain', typed: ' Office VPN ', alias: 'Office VPN' },
  { name: 'Cyrillic', typed: 'Офис-1', alias: 'Офис-1' },
  { name: 'empty', typed: ' ', alias: null },
  { name: 'a path', typed: '../x', alias: null },
  { name: 'a hidden file', typed: '.x', alias: null },
  { name: 'ends in a dot', typed: 'x.', alias: null },
  { name: 'a line end', typed: 'x\ny', alias: null },
  { name: 'long', typed: 'x'.repeat(64), alias: 'x'.repeat(64) },
  { name: 'too long', typed: 'x'.repeat(65), alias: null },
];

table('readAlias', aliases, ({ typed, alias }) => {
  const read = readAlias(typed);
  assert.is(read.ok ? read.value : null, alias);
});

test('a mobile certificate has no alias', () =>
  withFleet(async (fleet) => {
    const { proof } = await register(fleet, 'RECEPTION');
    await listCertificates(fleet.server, {});
    assert.is(codeOf(await setAlias(fleet.server, admin, { ids: [proof.fingerprint], alias: 'x' })), 'not-allowed');
    assert.is(codeOf(await setAlias(fleet.server, admin, { ids: ['x'], alias: 'x' })), 'not-found');
  }));
