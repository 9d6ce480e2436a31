/**
 * What a connection would come to, in one answer: the verdict, the one reason for it, and what a person should look at. There
 * is no way past a refusal; `unknown` is the only verdict a person may change, by adding the certificate.
 */
import { type Certificate, checkAcceptable, parseCertificate, presentCertificate } from '../../protocol/certificate.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import type { Preflight } from '../../protocol/local.ts';
import type { ClientPurpose, Purpose } from '../../protocol/schema.ts';
import { type Place, parsePlace, type Target } from '../../protocol/target.ts';
import type { Instant } from '../../protocol/time.ts';
import { question, type Verdict } from './decide.ts';
import { heldPins, judgePresented } from './pin.ts';
import { defaultPorts, entriesFor, isClosed, rulesFor, type StoreEntry } from './rules.ts';
import type { Now, Probed, Rules } from './shape.ts';
import { blocklistOf, clockOf, type State } from './state.ts';

type Shown = Extract<Probed, { readonly at: 'shown' }>;
/** A fault here has one of our codes. */
export type Explained = Preflight & { readonly fault: Fault | null };
type Judged = Pick<Explained, 'verdict' | 'by' | 'fault' | 'warnings'>;

const longestChain = 16;

/**
 * Judges what a server showed by the store and the clock as they are now, which may not be those it was asked with: what was
 * trusted by an entry that no longer counts is trusted no more.
 */
export function preflightOf(state: State, purpose: Purpose, place: Place, outcome: Probed, now: Now): Explained {
  const shown = outcome.at === 'shown' ? outcome : null;
  const chain = (shown?.chain ?? []).slice(0, longestChain).flatMap((der) => {
    const parsed = parseCertificate(der);
    return parsed.ok ? [presentCertificate(parsed.value)] : [];
  });
  return {
    purpose,
    server: place.text,
    ...(outcome.at === 'failed'
      ? { verdict: 'failed' as const, by: null, fault: outcome.fault, warnings: [] }
      : explain(state, purpose, place, outcome, now)),
    chain,
    tls: shown?.tls ?? null,
    at: clockOf(state, now).now,
  };
}

function explain(state: State, purpose: Purpose, place: Place, shown: Shown, now: Now): Judged {
  const [der] = shown.chain;
  const leaf = parseCertificate(der ?? new Uint8Array());
  if (!leaf.ok) return refused(leaf.fault);
  return purpose === 'ksc'
    ? explainPin(state, leaf.value, now)
    : explainClient(state, purpose, place, leaf.value, shown, now);
}

/** As the connection to the server itself is judged: by the exact certificates in the pin slots. */
function explainPin(state: State, leaf: Certificate, now: Now): Judged {
  const { pins } = state.durable;
  if (!pins) return refused(fault('not-registered'));
  const der = Buffer.from(leaf.der).toString('base64');
  const judged = judgePresented(pins, der, clockOf(state, now), blocklistOf(state));
  if (!judged.ok) return refused(judged.fault);
  const source = heldPins(pins).find(({ slot }) => slot === judged.value.slot)?.pin.source ?? 'policy';
  return trusted({ fingerprint: leaf.fingerprint, owner: leaf.owner.slice(0, 300), source });
}

function explainClient(
  state: State,
  purpose: ClientPurpose,
  place: Place,
  leaf: Certificate,
  shown: Shown,
  now: Now,
): Judged {
  const rules = rulesFor(state, purpose, place, now);
  const entries = entriesFor(state, purpose, place);
  const verdict = judge(rules, shown);
  const clock = clockOf(state, now);
  if (verdict.trusted) {
    const entry = entries.find(({ certificate }) => certificate.fingerprint === verdict.by);
    if (!entry) return refused(fault('internal', { what: 'entry' }));
    const { certificate, source } = entry;
    return trusted({ fingerprint: certificate.fingerprint, owner: certificate.owner.slice(0, 300), source });
  }
  const why = verdict.fault;
  const closed = isClosed(state.durable, state.held);
  const shownBlocked = why.code === 'blocklisted' && presentsBlocked(rules, shown);
  if (shownBlocked) return refused(why);
  if (clock.at === 'unknown') return refused(fault('clock-unknown', { floor: clock.floor }));
  if (speaksAgainst(why, rules, closed)) return refused(why);
  const changed = changeOf(entries.filter(isFor(place)), rules, place, leaf);
  if (changed) return refused(changed);
  if (closed) return refused(outsiderFault(state, purpose, place, rules, leaf));
  const unfit = unfitness(leaf, clock.now);
  if (unfit) return refused(unfit);
  return { verdict: 'unknown', by: null, fault: null, warnings: warningsOf(leaf, shown, place) };
}

/** The decision itself where it needs no path; else what the path engine said, if the entry it went by still counts. */
function judge(rules: Rules, shown: Shown): Verdict {
  const [leaf = new Uint8Array(), ...intermediates] = shown.chain;
  const step = question({ ...rules, leaf, intermediates });
  if (step.do === 'judged') return step.verdict;
  const { verdict } = shown;
  if (!verdict.trusted) return verdict;
  const stands = rules.entries.some((entry) => entry.isCa && entry.fingerprint === verdict.by);
  return stands && !rules.blocklist.has(verdict.by) ? verdict : { trusted: false, fault: fault('issuer-unknown') };
}

function presentsBlocked(rules: Rules, shown: Shown): boolean {
  const [leaf = new Uint8Array(), ...intermediates] = shown.chain;
  const step = question({ ...rules, entries: [], leaf, intermediates });
  return step.do === 'judged' && !step.verdict.trusted && step.verdict.fault.code === 'blocklisted';
}

/**
 * Whether it is more than that nothing in the store matches. What the path engine finds wrong means something only where there
 * are authorities that count; that every entry is blocked leaves a person, who may add another one, free to do so.
 */
function speaksAgainst(why: Fault, { entries, blocklist }: Rules, closed: boolean): boolean {
  if (why.code === 'issuer-unknown') return false;
  if (why.kind === 'broken') return true;
  if (why.code === 'blocklisted') return closed;
  return entries.some((entry) => !blocklist.has(entry.fingerprint));
}

/** Entries that were for this very server: bound to it, or an exact certificate that names it. */
const isFor =
  (place: Place) =>
  ({ server, exact, certificate }: StoreEntry): boolean =>
    server === place.text || (server === null && exact && names(certificate, place.target));

/**
 * It showed something else before: the old one was blocked, has expired, or, which is alarming, still holds. Where what was
 * saved for it is an authority, who issued what it shows now is unknown.
 */
function changeOf(before: readonly StoreEntry[], rules: Rules, { text }: Place, leaf: Certificate): Fault | null {
  const [first] = before;
  if (!first) return null;
  const standing = before.filter(({ certificate }) => !rules.blocklist.has(certificate.fingerprint));
  if (standing.length === 0) return fault('blocklisted', { owner: first.certificate.owner });
  const valid = standing.find(({ certificate, exact }) => exact && rules.at <= certificate.notAfter);
  if (!valid && standing.some(({ exact }) => !exact)) return fault('issuer-unknown', { issuer: issuerOf(leaf) });
  const { owner } = (valid ?? standing[0] ?? first).certificate;
  return fault(valid ? 'changed-old-valid' : 'changed-old-expired', { host: text, owner, now: leaf.fingerprint });
}

/**
 * On a device that takes from the policy alone. Which servers belong under a root nobody has said but of those the policy itself
 * names: such a one is allowed, and what is wrong is who issued its certificate.
 */
function outsiderFault(
  { held: { policy } }: State,
  purpose: ClientPurpose,
  place: Place,
  { entries, blocklist }: Rules,
  leaf: Certificate,
): Fault {
  const named = policy?.policy.settings?.[purpose === 'log' ? 'logServer' : purpose].value ?? null;
  const allowed = named === null ? null : parsePlace(named, defaultPorts[purpose]);
  const rooted = entries.some((entry) => entry.isCa && !blocklist.has(entry.fingerprint));
  return rooted && allowed?.ok && allowed.value.text === place.text
    ? fault('issuer-unknown', { issuer: issuerOf(leaf) })
    : fault('not-assigned', { host: place.text });
}

const issuerOf = ({ issuer }: Certificate): string => issuer.slice(0, 200);

/** What cannot become an entry. Faults: `expired`, `not-yet-valid`, and those of `checkAcceptable`. */
export function unfitness(leaf: Certificate, at: Instant): Fault | null {
  const { owner } = leaf;
  if (at > leaf.notAfter) return fault('expired', { owner });
  if (at < leaf.notBefore) return fault('not-yet-valid', { owner });
  const acceptable = checkAcceptable(leaf, 'trust-anchor-or-server');
  return acceptable.ok ? null : acceptable.fault;
}

function warningsOf(leaf: Certificate, { named }: Shown, { target }: Place): Fault[] {
  const found: Fault[] = [];
  if (!named) found.push(fault('name-mismatch', { host: target.host ?? target.ip ?? '' }));
  if (leaf.subject !== leaf.issuer) found.push(fault('issuer-unknown', { issuer: issuerOf(leaf) }));
  return found;
}

/** RFC 9525 §6.3, for exact certificates, which are not judged by it: a name, one with a whole wildcard label, or an address. */
function names({ names: all }: Certificate, { host, ip }: Target): boolean {
  const wanted = host ?? ip ?? '';
  const under = host === null ? '' : `*${host.slice(Math.max(0, host.indexOf('.')))}`;
  return all.some((name) => name.toLowerCase() === wanted || (under.length > 1 && name.toLowerCase() === under));
}

const refused = (why: Fault): Judged => ({ verdict: 'refused', by: null, fault: why, warnings: [] });
const trusted = (by: NonNullable<Preflight['by']>): Judged => ({
  verdict: 'trusted',
  by,
  fault: null,
  warnings: [],
});
