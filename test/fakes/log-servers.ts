/** Real log servers for tests, with the configurations of docs/logs.md: each writes what it received to a file, one message a line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from '../programs.ts';
import { answers } from './processes.ts';

export type LogServerOrder = {
  readonly kind: 'gtls' | 'ossl' | 'syslog-ng';
  readonly folder: string;
  readonly port: number;
  /** PEM. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  /** CN of the device that may send. */
  readonly device: string;
};
export type LogServer = {
  readonly child: ChildProcess;
  /** What it said, for a failed test. */
  readonly log: () => string;
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>;
};

const guide = new URL('../../docs/logs.md', import.meta.url);

/** The code block of the guide below this heading, its places filled in. */
async function fromGuide(heading: string, places: Readonly<Record<string, string>>): Promise<string> {
  const [, section = ''] = (await readFile(guide, 'utf8')).split(`\n### ${heading}\n`);
  const [, block = ''] = /\n```\n(.*?)\n```/s.exec(section) ?? [];
  if (block === '') throw new Error(`docs/logs.md has no configuration for ${heading}`);
  return Object.entries(places).reduce((text, [from, to]) => text.replaceAll(from, to), `${block}\n`);
}

export const outputOf = (folder: string): string => join(folder, 'received');

/** Resolves when the port answers. */
export async function startLogServer(order: LogServerOrder): Promise<LogServer> {
  const { authority, certificate, device, folder, key, kind, port } = order;
  await mkdir(folder, { recursive: true });
  const files = { 'ca.pem': authority, 'server.pem': certificate, 'server.key': key };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text, { mode: 0o600 });
  const places = {
    '/etc/thintrust-log': folder,
    '/var/log/thin-clients.log': outputOf(folder),
    '"6514"': `"${port}" address="127.0.0.1"`,
    'port(6514)': `ip(127.0.0.1) port(${port})`,
    'DEVICE-ID': device,
    '"gtls"': kind === 'ossl' ? '"ossl"' : '"gtls"',
  };
  const configuration = join(folder, 'configuration');
  const text = await fromGuide(kind === 'syslog-ng' ? 'syslog-ng' : 'rsyslog', places);
  await writeFile(configuration, text);
  let log = '';
  const child = kind === 'syslog-ng' ? spawnSyslogNg(folder, configuration) : spawnRsyslog(folder, configuration);
  child.stdout?.on('data', (chunk) => {
    log += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  for (let tries = 0; !(await answers(port)); tries++) {
    if (child.exitCode !== null || tries > 500) {
      await stop('SIGKILL');
      throw new Error(`${kind} does not answer:\n${text}\n${log}`);
    }
    await delay(20);
  }
  return { child, log: () => log, stop };
}

export function spawnRsyslog(folder: string, configuration: string): ChildProcess {
  const program = findProgram('rsyslogd') ?? 'rsyslogd';
  return spawn(program, ['-n', '-f', configuration, '-i', join(folder, 'pid')], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Unpacked, not installed: its libraries and modules lie beside it. */
export function spawnSyslogNg(folder: string, configuration: string): ChildProcess {
  const program = findProgram('syslog-ng') ?? 'syslog-ng';
  const root = dirname(dirname(dirname(program)));
  const modules = join(root, 'usr/lib/syslog-ng/3.38');
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const libraries = [join(root, 'usr/lib/syslog-ng'), join(root, 'usr/lib', machine), join(root, 'lib', machine)];
  const own = (name: string): string => join(folder, name);
  const places = ['--persist-file', own('persist'), '--control', own('control'), '--pidfile', own('pid')];
  return spawn(program, ['-F', '-e', '--no-caps', '-f', configuration, ...places, '--module-path', modules], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LD_LIBRARY_PATH: libraries.join(':') },
  });
}
