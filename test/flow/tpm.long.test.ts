/**
 * The key of a device in a TPM, with the real programs: registered, the power cut, renewed; the TPM away, another in its place,
 * and back; and how a device whose TPM is gone for good comes in again (B8).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readWrapped } from '../../agent/edge/tpm-packets.ts';
import { type SoftTpm, startTpm } from '../fakes/tpm.ts';
import { assert, needs, test } from '../harness.ts';
import { findProgram } from '../programs.ts';
import { connectedByAnother, fingerprintOf, good, register } from './acts.ts';
import { type Device, openFolder, openSystem, type System, statusOf, whenStatus } from './system.ts';

needs(['swtpm', 'node20']);

/** The oldest Node of devices, whose OpenSSL is 3.0; of this Node the same is shown by `edge/tpm`. */
test('a key in a TPM', async () => {
  const folder = openFolder();
  const path = join(folder, 'tpm.sock');
  const system = openSystem(findProgram('node20') ?? '', { THINTRUST_KEY: 'tpm', THINTRUST_TPM: path });
  try {
    await tell(system, (name) => startTpm(folder, name, path));
  } catch (error) {
    throw new Error([String(error), '--- daemon', system.log('thintrustd')].join('\n'));
  } finally {
    await system.close();
  }
});

async function tell(system: System, insert: (name: string) => Promise<SoftTpm>): Promise<void> {
  await system.startServer();
  const device = system.device('reception');
  let tpm = await insert('one');
  /** The machine is turned off, somebody is at its board, and it is turned on. */
  const openAndClose = async (name: string | null): Promise<void> => {
    await system.powerOff(device);
    await tpm.stop();
    if (name) tpm = await insert(name);
    await system.powerOn(device);
  };
  const says = (code: string) => whenStatus(device, code, ({ link }) => link?.fault?.code === code);
  const connects = () => whenStatus(device, 'connected', ({ link }) => link?.at === 'connected');

  await system.powerOn(device);
  await register(system, device);
  const first = await fingerprintOf(device);
  assert.ok(
    keysOf(device).every((key) => readWrapped(key)),
    'there is no key but what the TPM has wrapped',
  );

  await openAndClose('one');
  await connects();
  await good(system.admin(['identity', 'renew', 'reception']));
  const second = await connectedByAnother(device, first);
  assert.ok(keysOf(device).every((key) => readWrapped(key)));

  // Away, and another: it says so, connects by nothing else, and goes on when its own is back.
  await openAndClose(null);
  await says('tpm-missing');
  assert.match(await good(system.thintrust(device, ['status'])), /security chip \(TPM\), and the chip is not there/);
  await openAndClose('two');
  const status = await says('tpm-foreign');
  assert.is(status.identity?.at, 'valid', 'not retired');
  assert.is(status.identity?.fingerprint, second);
  await openAndClose('one');
  await connects();
  assert.is(await fingerprintOf(device), second);

  // For good: reset, and registered anew.
  await openAndClose('two');
  await says('tpm-foreign');
  await good(system.thintrust(device, ['reset', '--yes']));
  assert.is(keysOf(device).length, 0);
  await register(system, device);
  assert.not.equal(await fingerprintOf(device), second);
  assert.is((await statusOf(device)).link?.fault ?? null, null);
  await tpm.stop();
}

const keysOf = ({ state }: Device): readonly Uint8Array[] =>
  readdirSync(join(state, 'keys')).map((name) => readFileSync(join(state, 'keys', name)));
