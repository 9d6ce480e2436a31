/** Accounts: names, passwords, how long sessions last, who may give what, and which requests come from a page of ours. */
import { hourMs, instant, minuteMs } from '../../protocol/time.ts';
import { isLive, judgeAccountPassword, readAccountName } from '../../server/core/account.ts';
import {
  type Action,
  actions,
  allRights,
  mayGive,
  type Role,
  rightsOf,
  roleNames,
} from '../../server/core/permission.ts';
import { isOurs, sameText, sessionCookie, writeCookie } from '../../server/core/web-request.ts';
import { assert, table } from '../harness.ts';

table(
  'readAccountName',
  [
    { typed: ' Anna ', name: 'anna', read: 'anna' },
    { typed: 'a.b-c_9', name: 'signs', read: 'a.b-c_9' },
    { typed: 'root', name: 'the socket', read: null },
    { typed: 'Server', name: 'the server', read: null },
    { typed: 'stranger', name: 'nobody', read: null },
    { typed: '0a8f1f6e-9a5c-4c1d-8a1e-3f1b2c4d5e6f', name: 'as a device', read: null },
    { typed: 'token:x', name: 'as a token', read: null },
    { typed: 'анна', name: 'other letters', read: null },
    { typed: '', name: 'nothing', read: null },
    { typed: 'a'.repeat(41), name: 'too long', read: null },
  ],
  ({ typed, read }) => {
    const name = readAccountName(typed);
    assert.is(name.ok ? name.value : null, read);
  },
);

table(
  'judgeAccountPassword',
  [
    { name: 'long and plain', typed: 'correct horse battery', fits: true },
    { name: 'twelve', typed: 'abcdefghijkl', fits: true },
    { name: 'eleven', typed: 'abcdefghijk', fits: false },
    { name: '128', typed: 'abcdefgh'.repeat(16), fits: true },
    { name: '129', typed: `${'abcdefgh'.repeat(16)}i`, fits: false },
    { name: 'the same letter', typed: 'a'.repeat(20), fits: false },
    { name: 'with the name', typed: 'Anna-anna-2026', fits: false },
    { name: 'with a line end', typed: 'correct horse\nbattery', fits: false },
    { name: 'cyrillic', typed: 'верная лошадь батарея', fits: true },
  ],
  ({ typed, fits }) => assert.is(judgeAccountPassword('anna', typed).ok, fits),
);

const made = instant(Date.parse('2026-11-22T08:00:00Z'));
const later = (ms: number) => instant(made + ms);

table(
  'isLive: 30 minutes without use, 12 hours in all',
  [
    { name: 'at once', seen: 0, now: 0, live: true },
    { name: 'just before', seen: 0, now: 30 * minuteMs - 1, live: true },
    { name: 'half an hour idle', seen: 0, now: 30 * minuteMs, live: false },
    { name: 'used all day', seen: 12 * hourMs - 1, now: 12 * hourMs - 1, live: true },
    { name: 'twelve hours', seen: 12 * hourMs - 1, now: 12 * hourMs, live: false },
  ],
  ({ seen, now, live }) => assert.is(isLive(made, later(seen), later(now)), live),
);

const rows: Readonly<Record<Action, string>> = {
  read: 'officer administrator auditor',
  'read-audit': 'officer administrator auditor',
  invite: 'officer',
  'edit-devices': 'administrator',
  'edit-identities': 'officer',
  'edit-certificates': 'officer',
  'edit-identity-rules': 'officer',
  'edit-users': 'administrator',
  'edit-groups': 'administrator',
  'edit-policies': 'administrator',
  'edit-policy-certificates': 'officer',
  'edit-server-certificates': 'officer',
  'edit-authorities': 'officer',
  'answer-codes': 'officer',
  'edit-server': 'administrator',
  'edit-accounts': 'administrator',
  'recover-accounts': '',
};

table(
  'who may do what (T20)',
  actions.map((action) => ({ name: action, action })),
  ({ action }) => {
    const may = roleNames.filter((role) => rightsOf([role]).has(action));
    assert.is(may.join(' '), rows[action]);
    assert.ok(allRights.has(action));
  },
);

const both: readonly Role[] = ['officer', 'administrator'];
table(
  'mayGive: nobody gives what he does not hold',
  [
    { name: 'administrator, auditor', giver: ['administrator'] as const, roles: ['auditor'] as const, may: true },
    { name: 'administrator, administrator', giver: ['administrator'], roles: ['administrator'], may: true },
    { name: 'administrator, officer', giver: ['administrator'], roles: ['officer'], may: false },
    { name: 'administrator, both', giver: ['administrator'], roles: both, may: false },
    { name: 'both, officer', giver: both, roles: ['officer'], may: true },
    { name: 'both, both', giver: both, roles: both, may: true },
    { name: 'officer, auditor', giver: ['officer'], roles: ['auditor'], may: true },
  ] satisfies { name: string; giver: readonly Role[]; roles: readonly Role[]; may: boolean }[],
  ({ giver, roles, may }) => assert.is(mayGive(rightsOf(giver), roles), may),
);

const host = 'ksc.example.com:8080';
const origin = `https://${host}`;
table(
  'isOurs',
  [
    { name: 'a page of ours posts', method: 'POST', headers: { origin, 'sec-fetch-site': 'same-origin' }, ours: true },
    { name: 'an old browser posts', method: 'POST', headers: { origin }, ours: true },
    { name: 'another port', method: 'POST', headers: { origin: 'https://ksc.example.com' }, ours: false },
    { name: 'another site', method: 'POST', headers: { origin: 'https://evil.example' }, ours: false },
    { name: 'without TLS', method: 'POST', headers: { origin: `http://${host}` }, ours: false },
    { name: 'no origin', method: 'POST', headers: { origin: 'null' }, ours: false },
    { name: 'nothing said', method: 'POST', headers: {}, ours: false },
    { name: 'same site only', method: 'POST', headers: { 'sec-fetch-site': 'same-site' }, ours: false },
    {
      name: 'says both',
      method: 'DELETE',
      headers: { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
      ours: false,
    },
    { name: 'typed by hand', method: 'POST', headers: { 'sec-fetch-site': 'none' }, ours: false },
    { name: 'a page of ours reads', method: 'GET', headers: { 'sec-fetch-site': 'same-origin' }, ours: true },
    { name: 'a bookmark', method: 'GET', headers: { 'sec-fetch-site': 'none' }, ours: true },
    { name: 'another site reads', method: 'GET', headers: { 'sec-fetch-site': 'cross-site' }, ours: false },
    { name: 'an old browser reads', method: 'GET', headers: {}, ours: true },
  ],
  ({ method, headers, ours }) => assert.is(isOurs(method, { host, ...headers }), ours),
);

const value = 'a'.repeat(43);
table(
  'sessionCookie',
  [
    { name: 'alone', header: `__Host-thintrust=${value}`, read: value },
    { name: 'among others', header: `a=b; __Host-thintrust=${value}; c=d`, read: value },
    { name: 'twice', header: `__Host-thintrust=${value}; __Host-thintrust=${value}`, read: null },
    { name: 'of another name', header: `__host-thintrust=${value}`, read: null },
    { name: 'too short', header: '__Host-thintrust=a', read: null },
    { name: 'none', header: undefined, read: null },
  ],
  ({ header, read }) => assert.is(sessionCookie(header), read),
);

table('writeCookie', [{ name: 'set and taken away' }], () => {
  assert.is(writeCookie('x'), '__Host-thintrust=x; Path=/; Secure; HttpOnly; SameSite=Strict');
  assert.match(writeCookie(''), /Max-Age=0$/);
});

table('sameText', [{ name: 'letters of two bytes do not throw' }], () => {
  assert.not.ok(sameText('é', 'a'));
  assert.ok(sameText('ab', 'ab'));
  assert.not.ok(sameText(['ab'], 'ab'));
});
