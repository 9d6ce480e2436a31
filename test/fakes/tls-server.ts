/** Certificates and a TLS server that counts every application byte it is sent. */

import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { fingerprintOf, toBase64, toPem } from '../../protocol/certificate.ts';
import { type Instant, instant } from '../../protocol/time.ts';
import { type Authority, issueDevice, issueServer, makeAuthority } from '../../server/edge/authority.ts';

export type ServerMaterial = {
  readonly key: string;
  readonly cert: string;
  readonly leaf: Uint8Array;
  readonly fingerprint: string;
};
export type Served = {
  readonly port: number;
  /** Application bytes that arrived, over all connections. */
  readonly received: () => number;
  readonly connections: () => number;
  readonly close: () => Promise<void>;
};

export const now = (): Instant => instant(Date.now());
export const deviceId = '5b4d6a0e-3c1f-4f5e-9a51-0c6a7f1d2e3b';

export async function serverMaterial(
  authority: Authority,
  names: readonly string[],
  at: Instant = now(),
  days = 90,
): Promise<ServerMaterial> {
  const issued = issueServer(authority, { names, days, now: at });
  const [leaf] = issued.chainDer;
  if (!leaf) throw new Error('no leaf');
  return {
    key: toPem(issued.keyPkcs8, 'PRIVATE KEY'),
    cert: issued.chainDer.map((der) => toPem(der)).join(''),
    leaf,
    fingerprint: fingerprintOf(leaf),
  };
}

export async function deviceMaterial(authority: Authority, id: string = deviceId) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeyDer = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const issued = await issueDevice(authority, { publicKeyDer, deviceId: id, days: 30, now: now() });
  return {
    key: new Uint8Array(privateKey.export({ type: 'pkcs8', format: 'der' })),
    chain: issued.chainDer.map(toBase64),
  };
}

export const authorityOf = (name: string): Authority => makeAuthority(name, now());
export const authorityPem = (authority: Authority): string => toPem(authority.certificateDer);

export async function serveTls(
  options: TlsOptions,
  onConnection: (socket: TLSSocket) => void = () => {},
  host = '127.0.0.1',
  port = 0,
): Promise<Served> {
  let received = 0;
  let connections = 0;
  const server = createServer(options, (socket) => {
    connections++;
    socket.on('error', () => {});
    socket.on('data', (chunk: Uint8Array) => {
      received += chunk.length;
    });
    onConnection(socket);
  });
  server.on('tlsClientError', () => {});
  return { ...(await listening(server, host, port)), received: () => received, connections: () => connections };
}

export async function serveTcp(onConnection: (socket: Socket) => void): Promise<Served> {
  const received = 0;
  let connections = 0;
  const server = createTcp((socket) => {
    connections++;
    socket.on('error', () => {});
    onConnection(socket);
  });
  return { ...(await listening(server, '127.0.0.1')), received: () => received, connections: () => connections };
}

async function listening(server: Server, host: string, wanted = 0): Promise<Pick<Served, 'port' | 'close'>> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(wanted, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
