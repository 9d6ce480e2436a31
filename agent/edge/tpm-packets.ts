/**
 * The five commands of a TPM 2.0 that a device key needs, as octets and back (TCG TPM 2.0 Library, part 2 for structures, part 3
 * for commands), and the file a key lies in: what the TPM has wrapped, in the form of OpenSSL's providers (`TSS2 PRIVATE KEY`).
 */

import { algorithm, bitString, integer, objectId, octets, sequence } from '../../protocol/asn1.ts';
import { derChildren, derTag, oidOf, readDer, writeDer } from '../../protocol/der.ts';

/** As the TPM wrapped it: TPM2B_PUBLIC and TPM2B_PRIVATE, whole. */
export type Wrapped = { readonly publicArea: Uint8Array; readonly privateArea: Uint8Array };
/** `code` is 0 where the command was done. */
export type Answer = { readonly code: number; readonly body: Uint8Array };

const owner = 0x40000001;
const noHierarchy = 0x40000007;
const passwordSession = 0x40000009;
const algorithms = { sha256: 0x000b, sha384: 0x000c, sha512: 0x000d, none: 0x0010, ecdsa: 0x0018, ecc: 0x0023 };
const p256 = 0x0003;
const p256Bytes = 32;
const attributes = {
  fixedTpm: 1 << 1,
  fixedParent: 1 << 4,
  sensitiveDataOrigin: 1 << 5,
  userWithAuth: 1 << 6,
  noDa: 1 << 10,
  restricted: 1 << 16,
  decrypt: 1 << 17,
  sign: 1 << 18,
};
/** Made in the TPM, never to leave it or its parent. No dictionary attack: there is no password to guess. */
const stays =
  attributes.fixedTpm |
  attributes.fixedParent |
  attributes.sensitiveDataOrigin |
  attributes.userWithAuth |
  attributes.noDa;
const loadableKey = '2.23.133.10.1.3';
const headerBytes = 10;

const u16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff);
const u32 = (value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value >>> 0);
  return octets;
};
/** TPM2B_…: the length, and what has it. */
const sized = (...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  return Buffer.concat([u16(content.length), content]);
};
const nothing = sized();

/** TPMT_PUBLIC of an EC key on P-256 without a policy, its point left open. */
const template = (kind: number, symmetric: Buffer): Buffer =>
  Buffer.concat([
    ...[u16(algorithms.ecc), u16(algorithms.sha256), u32(stays | kind), nothing],
    ...[symmetric, u16(algorithms.none), u16(p256), u16(algorithms.none), nothing, nothing],
  ]);
/** AES-128 in CFB mode. The same at every start, and so is the key that the TPM makes of it: nothing has to be kept there. */
const parentTemplate = template(
  attributes.restricted | attributes.decrypt,
  Buffer.concat([u16(0x0006), u16(128), u16(0x0043)]),
);
const keyTemplate = template(attributes.sign, u16(algorithms.none));

/** The parent of all our keys, made of the owner's seed. */
export const createParent = (): Buffer => create(0x131, owner, parentTemplate);
export const createKey = (parent: number): Buffer => create(0x153, parent, keyTemplate);
export const loadKey = (parent: number, { privateArea, publicArea }: Wrapped): Buffer =>
  command(0x157, [parent], privateArea, publicArea);
/** Null for a digest of no hash that TLS signs with. */
export function signDigest(key: number, digest: Uint8Array): Buffer | null {
  const hash = { 32: algorithms.sha256, 48: algorithms.sha384, 64: algorithms.sha512 }[digest.length];
  if (hash === undefined) return null;
  // TPMT_TK_HASHCHECK of a digest that was made elsewhere.
  const ticket = Buffer.concat([u16(0x8024), u32(noHierarchy), nothing]);
  return command(0x15d, [key], sized(digest), u16(algorithms.ecdsa), u16(hash), ticket);
}
export const flush = (handle: number): Buffer =>
  Buffer.concat([u16(0x8001), u32(headerBytes + 4), u32(0x165), u32(handle)]);

/** Null for what is no answer. */
export function readAnswer(packet: Uint8Array): Answer | null {
  const view = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
  if (view.length < headerBytes || view.readUInt32BE(2) !== view.length) return null;
  return { code: view.readUInt32BE(6), body: view.subarray(headerBytes) };
}

/** Of a key that was created or loaded to stay for a while; null where the answer is cut short. */
export const handleOf = ({ body }: Answer): number | null =>
  body.length < 4 ? null : Buffer.from(body.buffer, body.byteOffset, 4).readUInt32BE(0);

export function wrappedOf(answer: Answer): Wrapped | null {
  const [privateArea, publicArea] = takeSized(answer.body.subarray(4), 2);
  return privateArea && publicArea ? { privateArea, publicArea } : null;
}

/** DER (RFC 3279 §2.2.3) of TPMT_SIGNATURE. */
export function signatureOf(answer: Answer): Uint8Array | null {
  const [r, s] = takeSized(answer.body.subarray(4 + 4), 2);
  return r && s ? sequence(integer(r.subarray(2)), integer(s.subarray(2))) : null;
}

/** SubjectPublicKeyInfo (RFC 5480); null for a key that is not one of ours. */
export function spkiOfWrapped({ publicArea }: Wrapped): Uint8Array | null {
  const head = sized(keyTemplate).subarray(2, -4);
  const found = publicArea.subarray(2, 2 + head.length);
  const [x, y] = takeSized(publicArea.subarray(2 + head.length), 2).map((each) => each.subarray(2));
  if (Buffer.compare(found, head) !== 0 || !x || !y || x.length > p256Bytes || y.length > p256Bytes) return null;
  const point = Buffer.concat([Buffer.of(0x04), padded(x), padded(y)]);
  return sequence(algorithm('1.2.840.10045.2.1', objectId('1.2.840.10045.3.1.7')), bitString(point));
}

/** `TPMKey` of the OpenSSL providers: without a password, below the key that is made of the owner's seed. */
export const writeWrapped = ({ privateArea, publicArea }: Wrapped): Uint8Array =>
  sequence(
    objectId(loadableKey),
    writeDer(0xa0, Buffer.of(0x01, 0x01, 0xff)),
    integer(u32(owner)),
    octets(publicArea),
    octets(privateArea),
  );

/** Null for anything `writeWrapped` would not write. */
export function readWrapped(der: Uint8Array): Wrapped | null {
  const whole = readDer(der);
  if (whole?.tag !== derTag.sequence) return null;
  const [type, , , publicArea, privateArea] = derChildren(whole.value, 5);
  if (oidOf(type) !== loadableKey || !publicArea || !privateArea) return null;
  const wrapped = { publicArea: publicArea.value, privateArea: privateArea.value };
  return Buffer.compare(writeWrapped(wrapped), der) === 0 && spkiOfWrapped(wrapped) ? wrapped : null;
}

/** No secret of the caller's goes in: the TPM makes the key. */
const create = (code: number, parent: number, made: Buffer): Buffer =>
  command(code, [parent], sized(nothing, nothing), sized(made), nothing, u32(0));

/** Each with the empty password. */
function command(code: number, handles: readonly number[], ...parameters: readonly Uint8Array[]): Buffer {
  const session = Buffer.concat([u32(passwordSession), nothing, Buffer.of(0), nothing]);
  const body = Buffer.concat([...handles.map(u32), u32(session.length), session, ...parameters]);
  return Buffer.concat([u16(0x8002), u32(headerBytes + body.length), u32(code), body]);
}

/** The first TPM2Bs, each with its length; fewer where the octets end. */
function takeSized(bytes: Uint8Array, count: number): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let rest = bytes; found.length < count; rest = rest.subarray(found.at(-1)?.length)) {
    const [high, low] = rest;
    if (high === undefined || low === undefined) return found;
    const end = 2 + high * 256 + low;
    if (rest.length < end) return found;
    found.push(rest.subarray(0, end));
  }
  return found;
}

const padded = (value: Uint8Array): Buffer => Buffer.concat([Buffer.alloc(p256Bytes - value.length), value]);
