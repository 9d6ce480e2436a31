import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { openJws, thumbprint } from '../../protocol/jws.ts';
import { makeSigningKey, publicKeyOf, signDocument } from '../../server/edge/sign.ts';
import { assert, rejects, test } from '../harness.ts';

test('a signed document opens with its key and gives its payload back', () => {
  const { publicKey, keyPkcs8 } = makeSigningKey();
  const payload = { aud: 'a', rev: 1, text: 'Ключ — 鍵' };
  const opened = openJws(signDocument('policy', keyPkcs8, publicKey, payload), 'policy', [publicKey]);
  if (!opened.ok) return assert.unreachable(opened.fault.code);
  assert.is(opened.value.kid, thumbprint(publicKey));
  assert.equal(JSON.parse(Buffer.from(opened.value.payload).toString()), payload);
});

test('a document opens as no other type, and by no other key', () => {
  const { publicKey, keyPkcs8 } = makeSigningKey();
  const token = signDocument('policy', keyPkcs8, publicKey, {});
  const asDevice = openJws(token, 'device', [publicKey]);
  const byOther = openJws(token, 'policy', [makeSigningKey().publicKey]);
  assert.is(asDevice.ok ? '' : asDevice.fault.code, 'wrong-type');
  assert.is(byOther.ok ? '' : byOther.fault.code, 'unknown-key');
});

test('a document signed by a key under the name of another is refused', () => {
  const { publicKey } = makeSigningKey();
  const token = signDocument('policy', makeSigningKey().keyPkcs8, publicKey, {});
  const opened = openJws(token, 'policy', [publicKey]);
  assert.is(opened.ok ? '' : opened.fault.code, 'bad-signature');
});

test('keys are new each time, on P-256, and their public half can be had again', () => {
  const first = makeSigningKey();
  const second = makeSigningKey();
  assert.is.not(first.publicKey.x, second.publicKey.x);
  assert.equal(publicKeyOf(first.keyPkcs8), first.publicKey);
  const key = createPublicKey({ key: { ...first.publicKey }, format: 'jwk' });
  assert.is(key.asymmetricKeyDetails?.namedCurve, 'prime256v1');
});

test('a key of another kind is a programmer error', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  await rejects(async () => publicKeyOf(privateKey.export({ format: 'der', type: 'pkcs8' })), /not a P-256 key/);
});
