/** Whether what an administrator brings may be the server's certificate: every rule, and all that is wrong at once. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { type Certificate, parseCertificate } from '../../protocol/certificate.ts';
import { instant } from '../../protocol/time.ts';
import { judgeOwn } from '../../server/core/own-certificate.ts';
import { clientAuth, ecKey, type Issued, issue, rsaKey, serverAuth } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const now = instant(Date.parse('2026-11-22T12:00:00Z'));
const year = { from: '2026-06-01T00:00:00Z', to: '2027-06-01T00:00:00Z' };
const host = 'server.example';
const rsa = rsaKey(2048);

const root = issue({ cn: 'root', ca: true });
const middle = issue({ cn: 'middle', ca: true, by: root });
const lower = issue({ cn: 'lower', ca: true, by: middle });
const leaf = issue({ cn: 'leaf', by: lower, dns: [host], ...year });
const alone = issue({ cn: 'alone', dns: [host], ...year });

const read = ({ der }: Pick<Issued, 'der'>): Certificate => {
  const parsed = parseCertificate(der);
  if (!parsed.ok) throw new Error(parsed.fault.code);
  return parsed.value;
};
const judge = (issued: readonly Issued[], key: KeyObject, name = host) =>
  judgeOwn({
    certificates: issued.map(read),
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    name,
    now,
  });

type Good = {
  readonly name: string;
  readonly bag: readonly Issued[];
  readonly key: KeyObject;
  readonly as?: string;
} & {
  readonly chain: readonly string[];
  readonly rooted: boolean;
};
const good: readonly Good[] = [
  {
    name: 'a whole chain',
    bag: [leaf, lower, middle, root],
    key: leaf.key,
    chain: ['leaf', 'lower', 'middle', 'root'],
    rooted: true,
  },
  {
    name: 'in any order',
    bag: [root, lower, leaf, middle],
    key: leaf.key,
    chain: ['leaf', 'lower', 'middle', 'root'],
    rooted: true,
  },
  {
    name: 'without its root',
    bag: [leaf, lower, middle],
    key: leaf.key,
    chain: ['leaf', 'lower', 'middle'],
    rooted: false,
  },
  { name: 'signed by itself', bag: [alone], key: alone.key, chain: ['alone'], rooted: true },
  ...[
    { name: 'RSA 2048', key: rsa },
    { name: 'EC P-384', key: ecKey('secp384r1') },
  ].map(({ name, key }) => {
    const one = issue({ cn: 'leaf', by: root, dns: [host], key, ...year });
    return { name, bag: [one, root], key, chain: ['leaf', 'root'], rooted: true };
  }),
  {
    name: 'a wildcard',
    bag: [issue({ cn: 'leaf', key: rsa, dns: ['*.site.example'], ...year })],
    key: rsa,
    as: 'server.site.example',
    chain: ['leaf'],
    rooted: true,
  },
  {
    name: 'an address',
    bag: [issue({ cn: 'leaf', key: rsa, ips: [Buffer.of(192, 0, 2, 7)], ...year })],
    key: rsa,
    as: '192.0.2.7',
    chain: ['leaf'],
    rooted: true,
  },
  {
    name: 'a name of other letters',
    bag: [issue({ cn: 'leaf', key: rsa, dns: ['xn--e1afmkfd.xn--p1ai'], ...year })],
    key: rsa,
    as: 'пример.рф',
    chain: ['leaf'],
    rooted: true,
  },
  {
    name: 'no purposes named',
    bag: [issue({ cn: 'leaf', key: rsa, eku: [], dns: [host], ...year })],
    key: rsa,
    chain: ['leaf'],
    rooted: true,
  },
  {
    name: 'the certificate before it, of the same key',
    bag: [
      issue({ cn: 'leaf', key: rsa, dns: [host], from: '2026-05-01T00:00:00Z', to: '2027-05-01T00:00:00Z' }),
      issue({ cn: 'leaf', key: rsa, dns: [host], ...year }),
    ],
    key: rsa,
    chain: ['leaf'],
    rooted: true,
  },
  {
    name: '397 days to the second',
    bag: [issue({ cn: 'leaf', key: rsa, dns: [host], from: '2026-06-01T00:00:00Z', to: '2027-07-03T00:00:00Z' })],
    key: rsa,
    chain: ['leaf'],
    rooted: true,
  },
];
table('judgeOwn takes', good, ({ bag, key, as, chain, rooted }) => {
  const judged = judge(bag, key, as);
  assert.equal(judged.ok ? judged.value.chain.map(({ owner }) => owner) : judged.faults, chain);
  assert.is(judged.ok && judged.value.rooted, rooted);
});

type Bad = {
  readonly name: string;
  readonly bag: readonly Issued[];
  readonly key?: KeyObject;
  readonly as?: string;
} & {
  readonly codes: readonly string[];
};
const one = (wish: Partial<Parameters<typeof issue>[0]>): readonly Issued[] => [
  issue({ cn: 'leaf', dns: [host], ...year, ...wish }),
];
const bad: readonly Bad[] = [
  { name: 'the key of another', bag: [leaf, lower, middle, root], key: rsa, codes: ['key-foreign'] },
  { name: 'nothing', bag: [], key: rsa, codes: ['key-foreign'] },
  { name: 'RSA 1024', bag: one({ key: rsaKey(1024) }), codes: ['certificate-weak-key'] },
  { name: 'EC P-521', bag: one({ key: ecKey('secp521r1') }), codes: ['certificate-weak-key'] },
  {
    name: 'EC secp256k1',
    bag: one({ by: root, key: ecKey('secp256k1') }).concat(root),
    codes: ['certificate-weak-key'],
  },
  { name: '398 days', bag: one({ to: '2027-07-03T00:00:01Z' }), codes: ['life-too-long'] },
  { name: 'expired', bag: one({ from: '2025-11-22T00:00:00Z', to: '2026-11-22T12:00:00Z' }), codes: ['expired'] },
  {
    name: 'not valid yet',
    bag: one({ from: '2026-11-22T12:00:01Z', to: '2027-11-22T00:00:00Z' }),
    codes: ['not-yet-valid'],
  },
  { name: 'another name', bag: one({ dns: ['other.example'] }), codes: ['name-mismatch'] },
  {
    name: 'a wildcard of half a label',
    bag: one({ dns: ['ser*.site.example'] }),
    as: 'server.site.example',
    codes: ['name-mismatch'],
  },
  { name: 'its name in the subject alone', bag: one({ cn: host, dns: [] }), codes: ['name-mismatch'] },
  { name: 'another address', bag: one({ ips: [Buffer.of(192, 0, 2, 8)] }), as: '192.0.2.7', codes: ['name-mismatch'] },
  { name: 'for clients', bag: one({ eku: [clientAuth] }), codes: ['wrong-purpose'] },
  { name: 'an authority', bag: one({ ca: true, eku: [serverAuth] }), codes: ['certificate-wrong-kind'] },
  { name: 'signed with SHA-1', bag: [...one({ by: root, hash: 'sha1' }), root], codes: ['certificate-weak-signature'] },
  { name: 'a stranger beside it', bag: [leaf, lower, middle, root, alone], codes: ['chain-foreign'] },
  { name: 'a gap in the chain', bag: [leaf, middle, root], codes: ['chain-foreign', 'chain-foreign'] },
  {
    name: 'an issuer that is no authority',
    bag: (() => {
      const by = issue({ cn: 'no authority' });
      return [issue({ cn: 'leaf', by, dns: [host], ...year }), by];
    })(),
    codes: ['certificate-wrong-kind'],
  },
  {
    name: 'an issuer that has expired, and one that is weak',
    bag: (() => {
      const top = issue({ cn: 'top', ca: true, key: rsaKey(1024) });
      const by = issue({ cn: 'late', ca: true, by: top, to: '2026-02-01T00:00:00Z' });
      return [issue({ cn: 'leaf', by, dns: [host], ...year }), by, top];
    })(),
    codes: ['expired', 'certificate-weak-key'],
  },
  {
    name: 'an issuer of the same name and another key',
    bag: [leaf, issue({ cn: 'lower', ca: true, by: middle }), middle, root],
    codes: ['chain-foreign', 'chain-foreign', 'chain-foreign'],
  },
  {
    name: 'everything at once',
    bag: one({ key: rsaKey(1024), to: '2030-01-01T00:00:00Z', dns: [], eku: [clientAuth] }),
    codes: ['certificate-weak-key', 'life-too-long', 'name-mismatch', 'wrong-purpose'],
  },
  { name: 'more than a chain', bag: Array.from({ length: 13 }, () => alone), codes: ['too-many-certificates'] },
];
table('judgeOwn refuses', bad, ({ bag, key, as, codes }) => {
  const judged = judge(bag, key ?? bag[0]?.key ?? rsa, as);
  assert.equal(judged.ok ? [] : judged.faults.map(({ code }) => code), codes);
});

test('what is refused names whose certificate and why', () => {
  const judged = judge(one({ to: '2030-01-01T00:00:00Z' }), alone.key);
  assert.is(judged.ok ? '' : judged.fault.code, 'key-foreign');
  const [subject] = one({ to: '2030-01-01T00:00:00Z' });
  const long = subject && judge([subject], subject.key);
  assert.equal(long?.ok === false ? long.fault.facts : {}, { owner: 'leaf', days: 1310, limit: 397 });
});
