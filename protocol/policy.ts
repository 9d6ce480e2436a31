/**
 * What makes the content of a group policy acceptable, as device and server both judge it: the server before it signs, the
 * device before it applies. One bad certificate refuses the whole revision, with a fault for each. Dates are never
 * judged: time makes a certificate unusable, not unacceptable.
 */
import { type Certificate, checkAcceptable, fromBase64, parseCertificate, type Use } from './certificate.ts';
import { bad, type Fault, fault, good, type Result } from './fault.ts';
import { maxCertificates } from './limits.ts';
import { parseRevocationList, type RevocationList } from './revocation-list.ts';
import type { ClientPurpose, Policy, PolicyRevocation, PolicySettings, ServerPins } from './schema.ts';
import { parsePlace } from './target.ts';

export type PolicyEntry = Policy['certificates']['entries'][number];
export type JudgedEntry = { readonly purpose: ClientPurpose; readonly file: string; readonly certificate: Certificate };
export type Judged = { readonly entries: readonly JudgedEntry[]; readonly faults: readonly Fault[] };

/**
 * Every certificate of a policy: readable, of a kind and strength we take, and once per purpose.
 * Faults: `too-many-certificates`, `certificate-twice`, and those of `parseCertificate` and `checkAcceptable`, each with the
 * `file` it came in.
 */
export function judgeEntries(entries: readonly PolicyEntry[]): Judged {
  if (entries.length > maxCertificates)
    return { entries: [], faults: [fault('too-many-certificates', { count: entries.length, limit: maxCertificates })] };
  const seen = new Set<string>();
  const judged: JudgedEntry[] = [];
  const faults: Fault[] = [];
  for (const { purpose, file, certificate } of entries) {
    const read = judge(certificate, 'trust-anchor-or-server');
    const name = read.ok ? `${purpose} ${read.value.fingerprint}` : '';
    const found = read.ok && seen.has(name) ? bad('certificate-twice', { owner: read.value.owner }) : read;
    if (found.ok) judged.push({ purpose, file, certificate: found.value });
    else faults.push(fault(found.fault.code, { ...found.fault.facts, file }));
    seen.add(name);
  }
  return { entries: judged, faults };
}

/** The certificate of the server, the one that follows it and those of front ends must be end-entity certificates. Faults: as for entries. */
export function judgePins(pins: ServerPins): readonly Fault[] {
  const served = [pins.main, ...(pins.reserve ? [pins.reserve.certificate] : []), ...(pins.frontEnds ?? [])];
  return served.flatMap((der) => {
    const read = judge(der, 'server');
    return read.ok ? [] : [read.fault];
  });
}

export type JudgedLists = { readonly lists: readonly RevocationList[]; readonly faults: readonly Fault[] };

/**
 * Every revocation list of a policy, one of each series. Dates are never judged: an outdated list is the decision's matter. Nor
 * is the signature, for which the issuer may not be at hand. Faults: `crl-twice`, and those of `parseRevocationList`.
 */
export function judgeLists(revocation: PolicyRevocation | undefined): JudgedLists {
  const lists: RevocationList[] = [];
  const faults: Fault[] = [];
  const seen = new Set<string>();
  for (const [index, list] of (revocation?.lists ?? []).entries()) {
    const read = parseRevocationList(fromBase64(list));
    const found = read.ok && seen.has(read.value.series) ? bad('crl-twice') : read;
    if (found.ok) lists.push(found.value);
    else faults.push(fault(found.fault.code, { ...found.fault.facts, block: index + 1 }));
    if (read.ok) seen.add(read.value.series);
  }
  return { lists, faults };
}

/** A server that is set must be one that can be asked. Fault: `bad-argument`, with the setting. */
export const judgeSettings = (settings: PolicySettings | undefined): readonly Fault[] =>
  (['logServer', 'rdp', 'broker'] as const).flatMap((setting) => {
    const value = settings?.[setting].value ?? null;
    const read = value === null ? null : parsePlace(value, 1);
    return read?.ok === false ? [fault(read.fault.code, { ...read.fault.facts, setting })] : [];
  });

/**
 * Whether a blocklist would leave a device without its server: the certificate the server has now is on it, and no reserve
 * that is not. Fingerprints are 64 lower-case hex digits.
 */
export const wouldStrand = (blocklist: readonly string[], current: string, reserve: string | null): boolean =>
  blocklist.includes(current) && (reserve === null || blocklist.includes(reserve));

function judge(base64: string, use: Use): Result<Certificate> {
  const read = parseCertificate(fromBase64(base64));
  if (!read.ok) return read;
  const acceptable = checkAcceptable(read.value, use);
  return acceptable.ok ? good(read.value) : acceptable;
}
