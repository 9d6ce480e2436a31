/** What is worth a mail to administrators, and when it is said. */
import { dayMs, instant, minuteMs } from '../../protocol/time.ts';
import { type AuditRecord, endingOf, mayTell, noticeOf, stages, tell } from '../../server/core/notices.ts';
import { mailEn } from '../../words/mail-en.ts';
import { mailRu } from '../../words/mail-ru.ts';
import { assert, table, test } from '../harness.ts';

const now = instant(Date.parse('2026-11-28T12:00:00Z'));
const device = '5b4d6a0e-3c1f-4f5e-9a51-0c6a7f1d2e3b';

const records: readonly { readonly name: string; readonly record: Partial<AuditRecord>; readonly is: string | null }[] =
  [
    { name: 'a reserve of the server', record: { actor: 'server', action: 'reserve-made' }, is: 'reserveMade audit 7' },
    { name: 'a reserve of an administrator', record: { action: 'reserve-made' }, is: null },
    { name: 'a switch by itself', record: { actor: 'server', action: 'certificate-switched' }, is: 'switched audit 7' },
    { name: 'a switch by an administrator', record: { action: 'certificate-switched' }, is: null },
    { name: 'a switch that waits', record: { actor: 'server', action: 'switch-waits' }, is: 'switchWaits audit 7' },
    { name: 'a retired device', record: { actor: 'server', action: 'device-retired' }, is: 'deviceRetired audit 7' },
    ...['switch-waits', 'uploaded-certificate-ends', 'device-retired', 'user-locked', 'account-locked'].map(
      (action) => ({
        name: `what a device calls ${action}`,
        record: { actor: device, action, subject: device, facts: { from: 'call 555 to unlock' } },
        is: null,
      }),
    ),
    {
      name: 'a console that locked itself',
      record: { actor: device, action: 'code-refused', subject: device, facts: { code: 'code-locked', tries: 5 } },
      is: `consoleLocked locked ${device} 5 20785`,
    },
    {
      name: 'a wrong code',
      record: { actor: device, action: 'code-refused', subject: device, facts: { code: 'code-wrong', tries: 4 } },
      is: null,
    },
    {
      name: 'a code that an administrator could not answer',
      record: { action: 'code-refused', subject: '1042', facts: { code: 'code-locked' } },
      is: null,
    },
    {
      name: 'a user locked out',
      record: { actor: 'server', action: 'user-locked', subject: 'anna' },
      is: 'userLocked audit 7',
    },
    {
      name: 'an account locked out',
      record: { actor: 'server', action: 'account-locked', subject: 'boss' },
      is: 'accountLocked audit 7',
    },
    { name: 'anything else', record: { action: 'invited' }, is: null },
  ];

table('noticeOf', records, ({ record, is }) => {
  const found = noticeOf({ id: 7, at: now, actor: 'administrator', action: '', subject: '', facts: {}, ...record });
  assert.is(found && `${found.kind} ${found.key}`, is);
});

const ends: readonly {
  readonly name: string;
  readonly leftDays: number;
  readonly days: readonly number[];
  readonly is: string | null;
}[] = [
  { name: 'long before', leftDays: 60.1, days: stages.byHand, is: null },
  { name: 'the first stage', leftDays: 60, days: stages.byHand, is: '60' },
  { name: 'between two', leftDays: 20, days: stages.byHand, is: '30' },
  { name: 'the last', leftDays: 0.5, days: stages.byHand, is: '1' },
  { name: 'at its end', leftDays: 0, days: stages.byHand, is: 'ended' },
  { name: 'a month over', leftDays: -30, days: stages.byHand, is: 'ended' },
  { name: 'long over', leftDays: -30.1, days: stages.byHand, is: null },
  { name: 'what renews by itself, within its window', leftDays: 20, days: stages.byItself, is: null },
  { name: 'what did not renew by itself', leftDays: 7, days: stages.byItself, is: '7' },
];

table('endingOf', ends, ({ leftDays, days, is }) => {
  const notAfter = now + leftDays * dayMs;
  const found = endingOf({ kind: 'policyEnds', subject: 's', facts: {}, notAfter }, days, now);
  assert.is(found?.key.split(' ').at(-1) ?? null, is);
  if (found) assert.is(found.facts['endsAt'], notAfter);
});

test('no more than a mail in a quarter of an hour, and a clock that fell back silences nobody', () => {
  assert.not.ok(mayTell(now, instant(now + 14 * minuteMs)));
  assert.ok(mayTell(now, instant(now + 15 * minuteMs)));
  assert.ok(mayTell(now + dayMs, now));
});

test('tell: sections, how many more there are, and nothing that a name could add', () => {
  const shown = [{ device: 'a\r\nb\u202e', type: 'mobile', endsAt: 1 }];
  const text = tell([{ kind: 'deviceEnds', count: 10_000, shown }], mailEn, (at) => `at ${at} UTC`);
  assert.is(
    text,
    'Certificates of devices that were not renewed (10000)\n- a??b? (mobile): valid until at 1 UTC\n… and 9999 more',
  );
});

test('both languages tell the same of the same', () => {
  const leaves = (words: typeof mailEn) =>
    Object.entries(words.notices).map(([kind, { title, line }]) => {
      assert.ok(title !== '' && line !== '', kind);
      return `${kind} ${[...line.matchAll(/\{\w+\}/g)].map(String).sort().join(' ')}`;
    });
  assert.equal(leaves(mailEn), leaves(mailRu));
  for (const { title, line } of Object.values(mailRu.notices)) assert.match(`${title}`, /\p{Script=Cyrillic}/u, line);
});
