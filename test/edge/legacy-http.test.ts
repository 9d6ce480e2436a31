/** Agents without an identity against both HTTPS listeners: registration, tokens, check-in, migration, and what is refused. */
import { makeKey } from '../../agent/edge/csr.ts';
import { spkiOf } from '../../agent/edge/device-key.ts';
import { toPem } from '../../protocol/certificate.ts';
import { instant, minuteMs } from '../../protocol/time.ts';
import { makeAttempts } from '../../server/edge/attempts.ts';
import { type Authority, issueDevice, makeAuthority } from '../../server/edge/authority.ts';
import { readIdentity, writeIdentity } from '../../server/edge/context.ts';
import { addForeignAuthority } from '../../server/edge/foreign.ts';
import { invite } from '../../server/edge/invitations.ts';
import {
  addScep,
  chooseEnrolment,
  moveLegacyPort,
  pageCertless,
  setEndpoint,
  setMigrateClient,
  setMutual,
  showMutual,
} from '../../server/edge/mutual.ts';
import { readListenerTls } from '../../server/edge/pins.ts';
import { addGroup, listDevices, moveDevice, removeDevice } from '../../server/edge/places.ts';
import { auditOf, bytes, codeOf as faultOf, payloadOf, register, report, start, value } from '../fakes/fleet-server.ts';
import {
  atLegacy,
  basic,
  bearer,
  checkinAt,
  checkinWithout,
  codeOf,
  enrolBy,
  registerWithout,
  registration,
  type Setting,
  tokenAt,
  withListeners,
} from '../fakes/legacy-agent.ts';
import { share } from '../fakes/sharing.ts';
import { assert, table, test } from '../harness.ts';

const by = 'administrator';
const migrates = ['mutual-migration'];
/** Later than whatever was before. */
const enable = async ({ fleet }: Setting) => {
  fleet.time.now = instant(fleet.time.now + 1);
  value(await setMutual(fleet.server, by, true));
};
const stay = async ({ fleet }: Setting) =>
  (await listDevices(fleet.server)).map(({ name, migration }) => `${name} ${migration}`);

/** A client certificate of any authority. */
async function identityOf(authority: Authority, at: number) {
  const key = makeKey();
  const publicKeyDer = spkiOf(key);
  const { chainDer } = await issueDevice(authority, { publicKeyDer, deviceId: 'thin 1', days: 2, now: instant(at) });
  return { cert: chainDer.map((der) => toPem(der)).join(''), key: toPem(key, 'PRIVATE KEY') };
}

table(
  'Table 88 on the wire: what a registration on the legacy port is told',
  [
    { name: 'thin client, off', on: false, accepts: migrates, mutual: false, enrolment: null },
    { name: 'thin client, on', on: true, accepts: migrates, mutual: true, enrolment: 'est' },
    { name: 'without migration, off', on: false, accepts: [], mutual: false, enrolment: null },
    { name: 'without migration, on', on: true, accepts: [], mutual: false, enrolment: null },
    { name: 'always mutual, off', on: false, accepts: ['mutual-only'], mutual: true, enrolment: 'est' },
    { name: 'always mutual, on', on: true, accepts: ['mutual-only'], mutual: true, enrolment: 'est' },
  ],
  (row) =>
    withListeners(async (setting) => {
      if (row.on) await enable(setting);
      const agent = await registerWithout(setting, 'kiosk', row.accepts);
      assert.is(agent.answer.status, 200, agent.answer.body);
      const { checkin, enrolment } = agent.answer.json as {
        readonly checkin: { readonly port: number; readonly mutual: boolean };
        readonly enrolment: { readonly at: string } | null;
      };
      assert.is(checkin.mutual, row.mutual);
      assert.is(enrolment?.at ?? null, row.enrolment);
      if (row.mutual) assert.is(checkin.port, 4430);
      const answer = await checkinWithout(setting, agent, row.accepts);
      assert.is(codeOf(answer), row.mutual ? 'mutual-required' : '200');
      if (!row.mutual) return;
      const { identity, answer: enrolled } = await enrolBy(setting, agent.token);
      assert.is(enrolled.status, 200, enrolled.body);
      const mutual = await checkinAt(setting, setting.http.port, agent.device, row.accepts, { identity });
      assert.is(mutual.status, 200, mutual.body);
      const place = payloadOf(String(mutual.json['device'])) as { readonly identity?: { readonly renewAt: number } };
      assert.type(place.identity?.renewAt, 'number');
    }),
);

test('Tables 86 and 88: registered before, migrated by the policy of its group, and from then on mutual (A4)', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    const agent = await registerWithout(setting, 'kiosk', migrates);
    assert.is((await checkinWithout(setting, agent, migrates)).json['migrate'], undefined);
    await enable(setting);
    assert.is((await checkinWithout(setting, agent, migrates)).json['migrate'], undefined);
    assert.equal(await stay(setting), ['kiosk null']);
    assert.is((await enrolBy(setting, agent.token)).answer.status, 401);

    const [group] = await listDevices(server);
    value(await setMigrateClient(server, by, group?.groupId ?? '', true));
    const told = await checkinWithout(setting, agent, migrates);
    assert.equal(told.json['migrate'], { port: 4430, enrolment: { at: 'est', path: '/.well-known/est/simpleenroll' } });
    assert.equal(await stay(setting), ['kiosk pending']);
    assert.is((await showMutual(server)).waiting.length, 1);

    const key = makeKey();
    const first = await enrolBy(setting, agent.token, key);
    assert.is(first.answer.status, 200, first.answer.body);
    assert.is((await enrolBy(setting, agent.token, key)).identity.cert, first.identity.cert);
    assert.is((await checkinWithout(setting, agent, migrates)).status, 200);
    assert.equal(await stay(setting), ['kiosk pending']);

    const { identity } = first;
    const mutual = await checkinAt(setting, setting.http.port, agent.device, migrates, { identity });
    assert.is(mutual.status, 200, mutual.body);
    assert.equal(await stay(setting), ['kiosk success']);
    assert.is((await showMutual(server)).waiting.length, 0);
    assert.is(codeOf(await tokenAt(setting, atLegacy(setting), agent.token)), 'mutual-required');
    assert.is(codeOf((await enrolBy(setting, agent.token)).answer), 'mutual-required');
    for (const action of ['registered-without-identity', 'migration-pending', 'enrolled-by-token', 'mutual-proven'])
      assert.ok((await auditOf(setting.fleet)).includes(action), action);
  }));

test('an access token that was out when the device proved its identity ends too', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    const agent = await registerWithout(setting, 'kiosk', migrates);
    await enable(setting);
    const [row] = await listDevices(server);
    value(await setMigrateClient(server, by, row?.groupId ?? '', true));
    const token = String((await tokenAt(setting, atLegacy(setting), agent.token)).json['token']);
    await checkinAt(setting, atLegacy(setting), agent.device, migrates, { headers: bearer(token) });
    const { identity } = await enrolBy(setting, agent.token);
    await checkinAt(setting, setting.http.port, agent.device, migrates, { identity });
    const late = await checkinAt(setting, atLegacy(setting), agent.device, migrates, { headers: bearer(token) });
    assert.is(codeOf(late), 'mutual-required');
  }));

test('a device that lost its key in the middle gets another identity, and the unused one is revoked', () =>
  withListeners(async (setting) => {
    await enable(setting);
    const agent = await registerWithout(setting, 'kiosk', migrates);
    const lost = await enrolBy(setting, agent.token);
    const { identity } = await enrolBy(setting, agent.token);
    const first = await checkinAt(setting, setting.http.port, agent.device, migrates, { identity: lost.identity });
    assert.is(codeOf(first), 'identity-refused');
    const second = await checkinAt(setting, setting.http.port, agent.device, migrates, { identity });
    assert.is(second.status, 200, second.body);
  }));

test('once an identity was used, the token opens no other, even before the first check-in', () =>
  withListeners(async (setting) => {
    await enable(setting);
    const agent = await registerWithout(setting, 'kiosk', migrates);
    const key = makeKey();
    const { identity } = await enrolBy(setting, agent.token, key);
    assert.is((await setting.ask({ port: setting.http.port, path: '/v1/bundle', identity })).status, 200);
    assert.is(codeOf((await enrolBy(setting, agent.token)).answer), 'mutual-required');
    assert.is((await enrolBy(setting, agent.token, key)).identity.cert, identity.cert);
  }));

test('the policy of a group counts for the groups below it, until one says otherwise', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    value(await addGroup(server, by, { name: 'Office' }));
    value(await addGroup(server, by, { name: 'Floor', parent: 'Office' }));
    const agent = await registerWithout(setting, 'kiosk', migrates);
    value(await moveDevice(server, by, { device: 'kiosk', group: 'Floor' }));
    await enable(setting);
    value(await setMigrateClient(server, by, 'Office', true));
    value(await setMigrateClient(server, by, 'Floor', false));
    assert.is((await checkinWithout(setting, agent, migrates)).json['migrate'], undefined);
    value(await setMigrateClient(server, by, 'Floor', null));
    assert.is((await checkinWithout(setting, agent)).json['migrate'], undefined);
    assert.is.not((await checkinWithout(setting, agent, migrates)).json['migrate'], undefined);
  }));

test('Table 88, third column: after an upgrade with the setting on, a thin client that still goes without is told to migrate', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    const agent = await registerWithout(setting, 'kiosk', migrates);
    await enable(setting);
    const identity = await readIdentity(server.db);
    const mutual = identity.mutual && { ...identity.mutual, enabledBy: 'an older release' };
    await writeIdentity(server.db, { ...identity, ...(mutual ? { mutual } : {}) });
    assert.is.not((await checkinWithout(setting, agent, migrates)).json['migrate'], undefined);
  }));

table(
  'Table 89 on the wire: new and legacy endpoint',
  [
    { name: 'not configured, enabled', new: 'unset', legacy: true, works: 'legacy' },
    { name: 'enabled, enabled', new: 'on', legacy: true, works: 'new legacy' },
    { name: 'enabled, disabled', new: 'on', legacy: false, works: 'new' },
    { name: 'disabled, disabled', new: 'off', legacy: false, works: '' },
  ] as const,
  (row) =>
    withListeners(async (setting) => {
      const { server } = setting.fleet;
      await enable(setting);
      const mutual = await registerWithout(setting, 'desk', migrates);
      const { identity } = await enrolBy(setting, mutual.token);
      await checkinAt(setting, setting.http.port, mutual.device, migrates, { identity });
      if (row.new !== 'unset') value(await setEndpoint(server, by, { endpoint: 'new', on: true }));
      const agent = await registerWithout(setting, 'kiosk', []);
      if (!row.legacy) value(await setEndpoint(server, by, { endpoint: 'legacy', on: false, confirmations: 2 }));
      if (row.new === 'off') value(await setEndpoint(server, by, { endpoint: 'new', on: false }));

      const port = setting.http.port;
      const found: string[] = [];
      const byCertificate = await setting.ask({ port, path: '/v1/mutual/token', body: '', identity });
      if (byCertificate.status === 200) {
        const headers = bearer(String(byCertificate.json['token']));
        assert.is((await checkinAt(setting, atLegacy(setting), mutual.device, [], { headers })).status, 200);
        found.push('new');
      } else assert.is(codeOf(byCertificate), 'endpoint-disabled');
      for (const at of [port, atLegacy(setting)]) {
        const byToken = await tokenAt(setting, at, agent.token);
        if (byToken.status === 200) found.push('legacy');
        else assert.is(codeOf(byToken), 'endpoint-disabled');
      }
      assert.is([...new Set(found)].join(' '), row.works);
      const without = await setting.ask({ port, path: '/v1/mutual/token', body: '' });
      assert.is(without.status, 401);
    }),
);

test('Table 90: a token of the legacy endpoint ends with it', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    await enable(setting);
    value(await setEndpoint(server, by, { endpoint: 'new', on: true }));
    const agent = await registerWithout(setting, 'kiosk', []);
    const headers = bearer(String((await tokenAt(setting, atLegacy(setting), agent.token)).json['token']));
    const checkin = () => checkinAt(setting, atLegacy(setting), agent.device, [], { headers });
    assert.is((await checkin()).status, 200);
    assert.is(
      faultOf(await setEndpoint(server, by, { endpoint: 'legacy', on: false, confirmations: 1 })),
      'confirm-twice',
    );
    assert.is((await checkin()).status, 200);
    value(await setEndpoint(server, by, { endpoint: 'legacy', on: false, confirmations: 2 }));
    assert.is(codeOf(await checkin()), 'endpoint-disabled');
    value(await setEndpoint(server, by, { endpoint: 'legacy', on: true, confirmations: 0 }));
    assert.is((await checkin()).status, 200);
  }));

test('the new endpoint is closed while a device goes without an identity, and opens when it is gone', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    const opening = async () => faultOf(await setEndpoint(server, by, { endpoint: 'new', on: true }));
    assert.is(await opening(), 'mutual-needed');
    await enable(setting);
    await registerWithout(setting, 'kiosk', []);
    assert.is(await opening(), 'clients-not-migrated');
    value(await removeDevice(server, by, 'kiosk'));
    assert.is(await opening(), null);
  }));

test('a token of the new endpoint ends with the identity it was given for', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    await enable(setting);
    const agent = await registerWithout(setting, 'kiosk', migrates);
    const { identity } = await enrolBy(setting, agent.token);
    await checkinAt(setting, setting.http.port, agent.device, migrates, { identity });
    value(await setEndpoint(server, by, { endpoint: 'new', on: true }));
    const given = await setting.ask({ port: setting.http.port, path: '/v1/mutual/token', body: '', identity });
    const headers = bearer(String(given.json['token']));
    const checkin = () => checkinAt(setting, atLegacy(setting), agent.device, migrates, { headers });
    assert.is((await checkin()).status, 200);
    await server.db.updateTable('identities').set({ revoked_at: 1 }).where('device_id', '=', agent.device).execute();
    assert.is(codeOf(await checkin()), 'token-refused');
  }));

test('an access token lives for ten minutes', () =>
  withListeners(async (setting) => {
    const agent = await registerWithout(setting, 'kiosk', []);
    const given = await tokenAt(setting, atLegacy(setting), agent.token);
    assert.is(given.json['expiresInSeconds'], 600);
    const headers = bearer(String(given.json['token']));
    const checkin = () => checkinAt(setting, atLegacy(setting), agent.device, [], { headers });
    setting.fleet.time.now = instant(setting.began + 10 * minuteMs - 1);
    assert.is((await checkin()).status, 200);
    setting.fleet.time.now = instant(setting.began + 10 * minuteMs);
    assert.is(codeOf(await checkin()), 'token-refused');
  }));

test('an answer that was lost is given again for the same nonce only, and the password dies with the first token request', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    const { invitation, password } = value(await invite(server, by, { name: 'kiosk' }));
    const headers = basic(`${invitation}:${password}`);
    const ask = (nonce?: string) =>
      setting.ask({ port: atLegacy(setting), path: '/v1/register', headers, body: registration([], nonce) });
    const first = await ask();
    const again = await ask();
    assert.is(again.json['device'], first.json['device']);
    assert.is(codeOf(await ask('f'.repeat(32))), 'invitation-refused');
    assert.is(codeOf(await tokenAt(setting, atLegacy(setting), String(first.json['token']))), 'token-refused');
    assert.is((await tokenAt(setting, atLegacy(setting), String(again.json['token']))).status, 200);
    assert.is(codeOf(await ask()), 'invitation-refused');
    assert.is((await listDevices(server)).length, 1);
  }));

test('nothing but a hash of the token is kept', () =>
  withListeners(async (setting) => {
    const agent = await registerWithout(setting, 'kiosk', []);
    const [row] = await setting.fleet.server.db.selectFrom('device_tokens').selectAll().execute();
    const [, secret = ''] = agent.token.split('.');
    assert.match(row?.hash ?? '', /^[0-9a-f]{64}$/);
    assert.not.match(JSON.stringify(row), new RegExp(secret));
  }));

test('a device of ours registers on either port, and its identity is let in on one', () =>
  withListeners(async (setting) => {
    const own = await register(setting.fleet, 'own');
    const listed = await setting.ask({ port: atLegacy(setting), path: '/.well-known/est/cacerts' });
    assert.is(listed.status, 200);
    const identity = { cert: setting.tls.chain, key: setting.tls.key };
    const answer = await checkinAt(setting, atLegacy(setting), own.id, [], { identity });
    assert.is(codeOf(answer), 'token-refused');
  }));

type Bad = {
  readonly name: string;
  readonly path: string;
  readonly headers?: (token: string) => Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly method?: string;
  readonly status: number;
  readonly code: string;
  /** On record under this action; what the fleet records itself says so. */
  readonly action?: string;
};
const csr = { 'Content-Type': 'application/pkcs10' };
const other = '0c3f7c0e-4b4b-4a52-8d2a-c2b93797d941.'.concat(Buffer.alloc(32, 7).toString('base64url'));
const badRows: readonly Bad[] = [
  {
    name: 'registration without credentials',
    path: '/v1/register',
    body: registration([]),
    status: 401,
    code: 'invitation-refused',
  },
  {
    name: 'registration with a wrong password',
    path: '/v1/register',
    headers: () => basic('NOBODY:x'),
    body: registration([]),
    status: 401,
    code: 'invitation-refused',
    action: 'enrolment-refused invitation-refused',
  },
  {
    name: 'registration that is no JSON',
    path: '/v1/register',
    headers: () => basic('a:b'),
    body: '{',
    status: 400,
    code: 'not-json',
  },
  {
    name: 'registration of another shape',
    path: '/v1/register',
    headers: () => basic('a:b'),
    body: '{"format":1}',
    status: 400,
    code: 'bad-shape',
  },
  {
    name: 'registration of a format to come',
    path: '/v1/register',
    headers: () => basic('a:b'),
    body: '{"format":2}',
    status: 400,
    code: 'unknown-version',
  },
  {
    name: 'registration too large',
    path: '/v1/register',
    headers: () => basic('a:b'),
    body: 'x'.repeat(5000),
    status: 413,
    code: 'too-large',
  },
  { name: 'a token request without one', path: '/v1/token', body: '', status: 401, code: 'token-refused' },
  {
    name: 'a token of nobody',
    path: '/v1/token',
    headers: () => bearer(other),
    body: '',
    status: 401,
    code: 'token-refused',
  },
  {
    name: 'a token with another secret',
    path: '/v1/token',
    headers: (token) => bearer(token.slice(0, 37) + other.slice(37)),
    body: '',
    status: 401,
    code: 'token-refused',
  },
  {
    name: 'a device token as an access token',
    path: '/v1/checkin',
    headers: bearer,
    body: '{}',
    status: 401,
    code: 'token-refused',
  },
  {
    name: 'check-in with Basic',
    path: '/v1/checkin',
    headers: () => basic('a:b'),
    body: '{}',
    status: 401,
    code: 'token-refused',
  },
  { name: 'check-in with nothing', path: '/v1/checkin', body: '{}', status: 401, code: 'token-refused' },
  { name: 'the bundle with nothing', path: '/v1/bundle', status: 401, code: 'token-refused' },
  {
    name: 'enrolment with a token of nobody',
    path: '/.well-known/est/simpleenroll',
    headers: () => ({ ...bearer(other), ...csr }),
    body: 'AAAA',
    status: 401,
    code: 'token-refused',
  },
  {
    name: 'enrolment with no token at all',
    path: '/.well-known/est/simpleenroll',
    headers: () => ({ Authorization: 'Bearer x', ...csr }),
    body: 'AAAA',
    status: 401,
    code: 'token-refused',
  },
  {
    name: 'enrolment nobody asked for',
    path: '/.well-known/est/simpleenroll',
    headers: (token) => ({ ...bearer(token), ...csr }),
    body: 'AAAA',
    status: 400,
    code: 'csr-refused',
  },
  {
    name: 'enrolment of another type',
    path: '/.well-known/est/simpleenroll',
    headers: bearer,
    body: 'AAAA',
    status: 400,
    code: 'bad-argument',
  },
  { name: 'a place that is not there', path: '/v1/bundle/confirm', body: '', status: 404, code: 'not-found' },
  { name: 'a wrong method', path: '/v1/token', status: 405, code: 'method-not-allowed' },
  {
    name: 'a client certificate in a header',
    path: '/v1/bundle',
    headers: () => ({ 'Client-Cert': ':AAAA:' }),
    status: 403,
    code: 'front-end-unknown',
  },
];
type Opened = { readonly setting: Setting; readonly token: string };
const shared = share<Opened>((run) =>
  withListeners(async (setting) => run({ setting, token: (await registerWithout(setting, 'kiosk', [])).token })),
);
table('refused on the legacy port, and on record', badRows, async (row) => {
  const { setting, token } = await shared.get();
  const { path, body, headers } = row;
  const answer = await setting.ask({
    port: atLegacy(setting),
    path,
    ...(body === undefined ? {} : { body }),
    headers: headers?.(token) ?? {},
  });
  assert.is(answer.status, row.status, answer.body);
  assert.is(codeOf(answer), row.code);
  assert.equal(Object.keys(answer.json).sort(), ['code', 'facts', 'kind']);
  if (row.code === 'token-refused') assert.match(String(answer.headers['www-authenticate']), /^Bearer .*invalid_token/);
  const [newest] = await auditOf(setting.fleet);
  assert.is(newest, row.action ?? `request-refused ${row.code}`);
});
test('the server of the refusals closes', shared.close);

test('a check-in of another device, or of no shape, is refused and on record', () =>
  withListeners(async (setting) => {
    const agent = await registerWithout(setting, 'kiosk', []);
    const given = await tokenAt(setting, atLegacy(setting), agent.token);
    const headers = bearer(String(given.json['token']));
    const ask = (body: Uint8Array) => setting.ask({ port: atLegacy(setting), path: '/v1/checkin', headers, body });
    const foreign = { format: 1, nonce: '0'.repeat(32), report: report(other.slice(0, 36)), events: [] };
    assert.is(codeOf(await ask(bytes(foreign))), 'wrong-audience');
    assert.is(codeOf(await ask(bytes([]))), 'bad-shape');
    assert.equal((await auditOf(setting.fleet)).slice(0, 2), [
      'message-refused bad-shape',
      'message-refused wrong-audience',
    ]);
  }));

test('a device without an identity reads its bundle, and only its own', () =>
  withListeners(async (setting) => {
    const agent = await registerWithout(setting, 'kiosk', []);
    const given = await tokenAt(setting, atLegacy(setting), agent.token);
    const headers = bearer(String(given.json['token']));
    const bundle = await setting.ask({ port: atLegacy(setting), path: '/v1/bundle', headers });
    assert.is(bundle.json['deviceId'], agent.device);
    assert.is(bundle.json['deviceName'], 'kiosk');
  }));

test('a hundred failures a minute from one address are answered, and keep nobody behind it out (NAT)', () =>
  withListeners(async (setting) => {
    const agent = await registerWithout(setting, 'kiosk', []);
    const { invitation, password } = value(await invite(setting.fleet.server, by, { name: 'next' }));
    const port = atLegacy(setting);
    for (let guess = 0; guess < 100; guess++) assert.is((await tokenAt(setting, port, other)).status, 401);
    const waits = await tokenAt(setting, port, other);
    assert.is(waits.status, 429);
    assert.is(waits.headers['retry-after'], '60');
    const checkin = await checkinAt(setting, port, agent.device, [], { headers: bearer(other) });
    assert.is(checkin.status, 429);
    assert.is((await checkinWithout(setting, agent)).status, 200);
    const headers = basic(`${invitation}:${password}`);
    const registered = await setting.ask({ port, path: '/v1/register', headers, body: registration([]) });
    assert.is(registered.status, 200, registered.body);
    setting.fleet.time.now = instant(setting.began + minuteMs);
    assert.is((await tokenAt(setting, port, other)).status, 401);
  }));

table(
  'attempts count by address',
  [
    { name: 'IPv4', one: '10.0.0.1', other: '10.0.0.2', same: false },
    { name: 'IPv4 in IPv6', one: '10.0.0.1', other: '::ffff:10.0.0.1', same: true },
    { name: 'IPv6 of one network', one: '2001:db8::1', other: '2001:db8:0:0:1::', same: true },
    { name: 'IPv6 of another network', one: '2001:db8::1', other: '2001:db8:0:1::1', same: false },
    { name: 'a zone', one: 'fe80::1%eth0', other: 'fe80::2', same: true },
  ],
  ({ one, other: second, same }) => {
    const attempts = makeAttempts(() => start);
    for (let failure = 0; failure < 100; failure++) assert.ok(attempts.mayFail(one));
    assert.not.ok(attempts.mayFail(one));
    assert.is(attempts.mayFail(second), !same);
  },
);
test('attempts forget the oldest of ten thousand addresses', () => {
  const attempts = makeAttempts(() => start);
  for (let failure = 0; failure < 100; failure++) attempts.mayFail('first');
  assert.not.ok(attempts.mayFail('first'));
  for (let address = 0; address < 10_000; address++) attempts.mayFail(`other ${address}`);
  assert.ok(attempts.mayFail('first'));
});

test('enrolment setting: five variables, others are not offered, and a change says who must register again (A5)', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    await enable(setting);
    const agent = await registerWithout(setting, 'kiosk', migrates);
    const { identity } = await enrolBy(setting, agent.token);
    await checkinAt(setting, setting.http.port, agent.device, migrates, { identity });
    const scep = { url: 'https://ca.example/scep', fingerprint: 'ab'.repeat(32) };
    value(await addScep(server, by, { ...scep, name: 'five', subject: 'CN=$RANDOM_32$,OU=$CONFIG_UUID$' }));
    value(await addScep(server, by, { ...scep, name: 'others', subject: 'CN=$USERID$' }));
    const { scep: settings } = await showMutual(server);
    assert.equal(
      settings.map(({ name, offered, unknown }) => [name, offered, unknown]),
      [
        ['five', true, []],
        ['others', false, ['$USERID$']],
      ],
    );
    assert.is(faultOf(await chooseEnrolment(server, by, 'others')), 'not-found');
    assert.equal(value(await chooseEnrolment(server, by, 'five', true)), { mustRegisterAgain: 1 });
    assert.is((await showMutual(server)).enrolment.at, 'local', 'it was only looked at');
    assert.equal(value(await chooseEnrolment(server, by, 'five')), { mustRegisterAgain: 1 });
    const next = await registerWithout(setting, 'desk', migrates);
    const order = next.answer.json['enrolment'] as Record<string, string>;
    assert.is(order['at'], 'scep');
    assert.match(order['subject'] ?? '', /^CN=[0-9a-f]{32},OU=[0-9a-f-]{36}$/);
    const refused = (await enrolBy(setting, next.token)).answer;
    assert.is(codeOf(refused), 'not-allowed');
    assert.equal(value(await chooseEnrolment(server, by, 'five')), { mustRegisterAgain: 0 });
    assert.is((await enrolBy(setting, next.token)).answer.status, 400);
    value(await chooseEnrolment(server, by, 'local'));
    assert.is((await enrolBy(setting, next.token)).answer.status, 200);
  }));

test('migration by a setting of another authority: certificate and token in one check-in bind it, and nothing less does', () =>
  withListeners(async (setting) => {
    const { fleet, http } = setting;
    const { server } = fleet;
    await enable(setting);
    const theirs = makeAuthority('Foreign CA', start);
    value(await addForeignAuthority(server, by, Buffer.from(toPem(theirs.certificateDer))));
    await http.setTls(value(await readListenerTls(server)));
    const first = await registerWithout(setting, 'kiosk', migrates);
    const second = await registerWithout(setting, 'desk', migrates);
    const identity = await identityOf(theirs, setting.began);
    const at = (device: string, token: string | null, own = identity) =>
      checkinAt(setting, http.port, device, migrates, {
        identity: own,
        ...(token !== null && { headers: bearer(token) }),
      });
    assert.is(codeOf(await at(first.device, first.token)), 'identity-refused', 'identities are ours to issue');
    const scep = { url: 'http://ca.example/scep', fingerprint: 'ab'.repeat(32), subject: 'CN=$RANDOM_32$' };
    value(await addScep(server, by, { ...scep, name: 'theirs' }));
    value(await chooseEnrolment(server, by, 'theirs'));
    assert.is(codeOf(await at(first.device, null)), 'identity-refused', 'no token');
    assert.is(codeOf(await at(first.device, other)), 'token-refused');
    const ours = await identityOf(server.keys.clientAuthority, setting.began);
    assert.is(codeOf(await at(first.device, first.token, ours)), 'identity-refused', 'one of ours that nobody knows');
    assert.is((await at(first.device, first.token)).status, 200);
    assert.is((await at(first.device, null)).status, 200, 'from now on by the certificate');
    assert.is(
      codeOf(await at(second.device, second.token)),
      'wrong-audience',
      'it is the first one, whatever token comes with it',
    );
    const another = await identityOf(theirs, setting.began);
    assert.is(codeOf(await at(first.device, first.token, another)), 'mutual-required', 'the token has ended');
    assert.is((await at(second.device, second.token, another)).status, 200);
  }));

test('closing the legacy port names whom it cuts off, and moves nothing unless overridden', () =>
  withListeners(async (setting) => {
    const { server } = setting.fleet;
    const moved: (number | null)[] = [];
    const carriers = server.carriers.current;
    server.carriers.current = carriers && { ...carriers, moveLegacy: async (port) => void moved.push(port) };
    value(await moveLegacyPort(server, by, { port: 9000, override: false }));
    await registerWithout(setting, 'kiosk', []);
    const close = (override: boolean | number) => moveLegacyPort(server, by, { port: null, override });
    const refused = await close(false);
    assert.equal(refused.ok ? null : refused.fault.facts, { count: 1, devices: 'kiosk' });
    assert.is(faultOf(await close(0)), 'devices-cut-off', 'more than was told');
    const { rows, total } = await pageCertless(server, { q: 'KIO' });
    assert.equal([total, rows[0]?.name, rows[0]?.agent], [1, 'kiosk', 'no-migration']);
    assert.is(faultOf(await moveLegacyPort(server, by, { port: 4430, override: true })), 'ports-collide');
    assert.equal(moved, [9000]);
    const taken = async () => Promise.reject(Object.assign(new Error('taken'), { code: 'EADDRINUSE' }));
    server.carriers.current = carriers && { ...carriers, moveLegacy: taken };
    const unusable = await moveLegacyPort(server, by, { port: 9001, override: false });
    assert.equal(unusable.ok ? null : unusable.fault.facts, { what: 'port 9001: EADDRINUSE' });
    assert.is((await showMutual(server)).legacyPort, 9000);
    server.carriers.current = carriers && { ...carriers, moveLegacy: async (port) => void moved.push(port) };
    value(await close(1));
    assert.equal(moved, [9000, null]);
    assert.is((await showMutual(server)).legacyPort, null);
    assert.match((await auditOf(setting.fleet)).join('\n'), /^legacy-port-set$/m);
  }));

test('a legacy port that cannot be had leaves the old one open', () =>
  withListeners(async (setting) => {
    const before = atLegacy(setting);
    await setting.legacy.move(setting.http.port).then(
      () => assert.unreachable(),
      () => assert.is(atLegacy(setting), before),
    );
    assert.is((await setting.ask({ port: before, path: '/.well-known/est/cacerts' })).status, 200);
    await setting.legacy.move(null);
    await setting.ask({ port: before, path: '/.well-known/est/cacerts' }).then(
      () => assert.unreachable(),
      () => assert.is(setting.legacy.port(), null),
    );
  }));
