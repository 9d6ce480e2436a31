/** Names in a directory of OpenSSL; 500 subjects of all kinds beside `openssl rehash`: `edge/export`. */
import fc from 'fast-check';
import { writeDer } from '../../protocol/der.ts';
import { subjectHash } from '../../protocol/subject-hash.ts';
import { issue } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const ours = Buffer.from(issue({ cn: 'root' }).der);
/** A certificate as far as it is looked at: version, serial, algorithm, issuer, validity, subject. */
const named = (subject: Buffer): Buffer => {
  const empty = writeDer(0x30);
  return writeDer(0x30, writeDer(0x30, writeDer(0xa0), writeDer(0x02), empty, empty, empty, subject));
};
const commonName = (tag: number, text: Buffer): Buffer =>
  named(writeDer(0x30, writeDer(0x31, writeDer(0x30, writeDer(0x06, Buffer.of(0x55, 4, 3)), writeDer(tag, text)))));

table(
  'subjectHash (openssl x509 -subject_hash)',
  [
    { name: 'an empty subject', der: named(writeDer(0x30)), expected: 'eea339da' },
    { name: 'UTF-8', der: commonName(0x0c, Buffer.from('root')), expected: subjectHash(ours) },
    { name: 'capitals and blanks', der: commonName(0x13, Buffer.from('  RooT ')), expected: subjectHash(ours) },
    { name: 'UTF-16', der: commonName(0x1e, Buffer.from('\0r\0o\0o\0t')), expected: subjectHash(ours) },
    { name: 'half a letter of UTF-16', der: commonName(0x1e, Buffer.from('\0r\0')), expected: null },
    { name: 'no UTF-8', der: commonName(0x0c, Buffer.of(0xff)), expected: null },
    { name: 'UTF-32 above Unicode', der: commonName(0x1c, Buffer.of(0, 0x11, 0, 0)), expected: null },
    { name: 'no certificate', der: Buffer.from('a'), expected: null },
  ],
  ({ der, expected }) => assert.is(subjectHash(der), expected),
);

test('any bytes, and any bytes for a name, are a hash or none (up to 400 bytes)', () => {
  const bytes = fc.uint8Array({ maxLength: 400 });
  const tag = fc.constantFrom(0x0c, 0x13, 0x14, 0x16, 0x1c, 0x1e, 0x12, 0x30);
  const certificate = fc.oneof(
    bytes.map((each) => Buffer.from(each)),
    bytes.map((each) => named(writeDer(0x30, Buffer.from(each)))),
    fc.tuple(tag, bytes).map(([kind, each]) => commonName(kind, Buffer.from(each))),
  );
  fc.assert(
    fc.property(certificate, (der) => {
      assert.match(subjectHash(der) ?? '00000000', /^[0-9a-f]{8}$/);
    }),
    { numRuns: 10_000 },
  );
});
