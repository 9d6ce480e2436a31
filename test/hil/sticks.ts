/** Sticks as files: what lies on them is put there by mtools, and nothing is mounted on this computer. */
import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { generator } from '../fakes/chance.ts';
import { findProgram } from '../programs.ts';

export type Files = Readonly<Record<string, string | Buffer>>;
/** A partition of a stick: its name in the table of partitions, and what makes its content in a file of its own. */
export type Part = { readonly name: string; readonly make: (path: string) => void };

export const stickPrograms = ['mkfs.vfat', 'mkfs.ext4', 'mcopy', 'sfdisk'] as const;

const partBytes = 1024 * 1024;
const sectorBytes = 512;
/** FAT12 as mkfs.vfat makes it of 1 MiB: behind the boot sector and the reserved ones come two tables and the root folder. */
const sizeInEntry = 28;

const run = (program: string, args: readonly string[], input = ''): void =>
  void execFileSync(findProgram(program) ?? program, args, { input, stdio: ['pipe', 'ignore', 'pipe'] });

function makeBlank(path: string, bytes: number): void {
  writeFileSync(path, '');
  truncateSync(path, bytes);
}

/** Without partitions. */
export function makeVfat(path: string, files: Files): void {
  makeBlank(path, partBytes);
  run('mkfs.vfat', ['-n', 'STICK', path]);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(`${path}.content`, content);
    run('mcopy', ['-i', path, `${path}.content`, `::${name}`]);
  }
}

/** As another device's state would be, had somebody made a stick of it. */
export function makeState(path: string): void {
  makeBlank(path, partBytes);
  run('mkfs.ext4', ['-q', '-L', 'thintrust-data', path]);
}

/** Its first sector says vfat; tables, folders and all else are noise. */
export function makeNoise(path: string): void {
  makeVfat(path, {});
  const image = readFileSync(path);
  const chance = generator(3);
  for (let at = image.readUInt16LE(14) * sectorBytes; at < image.length; at++) image[at] = Math.floor(chance() * 256);
  writeFileSync(path, image);
}

/** With a file that says of itself that it is four gigabytes long. */
export function makeEndless(path: string, name: string, short: string): void {
  makeVfat(path, { [name]: 'short' });
  const image = readFileSync(path);
  image.writeUInt32LE(0xffffffff, image.indexOf(short) + sizeInEntry);
  writeFileSync(path, image);
}

/** With a table of partitions (GPT). */
export function makeStick(path: string, parts: readonly Part[]): void {
  makeBlank(path, (parts.length + 2) * partBytes);
  const table = parts.map(({ name }) => `size=1MiB, name=${name}`);
  run('sfdisk', ['--quiet', path], ['label: gpt', ...table].join('\n'));
  const stick = readFileSync(path);
  for (const [index, { make }] of parts.entries()) {
    make(`${path}.part`);
    readFileSync(`${path}.part`).copy(stick, (index + 1) * partBytes);
  }
  writeFileSync(path, stick);
}
