/**
 * Whether certificates that an administrator brought may serve as the server's own: which of them is the server's, in which
 * order the others lead to their root, and everything that is wrong with any of them. Signatures are checked one by one
 * here; the path as a whole is the path engine's.
 */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { type Certificate, checkAcceptable } from '../../protocol/certificate.ts';
import { bad, type Fault, fault } from '../../protocol/fault.ts';
import { parseTarget } from '../../protocol/target.ts';
import { dayMs, type Instant } from '../../protocol/time.ts';
import { serverCertificateDays } from './role.ts';

export type OwnChain = {
  /** The server's own first, each issued by the next. */
  readonly chain: readonly [Certificate, ...Certificate[]];
  /** Whether the last of them is a root, signed by itself. */
  readonly rooted: boolean;
};
export type OwnQuestion = {
  readonly certificates: readonly Certificate[];
  /** SubjectPublicKeyInfo of the private key. */
  readonly publicKey: Uint8Array;
  /** DNS name or address that devices connect to. */
  readonly name: string;
  readonly now: Instant;
};
/** The first stands for all. */
export type OwnFaults = { readonly ok: false; readonly fault: Fault; readonly faults: readonly Fault[] };

type Candidate = { readonly certificate: Certificate; readonly parsed: X509Certificate };

const maxChain = 12;
const ownKey = /^(RSA \d+|EC P-(256|384))$/;
const serverAuth = '1.3.6.1.5.5.7.3.1';
const anyPurpose = '2.5.29.37.0';

/**
 * RFC 5280 §4.1.2.5, §4.2.1.3, §4.2.1.12, RFC 9525 §6. Faults, all that apply: `key-foreign`; `certificate-weak-key` (RSA from 2048 bits,
 * EC P-256 or P-384), `certificate-weak-signature`, `certificate-wrong-kind`, `life-too-long` (397 days), `expired`, `not-yet-valid`,
 * `name-mismatch`, `wrong-purpose`; of the others `chain-foreign`, `too-many-certificates` and what they are judged by.
 */
export function judgeOwn(question: OwnQuestion): { readonly ok: true; readonly value: OwnChain } | OwnFaults {
  const { certificates, publicKey, now } = question;
  if (certificates.length > maxChain) return refused([fault('too-many-certificates', { limit: maxChain })]);
  const candidates = certificates.map((certificate) => ({ certificate, parsed: new X509Certificate(certificate.der) }));
  const leaf = candidates
    .filter(({ parsed }) => sameKey(parsed, publicKey))
    .sort((one, other) => other.certificate.notBefore - one.certificate.notBefore)
    .sort((one, other) => Number(one.certificate.isCa) - Number(other.certificate.isCa))[0];
  if (!leaf) return refused([fault('key-foreign')]);
  const chain = chainFrom(leaf, candidates);
  const last = chain.at(-1) ?? leaf;
  const faults = [
    ...leafFaults(leaf, question),
    ...chain
      .slice(1)
      .flatMap(({ certificate }) => [
        ...faultsOf(checkAcceptable(certificate, 'trust-anchor')),
        ...dateFaults(certificate, now),
      ]),
    ...candidates
      .filter((one) => !chain.some((other) => sameHolder(one, other)))
      .map(({ certificate }) => fault('chain-foreign', { owner: certificate.owner })),
  ];
  if (faults.length > 0) return refused(faults);
  const [own, ...others] = chain.map(({ certificate }) => certificate);
  return own
    ? { ok: true, value: { chain: [own, ...others], rooted: issued(last, last) } }
    : refused([fault('key-foreign')]);
}

function leafFaults({ certificate, parsed }: Candidate, { name, now }: OwnQuestion): readonly Fault[] {
  const { owner, key, notBefore, notAfter } = certificate;
  const acceptable = faultsOf(checkAcceptable(certificate, 'server'));
  const unfit = acceptable.length === 0 && (!ownKey.test(key) || parsed.publicKey.asymmetricKeyType === 'rsa-pss');
  const days = Math.ceil((notAfter - notBefore) / dayMs);
  const purposes = parsed.keyUsage;
  const serves = purposes === undefined || purposes.includes(serverAuth) || purposes.includes(anyPurpose);
  return [
    ...acceptable,
    ...(unfit ? [fault('certificate-weak-key', { key, owner })] : []),
    ...(days > serverCertificateDays ? [fault('life-too-long', { owner, days, limit: serverCertificateDays })] : []),
    ...dateFaults(certificate, now),
    ...(isNamed(parsed, name) ? [] : [fault('name-mismatch', { host: name })]),
    ...(serves ? [] : [fault('wrong-purpose', { owner })]),
  ];
}

/** Names in the subject do not count, and a wildcard stands for a whole label only. */
function isNamed(parsed: X509Certificate, name: string): boolean {
  const target = parseTarget(name);
  if (!target.ok) return false;
  const { host, ip } = target.value;
  if (ip !== null) return parsed.checkIP(ip) !== undefined;
  return host !== null && parsed.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined;
}

function dateFaults({ owner, notBefore, notAfter }: Certificate, now: Instant): readonly Fault[] {
  if (now < notBefore) return [fault('not-yet-valid', { owner, notBefore })];
  return now >= notAfter ? [fault('expired', { owner, notAfter })] : [];
}

/** From the server's own up to where an issuer is missing, or a certificate issued itself. */
function chainFrom(leaf: Candidate, candidates: readonly Candidate[]): readonly Candidate[] {
  const chain = [leaf];
  for (let last = leaf; !issued(last, last); ) {
    const next = candidates.find((one) => !chain.includes(one) && issued(last, one));
    if (!next) break;
    chain.push(next);
    last = next;
  }
  return chain;
}

/** OpenSSL's `checkIssued` would say no to whoever is no authority: here the signature tells, and the kind is judged by name. */
const issued = ({ parsed }: Candidate, { parsed: by }: Candidate): boolean => {
  try {
    return parsed.issuer === by.subject && parsed.verify(by.publicKey);
  } catch {
    return false;
  }
};

/** Another certificate of the same name and key, as cross-signed and renewed ones are, is left out silently. */
const sameHolder = (one: Candidate, other: Candidate): boolean =>
  one === other || (one.parsed.subject === other.parsed.subject && sameKey(one.parsed, spkiOf(other.parsed)));

function sameKey(parsed: X509Certificate, publicKey: Uint8Array): boolean {
  try {
    return Buffer.from(publicKey).equals(spkiOf(parsed));
  } catch {
    return false;
  }
}

/** In the one spelling OpenSSL gives it. */
const spkiOf = (parsed: X509Certificate): Buffer =>
  createPublicKey(parsed.publicKey.export({ type: 'spki', format: 'pem' })).export({ type: 'spki', format: 'der' });

const faultsOf = (result: ReturnType<typeof checkAcceptable>): readonly Fault[] => (result.ok ? [] : [result.fault]);

function refused(faults: readonly Fault[]): OwnFaults {
  const [first = fault('key-foreign')] = faults;
  return { ...bad(first.code, first.facts), faults };
}
