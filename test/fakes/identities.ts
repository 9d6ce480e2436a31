/** Certificates for tests of the carriers: two authorities as the server has them, and devices of either or of nobody's. */
import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { toPem } from '../../protocol/certificate.ts';
import { dayMs, hourMs, type Instant, instant } from '../../protocol/time.ts';
import type { ClientProof, ListenerTls } from '../../server/core/ports.ts';
import { type Authority, issueDevice, issueServer, makeAuthority } from '../../server/edge/authority.ts';

export type TestDevice = ClientProof & {
  readonly id: string;
  readonly cert: string;
  readonly key: string;
  readonly chainDer: readonly Uint8Array[];
};
export type Authorities = { readonly server: Authority; readonly client: Authority };

export const now = (): Instant => instant(Date.now());

export const makeAuthorities = async (): Promise<Authorities> => ({
  server: makeAuthority('Test server authority', now()),
  client: makeAuthority('Test client authority', now()),
});

/** A new server certificate for loopback each time. */
export async function makeListenerTls({ server, client }: Authorities): Promise<ListenerTls> {
  const { chainDer, keyPkcs8 } = issueServer(server, { names: ['localhost', '127.0.0.1'], days: 30, now: now() });
  return {
    key: toPem(keyPkcs8, 'PRIVATE KEY'),
    chain: chainDer.map((der) => toPem(der)).join(''),
    clientAuthorities: toPem(client.certificateDer),
  };
}

export async function makeDevice(authority: Authority, id: string = randomUUID(), at = now()): Promise<TestDevice> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeyDer = publicKey.export({ format: 'der', type: 'spki' });
  const { chainDer, issuer, serial, fingerprint } = await issueDevice(authority, {
    publicKeyDer,
    deviceId: id,
    days: 2,
    now: at,
  });
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return {
    id,
    commonName: id,
    issuer,
    serial,
    fingerprint,
    der: chainDer[0] ?? new Uint8Array(),
    chainDer,
    key,
    cert: chainDer.map((der) => toPem(der)).join(''),
  };
}

/** Its two days are over since an hour; the authority says it was made three days ago. */
export async function makeExpiredDevice(authority: Authority): Promise<TestDevice> {
  return makeDevice(authority, randomUUID(), instant(now() - 2 * dayMs));
}

/** The key of a server certificate does for a client that should not be one. */
export async function makeServerAsClient(
  authority: Authority,
): Promise<{ readonly cert: string; readonly key: string }> {
  const { chainDer, keyPkcs8 } = issueServer(authority, {
    names: ['localhost'],
    days: 2,
    now: instant(now() - hourMs),
  });
  const key = createPrivateKey({ key: Buffer.from(keyPkcs8), format: 'der', type: 'pkcs8' });
  return {
    cert: chainDer.map((der) => toPem(der)).join(''),
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}
