/** What servers showed lately, so that a person adds what was looked at and nothing else. In memory, few, for ten minutes. */
import { fingerprintOf, fromBase64, toBase64 } from '../../protocol/certificate.ts';
import type { Purpose } from '../../protocol/schema.ts';
import type { Place } from '../../protocol/target.ts';
import { minuteMs } from '../../protocol/time.ts';
import type { Now, Probed } from './shape.ts';
import type { State } from './state.ts';

type Seen = Extract<Probed, { readonly at: 'shown' }>;
export type Shown = Omit<Seen, 'chain'> & {
  readonly purpose: Purpose;
  readonly server: string;
  /** Base64 of the DER, leaf first. */
  readonly chain: readonly string[];
  readonly uptimeMs: number;
};

const most = 8;
const longestChain = 16;
const lastsMs = 10 * minuteMs;

/** One for each purpose and server: the last. What failed takes nothing away. */
export function remember(state: State, purpose: Purpose, place: Place, outcome: Probed, now: Now): State {
  if (outcome.at === 'failed') return state;
  const chain = outcome.chain.slice(0, longestChain).map(toBase64);
  const others = state.trust.shown.filter((each) => each.purpose !== purpose || each.server !== place.text);
  const latest: Shown = { ...outcome, chain, purpose, server: place.text, uptimeMs: now.uptimeMs };
  return { ...state, trust: { ...state.trust, shown: [latest, ...others].slice(0, most) } };
}

/** What this server showed last, if it was this certificate and is not too long ago. */
export function recall(state: State, purpose: Purpose, place: Place, fingerprint: string, now: Now): Probed | null {
  const found = state.trust.shown.find((each) => each.purpose === purpose && each.server === place.text);
  if (!found || now.uptimeMs - found.uptimeMs > lastsMs) return null;
  const chain = found.chain.map(fromBase64);
  const [leaf] = chain;
  if (!leaf || fingerprintOf(leaf) !== fingerprint) return null;
  const { verdict, named, tls } = found;
  return { at: 'shown', chain, verdict, named, tls };
}
