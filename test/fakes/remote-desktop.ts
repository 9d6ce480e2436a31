/** Real servers of remote desktops, a screen that nobody sees, and a FreeRDP that the launcher starts on it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Happening, Probed, Rules } from '../../agent/core/shape.ts';
import { type Launch, openLauncher } from '../../agent/edge/launcher.ts';
import { probe } from '../../agent/edge/probe.ts';
import { systemRandom } from '../../agent/edge/random.ts';
import { parseCertificate } from '../../protocol/certificate.ts';
import type { Fault } from '../../protocol/fault.ts';
import type { ClientFile } from '../../protocol/session.ts';
import { type Place, parsePlace } from '../../protocol/target.ts';
import { freePort } from '../../server/cli/port.ts';
import { findProgram } from '../programs.ts';
import { appears, type Peer, startPeer, stop } from './processes.ts';
import { now, type ServerMaterial } from './tls-server.ts';

export type Desk = {
  readonly folder: string;
  /** Of the X server. */
  readonly display: string;
  /** A description among those the launcher reads. */
  readonly describe: (name: string, file: ClientFile) => void;
  readonly xrdp: (material: ServerMaterial, security?: 'tls' | 'rdp', port?: number) => Promise<Served>;
  /** With NLA; the one user is `good`, the password `password`. */
  readonly shadow: () => Promise<Served & { readonly leaf: Uint8Array }>;
  /** What it says on its only page is `broker`. */
  readonly nginx: (material: ServerMaterial, port?: number) => Promise<Served>;
  /** A session file whose client prints to `<name>.log`, and leads the process group of `<name>.pid`; gives its path. */
  readonly session: (name: string) => string;
  readonly probe: (purpose: Rules['purpose'], port: number, entries: readonly Uint8Array[]) => Promise<Probed>;
  readonly launch: (port: number, fingerprints: readonly string[], changes?: Changes) => Running;
};
export type Served = Peer & { readonly port: number };
/** PEM; the certificate with those above it. */
export type Material = Pick<ServerMaterial, 'key' | 'cert'>;
export type Site = Material & { readonly port: number };
type Environment = { readonly [name: string]: string };
type Changes = Partial<Launch> & {
  readonly password?: string;
  readonly declares?: Environment;
};
export type Running = {
  /** What the client prints, once it holds this; rejects where it ends without. */
  readonly prints: (wanted: RegExp) => Promise<string>;
  /** Of the desk's folder: holds the process id once the client has been started. */
  readonly pidFile: string;
  /** The client has been started. */
  readonly begun: Promise<void>;
  readonly ended: Promise<Fault | null>;
  /** All it has printed. */
  readonly log: () => string;
  readonly end: () => Promise<void>;
};

export const clients = join(import.meta.dirname, '../../rootfs-overlay/usr/share/thintrust/clients');
export const shippedClient = (name: string): ClientFile =>
  JSON.parse(readFileSync(join(clients, `${name}.json`), 'utf8'));
/** NT hash of `password`. */
const accounts = 'good:::8846f7eaee8fb117ad06bdd830b7586c:::\n';

export const placeOf = (text: string): Place => {
  const place = parsePlace(text, 1);
  if (!place.ok) throw new Error(`not a place: ${text}`);
  return place.value;
};

/** Gives a desk with a screen, and takes all of it away again. */
export async function withDesk(run: (desk: Desk) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-desk-'));
  const screen = spawn(
    findProgram('Xvfb') ?? 'Xvfb',
    ['-displayfd', '3', '-screen', '0', '800x600x24', '-nolisten', 'tcp', '-noreset'],
    {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    },
  );
  const peers: Peer[] = [{ stop: () => stop(screen) }];
  const peer = async <P extends Peer>(starting: Promise<P>): Promise<P> => {
    const started = await starting;
    peers.push(started);
    return started;
  };
  try {
    const [number] = await once(screen.stdio[3] as NodeJS.ReadableStream, 'data');
    const display = `:${String(number).trim()}`;
    while (!(await letsIn(`/tmp/.X11-unix/X${display.slice(1)}`))) await delay(20);
    mkdirSync(join(folder, 'clients'));
    await run({
      folder,
      display,
      describe: (name, file) => writeFileSync(join(folder, 'clients', `${name}.json`), JSON.stringify(file)),
      xrdp: (material, security = 'tls', port) => peer(startXrdp(folder, material, security, port)),
      shadow: () => peer(startShadow(folder, display)),
      nginx: (material, port) => peer(startBroker(folder, material, port)),
      session: (name) => writeSession(display, folder, name, {}),
      probe: (purpose, port, entries) => look(purpose, port, entries),
      launch: (port, fingerprints, changes = {}) => launchOn(display, folder, port, fingerprints, changes),
    });
  } finally {
    for (const one of peers.reverse()) await one.stop();
    await rm(folder, { recursive: true });
  }
}

/** Whether an X server takes clients: it says its number some moments before. X11 connection setup, little-endian. */
function letsIn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.write(Buffer.from('6c000b000000000000000000', 'hex')));
    socket.once('data', (answer) => {
      socket.destroy();
      resolve(answer[0] === 1);
    });
    socket.once('error', () => resolve(false));
    socket.once('end', () => resolve(false));
  });
}

function look(purpose: Rules['purpose'], port: number, certificates: readonly Uint8Array[]): Promise<Probed> {
  const place = placeOf(`localhost:${port}`);
  const entries = certificates.map((der) => parseCertificate(der)).flatMap((one) => (one.ok ? [one.value] : []));
  const { target } = place;
  const rules = { purpose, target, at: now(), entries, blocklist: new Set<string>(), crls: [], policy: null };
  return probe({ place, rules, timeoutMs: 10_000 });
}

let launches = 0;

function launchOn(
  display: string,
  folder: string,
  port: number,
  fingerprints: readonly string[],
  changes: Changes,
): Running {
  const { password = 'password', declares = {}, ...rest } = changes;
  const name = `client${++launches}`;
  const [log, pid] = [`${name}.log`, `${name}.pid`];
  const sessionFile = writeSession(display, folder, name, declares);
  const happenings: Happening[] = [];
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const launch = openLauncher({
    folders: [join(folder, 'clients')],
    sessionFile,
    runtime: folder,
    take: () => password,
    nonce: systemRandom.nonce,
    emit: (happening) => {
      happenings.push(happening);
      if (happening.type === 'session-running') begin();
    },
    journal: () => {},
  });
  const place = placeOf(`localhost:${port}`);
  const ended = launch({
    do: 'launch',
    session: 1,
    request: 1,
    purpose: 'rdp',
    place,
    user: 'good',
    fingerprints,
    exact: [],
    anchors: [],
    ...rest,
  }).then(() => {
    const last = happenings.at(-1);
    if (last?.type !== 'session-ended') throw new Error('the session has not ended');
    return last.fault;
  });
  const printed = (): string => readFileSync(join(folder, log), 'utf8');
  const over = async (wanted: RegExp): Promise<string> => {
    const why = await ended;
    if (wanted.test(printed())) return printed();
    throw new Error(`the client has ended (${JSON.stringify(why)}) before ${wanted}:\n${printed()}`);
  };
  return {
    pidFile: pid,
    begun,
    ended,
    prints: (wanted) => Promise.race([appears(folder, log, wanted), over(wanted)]),
    log: printed,
    end: async () => {
      process.kill(-Number(await appears(folder, pid, /\n/)), 'SIGTERM');
      await ended;
    },
  };
}

function writeSession(display: string, folder: string, name: string, declares: Environment): string {
  // Its own messages are kept apart, line by line, and its process group can be found.
  const keep = `echo $$ >${join(folder, name)}.pid; exec stdbuf -oL "$@" >${join(folder, name)}.log 2>&1`;
  const command = ['/bin/sh', '-c', keep, 'screen'];
  const file = join(folder, `${name}.json`);
  writeFileSync(file, JSON.stringify({ format: 1, command, environment: { DISPLAY: display, ...declares } }));
  return file;
}

export async function startXrdp(folder: string, material: Material, security: string, fixed?: number): Promise<Served> {
  const port = fixed ?? (await freePort());
  const path = (name: string): string => join(folder, `xrdp-${port}-${name}`);
  writeFileSync(path('key.pem'), material.key, { mode: 0o600 });
  writeFileSync(path('cert.pem'), material.cert);
  writeFileSync(
    path('xrdp.ini'),
    `[Globals]
ini_version=1
fork=false
port=tcp://127.0.0.1:${port}
security_layer=${security}
certificate=${path('cert.pem')}
key_file=${path('key.pem')}
ssl_protocols=TLSv1.2, TLSv1.3
allow_channels=true
[Logging]
LogFile=${path('log')}
EnableSyslog=false
[Channels]
[Xorg]
name=Xorg
lib=libxup.so
username=ask
password=ask
ip=127.0.0.1
port=-1
code=20
`,
  );
  return { port, ...(await startPeer('xrdp', ['--nodaemon', '--config', path('xrdp.ini')], port)) };
}

/** It makes its own certificate, below its home. */
async function startShadow(folder: string, display: string): Promise<Served & { readonly leaf: Uint8Array }> {
  const port = await freePort();
  const home = join(folder, `shadow-${port}`);
  mkdirSync(home);
  writeFileSync(join(home, 'accounts'), accounts);
  const args = [`/port:${port}`, '/bind-address:127.0.0.1', '/sec:nla', '+auth', `/sam-file:${join(home, 'accounts')}`];
  const peer = await startPeer('freerdp-shadow-cli', args, port, { ...process.env, HOME: home, DISPLAY: display });
  const pem = readFileSync(join(home, '.config/freerdp/shadow/shadow.crt'), 'latin1');
  return { port, leaf: Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64'), ...peer };
}

async function startBroker(folder: string, material: ServerMaterial, fixed?: number): Promise<Served> {
  const port = fixed ?? (await freePort());
  return { port, ...(await startNginx(folder, [{ port, ...material }])) };
}

/** A server with a certificate of its own at each port; all say the same. */
export async function startNginx(folder: string, sites: readonly Site[]): Promise<Peer> {
  const first = sites[0]?.port ?? 0;
  const home = join(folder, `nginx-${first}`);
  mkdirSync(home, { recursive: true });
  const path = (name: string): string => join(home, name);
  for (const { port, key, cert } of sites) {
    writeFileSync(path(`${port}.key`), key, { mode: 0o600 });
    writeFileSync(path(`${port}.pem`), cert);
  }
  const blocks = sites.map(
    ({ port }) => `  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${path(`${port}.pem`)};
    ssl_certificate_key ${path(`${port}.key`)};
    location / { return 200 "broker $remote_user\\n"; }
  }
`,
  );
  writeFileSync(
    path('nginx.conf'),
    `daemon off;
pid ${path('pid')};
error_log ${path('error.log')};
events {}
http {
  access_log off;
  client_body_temp_path ${path('body')};
  proxy_temp_path ${path('proxy')};
  fastcgi_temp_path ${path('fastcgi')};
  uwsgi_temp_path ${path('uwsgi')};
  scgi_temp_path ${path('scgi')};
${blocks.join('')}}
`,
  );
  return startPeer('nginx', ['-e', path('error.log'), '-c', path('nginx.conf')], first);
}
