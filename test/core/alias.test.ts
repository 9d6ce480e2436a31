import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { fingerprintsOf } from '../../protocol/alias.ts';
import { fingerprintOf } from '../../protocol/certificate.ts';
import { ecKey, issue, rsaKey } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const pkits = new URL('../vectors/pkits/certs/', import.meta.url);

const curves = ['prime256v1', 'secp384r1', 'secp521r1'].map((name) => ({ name }));

table('both spellings of an ECDSA certificate know each other', curves, ({ name }) => {
  for (let count = 0; count < 30; count++) {
    const { der, twin } = issue({ cn: `Leaf ${count}`, key: ecKey(name), dns: ['host.example'] });
    assert.ok(twin);
    if (!twin) return;
    assert.ok(fingerprintsOf(der).includes(fingerprintOf(twin)), 'first to second');
    assert.ok(fingerprintsOf(twin).includes(fingerprintOf(der)), 'second to first');
    assert.is(fingerprintsOf(der)[0], fingerprintOf(der));
  }
});

test('a certificate signed with RSA or DSA has one fingerprint', () => {
  const { der } = issue({ cn: 'RSA', key: rsaKey(2048) });
  assert.equal(fingerprintsOf(der), [fingerprintOf(der)]);
  for (const file of readdirSync(pkits).slice(0, 50))
    assert.is(fingerprintsOf(readFileSync(new URL(file, pkits))).length, 1, file);
});

// Bounds: 10^4 runs each, up to 1 KiB of any bytes, and a good certificate with one byte changed or its end missing.
test('any bytes have at least their own fingerprint', () => {
  const holds = (bytes: Uint8Array): boolean => fingerprintsOf(bytes)[0] === fingerprintOf(bytes);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1024 }), holds), { numRuns: 10_000 });
  const { der } = issue({ cn: 'Leaf', dns: ['host.example'] });
  const near = fc.tuple(fc.nat(der.length - 1), fc.nat(255), fc.nat(der.length)).map(([at, byte, end]) => {
    const copy = Buffer.from(der);
    copy[at] = byte;
    return copy.subarray(0, end);
  });
  fc.assert(fc.property(near, holds), { numRuns: 10_000 });
});
