/**
 * Policy keys of the server: the next one, announced by a policy that the present one signed, and key statements, signed by the
 * offline recovery key, which add and revoke whatever happened to the others.
 */
import { keysAudience } from '../../protocol/audience.ts';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import { openJws, thumbprint } from '../../protocol/jws.ts';
import { maxRotationCharacters } from '../../protocol/limits.ts';
import type { KeyStatement, PublicKey } from '../../protocol/schema.ts';
import { read } from '../../protocol/validate.ts';
import type { ClockView } from './clock.ts';
import { inTime, raisedBy } from './documents.ts';
import type { Counters, Durable } from './durable.ts';
import type { AuditDraft } from './state.ts';

export type Keyed = {
  readonly keys: readonly PublicKey[];
  readonly counters: Counters;
  readonly audit: readonly AuditDraft[];
  /** Whether there is anything to keep. */
  readonly changed: boolean;
  readonly fault: Fault | null;
};

/** Of one server, at a time. */
export const mostKeys = 8;

/** The keys with an announced one; the same array when nothing changes, or when there is no room. */
export function withAnnounced(keys: readonly PublicKey[], next: PublicKey | null | undefined): readonly PublicKey[] {
  if (!next || keys.length >= mostKeys || holds(keys, thumbprint(next))) return keys;
  return [...keys, next];
}

/**
 * Key statements one after the other. Only what is as new as the newest one taken counts: an older one again would bring back
 * a key that was revoked since. The first that is wrong ends it. Faults: those of `openStatement`, `would-strand` for a
 * revocation that leaves no key.
 */
export function takeStatements(
  { registration }: Durable,
  counters: Counters,
  statements: readonly string[],
  clock: ClockView,
): Keyed {
  if (registration.at !== 'registered') return { keys: [], counters, audit: [], changed: false, fault: null };
  const { recoveryKey, serverId } = registration.bundle;
  const aud = keysAudience(serverId);
  let taken: Keyed = { keys: registration.policyKeys, counters, audit: [], changed: false, fault: null };
  for (const jws of statements) {
    const opened = openStatement(jws, recoveryKey, aud, clock);
    if (!opened.ok) return { ...taken, fault: opened.fault };
    const statement = opened.value;
    const highest = taken.counters.highest[aud] ?? 0;
    if (statement.rev < highest) continue;
    const keys = changed(taken.keys, statement);
    if (!keys.ok) return { ...taken, fault: keys.fault };
    const told = toldOf(taken.keys, keys.value);
    taken = {
      keys: keys.value,
      counters: raisedBy(taken.counters, [statement]),
      audit: [...taken.audit, ...told],
      changed: taken.changed || told.length > 0 || statement.rev > highest,
      fault: null,
    };
  }
  return taken;
}

/** What a change of keys is told the audit log. */
export function toldOf(before: readonly PublicKey[], after: readonly PublicKey[]): readonly AuditDraft[] {
  const [old, now] = [before.map(thumbprint), after.map(thumbprint)];
  const told = (event: string) => (key: string) => ({ event, facts: { key } });
  return [
    ...now.filter((key) => !old.includes(key)).map(told('policy-key-added')),
    ...old.filter((key) => !now.includes(key)).map(told('policy-key-revoked')),
  ];
}

/** Faults: those of JWS and JSON, `unknown-critical`, `wrong-audience`, `from-the-future`. */
function openStatement(jws: string, recovery: PublicKey, aud: string, clock: ClockView): Result<KeyStatement> {
  const opened = openJws(jws, 'key', [recovery]);
  if (!opened.ok) return opened;
  const statement = read('keyStatement', opened.value.payload, maxRotationCharacters);
  if (!statement.ok) return statement;
  const [unknown] = statement.value.critical ?? [];
  if (unknown !== undefined) return bad('unknown-critical', { what: unknown });
  if (statement.value.aud !== aud) return bad('wrong-audience');
  return inTime(statement.value, clock);
}

function changed(keys: readonly PublicKey[], { add, revoke }: KeyStatement): Result<readonly PublicKey[]> {
  const left = keys.filter((key) => thumbprint(key) !== revoke);
  const after = add && !holds(left, thumbprint(add)) ? [...left, add] : left;
  return after.length === 0 ? bad('would-strand', { what: 'key' }) : good(after.slice(-mostKeys));
}

const holds = (keys: readonly PublicKey[], wanted: string): boolean => keys.some((key) => thumbprint(key) === wanted);
