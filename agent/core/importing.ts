/** Files a person imports: every certificate of every file is judged, and one that is wrong refuses them all. */
import {
  type Certificate,
  checkAcceptable,
  fingerprintOf,
  fromBase64,
  presentCertificate,
  toBase64,
} from '../../protocol/certificate.ts';
import { readCertificateBlocks } from '../../protocol/certificate-file.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { maxCertificates } from '../../protocol/limits.ts';
import type { ImportAnswer, PresentedView } from '../../protocol/local.ts';
import type { Instant } from '../../protocol/time.ts';
import type { ImportOrder } from './shape.ts';
import { blocklistOf, type State } from './state.ts';

export type Imported = {
  readonly found: readonly { readonly file: string; readonly der: string; readonly view: PresentedView }[];
  readonly refused: (ImportAnswer['refused'][number] & { readonly fault: Fault })[];
};

/**
 * Faults, for each certificate: those of `readCertificateBlocks` and `checkAcceptable`, `expired` (one that is not valid yet is
 * taken: it may be the next one), `blocklisted`, `certificate-twice` (in these files), `already-trusted` (for this server).
 */
export function judgeImport(state: State, order: ImportOrder, server: string | null, at: Instant): Imported {
  const there = new Set(
    state.durable.local
      .filter((entry) => entry.purpose === order.purpose && (entry.server === null || entry.server === server))
      .map((entry) => fingerprintOf(fromBase64(entry.der)) as string),
  );
  const blocked = blocklistOf(state);
  const seen = new Set<string>();
  const found: Imported['found'][number][] = [];
  const refused: Imported['refused'] = [];
  const refuse = (file: string, block: number, why: Fault): void => {
    if (refused.length < maxCertificates) refused.push({ file, block, fault: why });
  };
  for (const { name: file, content } of order.files) {
    const read = file === '' ? bad('bad-argument', { what: 'name' }) : readCertificateBlocks(fromBase64(content));
    if (!read.ok) refuse(file, 0, read.fault);
    for (const { block, certificate } of read.ok ? read.value : []) {
      const judged = certificate.ok ? judge(certificate.value, { at, blocked, seen, there }) : certificate;
      if (!judged.ok) refuse(file, block, judged.fault);
      else found.push({ file, der: toBase64(judged.value.der), view: presentCertificate(judged.value) });
      if (certificate.ok) seen.add(certificate.value.fingerprint);
    }
  }
  return { found, refused };
}

type Known = {
  readonly at: Instant;
  readonly blocked: readonly string[];
  readonly seen: ReadonlySet<string>;
  readonly there: ReadonlySet<string>;
};

function judge(certificate: Certificate, { at, blocked, seen, there }: Known): Result<Certificate> {
  const { fingerprint, owner, notAfter } = certificate;
  const acceptable = checkAcceptable(certificate, 'trust-anchor-or-server');
  if (!acceptable.ok) return acceptable;
  if (blocked.includes(fingerprint)) return { ok: false, fault: fault('blocklisted', { owner, fingerprint }) };
  if (at > notAfter) return bad('expired', { owner });
  if (seen.has(fingerprint)) return bad('certificate-twice', { owner });
  return there.has(fingerprint) ? bad('already-trusted', { owner }) : good(certificate);
}
