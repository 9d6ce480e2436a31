/** nginx as a TLS-inspecting front end, configured as docs/mutual-authentication.md says. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../server/cli/port.ts';
import type { Identity } from './legacy-agent.ts';

export type Nginx = { readonly port: number; readonly close: () => Promise<void> };

const page = 'docs/mutual-authentication.md';

/** `own` serves devices and is what the server knows the front end by. */
export async function startNginx(
  own: Identity,
  server: { readonly port: number; readonly host?: string },
  /** Left out: a free one. */
  at?: number,
): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-nginx-'));
  const port = at ?? (await freePort());
  writeFileSync(join(folder, 'own.pem'), own.cert);
  writeFileSync(join(folder, 'own.key'), own.key);
  writeFileSync(
    join(folder, 'nginx.conf'),
    configuration(folder, port, `${server.host ?? '127.0.0.1'}:${server.port}`),
  );
  const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part) => {
      said += part;
    });
  const ended = new Promise<void>((end) => child.on('close', () => end()));
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const close = async () => {
    child.kill('SIGTERM');
    await ended;
    process.off('exit', kill);
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; !(await answers(port)); tries++) {
    if (tries < 100 && child.exitCode === null) await new Promise((wake) => setTimeout(wake, 50));
    else {
      await close();
      throw new Error(`nginx does not listen: ${said}`);
    }
  }
  return { port, close };
}

/** The two blocks of the page, with the addresses of this test in place of its example. */
function configuration(folder: string, port: number, server: string): string {
  const blocks = [...readFileSync(page, 'utf8').matchAll(/```nginx\n([\s\S]*?)```/g)].map(([, block]) => block);
  const site = blocks
    .join('\n')
    .replaceAll('/etc/nginx/front-end', join(folder, 'own'))
    .replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
    .replace('https://server.example:443', `https://${server}`)
    // The certificate of the test server is made on the clock of the tests.
    .replace('proxy_ssl_verify on', 'proxy_ssl_verify off')
    .replace(/^\s*proxy_ssl_trusted_certificate .*$/m, '');
  return `daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
${site}}
`;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const end = (found: boolean) => {
      socket.destroy();
      resolve(found);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}
