/**
 * The key of a device in the TPM of the machine: registered with it, renewed, the power cut, connected again; without the TPM the
 * screen says why there is no connection, and nothing is lost (B8).
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { alive, stop } from '../fakes/processes.ts';
import { good, json } from '../flow/acts.ts';
import { until } from '../flow/system.ts';
import { assert, needs, test } from '../harness.ts';
import { findProgram } from '../programs.ts';
import { hardware } from './hardware.ts';
import { boot, firstScreen, hilPrograms } from './image.ts';
import { bootMs } from './machine.ts';
import { keep, onStage, seeConnected, settle, startServer } from './stage.ts';

needs([...hilPrograms, 'swtpm']);

/** As a boot entry has it, or `/etc/thintrust/agent.conf`. */
const words = ['systemd.setenv=THINTRUST_KEY=tpm'];

/** A TPM that QEMU makes a chip of, by its control socket; it ends with the machine and is the same one the next time. */
async function insertTpm(folder: string): Promise<readonly string[]> {
  const path = join(folder, 'tpm.sock');
  mkdirSync(join(folder, 'tpm'), { recursive: true });
  rmSync(path, { force: true });
  const state = ['--tpmstate', `dir=${join(folder, 'tpm')}`, '--ctrl', `type=unixio,path=${path}`, '--terminate'];
  const child = spawn(findProgram('swtpm') ?? 'swtpm', ['socket', '--tpm2', ...state], { stdio: 'ignore' });
  process.on('exit', () => void stop(child));
  while (!existsSync(path)) {
    if (!alive(child)) throw new Error('swtpm ended');
    await delay(20);
  }
  return [
    '-chardev',
    `socket,id=chip,path=${path}`,
    '-tpmdev',
    'emulator,id=tpm,chardev=chip',
    '-device',
    `${hardware.tpm},tpmdev=tpm`,
  ];
}

test('a key in the TPM: registered, renewed, the power cut; the TPM away and back', () =>
  onStage(async (stage) => {
    const { image, system, folder, on } = stage;
    await startServer(system);
    const first = await on(boot(image, folder, { words, more: await insertTpm(folder) }));
    await first.see(firstScreen, bootMs);
    await settle(stage, first, 'desk');
    await good(system.admin(['identity', 'renew', 'desk']));
    await until(
      'it is renewed',
      () => json(system.admin(['identities', '--json'])) as Promise<readonly { readonly status: string }[]>,
      (listed) => listed.some(({ status }) => status === 'renewed'),
      bootMs,
    );
    // No file of the state begins as PKCS #8 does: there is no key but what the TPM has wrapped.
    const keys = (await first.shell('for key in /var/lib/thintrust/keys/*; do od -An -tx1 -N9 "$key"; done')).trim();
    assert.match(keys, /^( ?30 81 .. 06 06 67 81 05 0a\n?)+$/);
    await first.cut();

    const second = await on(boot(image, folder, { words }));
    await second.see(/security chip \(TPM\)/, bootMs);
    await keep(second, '80x25-en-no-tpm');
    await second.press('f2');
    await second.see(/микросхем/);
    await keep(second, '80x25-ru-no-tpm');
    await second.cut();

    const third = await on(boot(image, folder, { words, more: await insertTpm(folder) }));
    await seeConnected(third);
    await third.cut();
  }));
