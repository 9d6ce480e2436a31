/** Exports and a systemd that really runs, in a container: the path unit sees each, and the hook has a service started anew. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Exported } from '../../agent/core/shape.ts';
import { openExport } from '../../agent/edge/export.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { fingerprintOf, toBase64 } from '../../protocol/certificate.ts';
import { alive } from '../fakes/processes.ts';
import { assert, needs, test } from '../harness.ts';
import { trixie } from '../programs.ts';

needs(['root', 'systemd-nspawn', 'systemd']);

const overlay = fileURLToPath(new URL('../../rootfs-overlay', import.meta.url));
const ours = [
  'usr/lib/systemd/system/thintrust-trust.path',
  'usr/lib/systemd/system/thintrust-trust.service',
  'usr/lib/thintrust/trust-changed',
];
const oneshot = '[Service]\nType=oneshot\nRemainAfterExit=yes\n';
/** `story` is all that is started; the consumer reads its certificates at its start, as rsyslog does. */
const units = {
  'story.service': `[Unit]\nRequires=thintrust-trust.path consumer.service\nAfter=thintrust-trust.path consumer.service\n${oneshot}ExecStart=/bin/touch /run/thintrust/ready\n`,
  'consumer.service': `${oneshot}ExecStart=/bin/sh -c 'readlink /run/thintrust/trust/log >>/run/thintrust/consumed'\n`,
};

test('each export fires the path unit, and the hook of its purpose alone', async () => {
  const at = mkdtempSync(join(tmpdir(), 'thintrust-systemd-'));
  const runtime = join(at, 'run');
  const hook = join(at, 'hooks', 'log', 'reload');
  mkdirSync(join(at, 'hooks', 'log'), { recursive: true });
  mkdirSync(runtime);
  // As docs/consumers.md has it.
  writeFileSync(hook, '#!/bin/sh\nexec systemctl try-restart consumer.service\n', { mode: 0o755 });
  for (const [name, text] of Object.entries(units)) writeFileSync(join(at, name), text);
  const exportTrust = openExport(runtime, realFiles);
  const trust = (...wanted: readonly (readonly [Exported['purpose'], string])[]) =>
    exportTrust(
      wanted.map(([purpose, text]) => {
        const der = Buffer.from(text);
        return { purpose, source: 'policy', fingerprint: fingerprintOf(der), der: toBase64(der) };
      }),
    );
  const consumed = () => (existsSync(join(runtime, 'consumed')) ? lines(join(runtime, 'consumed')) : []);
  const exported = () => lines(join(runtime, 'exported'));
  const write = () => writeFileSync(join(runtime, 'exported'), `${nameOf(runtime)}\n`, { flag: 'a' });
  assert.ok((await trust()).ok);
  write();
  const container = boot(at, runtime);
  try {
    await until('the container is up', () => existsSync(join(runtime, 'ready')));
    assert.equal(consumed(), exported());
    for (const log of ['a', 'b']) {
      assert.ok((await trust(['log', log])).ok);
      write();
      await until(`the consumer has ${log}`, () => consumed().length === exported().length);
      // Another purpose, and the same again: nothing for this consumer.
      assert.ok((await trust(['log', log], ['rdp', log])).ok);
      assert.ok((await trust(['log', log], ['rdp', log])).ok);
    }
    assert.ok((await trust()).ok);
    write();
    await until('the consumer has none', () => consumed().length === exported().length);
    assert.equal(consumed(), exported());
  } finally {
    await halt(container);
    rmSync(at, { recursive: true });
  }
});

/** Nothing of it is kept, and it has no network. */
function boot(at: string, runtime: string): ChildProcess {
  const binds = [
    `--bind=${runtime}:/run/thintrust`,
    `--bind-ro=${join(at, 'hooks')}:/etc/thintrust/hooks`,
    ...ours.map((path) => `--bind-ro=${join(overlay, path)}:/${path}`),
    ...Object.keys(units).map((name) => `--bind-ro=${join(at, name)}:/etc/systemd/system/${name}`),
  ];
  const machine = `thintrust-${process.pid}`;
  const how = ['--quiet', '--volatile=overlay', '--register=no', '--keep-unit', '--private-network', '--console=pipe'];
  return spawn(
    'systemd-nspawn',
    ['-D', trixie, '-M', machine, ...how, ...binds, '--boot', '--', '--unit=story.service'],
    { env: { PATH: process.env['PATH'], SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' }, stdio: 'ignore' },
  );
}

async function halt(container: ChildProcess): Promise<void> {
  if (!alive(container)) return;
  const ended = once(container, 'exit');
  container.kill('SIGTERM');
  await Promise.race([ended, delay(10_000, null, { ref: false })]);
  if (alive(container)) container.kill('SIGKILL');
  await ended;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await delay(20)) if (holds()) return;
  throw new Error(`never: ${what}`);
}

const lines = (path: string): readonly string[] => readFileSync(path, 'utf8').split('\n').filter(Boolean);
const nameOf = (runtime: string): string => readlinkSync(join(runtime, 'trust', 'log'));
