/**
 * Faults: what went wrong, as plain data, one closed union for device, console and server.
 *
 * `rejected`    the input is bad: keep the last good state, report, do not retry.
 * `unavailable` not now: retry by backoff.
 * `broken`      our disk or an invariant: stop, the service manager restarts us.
 *
 * Every code has a sentence in `words/en.ts` and `words/ru.ts`; a test demands it.
 */
export type FaultKind = 'rejected' | 'unavailable' | 'broken';

export const faultKinds = {
  // shape of input
  'too-large': 'rejected',
  'not-json': 'rejected',
  'bad-shape': 'rejected',
  'unknown-version': 'rejected',
  'unknown-critical': 'rejected',
  'unknown-topic': 'rejected',
  'not-found': 'rejected',
  'method-not-allowed': 'rejected',
  'bad-argument': 'rejected',
  'already-exists': 'rejected',
  'group-not-empty': 'rejected',
  'step-not-offered': 'rejected',
  'pki-not-integrated': 'rejected',
  'record-only': 'rejected',
  'identity-needed': 'rejected',
  'not-renewable': 'rejected',
  'wrong-state': 'rejected',
  'not-allowed': 'rejected',
  'setting-locked': 'rejected',
  'time-below-floor': 'rejected',
  // signed documents
  'bad-signature': 'rejected',
  'unknown-key': 'rejected',
  'wrong-type': 'rejected',
  'wrong-audience': 'rejected',
  replayed: 'rejected',
  'from-the-future': 'rejected',
  'repair-stale': 'rejected',
  'repair-used': 'rejected',
  'command-expired': 'rejected',
  'rotation-broken': 'rejected',
  'rotation-stale': 'rejected',
  'would-strand': 'rejected',
  'policy-stale': 'unavailable',
  'documents-missing': 'unavailable',
  // certificates
  'certificate-unreadable': 'rejected',
  'certificate-too-large': 'rejected',
  'certificate-weak-key': 'rejected',
  'certificate-weak-signature': 'rejected',
  'certificate-wrong-kind': 'rejected',
  'certificate-twice': 'rejected',
  'too-many-certificates': 'rejected',
  'crl-unreadable': 'rejected',
  'crl-partial': 'rejected',
  'crl-twice': 'rejected',
  'crl-older': 'rejected',
  'crl-forged': 'rejected',
  // trust decisions
  expired: 'rejected',
  'not-yet-valid': 'rejected',
  'issuer-unknown': 'rejected',
  'name-mismatch': 'rejected',
  'ip-under-root': 'rejected',
  'wrong-purpose': 'rejected',
  revoked: 'rejected',
  blocklisted: 'rejected',
  'path-too-long': 'rejected',
  'policy-constraint': 'rejected',
  'name-constraint': 'rejected',
  'crl-unavailable': 'rejected',
  'path-invalid': 'rejected',
  'not-pinned': 'rejected',
  'server-certificate-expired': 'rejected',
  'pin-expired': 'unavailable',
  'clock-unknown': 'unavailable',
  // servers the person connects to
  'changed-old-expired': 'rejected',
  'changed-old-valid': 'rejected',
  'not-assigned': 'rejected',
  'adding-closed': 'rejected',
  'not-shown': 'rejected',
  'already-trusted': 'rejected',
  'not-removable': 'rejected',
  'session-busy': 'unavailable',
  'client-missing': 'unavailable',
  'client-failed': 'unavailable',
  'client-sign-in': 'rejected',
  'client-refused-certificate': 'rejected',
  // link
  'server-unreachable': 'unavailable',
  'server-refused': 'unavailable',
  'tls-failed': 'unavailable',
  'timed-out': 'unavailable',
  'server-answer': 'unavailable',
  'not-rdp': 'unavailable',
  'rdp-no-tls': 'rejected',
  'rdp-refused': 'unavailable',
  // registration and identity
  'already-registered': 'rejected',
  'not-registered': 'rejected',
  'invitation-refused': 'rejected',
  'too-many-devices': 'rejected',
  'token-used-up': 'rejected',
  'csv-unreadable': 'rejected',
  'csv-columns': 'rejected',
  'csv-row': 'rejected',
  'csv-group': 'rejected',
  'csv-too-long': 'rejected',
  'fingerprint-mismatch': 'rejected',
  'csr-refused': 'rejected',
  'challenge-refused': 'rejected',
  'authority-mismatch': 'rejected',
  'capability-missing': 'rejected',
  'answer-undecipherable': 'rejected',
  'enrolment-pending': 'unavailable',
  'identity-unreadable': 'broken',
  'delivery-damaged': 'unavailable',
  'key-mismatch': 'rejected',
  'tpm-missing': 'unavailable',
  'tpm-failed': 'unavailable',
  'tpm-foreign': 'rejected',
  'tpm-unfit': 'rejected',
  'identity-refused': 'unavailable',
  'identity-expired': 'unavailable',
  'identity-expiring': 'unavailable',
  'renewal-not-ordered': 'unavailable',
  'identity-retired': 'rejected',
  cloned: 'broken',
  // check-in without an identity, and mutual authentication
  'token-refused': 'rejected',
  'mutual-required': 'rejected',
  'endpoint-disabled': 'rejected',
  'front-end-unknown': 'rejected',
  'stays-on': 'rejected',
  'mutual-needed': 'rejected',
  'new-endpoint-needed': 'rejected',
  'clients-not-migrated': 'rejected',
  'confirm-twice': 'rejected',
  'devices-cut-off': 'rejected',
  'ports-collide': 'rejected',
  // codes
  'code-typo': 'rejected',
  'code-wrong': 'rejected',
  'code-locked': 'rejected',
  'code-needed': 'rejected',
  'code-not-asked': 'rejected',
  'code-not-ours': 'rejected',
  'code-ambiguous': 'rejected',
  // successors: of the server certificate, the authority of identities, the policy key
  'devices-not-ready': 'rejected',
  'identities-not-renewed': 'rejected',
  'policy-key-not-held': 'rejected',
  'reserve-there': 'rejected',
  'no-reserve': 'rejected',
  'devices-pinned': 'rejected',
  'front-end-shows': 'rejected',
  // files with a key
  'password-wrong': 'rejected',
  'password-weak': 'rejected',
  'integrity-missing': 'rejected',
  'iterations-excessive': 'rejected',
  'algorithm-unsupported': 'rejected',
  'key-file-unreadable': 'rejected',
  'key-missing': 'rejected',
  'too-many-keys': 'rejected',
  'key-foreign': 'rejected',
  'certificate-missing': 'rejected',
  'life-too-long': 'rejected',
  'chain-incomplete': 'rejected',
  'chain-foreign': 'rejected',
  'import-stopped': 'rejected',
  // e-mail
  'mail-off': 'rejected',
  'mail-no-address': 'rejected',
  'mail-unreachable': 'unavailable',
  'mail-insecure': 'unavailable',
  'mail-sign-in': 'unavailable',
  'mail-refused': 'rejected',
  'placeholder-unknown': 'rejected',
  'placeholder-missing': 'rejected',
  // storage
  'disk-full': 'unavailable',
  'disk-failed': 'broken',
  'storage-missing': 'broken',
  'generation-damaged': 'rejected',
  'generation-newer': 'rejected',
  'counters-damaged': 'rejected',
  'events-dropped': 'unavailable',
  // administrators of the server
  'second-factor-needed': 'rejected',
  'sign-in-refused': 'rejected',
  'sign-in-locked': 'unavailable',
  'session-needed': 'rejected',
  'request-forged': 'rejected',
  'setup-refused': 'rejected',
  'api-token-refused': 'rejected',
  'account-password-weak': 'rejected',
  // server at rest
  'passphrase-wrong': 'rejected',
  'backup-unreadable': 'rejected',
  'master-key-missing': 'broken',
  busy: 'unavailable',
  'daemon-not-running': 'unavailable',
  internal: 'broken',
} as const satisfies Record<string, FaultKind>;

export type FaultCode = keyof typeof faultKinds;
export type Facts = { readonly [name: string]: string | number };
export type Fault = { readonly code: FaultCode; readonly kind: FaultKind; readonly facts: Facts };

/** Either a value or the fault that stands in its place; parsers and judges return it, they never throw. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

/** Facts may come from a hostile peer; every text is cut at what reports, audit events and statuses have room for. */
export const fault = (code: FaultCode, facts: Facts = {}): Fault => ({
  code,
  kind: faultKinds[code],
  facts: Object.values(facts).some(isLong) ? shortFacts(facts) : facts,
});
export const good = <T>(value: T): Result<T> => ({ ok: true, value });
export const bad = (code: FaultCode, facts: Facts = {}): { ok: false; fault: Fault } => ({
  ok: false,
  fault: fault(code, facts),
});

/** The fault a peer named as `{code, facts}`, its facts as far as they are texts and numbers; null for a code we do not know. */
export function readFault(value: unknown): Fault | null {
  if (value === null || typeof value !== 'object' || !('code' in value)) return null;
  const { code } = value;
  if (typeof code !== 'string' || !Object.hasOwn(faultKinds, code)) return null;
  return fault(code as FaultCode, 'facts' in value ? factsIn(value.facts) : {});
}

/** Facts cut at what reports, audit events and statuses have room for. */
export const shortFacts = (facts: Facts): Facts =>
  Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [name, typeof fact === 'string' ? fact.slice(0, longestFact) : fact]),
  );

const longestFact = 300;

const isLong = (fact: string | number): boolean => typeof fact === 'string' && fact.length > longestFact;

const factsIn = (value: unknown): Facts =>
  Object.fromEntries(
    Object.entries(value !== null && typeof value === 'object' ? value : {}).filter(
      ([, fact]) => typeof fact === 'string' || typeof fact === 'number',
    ),
  );
