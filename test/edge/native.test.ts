import { readFileSync } from 'node:fs';
import { openEngine } from '../../native/engine.ts';
import type { FaultCode } from '../../protocol/fault.ts';
import type { PathQuestion } from '../../protocol/path.ts';
import { generator } from '../fakes/chance.ts';
import { clientAuth, ecKey, type Issued, issue, issueList, rsaKey, serverAuth } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const engine = openEngine();
const root = issue({ cn: 'Root', ca: true });
const middle = issue({ cn: 'Middle', ca: true, by: root });
const leaf = issue({ cn: 'cn.example', by: middle, dns: ['host.example'], ips: [Buffer.of(192, 0, 2, 1)] });
const at = Date.parse('2026-11-22T00:00:00Z') / 1000;
const base: PathQuestion = {
  leaf: leaf.der,
  intermediates: [middle.der],
  anchors: [root.der],
  crls: [],
  atSeconds: at,
  purpose: 'server',
  host: null,
  ip: null,
  policy: null,
};
const by = (signer: Issued, wish: Partial<Parameters<typeof issue>[0]> = {}): Uint8Array =>
  issue({ cn: 'leaf', by: signer, dns: ['host.example'], ...wish }).der;
const small = issue({ cn: 'Small', ca: true, key: rsaKey(1024) });
const end = issue({ cn: 'End', dns: ['host.example'] });
const oldRoot = issue({ cn: 'Old', ca: true, to: '2026-06-01T00:00:00Z' });
const short = issue({ cn: 'Short', ca: true, pathLen: 0, by: root });
const below = issue({ cn: 'Below', ca: true, by: short });
const clientCa = issue({ cn: 'Client CA', ca: true, by: root, eku: [clientAuth] });
const walled = issue({ cn: 'Walled', ca: true, by: root, permitted: ['inside.example'] });
const both = issue({ cn: 'Both', ca: true, usage: 'none', dns: ['host.example'] });
const otherKey = issue({ cn: 'Middle', ca: true, by: root });

/** `length` CAs one below the other, and a leaf. */
function ladder(length: number): Pick<PathQuestion, 'leaf' | 'intermediates'> {
  const steps: Issued[] = [];
  for (let step = 0; step < length; step++)
    steps.push(issue({ cn: `Step ${step}`, ca: true, by: steps.at(-1) ?? root }));
  return { leaf: by(steps.at(-1) ?? root), intermediates: steps.map((one) => one.der) };
}

/** Of the middle and of the root: of now, and of before. */
const listed = issueList({ by: middle, revoked: [issue({ cn: 'other', by: middle }), leaf] });
const clean = issueList({ by: middle });
const rootClean = issueList({ by: root });
const past = { to: '2026-06-01T00:00:00Z' };
const otherMiddle = issue({ cn: 'Middle', ca: true, key: ecKey() });
const modes = { soft: { revocation: 'soft' }, hard: { revocation: 'hard' } } as const;

/** What the lists of a question come to where a missing one is no reason, and where it is. */
const revocations: readonly {
  readonly name: string;
  readonly ask: Partial<PathQuestion>;
  readonly soft: FaultCode | null;
  readonly hard: FaultCode | null;
}[] = [
  { name: 'no list at all', ask: {}, soft: null, hard: 'crl-unavailable' },
  { name: 'every list', ask: { crls: [clean, rootClean] }, soft: null, hard: null },
  { name: 'the leaf listed', ask: { crls: [rootClean, listed] }, soft: 'revoked', hard: 'revoked' },
  { name: 'the leaf listed, no list of the root', ask: { crls: [listed] }, soft: 'revoked', hard: 'revoked' },
  { name: 'no list of the root', ask: { crls: [clean] }, soft: null, hard: 'crl-unavailable' },
  {
    name: 'the middle listed, no list of the middle',
    ask: { crls: [issueList({ by: root, revoked: [middle] })] },
    soft: 'revoked',
    hard: 'revoked',
  },
  {
    name: 'an outdated list',
    ask: { crls: [issueList({ by: middle, ...past }), rootClean] },
    soft: null,
    hard: 'crl-unavailable',
  },
  {
    name: 'an outdated list that lists it',
    ask: { crls: [issueList({ by: middle, revoked: [leaf], ...past }), rootClean] },
    soft: 'revoked',
    hard: 'revoked',
  },
  {
    name: 'a list of tomorrow',
    ask: { crls: [issueList({ by: middle, from: '2026-11-23T00:00:00Z' }), rootClean] },
    soft: null,
    hard: 'crl-unavailable',
  },
  {
    name: 'a broken signature over a list that lists it',
    ask: { crls: [flip(listed, -3), rootClean] },
    soft: null,
    hard: 'crl-unavailable',
  },
  {
    name: 'an outdated list with a broken signature that lists it',
    ask: { crls: [flip(issueList({ by: middle, revoked: [leaf], ...past }), -3), rootClean] },
    soft: null,
    hard: 'crl-unavailable',
  },
  {
    name: 'an outdated list with an extension nobody knows',
    ask: { crls: [issueList({ by: middle, revoked: [leaf], odd: true, ...past }), rootClean] },
    soft: null,
    hard: 'crl-unavailable',
  },
  {
    name: 'an outdated list, and one in force that lists it',
    ask: { crls: [issueList({ by: middle, ...past }), listed, rootClean] },
    soft: 'revoked',
    hard: 'revoked',
  },
  {
    name: 'a list by another of the same name',
    ask: { crls: [issueList({ by: otherMiddle, revoked: [leaf] }), rootClean] },
    soft: null,
    hard: 'crl-unavailable',
  },
  {
    name: 'a list with an extension nobody knows',
    ask: { crls: [issueList({ by: middle, revoked: [leaf], odd: true }), rootClean] },
    soft: null,
    hard: 'crl-unavailable',
  },
  {
    name: 'garbage among the lists',
    ask: { crls: [Buffer.of(0x30, 0), listed, rootClean] },
    soft: 'revoked',
    hard: 'crl-unavailable',
  },
  {
    name: 'an anchor in the middle needs no list of its own',
    ask: { anchors: [middle.der], intermediates: [], crls: [clean] },
    soft: null,
    hard: null,
  },
  {
    name: 'an anchor is not revoked by its own list',
    ask: { crls: [clean, issueList({ by: root, revoked: [root] })] },
    soft: null,
    hard: null,
  },
  { name: 'leaf and anchor in one', ask: { leaf: both.der, anchors: [both.der] }, soft: null, hard: null },
  {
    name: 'another name, and listed',
    ask: { crls: [listed], host: 'other.example' },
    soft: 'name-mismatch',
    hard: 'name-mismatch',
  },
  {
    name: 'another anchor, and no list',
    ask: { anchors: [oldRoot.der] },
    soft: 'issuer-unknown',
    hard: 'issuer-unknown',
  },
  {
    name: 'expired, and no list',
    ask: { leaf: by(middle, past) },
    soft: 'expired',
    hard: 'expired',
  },
];

test('a list bent in one to four places says nothing that it did not say', () => {
  const chance = generator(5280);
  const below = (limit: number): number => Math.floor(chance() * limit);
  for (let turn = 0; turn < 800; turn++) {
    const [list, revocation] = [turn % 4 < 2 ? listed : clean, turn % 2 === 0 ? 'soft' : 'hard'] as const;
    const bent = Buffer.from(list);
    for (let times = 1 + below(4); times > 0; times--) {
      const at = below(bent.length);
      bent[at] = (bent[at] ?? 0) ^ (1 << below(8));
    }
    const answer = engine.verifyPath({ ...base, crls: [bent], revocation });
    const code = answer.trusted ? null : answer.fault.code;
    const may = [revocation === 'soft' ? null : 'crl-unavailable', ...(list === listed ? ['revoked'] : [])];
    assert.ok(may.includes(code), `${revocation}, ${code}: ${bent.toString('hex')}`);
  }
});

type Row = { readonly name: string; readonly ask: Partial<PathQuestion>; readonly code: FaultCode | null };
const pathRows: readonly Row[] = [
  { name: 'root, middle, leaf', ask: {}, code: null },
  { name: 'the middle as anchor (partial chain)', ask: { anchors: [middle.der], intermediates: [] }, code: null },
  { name: 'right anchor behind others', ask: { anchors: [end.der, oldRoot.der, root.der] }, code: null },
  {
    name: 'leaf and anchor in one, as `openssl req -x509` makes it',
    ask: { leaf: both.der, anchors: [both.der] },
    code: null,
  },
  { name: 'a CA that may only sign, as a server', ask: { leaf: root.der, intermediates: [] }, code: 'wrong-purpose' },
  { name: 'intermediates nobody needs', ask: { intermediates: [short.der, middle.der, oldRoot.der] }, code: null },
  { name: 'no anchor', ask: { anchors: [] }, code: 'issuer-unknown' },
  { name: 'another anchor', ask: { anchors: [oldRoot.der] }, code: 'issuer-unknown' },
  { name: 'intermediate missing', ask: { intermediates: [] }, code: 'issuer-unknown' },
  { name: 'issuer of the right name and another key', ask: { intermediates: [otherKey.der] }, code: 'issuer-unknown' },
  { name: 'anchor that is no CA, the leaf itself', ask: { leaf: end.der, anchors: [end.der] }, code: 'issuer-unknown' },
  { name: 'anchor that is no CA, the issuer', ask: { leaf: by(end), anchors: [end.der] }, code: 'issuer-unknown' },
  {
    name: 'intermediate that is no CA',
    ask: { leaf: by(leaf), intermediates: [leaf.der, middle.der] },
    code: 'path-invalid',
  },
  { name: 'expired anchor', ask: { leaf: by(oldRoot), anchors: [oldRoot.der] }, code: 'expired' },
  { name: 'expired leaf', ask: { leaf: by(middle, { to: '2026-06-01T00:00:00Z' }) }, code: 'expired' },
  { name: 'leaf of tomorrow', ask: { leaf: by(middle, { from: '2026-11-23T00:00:00Z' }) }, code: 'not-yet-valid' },
  { name: 'first second', ask: { leaf: by(middle, { from: '2026-11-22T00:00:00Z' }) }, code: null },
  { name: 'last second but one', ask: { leaf: by(middle, { to: '2026-11-22T00:00:01Z' }) }, code: null },
  { name: 'beyond 2050', ask: { leaf: by(middle, { to: '2061-01-01T00:00:00Z' }) }, code: null },
  { name: 'before 1970', ask: { atSeconds: -1 }, code: 'not-yet-valid' },
  { name: 'client certificate as server', ask: { leaf: by(middle, { eku: [clientAuth] }) }, code: 'wrong-purpose' },
  { name: 'server certificate as client', ask: { purpose: 'client' }, code: 'wrong-purpose' },
  {
    name: 'both uses as client',
    ask: { leaf: by(middle, { eku: [serverAuth, clientAuth] }), purpose: 'client' },
    code: null,
  },
  {
    name: 'any use (anyExtendedKeyUsage) is no server',
    ask: { leaf: by(middle, { eku: ['2.5.29.37.0'] }) },
    code: 'wrong-purpose',
  },
  { name: 'no use said', ask: { leaf: by(middle, { eku: [] }) }, code: null },
  { name: 'any purpose', ask: { leaf: by(middle, { eku: [clientAuth] }), purpose: 'any' }, code: null },
  { name: 'CA for clients only', ask: { leaf: by(clientCa), intermediates: [clientCa.der] }, code: 'wrong-purpose' },
  { name: 'pathlen kept', ask: { leaf: by(short), intermediates: [short.der] }, code: null },
  { name: 'pathlen exceeded', ask: { leaf: by(below), intermediates: [below.der, short.der] }, code: 'path-too-long' },
  { name: 'ten intermediates', ask: ladder(10), code: null },
  { name: 'eleven intermediates', ask: ladder(11), code: 'path-too-long' },
  {
    name: 'name constraint kept',
    ask: { leaf: by(walled, { dns: ['a.inside.example'] }), intermediates: [walled.der] },
    code: null,
  },
  { name: 'name constraint broken', ask: { leaf: by(walled), intermediates: [walled.der] }, code: 'name-constraint' },
  { name: 'RSA 2048 leaf', ask: { leaf: by(middle, { key: rsaKey(2048) }) }, code: null },
  { name: 'RSA 1024 leaf', ask: { leaf: by(middle, { key: rsaKey(1024) }) }, code: 'certificate-weak-key' },
  { name: 'RSA 1024 anchor', ask: { leaf: by(small), anchors: [small.der] }, code: 'certificate-weak-key' },
  { name: 'SHA-1 leaf', ask: { leaf: by(middle, { hash: 'sha1' }) }, code: 'certificate-weak-signature' },
  { name: 'SHA-1 middle', ask: weakMiddle(), code: 'certificate-weak-signature' },
  {
    name: 'CRLs wanted, the right one missing',
    ask: { crls: [readVector('crls/GoodCACRL.crl')] },
    code: 'crl-unavailable',
  },
  ...['prime256v1', 'secp384r1', 'secp521r1'].map((curve) => ({
    name: `the other good ECDSA signature, ${curve}`,
    ask: otherSignature(curve),
    code: null,
  })),
  { name: 'broken signature', ask: { leaf: flip(leaf.der, -3) }, code: 'path-invalid' },
  { name: 'no bytes', ask: { leaf: new Uint8Array() }, code: 'certificate-unreadable' },
  { name: 'garbage leaf', ask: { leaf: Buffer.from('not a certificate') }, code: 'certificate-unreadable' },
  { name: 'leaf cut short', ask: { leaf: leaf.der.subarray(0, -1) }, code: 'certificate-unreadable' },
  {
    name: 'bytes behind the leaf',
    ask: { leaf: Buffer.concat([leaf.der, Buffer.of(0)]) },
    code: 'certificate-unreadable',
  },
  { name: 'length in a longer form than needed', ask: { leaf: longForm(leaf.der) }, code: 'certificate-unreadable' },
  { name: 'garbage intermediate', ask: { intermediates: [Buffer.of(0x30, 0)] }, code: 'certificate-unreadable' },
  { name: 'garbage anchor', ask: { anchors: [Buffer.of(0x30, 0)] }, code: 'certificate-unreadable' },
  { name: 'garbage CRL', ask: { crls: [Buffer.of(0x30, 0)] }, code: 'crl-unavailable' },
  { name: 'leaf above 16 KiB', ask: { leaf: Buffer.alloc(16 * 1024 + 1, 0x30) }, code: 'too-many-certificates' },
  { name: '65 intermediates', ask: { intermediates: Array(65).fill(middle.der) }, code: 'too-many-certificates' },
  { name: '64 intermediates', ask: { intermediates: Array(64).fill(middle.der) }, code: null },
  { name: '1025 anchors', ask: { anchors: Array(1025).fill(root.der) }, code: 'too-many-certificates' },
  { name: '257 CRLs', ask: { crls: Array(257).fill(Buffer.of(0x30, 0)) }, code: 'too-many-certificates' },
  { name: 'a policy that is no identifier', ask: { policy: inputs(['x']) }, code: 'bad-argument' },
  {
    name: 'a policy required and not there',
    ask: { policy: { ...inputs(['1.2.3']), explicit: true } },
    code: 'policy-constraint',
  },
];

table('verifyPath', pathRows, ({ ask, code }) => assert.is(judge(ask), code));

const bytesRow = (name: string, dns: readonly (string | Buffer)[], host: string, code: FaultCode | null) => ({
  name,
  ask: { leaf: by(middle, { dns }), host },
  code,
});
const nameRows: readonly Row[] = [
  bytesRow('the name', ['host.example'], 'host.example', null),
  bytesRow('in other letters', ['HOST.Example'], 'host.example', null),
  bytesRow('the second name', ['a.example', 'host.example'], 'host.example', null),
  bytesRow('another name', ['host.example'], 'other.example', 'name-mismatch'),
  bytesRow('a longer name', ['host.example'], 'a.host.example', 'name-mismatch'),
  bytesRow('wildcard, one label', ['*.example.org'], 'a.example.org', null),
  bytesRow('wildcard, no label', ['*.example.org'], 'example.org', 'name-mismatch'),
  bytesRow('wildcard, two labels', ['*.example.org'], 'a.b.example.org', 'name-mismatch'),
  bytesRow('wildcard under a top-level domain', ['*.example'], 'host.example', 'name-mismatch'),
  bytesRow('bare wildcard', ['*'], 'example', 'name-mismatch'),
  bytesRow('partial wildcard, left', ['h*.example.org'], 'host.example.org', 'name-mismatch'),
  bytesRow('partial wildcard, right', ['*t.example.org'], 'host.example.org', 'name-mismatch'),
  bytesRow('wildcard in the second label', ['a.*.example.org'], 'a.b.example.org', 'name-mismatch'),
  bytesRow('A-label', ['xn--e1afmkfd.xn--p1ai'], 'xn--e1afmkfd.xn--p1ai', null),
  bytesRow('U-label in the certificate', [Buffer.from('пример.рф')], 'xn--e1afmkfd.xn--p1ai', 'name-mismatch'),
  bytesRow('NUL in the certificate', [Buffer.from('host.example\0.evil.example')], 'host.example', 'name-mismatch'),
  bytesRow('an address as a DNS name in the certificate', ['192.0.2.1'], '192.0.2.1', null),
  bytesRow('NUL in the question', ['host.example'], 'host.example\0', 'bad-argument'),
  bytesRow('leading dot in the question', ['a.host.example'], '.host.example', 'bad-argument'),
  bytesRow('256 bytes in the question', ['host.example'], 'a'.repeat(256), 'bad-argument'),
  bytesRow('empty question', ['host.example'], '', 'bad-argument'),
  {
    name: 'common name only',
    ask: { leaf: by(middle, { cn: 'host.example', dns: [] }), host: 'host.example' },
    code: 'name-mismatch',
  },
  { name: 'common name beside a SAN', ask: { host: 'cn.example' }, code: 'name-mismatch' },
  { name: 'IPv4 address', ask: { ip: '192.0.2.1' }, code: null },
  { name: 'another IPv4 address', ask: { ip: '192.0.2.2' }, code: 'name-mismatch' },
  { name: 'address given as a name', ask: { host: '192.0.2.1' }, code: 'name-mismatch' },
  {
    name: 'address in a DNS name, asked as an address',
    ask: { leaf: by(middle, { dns: ['192.0.2.1'] }), ip: '192.0.2.1' },
    code: 'name-mismatch',
  },
  { name: 'IPv6 address', ask: { leaf: by(middle, { ips: [ipv6(1)] }), ip: '2001:db8::1' }, code: null },
  {
    name: 'another IPv6 address',
    ask: { leaf: by(middle, { ips: [ipv6(2)] }), ip: '2001:db8::1' },
    code: 'name-mismatch',
  },
  { name: 'an address that is none', ask: { ip: '192.0.2' }, code: 'bad-argument' },
  { name: 'name and address', ask: { host: 'host.example', ip: '192.0.2.1' }, code: null },
  { name: 'name right, address wrong', ask: { host: 'host.example', ip: '192.0.2.2' }, code: 'name-mismatch' },
];

table('verifyPath, names (RFC 9525 §6)', nameRows, ({ ask, code }) => assert.is(judge(ask), code));

test('verifyPath says which anchor, and how long the path is', () => {
  const answer = engine.verifyPath({ ...base, anchors: [end.der, oldRoot.der, root.der] });
  assert.equal(answer, { trusted: true, anchor: 2, chainLength: 3 });
});

test('verifyPath says what OpenSSL said, and where', () => {
  const answer = engine.verifyPath({ ...base, leaf: by(short), intermediates: [short.der], anchors: [oldRoot.der] });
  assert.not(answer.trusted);
  if (answer.trusted) return;
  assert.is(answer.fault.facts['openssl'], 20);
  assert.is(answer.fault.facts['depth'], 1);
  assert.is(answer.fault.facts['reason'], 'unable to get local issuer certificate');
});

const wrongRows = [
  { name: 'nothing', value: undefined },
  { name: 'a number', value: 1 },
  { name: 'a leaf as text', value: { ...base, leaf: 'MII' } },
  { name: 'no leaf', value: { ...base, leaf: null } },
  { name: 'a leaf of wide numbers', value: { ...base, leaf: new Uint16Array(10) } },
  { name: 'one anchor without an array', value: { ...base, anchors: root.der } },
  { name: 'anchors of text', value: { ...base, anchors: ['a'] } },
  { name: 'no CRLs member', value: { ...base, crls: undefined } },
  { name: 'a time as text', value: { ...base, atSeconds: '0' } },
  { name: 'no number of seconds', value: { ...base, atSeconds: Number.NaN } },
  { name: 'half seconds', value: { ...base, atSeconds: 0.5 } },
  { name: 'the year 10000', value: { ...base, atSeconds: 253_402_300_800 } },
  { name: 'an unknown revocation', value: { ...base, revocation: 'firm' } },
  { name: 'revocation as a number', value: { ...base, revocation: 1 } },
  { name: 'an unknown purpose', value: { ...base, purpose: 'mail' } },
  { name: 'a long purpose', value: { ...base, purpose: 'server'.repeat(99) } },
  { name: 'a host as a number', value: { ...base, host: 1 } },
  { name: 'policy inputs without booleans', value: { ...base, policy: { initial: [] } } },
  { name: 'a policy as a number', value: { ...base, policy: { ...inputs([]), initial: [1] } } },
];

table('verifyPath throws on a type only a programmer gets wrong', wrongRows, ({ value }) => {
  assert.throws(
    () => engine.verifyPath(value as PathQuestion),
    (error: unknown) => error instanceof TypeError,
  );
});

test('verifyPath passes on what a getter throws', () => {
  const question = Object.defineProperty({ ...base }, 'crls', {
    get: () => {
      throw new RangeError('from the getter');
    },
  });
  assert.throws(() => engine.verifyPath(question), /from the getter/);
});

test('verifyPath keeps nothing: memory is flat', () => {
  const asks: readonly Partial<PathQuestion>[] = [...pathRows, ...nameRows].map(({ ask }) => ask);
  const round = (): void => {
    for (let turn = 0; turn < 3000; turn++) engine.verifyPath({ ...base, ...asks[turn % asks.length] });
  };
  round();
  const before = process.memoryUsage.rss();
  round();
  round();
  const grown = process.memoryUsage.rss() - before;
  // A leak of one leaf per call would be 6 MB at the least; what the allocator keeps is less than a third of that.
  assert.ok(grown < 4 * 1024 * 1024, `${grown} bytes in 6000 calls`);
});

const notifyRows = [
  { name: 'nobody listens', path: '@thintrust-test-nobody', text: 'READY=1', error: 111 },
  { name: 'no such file', path: '/nonexistent/notify', text: 'READY=1', error: 2 },
  { name: 'relative path', path: 'notify', text: 'READY=1', error: 22 },
  { name: 'empty path', path: '', text: 'READY=1', error: 22 },
  { name: 'path too long', path: `/${'a'.repeat(107)}`, text: 'READY=1', error: 22 },
  { name: 'NUL in the path', path: '/a\0b', text: 'READY=1', error: 22 },
  { name: 'text too long', path: '@thintrust-test-nobody', text: 'a'.repeat(4097), error: 90 },
];

table('notify gives the errno', notifyRows, ({ path, text, error }) => assert.is(engine.notify(path, text), error));

test('notify throws on a wrong type', () => {
  assert.throws(() => engine.notify(1 as unknown as string, ''), /two strings/);
});

function judge(ask: Partial<PathQuestion>): FaultCode | null {
  const answer = engine.verifyPath({ ...base, ...ask });
  return answer.trusted ? null : answer.fault.code;
}

function weakMiddle(): Partial<PathQuestion> {
  const weak = issue({ cn: 'Weak', ca: true, by: root, hash: 'sha1' });
  return { leaf: by(weak), intermediates: [weak.der] };
}

function otherSignature(curve: string): Partial<PathQuestion> {
  const anchor = issue({ cn: curve, ca: true, key: ecKey(curve) });
  const { twin } = issue({ cn: 'leaf', by: anchor });
  return { leaf: twin ?? new Uint8Array(), anchors: [anchor.der] };
}

function inputs(initial: readonly string[]) {
  return { initial, explicit: false, inhibitMapping: false, inhibitAny: false };
}

function ipv6(last: number): Buffer {
  return Buffer.from(`20010db80000000000000000000000${last.toString(16).padStart(2, '0')}`, 'hex');
}

function flip(der: Uint8Array, at: number): Uint8Array {
  const copy = Buffer.from(der);
  const index = copy.length + at;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

/** The same length in one octet more: BER, not DER. */
function longForm(der: Buffer): Uint8Array {
  return Buffer.concat([Buffer.of(0x30, 0x83, 0), der.subarray(2)]);
}

function readVector(file: string): Uint8Array {
  return readFileSync(new URL(`../vectors/pkits/${file}`, import.meta.url));
}

table(
  'revocation lists, softly and hard',
  revocations.flatMap(({ name, ask, soft, hard }) => [
    { name: `${name}: soft`, ask: { ...ask, ...modes.soft }, code: soft },
    { name: `${name}: hard`, ask: { ...ask, ...modes.hard }, code: hard },
  ]),
  ({ ask, code }) => {
    const answer = engine.verifyPath({ ...base, ...ask });
    assert.is(answer.trusted ? null : answer.fault.code, code);
  },
);
