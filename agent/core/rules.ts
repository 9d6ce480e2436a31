/**
 * What counts for a purpose and a server now: the entries of the store, the blocklist and the time. Nothing of one purpose is
 * ever in the rules of another.
 */
import { type Certificate, fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import type { ClientPurpose, Purpose, Source } from '../../protocol/schema.ts';
import type { Place } from '../../protocol/target.ts';
import type { TrustEntry } from './decide.ts';
import type { Held } from './documents.ts';
import type { Durable, LocalEntry } from './durable.ts';
import { isManaged } from './membership.ts';
import { acceptedPins, heldPins } from './pin.ts';
import type { Now, Rules } from './shape.ts';
import { blocklistOf, clockOf, type State } from './state.ts';

/** An entry of the store. `server`: the only one it counts for; null: any of its purpose. */
export type StoreEntry = {
  readonly purpose: ClientPurpose;
  readonly source: Source;
  readonly server: string | null;
  readonly certificate: Certificate;
  /** Trusted as this very certificate, not as an authority, whatever it says of itself. */
  readonly exact: boolean;
};

type Revoking = Pick<Rules, 'crls' | 'revocation'>;

/**
 * What a server of this purpose may be trusted by. While the clock is unknown nothing may but, for `ksc`, the certificates in
 * the pin slots, which then are the device's way to the time. For `ksc` it is those slots alone, at any place.
 */
export function rulesFor(state: State, purpose: Purpose, place: Place, now: Now): Rules {
  const clock = clockOf(state, now);
  const entries =
    purpose === 'ksc'
      ? pinEntries(state, now)
      : clock.at === 'unknown'
        ? []
        : entriesFor(state, purpose, place).map(toTrust);
  return {
    purpose,
    target: place.target,
    at: clock.now,
    entries,
    blocklist: new Set(blocklistOf(state)),
    ...revocationFor(state, purpose),
    policy: null,
  };
}

/** What the policy says of revoked certificates: nothing for its own server, and nothing where it is off. */
export function revocationFor({ held: { policy } }: Pick<State, 'held'>, purpose: Purpose): Revoking {
  const mode = purpose === 'ksc' ? 'off' : (policy?.policy.revocation?.[purpose] ?? 'off');
  return mode === 'off' ? { crls: [] } : { crls: policy?.lists.map(({ der }) => der) ?? [], revocation: mode };
}

/** A single certificate of the policy that a list names, for a purpose where that counts. */
export const isRevoked = (state: Pick<State, 'held'>, purpose: Purpose, fingerprint: string): boolean =>
  state.held.policy?.revoked.has(fingerprint) === true && revocationFor(state, purpose).revocation !== undefined;

/** Where a person or the policy names none. 6514: RFC 5425 §4.1. */
export const defaultPorts: Readonly<Record<Purpose, number>> = { ksc: 443, rdp: 3389, broker: 443, log: 6514 };

/** T6: what the person or the firmware brought counts for nothing, and nothing may be added. T7: nor where a policy assigns. */
export const isClosed = (durable: Durable, held: Held): boolean =>
  isManaged(durable, held) || (held.policy?.policy.certificates.entries.length ?? 0) > 0;

/** Everything that counts for a purpose and a place, dates and blocklist aside; what the policy brought stands first. */
export const entriesFor = (
  { durable, held }: Pick<State, 'durable' | 'held'>,
  purpose: ClientPurpose,
  place: Place,
): readonly StoreEntry[] => {
  const policy = held.policy;
  const pushed = (policy?.policy.certificates.entries ?? []).flatMap((entry, index): StoreEntry[] => {
    const certificate = policy?.certificates[index];
    if (!certificate || entry.purpose !== purpose) return [];
    return [{ purpose, source: 'policy', server: null, certificate, exact: !certificate.isCa }];
  });
  return isClosed(durable, held) ? pushed : [...pushed, ...localFor(durable, purpose, place)];
};

/** What was accepted on a connection, and so came in no file, counts as that one certificate even if it calls itself an authority. */
export const isExact = ({ source, file }: LocalEntry, { isCa }: Certificate): boolean =>
  !isCa || (source === 'manual' && file === '');

/** As the decision takes an entry. */
export const toTrust = ({ certificate, exact }: StoreEntry): TrustEntry => ({ ...certificate, isCa: !exact });

const localFor = (durable: Durable, purpose: ClientPurpose, place: Place): readonly StoreEntry[] =>
  durable.local
    .filter((entry) => entry.purpose === purpose && (entry.server === null || entry.server === place.text))
    .flatMap((entry): StoreEntry[] => {
      const parsed = parseCertificate(fromBase64(entry.der));
      if (!parsed.ok) return [];
      const { source, server } = entry;
      return [{ purpose, source, server, certificate: parsed.value, exact: isExact(entry, parsed.value) }];
    });

function pinEntries(state: State, now: Now): readonly TrustEntry[] {
  const { pins } = state.durable;
  if (!pins) return [];
  const accepted = acceptedPins(pins, clockOf(state, now), blocklistOf(state));
  return heldPins(pins).flatMap(({ certificate }) =>
    accepted.includes(certificate.fingerprint) ? [{ ...certificate, isCa: false }] : [],
  );
}
