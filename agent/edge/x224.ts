/**
 * The first exchange of an RDP connection (MS-RDPBCGR 2.2.1.1 and 2.2.1.2): an X.224 connection request in a TPKT packet
 * (RFC 1006 §6, ITU-T X.224 §13.3) that offers TLS, and what the server answers before TLS begins.
 */
import { type Fault, fault } from '../../protocol/fault.ts';

export type Negotiated =
  /** Not the whole packet yet. */
  | { readonly at: 'more' }
  /** The server waits for the TLS handshake. `hybrid`: it wants CredSSP inside it. */
  | { readonly at: 'tls'; readonly hybrid: boolean }
  | { readonly at: 'failed'; readonly fault: Fault };

/** An answer is 11 or 19 bytes; nothing that is longer is one. */
const maxPacketBytes = 64;
const headerBytes = 4;
const negotiation = { request: 1, response: 2, failure: 3 } as const;
/** PROTOCOL_SSL and PROTOCOL_HYBRID, RDP_NEG_REQ. */
const protocols = { ssl: 1, hybrid: 2 } as const;
/** RDP_NEG_FAILURE, 2.2.1.2.2. */
const failures: Readonly<Record<number, string>> = {
  1: 'ssl required by server',
  2: 'ssl not allowed by server',
  3: 'ssl certificate not on server',
  4: 'inconsistent flags',
  5: 'hybrid required by server',
  6: 'ssl with user authentication required by server',
};
/** Those that mean: this server has no TLS to offer. */
const withoutTls: readonly number[] = [2, 3];

/** Offers TLS alone and TLS with CredSSP, as a client does; no routing cookie, so that no user name is told. */
export function connectionRequest(): Uint8Array {
  const offered = protocols.ssl | protocols.hybrid;
  const asked = [negotiation.request, 0, 8, 0, offered, 0, 0, 0];
  const fixed = [0xe0, 0, 0, 0, 0, 0];
  return Uint8Array.of(
    3,
    0,
    0,
    headerBytes + 1 + fixed.length + asked.length,
    fixed.length + asked.length,
    ...fixed,
    ...asked,
  );
}

/**
 * Reads what has come so far. Faults: `rdp-no-tls` (the server insists on RDP's own, older security), `rdp-refused` (it
 * refuses in another way), `not-rdp`.
 */
export function readConfirm(bytes: Uint8Array, address: string): Negotiated {
  const strange: Negotiated = { at: 'failed', fault: fault('not-rdp', { address }) };
  const [version = 3, reserved = 0, high, low, indicator, kind] = bytes;
  if (version !== 3 || reserved !== 0) return strange;
  if (high === undefined || low === undefined) return { at: 'more' };
  const length = high * 256 + low;
  if (length > maxPacketBytes || length < headerBytes + 7 || bytes.length > length) return strange;
  if (bytes.length < length) return { at: 'more' };
  if (indicator !== length - headerBytes - 1) return strange;
  // Disconnect request (X.224 §13.5).
  if (kind === 0x80) return refused(address, 'disconnected');
  if (kind !== 0xd0) return strange;
  const answer = bytes.subarray(headerBytes + 7);
  if (answer.length === 0) return { at: 'failed', fault: fault('rdp-no-tls', { address }) };
  return readNegotiation(answer, address) ?? strange;
}

function readNegotiation(answer: Uint8Array, address: string): Negotiated | null {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
  if (answer.length !== 8 || view.getUint16(2, true) !== 8) return null;
  const value = view.getUint32(4, true);
  if (answer[0] === negotiation.failure) {
    const reason = failures[value] ?? String(value);
    return withoutTls.includes(value)
      ? { at: 'failed', fault: fault('rdp-no-tls', { address, reason }) }
      : refused(address, reason);
  }
  if (answer[0] !== negotiation.response) return null;
  if (value === 0) return { at: 'failed', fault: fault('rdp-no-tls', { address }) };
  // Neither of the two is an answer to what was asked.
  if (value !== protocols.ssl && value !== protocols.hybrid) return null;
  return { at: 'tls', hybrid: value === protocols.hybrid };
}

const refused = (address: string, reason: string): Negotiated => ({
  at: 'failed',
  fault: fault('rdp-refused', { address, reason }),
});
