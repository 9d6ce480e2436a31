/** Many real agents at once, asked at their sockets. */
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { call as askDevice } from '../../agent/cli/client.ts';
import type { Preflight, Status } from '../../protocol/local.ts';
import type { Invited } from '../../server/api/onboarding.ts';
import { call as askServer } from '../../server/cli/client.ts';
import type { Device, System } from './system.ts';

/** What two cores do at a time without one of them waiting for the others. */
const atOnce = 5;

/** In the order of `all`. */
export async function withEach<Value, Given>(
  all: readonly Value[],
  act: (one: Value) => Promise<Given>,
): Promise<readonly Given[]> {
  const given: Given[] = [];
  const queue = [...all.entries()];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) given[next[0]] = await act(next[1]);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return given;
}

/** Registers a device that is on, in a group. */
export async function enrol(system: System, device: Device, group: string): Promise<void> {
  const invited = await askServer<Invited>(system.server, 'POST', '/invitations', { name: device.name, group });
  if (!invited.ok) throw new Error(`${device.name}: ${invited.fault.code}`);
  const { address, fingerprint, invitation, password } = invited.value;
  const body = { address, fingerprint, invitation, password };
  const taken = await askDevice(join(device.runtime, 'console.sock'), { method: 'POST', path: '/register', body });
  if (!taken.ok) throw new Error(`${device.name}: ${taken.fault.code}`);
  await whenTold(
    device,
    'connected in its group',
    (status) => status.link?.at === 'connected' && status.device?.group === group && status.policy !== null,
  );
}

/** What a connection begins with: the agent looks at the server and judges it. */
export async function lookAt(device: Device, server: string): Promise<Preflight> {
  const body = { purpose: 'rdp', server };
  const looked = await askDevice(join(device.runtime, 'console.sock'), { method: 'POST', path: '/preflight', body });
  if (!looked.ok) throw new Error(`${device.name}: ${looked.fault.code}`);
  return looked.value as Preflight;
}

/** The first status that holds, and when it was told (`performance.now`). */
export type Told = { readonly status: Status; readonly at: number };

const patienceMs = 120_000;

/**
 * Listens to the changes a device tells of, as its console does, and begins with what is so already. Asking fifty of them
 * again and again would be most of the work of the machine. `listening` when it does.
 */
export function watch(device: Device, what: string, holds: (status: Status) => boolean) {
  let begun = (): void => {};
  let failed = (_: Error): void => {};
  const listening = new Promise<void>((resolve, reject) => {
    begun = resolve;
    failed = reject;
  });
  const told = new Promise<Told>((resolve, reject) => {
    const asked = request({ socketPath: join(device.runtime, 'read.sock'), path: '/api/v1/changes', agent: false });
    let last = '';
    const end = (why: string): void => {
      clearTimeout(timer);
      asked.destroy();
      const error = new Error(`${device.name}, waited in vain until ${what}: ${why}; last told:\n${last}`);
      failed(error);
      reject(error);
    };
    const timer = setTimeout(() => end('too long'), patienceMs);
    asked.on('error', (error) => end(error.message));
    asked.on('response', (answer) => {
      const lines = createInterface({ input: answer });
      lines.on('error', (error) => end(String(error)));
      lines.on('line', (line) => {
        if (!line.startsWith('data: ')) return;
        const at = performance.now();
        last = line.slice('data: '.length);
        const status = JSON.parse(last) as Status;
        begun();
        if (!holds(status)) return;
        clearTimeout(timer);
        asked.destroy();
        resolve({ status, at });
      });
    });
    asked.end();
  });
  // Who waits for one of them need not wait for the other.
  for (const each of [listening, told]) each.catch(() => {});
  return { listening, told };
}

export const whenTold = async (device: Device, what: string, holds: (status: Status) => boolean): Promise<Status> =>
  (await watch(device, what, holds).told).status;
