/**
 * Enrolment software of others, from the root of Debian 13 that `make deps-enrolment` fills: micromdm's SCEP server, libest's
 * EST server and client, strongSwan's pki. A place is a folder of that root, so that its programs find files by short names.
 */

import { execFile, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { toPem } from '../../protocol/certificate.ts';
import { freePort } from '../../server/cli/port.ts';
import { findProgram, trixie } from '../programs.ts';
import { alive, answers, startPeer, stop } from './processes.ts';
import { authorityOf, serverMaterial } from './tls-server.ts';

export type Place = {
  /** As this machine sees it. */
  readonly folder: string;
  readonly write: (name: string, content: string | Uint8Array) => void;
  readonly read: (name: string) => Buffer;
  /** One program of that root, to its end; `told` is what it says. */
  readonly run: (program: string, args: readonly string[], environment?: NodeJS.ProcessEnv) => Promise<Ran>;
};
export type Ran = { readonly code: number | null; readonly out: Buffer; readonly told: string };
/** `ca` is the file of its authority, `fingerprint` that authority's. */
export type Peer = { readonly address: string; readonly fingerprint: string; readonly ca: string };

const longestMs = 20_000;

export async function withPlace(use: (place: Place) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(trixie, 'tmp', 'thintrust-'));
  try {
    await use({
      folder,
      write: (name, content) => writeFileSync(join(folder, name), content),
      read: (name) => readFileSync(join(folder, name)),
      run: (program, args, environment = {}) => runIn(folder, program, args, environment),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** With a CA of its own; `args` beyond folder, address and key. It is one static program and needs no other root. */
export async function withScepServer(args: readonly string[], use: (peer: Peer) => Promise<void>): Promise<void> {
  await withPlace(async ({ folder, read }) => {
    const program = findProgram('scepserver') ?? 'scepserver';
    const made = spawnSync(
      program,
      ['ca', '-init', '-key-password', 'cakey', '-organization', 'Ex', '-keySize', '2048'],
      {
        cwd: folder,
      },
    );
    if (made.status !== 0) throw new Error(`scepserver ca: ${made.stderr}`);
    const port = await freePort();
    const depot = ['-depot', join(folder, 'depot'), '-capass', 'cakey', '-http-addr', `127.0.0.1:${port}`];
    const server = await startPeer('scepserver', [...depot, '-allowrenew', '0', ...args], port);
    try {
      await use({
        address: `127.0.0.1:${port}`,
        fingerprint: fingerprintOfPem(read('depot/ca.pem')),
        ca: join(folder, 'depot/ca.pem'),
      });
    } finally {
      await server.stop();
    }
  });
}

const caConfig = `[ca]
default_ca = own
[own]
new_certs_dir = .
database = index.txt
serial = serial
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_days = 30
policy = any
x509_extensions = client
unique_subject = no
email_in_dn = no
[any]
commonName = supplied
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
`;

/** libest's example server; its one user is `estuser`, the password `estpwd`, of which a certificate of its own needs none. It knows no address to listen on but all. */
export async function withEstServer(use: (peer: Peer) => Promise<void>): Promise<void> {
  await withPlace(async ({ folder, write, read }) => {
    const authority = authorityOf('EST CA');
    const { key, cert } = await serverMaterial(authority, ['127.0.0.1']);
    write('ca.pem', toPem(authority.certificateDer));
    write('ca.key', toPem(authority.keyPkcs8, 'PRIVATE KEY'));
    write('server.pem', cert);
    write('server.key', key);
    write('ca.cnf', caConfig);
    write('index.txt', '');
    write('serial', '01\n');
    const port = await freePort();
    const environment = { EST_OPENSSL_CACONFIG: 'ca.cnf', EST_CACERTS_RESP: 'ca.pem', EST_TRUSTED_CERTS: 'ca.pem' };
    const args = ['-c', 'server.pem', '-k', 'server.key', '-p', String(port), '-r', 'estrealm', '-b', '-o'];
    const [program, words] = within(folder, 'estserver', args);
    const child = spawn(program, words, { stdio: 'ignore', env: { ...process.env, ...environment } });
    try {
      while (!(await answers(port))) {
        if (!alive(child)) throw new Error('estserver ended');
        await delay(20);
      }
      await use({
        address: `127.0.0.1:${port}`,
        fingerprint: fingerprintOfPem(read('ca.pem')),
        ca: join(folder, 'ca.pem'),
      });
    } finally {
      await stop(child);
    }
  });
}

/** What dpkg of that root calls the version of a package. */
export const versionOf = (name: string): string =>
  spawnSync('chroot', [trixie, 'dpkg-query', '-W', '-f', '$' + '{Version}', name], { encoding: 'utf8' }).stdout;

function runIn(folder: string, program: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Ran> {
  const [command, words] = within(folder, program, args);
  const options = { env: { ...process.env, ...environment }, timeout: longestMs, encoding: 'buffer' } as const;
  return new Promise((resolve) => {
    const child = execFile(command, words, options, (_error, out, told) =>
      resolve({ code: child.exitCode, out, told: `${out.toString('latin1')}${told.toString('latin1')}` }),
    );
  });
}

/** chroot(8) begins at the top, so a shell goes to the folder; what it becomes keeps its process id. */
const within = (folder: string, program: string, args: readonly string[]): [string, string[]] => [
  'chroot',
  [trixie, '/bin/sh', '-c', 'cd "$0" && exec "$@"', folder.slice(trixie.length), program, ...args],
];

const fingerprintOfPem = (pem: Uint8Array): string =>
  new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
