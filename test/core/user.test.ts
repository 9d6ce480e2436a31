/** Names of users in their three forms, their passwords, and how long wrong ones keep a name waiting. */
import { dayMs, hourMs, instant, minuteMs } from '../../protocol/time.ts';
import { afterRight, afterTry, type Known, mayTry, noTries } from '../../server/core/lockout.ts';
import { isMeant, judgePassword, readLogin, readUserName, splitPassword } from '../../server/core/user.ts';
import { assert, table } from '../harness.ts';

const corp = { name: 'anna', domain: 'corp.example' };
const local = { name: 'anna', domain: '' };

table(
  'which user a login means (M3, M9)',
  [
    { typed: 'anna', corp: true, local: true },
    { typed: ' Anna ', corp: true, local: true },
    { typed: 'anna@corp.example', corp: true, local: false },
    { typed: 'ANNA@CORP.EXAMPLE', corp: true, local: false },
    { typed: 'anna@corp', corp: false, local: false },
    { typed: 'anna@other.example', corp: false, local: false },
    { typed: 'CORP\\anna', corp: true, local: false },
    { typed: 'corp.example\\anna', corp: true, local: false },
    { typed: 'OTHER\\anna', corp: false, local: false },
    { typed: '.\\anna', corp: true, local: true },
    { typed: 'anna2', corp: false, local: false },
    { typed: '', corp: null, local: null },
    { typed: '@corp.example', corp: null, local: null },
    { typed: 'anna@', corp: null, local: null },
    { typed: 'CORP\\', corp: null, local: null },
    { typed: '\\anna', corp: null, local: null },
    { typed: 'CORP\\anna@corp.example', corp: null, local: null },
    { typed: 'anna@corp..example', corp: null, local: null },
    { typed: 'an na', corp: null, local: null },
    { typed: 'анна', corp: null, local: null },
    { typed: `a${'b'.repeat(40)}`, corp: null, local: null },
  ].map((row) => ({ ...row, name: row.typed.slice(0, 30) || 'nothing' })),
  (row) => {
    const login = readLogin(row.typed);
    assert.is(login && isMeant(login, corp), row.corp);
    assert.is(login && isMeant(login, local), row.local);
  },
);

table(
  'names of new users',
  [
    { name: 'anna', got: 'anna ' },
    { name: 'Anna@Corp.Example', got: 'anna corp.example' },
    { name: 'CORP\\anna', got: null },
    { name: 'an:na', got: null },
  ],
  ({ name, got }) => {
    const read = readUserName(name);
    assert.is(read.ok ? `${read.value.name} ${read.value.domain}` : null, got);
  },
);

table(
  'passwords of users (M3: 8 to 16 characters of three of four groups)',
  [
    { name: 'three groups', password: 'Abcdefg1', good: true },
    { name: 'capitals, digits, special', password: 'ABCDEF1!', good: true },
    { name: 'all four', password: 'Abcdef1!', good: true },
    { name: 'seven characters', password: 'Abcde1!', good: false },
    { name: 'sixteen', password: 'Abcdefghijklmn1!', good: true },
    { name: 'seventeen', password: 'Abcdefghijklmno1!', good: false },
    { name: 'two groups', password: 'abcdefg1', good: false },
    { name: 'a blank', password: 'Abcd efg1', good: false },
    { name: 'a special one of no group', password: 'Abcdefg1<', good: false },
    { name: 'Cyrillic', password: 'Abcdefg1Ж', good: false },
    ...[...`@#$%^&*-_!+=[]{}|:',.?/\\\`~"();`].map((each) => ({
      name: `special ${each}`,
      password: `abcdefg1${each}`,
      good: true,
    })),
  ],
  ({ password, good }) => assert.is(judgePassword(password).ok, good),
);

table(
  'splitPassword',
  [
    { name: 'own alone', typed: 'Abcdefg1', own: 'Abcdefg1', installation: null },
    { name: 'with blanks around', typed: ' Abcdefg1 ', own: 'Abcdefg1', installation: null },
    { name: 'with a one-time password', typed: 'Abcdefg1 ABCD-EFGH', own: 'Abcdefg1', installation: ' ABCD-EFGH' },
    { name: 'in groups', typed: 'Abcdefg1 ABCD EFGH', own: 'Abcdefg1', installation: ' ABCD EFGH' },
  ],
  ({ typed, own, installation }) => assert.equal(splitPassword(typed), { own, installation }),
);

const now = instant(Date.parse('2026-11-22T12:00:00Z'));
const none: Known = { pair: noTries, address: noTries, name: noTries };
/** So many wrong ones, each as soon as it may be tried; how long that took in all. */
function wrong(known: Known, times: number): { readonly known: Known; readonly took: number } {
  let [last, at] = [known, now];
  for (let each = 0; each < times; each++) {
    at = instant(Math.max(at, last.pair.until));
    if (last.pair.until > 0) assert.not.ok(mayTry(last, instant(last.pair.until - 1)));
    assert.ok(mayTry(last, at));
    last = afterTry(last, at);
  }
  return { known: last, took: at - now };
}

table(
  'wrong passwords of one name at one address',
  [
    { name: 'four', times: 4, waits: 0 },
    { name: 'five', times: 5, waits: 15 * minuteMs },
    { name: 'nine', times: 9, waits: 15 * minuteMs },
    { name: 'ten', times: 10, waits: (15 + 30) * minuteMs },
    { name: 'fifteen', times: 15, waits: (15 + 30 + 60) * minuteMs },
    { name: 'a hundred', times: 100, waits: 15 * minuteMs * 127 + 13 * dayMs },
  ],
  ({ times, waits }) => {
    const { known, took } = wrong(none, times);
    const until = Math.max(took, known.pair.until === 0 ? 0 : known.pair.until - now);
    assert.is(until, waits);
  },
);

const failures = (count: number) => ({ ...noTries, failures: count, lastAt: now });
table(
  'who may try',
  [
    { name: 'nobody failed', known: none, may: true },
    { name: 'others failed at this address', known: { ...none, address: failures(19) }, may: true },
    { name: 'many failed here, this name did not', known: { ...none, address: failures(500) }, may: true },
    {
      name: 'many failed here, this name too',
      known: { ...none, pair: failures(1), address: failures(20) },
      may: false,
    },
    { name: 'this name failed elsewhere, not here', known: { ...none, name: failures(5000) }, may: true },
    {
      name: 'this name failed elsewhere, and here',
      known: { ...none, pair: failures(1), name: failures(100) },
      may: false,
    },
    { name: 'an hour after', known: { ...none, pair: failures(1), address: failures(20) }, later: hourMs, may: true },
    { name: 'after a day', known: { ...none, pair: failures(4), name: failures(100) }, later: dayMs, may: true },
  ],
  ({ known, may, later = 0 }) => assert.is(mayTry(known, instant(now + later)), may),
);

table(
  'a right password takes back its own try, and what was held against the name here',
  [{ name: 'after three wrong ones' }],
  () => {
    const known = afterRight(afterTry(wrong(none, 3).known, now));
    assert.equal(known.pair, noTries);
    assert.is(known.address.failures, 3);
    assert.is(known.name.failures, 3);
  },
);
