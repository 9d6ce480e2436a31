/** Files as people bring them on a stick (F28, F29): what is in them, or why they are refused, one reason for each certificate. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { ImportOrder } from '../../agent/core/shape.ts';
import { fingerprintOf, toBase64, toPem } from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { writeDer } from '../../protocol/der.ts';
import { maxCertificates } from '../../protocol/limits.ts';
import type { ImportAnswer } from '../../protocol/local.ts';
import { check } from '../../protocol/validate.ts';
import { settingsWith } from '../fakes/administration.ts';
import { askNow, type Bench, lastStatus, openBench, openManaged, openRegistered, send, start } from '../fakes/agent.ts';
import { issue, rsaKey } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const file = (name: string): Buffer => readFileSync(new URL(`../vectors/certificates/${name}`, import.meta.url));
const root = issue({ cn: 'Root', ca: true });
const one = issue({ cn: 'one', by: root });
const two = issue({ cn: 'two', by: root });
const expired = issue({ cn: 'gone', to: '2026-01-02T00:00:00Z' });
const coming = issue({ cn: 'coming', from: '2027-01-01T00:00:00Z' });
const weak = issue({ cn: 'weak', key: rsaKey(1024) });
const pem = (...all: readonly { readonly der: Uint8Array }[]): string => all.map(({ der }) => toPem(der)).join('');
const broken = pem(one).replace(/\n.{64}\n/, '\n');

/** RFC 5652 §5.1 with these elements for certificates. */
const signed = Buffer.from('2a864886f70d010702', 'hex');
const data = writeDer(0x30, writeDer(0x06, Buffer.from('2a864886f70d010701', 'hex')));
const pkcs7 = (...certificates: readonly Uint8Array[]): Buffer => {
  const body = writeDer(
    0x30,
    Buffer.of(2, 1, 1),
    writeDer(0x31),
    data,
    writeDer(0xa0, ...certificates),
    writeDer(0x31),
  );
  return writeDer(0x30, writeDer(0x06, signed), writeDer(0xa0, body));
};

type File = { readonly name: string; readonly content: string | Uint8Array };
const order = (files: readonly File[], more: Partial<ImportOrder> = {}): ImportOrder => ({
  purpose: 'rdp',
  server: null,
  files: files.map(({ name, content }) => ({ name, content: toBase64(Buffer.from(content)) })),
  ...more,
});
function open(): Bench {
  const bench = openBench();
  start(bench);
  return bench;
}
function answerOf(bench: Bench, asked: ImportOrder): ImportAnswer {
  const answered = askNow(bench, { do: 'import', ...asked });
  if (!answered?.ok || !answered.value || !('added' in answered.value)) throw new Error(JSON.stringify(answered));
  assert.ok(check('importAnswer', answered.value).ok);
  return answered.value;
}
const say = ({ added, refused }: ImportAnswer): string =>
  refused.length > 0
    ? refused.map((each) => `${each.file} ${each.block} ${each.fault.code}`).join('; ')
    : added.map(({ owner }) => owner).join(', ');

const rows: readonly { name: string; files: readonly File[]; is: string }[] = [
  { name: 'PEM', files: [{ name: 'one.pem', content: pem(one) }], is: 'one' },
  { name: 'DER', files: [{ name: 'one.der', content: one.der }], is: 'one' },
  { name: 'DER that calls itself PEM', files: [{ name: 'one.pem', content: one.der }], is: 'one' },
  { name: 'PEM that calls itself a picture', files: [{ name: 'one.png', content: pem(one) }], is: 'one' },
  { name: 'CRLF', files: [{ name: 'a', content: pem(one).replaceAll('\n', '\r\n') }], is: 'one' },
  { name: 'trailing blanks', files: [{ name: 'a', content: pem(one).replaceAll('\n', '  \t\n') }], is: 'one' },
  { name: 'several in a file', files: [{ name: 'a', content: pem(one, two, root) }], is: 'one, two, Root' },
  {
    name: 'several files',
    files: [
      { name: 'a', content: pem(one) },
      { name: 'b', content: two.der },
    ],
    is: 'one, two',
  },
  {
    name: 'PKCS #7, DER, as OpenSSL writes it',
    files: [{ name: 'a.p7b', content: file('pkcs7.p7b') }],
    is: 'leaf, authority',
  },
  {
    name: 'PKCS #7, PEM, as OpenSSL writes it',
    files: [{ name: 'a.p7b', content: file('pkcs7.pem') }],
    is: 'leaf, authority',
  },
  {
    name: 'PKCS #7 in a CERTIFICATE block, as AD CS writes it',
    files: [{ name: 'a', content: toPem(pkcs7(one.der, root.der)) }],
    is: 'one, Root',
  },
  {
    name: 'PKCS #7 beside PEM',
    files: [{ name: 'a', content: toPem(pkcs7(one.der), 'PKCS7') + pem(two) }],
    is: 'one, two',
  },
  { name: 'not valid yet', files: [{ name: 'a', content: pem(coming) }], is: 'coming' },
  { name: 'empty', files: [{ name: 'a', content: '' }], is: 'a 0 certificate-unreadable' },
  { name: 'text', files: [{ name: 'a', content: 'hello' }], is: 'a 0 certificate-unreadable' },
  {
    name: 'a private key',
    files: [{ name: 'a', content: '-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n' }],
    is: 'a 1 certificate-unreadable',
  },
  { name: 'PKCS #7 without certificates', files: [{ name: 'a', content: pkcs7() }], is: 'a 0 certificate-unreadable' },
  {
    name: 'PKCS #7 with something else',
    files: [{ name: 'a', content: pkcs7(one.der, Buffer.of(0xa1, 0)) }],
    is: 'a 2 certificate-unreadable',
  },
  {
    name: 'PKCS #7 and a byte',
    files: [{ name: 'a', content: Buffer.concat([pkcs7(one.der), Buffer.of(0)]) }],
    is: 'a 0 certificate-unreadable',
  },
  {
    name: 'one bad of three refuses all',
    files: [{ name: 'a', content: pem(one) + broken + pem(two) }],
    is: 'a 2 certificate-unreadable',
  },
  {
    name: 'each bad one is named',
    files: [
      { name: 'a', content: pem(expired, one, weak) },
      { name: 'b', content: 'x' },
    ],
    is: 'a 1 expired; a 3 certificate-weak-key; b 0 certificate-unreadable',
  },
  { name: 'twice in a file', files: [{ name: 'a', content: pem(one, one) }], is: 'a 2 certificate-twice' },
  {
    name: 'twice in two files',
    files: [
      { name: 'a', content: pem(one) },
      { name: 'b', content: one.der },
    ],
    is: 'b 0 certificate-twice',
  },
  { name: 'without a name', files: [{ name: '', content: pem(one) }], is: ' 0 bad-argument' },
];

table('import', rows, ({ files, is }) => {
  const bench = open();
  const answered = answerOf(bench, order(files));
  assert.is(say(answered), is);
  const { certificates } = lastStatus(bench);
  assert.equal(
    certificates.map(({ fingerprint }) => fingerprint),
    answered.added.map(({ fingerprint }) => fingerprint),
  );
  assert.ok(certificates.every(({ source, purpose }) => source === 'manual' && purpose === 'rdp'));
  const persisted = bench.effects.filter((effect) => effect.do === 'persist').length;
  assert.is(persisted, answered.refused.length > 0 ? 0 : 1, 'one commit, or none');
  const told = bench.effects.filter((each) => each.do === 'spool' && each.event.event === 'request-refused').length;
  assert.is(told, answered.refused.length > 0 ? 1 : 0, 'a refusal is on record');
});

test('what is there is said, for the purpose and the server it is there for', () => {
  const bench = open();
  const files = [{ name: 'a', content: pem(one) }];
  assert.is(say(answerOf(bench, order(files, { server: 'a.example' }))), 'one');
  assert.is(say(answerOf(bench, order(files, { server: 'A.example:3389' }))), 'a 1 already-trusted');
  assert.is(say(answerOf(bench, order(files, { server: 'b.example' }))), 'one');
  assert.is(say(answerOf(bench, order(files, { purpose: 'log' }))), 'one');
  assert.is(lastStatus(bench).certificates.length, 3);
  const added = bench.effects.flatMap((effect) =>
    effect.do === 'spool' && effect.event.event === 'certificate-added' ? [effect.event] : [],
  );
  assert.equal(
    added.map(
      ({ event, facts }) =>
        `${event} ${facts['purpose']} ${facts['server']} ${facts['fingerprint'] === fingerprintOf(one.der)}`,
    ),
    [
      'certificate-added rdp a.example:3389 true',
      'certificate-added rdp b.example:3389 true',
      'certificate-added log  true',
    ],
  );
});

test('a store that would be too full takes none', () => {
  const bench = open();
  const many = pem(...Array.from({ length: maxCertificates }, (_, index) => issue({ cn: `${index}`, key: one.key })));
  assert.is(answerOf(bench, order([{ name: 'a', content: many }])).added.length, maxCertificates);
  const more = askNow(bench, { do: 'import', ...order([{ name: 'a', content: pem(one) }]) });
  assert.is(more?.ok === false && more.fault.code, 'too-many-certificates');
  assert.is(lastStatus(bench).certificates.length, maxCertificates);
});

test('by a clock that is not known nothing is imported', () => {
  const bench = openBench();
  bench.time.wallErrorMs = -Date.parse('2026-11-22T12:00:00Z');
  start(bench);
  const answered = askNow(bench, { do: 'import', ...order([{ name: 'a', content: pem(one) }]) });
  assert.is(answered?.ok === false && answered.fault.code, 'clock-unknown');
});

test('what the administrator has blocked is not imported, and its neighbour with it', () => {
  const bench = openRegistered();
  const { server } = bench;
  server.state.blocklist = [fingerprintOf(one.der)];
  send(bench, ...server.publishPolicies());
  const files = [{ name: 'a', content: pem(two, one) }];
  assert.is(say(answerOf(bench, order(files))), 'a 2 blocklisted');
  assert.equal(
    lastStatus(bench).certificates.filter(({ source }) => source === 'manual'),
    [],
  );
});

test('on a managed device nothing is imported', () => {
  const bench = openManaged(settingsWith([]));
  const before = lastStatus(bench).certificates;
  const answered = askNow(bench, { do: 'import', ...order([{ name: 'a', content: pem(one) }]) });
  assert.is(answered?.ok === false && answered.fault.code, 'adding-closed');
  assert.equal(lastStatus(bench).certificates, before);
});

// Bounds: a PKCS #7 of two certificates with up to 4 bytes changed, cut anywhere, anything behind it.
test('PKCS #7 of any kind is read or refused, and only what parses as a certificate is read (10^4 runs)', () => {
  const whole = pkcs7(one.der, two.der);
  const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 4 }),
      fc.nat(whole.length),
      fc.uint8Array({ maxLength: 4 }),
      (changes, keep, tail) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        const read = readCertificateFile(Buffer.concat([keep % 3 === 0 ? bytes.subarray(0, keep) : bytes, tail]));
        if (!read.ok) return assert.match(read.fault.code, /^certificate-/);
        for (const { der } of read.value) assert.ok(bytes.includes(Buffer.from(der)));
      },
    ),
    { numRuns: 10_000 },
  );
});

test('a PKCS #7 of millions of nothings costs no memory', () => {
  const before = process.memoryUsage.rss();
  const read = readCertificateFile(pkcs7(Buffer.alloc(7 * 1024 * 1024, Buffer.of(0x30, 0))));
  assert.ok(!read.ok);
  assert.ok(process.memoryUsage.rss() - before < 64 * 1024 * 1024);
});
