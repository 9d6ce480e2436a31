/**
 * Links between the server's own certificates: one for each change of the main certificate. A device that missed changes is led
 * from the certificate it holds to the main one by all links in between, or not at all.
 */
import { maxRotations } from '../../protocol/limits.ts';
import { dayMs, type Instant } from '../../protocol/time.ts';

export type Link = {
  readonly seq: number;
  /** Fingerprints. */
  readonly from: string;
  readonly to: string;
  readonly removed: boolean;
};

/** The newest link is signed again when its signature is this old. */
const resignAfterMs = dayMs;

/**
 * Oldest first, from the certificate `from` to `main`; null where a link is missing, was removed, or leads to a blocked
 * certificate, and where they are more than a device takes. Links in the order of their numbers.
 */
export function chainFrom<L extends Link>(
  links: readonly L[],
  from: string,
  main: string,
  blocked: ReadonlySet<string>,
): readonly L[] | null {
  const chain: L[] = [];
  let at = from;
  for (const link of links) {
    if (at === main) break;
    if (link.from !== at || link.removed) continue;
    if (blocked.has(link.to)) return null;
    chain.push(link);
    at = link.to;
  }
  return at === main && chain.length > 0 && chain.length <= maxRotations ? chain : null;
}

/** The chain from the oldest certificate that still leads to `main`: every other one is an end of it. */
export function longestChain<L extends Link>(
  links: readonly L[],
  main: string,
  blocked: ReadonlySet<string>,
): readonly L[] {
  for (const { from } of links) {
    const chain = chainFrom(links, from, main, blocked);
    if (chain) return chain;
  }
  return [];
}

/** A clock that fell back makes a signature look made in the future: it is due at once. */
export const isLinkDue = (signedAt: Instant, now: Instant): boolean =>
  now - signedAt >= resignAfterMs || signedAt > now;
