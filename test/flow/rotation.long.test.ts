/** A device that was off while the server changed its certificate again and again, with the real programs (B4, F7, F22). */
import { join } from 'node:path';
import type { PolicyKeysView } from '../../server/api/mutual.ts';
import type { LinkView } from '../../server/api/server-certificates.ts';
import { assert, test } from '../harness.ts';
import { good, json, register, reported, revisionOf, slot } from './acts.ts';
import { ask, openSystem, type System, statusOf, until, whenStatus } from './system.ts';

async function change(system: System, times: number): Promise<void> {
  for (let each = 0; each < times; each++) {
    await good(system.admin(['certificate', 'schedule']));
    await good(system.admin(['certificate', 'switch', '--override']));
  }
}

test('three missed changes are followed without a code; where a link was taken back, the code is asked for', async () => {
  const system = openSystem();
  try {
    await system.startServer();
    const device = system.device('reception');
    await system.powerOn(device);
    await register(system, device);
    await good(system.admin(['group', 'add', 'Office']));
    await good(system.admin(['device', 'move', 'reception', '--group', 'Office']));
    await good(system.admin(['policy', 'set-rotation', 'Office', 'on']));
    const policy = await json(system.admin(['policy', 'show', 'Office', '--json']));
    await until(
      'the policy that allows it is applied',
      () => reported(system, device),
      (rev) => rev === revisionOf(policy),
    );
    const before = slot(await statusOf(device), 'current');

    await system.powerOff(device, 'SIGTERM');
    await change(system, 3);
    await system.powerOn(device);
    const after = await whenStatus(device, 'connected again', (status) => status.link?.at === 'connected');
    assert.is(after.replacement, null);
    assert.is.not(slot(after, 'current'), before);
    const shown = await good(system.admin(['certificate', 'show']));
    assert.match(shown, new RegExp(`main .*${slot(after, 'current')}`));
    const told = await until(
      'the audit log has it',
      () => system.admin(['audit', '--limit', '50']),
      ({ out }) => /server-certificate-followed/.test(out),
    );
    assert.match(told.out, /server-certificate-followed .*links=3/);

    await system.powerOff(device, 'SIGTERM');
    await change(system, 2);
    const links = await ask<readonly LinkView[]>(system, '/server-certificates/links');
    await good(system.admin(['certificate', 'remove-link', String(links.at(-1)?.seq)]));
    await system.powerOn(device);
    const asked = await whenStatus(device, 'a code is asked for', (status) => (status.replacement ?? null) !== null);
    assert.is(slot(asked, 'current'), slot(after, 'current'));
  } catch (error) {
    throw new Error(`${error}\n--- server\n${system.log('thintrust-server')}\n--- agent\n${system.log('thintrustd')}`);
  } finally {
    await system.close();
  }
});

test('the policy key rolls over: announced, held, used, and the old one revoked by the recovery kit', async () => {
  const system = openSystem();
  try {
    await system.startServer();
    const passphrase = /passphrase of the recovery kit[^:]*: (\S+)/.exec(system.log('thintrust-server'))?.[1] ?? '';
    const device = system.device('reception');
    await system.powerOn(device);
    await register(system, device);
    const keys = () => ask<PolicyKeysView>(system, '/policy-keys');
    const { active: old = '' } = await keys();
    const premature = await system.admin(['key', 'roll-policy', '--activate', '--json']);
    assert.is(JSON.parse(premature.out).code, 'not-found');

    await good(system.admin(['key', 'roll-policy']));
    await until('the device holds the next key', keys, ({ notReady, next }) => next !== null && notReady?.length === 0);
    assert.match(await good(system.admin(['key', 'roll-policy', '--activate'])), /Former +\S{43}/);
    const after = await keys();
    assert.equal(after.former, [old]);
    await good(system.admin(['group', 'add', 'Office']));
    await good(system.admin(['device', 'move', 'reception', '--group', 'Office']));
    await whenStatus(device, 'what the new key signed is applied', (status) => status.device?.group === 'Office');

    const kit = join(system.server, 'recovery-kit.json');
    const revoke = ['key', 'revoke-policy', old, '--kit', kit, '--json'];
    const wrong = await system.admin(revoke, 'not this one\n');
    assert.is(JSON.parse(wrong.out).code, 'passphrase-wrong');
    await good(system.admin(revoke, `${passphrase}\n`));
    await until(
      'the device has forgotten the old key',
      () => system.admin(['audit', '--limit', '50']),
      ({ out }) => new RegExp(`policy-key-revoked .*key=${old}`).test(out),
    );

    // It reads what it holds by the new key alone.
    await system.powerOff(device);
    await system.powerOn(device);
    const again = await whenStatus(device, 'connected again', (status) => status.link?.at === 'connected');
    assert.equal([again.device?.group, again.faults], ['Office', []]);
  } catch (error) {
    throw new Error(`${error}\n--- server\n${system.log('thintrust-server')}\n--- agent\n${system.log('thintrustd')}`);
  } finally {
    await system.close();
  }
});
