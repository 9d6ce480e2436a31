/**
 * Rotation statements: whether signed links lead from the certificate we hold to exactly the one that was presented. Who
 * sent them does not matter, only the policy key that signed them. Asked for by a device that missed changes of the
 * server's certificate, where the last policy allowed it.
 */
import { type Certificate, fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import { maxRotations } from '../../protocol/limits.ts';
import { judgePins } from '../../protocol/policy.ts';
import type { RotationStatement } from '../../protocol/schema.ts';
import { dayMs, fromNumericDate } from '../../protocol/time.ts';
import { type ClockView, skewMs } from './clock.ts';
import { type Audience, openRotation } from './documents.ts';

/** What the links are judged against. */
export type Standing = {
  readonly audience: Audience;
  /** Fingerprint of the current pin. */
  readonly current: string;
  readonly clock: ClockView;
  readonly blocklist: readonly string[];
  /** The highest revision of a statement that was ever followed. */
  readonly highest: number;
};
export type Followed = { readonly links: number; readonly newest: RotationStatement };

/** The newest link is signed again every day; one that is older leads to a server that is not there any more. */
const freshMs = 30 * dayMs;

/**
 * The whole chain, or nothing. `presented` is base64 DER. Faults: `clock-unknown`; `too-large` for more than `maxRotations`
 * links; those of `openRotation`; `rotation-broken` where a link is missing, out of order or a repetition, or the end is
 * another certificate; `blocklisted` for any certificate on the way; certificate faults; `rotation-stale`; `replayed` for a
 * newest link that is older than one followed before.
 */
export function judgeRotations(statements: readonly string[], presented: string, standing: Standing): Result<Followed> {
  const { audience, blocklist, clock, current, highest } = standing;
  if (clock.at === 'unknown') return bad('clock-unknown');
  if (statements.length > maxRotations) return bad('too-large', { count: statements.length, limit: maxRotations });
  const seen = new Set([current]);
  let at = current;
  let newest: RotationStatement | null = null;
  for (const [index, jws] of statements.entries()) {
    const opened = openRotation(jws, audience, clock);
    if (!opened.ok) return opened;
    const link = opened.value;
    if (link.from !== at || (newest && link.seq <= newest.seq)) return bad('rotation-broken', { link: index + 1 });
    const next = judgeTarget(link.to, blocklist);
    if (!next.ok) return next;
    at = next.value.fingerprint;
    if (seen.has(at)) return bad('rotation-broken', { link: index + 1 });
    seen.add(at);
    newest = link;
  }
  if (newest?.to !== presented) return bad('rotation-broken', { link: statements.length });
  const stale = judgeAge(newest, clock, highest);
  return stale ?? good({ links: statements.length, newest });
}

function judgeTarget(der: string, blocklist: readonly string[]): Result<Certificate> {
  const [unfit] = judgePins({ main: der, reserve: null });
  if (unfit) return { ok: false, fault: unfit };
  const parsed = parseCertificate(fromBase64(der));
  if (!parsed.ok) return parsed;
  const { fingerprint } = parsed.value;
  return blocklist.includes(fingerprint) ? bad('blocklisted', { fingerprint }) : parsed;
}

function judgeAge(newest: RotationStatement, clock: ClockView, highest: number): { ok: false; fault: Fault } | null {
  if (newest.rev < highest) return bad('replayed', { what: 'rotation' });
  const signed = fromNumericDate(newest.iat);
  return clock.now > signed + freshMs + skewMs ? bad('rotation-stale', { iat: newest.iat }) : null;
}
