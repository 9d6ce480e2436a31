/**
 * Signed documents from the server: opened, checked whole, and admitted or refused. The carrier (MQTT, check-in, a file)
 * is never trusted; only the signature by a policy key, the audience and a rising revision count.
 */
import { deviceAudience, groupAudience, serverAudience } from '../../protocol/audience.ts';
import type { Certificate } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { type DocumentType, openJws } from '../../protocol/jws.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import { judgeEntries, judgeLists, judgePins, judgeSettings } from '../../protocol/policy.ts';
import { listedAmong, type RevocationList } from '../../protocol/revocation-list.ts';
import type {
  Command,
  DeviceDocument,
  Policy,
  PublicKey,
  RotationStatement,
  TimeStatement,
} from '../../protocol/schema.ts';
import { dayMs, fromNumericDate, type Instant } from '../../protocol/time.ts';
import { read, type Shape, type ShapeName } from '../../protocol/validate.ts';
import { type ClockView, raiseHardFloor, skewMs } from './clock.ts';
import type { Counters } from './durable.ts';

/** Whose documents this device takes. */
export type Audience = { readonly serverId: string; readonly deviceId: string; readonly keys: readonly PublicKey[] };

/** A policy that passed every check of its content. */
export type OpenPolicy = {
  readonly jws: string;
  readonly policy: Policy;
  /** In the order of `policy.certificates.entries`. */
  readonly certificates: readonly Certificate[];
  readonly lists: readonly RevocationList[];
  /** Fingerprints of the single certificates among them that a list names, for whatever purpose. */
  readonly revoked: ReadonlySet<string>;
};
export type OpenDevice = { readonly jws: string; readonly device: DeviceDocument };

export type Held = { readonly policy: OpenPolicy | null; readonly device: OpenDevice | null };

/** What a document leads to. */
export type Admission =
  | { readonly at: 'apply'; readonly held: Held }
  /** The device moves to another group, whose policy must come first. */
  | { readonly at: 'wait'; readonly device: OpenDevice }
  | { readonly at: 'replay'; readonly newer: string | null };

const farFutureMs = dayMs;

/** `known`: opened before, by the same keys. What comes again byte for byte, as after every connect, is held to the time alone. */
export function openPolicy(
  jws: string,
  audience: Audience,
  clock: ClockView | null,
  known: OpenPolicy | null = null,
): Result<OpenPolicy> {
  if (known?.jws === jws) {
    const timely = inTime(known.policy, clock);
    return timely.ok ? good(known) : timely;
  }
  const opened = open(jws, 'policy', 'policy', audience.keys, clock);
  if (!opened.ok) return opened;
  const policy = opened.value;
  if (policy.aud !== groupAudience(audience.serverId, policy.group.id)) return bad('wrong-audience');
  const checked = checkContent(policy);
  return checked.ok ? good({ jws, policy, ...checked.value }) : checked;
}

export function openDevice(jws: string, audience: Audience, clock: ClockView | null): Result<OpenDevice> {
  const opened = open(jws, 'device', 'deviceDocument', audience.keys, clock);
  if (!opened.ok) return opened;
  if (opened.value.aud !== deviceAudience(audience.serverId, audience.deviceId)) return bad('wrong-audience');
  return good({ jws, device: opened.value });
}

export function openCommand(jws: string, audience: Audience, clock: ClockView): Result<Command> {
  const opened = open(jws, 'command', 'command', audience.keys, clock);
  if (!opened.ok) return opened;
  if (opened.value.aud !== deviceAudience(audience.serverId, audience.deviceId)) return bad('wrong-audience');
  return opened;
}

/** The server's time over a nonce of ours. Its `iat` proves nothing before the nonce does. */
export function openTime(jws: string, audience: Audience, nonce: string): Result<TimeStatement> {
  const opened = open(jws, 'time', 'timeStatement', audience.keys, null);
  if (!opened.ok) return opened;
  const statement = opened.value;
  if (statement.aud !== deviceAudience(audience.serverId, audience.deviceId)) return bad('wrong-audience');
  return statement.nonce === nonce ? opened : bad('replayed', { what: 'time' });
}

/** One link from a certificate of the server to the next. What it links is judged by `rotating.ts`. */
export function openRotation(jws: string, audience: Audience, clock: ClockView): Result<RotationStatement> {
  const opened = open(jws, 'rotation', 'rotationStatement', audience.keys, clock);
  if (!opened.ok) return opened;
  return opened.value.aud === serverAudience(audience.serverId) ? opened : bad('wrong-audience');
}

export type Situation = {
  readonly held: Held;
  readonly waiting: OpenDevice | null;
  readonly highest: { readonly [audience: string]: number };
  /** Group of the registration bundle, until a device document names one. */
  readonly group: string;
};

/** Fault: `wrong-audience` for a policy of a group that is neither ours nor the one we move to. */
export function admitPolicy(situation: Situation, incoming: OpenPolicy): Result<Admission> {
  const { held, waiting } = situation;
  const { aud, rev, group } = incoming.policy;
  const current = held.device?.device.group ?? situation.group;
  if (group.id !== current && group.id !== waiting?.device.group) return bad('wrong-audience');
  const ours = held.policy?.policy.aud === aud ? held.policy : null;
  if (isReplay(rev, situation.highest[aud], ours?.policy.rev)) return replay(rev, ours?.policy.rev, ours?.jws);
  if (waiting && group.id === waiting.device.group) {
    if (rev < waiting.device.groupRev) return good({ at: 'wait', device: waiting });
    return good({ at: 'apply', held: { policy: incoming, device: waiting } });
  }
  return good({ at: 'apply', held: { ...held, policy: incoming } });
}

export function admitDevice(situation: Situation, incoming: OpenDevice): Result<Admission> {
  const { held, waiting } = situation;
  const { aud, rev, group, groupRev } = incoming.device;
  const ours = waiting ?? held.device;
  if (isReplay(rev, situation.highest[aud], ours?.device.rev)) return replay(rev, ours?.device.rev, ours?.jws);
  const current = held.device?.device.group ?? situation.group;
  if (group === current) return good({ at: 'apply', held: { ...held, device: incoming } });
  const policy = held.policy?.policy;
  if (policy?.group.id === group && policy.rev >= groupRev)
    return good({ at: 'apply', held: { ...held, device: incoming } });
  return good({ at: 'wait', device: incoming });
}

/**
 * Every certificate and revocation list of a policy, or why the whole revision is refused: the first fault, with how many there are. It is the
 * check that the server runs before it signs.
 */
function checkContent(policy: Policy): Result<Pick<OpenPolicy, 'certificates' | 'lists' | 'revoked'>> {
  const { entries, faults } = judgeEntries(policy.certificates.entries);
  const { lists, faults: wrongLists } = judgeLists(policy.revocation);
  const all = [...judgePins(policy.server), ...faults, ...wrongLists, ...judgeSettings(policy.settings)];
  const [first] = all;
  const certificates = entries.map((each) => each.certificate);
  const single = certificates.filter(({ isCa }) => !isCa);
  const named = listedAmong(lists, single);
  return first
    ? bad(first.code, { ...first.facts, faults: all.length })
    : good({ certificates, lists, revoked: new Set(named.map(({ fingerprint }) => fingerprint)) });
}

function open<Name extends ShapeName>(
  jws: string,
  type: DocumentType,
  shape: Name & ('policy' | 'deviceDocument' | 'command' | 'timeStatement' | 'rotationStatement'),
  keys: readonly PublicKey[],
  clock: ClockView | null,
): Result<Shape<Name>> {
  const opened = openJws(jws, type, keys);
  if (!opened.ok) return opened;
  const document = read<Name>(shape, opened.value.payload, maxDocumentBytes);
  if (!document.ok) return document;
  const { critical } = document.value as { critical?: readonly string[] };
  const [unknown] = critical ?? [];
  if (unknown !== undefined) return bad('unknown-critical', { what: unknown });
  return inTime(document.value as Shape<Name> & { iat: number }, clock);
}

/** Fault: `from-the-future`. */
export function inTime<Document extends { readonly iat: number }>(
  document: Document,
  clock: ClockView | null,
): Result<Document> {
  const { iat } = document;
  return clock && isEarly(iat, clock) ? bad('from-the-future', { iat }) : good(document);
}

/** Signed later than a known clock and its skew allow. */
export const isEarly = (iat: number, clock: ClockView): boolean =>
  clock.at === 'known' && fromNumericDate(iat) > clock.now + farFutureMs + skewMs;

/** A revision we already hold, or below one we have held. One we have held and lost (fallback generation) is taken again. */
const isReplay = (rev: number, highest: number | undefined, held: number | undefined): boolean =>
  rev < (highest ?? -1) || rev <= (held ?? -1);

/** The evidence a restored server needs is sent only when it is really behind. */
const replay = (rev: number, held: number | undefined, jws: string | undefined): Result<Admission> =>
  good({ at: 'replay', newer: jws !== undefined && rev < (held ?? 0) ? jws : null });

/**
 * Verified documents raise what may never fall, revisions, and the hard floor of the clock. One that was counted has raised
 * the floor already: what the server or a repair file has lowered since is not taken back by a document still held.
 */
export function raisedBy(counters: Counters, documents: readonly Pick<Policy, 'aud' | 'rev' | 'iat'>[]): Counters {
  const highest = { ...counters.highest };
  for (const each of documents) highest[each.aud] = Math.max(each.rev, highest[each.aud] ?? 0);
  const uncounted = documents.filter(({ aud, rev }) => rev > (counters.highest[aud] ?? -1));
  return uncounted.map(signedAt).reduce(raiseHardFloor, { ...counters, highest });
}

/** When a document was signed. */
export const signedAt = (document: { readonly iat: number }): Instant => fromNumericDate(document.iat);
/** 14 days after signing it wants to be renewed (policy-stale). */
export const isStale = (document: { readonly refreshBefore: number }, clock: ClockView): boolean =>
  clock.at === 'known' && clock.now > fromNumericDate(document.refreshBefore);
