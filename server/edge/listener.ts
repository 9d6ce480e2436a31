/**
 * What every TLS listener for devices has in common: protocol versions and ciphers, no session resumption (each
 * connection proves its certificate anew), bounds on half-open connections, and reading what the handshake proved.
 */
import { constants } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import {
  connect,
  type DetailedPeerCertificate,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import type { Engine } from '../../native/engine.ts';
import { parseCertificate } from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { type Instant, secondMs } from '../../protocol/time.ts';
import type { Endpoint } from '../core/mosquitto.ts';
import type { ClientProof, ListenerTls, Log, RenewalProof } from '../core/ports.ts';
import { sourceOf } from './attempts.ts';

export type Bounds = {
  /** Connections at a time; more are closed at once. */
  readonly maxConnections: number;
  /** Connections whose handshake is not over; beyond it the oldest of them gives way, so that a flood shuts nobody out. */
  readonly maxHandshakes: number;
  /** Connections of one address (`sourceOf`) at a time, where that is bounded. */
  readonly maxOfAddress?: number;
};

export const handshakeTimeoutMs = 10_000;
const probeTimeoutMs = 5000;
const longestPeerChain = 10;
export const defaultBounds: Bounds = { maxConnections: 20_000, maxHandshakes: 1000 };

/** TLS 1.3, and of TLS 1.2 only what has forward secrecy and an AEAD (RFC 9325 §4.2). */
const ciphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** For `createServer` and `setSecureContext` alike: the latter forgets what it is not told again. */
export const contextOptions = ({
  key,
  chain,
  clientAuthorities,
  retiredAuthorities = '',
  foreignAuthorities = '',
}: ListenerTls): SecureContextOptions => ({
  key,
  cert: chain,
  ca: `${clientAuthorities}${retiredAuthorities}${foreignAuthorities}`,
  minVersion: 'TLSv1.2',
  ciphers,
  honorCipherOrder: true,
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
});

/** Keeps the bounds of a listener, and its connections, so that `end` can close what `server.close` would wait for. */
export function boundConnections(server: Server, bounds: Bounds, log: Log): { readonly end: () => void } {
  const all = new Set<Socket>();
  const pending = new Map<string, Socket>();
  const ofAddress = new Map<string, number>();
  const { maxOfAddress = Number.POSITIVE_INFINITY } = bounds;
  const isOneTooMany = (socket: Socket): boolean => {
    const source = sourceOf(socket.remoteAddress ?? '');
    const count = (ofAddress.get(source) ?? 0) + 1;
    if (count > maxOfAddress) return true;
    ofAddress.set(source, count);
    socket.once('close', () => {
      const left = (ofAddress.get(source) ?? 1) - 1;
      if (left > 0) ofAddress.set(source, left);
      else ofAddress.delete(source);
    });
    return false;
  };
  server.maxConnections = bounds.maxConnections;
  server.on('drop', () => log('warn', 'connection dropped: too many', { limit: bounds.maxConnections }));
  server.on('connection', (socket: Socket) => {
    if (isOneTooMany(socket)) {
      socket.destroy();
      return;
    }
    const name = endpoint(socket);
    all.add(socket);
    pending.set(name, socket);
    socket.once('close', () => {
      all.delete(socket);
      if (pending.get(name) === socket) pending.delete(name);
    });
    const [oldest] = pending.values();
    if (pending.size > bounds.maxHandshakes) oldest?.destroy();
  });
  server.on('secureConnection', (socket: TLSSocket) => pending.delete(endpoint(socket)));
  return {
    end: () => {
      for (const socket of all) socket.destroy();
    },
  };
}

/**
 * The client certificate of a connection, verified by OpenSSL against the client authorities for the client purpose, and
 * in date now: a connection may outlive it. Faults: `identity-refused` (none, or not ours), `expired`.
 */
export function proofOf(socket: TLSSocket, now: Instant): Result<ClientProof> {
  const peer = socket.getPeerX509Certificate();
  if (!peer) return bad('identity-refused', { reason: 'no certificate' });
  const read = parseCertificate(peer.raw);
  if (!read.ok) return read;
  const { issuer, serial, fingerprint, notAfter, owner } = read.value;
  const refusal = socket.authorized ? '' : String(socket.authorizationError);
  if (refusal === 'CERT_HAS_EXPIRED' || (refusal === '' && notAfter < now)) return bad('expired', { notAfter });
  if (refusal !== '') return bad('identity-refused', { reason: refusal.slice(0, 100) });
  return good({ issuer, serial, fingerprint, commonName: owner, der: peer.raw });
}

/**
 * For renewal alone: the certificate is judged by the path engine at a moment of its own life, so that the dates, which the
 * fleet judges, hide nothing. OpenSSL names only the last thing that it found wrong, and looks at the end of a certificate
 * last: what a handshake calls expired may be of anybody and for anything. The key is proven elsewhere. Fault: `identity-refused`.
 */
export function renewalProofOf(
  leaf: Uint8Array | null,
  authorities: readonly Uint8Array[],
  verifyPath: Engine['verifyPath'],
): Result<RenewalProof> {
  if (!leaf) return bad('identity-refused', { reason: 'no certificate' });
  const proof = datedProofOf(leaf);
  if (!proof.ok) return proof;
  const { notBefore, notAfter } = proof.value;
  const judged = verifyPath({
    leaf,
    intermediates: [],
    anchors: authorities,
    crls: [],
    atSeconds: Math.floor((notBefore + notAfter) / 2 / secondMs),
    purpose: 'client',
    host: null,
    ip: null,
    policy: null,
  });
  return judged.trusted ? proof : bad('identity-refused', { reason: judged.fault.code });
}

/** What a certificate says of itself, unjudged. Fault: `identity-refused`. */
export function datedProofOf(leaf: Uint8Array): Result<RenewalProof> {
  const read = parseCertificate(leaf);
  if (!read.ok) return bad('identity-refused', { reason: read.fault.code });
  const { issuer, serial, fingerprint, notBefore, notAfter, owner } = read.value;
  return good({ issuer, serial, fingerprint, commonName: owner, der: leaf, notBefore, notAfter });
}

/** DER of the certificates of the other side, leaf first, its issuers as far as they are known; empty for none. */
export function peerChainOf(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let link: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (link?.raw && chain.length < longestPeerChain && !chain.some((der) => link?.raw?.equals(der))) {
    chain.push(link.raw);
    link = link.issuerCertificate;
  }
  return chain;
}

/** DER of the certificates in a PEM text of ours. */
export function certificatesIn(pem: string): readonly Uint8Array[] {
  const read = readCertificateFile(Buffer.from(pem));
  if (!read.ok) throw new Error('our own authorities cannot be read');
  return read.value.map(({ der }) => der);
}

/**
 * DER of the certificate a listener shows to a stranger, or null where none comes within 5 s. It is only looked at: nothing
 * is sent, nothing trusted.
 */
export function servedCertificate({ host, port }: Endpoint): Promise<Uint8Array | null> {
  const at = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return new Promise((resolve) => {
    const named = isIP(at) === 0 ? { servername: at } : {};
    const socket = connect({ host: at, port, ...named, rejectUnauthorized: false, timeout: probeTimeoutMs });
    const end = (certificate: Uint8Array | null) => {
      socket.destroy();
      resolve(certificate);
    };
    socket.once('secureConnect', () => end(socket.getPeerX509Certificate()?.raw ?? null));
    socket.once('timeout', () => end(null));
    socket.on('error', () => end(null));
    socket.once('close', () => end(null));
  });
}

const endpoint = (socket: Socket): string => `${socket.remoteAddress} ${socket.remotePort}`;
