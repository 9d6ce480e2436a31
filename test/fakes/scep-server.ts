/** A SCEP server whose every answer a test can spoil: what real ones do not do on demand. Certificates are openssl's. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openEnvelope, readSigned, sealFor, signMessage } from '../../agent/edge/cms.ts';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { octets, printable } from '../../protocol/asn1.ts';
import { fromBase64 } from '../../protocol/certificate.ts';
import { derTag } from '../../protocol/der.ts';
import { certsOnly } from '../../server/edge/authority.ts';
import { type ForeignCertificate, issueFor, makeRoot } from './foreign-authority.ts';

export type Behaviour = {
  /** Null: 404, as servers from before capabilities do. */
  readonly capabilities?: string | null;
  /** Body of GetCACert. */
  readonly authority?: Uint8Array;
  /** How often it says `pending` first. */
  readonly pending?: number;
  readonly failInfo?: string;
  /** Signs the answers; the CA where nothing is said. */
  readonly signer?: ForeignCertificate;
  /** Opens what comes in; the CA where nothing is said. */
  readonly opener?: ForeignCertificate;
  /** Issues; the CA where nothing is said. */
  readonly issuer?: ForeignCertificate;
  readonly nonce?: Uint8Array;
  readonly transaction?: string;
  /** Seals the answer for somebody else. */
  readonly sealedFor?: Uint8Array;
  /** Answers instead of all this. */
  readonly operation?: (message: Uint8Array) => { readonly status: number; readonly body: string | Uint8Array };
};
export type Seen = { readonly method: string; readonly type: string; readonly cipher: string; readonly hash: string };
export type ScepServer = {
  readonly address: string;
  readonly seen: Seen[];
  readonly close: () => Promise<void>;
};

const type = (last: number): string => `2.16.840.1.113733.1.9.${last}`;
const oids = { '608648016503040102': 'aes128', '2a864886f70d0307': 'des3' };

/** RSA throughout: a root, a registration authority with two certificates, and a root nobody has heard of. */
export function makeScepPki() {
  const root = makeRoot('Foreign CA');
  const part = (name: string, kind: 'signing' | 'enciphering'): ForeignCertificate => {
    const pkcs8 = makeKey('RSA-2048');
    return { pkcs8, certificate: issueFor(root, makeRequest(pkcs8, name), kind) };
  };
  return {
    root,
    signing: part('RA signing', 'signing'),
    enciphering: part('RA sealing', 'enciphering'),
    stranger: makeRoot('Stranger'),
  };
}

export async function startScep(ca: ForeignCertificate, behaviour: Behaviour): Promise<ScepServer> {
  const seen: Seen[] = [];
  let pending = behaviour.pending ?? 0;
  const { capabilities = 'AES\nSHA-256\nPOSTPKIOperation\nRenewal' } = behaviour;
  const perform = (method: string, message: Uint8Array): { status: number; body: string | Uint8Array } => {
    const answer = answerTo(ca, behaviour, message, pending > 0, (cipher, hash) => {
      seen.push({ method, type: typeOf(message), cipher, hash });
    });
    pending--;
    return answer;
  };
  const server = createServer(async (request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://scep');
    const operation = searchParams.get('operation');
    const body = await bodyOf(request);
    const answer =
      operation === 'GetCACaps'
        ? { status: capabilities === null ? 404 : 200, body: capabilities ?? '' }
        : operation === 'GetCACert'
          ? { status: 200, body: behaviour.authority ?? ca.certificate }
          : behaviour.operation
            ? behaviour.operation(body)
            : perform(request.method ?? '', body.length > 0 ? body : fromBase64(searchParams.get('message') ?? ''));
    response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const typeOf = (message: Uint8Array): string =>
  readSigned(message)?.signer?.attributes.get(type(2))?.value.toString() ?? '';

function answerTo(
  ca: ForeignCertificate,
  behaviour: Behaviour,
  message: Uint8Array,
  pending: boolean,
  note: (cipher: string, hash: string) => void,
): { status: number; body: Uint8Array } {
  const { signer = ca, opener = ca, issuer = ca } = behaviour;
  const read = readSigned(message);
  const [client] = read?.certificates ?? [];
  const info = read?.signer;
  if (!read?.content || !info || !client) throw new Error('no SCEP message');
  const hex = Buffer.from(read.content).toString('hex');
  note(Object.entries(oids).find(([oid]) => hex.includes(oid))?.[1] ?? '?', info.hash);
  const request = openEnvelope(read.content, opener.certificate, opener.pkcs8);
  if (!request) throw new Error('sealed for somebody else');
  const transaction = info.attributes.get(type(7))?.value.toString() ?? '';
  const nonce = info.attributes.get(type(5));
  if (nonce?.tag !== derTag.octetString) throw new Error('no nonce');
  const status = pending ? '3' : behaviour.failInfo ? '2' : '0';
  const isPoll = info.attributes.get(type(2))?.value.toString() === '20';
  const csr = isPoll ? polled.get(transaction) : request;
  if (!csr) throw new Error('a poll for nothing');
  polled.set(transaction, csr);
  const content =
    status === '0'
      ? sealFor(behaviour.sealedFor ?? client, certsOnly([issueFor(issuer, csr), issuer.certificate]), 'aes-128-cbc')
      : Buffer.alloc(0);
  const body = signMessage(
    content,
    [
      [type(2), printable('3')],
      [type(7), printable(behaviour.transaction ?? transaction)],
      [type(3), printable(status)],
      [type(6), octets(behaviour.nonce ?? nonce.value)],
      ...(behaviour.failInfo ? [[type(4), printable(behaviour.failInfo)] as const] : []),
    ],
    { ...signer, hash: 'sha256' },
  );
  return { status: 200, body };
}

/** Requests that wait, by transaction. */
const polled = new Map<string, Uint8Array>();

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
