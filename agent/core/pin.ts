/**
 * The server's own certificate: three slots of exact certificates, and beside them those that front ends of the server
 * show. What is proved in a handshake is compared byte for byte; no authority, no name. Slots move only when a handshake
 * with the reserve completes at or after its activation, or after the current one expired; or one with a front end, where
 * the policy says that the reserve is the main one already.
 */
import { type Certificate, fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { ServerPins } from '../../protocol/schema.ts';
import { dayMs, type Instant, instant } from '../../protocol/time.ts';
import type { ClockView } from './clock.ts';
import type { Pin, PinSlots } from './durable.ts';

export type Slot = 'current' | 'reserve' | 'previous' | 'front-end';
export type HeldPin = { readonly slot: Slot; readonly pin: Pin; readonly certificate: Certificate };
export type Accepted = { readonly slot: Slot };

const previousStaysMs = 7 * dayMs;
const parsedPins = new WeakMap<Pin, Certificate | null>();

/**
 * The certificates in the slots, parsed, or `only` one of them. A slot that cannot be parsed is left out; it can never match
 * anything.
 */
export function heldPins(slots: PinSlots, only: string | null = null): readonly HeldPin[] {
  const found: HeldPin[] = [];
  const hold = (slot: Slot, pin: Pin | null): void => {
    const certificate = pin && certificateOf(pin);
    if (certificate && (only === null || certificate.fingerprint === only)) found.push({ slot, pin, certificate });
  };
  for (const slot of ['current', 'reserve', 'previous'] as const) hold(slot, slots[slot]);
  for (const pin of slots.frontEnds ?? []) hold('front-end', pin);
  return found;
}

/** Parsed once for each pin: whatever happens asks for it, parsing is dear, and a pin never changes in place. */
function certificateOf(pin: Pin): Certificate | null {
  let certificate = parsedPins.get(pin);
  if (certificate === undefined) {
    const parsed = parseCertificate(fromBase64(pin.der));
    certificate = parsed.ok ? parsed.value : null;
    parsedPins.set(pin, certificate);
  }
  return certificate;
}

/** Fingerprints a connection may be made to now. */
export const acceptedPins = (slots: PinSlots, clock: ClockView, blocklist: readonly string[]): readonly string[] =>
  heldPins(slots)
    .filter((held) => judgeHeld(slots, held, clock, blocklist) === null)
    .map((held) => held.certificate.fingerprint);

/**
 * What a presented certificate means.
 * Faults: `blocklisted`, `expired`/`not-yet-valid` of what we hold as `pin-expired`/`not-yet-valid`,
 * `certificate-unreadable`, `server-certificate-expired` (a stranger that is itself out of date), `clock-unknown` (a
 * stranger while we cannot tell the time), and `not-pinned`: the one that leads to a code.
 */
export function judgePresented(
  slots: PinSlots,
  der: string,
  clock: ClockView,
  blocklist: readonly string[],
): Result<Accepted> {
  const parsed = parseCertificate(fromBase64(der));
  if (!parsed.ok) return parsed;
  const certificate = parsed.value;
  const judged = heldPins(slots, certificate.fingerprint).map(
    (held) => [held.slot, judgeHeld(slots, held, clock, blocklist)] as const,
  );
  const accepted = judged.find(([, fault]) => fault === null);
  if (accepted) return good({ slot: accepted[0] });
  const refused = judged[0]?.[1];
  // `previous` after its days is in no slot any more.
  if (refused && refused.code !== 'not-pinned') return { ok: false, fault: refused };
  const facts = { fingerprint: certificate.fingerprint };
  if (blocklist.includes(certificate.fingerprint)) return bad('blocklisted', facts);
  if (clock.at === 'unknown') return bad('clock-unknown', facts);
  if (clock.now > certificate.notAfter) return bad('server-certificate-expired', facts);
  if (clock.now < certificate.notBefore) return bad('not-yet-valid', facts);
  return bad('not-pinned', facts);
}

/**
 * Why there may be no connection to the holder of this certificate; null where there may. What has been proved in a
 * handshake is judged by the slots, dates and blocklist of now: they may have changed since the handshake was begun.
 * Faults: `blocklisted`, `pin-expired`, `not-yet-valid`, `not-pinned`.
 */
export function judgeProved(
  slots: PinSlots,
  fingerprint: string,
  clock: ClockView,
  blocklist: readonly string[],
): Fault | null {
  const faults = heldPins(slots, fingerprint).map((held) => judgeHeld(slots, held, clock, blocklist));
  if (faults.includes(null)) return null;
  return faults[0] ?? fault(blocklist.includes(fingerprint) ? 'blocklisted' : 'not-pinned', { fingerprint });
}

/**
 * The slots after a completed handshake; the same object when nothing moves. `main` is what the policy in force names, or
 * null: who comes through a front end never meets it, and would fall behind one change of it after the other.
 */
export function afterHandshake(
  slots: PinSlots,
  fingerprint: string,
  clock: ClockView,
  main: string | null = null,
): PinSlots {
  const kept = forgetPrevious(slots, clock);
  const { reserve } = kept;
  if (!reserve) return kept;
  const held = heldPins(kept);
  const proved = held.find((candidate) => candidate.slot === 'reserve');
  const throughFrontEnd = held.some(
    (each) => each.slot === 'front-end' && each.certificate.fingerprint === fingerprint,
  );
  const isProved = proved?.certificate.fingerprint === fingerprint || (throughFrontEnd && reserve.der === main);
  if (!isProved) return kept;
  const current = held.find((candidate) => candidate.slot === 'current');
  const currentExpired = clock.at === 'known' && current !== undefined && clock.now > current.certificate.notAfter;
  if (clock.now < reserve.activateAt && !currentExpired) return kept;
  return {
    ...kept,
    current: { der: reserve.der, source: reserve.source, addedAt: reserve.addedAt },
    reserve: null,
    previous: { ...kept.current, until: instant(clock.now + previousStaysMs) },
  };
}

/**
 * The slots after a signed policy. A main certificate that is not our current one has been activated by the server
 * already, so it takes the reserve slot, active at once, until a handshake proves it. `current` never moves here.
 */
export const afterPolicy = (slots: PinSlots, wanted: ServerPins, signedAt: Instant): PinSlots =>
  withFrontEnds(withMain(slots, wanted, signedAt), wanted.frontEnds ?? [], signedAt);

function withMain(slots: PinSlots, wanted: ServerPins, signedAt: Instant): PinSlots {
  if (wanted.main !== slots.current.der) {
    const known = slots.reserve?.der === wanted.main ? slots.reserve : null;
    const addedAt = known?.addedAt ?? signedAt;
    const activateAt = instant(Math.min(known?.activateAt ?? signedAt, signedAt));
    if (known && known.activateAt === activateAt) return slots;
    return { ...slots, reserve: { der: wanted.main, source: 'policy', addedAt, activateAt } };
  }
  const next = wanted.reserve?.certificate === wanted.main ? null : wanted.reserve;
  if (!next) return slots.reserve ? { ...slots, reserve: null } : slots;
  if (slots.reserve?.der === next.certificate && slots.reserve.activateAt === next.activateAt) return slots;
  const addedAt = slots.reserve?.der === next.certificate ? slots.reserve.addedAt : signedAt;
  const reserve = { der: next.certificate, source: 'policy' as const, addedAt, activateAt: instant(next.activateAt) };
  return { ...slots, reserve };
}

/** Those that are known already stay as they came. */
function withFrontEnds(slots: PinSlots, wanted: readonly string[], signedAt: Instant): PinSlots {
  const { frontEnds: held = [], ...rest } = slots;
  if (held.length === wanted.length && held.every(({ der }, index) => der === wanted[index])) return slots;
  if (wanted.length === 0) return rest;
  const frontEnds = wanted.map(
    (der) => held.find((pin) => pin.der === der) ?? { der, source: 'policy' as const, addedAt: signedAt },
  );
  return { ...rest, frontEnds };
}

/** The slots after a right replacement code: the answered certificate alone is trusted. */
export const afterCode = (der: string, at: Instant): PinSlots => ({
  current: { der, source: 'replacement', addedAt: at },
  reserve: null,
  previous: null,
});

/** The slots after rotation statements, signed by the policy key, have led to this certificate: it alone is trusted. */
export const afterRotation = (der: string, at: Instant): PinSlots => ({
  current: { der, source: 'policy', addedAt: at },
  reserve: null,
  previous: null,
});

/** The pins of the registration bundle take the place of what the device was told. */
export const fromBundle = (pins: ServerPins, at: Instant): PinSlots =>
  afterPolicy({ current: { der: pins.main, source: 'policy', addedAt: at }, reserve: null, previous: null }, pins, at);

/** The slots after a repair file: what it names, and nothing that was before. */
export const afterRepair = (pins: ServerPins, at: Instant): PinSlots => fromBundle(pins, at);

/** A blocklist that takes the last certificate we could reach the server by; `previous` and front ends are no way to stay. */
export function wouldStrand(slots: PinSlots, blocklist: readonly string[], clock: ClockView): boolean {
  const lasting = heldPins(slots).filter(({ slot }) => slot === 'current' || slot === 'reserve');
  const takes = lasting.some((held) => blocklist.includes(held.certificate.fingerprint));
  return takes && lasting.every((held) => judgeHeld(slots, held, clock, blocklist) !== null);
}

/**
 * While the clock is unknown the floor is only a lower bound of the time, so it may call an exact pin expired but never
 * "not valid yet": otherwise a device without a clock battery could never reach its server again.
 */
function judgeHeld(slots: PinSlots, held: HeldPin, clock: ClockView, blocklist: readonly string[]): Fault | null {
  const { certificate, slot } = held;
  const facts = { fingerprint: certificate.fingerprint, slot };
  if (blocklist.includes(certificate.fingerprint)) return fault('blocklisted', facts);
  if (clock.now > certificate.notAfter) return fault('pin-expired', facts);
  if (clock.at === 'known' && clock.now < certificate.notBefore) return fault('not-yet-valid', facts);
  if (slot === 'previous' && clock.now > (slots.previous?.until ?? 0)) return fault('not-pinned', facts);
  return null;
}

const forgetPrevious = (slots: PinSlots, clock: ClockView): PinSlots =>
  slots.previous && clock.at === 'known' && clock.now > slots.previous.until ? { ...slots, previous: null } : slots;
