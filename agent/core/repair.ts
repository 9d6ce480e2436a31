/**
 * A repair file: what leads a device back to its server without the certificate it holds (F8, docs/adr/0014-repair-files.md). Where it comes
 * from is never trusted: only the signature by the recovery key or a policy key, the audience, its days and a rising revision.
 */
import { keysAudience, repairAudience } from '../../protocol/audience.ts';
import { type Certificate, fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { openJws, thumbprint } from '../../protocol/jws.ts';
import { maxRepairBytes } from '../../protocol/limits.ts';
import { judgePins } from '../../protocol/policy.ts';
import type { PublicKey, RepairBundle } from '../../protocol/schema.ts';
import { fromNumericDate, type Instant, instant } from '../../protocol/time.ts';
import { read } from '../../protocol/validate.ts';
import { type ClockView, raiseHardFloor, takeRepairTime } from './clock.ts';
import { isEarly, signedAt } from './documents.ts';
import type { Counters, Repaired } from './durable.ts';
import { mostKeys } from './keys.ts';

export type RepairKeys = { readonly recovery: PublicKey; readonly policy: readonly PublicKey[] };
export type RepairRules = {
  readonly serverId: string;
  readonly keys: RepairKeys;
  readonly clock: ClockView;
  readonly blocklist: readonly string[];
  readonly repaired: Repaired | null;
  readonly highest: Counters['highest'];
};
export type OpenRepair = {
  readonly bundle: RepairBundle;
  readonly by: 'recovery' | 'policy';
  readonly main: Certificate;
  /** What the recovery key alone may say; null where it says nothing. */
  readonly time: Instant | null;
};

/** Opens a repair file and judges all of it. Faults: those of `openJws` and `judgeRepair`. */
export function openRepair(token: string, rules: RepairRules): Result<OpenRepair> {
  const { recovery, policy } = rules.keys;
  if (token.length > maxRepairBytes) return bad('too-large', { bytes: token.length, limit: maxRepairBytes });
  const opened = openJws(token, 'repair', [recovery, ...policy]);
  if (!opened.ok) return opened;
  return judgeRepair(opened.value.payload, opened.value.kid === thumbprint(recovery) ? 'recovery' : 'policy', rules);
}

/**
 * What a key of ours has signed. The dates of the main certificate are judged too, by the time that holds with the file:
 * one that led nowhere would only be used up.
 * Faults: those of `read`, `unknown-critical`, `wrong-audience`, `not-allowed` (a policy key says what only
 * the recovery key may), `from-the-future`, `repair-stale`, `repair-used`, those of `judgePins`, `blocklisted`, `expired`,
 * `not-yet-valid`.
 */
export function judgeRepair(payload: Uint8Array, by: OpenRepair['by'], rules: RepairRules): Result<OpenRepair> {
  const { serverId, clock, repaired } = rules;
  const document = read('repairBundle', payload, maxRepairBytes);
  if (!document.ok) return document;
  const bundle = document.value;
  const [unknown] = bundle.critical ?? [];
  if (unknown !== undefined) return bad('unknown-critical', { what: unknown });
  const { aud, rev, iat } = bundle;
  if (aud !== repairAudience(serverId)) return bad('wrong-audience', { aud });
  const given = bundle.time ?? null;
  if (by === 'policy' && (given !== null || (bundle.policyKeys ?? []).length > 0))
    return bad('not-allowed', { what: given === null ? 'policyKeys' : 'time' });
  if (isEarly(iat, clock)) return bad('from-the-future', { iat });
  const time = given === null ? null : instant(Math.max(given, fromNumericDate(iat)));
  if (isOver(bundle, clock, time)) return bad('repair-stale');
  if (rev < (rules.highest[aud] ?? -1) || (repaired?.aud === aud && rev <= repaired.rev))
    return bad('repair-used', { rev });
  const [unfit] = judgePins(bundle.pins);
  if (unfit) return { ok: false, fault: unfit };
  const main = judgeMain(bundle, rules, time);
  return main.ok ? good({ bundle, by, main: main.value, time }) : main;
}

/**
 * Revision and floors as they are with the file. One that brings keys may be older than a revocation of one of them: the key
 * statements are asked for again and taken again, all of them.
 */
export function countersWith(counters: Counters, { bundle, time }: OpenRepair, serverId: string): Counters {
  const { aud, rev } = bundle;
  const { [keysAudience(serverId)]: _, ...others } = counters.highest;
  const kept = bundle.policyKeys?.length ? others : counters.highest;
  const raised = { ...counters, highest: { ...kept, [aud]: Math.max(rev, counters.highest[aud] ?? 0) } };
  return time === null ? raiseHardFloor(raised, signedAt(bundle)) : takeRepairTime(raised, time);
}

/** The keys whose documents count with the file: the newest last, and never more than a device has room for. */
export function keysWith(keys: readonly PublicKey[], { bundle }: OpenRepair): readonly PublicKey[] {
  const added = bundle.policyKeys ?? [];
  const names = new Set(added.map(thumbprint));
  return [...keys.filter((key) => !names.has(thumbprint(key))), ...added].slice(-mostKeys);
}

/**
 * Its days are over. A floor that is not the time is held against it too: the time is later than that. But for a file that
 * says the floor is wrong: nothing here can tell its days then.
 */
const isOver = ({ refreshBefore }: RepairBundle, clock: ClockView, time: Instant | null): boolean =>
  (clock.at === 'known' || time === null) && clock.now > fromNumericDate(refreshBefore);

function judgeMain(
  { pins }: RepairBundle,
  { blocklist, clock }: RepairRules,
  time: Instant | null,
): Result<Certificate> {
  const parsed = parseCertificate(fromBase64(pins.main));
  if (!parsed.ok) return parsed;
  const { fingerprint, owner, notAfter, notBefore } = parsed.value;
  const reserve = pins.reserve && parseCertificate(fromBase64(pins.reserve.certificate));
  if (blocklist.includes(fingerprint)) return bad('blocklisted', { owner, fingerprint });
  if (reserve?.ok && blocklist.includes(reserve.value.fingerprint))
    return bad('blocklisted', { owner: reserve.value.owner, fingerprint: reserve.value.fingerprint });
  const now = clock.at === 'unknown' && time !== null ? time : clock.now;
  if (now > notAfter) return bad('expired', { owner });
  if (clock.at === 'known' && now < notBefore) return bad('not-yet-valid', { owner });
  return parsed;
}
