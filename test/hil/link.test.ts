/**
 * What happens to a connected machine: the cable is out, the agent hangs, somebody else answers at the server's address. It
 * comes back each time without anybody doing anything.
 */
import { authorityOf, serverMaterial, serveTls } from '../fakes/tls-server.ts';
import { good } from '../flow/acts.ts';
import { type Running, until } from '../flow/system.ts';
import { assert, needs, test } from '../harness.ts';
import { hilPrograms, wake } from './image.ts';
import { bootMs, type Machine } from './machine.ts';
import { codeWanted, confirmationOn, keep, onStage, type Stage, seeConnected, settle, startServer } from './stage.ts';

needs(hilPrograms);

const mainProcess = async (machine: Machine, unit: string): Promise<string> =>
  (await machine.shell(`systemctl show --property=MainPID --value ${unit}`)).trim();

/** It is told of what came meanwhile once the cable is back. */
async function cableOut({ system }: Stage, machine: Machine): Promise<void> {
  await machine.cable(false);
  await machine.see(/^ Connection +(no connection|not connected|connecting)/m, bootMs);
  await keep(machine, '80x25-en-no-cable');
  await good(system.admin(['policy', 'set-contacts', 'Office', '--name', 'Night desk']));
  await machine.cable(true);
  await machine.see(/Connection +connected[\s\S]*Night desk/, bootMs);
}

/** systemd kills what does not answer its watchdog; the screens are the same process all the time. */
async function agentHangs(machine: Machine): Promise<void> {
  const [agent, screens] = [await mainProcess(machine, 'thintrustd'), await mainProcess(machine, 'thintrust-ui')];
  await machine.shell(`kill -STOP ${agent}`);
  await until(
    'systemd has started another',
    () => mainProcess(machine, 'thintrustd'),
    (now) => now !== agent && now !== '0',
    bootMs,
  );
  // The age of the connection begins anew.
  await machine.see(/Connection +connected( for \d+ s|$)/m, bootMs);
  assert.is(await mainProcess(machine, 'thintrust-ui'), screens);
  assert.match(await machine.shell('journalctl -b -u thintrustd -o cat'), /[Ww]atchdog/);
}

/** At every port of the server, with a certificate for its address that any browser would like. */
async function impostor({ system }: Stage, machine: Machine, server: Running): Promise<void> {
  const ports = [...server.line.matchAll(/:(\d+)/g)].map(([, port]) => Number(port));
  await server.kill('SIGTERM');
  const { cert, key, fingerprint } = await serverMaterial(authorityOf('Public Authority'), ['10.0.2.2']);
  const served = await Promise.all(ports.map((port) => serveTls({ cert, key }, undefined, undefined, port)));
  const shown = await machine
    .see(codeWanted, bootMs)
    .finally(() => Promise.all([keep(machine, '80x25-en-impostor'), ...served.map((each) => each.close())]));
  const begins = `${fingerprint.slice(0, 16).match(/.{4}/g)?.join(' ')}`;
  assert.match(shown, new RegExp(`SHA-256 starts with ${begins}`), 'whose certificate it is');
  for (const each of served) assert.is(each.received(), 0, 'nothing is said to it');
  await startServer(system);
  const answer = await system.admin(['code', confirmationOn(shown), '--json']);
  assert.is(answer.code, 1, answer.out);
  assert.is(JSON.parse(answer.out).code, 'code-not-ours');
  await machine.reach('esc', /Connect to/);
  await seeConnected(machine);
}

test('the cable is out, the agent hangs, somebody else answers as the server', () =>
  onStage(async (stage) => {
    const { image, folder, on, system } = stage;
    const server = await startServer(system);
    const machine = await on(wake(image, folder));
    await settle(stage, machine, 'desk');
    await cableOut(stage, machine);
    await agentHangs(machine);
    await impostor(stage, machine, server);
  }));
