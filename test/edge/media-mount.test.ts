/** Sticks, as far as loop devices are some: what udev starts mounts them, and their files are listed and read. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openMedia } from '../../agent/edge/media.ts';
import { assert, needs, test } from '../harness.ts';

needs(['root', 'mkfs.vfat', 'mcopy', 'mkfs.ext4', 'losetup', 'systemd-analyze']);

const overlay = fileURLToPath(new URL('../../rootfs-overlay/usr/lib/', import.meta.url));
const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8' }).trim();
/** Programs in `first` go before those of the system. */
const mountMedia = (device: string, place: string, first = '/nowhere') =>
  spawnSync(join(overlay, 'thintrust/mount-media'), [device, place], {
    encoding: 'utf8',
    env: { PATH: `${first}:${process.env['PATH']}:/usr/sbin:/sbin` },
  });
const pem = '-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n';

/** The kernel of a test machine may lack what every thin client has. */
const knowsVfat = /\tvfat$/m.test(readFileSync('/proc/filesystems', 'utf8'));

async function withDevice(
  make: readonly string[],
  fill: (image: string) => void,
  use: (device: string, runtime: string, place: string) => Promise<void>,
): Promise<void> {
  const at = mkdtempSync(join(tmpdir(), 'thintrust-stick-'));
  const image = join(at, 'image');
  const place = join(at, 'media', 'sdb1');
  mkdirSync(place, { recursive: true });
  run('truncate', '-s', '16M', image);
  const [program = '', ...args] = make;
  run(program, ...args, image);
  fill(image);
  const device = run('losetup', '--find', '--show', image);
  try {
    await use(device, at, place);
  } finally {
    spawnSync('umount', ['--lazy', place]);
    run('losetup', '--detach', device);
    rmSync(at, { recursive: true });
  }
}

test('a stick with vfat is mounted so that nothing on it is run, and its files are found by their long names', () =>
  withDevice(
    ['mkfs.vfat', '-n', 'STICK'],
    (image) => {
      const file = join(image, '..', 'file');
      writeFileSync(file, pem);
      const env = { ...process.env, LC_ALL: 'C.UTF-8' };
      execFileSync('mmd', ['-i', image, '::certs'], { env });
      execFileSync('mcopy', ['-i', image, file, '::Root of the company.crt'], { env });
      execFileSync('mcopy', ['-i', image, file, '::certs/broker'], { env });
    },
    async (device, runtime, place) => {
      const bin = join(runtime, 'bin');
      mkdirSync(bin);
      const stub = '#!/bin/sh\necho "$@" >"$0.said"\n';
      if (!knowsVfat) writeFileSync(join(bin, 'mount'), stub, { mode: 0o755 });
      const { status, stderr } = mountMedia(device, place, bin);
      assert.is(status, 0, stderr);
      if (!knowsVfat) {
        const said = readFileSync(join(bin, 'mount.said'), 'utf8');
        assert.is(said, `-t vfat -o ro,nosuid,nodev,noexec,utf8,umask=0333,dmask=0222 ${device} ${place}\n`);
        return;
      }
      const options = run('findmnt', '--noheadings', '--output', 'OPTIONS', place).split(',');
      for (const option of ['ro', 'nosuid', 'nodev', 'noexec']) assert.ok(options.includes(option), option);
      assert.equal((await openMedia(runtime).list()).files, [
        { name: 'sdb1/Root of the company.crt', bytes: pem.length },
        { name: 'sdb1/certs/broker', bytes: pem.length },
      ]);
    },
  ));

test('a mounted file system: its files are found and read, no link of it leads off, and it is not written', () =>
  withDevice(
    ['mkfs.ext4', '-q'],
    () => {},
    async (device, runtime, place) => {
      run('mount', device, place);
      mkdirSync(join(place, 'certs'));
      writeFileSync(join(place, 'certs', 'Корень.crt'), pem);
      writeFileSync(join(runtime, 'secret.pem'), pem);
      symlinkSync(join(runtime, 'secret.pem'), join(place, 'link.pem'));
      symlinkSync(runtime, join(place, 'folder'));
      run('mount', '-o', 'remount,ro,nosuid,nodev,noexec', place);
      const media = openMedia(runtime);
      assert.equal((await media.list()).files, [{ name: 'sdb1/certs/Корень.crt', bytes: pem.length }]);
      const read = await media.read('sdb1/certs/Корень.crt');
      assert.is(read.ok && Buffer.from(read.value, 'base64').toString(), pem);
      for (const name of ['sdb1/link.pem', 'sdb1/folder/secret.pem']) assert.not((await media.read(name)).ok, name);
      assert.throws(() => writeFileSync(join(place, 'x'), ''), /EROFS/);
      run('umount', place);
      assert.equal((await media.list()).files, []);
    },
  ));

test('another file system is not mounted, nor anything at a place behind a link', () =>
  withDevice(
    ['mkfs.ext4', '-q'],
    () => {},
    async (device, runtime, place) => {
      const refused = mountMedia(device, place);
      assert.is(refused.status, 1);
      assert.match(refused.stderr, /ext4 is not mounted/);
      symlinkSync(join(runtime, 'media'), join(runtime, 'linked'));
      const linked = mountMedia(device, join(runtime, 'linked', 'sdb1'));
      assert.is(linked.status, 1);
      assert.match(linked.stderr, /not where it seems/);
    },
  ));

test('systemd takes the unit, and udev starts it for sticks alone', () => {
  const unit = join(overlay, 'systemd/system/thintrust-media@.service');
  const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  assert.equal(
    stderr.split('\n').filter((line) => line.includes('thintrust') && !line.includes('is not executable')),
    [],
  );
  const rules = readFileSync(join(overlay, 'udev/rules.d/90-thintrust-media.rules'), 'utf8');
  const [rule = '', ...more] = rules.split('\n').filter((line) => line && !line.startsWith('#'));
  assert.equal(more, []);
  for (const part of [
    'ENV{ID_BUS}=="usb"',
    'ENV{ID_FS_USAGE}=="filesystem"',
    'ENV{SYSTEMD_WANTS}+="thintrust-media@%k.service"',
  ])
    assert.ok(rule.includes(part), part);
});
