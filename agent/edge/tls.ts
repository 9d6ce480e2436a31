/**
 * TLS to a server, and the judgement of the certificate it proves in the handshake before one application byte is sent.
 * Node's own verification is off and no system authority takes part. No session resumption: a resumed session proves
 * nothing about the certificate.
 */
import { isIP, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  type DetailedPeerCertificate,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { fingerprintOf, fromBase64, toBase64, toPem } from '../../protocol/certificate.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import type { Instant } from '../../protocol/time.ts';
import { type DeviceKey, isInFile } from './device-key.ts';

export type Place = { readonly host: string; readonly port: number };
/** Private key, and certificates as base64 DER, leaf first. */
export type Credentials = { readonly key: DeviceKey; readonly chain: readonly string[] };
export type HandshakeOrder = {
  /** `host:port`; a literal IPv6 host stands in brackets. */
  readonly address: string;
  readonly credentials: Credentials | null;
  /** An open connection to that address that TLS begins on; null: a new one. It ends with the handshake when that fails. */
  readonly carrier: Socket | null;
  readonly timeoutMs: number;
};
/** `chain` is DER, leaf first, and never empty; nothing has been judged and nothing sent. */
export type Secured = {
  readonly at: 'secured';
  readonly socket: TLSSocket;
  readonly chain: readonly Uint8Array[];
  readonly leaf: Uint8Array;
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string;
};
type Failed = { readonly at: 'failed'; readonly fault: Fault };
/** `shown`: what the server had proved when it ended the handshake for want of a certificate of ours (TLS 1.2); else empty. */
type NotSecured = Failed & { readonly shown: readonly Uint8Array[] };
export type TlsOrder = Omit<HandshakeOrder, 'carrier'> & {
  /**
   * SHA-256, lower-case hex, of leaf certificates that may be talked to, or of an authority (see `authority`). Null: whoever
   * answers, for a public question whose answer is signed by itself; our certificate is kept back then.
   */
  readonly accept: readonly string[] | null;
  /**
   * Before registration: `accept` may name a CA of the served chain. The path to it and the name are then verified at
   * this time. Null: only leaf certificates count.
   */
  readonly authority: Instant | null;
};
export type TlsAnswer =
  | { readonly at: 'open'; readonly socket: TLSSocket; readonly fingerprint: string }
  /** The server proved a certificate outside `accept`; base64 DER of the leaf. Not one byte was sent. */
  | { readonly at: 'presented'; readonly der: string }
  | Failed;

const longestChain = 12;
const unreachable: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'EADDRNOTAVAIL',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
]);
/** Alerts of RFC 8446 §6.2 that speak of the certificate we sent, as OpenSSL spells them. */
const aboutOurCertificate =
  /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|CERTIFICATE_REQUIRED)/;

/** Null for anything that is not `host:port` or `[ipv6]:port` with a port from 1 to 65535. */
export function parseAddress(address: string): Place | null {
  const match = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):([0-9]{1,5})$/.exec(address);
  const [, six, name, digits] = match ?? [];
  const host = six ?? name;
  const port = Number(digits);
  if (!host || port < 1 || port > 65535 || (six !== undefined && isIP(six) !== 6)) return null;
  return { host, port };
}

/**
 * Connects and judges; the answer always comes, after `timeoutMs` at the latest. TLS 1.2 and 1.3.
 * Faults: those of `shakeHands`, and those of path validation under an authority.
 */
export async function openTls(order: TlsOrder): Promise<TlsAnswer> {
  const credentials = order.accept === null ? null : order.credentials;
  const secured = await shakeHands({ ...order, credentials, carrier: null });
  if (secured.at === 'failed') return failed(secured.fault);
  const answer = await judge(order, secured);
  if (answer.at !== 'open') secured.socket.destroy();
  return answer;
}

/**
 * The handshake alone: whoever asks judges the chain before the first byte. The answer always comes, after `timeoutMs` at
 * the latest. Faults: `bad-argument`, `server-unreachable`, `tls-failed`, `timed-out`, `identity-refused`,
 * `identity-unreadable` (our key and certificates cannot be used), and those of a key in a token.
 */
export async function shakeHands(order: HandshakeOrder): Promise<Secured | NotSecured> {
  const place = parseAddress(order.address);
  if (!place) return notSecured(fault('bad-argument', { what: 'address' }));
  let socket: TLSSocket;
  try {
    socket = connect(optionsOf(order, place));
  } catch {
    order.carrier?.destroy();
    return notSecured(fault('identity-unreadable'));
  }
  return secure(order, socket);
}

/**
 * What a socket error means, during the handshake and after it: with TLS 1.3 the server judges our certificate when the
 * handshake is over for us, so its alert comes with the first read.
 */
export function faultOfSocket(error: Error, address: string, withIdentity: boolean): Fault {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (unreachable.has(code)) return fault('server-unreachable', { address, reason: code });
  if (code === 'ETIMEDOUT') return fault('timed-out', { address });
  const alert = aboutOurCertificate.exec(code);
  if (alert && withIdentity)
    return fault('identity-refused', { address, reason: (alert[1] ?? '').toLowerCase().replaceAll('_', ' ') });
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS'))
    return fault('tls-failed', {
      address,
      reason: code
        .replace(/^ERR_(SSL|TLS)_/, '')
        .toLowerCase()
        .replaceAll('_', ' '),
    });
  if (code === 'EPROTO') return fault('tls-failed', { address, reason: 'protocol error' });
  return fault('server-refused', { address, reason: code });
}

const failed = (reason: Fault): Failed => ({ at: 'failed', fault: reason });
const notSecured = (reason: Fault, shown: readonly Uint8Array[] = []): NotSecured => ({ ...failed(reason), shown });

function optionsOf({ carrier, credentials }: HandshakeOrder, { host, port }: Place): ConnectionOptions {
  return {
    ...(carrier ? { socket: carrier } : { host, port }),
    // Judged by ours instead.
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...contextOf(credentials),
  };
}

/** Throws for a key and certificates that do not belong together. */
function contextOf(credentials: Credentials | null): SecureContextOptions | Pick<ConnectionOptions, 'secureContext'> {
  // An empty list also keeps Node from reading its own list of authorities.
  const rules: SecureContextOptions = { minVersion: 'TLSv1.2', ca: [] };
  if (!credentials) return rules;
  const { key, chain } = credentials;
  const cert = chain.map((der) => toPem(fromBase64(der))).join('');
  if (isInFile(key)) return { ...rules, cert, key: toPem(key, 'PRIVATE KEY') };
  const secureContext = key.useIn(() => createSecureContext({ ...rules, cert }));
  if (!secureContext) throw new Error('the key in the token is of no use to this certificate');
  return { secureContext };
}

/** What a token that did not sign makes of the fault of the handshake that it ended. */
const refusedBy = (credentials: Credentials | null): Fault | null =>
  credentials && !isInFile(credentials.key) ? credentials.key.refused() : null;

function secure({ address, carrier, credentials, timeoutMs }: HandshakeOrder, socket: TLSSocket) {
  return new Promise<Secured | NotSecured>((resolve) => {
    let secured = false;
    const finish = (answer: Secured | NotSecured): void => {
      clearTimeout(timer);
      socket.off('close', closed);
      if (answer.at === 'failed') {
        socket.destroy();
        carrier?.destroy();
      }
      resolve(answer);
    };
    const closed = (): void => finish(notSecured(fault('tls-failed', { address, reason: 'connection closed' })));
    const timer = setTimeout(() => finish(notSecured(fault('timed-out', { address }))), timeoutMs);
    // Stays on the socket: an error that nobody listens to would end the process.
    socket.on('error', (error) => {
      const found = (!secured && refusedBy(credentials)) || faultOfSocket(error, address, credentials !== null);
      const early = !secured && found.code === 'server-refused';
      const shown = !secured && wantsCertificate(error) ? servedChain(socket) : [];
      finish(notSecured(early ? fault('tls-failed', found.facts) : found, shown));
    });
    socket.on('close', closed);
    socket.once('secureConnect', () => {
      secured = true;
      const chain = servedChain(socket);
      const [leaf] = chain;
      if (!leaf || socket.isSessionReused()) finish(notSecured(fault('tls-failed', { address })));
      else finish({ at: 'secured', socket, chain, leaf, protocol: socket.getProtocol() ?? '' });
    });
  });
}

/** RFC 5246 §7.4.6: what a server may say to a client that shows no certificate. */
const wantsCertificate = (error: Error): boolean =>
  'code' in error && /ALERT_(HANDSHAKE_FAILURE|BAD_CERTIFICATE)$/.test(String(error.code));

async function judge(order: TlsOrder, { chain, leaf, socket }: Secured): Promise<TlsAnswer> {
  const rest = chain.slice(1);
  const fingerprint = fingerprintOf(leaf);
  const { accept } = order;
  if (accept === null || accept.includes(fingerprint)) return { at: 'open', socket, fingerprint };
  const anchor = order.authority !== null && rest.find((der) => accept.includes(fingerprintOf(der)));
  if (!anchor || order.authority === null) return { at: 'presented', der: toBase64(leaf) };
  const { host } = parseAddress(order.address) ?? { host: '' };
  // Only before registration, so the engine is not loaded for the life of the daemon.
  const { openEngine } = await import('../../native/engine.ts');
  const literal = isIP(host) !== 0;
  const judged = openEngine().verifyPath({
    leaf,
    intermediates: rest.filter((der) => der !== anchor),
    anchors: [anchor],
    atSeconds: Math.floor(order.authority / 1000),
    purpose: 'server',
    host: literal ? null : host.replace(/\.$/, '').toLowerCase(),
    ip: literal ? host : null,
    crls: [],
    policy: null,
  });
  return judged.trusted ? { at: 'open', socket, fingerprint } : failed(judged.fault);
}

/** DER of what the server sent, leaf first, as far as one issued the other. Asked once: Node uses its list up in doing so. */
function servedChain(socket: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let link: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate(true);
  while (link?.raw && chain.length < longestChain) {
    chain.push(link.raw);
    const issuer: DetailedPeerCertificate | undefined = link.issuerCertificate;
    link = issuer === link ? undefined : issuer;
  }
  return chain;
}
