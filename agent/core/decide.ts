/**
 * The trust decision: is this presented certificate good for this purpose and target? Pure. `question` judges what needs
 * no path and otherwise says what to ask the path engine; `verdict` decides from the engine's answer. An edge stands
 * between the two.
 *
 * Entries are taken as they count: leaving out what a managed device may not use, and which pin slot is accepted when, is
 * the caller's. Nothing here judges stapled OCSP, key possession or the TLS version.
 */
import { fingerprintsOf } from '../../protocol/alias.ts';
import { type Certificate, type Fingerprint, parseCertificate } from '../../protocol/certificate.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import type { PathAnswer, PathQuestion, PolicyInputs, RevocationCheck } from '../../protocol/path.ts';
import { listedAmong, parseRevocationList } from '../../protocol/revocation-list.ts';
import type { Target } from '../../protocol/target.ts';
import { type Instant, toNumericDate } from '../../protocol/time.ts';

export type TrustPurpose = 'server' | 'client' | 'ksc' | 'rdp' | 'broker' | 'log';
export type TrustEntry = Pick<Certificate, 'der' | 'fingerprint' | 'isCa' | 'notBefore' | 'notAfter' | 'owner'>;
export type TrustRequest = {
  readonly purpose: TrustPurpose;
  readonly target: Target;
  /** DER, as presented. */
  readonly leaf: Uint8Array;
  /** What was presented beside the leaf, in any order. */
  readonly intermediates: readonly Uint8Array[];
  readonly at: Instant;
  readonly entries: readonly TrustEntry[];
  /** Fingerprints of certificates that count for nothing. */
  readonly blocklist: ReadonlySet<string>;
  /** Empty, and `revocation` left out: revocation is not checked. */
  readonly crls: readonly Uint8Array[];
  /** As the path engine takes it. An end-entity entry is `revoked` by a list, and never refused for want of one. */
  readonly revocation?: RevocationCheck;
  readonly policy: PolicyInputs | null;
};

export type Verdict =
  | { readonly trusted: true; readonly by: Fingerprint }
  | { readonly trusted: false; readonly fault: Fault };
export type Step =
  | { readonly do: 'judged'; readonly verdict: Verdict }
  | { readonly do: 'ask'; readonly question: PathQuestion };

/**
 * Blocklisted certificates lose first; then an end-entity entry that is the leaf itself decides by its dates, and by the lists
 * where there are any; then the path to a CA entry does. Faults: `blocklisted`, `expired`, `not-yet-valid`, `not-pinned`,
 * `issuer-unknown`.
 */
export function question(request: TrustRequest): Step {
  const blocked = findBlocked(request);
  if (blocked) return judged(blocked);
  const pin = pinsOf(request).find((entry) => sameBytes(entry.der, request.leaf));
  if (pin) return { do: 'judged', verdict: judgePin(request, pin) };
  const anchors = anchorsOf(request);
  if (anchors.length === 0 && pinsOf(request).length > 0)
    return judged(fault(request.purpose === 'ksc' ? 'not-pinned' : 'issuer-unknown'));
  const { host, ip } = request.target;
  return {
    do: 'ask',
    question: {
      leaf: request.leaf,
      intermediates: request.intermediates,
      anchors: anchors.map((entry) => entry.der),
      crls: request.crls,
      ...(request.revocation && { revocation: request.revocation }),
      atSeconds: toNumericDate(request.at),
      purpose: request.purpose === 'client' ? 'client' : 'server',
      host,
      ip: isNameOnly(request.purpose) ? null : ip,
      policy: request.policy,
    },
  };
}

/** Faults: `ip-under-root`, and those of the engine. */
export function verdict(request: TrustRequest, answer: PathAnswer): Verdict {
  const { host, ip } = request.target;
  if (!answer.trusted) {
    const { code, facts } = answer.fault;
    if (code === 'revoked') return revoked(request, facts);
    return refused(code === 'name-mismatch' ? fault(code, { ...facts, host: host ?? ip ?? '' }) : answer.fault);
  }
  if (ip !== null && isNameOnly(request.purpose)) return refused(fault('ip-under-root', { ip }));
  const anchor = anchorsOf(request)[answer.anchor];
  if (!anchor) return refused(fault('internal', { what: 'anchor' }));
  return { trusted: true, by: anchor.fingerprint };
}

/**
 * Its issuer need not be at hand, so whether the signature of a list holds is not asked: the policy brought both, and a list
 * can only take trust away.
 */
function judgePin(request: TrustRequest, pin: TrustEntry): Verdict {
  const dates = judgeDates(pin, request.at);
  if (!dates.trusted || request.revocation === undefined) return dates;
  const lists = request.crls.map(parseRevocationList).flatMap((read) => (read.ok ? [read.value] : []));
  return listedAmong(lists, [pin]).length > 0 ? revoked(request, { depth: 0 }) : dates;
}

/** It may be one of those between that was revoked; only the leaf is known by name. */
function revoked({ leaf }: TrustRequest, facts: Fault['facts']): Verdict {
  const parsed = facts['depth'] === 0 ? parseCertificate(leaf) : null;
  return refused(fault('revoked', parsed?.ok ? { ...facts, owner: parsed.value.owner.slice(0, 200) } : facts));
}

/** Under a root these are trusted by the name of the server only. */
const isNameOnly = (purpose: TrustPurpose): boolean => purpose === 'rdp' || purpose === 'broker' || purpose === 'log';
/** `server` and `client` are plain path validation: an end-entity certificate is no trust anchor there. */
const isPinnable = (purpose: TrustPurpose): boolean => purpose === 'ksc' || isNameOnly(purpose);

const refused = (why: Fault): Verdict => ({ trusted: false, fault: why });
const judged = (why: Fault): Step => ({ do: 'judged', verdict: refused(why) });

const usable = ({ entries, blocklist }: TrustRequest): readonly TrustEntry[] =>
  entries.filter((entry) => !blocklist.has(entry.fingerprint));
const anchorsOf = (request: TrustRequest): readonly TrustEntry[] => usable(request).filter((entry) => entry.isCa);
const pinsOf = (request: TrustRequest): readonly TrustEntry[] =>
  isPinnable(request.purpose) ? usable(request).filter((entry) => !entry.isCa) : [];

/** Anything presented that is on the list, or a list that leaves no entry to trust by. */
function findBlocked(request: TrustRequest): Fault | null {
  const { blocklist, leaf, intermediates, entries } = request;
  if (blocklist.size === 0) return null;
  const presented = [leaf, ...intermediates].flatMap(fingerprintsOf).find((fingerprint) => blocklist.has(fingerprint));
  if (presented) return fault('blocklisted', { fingerprint: presented });
  const [first] = entries;
  return first && usable(request).length === 0 ? fault('blocklisted', { fingerprint: first.fingerprint }) : null;
}

/** RFC 5280 §4.1.2.5: both ends belong to the validity. */
function judgeDates(entry: TrustEntry, at: Instant): Verdict {
  if (at < entry.notBefore) return refused(fault('not-yet-valid', { owner: entry.owner }));
  if (at > entry.notAfter) return refused(fault('expired', { owner: entry.owner }));
  return { trusted: true, by: entry.fingerprint };
}

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
