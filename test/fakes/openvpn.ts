/** OpenVPN at both ends, without a tunnel: what it says of a client's certificate. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../server/cli/port.ts';
import { findProgram } from '../programs.ts';
import { authorityOf, authorityPem, serverMaterial } from './tls-server.ts';

const patienceMs = 30_000;

/** A server that lets in what `clients` (PEM) has issued. */
export async function startOpenVpn(folder: string, clients: string) {
  const at = join(folder, 'openvpn');
  mkdirSync(at);
  const { cert, key, ca } = await serverOf();
  for (const [name, text] of Object.entries({
    'server.crt': cert,
    'server.key': key,
    'server-ca.crt': ca,
    'clients.crt': clients,
  }))
    writeFileSync(join(at, name), text, { mode: 0o600 });
  const port = await freePort();
  const common = ['--dev', 'null', '--ifconfig-noexec', '--proto', 'tcp4', '--verb', '3', '--connect-retry-max', '1'];
  const server = start([
    ...common,
    ...['--proto', 'tcp4-server', '--tls-server', '--lport', `${port}`, '--local', '127.0.0.1', '--dh', 'none'],
    ...['--ca', join(at, 'clients.crt'), '--cert', join(at, 'server.crt'), '--key', join(at, 'server.key')],
  ]);
  await server.says(/Listening for incoming TCP connection/);
  return {
    /** What the client logged until its handshake was over. */
    connect: async (identity: string): Promise<string> => {
      const client = start([
        ...common,
        ...['--proto', 'tcp4-client', '--tls-client', '--remote', '127.0.0.1', `${port}`, '--nobind'],
        ...[
          '--ca',
          join(at, 'server-ca.crt'),
          '--cert',
          join(identity, 'cert.pem'),
          '--key',
          join(identity, 'key.pem'),
        ],
      ]);
      try {
        return await client.says(/Initialization Sequence Completed|TLS Error|Exiting/);
      } finally {
        await client.close();
      }
    },
    close: server.close,
  };
}

async function serverOf() {
  const authority = authorityOf('VPN servers');
  const { cert, key } = await serverMaterial(authority, ['vpn.example.com']);
  return { cert, key, ca: authorityPem(authority) };
}

function start(args: readonly string[]) {
  const child: ChildProcess = spawn(findProgram('openvpn') ?? 'openvpn', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  return {
    says: async (wanted: RegExp): Promise<string> => {
      for (const end = performance.now() + patienceMs; performance.now() < end; ) {
        if (wanted.test(said)) return said;
        await new Promise((wake) => setTimeout(wake, 50));
      }
      throw new Error(`openvpn never said ${wanted}:\n${said}`);
    },
    close: async (): Promise<void> => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
