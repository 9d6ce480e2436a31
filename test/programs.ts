/** Programs a test needs beyond Node: peers from the distribution, and the second Node the flow tests run on. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Brought by `make deps` into a package of its own, since one tree cannot hold two versions of it. */
const node20 = fileURLToPath(new URL(`node20/node_modules/node-linux-${process.arch}/bin/node`, import.meta.url));
/** The provider of tpm2-openssl, which OpenSSL loads by its name. */
const tpm2Provider = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/ossl-modules/tpm2.so`);
/** Unpacked by `make deps`, since its package would put rsyslog out. */
const syslogNg = fileURLToPath(new URL('../build/syslog-ng/usr/sbin/syslog-ng', import.meta.url));
/** Unpacked by `make deps` in the same way. */
const exim = fileURLToPath(new URL('../build/exim/usr/sbin/exim4', import.meta.url));
/** Brought by `make deps-freerdp3` and `make deps-enrolment`; its programs run by chroot(8) into it, its systemd in a container. */
export const trixie = '/var/cache/thintrust-test/trixie';
const prometheusClient = '/usr/lib/python3/dist-packages/prometheus_client';
const init = join(trixie, 'usr/lib/systemd/systemd');
const ofTrixie: ReadonlySet<string> = new Set(['xfreerdp3', 'scepserver', 'estserver', 'estclient', 'pki']);
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'].filter(Boolean);

/**
 * Where a program is, or null. `node20` is the Node 20 of `make deps`; `systemd` the one that runs by itself in a container;
 * `root` is no program but is asked for in the same way by tests that mount file systems, and is found when the tests run
 * as root.
 */
export function findProgram(name: string): string | null {
  if (name === 'root') return process.getuid?.() === 0 ? '/' : null;
  if (name === 'node20') return isExecutable(node20) ? node20 : null;
  if (name === 'tpm2-provider') return tpm2Provider.find((path) => existsSync(path)) ?? null;
  if (name === 'systemd') return isExecutable(init) ? init : null;
  if (name === 'prometheus-client') return existsSync(prometheusClient) ? prometheusClient : null;
  if (name === 'syslog-ng' && isExecutable(syslogNg)) return syslogNg;
  if (name === 'exim4') return isExecutable(exim) ? exim : null;
  if (ofTrixie.has(name) && isExecutable(join(trixie, 'usr/bin', name))) return join(trixie, 'usr/bin', name);
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
