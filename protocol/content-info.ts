/** The outer layers of the Cryptographic Message Syntax (RFC 5652), which PKCS #7 files and enrolment share. */
import { contextTag, derChildren, derTag, oidOf, readDer, type Tlv } from './der.ts';

export const contentType = {
  data: '1.2.840.113549.1.7.1',
  signed: '1.2.840.113549.1.7.2',
  enveloped: '1.2.840.113549.1.7.3',
} as const;

/** Fields of a SignedData or EnvelopedData and a few more; who has more hides something. */
const maxFields = 8;

/**
 * ContentInfo in DER (§3) → the fields of its content, a SEQUENCE, the first eight; null where it is none or of another type.
 * What stands behind the message is not looked at.
 */
export function fieldsOf(der: Uint8Array, type: string): readonly Tlv[] | null {
  const outer = readDer(der);
  if (outer?.tag !== derTag.sequence) return null;
  const [name, explicit] = derChildren(outer.value, maxFields);
  if (oidOf(name) !== type || explicit?.tag !== contextTag(0)) return null;
  const content = readDer(explicit.value);
  return content?.tag === derTag.sequence ? derChildren(content.value, maxFields) : null;
}

/**
 * What stands among the certificates of a SignedData (§5.1), the first `most`; none where there is none, or where what stands
 * there is no DER. §10.2.2 knows other kinds than X.509.
 */
export function certificatesIn(signed: readonly Tlv[], most: number): readonly Uint8Array[] {
  const set = signed.find(({ tag }) => tag === contextTag(0));
  return derChildren(set?.value ?? new Uint8Array(), most).map(({ whole }) => whole);
}
