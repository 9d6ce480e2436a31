/** Small shapes that signed documents, the wire and the local files have in common. */
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { maxRotationCharacters } from './limits.ts';

export const open = { additionalProperties: true };
export const closed = { additionalProperties: false };
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const uuid = Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$' });
export const sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });
/** Standard base64 (RFC 4648 §4) of one DER certificate of at most `maxCertificateBytes`. */
export const der = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 22000 });
/** The same of one revocation list of at most `maxRevocationListBytes`. */
export const listDer = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 350_000 });
/** Whether certificates are looked for in revocation lists, and what a missing list means. */
export const revocationMode = Type.Union([Type.Literal('off'), Type.Literal('soft'), Type.Literal('hard')]);
/** JWS compact serialization, RFC 7515 §7.1. */
export const jws = Type.String({ pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$', maxLength: 1500000 });
/** A signed document that holds one certificate. */
export const shortJws = Type.String({
  pattern: '^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$',
  maxLength: maxRotationCharacters,
});
export const text = (maxLength: number) => Type.String({ maxLength });
export const seconds = Type.Integer({ minimum: 0, maximum: 253402300799 });
export const millis = Type.Integer({ minimum: 0, maximum: 253402300799999 });
/** Certificates may begin before 1970 (RFC 5280 §4.1.2.5). */
export const certificateTime = Type.Integer({ minimum: -62167219200000, maximum: 253402300799999 });
export const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** `host:port`; a literal IPv6 host stands in brackets. */
export const address = Type.String({ pattern: '^(\\[[0-9A-Fa-f:.]{2,45}\\]|[A-Za-z0-9._-]{1,253}):[0-9]{1,5}$' });
/** `host` or `host:port` as a person types it; what it means is decided by `protocol/target`. */
export const target = Type.String({ minLength: 1, maxLength: 300 });
/** A name that does not fit the pattern is refused: by itself a pattern lets such a name through with any value. */
export const named = <T extends TSchema>(maxLength: number, value: T) =>
  Type.Record(Type.String({ pattern: `^[\\s\\S]{0,${maxLength}}$` }), value, closed);
export const factsShape = named(40, Type.Union([text(300), Type.Number()]));
/** What the operations of an enrolment protocol hang on. No question mark and no fragment: they are put behind it. */
export const enrolmentPath = Type.String({ pattern: '^/[\\x21-\\x22\\x24-\\x3e\\x40-\\x7e]{0,200}$' });
/** An authority that is not the server's own, and how it is reached: by EST (RFC 7030) or SCEP (RFC 8894). */
export const authorityPlace = {
  protocol: Type.Union([Type.Literal('est'), Type.Literal('scep')]),
  address,
  path: enrolmentPath,
  fingerprint: sha256,
};
export const clientPurpose = Type.Union([Type.Literal('rdp'), Type.Literal('broker'), Type.Literal('log')]);
export const purpose = Type.Union([
  Type.Literal('ksc'),
  Type.Literal('rdp'),
  Type.Literal('broker'),
  Type.Literal('log'),
]);
export const source = Type.Union([
  Type.Literal('factory'),
  Type.Literal('policy'),
  Type.Literal('manual'),
  Type.Literal('replacement'),
]);
export const publicKey = Type.Object(
  { kty: Type.Literal('EC'), crv: Type.Literal('P-256'), x: text(64), y: text(64) },
  closed,
);
export const contacts = Type.Object({ name: text(120), phone: text(60), email: text(120), note: text(200) }, open);
export const faultShape = Type.Object(
  {
    code: text(40),
    kind: Type.Union([Type.Literal('rejected'), Type.Literal('unavailable'), Type.Literal('broken')]),
    facts: factsShape,
  },
  closed,
);

export type Purpose = Static<typeof purpose>;
export type ClientPurpose = Static<typeof clientPurpose>;
export type Source = Static<typeof source>;
export type RevocationMode = Static<typeof revocationMode>;
export type PublicKey = Static<typeof publicKey>;
export type Contacts = Static<typeof contacts>;
