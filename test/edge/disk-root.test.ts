/** The state directory where only root can bring about what it must survive: full, read-only, of another owner; and the runtime directory, full. */
import { execFileSync } from 'node:child_process';
import { chownSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDisk } from '../../agent/edge/disk.ts';
import { openExport } from '../../agent/edge/export.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { seal } from '../../agent/edge/manifest.ts';
import { fingerprintOf, toBase64 } from '../../protocol/certificate.ts';
import { fault } from '../../protocol/fault.ts';
import { assert, needs, test } from '../harness.ts';
import { contentOf, counters, inDirectory, manifest, objectOf, threeGenerations, verdicts } from './state-directory.ts';

needs(['root', 'mount']);

test('an object or key of another owner is damaged (F15)', async () => {
  await inDirectory(async (at) => {
    const disk = await threeGenerations(at);
    chownSync(objectOf(at, 3), 12345, 12345);
    assert.equal(await verdicts(disk), [
      [3, 'generation-damaged'],
      [2, 'good'],
      [1, 'good'],
    ]);
    const key = await disk.writeKey(Buffer.from('a private key'));
    assert.ok(key.ok);
    if (!key.ok) return;
    chownSync(join(at, 'keys', key.value.sha256), 12345, 12345);
    const read = await disk.readKey(key.value);
    assert.equal(read.ok || read.fault.code, 'identity-unreadable');
  });
});

test('owned by another user than recorded is right when that is us: the service was given another number', async () => {
  await inDirectory(async (at) => {
    await threeGenerations(at);
    const body = JSON.parse(readFileSync(manifest(at, 3), 'utf8'));
    const { sha256: _seal, ...rest } = body;
    const objects = rest.objects.map((object: object) => ({ ...object, uid: 12345, gid: 12345 }));
    writeFileSync(manifest(at, 3), seal(JSON.stringify({ ...rest, objects })));
    assert.equal((await verdicts(await openDisk(at, realFiles)))[0], [3, 'good']);
  });
});

test('a full file system refuses, keeps the last generation, and takes the next when there is room (F12)', async () => {
  await inDirectory(async (at) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', at]);
    try {
      const disk = await threeGenerations(at);
      const big = [{ name: 'policy', bytes: Buffer.alloc(400_000, 'x') }];
      const refused = await disk.persist(4, big, []);
      assert.equal(refused.ok || refused.fault.code, 'disk-full');
      assert.equal(refused.ok || refused.fault.facts['errno'], 'ENOSPC');
      assert.equal((await verdicts(disk))[0], [3, 'good']);
      assert.is(readdirSync(join(at, 'objects')).length, 4);
      assert.ok((await disk.persist(4, contentOf(4), [])).ok);
      assert.equal((await verdicts(await openDisk(at, realFiles)))[0], [4, 'good']);
    } finally {
      execFileSync('umount', [at]);
    }
  });
});

test('an export that finds no room leaves the one before, and is made when there is room (F12)', async () => {
  await inDirectory(async (at) => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', at]);
    try {
      const exportTrust = openExport(at, realFiles);
      const trust = (count: number) =>
        Array.from({ length: count }, (_, index) => {
          const der = Buffer.alloc(1000, index);
          return { purpose: 'rdp', source: 'policy', fingerprint: fingerprintOf(der), der: toBase64(der) } as const;
        });
      assert.ok((await exportTrust(trust(2))).ok);
      const seen = () =>
        readdirSync(join(at, 'trust', 'rdp')).map((name) => readFileSync(join(at, 'trust', 'rdp', name), 'utf8'));
      const before = seen();
      const refused = await exportTrust(trust(200));
      assert.equal(refused, { ok: false, fault: fault('disk-full', { errno: 'ENOSPC', what: 'export' }) });
      assert.equal(seen(), before);
      assert.ok((await exportTrust(trust(20))).ok);
      assert.is(seen().length, 21);
    } finally {
      execFileSync('umount', [at]);
    }
  });
});

test('a read-only file system still gives what it has (F25)', async () => {
  await inDirectory(async (at) => {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', at]);
    try {
      await threeGenerations(at);
      execFileSync('mount', ['-o', 'remount,ro', at]);
      const disk = await openDisk(at, realFiles);
      assert.equal((await verdicts(disk))[0], [3, 'good']);
      const result = await disk.persist(4, contentOf(4), []);
      assert.equal(result.ok || [result.fault.code, result.fault.facts['errno']], ['disk-failed', 'EROFS']);
      const counted = await disk.count(counters(1));
      assert.equal(counted.ok || counted.fault.code, 'disk-failed');
    } finally {
      execFileSync('umount', [at]);
    }
  });
});
