/**
 * Looks at what a server shows, without a word beyond the handshake: X.224 first where it speaks RDP, then TLS, the shown
 * chain judged, the connection closed. No certificate of ours is shown to a server that asks for one.
 */
import { X509Certificate } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { type Fault, fault } from '../../protocol/fault.ts';
import type { Place, Target } from '../../protocol/target.ts';
import type { Probed, Rules } from '../core/shape.ts';
import type { Judge } from './judge.ts';
import { faultOfSocket, shakeHands } from './tls.ts';
import { connectionRequest, type Negotiated, readConfirm } from './x224.ts';

export type ProbeOrder = {
  readonly place: Place;
  readonly rules: Rules;
  /** For everything together. */
  readonly timeoutMs: number;
};

/** Faults: those of `shakeHands` and `readConfirm`. Never throws. */
export async function probe(order: ProbeOrder): Promise<Probed> {
  const started = performance.now();
  const { place, rules, timeoutMs } = order;
  const greeted = rules.purpose === 'rdp' ? await greetRdp(place, timeoutMs) : null;
  if (greeted?.at === 'failed') return greeted;
  const secured = await shakeHands({
    address: place.text,
    credentials: null,
    carrier: greeted?.carrier ?? null,
    timeoutMs: Math.max(1, timeoutMs - (performance.now() - started)),
  });
  if (secured.at === 'secured') {
    secured.socket.destroy();
    return judgeShown(secured.chain, secured.protocol, rules);
  }
  // A server that wants a certificate of ours at once has shown its own all the same.
  if (secured.shown.length > 0) return judgeShown(secured.shown, 'TLSv1.2', rules);
  return { at: 'failed', fault: secured.fault };
}

/** What the trust decision says of the chain a handshake brought. The engine is loaded here, when it is needed. */
export async function judgeShown(chain: readonly Uint8Array[], protocol: string, rules: Rules): Promise<Probed> {
  const [leaf = new Uint8Array(), ...intermediates] = chain;
  const judge = await loadJudge();
  const verdict = judge({ ...rules, leaf, intermediates });
  return { at: 'shown', chain, verdict, named: isNamed(leaf, rules.target), tls: protocol };
}

/** Whether the subject alternative name of a leaf covers the target (RFC 9525), whatever else is wrong with it. */
export function isNamed(leaf: Uint8Array, { host, ip }: Target): boolean {
  try {
    const certificate = new X509Certificate(leaf);
    const covers = (name: string): boolean =>
      certificate.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined;
    return (host === null || covers(host)) && (ip === null || certificate.checkIP(ip) !== undefined);
  } catch {
    return false;
  }
}

const loadJudge = async (): Promise<Judge> => (await import('./judge.ts')).openJudge();

type Greeted = { readonly at: 'greeted'; readonly carrier: Socket } | { readonly at: 'failed'; readonly fault: Fault };

/** Speaks X.224 until the server waits for TLS. The socket is paused and has nothing unread. */
function greetRdp({ host, port, text }: Place, timeoutMs: number): Promise<Greeted> {
  return new Promise((resolve) => {
    const carrier = connect({ host, port });
    let heard = Buffer.alloc(0);
    const finish = (answer: Greeted): void => {
      clearTimeout(timer);
      carrier.off('data', listen);
      carrier.off('close', closed);
      carrier.pause();
      if (answer.at === 'failed') carrier.destroy();
      resolve(answer);
    };
    const fail = (why: Fault): void => finish({ at: 'failed', fault: why });
    const listen = (chunk: Buffer): void => {
      heard = Buffer.concat([heard, chunk]);
      const answer: Negotiated = readConfirm(heard, text);
      if (answer.at === 'failed') fail(answer.fault);
      if (answer.at === 'tls') finish({ at: 'greeted', carrier });
    };
    const closed = (): void => fail(fault('not-rdp', { address: text }));
    const timer = setTimeout(() => fail(fault('timed-out', { address: text })), timeoutMs);
    // Stays on the socket: an error that nobody listens to would end the process.
    carrier.on('error', (error) => fail(faultOfSocket(error, text, false)));
    carrier.on('data', listen);
    carrier.on('close', closed);
    carrier.once('connect', () => carrier.write(connectionRequest()));
  });
}
