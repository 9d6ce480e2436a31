/** Enrolment over Secure Transport for devices: RFC 7030, base64 and CSR attributes as RFC 8951 puts them right. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { derTag, writeDer } from '../../protocol/der.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { Credentials, Fleet } from '../core/ports.ts';
import { certsOnly } from './authority.ts';
import { bodyOf, originOf, type Route } from './device-route.ts';
import { maxRequestBytes } from './request.ts';

export const maxEnrolBytes = maxRequestBytes * 2;

export function estRoutes(fleet: Fleet): readonly Route[] {
  return [
    {
      method: 'GET',
      url: '/.well-known/est/cacerts',
      identity: 'none',
      answer: async (_request, reply) => good(layCertificates(reply, await fleet.authorities())),
    },
    {
      method: 'GET',
      url: '/.well-known/est/csrattrs',
      identity: 'none',
      answer: async (_request, reply) => {
        reply.header('Content-Type', 'application/csrattrs');
        return good(layBase64(reply, csrAttributes));
      },
    },
    {
      method: 'POST',
      url: '/.well-known/est/simpleenroll',
      bodyLimit: maxEnrolBytes,
      identity: 'none',
      answer: (request, reply) => enrol(fleet, request, reply),
    },
    {
      method: 'POST',
      url: '/.well-known/est/simplereenroll',
      bodyLimit: maxEnrolBytes,
      identity: 'renewable',
      answer: async (request, reply, device, proof) => {
        const csrDer = requestIn(request);
        if (!csrDer.ok || !proof) return refuse(fleet, request, device, csrDer.ok ? fault('internal') : csrDer.fault);
        const issued = await fleet.renew(proof, csrDer.value);
        return issued.ok ? good(layCertificates(reply, issued.value)) : issued;
      },
    },
  ];
}

/** RFC 7030 §4.2.1. Faults: `invitation-refused`, `bad-argument`, `bad-shape`, and those of the fleet. */
export async function enrol(fleet: Fleet, request: FastifyRequest, reply: FastifyReply): Promise<Result<unknown>> {
  const credentials = basicOf(request.headers.authorization);
  if (!credentials) return refuse(fleet, request, null, fault('invitation-refused'));
  const csrDer = requestIn(request);
  if (!csrDer.ok) return refuse(fleet, request, null, csrDer.fault);
  const issued = await fleet.enrol({ ...credentials, csrDer: csrDer.value, from: request.ip });
  return issued.ok ? good(layCertificates(reply, issued.value)) : issued;
}

/** On record, for a fault the fleet does not hear of otherwise. */
export async function refuse(
  fleet: Pick<Fleet, 'refused'>,
  request: FastifyRequest,
  device: string | null,
  why: Fault,
): Promise<Result<never>> {
  await fleet.refused(device, ...originOf(request, why));
  return { ok: false, fault: why };
}

/** DER of the body, as far as it is base64 of something. Faults: `bad-argument`, `bad-shape`. */
export function requestIn(request: FastifyRequest): Result<Uint8Array> {
  if (!/^application\/pkcs10\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    return bad('bad-argument', { what: 'Content-Type' });
  const csrDer = fromWrappedBase64(bodyOf(request));
  return csrDer ? good(csrDer) : bad('bad-shape', { what: 'base64' });
}

/** RFC 7030 §4.1.3. */
export function layCertificates(reply: FastifyReply, chainDer: readonly Uint8Array[]): string {
  reply.header('Content-Type', 'application/pkcs7-mime; smime-type=certs-only');
  return layBase64(reply, certsOnly(chainDer));
}

/** In lines of 76 (RFC 2045 §6.8), which every known client reads. */
function layBase64(reply: FastifyReply, der: Uint8Array): string {
  reply.header('Content-Transfer-Encoding', 'base64');
  return toBase64(der).replace(/.{1,76}/g, '$&\r\n');
}

/** RFC 7617, UTF-8; the user name ends at the first colon. */
export function basicOf(header: string | undefined): Credentials | null {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1] ?? '';
  const pair = /^([^:]{1,64}):(.{1,128})$/su.exec(Buffer.from(encoded, 'base64').toString());
  return pair?.[1] && pair[2] ? { invitation: pair[1], password: pair[2] } : null;
}

/** On one line, or wrapped by LF or CRLF, whatever `Content-Transfer-Encoding` says (RFC 8951 §3.1). */
export function fromWrappedBase64(body: Uint8Array): Uint8Array | null {
  const text = Buffer.from(body)
    .toString('latin1')
    .replace(/[\r\n\t ]/g, '');
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? fromBase64(text) : null;
}

/** Object identifiers, as their content octets in hex (X.690 §8.19). */
const oid = {
  ecPublicKey: '2a8648ce3d0201',
  p256: '2a8648ce3d030107',
  p384: '2b81040022',
  p521: '2b81040023',
  rsaEncryption: '2a864886f70d010101',
  ecdsaWithSha256: '2a8648ce3d040302',
  ecdsaWithSha384: '2a8648ce3d040303',
  ecdsaWithSha512: '2a8648ce3d040304',
  sha256WithRsa: '2a864886f70d01010b',
} as const;

/** Which keys and signatures are taken (RFC 7030 §4.5.2); the set is in the order DER wants. */
const csrAttributes: Uint8Array = writeDer(
  derTag.sequence,
  writeDer(
    derTag.sequence,
    oidDer('ecPublicKey'),
    writeDer(derTag.set, oidDer('p384'), oidDer('p521'), oidDer('p256')),
  ),
  oidDer('rsaEncryption'),
  oidDer('ecdsaWithSha256'),
  oidDer('ecdsaWithSha384'),
  oidDer('ecdsaWithSha512'),
  oidDer('sha256WithRsa'),
);

function oidDer(name: keyof typeof oid): Buffer {
  return writeDer(derTag.oid, Buffer.from(oid[name], 'hex'));
}
