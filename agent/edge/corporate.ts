/**
 * One certificate for mail or VPN from the server, over the identity of the device. `request`: for a key that is made here and never
 * leaves the device. `delivery`: one that was uploaded, with its key under a key of this request (`protocol/delivery`).
 */
import { createDecipheriv, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { fromBase64, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { deliveryKey, deliveryNonceBytes, deliveryTagBytes } from '../../protocol/delivery.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { CorporateAnswer } from '../../protocol/schema.ts';
import { read } from '../../protocol/validate.ts';
import { makeKey, makeRequest } from './csr.ts';
import { chainOfKey } from './enrol.ts';
import { exchange, faultOfAnswer } from './https.ts';
import type { Credentials } from './tls.ts';

export type CorporateOrder = {
  readonly address: string;
  readonly accept: readonly string[];
  readonly credentials: Credentials;
  readonly device: string;
  /** The device secret, hex. */
  readonly secret: string;
  readonly id: string;
  readonly order: number;
  readonly from: 'request' | 'delivery';
};
/** The key (PKCS#8) and its chain, leaf first, proven to belong together. */
export type CorporateFetched = { readonly pkcs8: Uint8Array; readonly chain: readonly string[] };

const maxAnswerBytes = 512 * 1024;
const timeoutMs = 30_000;
/** SubjectPublicKeyInfo of X25519 (RFC 8410 §4) before the 32 bytes of the key. */
const x25519Prefix = Buffer.from('302a300506032b656e032100', 'hex');

/** Faults: those of `exchange`, what the server answered, `not-pinned`, `server-answer`, `key-mismatch`, `delivery-damaged`. Never throws. */
export async function fetchCorporate(wanted: CorporateOrder): Promise<Result<CorporateFetched>> {
  const { address, accept, credentials, id, order, from } = wanted;
  const own = from === 'request' ? makeKey() : null;
  const pair = generateKeyPairSync('x25519');
  const proof = own ? { csr: toBase64(makeRequest(own, 'thintrust')) } : { key: toBase64(rawOf(pair.publicKey)) };
  const outcome = await exchange({
    address,
    accept,
    credentials,
    authority: null,
    method: 'POST',
    path: '/v1/certificate',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify({ format: 1, id, order, ...proof }),
    maxBytes: maxAnswerBytes,
    timeoutMs,
  });
  if (outcome.at === 'failed') return { ok: false, fault: outcome.fault };
  if (outcome.at === 'presented') return { ok: false, fault: strangerAt(outcome.der) };
  if (outcome.answer.status !== 200) return { ok: false, fault: faultOfAnswer(outcome.answer) };
  const answer = read('corporateAnswer', outcome.answer.body, maxAnswerBytes);
  if (!answer.ok) return bad('server-answer', { cause: answer.fault.code });
  const pkcs8 = own ? good(own) : openSealed(answer.value, wanted, pair);
  if (!pkcs8.ok) return pkcs8;
  const chain = chainOf(answer.value.chain, pkcs8.value);
  return chain.ok ? good({ pkcs8: pkcs8.value, chain: chain.value }) : chain;
}

function openSealed(
  { sealed }: CorporateAnswer,
  { device, secret, id }: CorporateOrder,
  pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
): Result<Uint8Array> {
  if (!sealed) return bad('server-answer', { status: 'no key' });
  try {
    const serverPublic = fromBase64(sealed.key);
    const theirs = createPublicKey({ key: Buffer.concat([x25519Prefix, serverPublic]), format: 'der', type: 'spki' });
    const key = deliveryKey({
      shared: diffieHellman({ privateKey: pair.privateKey, publicKey: theirs }),
      secret: Buffer.from(secret, 'hex'),
      device,
      certificate: id,
      devicePublic: rawOf(pair.publicKey),
      serverPublic,
    });
    const data = Buffer.from(sealed.data, 'base64');
    const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, deliveryNonceBytes), {
      authTagLength: deliveryTagBytes,
    });
    decipher.setAuthTag(data.subarray(-deliveryTagBytes));
    return good(
      Buffer.concat([decipher.update(data.subarray(deliveryNonceBytes, -deliveryTagBytes)), decipher.final()]),
    );
  } catch {
    return bad('delivery-damaged');
  }
}

/** Fault: `key-mismatch`, for what is no key too. */
function chainOf(chain: readonly string[], pkcs8: Uint8Array): Result<readonly string[]> {
  for (const der of chain) {
    const parsed = parseCertificate(fromBase64(der));
    if (!parsed.ok) return parsed;
  }
  try {
    return chainOfKey(chain.map(fromBase64), pkcs8);
  } catch {
    return bad('key-mismatch');
  }
}

function strangerAt(der: string): Fault {
  const parsed = parseCertificate(fromBase64(der));
  return fault('not-pinned', parsed.ok ? { fingerprint: parsed.value.fingerprint } : {});
}

const rawOf = (key: KeyObject): Uint8Array => key.export({ format: 'der', type: 'spki' }).subarray(-32);
