import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  type Certificate,
  checkAcceptable,
  fingerprintOf,
  fromBase64,
  groupFingerprint,
  parseCertificate,
  toBase64,
  toPem,
  type Use,
  viewCertificate,
} from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { derChildren, oidOf, readDer } from '../../protocol/der.ts';
import type { Fault, Result } from '../../protocol/fault.ts';
import { maxCertificateBytes, maxCertificates } from '../../protocol/limits.ts';
import { readPem } from '../../protocol/pem.ts';
import { assert, table, test } from '../harness.ts';

const runs = { numRuns: 10_000 };
const fileOf = (name: string): Buffer => readFileSync(new URL(`../vectors/certificates/${name}.pem`, import.meta.url));
const derOf = (pem: Uint8Array): Buffer => {
  const [, body = ''] = /-----\n([^-]*)-----/.exec(Buffer.from(pem).toString()) ?? [];
  return Buffer.from(body, 'base64');
};
const load = (name: string): Certificate => {
  const read = parseCertificate(derOf(fileOf(name)));
  if (!read.ok) throw new Error(`${name} does not parse`);
  return read.value;
};
const faultOf = (read: Result<unknown>): Partial<Fault> => (read.ok ? {} : read.fault);
const outcome = (read: Result<unknown>): string => faultOf(read).code ?? 'read';
const utc = (text: string): number => Date.parse(text);

const leaf = derOf(fileOf('leaf'));
const leafPem = toPem(leaf);
const rsa = derOf(fileOf('rsa2048'));

test('everything a certificate says', () => {
  const { der, ...facts } = load('names');
  assert.equal(facts, {
    fingerprint: fingerprintOf(der),
    owner: 'names',
    subject: 'CN=names',
    issuer: 'CN=names',
    serial: '1000',
    notBefore: utc('2020-01-01T00:00:00Z'),
    notAfter: utc('2120-01-01T00:00:00Z'),
    isCa: false,
    key: 'EC P-256',
    names: ['server.example', '*.server.example', 'xn--e1afmkfd.example', '192.0.2.1', '2001:db8::1'],
  });
});

table<{ name: string; owner: string; subject: string }>(
  'subjects (RFC 5280 §4.1.2.6)',
  [
    { name: 'leaf', owner: 'leaf', subject: 'O=thintrust test, CN=leaf' },
    {
      name: 'subject-cyrillic',
      owner: 'Сервер администрирования',
      subject: 'O=ООО Ромашка, CN=Сервер администрирования',
    },
    { name: 'subject-multi', owner: 'multi + valued', subject: 'O=thintrust test, OU=unit + CN=multi \\+ valued' },
    { name: 'subject-odd', owner: 'one, "two" <three>; four#', subject: 'CN=one\\, \\"two\\" \\<three\\>\\; four#' },
    { name: 'subject-organization', owner: 'only an organization', subject: 'C=XX, O=only an organization' },
    { name: 'subject-empty', owner: '', subject: '' },
    // a line end and a terminal sequence in a value neither start a new part nor reach the screen
    { name: 'subject-forged', owner: 'honest', subject: 'O=honest, OU=x\\0ACN=forged\\1B[2J\ufffd' },
  ],
  ({ name, owner, subject }) => {
    const read = load(name);
    assert.is(read.owner, owner);
    assert.is(read.subject, subject);
  },
);

table<{ name: string; from: string; until: string }>(
  'dates (RFC 5280 §4.1.2.5)',
  [
    { name: 'leaf', from: '2020-01-01T00:00:00Z', until: '2120-01-01T00:00:00Z' },
    { name: 'dates-0099', from: '0099-01-01T00:00:00Z', until: '1899-12-31T23:59:59Z' },
    { name: 'dates-1950', from: '1950-01-01T00:00:00Z', until: '1969-12-31T23:59:59Z' },
    { name: 'dates-9999', from: '2020-02-29T12:00:00Z', until: '9999-12-31T23:59:59Z' },
  ],
  ({ name, from, until }) => {
    const read = load(name);
    assert.is(read.notBefore, utc(from));
    assert.is(read.notAfter, utc(until));
  },
);

/** Changes the first date in place: the signature breaks, which parsing does not look at. */
const withDate = (date: string): Buffer => {
  const changed = Buffer.from(leaf);
  const at = changed.indexOf('200101000000Z');
  changed.write(date, at, 'ascii');
  return changed;
};

table(
  'dates that are none',
  [
    { name: 'month 13', date: '201301000000Z' },
    { name: 'day 31 of February', date: '200231000000Z' },
    { name: 'hour 24', date: '200101240000Z' },
    { name: 'letters', date: '20010100000xZ' },
    { name: 'a zone', date: '2001010000+00' },
  ],
  ({ date }) => assert.is(outcome(parseCertificate(withDate(date))), 'certificate-unreadable'),
);

test('text inside a name is never taken for another name', () =>
  assert.equal(load('names-tricky').names, [
    'good.example',
    '"a.example\\u002c DNS:forged.example"',
    'quote.example',
    '"back\\\\\\\\slash.example"',
    '"b.example\\u002c DNS:forged.example\\u002c DNS:"',
    'last.example',
  ]));

table<{ name: string; key: string; use?: Use; code: string }>(
  'what may be kept',
  [
    { name: 'rsa1024', key: 'RSA 1024', code: 'certificate-weak-key' },
    { name: 'rsa2048', key: 'RSA 2048', code: 'read' },
    { name: 'rsa4096', key: 'RSA 4096', code: 'read' },
    { name: 'p256', key: 'EC P-256', code: 'read' },
    { name: 'p384', key: 'EC P-384', code: 'read' },
    { name: 'p521', key: 'EC P-521', code: 'read' },
    { name: 'secp256k1', key: 'EC secp256k1', code: 'certificate-weak-key' },
    { name: 'p256-explicit', key: 'EC explicit parameters', code: 'certificate-weak-key' },
    { name: 'ed25519', key: 'Ed25519', code: 'read' },
    { name: 'leaf', key: 'EC P-384', code: 'read' },
    { name: 'leaf-sha1', key: 'EC P-384', code: 'certificate-weak-signature' },
    { name: 'leaf-pss-sha1', key: 'EC P-384', code: 'certificate-weak-signature' },
    { name: 'leaf-pss-sha256', key: 'EC P-384', code: 'read' },
    // its own key signed it, so the signature proves nothing either way
    { name: 'authority-sha1', key: 'RSA 2048', code: 'read', use: 'trust-anchor' },
    // the same names, but another key signed it
    { name: 'leaf-looks-self-issued', key: 'EC P-384', code: 'certificate-weak-signature' },
    { name: 'authority', key: 'EC P-256', code: 'read', use: 'trust-anchor' },
    { name: 'authority-rsa', key: 'RSA 2048', code: 'certificate-wrong-kind', use: 'server' },
    { name: 'no-constraints', key: 'EC P-256', code: 'certificate-wrong-kind', use: 'trust-anchor' },
    { name: 'names', key: 'EC P-256', code: 'read', use: 'server' },
    { name: 'dates-1950', key: 'EC P-256', code: 'read', use: 'server' },
  ],
  ({ name, key, use = 'trust-anchor-or-server', code }) => {
    const read = load(name);
    assert.is(read.key, key);
    assert.is(outcome(checkAcceptable(read, use)), code);
  },
);

test('the two places of the signature algorithm must agree (RFC 5280 §4.1.1.2)', () => {
  const sha512 = Buffer.from(leaf);
  const oid = Buffer.from('2a8648ce3d040302', 'hex');
  sha512[sha512.lastIndexOf(oid) + oid.length - 1] = 4;
  const read = parseCertificate(sha512);
  assert.ok(read.ok);
  assert.equal(faultOf(checkAcceptable(read.value, 'server')), {
    code: 'certificate-weak-signature',
    kind: 'rejected',
    facts: { algorithm: 'unreadable', owner: 'leaf' },
  });
});

test('an RSA exponent of 1 or an even one makes a weak key', () => {
  const judged: string[] = [];
  for (const exponent of [1, 2, 0x10000]) {
    const changed = Buffer.from(rsa);
    const at = changed.indexOf(Buffer.from('0203010001', 'hex'));
    changed.writeUIntBE(exponent, at + 2, 3);
    const read = parseCertificate(changed);
    judged.push(read.ok ? outcome(checkAcceptable(read.value, 'server')) : 'unreadable');
  }
  assert.equal(judged, ['certificate-weak-key', 'certificate-weak-key', 'certificate-weak-key']);
});

/** The same certificate with its outermost length left open (X.690 §8.1.3.6): BER, not DER. */
const indefinite = Buffer.concat([Buffer.from([0x30, 0x80]), leaf.subarray(4), Buffer.from([0, 0])]);
const longLength = Buffer.concat([Buffer.from([0x30, 0x83, 0]), leaf.subarray(2)]);

table<{ name: string; der: Uint8Array; code: string }>(
  'DER that is not exactly one certificate',
  [
    { name: 'nothing', der: new Uint8Array(), code: 'certificate-unreadable' },
    { name: 'one byte', der: Uint8Array.of(0x30), code: 'certificate-unreadable' },
    { name: 'empty sequence', der: Uint8Array.of(0x30, 0), code: 'certificate-unreadable' },
    { name: 'a byte behind', der: Buffer.concat([leaf, Buffer.of(0)]), code: 'certificate-unreadable' },
    { name: 'a line end behind', der: Buffer.concat([leaf, Buffer.from('\n')]), code: 'certificate-unreadable' },
    { name: 'two in a row', der: Buffer.concat([leaf, leaf]), code: 'certificate-unreadable' },
    { name: 'a byte before', der: Buffer.concat([Buffer.of(0), leaf]), code: 'certificate-unreadable' },
    { name: 'cut', der: leaf.subarray(0, -1), code: 'certificate-unreadable' },
    { name: 'indefinite length', der: indefinite, code: 'certificate-unreadable' },
    { name: 'length not the shortest', der: longLength, code: 'certificate-unreadable' },
    {
      name: 'length of four gigabytes',
      der: Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff),
      code: 'certificate-unreadable',
    },
    { name: 'deeply nested', der: nested(4000), code: 'certificate-unreadable' },
    { name: 'a PEM file', der: Buffer.from(leafPem), code: 'certificate-unreadable' },
    { name: 'at the limit', der: Buffer.alloc(maxCertificateBytes), code: 'certificate-unreadable' },
    { name: 'above the limit', der: Buffer.alloc(maxCertificateBytes + 1), code: 'certificate-too-large' },
  ],
  ({ der, code }) => assert.is(outcome(parseCertificate(der)), code),
);

function nested(depth: number): Buffer {
  let inner = Buffer.from([0x30, 0]);
  for (let level = 0; level < depth; level++) {
    const length = inner.length;
    const head =
      length < 0x80 ? [0x30, length] : length < 0x100 ? [0x30, 0x81, length] : [0x30, 0x82, length >> 8, length & 255];
    if (length + head.length > maxCertificateBytes) return inner;
    inner = Buffer.concat([Buffer.from(head), inner]);
  }
  return inner;
}

const other = toPem(rsa);
const broken = leafPem.replace(/\n.{64}\n/, '\n');
const keyPem = '-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n';

table<{ name: string; file: string | Uint8Array; count?: number; code?: string; block?: number }>(
  'files (RFC 7468 §5; F28, F29)',
  [
    { name: 'DER', file: leaf, count: 1 },
    { name: 'PEM', file: leafPem, count: 1 },
    { name: 'two', file: leafPem + other, count: 2 },
    { name: 'CRLF', file: leafPem.replaceAll('\n', '\r\n'), count: 1 },
    { name: 'CR alone', file: leafPem.replaceAll('\n', '\r'), count: 1 },
    { name: 'trailing blanks and tabs', file: leafPem.replaceAll('\n', ' \t \n'), count: 1 },
    { name: 'blank lines', file: leafPem.replaceAll('\n', '\n\n'), count: 1 },
    { name: 'NUL at the end', file: `${leafPem}\0`, count: 1 },
    { name: 'one long line', file: `-----BEGIN CERTIFICATE-----${toBase64(leaf)}-----END CERTIFICATE-----`, count: 1 },
    { name: 'text around', file: `subject=Сервер\n${leafPem}notes\n- - -\n${other}end`, count: 2 },
    { name: 'a byte order mark', file: `\ufeff${leafPem}`, count: 1 },
    { name: 'with its private key', file: keyPem + leafPem, count: 1 },
    { name: 'X509 CERTIFICATE', file: leafPem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE'), count: 1 },
    {
      name: 'TRUSTED CERTIFICATE with nothing behind',
      file: leafPem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'),
      count: 1,
    },
    { name: 'TRUSTED CERTIFICATE with trust settings', file: fileOf('trusted'), block: 1 },
    { name: 'empty', file: '', code: 'certificate-unreadable' },
    { name: 'text', file: 'hello', code: 'certificate-unreadable' },
    { name: 'DER and a byte', file: Buffer.concat([leaf, Buffer.of(0)]), code: 'certificate-unreadable' },
    { name: 'a private key alone', file: keyPem, block: 1 },
    { name: 'the first of two bad', file: broken + other, block: 1 },
    { name: 'the second of two bad', file: other + broken, block: 2 },
    { name: 'the last not closed', file: leafPem + other.slice(0, other.indexOf('-----END')), block: 2 },
    { name: 'the first not closed', file: leafPem.slice(0, leafPem.indexOf('-----END')) + other, block: 1 },
    { name: 'closed by another label', file: leafPem.replace('END CERT', 'END X509 CERT'), block: 1 },
    { name: 'empty block', file: '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', block: 1 },
    { name: 'a dash in the base64', file: leafPem.replace('\nMII', '\nMI-I'), block: 1 },
    { name: 'padding in the middle', file: leafPem.replace('\nMII', '\nMI=I'), block: 1 },
    { name: 'trailing bytes inside the block', file: leafPem + toPem(Buffer.concat([leaf, Buffer.of(0)])), block: 2 },
    { name: 'too many certificates', file: leafPem.repeat(maxCertificates + 1), code: 'too-many-certificates' },
    {
      name: 'a block too large',
      file: leafPem + toPem(Buffer.alloc(maxCertificateBytes + 1)),
      code: 'certificate-too-large',
    },
    { name: 'too large', file: Buffer.alloc(8 * 1024 * 1024 + 1, '-----BEGIN CERTIFICATE-----'), code: 'too-large' },
    { name: 'a million beginnings', file: '-----BEGIN CERTIFICATE-----'.repeat(300_000), block: 1 },
  ],
  ({ file, count, code, block }) => {
    const read = readCertificateFile(typeof file === 'string' ? Buffer.from(file) : file);
    if (count !== undefined) {
      assert.ok(read.ok, JSON.stringify(faultOf(read)));
      assert.is(read.value.length, count);
      assert.equal(Buffer.from(read.value[0]?.der ?? []), leaf);
      return;
    }
    assert.is(outcome(read), code ?? 'certificate-unreadable');
    if (block !== undefined) assert.equal(faultOf(read).facts, { block });
  },
);

test('as many certificates as are allowed are read', () => {
  const read = readCertificateFile(Buffer.from(leafPem.repeat(maxCertificates)));
  assert.ok(read.ok && read.value.length === maxCertificates);
});

test('PEM is written as RFC 7468 §2 and OpenSSL write it', () => {
  assert.is(toPem(derOf(fileOf('rsa4096'))), fileOf('rsa4096').toString());
  assert.is(toPem(Buffer.alloc(48)).split('\n')[1]?.length, 64);
  assert.is(toPem(Buffer.alloc(48)).split('\n')[2], '-----END CERTIFICATE-----');
});

test('fingerprints are grouped by four', () => assert.is(groupFingerprint('0123456789ab'), '0123 4567 89ab'));

test('a view keeps to the bounds of its shape', () => {
  const long = 'x'.repeat(5000);
  const view = viewCertificate(
    { ...load('leaf'), owner: long, subject: long, issuer: long, serial: long, names: [long] },
    { purpose: 'rdp', source: 'policy', file: '', slot: null, addedAt: 0 },
  );
  assert.equal(
    [view.owner, view.subject, view.issuer, view.serial, view.names[0]].map((text) => text?.length),
    [300, 1000, 1000, 80, 300],
  );
});

table(
  'object identifiers (X.690 §8.19)',
  [
    { name: '1.2.840.113549.1.1.11', hex: '06092a864886f70d01010b' },
    { name: '2.5.29.17', hex: '0603551d11' },
    { name: '2.999', hex: '06028837' },
    { name: '0.39', hex: '060127' },
    { name: 'null: empty', hex: '0600' },
    { name: 'null: unfinished', hex: '06022a86' },
    { name: 'null: a part too long', hex: '06062affffffff7f' },
    { name: 'null: another tag', hex: '04012a' },
  ],
  ({ name, hex }) => {
    const element = readDer(Buffer.from(hex, 'hex'));
    assert.is(oidOf(element ?? undefined), name.startsWith('null') ? null : name);
  },
);

// properties

const parsed = /^(read|certificate-unreadable)$/;
const refused = /^(read|certificate-weak-key|certificate-weak-signature)$/;

function judge(der: Uint8Array): void {
  const read = parseCertificate(der);
  assert.match(outcome(read), parsed);
  if (!read.ok) return;
  assert.equal(Buffer.from(read.value.der), Buffer.from(der));
  assert.match(outcome(checkAcceptable(read.value, 'trust-anchor-or-server')), refused);
  for (const text of [read.value.owner, read.value.subject, read.value.issuer, ...read.value.names])
    assert.not.match(text, /\p{Cc}/u);
}

test('random bytes, 10^4 runs of up to 512: never a throw', () => {
  const sequence = fc.uint8Array({ maxLength: 127 }).map((inner) => Uint8Array.of(0x30, inner.length, ...inner));
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 512 }), sequence), judge), runs);
});

test('certificates with up to eight bytes changed, 10^4 runs: never a throw, and what parses is what was given', () => {
  const samples = ['leaf', 'rsa2048', 'names-tricky', 'subject-forged', 'leaf-pss-sha1', 'ed25519'].map((name) =>
    derOf(fileOf(name)),
  );
  const change = fc.tuple(fc.nat(4095), fc.nat(255));
  let read = 0;
  fc.assert(
    fc.property(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 8 }), (sample, changes) => {
      const changed = Buffer.from(sample);
      for (const [at, value] of changes) changed[at % changed.length] = value;
      judge(changed);
      if (parseCertificate(changed).ok) read++;
    }),
    runs,
  );
  assert.ok(read > 500, `only ${read} changed certificates parse: the property looks at too little`);
});

test('certificates cut, doubled or spliced, 10^4 runs: never a throw', () => {
  fc.assert(
    fc.property(fc.nat(leaf.length), fc.nat(rsa.length), fc.boolean(), (one, two, outer) => {
      const spliced = Buffer.concat([leaf.subarray(0, one), rsa.subarray(two)]);
      if (outer && spliced.length > 4) spliced.writeUInt16BE(Math.max(spliced.length - 4, 0), 2);
      judge(spliced);
    }),
    runs,
  );
});

test('DER elements, 10^4 runs of up to 200 bytes: inside what was given, and the children fill their parent', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const element = readDer(bytes);
      if (!element) return;
      assert.ok(element.whole.length <= bytes.length && element.value.length <= element.whole.length - 2);
      const children = derChildren(element.value);
      const filled = children.reduce((sum, child) => sum + child.whole.length, 0);
      assert.ok(children.length === 0 || filled === element.value.length);
      oidOf(element);
    }),
    runs,
  );
});

test('PEM and DER turn into each other and back, 10^4 runs of up to 300 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      const read = readPem(toPem(bytes), 'CERTIFICATE');
      assert.ok(read.ok);
      assert.equal(
        read.value.map((block) => Buffer.from(block)),
        [Buffer.from(bytes)],
      );
      assert.is(toPem(read.value[0] ?? new Uint8Array()), toPem(bytes));
      assert.equal(Buffer.from(fromBase64(toBase64(bytes))), Buffer.from(bytes));
    }),
    runs,
  );
});

test('any text in and around a PEM file, 10^4 runs: the certificates or a fault with a block, never a throw', () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 40, unit: 'binary' }),
    fc.constantFrom(
      leafPem,
      other,
      broken,
      '-----BEGIN CERTIFICATE-----',
      '-----END CERTIFICATE-----',
      'MIIB',
      '=',
      '-',
      '\r\n',
      '\0',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const text = pieces.join('\n');
      const read = readCertificateFile(Buffer.from(text));
      assert.match(outcome(read), parsed);
      if (read.ok) assert.is(read.value.length, text.split('-----BEGIN CERTIFICATE-----').length - 1);
    }),
    runs,
  );
});
