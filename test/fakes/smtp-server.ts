/**
 * Exim as the SMTP server: a process of its own on loopback, with everything below one folder, as an ordinary user. It delivers
 * every mail into one maildir. What stands in the folder as a file of that name makes it behave so: `greylist` (451 to every
 * recipient), and the recipients `nobody@…` do not exist (550).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../server/cli/port.ts';
import { findProgram } from '../programs.ts';

export type SmtpServer = {
  readonly port: number;
  readonly folder: string;
  /** What was delivered, oldest first, as an independent reader (Python's email package) understands it. */
  readonly mails: () => readonly ReadMail[];
  /** Waits for that many. */
  readonly wait: (count: number) => Promise<readonly ReadMail[]>;
  readonly empty: () => void;
  readonly behave: (name: 'greylist', on: boolean) => void;
  readonly log: () => string;
  /** Where it does not run. */
  readonly start: () => Promise<void>;
  /** By SIGKILL, with all its children. */
  readonly kill: () => Promise<void>;
  readonly remove: () => Promise<void>;
};
export type ReadMail = {
  readonly subject: string;
  readonly from: string;
  readonly to: string;
  readonly replyTo: string | null;
  readonly id: string;
  readonly date: string;
  readonly text: string;
  readonly headers: readonly string[];
  /** Who it was delivered for, by the envelope. */
  readonly envelope: string;
  /** TLS version that it came over, or empty. */
  readonly received: string;
  readonly defects: readonly string[];
};
export type Wanted = {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** TLS from the first byte. */
  readonly onConnect?: boolean;
  /** Who may send; nobody has to sign in where there is none. */
  readonly user?: { readonly name: string; readonly password: string };
};

const nobody = 65534;
const answersWithinMs = 20_000;

export async function startSmtp(wanted: Wanted = {}): Promise<SmtpServer> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-smtp-'));
  const uid = process.getuid?.() === 0 ? nobody : (process.getuid?.() ?? nobody);
  const at = (name: string): string => join(folder, name);
  for (const name of ['spool', 'log', 'mail', 'mail/new', 'mail/cur', 'mail/tmp']) mkdirSync(at(name));
  const { program, libraries } = copyExim(folder);
  const port = await freePort();
  writeFileSync(at('conf'), configuration(folder, port, wanted));
  writeFileSync(at('cert.pem'), wanted.tls?.cert ?? '');
  writeFileSync(at('key.pem'), wanted.tls?.key ?? '');
  writeFileSync(at('passwd'), `root:x:0:0::/root:/bin/sh\nDebian-exim:x:${uid}:${uid}::${folder}:/bin/false\n`);
  writeFileSync(at('group'), `root:x:0:\nDebian-exim:x:${uid}:\nmail:x:8:\n`);
  if (process.getuid?.() === 0)
    for (const name of ['', ...readdirSync(folder, { recursive: true })]) chownSync(at(String(name)), uid, uid);
  let child: ChildProcess | null = null;
  const kill = async (): Promise<void> => {
    const running = child;
    child = null;
    if (!running?.pid || running.exitCode !== null || running.signalCode !== null) return;
    running.ref();
    const ended = once(running, 'exit');
    killAll(running.pid);
    await ended;
  };
  const start = async (): Promise<void> => {
    if (child?.exitCode === null && child.signalCode === null) return;
    child = spawn(program, ['-C', at('conf'), '-bdf', '-q5s'], {
      stdio: 'ignore',
      ...(process.getuid?.() === 0 ? { uid, gid: uid } : {}),
      env: {
        LD_LIBRARY_PATH: libraries,
        LD_PRELOAD: join(libraries, 'libnss_wrapper.so'),
        NSS_WRAPPER_PASSWD: at('passwd'),
        NSS_WRAPPER_GROUP: at('group'),
      },
    });
    child.unref();
    const started = Date.now();
    while (!(await greets(port, wanted.onConnect === true))) {
      if (child.exitCode !== null || Date.now() - started > answersWithinMs)
        throw new Error(`exim does not answer: ${logOf(folder)}`);
      await delay(20);
    }
  };
  const mails = (): readonly ReadMail[] => readMails(at('mail/new'));
  process.on('exit', () => {
    if (child?.pid && child.exitCode === null && child.signalCode === null) killAll(child.pid);
    rmSync(folder, { recursive: true, force: true });
  });
  const remove = async (): Promise<void> => {
    await kill();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    port,
    folder,
    mails,
    wait: async (count) => {
      const started = Date.now();
      while (readdirSync(at('mail/new')).length < count) {
        if (Date.now() - started > answersWithinMs)
          throw new Error(`${count} mails were not delivered: ${logOf(folder)}`);
        await delay(20);
      }
      return mails();
    },
    empty: () => {
      for (const name of readdirSync(at('mail/new'))) rmSync(at(`mail/new/${name}`));
    },
    behave: (name, on) => (on ? writeFileSync(at(name), '') : rmSync(at(name), { force: true })),
    log: () => logOf(folder),
    start,
    kill,
    remove,
  };
}

/** A daemon and those it has forked. It stays in the group of the test, so that it ends with a test that is killed. */
function killAll(daemon: number): void {
  const forked = readFileSync(`/proc/${daemon}/task/${daemon}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  for (const pid of [daemon, ...forked])
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
}

/** Where its user can read it, whoever owns the clone. */
function copyExim(folder: string): { readonly program: string; readonly libraries: string } {
  const program = findProgram('exim4') ?? 'exim4';
  const root = dirname(dirname(dirname(program)));
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const libraries = join(folder, 'lib');
  // Links lead to their neighbours, not back to where the user of Exim may not look.
  for (const below of ['usr/lib', 'lib'])
    cpSync(join(root, below, machine), libraries, { recursive: true, verbatimSymlinks: true });
  cpSync(program, join(folder, 'exim4'));
  return { program: join(folder, 'exim4'), libraries };
}

function configuration(folder: string, port: number, { tls, onConnect, user }: Wanted): string {
  const known = user ? `\${if and{{eq{$auth2}{${user.name}}}{eq{$auth3}{${user.password}}}}}` : 'false';
  return `primary_hostname = mail.example.com
spool_directory = ${folder}/spool
log_file_path = ${folder}/log/%s
pid_file_path = ${folder}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
tls_on_connect_ports = ${onConnect ? port : ''}
tls_advertise_hosts = ${tls ? '*' : ''}
tls_certificate = ${folder}/cert.pem
tls_privatekey = ${folder}/key.pem
deliver_drop_privilege = true
keep_environment =
never_users =
smtp_accept_max = 20
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  ${user ? 'deny message = 5.7.1 sign in first\n       !authenticated = *' : ''}
  defer message = 4.7.1 greylisted, come back later
        condition = \${if exists{${folder}/greylist}}
  deny message = 5.1.1 no such user here
       local_parts = nobody
  accept
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = ${folder}/mail
  maildir_format
  envelope_to_add
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${known}
  server_advertise_condition = \${if def:tls_in_cipher}
`;
}

const logOf = (folder: string): string =>
  readdirSync(join(folder, 'log'))
    .map((name) => readFileSync(join(folder, 'log', name), 'utf8'))
    .join('');

function greets(port: number, onConnect: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (found: boolean): void => {
      socket.destroy();
      resolve(found);
    };
    socket.on('error', () => end(false));
    // It says nothing by itself where TLS comes first.
    socket.on('connect', () => onConnect && end(true));
    socket.on('data', (data) => end(String(data).startsWith('220')));
    socket.on('close', () => resolve(false));
  });
}

const reader = `
import sys, json, email, email.policy, os
out = []
folder = sys.argv[1]
for name in sorted(os.listdir(folder), key=lambda n: os.stat(os.path.join(folder, n)).st_mtime_ns):
    with open(os.path.join(folder, name), 'rb') as f:
        m = email.message_from_binary_file(f, policy=email.policy.default)
    out.append(dict(subject=str(m['Subject']), to=str(m['To']), replyTo=m['Reply-To'] and str(m['Reply-To']),
        **{'from': str(m['From'])}, id=str(m['Message-ID']), date=str(m['Date']), text=m.get_body().get_content(),
        headers=list(m.keys()), envelope=str(m['Envelope-to']), received=str(m['Received']),
        defects=[repr(d) for p in m.walk() for d in p.defects] + [repr(d) for h in m.values() for d in getattr(h, 'defects', [])]))
json.dump(out, sys.stdout)
`;

function readMails(folder: string): readonly ReadMail[] {
  const ran = spawnSync('python3', ['-c', reader, folder], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as ReadMail[];
}

export type Relay = {
  readonly port: number;
  /** Sees what the client says, before the server gets it. */
  onClient: ((text: string) => void) | null;
  /** Sees what the server says; false keeps it from the client. */
  onServer: ((text: string) => boolean) | null;
  readonly close: () => void;
};

/** Between a client and a server that speak in the clear. */
export async function startRelay(to: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const port = await freePort();
  const server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (data) => {
      relay.onClient?.(data.toString('latin1'));
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (relay.onServer?.(data.toString('latin1')) !== false) client.write(data);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const relay: Relay = {
    port,
    onClient: null,
    onServer: null,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return relay;
}
