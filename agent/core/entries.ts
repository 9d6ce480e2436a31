/** Certificates a person added, as the audit log tells of them. */
import { fingerprintOf, fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import type { LocalEntry } from './durable.ts';
import type { AuditDraft } from './state.ts';

export const printOf = ({ der }: LocalEntry): string => fingerprintOf(fromBase64(der));

export function toldOf(event: 'certificate-added' | 'certificate-removed', entry: LocalEntry): AuditDraft {
  const { purpose, server, der } = entry;
  const parsed = parseCertificate(fromBase64(der));
  const owner = parsed.ok ? parsed.value.owner : '';
  return { event, facts: { purpose, fingerprint: printOf(entry), owner, server: server ?? '' } };
}
