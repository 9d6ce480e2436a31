/** The SCEP client against a server that does everything wrong there is, and against every message there may be. */
import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { signMessage } from '../../agent/edge/cms.ts';
import { makeKey, makeRequest, makeSelfSigned } from '../../agent/edge/csr.ts';
import { enrolByScep, makeMessage, readAnswer } from '../../agent/edge/scep.ts';
import { chooseMethods, readAuthority, readCapabilities } from '../../agent/edge/scep-authority.ts';
import { octets, printable } from '../../protocol/asn1.ts';
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import { certsOnly } from '../../server/edge/authority.ts';
import { issueFor, makeRoot } from '../fakes/foreign-authority.ts';
import { type Behaviour, makeScepPki, type Seen, startScep } from '../fakes/scep-server.ts';
import { now } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['openssl']);

const { root, signing, enciphering, stranger } = makeScepPki();
const elliptic = makeRoot('EC CA', makeKey('P-256'));
const key = makeKey('RSA-2048');
const otherKey = makeKey('RSA-2048');
const judging = { at: now };
const old = { pkcs8: otherKey, certificate: issueFor(root, makeRequest(otherKey, 'thin 1')) };
const client = { pkcs8: otherKey, certificate: issueFor(root, makeRequest(otherKey, 'thin 2')) };
const oldElliptic = { pkcs8: elliptic.pkcs8, certificate: elliptic.certificate };
const registration = certsOnly([enciphering.certificate, signing.certificate, root.certificate]);

type Changes = {
  readonly fingerprint?: string;
  readonly path?: string;
  readonly key?: Uint8Array;
  readonly old?: typeof old;
  readonly address?: string;
};

async function enrolAt(behaviour: Behaviour, changes: Changes = {}, ca = root) {
  const server = await startScep(ca, behaviour);
  const order = {
    address: changes.address ?? server.address,
    path: changes.path ?? '/scep',
    fingerprint: changes.fingerprint ?? fingerprintOf(ca.certificate),
    challenge: 'secret',
  };
  try {
    const polling = { times: 2, everyMs: 1 };
    const result = await enrolByScep(order, changes.key ?? key, 'thin 1', judging, changes.old ?? null, polling);
    return { result, seen: server.seen };
  } finally {
    await server.close();
  }
}

const post = { method: 'POST', type: '19', cipher: 'aes128', hash: 'sha256' };
const goodRows: readonly { name: string; behaviour: Behaviour; old?: typeof old; seen: readonly Seen[] }[] = [
  { name: 'AES, SHA-256, POST', behaviour: {}, seen: [post] },
  { name: 'capabilities in one word', behaviour: { capabilities: 'SCEPStandard\r\n' }, seen: [post] },
  {
    name: 'a server that knows no capabilities: triple DES, SHA-1, GET',
    behaviour: { capabilities: null },
    seen: [{ method: 'GET', type: '19', cipher: 'des3', hash: 'sha1' }],
  },
  {
    name: 'no POST',
    behaviour: { capabilities: 'AES\nSHA-256' },
    seen: [{ ...post, method: 'GET' }],
  },
  {
    name: 'a registration authority: sealed for one of its certificates, signed by the other',
    behaviour: { authority: registration, signer: signing, opener: enciphering },
    seen: [post],
  },
  {
    name: 'pending, then issued: polled in the same transaction',
    behaviour: { pending: 2 },
    seen: [post, { ...post, type: '20' }, { ...post, type: '20' }],
  },
  { name: 'renewal, signed by the old identity', behaviour: {}, old, seen: [{ ...post, type: '17' }] },
];

table('enrolByScep', goodRows, async ({ behaviour, old: identity, seen: expected }) => {
  const { result, seen } = await enrolAt(behaviour, identity ? { old: identity } : {});
  assert.equal(seen, expected);
  assert.ok(result.ok, JSON.stringify(result));
  const [leaf, issuer] = (result.ok ? result.value : []).map((der) => new X509Certificate(fromBase64(der)));
  assert.is(leaf?.subject, 'CN=thin 1');
  assert.ok(issuer?.raw.equals(root.certificate) && leaf?.verify(issuer.publicKey));
});

const page = { status: 200, body: '<html>sign in</html>' };
const badRows: readonly {
  name: string;
  behaviour: Behaviour;
  expected: string;
  changes?: Changes;
  ca?: typeof root;
}[] = [
  {
    name: 'another authority than was told',
    behaviour: {},
    changes: { fingerprint: 'ab'.repeat(32) },
    expected: 'authority-mismatch',
  },
  { name: 'badRequest', behaviour: { failInfo: '2' }, expected: 'challenge-refused' },
  { name: 'badAlg', behaviour: { failInfo: '0' }, expected: 'csr-refused badAlg' },
  { name: 'badMessageCheck', behaviour: { failInfo: '1' }, expected: 'csr-refused badMessageCheck' },
  { name: 'badTime', behaviour: { failInfo: '3' }, expected: 'csr-refused badTime' },
  { name: 'badCertId', behaviour: { failInfo: '4' }, expected: 'csr-refused badCertId' },
  { name: 'a failure there is no word for', behaviour: { failInfo: 'constructor' }, expected: 'csr-refused failure' },
  { name: 'pending for ever: bounded', behaviour: { pending: 100 }, expected: 'enrolment-pending' },
  { name: 'another nonce: a replay', behaviour: { nonce: Buffer.alloc(16) }, expected: 'server-answer nonce' },
  { name: 'another transaction', behaviour: { transaction: 'ab' }, expected: 'server-answer nonce' },
  {
    name: 'a refusal in the name of the authority, with another key',
    behaviour: { failInfo: '2', signer: { certificate: root.certificate, pkcs8: stranger.pkcs8 } },
    expected: 'server-answer signature',
  },
  {
    name: 'a certificate in the name of the authority, with another key',
    behaviour: { signer: { certificate: root.certificate, pkcs8: stranger.pkcs8 } },
    expected: 'server-answer signature',
  },
  {
    name: 'a refusal by a stranger is nobody’s word',
    behaviour: { failInfo: '2', signer: stranger },
    expected: 'server-answer signature',
  },
  { name: 'sealed for another key', behaviour: { sealedFor: stranger.certificate }, expected: 'answer-undecipherable' },
  { name: 'a certificate of another authority', behaviour: { issuer: stranger }, expected: 'issuer-unknown' },
  { name: 'a page', behaviour: { operation: () => page }, expected: 'server-answer CMS' },
  { name: 'an error', behaviour: { operation: () => ({ status: 500, body: '' }) }, expected: 'server-answer 500' },
  {
    name: 'too much',
    behaviour: { operation: () => ({ status: 200, body: Buffer.alloc(300 * 1024) }) },
    expected: 'too-large',
  },
  {
    name: 'a page for an authority',
    behaviour: { authority: Buffer.from(page.body) },
    expected: 'server-answer GetCACert',
  },
  { name: 'no authority at all', behaviour: { authority: certsOnly([]) }, expected: 'server-answer GetCACert' },
  {
    name: 'only MD5 and single DES',
    behaviour: { capabilities: 'POSTPKIOperation' },
    expected: 'capability-missing AES',
  },
  { name: 'only MD5', behaviour: { capabilities: 'AES' }, expected: 'capability-missing SHA-256' },
  { name: 'an authority nothing can be sealed for', behaviour: {}, ca: elliptic, expected: 'capability-missing RSA' },
  {
    name: 'a key no answer can be sealed for',
    behaviour: {},
    changes: { key: elliptic.pkcs8 },
    expected: 'capability-missing RSA',
  },
  {
    name: 'an old identity that cannot open',
    behaviour: {},
    changes: { old: oldElliptic },
    expected: 'capability-missing RSA',
  },
  {
    name: 'renewal that is not offered',
    behaviour: { capabilities: 'AES\nSHA-256' },
    changes: { old },
    expected: 'capability-missing Renewal',
  },
  { name: 'a path that is none', behaviour: {}, changes: { path: '/scep?operation=x' }, expected: 'bad-argument path' },
  {
    name: 'nobody there',
    behaviour: {},
    changes: { address: '127.0.0.1:1' },
    expected: 'server-unreachable ECONNREFUSED',
  },
  { name: 'no address', behaviour: {}, changes: { address: 'http://a' }, expected: 'bad-argument address' },
];

table('enrolByScep: refusals', badRows, async ({ behaviour, changes, ca, expected }) => {
  const { result, seen } = await enrolAt(behaviour, changes, ca);
  assert.not.ok(result.ok);
  if (result.ok) return;
  const { code, facts } = result.fault;
  const [wanted, why] = expected.split(' ');
  assert.is(code, wanted);
  if (why) assert.is(String(facts['reason'] ?? facts['status'] ?? facts['what']), why);
  if (code === 'enrolment-pending') assert.is(seen.length, 3);
  if (/mismatch|missing/.test(code)) assert.is(seen.length, 0, 'nothing was sealed for anybody');
});

table(
  'readAuthority: of an authority of several certificates',
  [
    {
      name: 'the one that enciphers, wherever it stands',
      served: [signing, root, enciphering],
      recipient: enciphering,
    },
    {
      name: 'whoever else the authority has certified is told nothing',
      served: [client, root],
      recipient: root,
    },
    {
      name: 'one that does not descend from what was told counts for nothing',
      served: [stranger, root],
      recipient: root,
    },
  ],
  ({ served, recipient }) => {
    const read = readAuthority(
      certsOnly(served.map((each) => each.certificate)),
      fingerprintOf(root.certificate),
      'a:1',
    );
    assert.ok(read.ok && Buffer.from(read.value.recipient).equals(recipient.certificate));
    for (const { certificate } of [stranger, client])
      assert.ok(read.ok && read.value.certificates.every((der) => !Buffer.from(der).equals(certificate)));
  },
);

test('readAuthority: the root was told, another CA issues', () => {
  const pkcs8 = makeKey('RSA-2048');
  const issuing = issueFor(root, makeRequest(pkcs8, 'Issuing'), 'ca');
  const read = readAuthority(certsOnly([root.certificate, issuing]), fingerprintOf(root.certificate), 'a:1');
  assert.ok(read.ok && Buffer.from(read.value.issuing).equals(issuing));
  assert.ok(read.ok && Buffer.from(read.value.recipient).equals(issuing));
});

table(
  'readCapabilities',
  [
    { name: 'lines', text: 'AES\nSHA-256\r\nPOSTPKIOperation', expected: ['aes', 'sha-256', 'postpkioperation'] },
    { name: 'blank lines and blanks', text: '\n AES \n\n', expected: ['aes'] },
    { name: 'a page', text: '<html>AES\nDES3</html>', expected: [] },
    { name: 'nothing', text: '', expected: [] },
    { name: 'too much', text: 'AES\n'.repeat(4000), expected: [] },
  ],
  ({ text, expected }) => assert.equal([...readCapabilities(Buffer.from(text))], expected),
);

test('readCapabilities, chooseMethods: 10^4 texts of at most 1 KiB never throw, and choose nothing weaker', () => {
  const words = ['AES', 'DES3', 'SHA-1', 'SHA-256', 'SHA-512', 'SCEPStandard', 'POSTPKIOperation', 'Renewal', 'AES256'];
  const text = fc.oneof(
    fc.string({ maxLength: 1024 }),
    fc.subarray(words).map((some) => some.join('\n')),
  );
  fc.assert(
    fc.property(text, (said) => {
      const methods = chooseMethods(readCapabilities(Buffer.from(said)));
      if (!methods.ok) return methods.fault.code === 'capability-missing';
      return /^(aes-(128|256)|des-ede3)-cbc$/.test(methods.value.cipher) && /^sha/.test(methods.value.hash);
    }),
    { numRuns: 10_000 },
  );
});

test('readAuthority: 10^4 damaged answers of at most 4 KiB never throw, and only what was told is taken', () => {
  const registration = certsOnly([enciphering.certificate, root.certificate]);
  const edit = fc.array(fc.record({ at: fc.nat(registration.length - 1), to: fc.nat(255) }), {
    minLength: 1,
    maxLength: 4,
  });
  const anchor = fingerprintOf(root.certificate);
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 512 }), edit), (input) => {
      const body = input instanceof Uint8Array ? input : Buffer.from(registration);
      if (!(input instanceof Uint8Array)) for (const { at, to } of input) body[at] = to;
      const read = readAuthority(body, anchor, 'a:1');
      return !read.ok || read.value.certificates.some((der) => fingerprintOf(der) === anchor);
    }),
    { numRuns: 10_000 },
  );
});

test('readAnswer: 10^4 damaged answers of at most 4 KiB never throw, and few of them are believed', () => {
  const authority = readAuthority(root.certificate, fingerprintOf(root.certificate), 'a:1');
  assert.ok(authority.ok);
  if (!authority.ok) return;
  const signer = { pkcs8: key, certificate: makeSelfSigned(key, 'thin 1', now()) };
  const asker = {
    authority: authority.value,
    methods: { cipher: 'aes-128-cbc', hash: 'sha256', post: true } as const,
    signer,
  };
  const message = makeMessage(asker, 'transaction', 'request', makeRequest(key, 'thin 1', 'secret'));
  const type = (last: number): string => `2.16.840.1.113733.1.9.${last}`;
  const attributes = [
    [type(2), printable('3')],
    [type(7), printable('transaction')],
    [type(3), printable('2')],
    [type(4), printable('2')],
    [type(6), octets(message.nonce)],
  ] as const;
  const answer = Buffer.from(signMessage(Buffer.alloc(0), attributes, { ...root, hash: 'sha256' }));
  const whole = readAnswer(answer, message, asker);
  assert.is(whole.ok ? 'taken' : whole.fault.code, 'challenge-refused');
  const edit = fc.array(fc.record({ at: fc.nat(answer.length - 1), to: fc.nat(255) }), { minLength: 1, maxLength: 4 });
  const codes = new Map<string, number>();
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 512 }), edit), (input) => {
      const body = input instanceof Uint8Array ? input : Buffer.from(answer);
      if (!(input instanceof Uint8Array)) for (const { at, to } of input) body[at] = to;
      const read = readAnswer(body, message, asker);
      const code = read.ok ? 'taken' : read.fault.code;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }),
    { numRuns: 10_000 },
  );
  assert.not.ok(codes.has('taken'));
  // Damage in what is not signed (certificates, the version) leaves the authority's word as it was.
  assert.ok((codes.get('server-answer') ?? 0) > 5000, JSON.stringify([...codes]));
});
