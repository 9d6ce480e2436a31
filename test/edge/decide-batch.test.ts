import fc from 'fast-check';
import { toPem } from '../../protocol/certificate.ts';
import { maxBatchLineBytes } from '../../protocol/limits.ts';
import { type Answer, runBatch } from '../fakes/batch.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const pem = (issued: Issued): string => toPem(issued.der);
const root = issue({ cn: 'Root', ca: true });
const middle = issue({ cn: 'Middle', ca: true, by: root });
const leaf = issue({
  cn: 'Leaf',
  by: middle,
  dns: ['host.example', 'xn--e1afmkfd.xn--p1ai'],
  ips: [Buffer.of(192, 0, 2, 1)],
});
const base = {
  id: 1,
  purpose: 'rdp',
  host: 'host.example',
  at: '2026-11-22T00:00:00Z',
  anchors: [pem(root)],
  intermediates: [pem(middle)],
  leaf: pem(leaf),
};
const { leaf: _leaf, ...noLeaf } = base;
const { id: _id, ...noId } = base;
const { host: _host, ...noHost } = base;
const { intermediates: _intermediates, ...noIntermediates } = base;
const policy = { initial: [], explicit: false, inhibitMapping: false, inhibitAny: false };
const yes = (id: Answer['id'] = 1): Answer => ({ id, trusted: true });
const no = (fault: string, id: Answer['id'] = 1): Answer => ({ id, trusted: false, fault });

const rows: readonly { readonly name: string; readonly line: unknown; readonly is: Answer }[] = [
  { name: 'a good line', line: base, is: yes() },
  { name: 'id as text', line: { ...base, id: 'a "b"' }, is: yes('a "b"') },
  { name: 'another name', line: { ...base, host: 'other.example' }, is: no('name-mismatch') },
  { name: 'trailing dot', line: { ...base, host: 'host.example.' }, is: yes() },
  { name: 'internationalized name', line: { ...base, host: 'Пример.рф' }, is: yes() },
  { name: 'leading dot', line: { ...base, host: '.host.example' }, is: no('bad-argument') },
  { name: 'NUL', line: { ...base, host: 'host.example\0' }, is: no('bad-argument') },
  { name: 'no name at all', line: noHost, is: yes() },
  {
    name: 'null instead of what may be left out',
    line: { ...base, host: null, ip: null, crls: null, policy: null },
    is: yes(),
  },
  { name: 'address under a root', line: { ...noHost, ip: '192.0.2.1' }, is: no('ip-under-root') },
  { name: 'address as host under a root', line: { ...base, host: '192.0.2.1' }, is: no('ip-under-root') },
  { name: 'address for a server', line: { ...noHost, purpose: 'server', ip: '192.0.2.1' }, is: yes() },
  { name: 'address as host for a server', line: { ...base, purpose: 'server', host: '192.0.2.1' }, is: yes() },
  { name: 'address for the Administration Server', line: { ...noHost, purpose: 'ksc', ip: '192.0.2.1' }, is: yes() },
  { name: 'another address', line: { ...noHost, purpose: 'server', ip: '192.0.2.2' }, is: no('name-mismatch') },
  { name: 'name and address', line: { ...base, purpose: 'server', ip: '192.0.2.1' }, is: yes() },
  {
    name: 'two addresses',
    line: { ...base, purpose: 'server', host: '192.0.2.1', ip: '192.0.2.2' },
    is: no('bad-argument'),
  },
  { name: 'address that is a name', line: { ...base, ip: 'host.example' }, is: no('bad-argument') },
  { name: 'server certificate as a client', line: { ...noHost, purpose: 'client' }, is: no('wrong-purpose') },
  { name: 'pinned', line: { ...base, anchors: [pem(leaf)] }, is: yes() },
  { name: 'pinned, as a server', line: { ...base, purpose: 'server', anchors: [pem(leaf)] }, is: no('issuer-unknown') },
  { name: 'no anchors', line: { ...base, anchors: [] }, is: no('issuer-unknown') },
  { name: 'several certificates in one text', line: { ...base, anchors: [pem(root) + pem(middle)] }, is: yes() },
  { name: 'no CRLs', line: { ...base, crls: [] }, is: yes() },
  { name: 'policy inputs', line: { ...base, policy }, is: yes() },
  { name: 'policy required', line: { ...base, policy: { ...policy, explicit: true } }, is: no('policy-constraint') },
  { name: 'expired', line: { ...base, at: '2040-01-01T00:00:00Z' }, is: no('expired') },
  { name: 'fractions of a second', line: { ...base, at: '2026-11-22T00:00:00.123456Z' }, is: yes() },
  { name: 'another time zone', line: { ...base, at: '2026-11-22T00:00:00+03:00' }, is: no('bad-argument') },
  { name: 'no time zone', line: { ...base, at: '2026-11-22T00:00:00' }, is: no('bad-argument') },
  { name: '30 February', line: { ...base, at: '2026-02-30T00:00:00Z' }, is: no('bad-argument') },
  { name: 'the hour 24', line: { ...base, at: '2026-11-22T24:00:00Z' }, is: no('bad-argument') },
  { name: 'time as a number', line: { ...base, at: 1 }, is: no('bad-shape') },
  { name: 'leaf that is no PEM', line: { ...base, leaf: 'x' }, is: no('certificate-unreadable') },
  { name: 'two leaves', line: { ...base, leaf: pem(leaf) + pem(leaf) }, is: no('too-many-certificates') },
  { name: 'leaf of garbage', line: { ...base, leaf: toPem(Buffer.from('garbage')) }, is: no('certificate-unreadable') },
  {
    name: 'anchor of garbage',
    line: { ...base, anchors: [toPem(Buffer.from('garbage'))] },
    is: no('certificate-unreadable'),
  },
  { name: 'CRL of garbage', line: { ...base, crls: [toPem(Buffer.from('x'), 'X509 CRL')] }, is: no('crl-unavailable') },
  { name: 'CRL that is no PEM', line: { ...base, crls: ['x'] }, is: no('crl-unavailable') },
  { name: 'no leaf', line: noLeaf, is: no('bad-shape') },
  { name: 'no intermediates member', line: noIntermediates, is: no('bad-shape') },
  { name: 'no id', line: noId, is: no('bad-shape', null) },
  { name: 'id of another type', line: { ...base, id: [1] }, is: no('bad-shape', null) },
  { name: 'unknown purpose', line: { ...base, purpose: 'mail' }, is: no('bad-shape') },
  { name: 'misspelt member', line: { ...noHost, hots: 'other.example' }, is: no('bad-shape') },
  { name: 'half of the policy inputs', line: { ...base, policy: { initial: [] } }, is: no('bad-shape') },
  {
    name: 'a policy that is no identifier',
    line: { ...base, policy: { ...policy, initial: ['any'] } },
    is: no('bad-shape'),
  },
  {
    name: 'a policy with an arc that cannot be',
    line: { ...base, policy: { ...policy, initial: ['0.99'] } },
    is: no('bad-argument'),
  },
  { name: '65 intermediates', line: { ...base, intermediates: Array(65).fill(pem(middle)) }, is: no('bad-shape') },
  {
    name: '65 intermediates in one text',
    line: { ...base, intermediates: [pem(middle).repeat(65)] },
    is: no('too-many-certificates'),
  },
  { name: 'an array', line: [base], is: no('bad-shape', null) },
  { name: 'null', line: null, is: no('bad-shape', null) },
];

table('decide --batch', rows, async ({ line, is }) => {
  assert.equal(await runBatch([JSON.stringify(line)]), [is]);
});

const textRows: readonly {
  readonly name: string;
  readonly chunks: readonly string[];
  readonly is: readonly Answer[];
}[] = [
  { name: 'nothing', chunks: [], is: [] },
  { name: 'no text', chunks: ['', ''], is: [] },
  { name: 'an empty line', chunks: ['\n'], is: [no('not-json', null)] },
  { name: 'no JSON', chunks: ['hello\n'], is: [no('not-json', null)] },
  { name: 'cut short, the id is readable', chunks: ['{"id": "a\\u0062", "leaf'], is: [no('not-json', 'ab')] },
  { name: 'cut short in the id', chunks: ['{"id": "a'], is: [no('not-json', null)] },
  { name: 'an id that cannot be', chunks: ['{"id": "\\x", "leaf'], is: [no('not-json', null)] },
  { name: 'last line without its end', chunks: ['x\ny'], is: [no('not-json', null), no('not-json', null)] },
  { name: 'Windows line ends', chunks: [`${JSON.stringify(base)}\r\n`], is: [yes()] },
  { name: 'one character at a time', chunks: [...`${JSON.stringify(base)}\n`], is: [yes()] },
  {
    name: 'good lines around a bad one, in their order',
    chunks: [`${JSON.stringify({ ...base, id: 'a' })}\nx\n${JSON.stringify({ ...base, id: 'b' })}\n`],
    is: [yes('a'), no('not-json', null), yes('b')],
  },
  {
    name: 'a line as long as may be',
    chunks: ['"', 'a'.repeat(maxBatchLineBytes - 2), '"\n'],
    is: [no('bad-shape', null)],
  },
  {
    name: 'a line one longer, and a good one behind it',
    chunks: ['{"id":7,', ' '.repeat(maxBatchLineBytes - 7), `\n${JSON.stringify(base)}\n`],
    is: [no('too-large', 7), yes()],
  },
];

table('decide --batch, lines', textRows, async ({ chunks, is }) => assert.equal(await runBatch(chunks), is));

test('decide --batch keeps nothing of a line that is too long', async () => {
  const chunk = 'a'.repeat(1024 * 1024);
  function* endless(): Generator<string> {
    for (let count = 0; count < 400; count++) yield Buffer.from(chunk).toString('latin1');
  }
  const before = process.memoryUsage.rss();
  assert.equal(await runBatch(endless()), [no('too-large', null)]);
  const grown = process.memoryUsage.rss() - before;
  assert.ok(grown < 200 * 1024 * 1024, `${grown} bytes`);
});

test('decide --batch rejects where its output does', async () => {
  const { decideBatch } = await import('../../agent/cli/decide.ts');
  const broken = decideBatch(
    (async function* () {
      yield 'x\n';
    })(),
    () => Promise.reject(new Error('EPIPE')),
    () => ({ trusted: true, by: '' as never }),
  ).then(
    () => 'resolved',
    (error: Error) => error.message,
  );
  assert.is(await broken, 'EPIPE');
});

// Bounds: 10^4 runs each, a good line with anything in one place, up to 40 lines of any text in any chunks.
test('decide --batch answers every line, whatever stands in it', async () => {
  const place = fc.constantFrom(...Object.keys(base), 'ip', 'crls', 'policy');
  await fc.assert(
    fc.asyncProperty(place, fc.jsonValue(), async (key, value) => {
      const answers = await runBatch([`${JSON.stringify({ ...base, [key]: value })}\n`]);
      return answers.length === 1 && typeof answers[0]?.trusted === 'boolean';
    }),
    { numRuns: 10_000 },
  );
});

test('decide --batch gives one line for each line', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom(...'{}"id:1,\n\r ') }), { maxLength: 40 }),
      async (chunks) => {
        const text = chunks.join('');
        const lines = text.split('\n').length - (text === '' || text.endsWith('\n') ? 1 : 0);
        return (await runBatch(chunks)).length === lines;
      },
    ),
    { numRuns: 10_000 },
  );
});
