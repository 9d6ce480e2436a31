/**
 * A device that missed two certificates is repaired by a file on a USB stick: udev finds the stick, the screens offer the file, a
 * person applies it by keys. Before it somebody else's sticks: with forged files, with another device's state, broken, with
 * more partitions than anybody has; they change nothing but what is listed, and each is pulled out as it is (F8, F39).
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { instant } from '../../protocol/time.ts';
import { openAdministration } from '../fakes/administration.ts';
import { good } from '../flow/acts.ts';
import { until } from '../flow/system.ts';
import { assert, needs, test } from '../harness.ts';
import { hilPrograms, wake } from './image.ts';
import { bootMs, type Machine } from './machine.ts';
import { changeTwice, codeWanted, keep, onStage, type Stage, seeConnected, settle, startServer } from './stage.ts';
import { makeEndless, makeNoise, makeState, makeStick, makeVfat, type Part, stickPrograms } from './sticks.ts';

needs([...hilPrograms, ...stickPrograms]);

const wanted = ['ro', 'nosuid', 'nodev', 'noexec'];
const offered = /A repair file is on the USB stick: press F4/;
/** With the foreign one fewer than are looked at (`maxRepairFiles`). */
const forgedFiles = 6;

/** Its options for each stick that is mounted. */
async function mounts(machine: Machine): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = (await machine.shell('cat /proc/mounts')).matchAll(/^\S+ \/run\/thintrust\/media\/(\S+) \S+ (\S+)/gm);
  return new Map([...found].map(([, stick = '', options = '']) => [stick, options.split(',')]));
}

async function seeMounts(machine: Machine, sticks: readonly string[]): Promise<void> {
  const found = await until(
    `mounted are ${sticks}`,
    () => mounts(machine),
    (now) => sticks.every((stick) => now.has(stick)) && (sticks.length > 0 || now.size === 0),
    bootMs,
  );
  for (const [stick, options] of found)
    for (const option of wanted) assert.ok(options.includes(option), `${stick} is mounted ${options}`);
}

/** It cannot know of the two changes, and asks for a code when it is back. */
async function loseTheServer({ system }: Stage, machine: Machine): Promise<void> {
  await machine.cable(false);
  await machine.see(/^ Connection +(no connection|not connected|connecting)/m, bootMs);
  await changeTwice(system);
  await machine.cable(true);
  await machine.see(codeWanted, bootMs);
}

/** The middle of the document says something else than what was signed. */
const forge = (jws: string): string => {
  const [head, body = '', tail] = jws.split('.');
  const said = Buffer.from(body, 'base64url').toString('utf8').replace('10.0.2.2', '10.0.2.3');
  return [head, Buffer.from(said).toString('base64url'), tail].join('.');
};

/** Nothing is offered of it, and each file that is opened says why it is refused. */
async function strangersStick(machine: Machine, path: string, genuine: string): Promise<void> {
  const foreign = openAdministration(() => instant(Date.now())).repairFile();
  const parts: readonly Part[] = [
    { name: 'thintrust-data', make: makeState },
    { name: 'noise', make: makeNoise },
    { name: 'endless', make: (part) => makeEndless(part, 'repair.thintrust', 'REPAIR~1THI') },
    { name: 'foreign', make: (part) => makeVfat(part, { 'foreign.thintrust': foreign }) },
    ...Array.from({ length: forgedFiles }, () => ({
      name: 'forged',
      make: (part: string) => makeVfat(part, { 'forged.thintrust': forge(genuine) }),
    })),
  ];
  makeStick(path, parts);
  await machine.plug('stranger', path);
  await seeMounts(
    machine,
    parts.slice(3).map((_, index) => `sda${index + 4}`),
  );
  assert.match(await machine.shell('readlink -f /dev/thintrust/data'), /^\/dev\/vd/);
  assert.is((await machine.shell("grep -c '^/dev/sda1 ' /proc/mounts || true")).trim(), '0');

  await machine.press('f4');
  const listed = await machine.see(/forged\.thintrust/);
  assert.not.match(listed, /repair\.thintrust/, 'no file is as long as that');
  await keep(machine, '80x25-en-strangers-stick');
  await machine.reach('down', /> sda\d+\/foreign\.thintrust/);
  await machine.press('ret');
  await machine.see(/signed with a key this device does not know/);
  await machine.reach('up', /> sda\d+\/forged\.thintrust/);
  await machine.press('ret');
  await machine.see(/signature of the document does not hold/);
  await keep(machine, '80x25-en-forged');

  await machine.pull('stranger');
  await seeMounts(machine, []);
  await machine.press('f5');
  await machine.see(/No repair file/);
  await machine.press('esc');
  await machine.see(codeWanted);
}

async function rightStick(machine: Machine, path: string, genuine: string): Promise<void> {
  makeVfat(path, { 'repair.thintrust': genuine, 'run.sh': '#!/bin/sh\n' });
  const before = createHash('sha256').update(readFileSync(path)).digest('hex');
  await machine.plug('right', path);
  await seeMounts(machine, ['sda']);
  await machine.see(offered);
  await keep(machine, '80x25-en-repair-offered');
  await machine.press('f4');
  await machine.see(/> sda\/repair\.thintrust/);
  await machine.press('ret');
  await machine.see(/10\.0\.2\.2[\s\S]*> \[ Cancel \]/);
  await keep(machine, '80x25-en-repair-question');
  await machine.press('tab', 'ret');
  await machine.see(/The device is repaired/);
  await seeConnected(machine);
  await machine.pull('right');
  await seeMounts(machine, []);
  assert.is(createHash('sha256').update(readFileSync(path)).digest('hex'), before, 'nothing was written to the stick');
}

const processes = (machine: Machine): Promise<string> =>
  machine.shell('systemctl show --property=MainPID --value thintrustd thintrust-ui');

test('a USB stick: forged files and broken file systems are refused, the right file repairs, and it is pulled out when one likes', () =>
  onStage(async (stage) => {
    const { image, folder, on, system } = stage;
    await startServer(system);
    const machine = await on(wake(image, folder));
    await settle(stage, machine, 'desk');
    await loseTheServer(stage, machine);
    const before = await processes(machine);
    const file = join(system.folder, 'repair.thintrust');
    await good(system.admin(['repair-bundle', '--out', file]));
    const genuine = readFileSync(file, 'utf8');
    mkdirSync(folder, { recursive: true });
    await strangersStick(machine, join(folder, 'stranger.img'), genuine);
    await rightStick(machine, join(folder, 'right.img'), genuine);
    assert.is(await processes(machine), before, 'agent and screens ran all the time');
  }));
