/** The first answer of an RDP server, as MS-RDPBCGR has it and as nobody should send it. */
import fc from 'fast-check';
import { connectionRequest, type Negotiated, readConfirm } from '../../agent/edge/x224.ts';
import { assert, table, test } from '../harness.ts';

const from = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const confirm = (type: number, value: number): string =>
  `03 00 00 13 0e d0 00 00 12 34 00 ${[type, 0, 8, 0, value, 0, 0, 0].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}`;
const describe = (answer: Negotiated): string =>
  answer.at === 'failed' ? answer.fault.code : answer.at === 'tls' ? (answer.hybrid ? 'hybrid' : 'tls') : answer.at;

test('the request offers TLS and CredSSP (MS-RDPBCGR 2.2.1.1)', () =>
  assert.equal(Buffer.from(connectionRequest()), from('03 00 00 13 0e e0 00 00 00 00 00 01 00 08 00 03 00 00 00')));

table(
  'readConfirm',
  [
    { name: 'TLS (MS-RDPBCGR 4.1.2)', hex: confirm(2, 1), expected: 'tls' },
    { name: 'CredSSP', hex: confirm(2, 2), expected: 'hybrid' },
    {
      name: 'TLS, flags of extended client data',
      hex: '03 00 00 13 0e d0 00 00 12 34 00 02 1f 08 00 01 00 00 00',
      expected: 'tls',
    },
    { name: 'RDP security chosen', hex: confirm(2, 0), expected: 'rdp-no-tls' },
    { name: 'a server older than negotiation', hex: '03 00 00 0b 06 d0 00 00 12 34 00', expected: 'rdp-no-tls' },
    { name: 'a protocol nobody asked for', hex: confirm(2, 8), expected: 'not-rdp' },
    { name: 'two protocols at once', hex: confirm(2, 3), expected: 'not-rdp' },
    { name: 'SSL_REQUIRED_BY_SERVER', hex: confirm(3, 1), expected: 'rdp-refused' },
    { name: 'SSL_NOT_ALLOWED_BY_SERVER', hex: confirm(3, 2), expected: 'rdp-no-tls' },
    { name: 'SSL_CERT_NOT_ON_SERVER', hex: confirm(3, 3), expected: 'rdp-no-tls' },
    { name: 'HYBRID_REQUIRED_BY_SERVER', hex: confirm(3, 5), expected: 'rdp-refused' },
    { name: 'a failure of later days', hex: confirm(3, 99), expected: 'rdp-refused' },
    { name: 'a request for an answer', hex: confirm(1, 1), expected: 'not-rdp' },
    { name: 'another type', hex: confirm(4, 1), expected: 'not-rdp' },
    { name: 'disconnect request', hex: '03 00 00 0b 06 80 00 00 12 34 00', expected: 'rdp-refused' },
    { name: 'a TPDU of another kind', hex: '03 00 00 0b 06 f0 00 00 12 34 00', expected: 'not-rdp' },
    { name: 'nothing yet', hex: '', expected: 'more' },
    { name: 'one byte', hex: '03', expected: 'more' },
    { name: 'the header alone', hex: '03 00 00 13', expected: 'more' },
    { name: 'all but the last byte', hex: confirm(2, 1).slice(0, -3), expected: 'more' },
    { name: 'one byte too many', hex: `${confirm(2, 1)} 16`, expected: 'not-rdp' },
    { name: 'another version of TPKT', hex: '02 00 00 13', expected: 'not-rdp' },
    { name: 'an SSH banner', hex: Buffer.from('SSH-2.0-x').toString('hex'), expected: 'not-rdp' },
    { name: 'a TLS record', hex: '16 03 03 00 7a', expected: 'not-rdp' },
    { name: 'a length too small', hex: '03 00 00 0a', expected: 'not-rdp' },
    { name: 'a length too large', hex: '03 00 10 00', expected: 'not-rdp' },
    { name: 'a length indicator that differs', hex: confirm(2, 1).replace('0e d0', '0d d0'), expected: 'not-rdp' },
    {
      name: 'a negotiation of another length',
      hex: '03 00 00 13 0e d0 00 00 12 34 00 02 00 09 00 01 00 00 00',
      expected: 'not-rdp',
    },
    { name: 'a negotiation cut short', hex: '03 00 00 0f 0a d0 00 00 12 34 00 02 00 08 00', expected: 'not-rdp' },
  ],
  ({ hex, expected }) => assert.is(describe(readConfirm(from(hex), 'a:1')), expected),
);

/** Whatever comes, a byte at a time: it ends within 64 bytes, and what is decided stays decided only on whole packets. */
const settles = (bytes: Uint8Array): void => {
  const at = Array.from({ length: bytes.length + 1 }, (_, length) => readConfirm(bytes.subarray(0, length), 'a:1'));
  const first = at.findIndex((answer) => answer.at !== 'more');
  if (bytes.length > 64) assert.ok(first >= 0 && first <= 64);
  if (first >= 0 && at[first]?.at === 'tls') assert.is(first, 19);
};

test('readConfirm never throws and is bounded: 0 to 200 bytes of anything', () =>
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), settles), { numRuns: 10_000 }));

test('readConfirm: answers with up to four bytes changed', () => {
  const change = fc.tuple(fc.nat({ max: 18 }), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(
      fc.constantFrom(2, 3),
      fc.nat({ max: 9 }),
      fc.array(change, { maxLength: 4 }),
      (type, value, changes) => {
        const bytes = from(confirm(type, value));
        for (const [place, byte] of changes) bytes[place] = byte;
        settles(bytes);
      },
    ),
    { numRuns: 10_000 },
  );
});
