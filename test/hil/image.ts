/**
 * The image of `make image` as the tests use it: its root file system with a shell on the second serial line laid over it,
 * blank data disks, and the state of a machine that has booted once, from which most tests start.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { truncate } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../programs.ts';
import { type Font, readFont } from './font.ts';
import { hardware } from './hardware.ts';
import { argumentsOf, bootMs, type Machine, type Order, startMachine } from './machine.ts';

export type Image = {
  readonly root: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly font: Font;
  /** Another one for other images, other devices, another shell. */
  readonly key: string;
};
type Boot = Partial<Pick<Order, 'uefi' | 'clock' | 'more'>> & {
  /** Words on the kernel's command line, as a boot entry has them. */
  readonly words?: readonly string[];
  /** As `-drive` takes them, instead of the file `data.qcow2` of the folder; null for none. */
  readonly data?: string | null;
};

/** Words of `-drive` for a data disk whose changes go to this file. */
export type DataDrive = (overlay: string) => string;

const execute = promisify(execFile);
const image = resolve(process.env['THINTRUST_IMAGE'] ?? `build/image/${hardware.name}`);
const own = resolve('build/hil');
const dataBytes = 64 * 1024 * 1024;
/** Its own tests and what it does about faults of processors prove nothing here, and cost an emulated one a tenth of the boot. */
const quicker = ['mitigations=off', 'cryptomgr.notests'];
const kernelWords = [
  ...['root=/dev/vda', 'ro', `console=${hardware.log}`, 'quiet', 'systemd.show_status=yes', 'panic=-1', ...quicker],
  ...hardware.words,
];
const shellUnit = `[Unit]
Description=Shell of the tests
DefaultDependencies=no
[Service]
ExecStartPre=/bin/stty -F /dev/${hardware.shell} -echo -onlcr 115200
ExecStart=/bin/sh
Environment=HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin PS1= PS2= SYSTEMD_COLORS=no SYSTEMD_PAGER=
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/${hardware.shell}
Restart=always
`;

/** A client of NTP that runs and reaches no server (RFC 5737). */
const noTime = `[Time]
NTP=192.0.2.1
FallbackNTP=
`;

/** Programs beyond those of other tests. */
export const hilPrograms = [hardware.program, 'qemu-img', 'debugfs', 'sfdisk'];

export const tool = async (name: string, ...args: readonly string[]): Promise<string> =>
  (await execute(findProgram(name) ?? name, [...args], { maxBuffer: 1 << 26 })).stdout;

export async function openImage(): Promise<Image> {
  const [root, kernel, initrd] = ['root.ext4', 'vmlinuz', 'initrd.img'].map((name) => join(image, name)) as [
    string,
    string,
    string,
  ];
  const hash = createHash('sha256').update(shellUnit).update(noTime);
  for (const file of [root, kernel, initrd]) hash.update(`${statSync(file).size} ${statSync(file).mtimeMs}\n`);
  hash.update(argumentsOf(orderOf({ kernel, initrd }, 'folder', {})).join(' '));
  const key = hash.digest('hex').slice(0, 16);
  const folder = join(own, 'images', key);
  const ours = join(folder, 'root.ext4');
  if (!existsSync(join(folder, 'whole'))) {
    rmSync(join(own, 'images'), { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    copyFileSync(root, ours, constants.COPYFILE_FICLONE);
    await layShell(ours, folder);
    writeFileSync(join(folder, 'whole'), '');
  }
  return { root: ours, kernel, initrd, font: await fontOf(ours, folder), key };
}

async function layShell(root: string, folder: string): Promise<void> {
  const units = '/usr/lib/systemd/system';
  const unit = join(folder, 'thintrust-hil.service');
  writeFileSync(unit, shellUnit);
  const time = join(folder, 'timesyncd.conf');
  writeFileSync(time, noTime);
  const commands = [
    `write ${unit} ${units}/thintrust-hil.service`,
    `symlink ${units}/sysinit.target.wants/thintrust-hil.service ../thintrust-hil.service`,
    `mkdir /usr/lib/systemd/timesyncd.conf.d`,
    `write ${time} /usr/lib/systemd/timesyncd.conf.d/thintrust-hil.conf`,
  ];
  for (const command of commands) await tool('debugfs', '-w', '-R', command, root);
}

/** The first font of the configuration of the screens that the image has. */
async function fontOf(root: string, folder: string): Promise<Font> {
  const names = /^THINTRUST_FONTS="?([^"\n]*)/m.exec(
    readFileSync('rootfs-overlay/usr/lib/thintrust/console.conf', 'utf8'),
  )?.[1];
  for (const name of (names ?? '').split(' ')) {
    const file = join(folder, 'font');
    rmSync(file, { force: true });
    await tool('debugfs', '-R', `dump /usr/share/consolefonts/${name}.psf.gz ${file}`, root);
    if (existsSync(file)) return readFont(readFileSync(file));
  }
  throw new Error(`the image has none of the fonts ${names}`);
}

/** A disk with one partition of the right name and nothing in it. */
export async function makeBlankData(path: string): Promise<void> {
  writeFileSync(path, '');
  await truncate(path, dataBytes);
  const done = execute(findProgram('sfdisk') ?? 'sfdisk', ['--quiet', path]);
  done.child.stdin?.end('label: gpt\nname=thintrust-data\n');
  await done;
}

/** Changes go to a new file; what is behind it stays as it is. */
export const makeOverlay = (path: string, behind: string, format: 'raw' | 'qcow2'): Promise<string> =>
  tool('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', behind, '-F', format, path);

const orderOf = (
  { kernel, initrd }: Pick<Image, 'kernel' | 'initrd'>,
  folder: string,
  { words = [], data, ...more }: Boot,
) => ({
  folder,
  kernel,
  initrd,
  commandLine: [...kernelWords, ...words].join(' '),
  disks: [
    `file=${join(folder, 'root.qcow2')},format=qcow2,cache=unsafe`,
    ...(data === null ? [] : [data ?? `file=${join(folder, 'data.qcow2')},format=qcow2`]),
  ],
  ...more,
});

/** Every request is written to a log, in the order of their ends (`crash.ts`). */
export const logged =
  (log: string): DataDrive =>
  (overlay) =>
    `driver=blklogwrites,file.driver=qcow2,file.file.driver=file,file.file.filename=${overlay},log.driver=file,log.filename=${log},log-super-update-interval=1`;
/** Reads work, writes do not. */
export const failing: DataDrive = (overlay) =>
  `driver=qcow2,file.driver=blkdebug,file.inject-error.0.event=none,file.inject-error.0.iotype=write,file.inject-error.0.errno=5,file.image.driver=file,file.image.filename=${overlay},werror=report,rerror=report`;

/** Power on. The data disk is the one in the folder; a new one where there is none. */
export async function boot(image: Image, folder: string, order: Boot = {}): Promise<Machine> {
  mkdirSync(folder, { recursive: true });
  await makeOverlay(join(folder, 'root.qcow2'), image.root, 'raw');
  const data = join(folder, 'data.qcow2');
  if (order.data === undefined && !existsSync(data)) {
    await makeBlankData(join(folder, 'blank.img'));
    await makeOverlay(data, join(folder, 'blank.img'), 'raw');
  }
  return startMachine({ ...orderOf(image, folder, order), font: image.font });
}

/** A machine that has booted with a blank data disk and shows its first screen, and whose clock is right. */
export const wake = async (image: Image, folder: string, data?: DataDrive): Promise<Machine> =>
  thaw(image, folder, await booted(image), data);

/** Where the state is from which `wake` starts: booted once for all tests. */
export async function booted(image: Image): Promise<string> {
  const state = join(own, 'states', image.key);
  if (existsSync(join(state, 'memory'))) return state;
  rmSync(join(own, 'states'), { recursive: true, force: true });
  const machine = await boot(image, state);
  try {
    await machine.see(firstScreen, bootMs);
    await freeze(machine, state, state);
  } finally {
    await machine.cut();
  }
  return state;
}

/** The machine in `folder` is off afterwards, and can be started from `state` as often as wanted. The memory comes last. */
export async function freeze(machine: Machine, folder: string, state: string): Promise<void> {
  await machine.shell('sync');
  mkdirSync(state, { recursive: true });
  await machine.freeze(join(state, 'memory.new'));
  await machine.cut();
  for (const disk of state === folder ? [] : ['root.qcow2', 'data.qcow2'])
    renameSync(join(folder, disk), join(state, disk));
  renameSync(join(state, 'memory.new'), join(state, 'memory'));
}

/** Goes on where `freeze` stopped, with disks of its own and the time of now. */
export async function thaw(image: Image, folder: string, state: string, data?: DataDrive): Promise<Machine> {
  mkdirSync(folder, { recursive: true });
  for (const disk of ['root.qcow2', 'data.qcow2']) await makeOverlay(join(folder, disk), join(state, disk), 'qcow2');
  const order = orderOf(image, folder, data === undefined ? {} : { data: data(join(folder, 'data.qcow2')) });
  const machine = await startMachine({ ...order, font: image.font, from: join(state, 'memory') });
  await machine.shell(`date -s @${Math.ceil(Date.now() / 1000)}`);
  return machine;
}

/** What a device that belongs to nobody shows. */
export const firstScreen = /Registration[\s\S]*Server address/;
