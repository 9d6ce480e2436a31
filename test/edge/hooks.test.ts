/** Consumers are told of an export once, of each purpose that changed, and of what changes while they are told. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Exported } from '../../agent/core/shape.ts';
import { openExport } from '../../agent/edge/export.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { fingerprintOf, toBase64 } from '../../protocol/certificate.ts';
import { assert, needs, test } from '../harness.ts';

needs(['systemd-analyze']);

const overlay = fileURLToPath(new URL('../../rootfs-overlay/', import.meta.url));

type Device = {
  readonly exportTrust: (...wanted: readonly (readonly [Exported['purpose'], string])[]) => Promise<unknown>;
  readonly hook: (purpose: string, name: string, body: string) => void;
  /** Runs the service once; what the hooks wrote since the last time. */
  readonly tell: () => string;
  readonly at: string;
};

async function onDevice(run: (device: Device) => Promise<void>): Promise<void> {
  const at = mkdtempSync(join(tmpdir(), 'thintrust-hooks-'));
  const said = join(at, 'said');
  const env = {
    PATH: process.env['PATH'],
    THINTRUST_RUNTIME: at,
    THINTRUST_HOOKS: join(at, 'hooks'),
    THINTRUST_TOLD: join(at, 'told'),
    SAID: said,
  };
  const device: Device = {
    at,
    exportTrust: (...wanted) =>
      openExport(
        at,
        realFiles,
      )(
        wanted.map(([purpose, text]) => {
          const der = Buffer.from(text);
          return { purpose, source: 'policy', fingerprint: fingerprintOf(der), der: toBase64(der) };
        }),
      ),
    hook: (purpose, name, body) => {
      const path = join(at, 'hooks', purpose, name);
      mkdirSync(join(at, 'hooks', purpose), { recursive: true });
      writeFileSync(path, `#!/bin/sh\n${body}\n`);
      chmodSync(path, 0o755);
    },
    tell: () => {
      rmSync(said, { force: true });
      execFileSync(join(overlay, 'usr/lib/thintrust/trust-changed'), { env, stdio: 'pipe' });
      return existsSync(said) ? readFileSync(said, 'utf8') : '';
    },
  };
  await run(device).finally(() => rmSync(at, { recursive: true }));
}

test('each purpose that changed, once', () =>
  onDevice(async ({ exportTrust, hook, tell, at }) => {
    for (const purpose of ['rdp', 'log']) hook(purpose, 'reload', `echo "${purpose} $1" >>"$SAID"`);
    await exportTrust(['rdp', 'a']);
    assert.is(tell(), `rdp ${at}/trust/rdp\nlog ${at}/trust/log\n`);
    assert.is(tell(), '');
    await exportTrust(['rdp', 'a'], ['log', 'b'], ['broker', 'c']);
    assert.is(tell(), `log ${at}/trust/log\n`);
    await exportTrust(['rdp', 'a'], ['log', 'b']);
    assert.is(tell(), '');
  }));

test('a hook that fails is told, and keeps none of the others from running; one that is no program is left alone', () =>
  onDevice(async ({ exportTrust, hook, tell, at }) => {
    hook('rdp', 'a', 'exit 1');
    hook('rdp', 'b', 'echo b >>"$SAID"');
    hook('rdp', 'c', 'echo c >>"$SAID"');
    chmodSync(join(at, 'hooks', 'rdp', 'c'), 0o644);
    await exportTrust(['rdp', 'a']);
    assert.is(tell(), 'b\n');
    assert.is(tell(), '');
  }));

test('what changes while a hook runs is told in the same run', () =>
  onDevice(async ({ exportTrust, hook, tell, at }) => {
    await exportTrust(['rdp', 'a']);
    hook('rdp', 'a', `echo "$(readlink "$1")" >>"$SAID"; ln -sfn .rdp-later "${at}/trust/rdp"`);
    assert.is(tell().trim().split('\n').length, 2);
  }));

test('before the first export there is nothing to tell', () => onDevice(async ({ tell }) => assert.is(tell(), '')));

test('systemd takes the units', () => {
  const units = ['thintrust-trust.path', 'thintrust-trust.service'].map((name) =>
    join(overlay, 'usr/lib/systemd/system', name),
  );
  const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], { encoding: 'utf8' });
  const ours = stderr.split('\n').filter((line) => line.includes('thintrust') && !line.includes('is not executable'));
  assert.equal(ours, []);
});
