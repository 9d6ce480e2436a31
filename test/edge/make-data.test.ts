/** The file system of the data partition (`make-data`), on a file in place of a partition: made where nothing is, and nowhere else. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, needs, table, test } from '../harness.ts';
import { findProgram } from '../programs.ts';

needs(['mkfs.ext4', 'e2fsck', 'debugfs', 'blkid', 'dd']);

const script = fileURLToPath(new URL('../../rootfs-overlay/usr/lib/thintrust/make-data', import.meta.url));
const megabyte = 1024 * 1024;
const size = 40 * megabyte;

type Partition = {
  readonly path: string;
  readonly put: (bytes: Buffer, at: number) => void;
  readonly bytes: () => Buffer;
  /** A start with these words on the command line; the exit code, null where it was killed. */
  readonly boot: (words?: string) => number | null;
  /** The next start loses its power while the file system is being made. */
  readonly cutInMaking: (cut: boolean) => void;
  /** Content of a file in it, or null. */
  readonly file: (name: string) => string | null;
};

async function withPartition(fill: number, run: (partition: Partition) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-data-'));
  const [path, programs, commandLine] = ['partition', 'bin', 'cmdline'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const tool = (name: string): string => findProgram(name) ?? name;
  const program = (name: string, text: string): void => {
    writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(programs, name), 0o755);
  };
  const debug = (...args: string[]) => spawnSync(tool('debugfs'), [...args, path], { encoding: 'utf8' }).stdout;
  try {
    mkdirSync(programs);
    // A file has no partition table and no udev.
    program('blockdev', 'stat -c %s "$2"');
    program('udevadm', ':');
    writeFileSync(path, Buffer.alloc(size, fill));
    const partition: Partition = {
      path,
      put: (bytes, at) => {
        const file = openSync(path, 'r+');
        writeSync(file, bytes, 0, bytes.length, at);
        closeSync(file);
      },
      bytes: () => readFileSync(path),
      boot: (words = '') => {
        writeFileSync(commandLine, `root=/dev/sda1 ro ${words}\n`);
        const env = { ...process.env, PATH: `${programs}:/usr/sbin:/sbin:${process.env['PATH']}` };
        return spawnSync('sh', [script, path, commandLine], { encoding: 'utf8', env }).status;
      },
      cutInMaking: (cut) =>
        program(
          'mkfs.ext4',
          cut
            ? `dd if=/dev/urandom of=${path} bs=1M count=2 conv=notrunc status=none; kill -9 $PPID`
            : `exec ${tool('mkfs.ext4')} "$@"`,
        ),
      file: (name) => {
        const said = debug('-R', `cat /${name}`);
        return said === '' ? null : said;
      },
    };
    partition.cutInMaking(false);
    run(partition);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const isMade = ({ path }: Partition): boolean =>
  spawnSync(findProgram('blkid') ?? 'blkid', ['-p', '-o', 'value', '-s', 'LABEL', path], { encoding: 'utf8' })
    .stdout === 'thintrust-data\n' && spawnSync(findProgram('e2fsck') ?? 'e2fsck', ['-fn', path]).status === 0;

function write({ path }: Partition, name: string, text: string): void {
  const source = `${path}.source`;
  writeFileSync(source, text);
  spawnSync(findProgram('debugfs') ?? 'debugfs', ['-w', '-R', `write ${source} /${name}`, path]);
}

type Row = { readonly name: string; readonly fill: number; readonly at: number | null; readonly made: boolean };
const rows: readonly Row[] = [
  { name: 'zeros', fill: 0, at: null, made: true },
  { name: 'ones, as erased flash has them', fill: 0xff, at: null, made: true },
  { name: 'something else all over', fill: 0x55, at: null, made: false },
  { name: 'a byte at its beginning', fill: 0, at: 0, made: false },
  { name: 'a byte in its fourth megabyte', fill: 0, at: 4 * megabyte - 1, made: false },
  { name: 'a byte 32 megabytes in', fill: 0xff, at: 32 * megabyte, made: false },
  { name: 'a byte at its end', fill: 0, at: size - 1, made: false },
];

table('what is blank', rows, ({ fill, at, made }) =>
  withPartition(fill, (partition) => {
    if (at !== null) partition.put(Buffer.from('x'), at);
    const before = partition.bytes();
    assert.is(partition.boot(), made ? 0 : 1);
    assert.is(isMade(partition), made);
    if (!made) assert.ok(partition.bytes().equals(before), 'nothing was written');
    // Whoever stands at the boot menu may have it made over what is there.
    if (!made) assert.is(partition.boot('thintrust.reset=0'), 1);
    if (!made) assert.is(partition.boot('thintrust.reset'), 0);
    assert.ok(isMade(partition));
  }),
);

test('what is there stays, whatever the entry', () =>
  withPartition(0, (partition) => {
    assert.is(partition.boot(), 0);
    write(partition, 'kept', 'the state of a device');
    assert.is(partition.boot(), 0);
    assert.is(partition.boot('thintrust.reset'), 0);
    assert.is(partition.file('kept'), 'the state of a device');
  }));

test('the power goes while it is being made: the next start makes it again, though it is not blank any more', () =>
  withPartition(0, (partition) => {
    partition.cutInMaking(true);
    assert.is(partition.boot(), null);
    assert.is(partition.boot(), null);
    partition.cutInMaking(false);
    assert.is(partition.boot(), 0);
    assert.ok(isMade(partition));
    write(partition, 'kept', 'the state of a device');
    assert.is(partition.boot(), 0);
    assert.is(partition.file('kept'), 'the state of a device');
  }));

test('one that is damaged is repaired by the reset, and made anew where that fails', () =>
  withPartition(0, (partition) => {
    assert.is(partition.boot(), 0);
    // The table of inodes: beyond what a repair without questions does.
    partition.put(Buffer.alloc(megabyte, 0x5a), 8192);
    assert.not(isMade(partition));
    assert.is(partition.boot('thintrust.reset'), 0);
    assert.ok(isMade(partition));
  }));
