/** Who issues the identity that follows: the server's own authority, or another one, and how it knows the device. */
import { type ForeignEnrolment, isSameAuthority, type KeyRef, type Registered } from './durable.ts';
import { enrolsAgain, hasEnded, isPastGrace } from './identity.ts';
import type { Now } from './shape.ts';
import { clockOf, type State } from './state.ts';
import { namedFor } from './subject.ts';

export type Issuer =
  | { readonly at: 'server' }
  /** `renews`: the identity in use is that authority's, and asks for itself. */
  | { readonly at: 'elsewhere'; readonly enrolment: ForeignEnrolment; readonly renews: boolean };

const server: Issuer = { at: 'server' };

/**
 * Before its end an identity is renewed by the authority it is from, or by the one that the policy names. Where a policy has
 * moved the device and names none any more, the server issues again. What has ended is
 * brought back by whoever can: an identity of ours by the server, and one of another authority by that and by the
 * server in turn, since only the server says whether the device is retired.
 */
export function issuerOf(state: State, own: Registered, now: Now): Issuer {
  if (enrolsAgain(own)) return server;
  const told = state.held.policy?.policy.enrolment;
  const { enrolment: from } = own;
  if (hasEnded(state, now) && (!from || isServersTurn(state, own, now))) return server;
  if (told && from && isSameAuthority(told, from)) {
    const { address, path } = told;
    return { at: 'elsewhere', renews: true, enrolment: { ...from, address, path } };
  }
  if (told) {
    const key = told.protocol === 'scep' ? 'RSA-2048' : 'P-256';
    const { protocol, address, path, fingerprint, subject } = told;
    const place = { protocol, address, path, fingerprint };
    const enrolment = { ...place, subject, user: '', password: '', key, by: 'policy' } as const;
    return { at: 'elsewhere', renews: false, enrolment };
  }
  const isCalledBack = from?.by === 'policy' && state.held.policy !== null;
  return from && !isCalledBack ? { at: 'elsewhere', renews: true, enrolment: from } : server;
}

/** What is made durable with the next key: the name that is asked for stays the same as long as the key does. */
export function enrolmentFor(state: State, { enrolment, renews }: Elsewhere, key: KeyRef, now: Now): ForeignEnrolment {
  return renews ? enrolment : namedFor(enrolment, key, clockOf(state, now).now);
}
export type Elsewhere = Extract<Issuer, { readonly at: 'elsewhere' }>;

/** What the device keeps of an order once it is registered: EST renews by the identity alone, SCEP may ask for the challenge. */
export const keptOf = (enrolment: ForeignEnrolment): ForeignEnrolment =>
  enrolment.protocol === 'est' ? { ...enrolment, user: '', password: '' } : enrolment;

/** Not while somebody has to approve: the key must stay the same until then. */
function isServersTurn(state: State, own: Registered, now: Now): boolean {
  const { renewal, faults } = state;
  const pends = faults.identity?.code === 'enrolment-pending' && !isPastGrace(state, own, now);
  return renewal.at !== 'resting' && renewal.attempt % 2 === 1 && !pends;
}
