/**
 * Servers a person connects to, in memory: what each shows at `host:port`, judged by the real engine as an edge would, and
 * clients that trust the fingerprints they were told and nothing else.
 */
import { X509Certificate } from 'node:crypto';
import type { Effect, Happening } from '../../agent/core/shape.ts';
import { openJudge } from '../../agent/edge/judge.ts';
import { fingerprintOf } from '../../protocol/certificate.ts';
import { fault } from '../../protocol/fault.ts';
import type { Issued } from './issue.ts';

/** Leaf first; what `next` gives is shown from the launch of a client on. */
export type Remote = { chain: readonly Issued[]; next?: () => readonly Issued[] };
export type Remotes = Map<string, Remote>;

const judge = openJudge();

/** What stands in the way of effects of a bench or a device; null for those that are not about such servers. */
export const openRemotes =
  (remotes: Remotes) =>
  (effect: Effect): readonly Happening[] | null => {
    if (effect.do === 'probe') {
      const { request, place, rules } = effect;
      const chain = (remotes.get(place.text)?.chain ?? []).map(({ der }) => new Uint8Array(der));
      const [leaf, ...intermediates] = chain;
      if (!leaf) return [{ type: 'probed', request, outcome: { at: 'failed', fault: fault('server-unreachable') } }];
      const named = isNamed(leaf, place.target);
      const verdict = judge({ ...rules, leaf, intermediates });
      return [{ type: 'probed', request, outcome: { at: 'shown', chain, verdict, named, tls: 'TLSv1.3' } }];
    }
    if (effect.do !== 'launch') return null;
    const { session, place, fingerprints } = effect;
    const remote = remotes.get(place.text);
    if (remote?.next) remote.chain = remote.next();
    const leaf = remote?.chain[0];
    const running: Happening = { type: 'session-running', session };
    return leaf && fingerprints.includes(fingerprintOf(leaf.der))
      ? [running]
      : [running, { type: 'session-ended', session, fault: fault('client-refused-certificate') }];
  };

function isNamed(
  leaf: Uint8Array,
  { host, ip }: { readonly host: string | null; readonly ip: string | null },
): boolean {
  const certificate = new X509Certificate(leaf);
  if (host !== null) return certificate.checkHost(host, { subject: 'never' }) !== undefined;
  return ip !== null && certificate.checkIP(ip) !== undefined;
}
