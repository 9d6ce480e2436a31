/**
 * Whether a certificate is of another authority that is let in, by signatures alone. Its dates and purposes the handshake
 * judges, where they count; and what such a certificate is good for says its binding to a device, byte for byte. Other
 * authorities leave out much that the path engine holds ours to.
 */
import { X509Certificate } from 'node:crypto';
import { parseCertificate } from '../../protocol/certificate.ts';

/** `chain` is as it came, leaf first, each the issuer of the one before; the anchors need not be in it. DER. Never throws. */
export function leadsTo(chain: readonly Uint8Array[], anchors: readonly Uint8Array[]): boolean {
  const trusted = anchors.map((der) => new X509Certificate(der));
  let link: X509Certificate | null = null;
  for (const der of chain) {
    if (!parseCertificate(der).ok) return false;
    const next = new X509Certificate(der);
    if (link && !hasIssued(next, link)) return false;
    const subject = next;
    if (trusted.some((anchor) => hasIssued(anchor, subject))) return true;
    link = next;
  }
  return false;
}

function hasIssued(issuer: X509Certificate, subject: X509Certificate): boolean {
  try {
    return issuer.ca && subject.checkIssued(issuer) && subject.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
