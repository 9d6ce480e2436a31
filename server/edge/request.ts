/**
 * Certificate signing requests (PKCS#10, RFC 2986) from devices. The outer layout is read by asn1js; key and proof of
 * possession are judged by `node:crypto`. Extensions a request asks for are ignored: what is issued, the server decides.
 */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import * as asn1js from 'asn1js';
import { bad, good, type Result } from '../../protocol/fault.ts';

export type CertificateRequest = {
  /** SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) in the one spelling OpenSSL gives it, so that equal keys are equal bytes. */
  readonly publicKeyDer: Uint8Array;
  /** Common name asked for: the device's hardware id, free text without control characters; empty if there is none. */
  readonly subject: string;
};

export const maxRequestBytes = 16 * 1024;
const minRsaBits = 2048;
const maxRsaBits = 8192;
/** 3 and 17 are legal, and the keys of broken old tools. */
const leastExponent = 65537n;
const maxSubject = 200;
/** What asn1js may unfold: a request with a dozen names and attributes needs a tenth of it. */
const bounds = { maxDepth: 16, maxNodes: 1000 };
const commonName = '2.5.4.3';
const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
/** ECDSA and RSA PKCS #1 v1.5 with SHA-256, -384, -512 (RFC 5758 §3.2, RFC 8017 §A.2.4). */
const signatures: Readonly<Record<string, { readonly type: string; readonly hash: string }>> = {
  '1.2.840.10045.4.3.2': { type: 'ec', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { type: 'ec', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { type: 'ec', hash: 'sha512' },
  '1.2.840.113549.1.1.11': { type: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { type: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { type: 'rsa', hash: 'sha512' },
};

type Parts = {
  /** CertificationRequestInfo, the bytes that are signed. */
  readonly info: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly subject: asn1js.Sequence;
  readonly algorithm: string;
  readonly signature: Uint8Array;
};

/**
 * Reads one DER request whose signature proves possession of the key: EC P-256, P-384, P-521, or RSA of 2048–8192 bits.
 * Faults: `too-large`; `csr-refused` with `reason`: `unreadable`, `key`, `algorithm`, `signature`.
 */
export function readRequest(csrDer: Uint8Array): Result<CertificateRequest> {
  if (csrDer.length > maxRequestBytes) return bad('too-large', { bytes: csrDer.length, limit: maxRequestBytes });
  const parts = split(csrDer);
  if (!parts) return bad('csr-refused', { reason: 'unreadable' });
  const key = readKey(parts.publicKey);
  if (!key || !strong(key)) return bad('csr-refused', { reason: 'key' });
  const signature = signatures[parts.algorithm];
  if (!signature || signature.type !== key.asymmetricKeyType) return bad('csr-refused', { reason: 'algorithm' });
  if (!holds(signature.hash, parts, key)) return bad('csr-refused', { reason: 'signature' });
  return good({ publicKeyDer: key.export({ format: 'der', type: 'spki' }), subject: commonNameOf(parts.subject) });
}

/** CertificationRequest ::= SEQUENCE { info SEQUENCE { version, subject, key, [0] }, algorithm, signature BIT STRING }. */
function split(csrDer: Uint8Array): Parts | null {
  try {
    const { offset, result } = asn1js.fromBER(Buffer.from(csrDer), bounds);
    if (offset !== csrDer.length || !isSequence(result)) return null;
    // asn1js reads lengths that lie by a byte; what is DER comes out again as it went in.
    if (!Buffer.from(result.toBER()).equals(csrDer)) return null;
    const [info, algorithm, signature, ...rest] = result.valueBlock.value;
    if (!isSequence(info) || !isSequence(algorithm) || rest.length > 0) return null;
    if (!(signature instanceof asn1js.BitString) || signature.valueBlock.unusedBits !== 0) return null;
    const [version, subject, publicKey] = info.valueBlock.value;
    const [name] = algorithm.valueBlock.value;
    if (!(version instanceof asn1js.Integer) || !(name instanceof asn1js.ObjectIdentifier)) return null;
    if (!isSequence(subject) || !isSequence(publicKey)) return null;
    return {
      info: info.valueBeforeDecodeView,
      publicKey: publicKey.valueBeforeDecodeView,
      subject,
      algorithm: name.valueBlock.toString(),
      signature: signature.valueBlock.valueHexView,
    };
  } catch {
    return null;
  }
}

/** asn1js also takes a SEQUENCE whose tag does not say that it is constructed (X.690 §8.9.1), and writes it so again. */
const isSequence = (value: unknown): value is asn1js.Sequence =>
  value instanceof asn1js.Sequence && value.idBlock.isConstructed;

function readKey(spki: Uint8Array): KeyObject | null {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return null;
  }
}

function strong({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (type === 'ec') return curves.has(details?.namedCurve ?? '');
  const bits = details?.modulusLength ?? 0;
  return type === 'rsa' && bits >= minRsaBits && bits <= maxRsaBits && (details?.publicExponent ?? 0n) >= leastExponent;
}

function holds(hash: string, { info, signature }: Parts, key: KeyObject): boolean {
  try {
    return verify(hash, info, key, signature);
  } catch {
    return false;
  }
}

/** Name ::= SEQUENCE OF SET OF SEQUENCE { type, value }; the last common name is the most specific one. */
function commonNameOf(name: asn1js.Sequence): string {
  for (const relative of name.valueBlock.value.toReversed()) {
    if (!(relative instanceof asn1js.Set)) continue;
    for (const pair of relative.valueBlock.value) {
      if (!isSequence(pair)) continue;
      const [type, value] = pair.valueBlock.value;
      if (type instanceof asn1js.ObjectIdentifier && type.valueBlock.toString() === commonName && value)
        return plainText(value);
    }
  }
  return '';
}

function plainText(value: object): string {
  const text: unknown = 'getValue' in value && typeof value.getValue === 'function' ? value.getValue() : '';
  return typeof text === 'string' ? text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '').slice(0, maxSubject) : '';
}
