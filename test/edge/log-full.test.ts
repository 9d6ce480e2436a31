/** A real ext4 that is full, and one whose power is cut: logs give way before certificates do (F12). */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openDisk } from '../../agent/edge/disk.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { openLogs } from '../../agent/edge/logs.ts';
import { openPerform } from '../../agent/edge/perform.ts';
import { instant } from '../../protocol/time.ts';
import { localParts } from '../fakes/device.ts';
import { cutFiles, withLoopDisk } from '../fakes/loop-disk.ts';
import { assert, needs, test } from '../harness.ts';

needs(['root', 'mkfs.ext4', 'losetup', 'xfs_io']);

const mebi = 1024 * 1024;
const limits = { eventBytes: 8 * mebi, auditBytes: 8 * mebi, segmentBytes: mebi };
const orderOf = (folder: string, files = realFiles) => ({
  folder,
  files,
  version: '1',
  now: () => instant(Date.now()),
  uptimeMs: () => performance.now(),
  limits,
});
const draft = (index: number, severity: 'info' | 'warn' = 'info') => ({
  at: instant(Date.now()),
  severity,
  component: 'agent',
  text: `line ${index} ${'x'.repeat(900)}`,
  facts: {},
});

function fill(path: string): void {
  const descriptor = openSync(path, 'w');
  for (const size of [mebi, 4096, 1]) {
    const bytes = Buffer.alloc(size, 1);
    try {
      for (;;) writeSync(descriptor, bytes);
    } catch {
      // Full for pieces of this size.
    }
  }
  closeSync(descriptor);
}

test('a full disk: the store is persisted, and the oldest part of the log went', () =>
  withLoopDisk(async ({ root }) => {
    const storage = await openDisk(join(root, 'state'), realFiles);
    const logs = await openLogs(orderOf(join(root, 'state')));
    for (let index = 1; index <= 4000; index++) await logs.event.append(draft(index));
    await logs.sync();
    const bytes = new Uint8Array(200_000).fill(7);
    fill(join(root, 'filler'));
    const bare = await storage.persist(1, [{ name: 'state.json', bytes }], [], false);
    assert.is(!bare.ok && bare.fault.code, 'disk-full');
    const perform = openPerform({
      ...localParts(),
      storage,
      logs: { audited: async () => ({ ok: true, value: null }), giveWay: logs.giveWay },
    });
    const objects = [{ name: 'state.json', bytes }];
    assert.equal(await perform({ do: 'persist', number: 1, objects, keys: [], forget: false }), [
      { type: 'persisted', number: 1 },
    ]);
    assert.is((await logs.event.append(draft(4001, 'warn'))).ok, true);
    const { records } = await logs.event.page({ severity: 'info', before: null, limit: 1000 });
    assert.ok(records.some(({ component, text }) => component === 'log' && text.startsWith('records gave way count=')));
  }));

test('a power cut: what was durable is there, and the log goes on behind it', () =>
  withLoopDisk(async ({ root, cut }) => {
    const { files, release } = cutFiles(Number.MAX_SAFE_INTEGER);
    const logs = await openLogs(orderOf(root, files));
    for (let index = 1; index <= 1500; index++) await logs.event.append(draft(index));
    await logs.event.append(draft(1501, 'warn'));
    await logs.keepSent({ event: 700, audit: 0 });
    for (let index = 1502; index <= 1600; index++) await logs.event.append(draft(index));
    await release();
    cut();
    const again = await openLogs(orderOf(root));
    await again.event.append(draft(2000, 'warn'));
    const seen: string[] = [];
    for (let above = 0; ; ) {
      const { records, reached } = await again.event.read(above, 100_000);
      if (reached === above) break;
      seen.push(...records.flatMap(({ text }) => /^line ([0-9]+)/.exec(text)?.[1] ?? []));
      above = reached;
    }
    assert.equal(
      seen.slice(0, 1501),
      Array.from({ length: 1501 }, (_, index) => String(index + 1)),
    );
    assert.is(seen.at(-1), '2000');
    assert.ok(again.sent.event === 700 || again.sent.event === 0);
  }));
