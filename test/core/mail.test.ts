/** What is decided about mail: addresses, the setting, tries, texts. */
import { dayMs, hourMs, instant, minuteMs } from '../../protocol/time.ts';
import {
  afterTry,
  isDue,
  judgeSetting,
  type MailSetting,
  pauseMs,
  readReply,
  type Tried,
} from '../../server/core/mail.ts';
import { readAddress } from '../../server/core/mail-address.ts';
import { fillText, judgeText, type MailKind, mailKinds } from '../../server/core/mail-text.ts';
import { mailEn } from '../../words/mail-en.ts';
import { mailRu } from '../../words/mail-ru.ts';
import { assert, table, test } from '../harness.ts';

const now = instant(Date.parse('2026-11-28T12:00:00Z'));

const addresses: readonly { readonly name: string; readonly to: string | null }[] = [
  { name: 'anna@example.com', to: 'anna@example.com' },
  { name: ' Anna.K+x@EXAMPLE.com ', to: 'Anna.K+x@example.com' },
  { name: 'anna@почта.рф', to: 'anna@xn--80a1acny.xn--p1ai' },
  { name: 'anna@localhost', to: 'anna@localhost' },
  { name: `${'a'.repeat(64)}@example.com`, to: `${'a'.repeat(64)}@example.com` },
  { name: `${'a'.repeat(65)}@example.com`, to: null },
  { name: `a@${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(20)}`, to: null },
  { name: '', to: null },
  { name: '@example.com', to: null },
  { name: 'anna', to: null },
  { name: 'anna@', to: null },
  { name: 'анна@example.com', to: null },
  { name: '"anna k"@example.com', to: null },
  { name: 'anna@[192.0.2.1]', to: null },
  { name: 'anna@192.0.2.1', to: null },
  { name: 'a@b@example.com', to: null },
  { name: '.a@example.com', to: null },
  { name: 'a..b@example.com', to: null },
  { name: 'a@ex_ample.com', to: null },
  { name: 'a@-x.com', to: null },
  { name: 'a@example.com\r\nRCPT TO:<b@example.com>', to: null },
  { name: 'a\r\n@example.com', to: null },
  { name: 'Anna <anna@example.com>', to: null },
  { name: 'a@example.com,b@example.com', to: null },
  { name: 'a@exam\u0000ple.com', to: null },
];

table('readAddress', addresses, ({ name, to }) => {
  const read = readAddress(name);
  assert.is(read.ok ? read.value : null, to);
});

const right: MailSetting = {
  host: 'smtp.example.com',
  port: 587,
  security: 'starttls',
  user: 'u',
  from: 'a@example.com',
  replyTo: '',
  helo: '',
  authorities: '',
  administrators: [],
  console: '',
  language: 'en',
};
const settings: readonly {
  readonly name: string;
  readonly change: Partial<MailSetting>;
  readonly is: Partial<MailSetting> | string;
}[] = [
  { name: 'as it is', change: {}, is: right },
  { name: 'IPv6', change: { host: '[2001:DB8::1]' }, is: { host: '2001:db8::1' } },
  { name: 'an internationalized host', change: { host: 'почта.рф' }, is: { host: 'xn--80a1acny.xn--p1ai' } },
  { name: 'no host', change: { host: '' }, is: 'bad-argument' },
  { name: 'a host with a line end', change: { host: 'a\r\nb' }, is: 'bad-argument' },
  { name: 'port 0', change: { port: 0 }, is: 'bad-argument' },
  { name: 'port 65536', change: { port: 65536 }, is: 'bad-argument' },
  { name: 'a user in the clear', change: { security: 'none' }, is: 'bad-argument' },
  { name: 'nobody in the clear', change: { security: 'none', user: '' }, is: { security: 'none' } },
  { name: 'a user with a line end', change: { user: 'a\nb' }, is: 'bad-argument' },
  { name: 'no sender', change: { from: '' }, is: 'bad-argument' },
  { name: 'a wrong address for answers', change: { replyTo: 'x' }, is: 'bad-argument' },
  { name: 'HELO by address', change: { helo: '192.0.2.1' }, is: { helo: '[192.0.2.1]' } },
  { name: 'HELO by IPv6 literal', change: { helo: '[IPv6:2001:db8::1]' }, is: { helo: '[IPv6:2001:db8::1]' } },
  { name: 'HELO with a blank', change: { helo: 'a b' }, is: 'bad-argument' },
  {
    name: 'administrators, each once',
    change: { administrators: ['a@X.example', 'a@x.example', 'b@x.example'] },
    is: { administrators: ['a@x.example', 'b@x.example'] },
  },
  { name: 'a wrong administrator', change: { administrators: ['a@x.example', 'x'] }, is: 'bad-argument' },
  { name: 'too many', change: { administrators: Array(21).fill('a@x.example') }, is: 'bad-argument' },
  { name: 'a console', change: { console: 'https://k.example:8080/' }, is: { console: 'https://k.example:8080/' } },
  { name: 'a console that is no address', change: { console: 'javascript:x' }, is: 'bad-argument' },
  { name: 'authorities that are none', change: { authorities: 'x' }, is: 'certificate-unreadable' },
];

table('judgeSetting', settings, ({ change, is }) => {
  const judged = judgeSetting({ ...right, ...change });
  if (typeof is === 'string') assert.is(judged.ok ? null : judged.fault.code, is);
  else assert.equal(judged.ok && { ...judged.value, ...is }, judged.ok && judged.value);
  assert.is(judged.ok, typeof is !== 'string');
});

const tries: readonly {
  readonly name: string;
  readonly tries: number;
  readonly leftMs: number;
  readonly tried: Tried;
  readonly is: string;
}[] = [
  { name: 'sent', tries: 0, leftMs: dayMs, tried: { at: 'sent' }, is: 'sent' },
  { name: 'refused', tries: 0, leftMs: dayMs, tried: { at: 'refused', reason: 'no' }, is: 'undeliverable' },
  { name: 'later', tries: 0, leftMs: dayMs, tried: { at: 'later', reason: 'no' }, is: 'waiting 1' },
  { name: 'later, again', tries: 3, leftMs: dayMs, tried: { at: 'later', reason: 'no' }, is: 'waiting 10' },
  { name: 'later, many times', tries: 99, leftMs: dayMs, tried: { at: 'later', reason: 'no' }, is: 'waiting 30' },
  {
    name: 'later, but its time is over',
    tries: 9,
    leftMs: 1000,
    tried: { at: 'later', reason: 'no' },
    is: 'undeliverable',
  },
];

table('afterTry', tries, ({ tries: before, leftMs, tried, is }) => {
  const decided = afterTry({ tries: before, endsAt: instant(now + leftMs) }, tried, now);
  assert.is(decided.at === 'waiting' ? `waiting ${(decided.nextAt - now) / minuteMs}` : decided.at, is);
  if (decided.at === 'waiting') assert.is(decided.tries, before + 1);
});

test('the pauses leave no more than an hour between two tries, and greylisting is over in a quarter', () => {
  const all = Array.from({ length: 200 }, (_, index) => pauseMs(index));
  assert.ok(all.every((pause) => pause >= minuteMs && pause <= hourMs));
  assert.ok((all[0] ?? 0) + (all[1] ?? 0) + (all[2] ?? 0) <= 15 * minuteMs);
});

const dues = [
  { name: 'over', leftMs: 0, is: true },
  { name: 'not yet', leftMs: 1, is: false },
  { name: 'the longest pause', leftMs: 30 * minuteMs, is: false },
  { name: 'set by a clock that was ahead', leftMs: dayMs, is: true },
];
table('isDue', dues, ({ leftMs, is }) => assert.is(isDue(now + leftMs, now), is));

const replies = [
  { name: '451', code: 451, at: 'later' },
  { name: '421', code: 421, at: 'later' },
  { name: '550', code: 550, at: 'refused' },
  { name: '554', code: 554, at: 'refused' },
  { name: 'none', code: undefined, at: 'later' },
  { name: 'no reply at all', code: 999, at: 'later' },
];
table('readReply', replies, ({ code, at }) => {
  const reply = readReply(code, `x\r\n\u001b[31m${'y'.repeat(999)}`);
  assert.is(reply.at, at);
  assert.match(reply.reason, /^x \[31my+$/);
  assert.is(reply.reason.length, 200);
});

const texts: readonly {
  readonly name: string;
  readonly kind?: MailKind;
  readonly subject?: string;
  readonly text: string;
  readonly is: string | null;
}[] = [
  { name: 'right', text: '{invitation} {password}', is: null },
  { name: 'braces that are no placeholder', text: '{ {invitation} {password} } {\n}', is: null },
  { name: 'an unknown one', text: '{invitation} {password} {pasword}', is: 'placeholder-unknown' },
  { name: 'an unknown one in the subject', subject: '{x}', text: '{invitation} {password}', is: 'placeholder-unknown' },
  { name: 'one of Object.prototype', text: '{invitation} {password} {constructor}', is: 'placeholder-unknown' },
  { name: 'one of another text', kind: 'installation', text: '{password} {invitation}', is: 'placeholder-unknown' },
  { name: 'none where one is needed', text: '{invitation}', is: 'placeholder-missing' },
  {
    name: 'the needed one in the subject alone',
    subject: '{invitation}',
    text: '{password}',
    is: 'placeholder-missing',
  },
  { name: 'a password in the subject', subject: '{password}', text: '{invitation} {password}', is: 'bad-argument' },
  { name: 'no subject', subject: ' ', text: '{invitation} {password}', is: 'bad-argument' },
  { name: 'a subject of two lines', subject: 'a\nBcc: b', text: '{invitation} {password}', is: 'bad-argument' },
  { name: 'a long subject', subject: 'a'.repeat(201), text: '{invitation} {password}', is: 'bad-argument' },
  { name: 'a long text', text: `{invitation} {password}${'a'.repeat(10_000)}`, is: 'bad-argument' },
  { name: 'NUL', text: '{invitation} {password}\u0000', is: 'bad-argument' },
];

table('judgeText', texts, ({ kind = 'invitation', subject = 'x', text, is }) => {
  const judged = judgeText(kind, { subject, text });
  assert.is(judged.ok ? null : judged.fault.code, is);
});

test('what comes along is right by the same rule, in both languages, with the same placeholders', () => {
  assert.equal(Object.keys(mailEn.texts), [...mailKinds]);
  for (const kind of mailKinds) {
    const names = [mailEn, mailRu].map(({ texts: all }) => {
      const judged = judgeText(kind, all[kind]);
      assert.ok(judged.ok && judged.value.text === all[kind].text, kind);
      return [...`${all[kind].subject}${all[kind].text}`.matchAll(/\{\w+\}/g)].join(' ');
    });
    assert.is(names[0], names[1]);
    assert.match(mailRu.texts[kind].text, /\p{Script=Cyrillic}/u);
  }
});

test('fillText', () => {
  const text = { subject: '{a} {b}', text: '{b}\n\nA {a}\nB {b}\n{a}{b}\n{__proto__}x\n' };
  assert.equal(fillText(text, { a: 'x\r\ny\u202e', b: '' }), { subject: 'x??y? ', text: 'A x??y?\nx??y?\n' });
  assert.is(fillText({ subject: 's', text: '{notices}' }, { notices: 'a\nb' }).text, 'a\nb');
});
