/** The server is killed in the middle of its work, again and again: what it answered for is there, and its device obeys it. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { call } from '../../server/cli/client.ts';
import type { Settings } from '../../server/core/policy.ts';
import { databaseFile } from '../../server/edge/state.ts';
import { assert, test } from '../harness.ts';
import { good, register, slot } from './acts.ts';
import { type Device, openSystem, type Running, type System, statusOf, whenStatus } from './system.ts';

/** Until the kill, in milliseconds. A change takes a few of them. */
const amongChanges = [1, 2, 4, 6, 8, 12, 20, 30, 60];
const amongSwitches = [2, 8, 20, 40];
/** Answers a round waits for before that, by turns. */
const answersFirst = [0, 1, 3];

test('killed among changes and among switches of its certificate', async () => {
  const system = openSystem();
  try {
    const running = { server: await system.startServer() };
    const device = system.device('reception');
    await system.powerOn(device);
    await register(system, device);
    await good(system.admin(['group', 'add', 'Office']));
    await good(system.admin(['device', 'move', 'reception', '--group', 'Office']));
    await killAmongChanges(system, running, device);
    await killAmongSwitches(system, running, device);
    await running.server.kill('SIGKILL');
    const database = new DatabaseSync(join(system.server, databaseFile), { readOnly: true });
    assert.equal({ ...database.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' });
    database.close();
  } catch (error) {
    throw new Error(`${error}\n--- server\n${system.log('thintrust-server')}\n--- agent\n${system.log('thintrustd')}`);
  } finally {
    await system.close();
  }
});

/** Groups are added and a policy is changed, as fast as the server answers, until it is gone. */
async function killAmongChanges(system: System, running: { server: Running }, device: Device): Promise<void> {
  const answered: string[] = [];
  let desk: string | undefined;
  for (const [round, afterMs] of amongChanges.entries()) {
    const groups = untilGone(async (n) => {
      const name = `G ${round} ${n}`;
      const { ok } = await call(system.server, 'POST', '/groups', { name });
      if (ok) answered.push(name);
      return ok;
    });
    let tried: string | undefined;
    const desks = untilGone(async (n) => {
      tried = `Desk ${round} ${n}`;
      const contacts = { name: tried, phone: '', email: '', note: '' };
      const { ok } = await call(system.server, 'PUT', '/groups/Office/policy/contacts', contacts);
      if (ok) desk = tried;
      return ok;
    });
    const wanted = answered.length + (answersFirst[round % answersFirst.length] ?? 0);
    while (answered.length < wanted) await new Promise((wake) => setTimeout(wake, 1));
    await killAndStart(system, running, device, afterMs);
    await Promise.all([groups, desks]);

    const names = (await read<{ name: string }[]>(system, '/groups')).map(({ name }) => name);
    const added = names.filter((name) => name.startsWith('G '));
    for (const name of answered) assert.ok(added.includes(name), `${name} was answered for and is not there`);
    const path = '/audit?action=group-added&limit=200';
    const { rows } = await read<{ rows: { facts: { name?: string } }[] }>(system, path);
    const recorded = rows.filter(({ facts }) => facts.name?.startsWith('G '));
    assert.equal(recorded.map(({ facts }) => facts.name).sort(), [...added].sort(), 'each change is on record');
    const { effective } = await read<{ effective: Settings }>(system, '/groups/Office/policy');
    const kept = effective.contacts.value?.name;
    assert.ok([desk, tried].includes(kept), `${kept} is kept, but ${desk} was answered for and ${tried} tried`);
    desk = kept;
    if (desk === undefined) continue;
    const followed = (status: { contacts: { name: string } | null }) => status.contacts?.name === desk;
    await whenStatus(device, `the device follows after ${afterMs} ms`, followed);
  }
  assert.ok(answered.length >= amongChanges.length, `${answered.length} answered`);
}

/** A device that has the reserve is never left behind by a switch that was cut off. */
async function killAmongSwitches(system: System, running: { server: Running }, device: Device): Promise<void> {
  for (const afterMs of amongSwitches) {
    await good(system.admin(['certificate', 'schedule']));
    await whenStatus(device, 'the reserve is there', (status) => slot(status, 'reserve') !== null);
    const switching = call(system.server, 'POST', '/server-certificates/switch', { override: true });
    await killAndStart(system, running, device, afterMs);
    await switching;
    const certificates = await read<{ role: string; fingerprint: string }[]>(system, '/server-certificates');
    const main = certificates.find(({ role }) => role === 'main')?.fingerprint;
    if (certificates.some(({ role }) => role === 'reserve'))
      await good(system.admin(['certificate', 'switch', '--override']));
    assert.ok(main);
    await whenStatus(
      device,
      `the device is connected after ${afterMs} ms`,
      (status) => status.link.at === 'connected' && slot(status, 'reserve') === null,
    );
    assert.is((await statusOf(device)).replacement, null);
  }
}

async function untilGone(change: (n: number) => Promise<boolean>): Promise<void> {
  for (let n = 0; await change(n); n++);
}

/** The device is switched on anew, since a link that failed often waits for minutes on purpose. */
async function killAndStart(
  system: System,
  running: { server: Running },
  device: Device,
  afterMs: number,
): Promise<void> {
  await new Promise((wake) => setTimeout(wake, afterMs));
  await running.server.kill('SIGKILL');
  await system.powerOff(device);
  running.server = await system.startServer();
  await system.powerOn(device);
}

async function read<Value>({ server }: System, path: string): Promise<Value> {
  const answer = await call<Value>(server, 'GET', path);
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer.value;
}
