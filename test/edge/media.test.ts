/** Sticks of strangers: what is listed, what is read, and what leads elsewhere. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Happening } from '../../agent/core/shape.ts';
import { type Media, openMedia, repairText } from '../../agent/edge/media.ts';
import { watchSticks } from '../../agent/edge/sticks.ts';
import { maxImportCharacters, maxMediaFiles, maxRepairBytes, maxRepairFiles } from '../../protocol/limits.ts';
import { check } from '../../protocol/validate.ts';
import { assert, table, test } from '../harness.ts';

const pem = '-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n';
const der = Buffer.of(0x30, 0x82, 0x01, 0x00, 0x01);
const largest = (maxImportCharacters / 4) * 3;

async function withStick(run: (media: Media, stick: string, outside: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-media-'));
  const stick = join(folder, 'media', 'sdb1');
  mkdirSync(stick, { recursive: true });
  try {
    await run(openMedia(folder), stick, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const namesOf = async (media: Media): Promise<readonly string[]> => (await media.list()).files.map(({ name }) => name);

const kinds = [
  { name: 'PEM', file: 'a.pem', content: pem, listed: true },
  { name: 'an ending that says so', file: 'a.CER', content: 'QQ==', listed: true },
  { name: 'PEM under another ending', file: 'holiday.jpg', content: `text before\r\n${pem}`, listed: true },
  { name: 'DER under no ending', file: 'root', content: der, listed: true },
  { name: 'a name in Russian', file: 'корень сети.p7b', content: der, listed: true },
  { name: 'anything else', file: 'notes.txt', content: 'nothing here', listed: false },
  { name: 'an empty file', file: 'empty.pem', content: '', listed: false },
  { name: 'a file too large', file: 'large.pem', content: Buffer.alloc(largest + 1), listed: false },
  { name: 'the largest file', file: 'large.pem', content: Buffer.alloc(largest), listed: true },
];
table('what may hold certificates is listed', kinds, ({ file, content, listed }) =>
  withStick(async (media, stick) => {
    writeFileSync(join(stick, file), content);
    const list = await media.list();
    assert.ok(check('mediaList', list).ok);
    assert.equal(list.files, listed ? [{ name: `sdb1/${file}`, bytes: Buffer.byteLength(content) }] : []);
    const read = await media.read(`sdb1/${file}`);
    const large = Buffer.byteLength(content) > largest;
    assert.is(read.ok ? read.value : read.fault.code, large ? 'too-large' : Buffer.from(content).toString('base64'));
  }),
);

test('the root of a stick and one folder below, no deeper', () =>
  withStick(async (media, stick) => {
    mkdirSync(join(stick, 'certs', 'old'), { recursive: true });
    writeFileSync(join(stick, '..', 'beside.pem'), pem);
    for (const file of ['b.pem', 'certs/a.pem', 'certs/old/c.pem']) writeFileSync(join(stick, file), pem);
    assert.equal(await namesOf(media), ['sdb1/b.pem', 'sdb1/certs/a.pem']);
    for (const name of ['beside.pem', 'sdb1/certs/old/c.pem']) assert.not((await media.read(name)).ok, name);
  }));

test('no link leads off the stick, nor is anything but a file opened', () =>
  withStick(async (media, stick, outside) => {
    writeFileSync(join(outside, 'secret.pem'), pem);
    mkdirSync(join(outside, 'folder'));
    writeFileSync(join(outside, 'folder', 'secret.pem'), pem);
    symlinkSync(join(outside, 'secret.pem'), join(stick, 'link.pem'));
    symlinkSync(join(outside, 'folder'), join(stick, 'linked'));
    symlinkSync(outside, join(stick, '..', 'sdc1'));
    execFileSync('mkfifo', [join(stick, 'pipe.pem')]);
    mkdirSync(join(stick, 'folder.pem'));
    assert.equal(await namesOf(media), []);
    const names = ['sdb1/link.pem', 'sdb1/linked/secret.pem', 'sdc1/secret.pem', 'sdb1/pipe.pem', 'sdb1/folder.pem'];
    for (const name of names) assert.is(codeOf(await media.read(name)), 'not-found', name);
  }));

const wrong = [
  '',
  '/',
  '..',
  'sdb1',
  '../secret.pem',
  'sdb1/../../secret.pem',
  '/etc/passwd',
  'sdb1//a.pem',
  'sdb1/./a',
  'sdb1/a\0',
  `sdb1/${'a'.repeat(260)}`,
];
table(
  'no other name is opened',
  wrong.map((name) => ({ name: JSON.stringify(name).slice(0, 40), asked: name })),
  ({ asked }) =>
    withStick(async (media, stick, outside) => {
      writeFileSync(join(outside, 'secret.pem'), pem);
      writeFileSync(join(stick, 'a.pem'), pem);
      assert.is(codeOf(await media.read(asked)), 'not-found');
    }),
);

test('a stick full of files is listed up to a bound, and said to have more', () =>
  withStick(async (media, stick) => {
    for (let number = 0; number < maxMediaFiles; number++) writeFileSync(join(stick, `${number}.pem`), pem);
    assert.is((await media.list()).more, false);
    writeFileSync(join(stick, 'one-more.pem'), pem);
    const { files, more } = await media.list();
    assert.equal([files.length, more], [maxMediaFiles, true]);
  }));

test('a folder without end is not read to its end', () =>
  withStick(async (media, stick) => {
    for (let number = 0; number < 5100; number++) writeFileSync(join(stick, `${number}.txt`), '');
    const { files, more } = await media.list();
    assert.equal([files.length, more], [0, true]);
  }));

test('repair files are listed apart, by their ending and their size', () =>
  withStick(async (media, stick) => {
    for (const [name, content] of [
      ['repair.thintrust', 'a.b.c'],
      ['РЕМОНТ.ThinTrust', 'a.b.c\r\n'],
      ['certificate.thintrust', pem],
      ['empty.thintrust', ''],
      ['thintrust', 'a.b.c'],
      ['largest.thintrust', Buffer.alloc(maxRepairBytes)],
      ['larger.thintrust', Buffer.alloc(maxRepairBytes + 1)],
    ] as const)
      writeFileSync(join(stick, name), content);
    const { files, repairs, more } = await media.list();
    assert.equal(
      repairs.map(({ name }) => name),
      ['certificate.thintrust', 'largest.thintrust', 'repair.thintrust', 'РЕМОНТ.ThinTrust'].map((at) => `sdb1/${at}`),
    );
    assert.equal([files, more], [[], false]);
    assert.ok(check('mediaList', { files, repairs, more }).ok);
    const read = await media.read('sdb1/РЕМОНТ.ThinTrust');
    assert.is(read.ok && repairText(read.value), 'a.b.c');
  }));

test('a hostile stick: a folder, a link, a pipe and a thing without end by that name, and a few of very many', () =>
  withStick(async (media, stick, outside) => {
    writeFileSync(join(outside, 'other.thintrust'), 'a.b.c');
    mkdirSync(join(stick, 'folder.thintrust'));
    symlinkSync(join(outside, 'other.thintrust'), join(stick, 'link.thintrust'));
    symlinkSync('/dev/zero', join(stick, 'zero.thintrust'));
    execFileSync('mkfifo', [join(stick, 'pipe.thintrust')]);
    assert.equal((await media.list()).repairs, []);
    for (let number = 0; number < 20; number++) writeFileSync(join(stick, `${number}.thintrust`), 'a.b.c');
    const list = await media.list();
    assert.is(list.repairs.length, maxRepairFiles);
    assert.ok(check('mediaList', list).ok);
  }));

test('a stick full of certificates does not hide the file that repairs', () =>
  withStick(async (media, stick) => {
    for (let number = 0; number < 3 * maxMediaFiles; number++) writeFileSync(join(stick, `${number}.pem`), pem);
    writeFileSync(join(stick, 'z.thintrust'), 'a.b.c');
    const { files, repairs, more } = await media.list();
    assert.equal([files.length, repairs.length, more], [maxMediaFiles, 1, true]);
  }));

test('sticks that come and go are told of, with the repair files on them, and nothing while nothing changes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-sticks-'));
  const told: (readonly string[])[] = [];
  const tell = (happening: Happening): void => {
    if (happening.type === 'media-seen') told.push(happening.repairs.map(({ name, jws }) => `${name} ${jws}`));
  };
  const sticks = watchSticks(folder, openMedia(folder), tell, 5);
  const until = async (count: number): Promise<void> => {
    const end = Date.now() + 10_000;
    while (told.length < count && Date.now() < end) await setTimeout(5);
  };
  try {
    const stick = join(folder, 'media', 'sdb1');
    mkdirSync(join(folder, 'made'));
    writeFileSync(join(folder, 'made', 'repair.thintrust'), 'a.b.c\n');
    mkdirSync(join(folder, 'media'));
    renameSync(join(folder, 'made'), stick);
    await until(1);
    await setTimeout(100);
    renameSync(stick, join(folder, 'gone'));
    await until(2);
    assert.equal(told, [['sdb1/repair.thintrust a.b.c'], []]);
  } finally {
    sticks.close();
    rmSync(folder, { recursive: true });
  }
});

test('no stick, no files', async () => {
  const media = openMedia(join(tmpdir(), 'thintrust-nowhere'));
  assert.equal(await media.list(), { files: [], repairs: [], more: false });
  assert.is(codeOf(await media.read('sdb1/a.pem')), 'not-found');
});

const codeOf = (result: Awaited<ReturnType<Media['read']>>): string => (result.ok ? 'read' : result.fault.code);
