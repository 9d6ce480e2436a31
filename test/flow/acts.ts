/** What administrators and people at a console do in several stories. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Status } from '../../protocol/local.ts';
import type { Report } from '../../protocol/schema.ts';
import { freePort } from '../../server/cli/port.ts';
import { outputOf, startLogServer } from '../fakes/log-servers.ts';
import { authorityOf, serverMaterial } from '../fakes/tls-server.ts';
import { ask, type Device, type Outcome, type Screen, type System, statusOf, until, whenStatus } from './system.ts';

export const vector = (name: string): string => join('test/vectors/certificates', name);

/** Well-formed codes (check digits right) that answer nothing. */
export const wrongCodes = ['000000000098', '000000000195', '000000000292', '000000000389', '000000000486'];

/** The administrator invites, the person at the device types what it was told. */
export async function register(system: System, device: Device): Promise<void> {
  const invited = await json(system.admin(['invite', '--name', device.name, '--json']));
  const { address, fingerprint, invitation, password } = invited as Record<string, string>;
  const told = ['--address', `${address}`, '--fingerprint', `${fingerprint}`, '--invitation', `${invitation}`];
  await good(system.thintrust(device, ['register', ...told], `${password}\n`));
  await whenStatus(device, `${device.name} is connected`, (status) => status.link?.at === 'connected');
}

/** rsyslog as the guide sets it up, for this one device. */
export async function serveLog(system: System, device: Device) {
  const folder = join(system.folder, 'broker');
  await good(system.admin(['mosquitto-config', folder]));
  const { cert, key, fingerprint } = await serverMaterial(authorityOf('Logs'), ['localhost']);
  const port = await freePort();
  const server = await startLogServer({
    kind: 'gtls',
    folder: join(system.folder, 'log'),
    port,
    authority: readFileSync(join(folder, 'clients.crt'), 'utf8'),
    certificate: cert,
    key,
    device: (await statusOf(device)).device?.id ?? '',
  });
  const output = outputOf(join(system.folder, 'log'));
  const received = (): string => (existsSync(output) ? readFileSync(output, 'utf8') : '');
  return { ...server, place: `localhost:${port}`, fingerprint, received };
}

/** From the main window into one of the two lists, and in it to the line. */
export async function open(screen: Screen, list: 'Tools' | 'Settings', entry: string): Promise<void> {
  await screen.see(/Connect to/);
  await screen.reach('Tab', new RegExp(`> \\[ ${list} \\]`));
  await screen.type('Enter');
  await screen.see(new RegExp(`^ ${list} `, 'm'));
  await screen.reach('Down', new RegExp(`> ${entry}`));
  await screen.type('Enter');
}

/** From anywhere to the main window. */
export async function back(screen: Screen): Promise<void> {
  await screen.reach('Escape', /Connect to/);
}

/** In the main window. */
export async function choosePurpose(screen: Screen, purpose: 'rdp' | 'broker'): Promise<void> {
  await screen.see(/Connect to/);
  await screen.reach('BTab', /> Connect to/);
  await screen.reach(
    'Right',
    purpose === 'broker' ? /> Connect to .*\[Connection broker\]/ : /> Connect to .*\[RDP server\]/,
  );
}

/** In the main window. What was typed before is still there, but for the password. */
export async function connect(screen: Screen, server: string): Promise<void> {
  await screen.see(/Connect to/);
  await screen.reach('BTab', /> Server {2,}/);
  for (const text of [server, 'visitor', 'secret']) {
    await screen.type(...erase(24), text, 'Tab');
  }
  await screen.see(/> \[ Connect \]/);
  await screen.type('Enter');
}

const erase = (letters: number): readonly string[] => Array<string>(letters).fill('BSpace');

export async function clear(screen: Screen): Promise<void> {
  await screen.type(...erase(12));
}

export async function good(running: Promise<Outcome>): Promise<string> {
  const { code, out, err } = await running;
  assert.is(code, 0, `${out}${err}`);
  return out;
}
export const json = async (running: Promise<Outcome>): Promise<unknown> => JSON.parse(await good(running));

/** Within its window a device waits for up to a minute, so that a fleet does not renew at once. */
export const renewalMs = 120_000;

/** Of the identity in use. */
export const fingerprintOf = async (device: Device): Promise<string> =>
  (await statusOf(device)).identity?.fingerprint ?? '';

export async function connectedByAnother(device: Device, before: string): Promise<string> {
  const { identity } = await until(
    'connected by another identity',
    () => statusOf(device),
    (status) =>
      status.link?.at === 'connected' && status.identity?.at === 'valid' && status.identity.fingerprint !== before,
    renewalMs,
  );
  return identity?.fingerprint ?? '';
}

/** From the next start on the date is so many days ahead, by libfaketime; what measures time still does. */
export function travel(system: System, days: number): void {
  const [library = ''] = globSync('/usr/lib/*/faketime/libfaketime.so.1');
  Object.assign(system.env, { LD_PRELOAD: library, FAKETIME: `+${days}d`, FAKETIME_DONT_FAKE_MONOTONIC: '1' });
}

export const slot = (status: Status, name: 'current' | 'reserve'): string | null =>
  status.certificates?.find((each) => each.slot === name)?.fingerprint ?? null;
export const held = (status: Status): string[] =>
  status.certificates.map((each) => `${each.purpose} ${each.source} ${each.fingerprint}`).sort();

export async function reported(system: System, device: Pick<Device, 'name'>): Promise<number> {
  const { report } = await ask<{ report: Report | null }>(system, `/devices/${device.name}`);
  return report?.applied.policy ?? 0;
}
export const revisionOf = (policy: unknown): number => (policy as { rev: number }).rev;
