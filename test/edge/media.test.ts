/** Sticks of strangers: what is listed, what is read, and what leads elsewhere. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Media, openMedia } from '../../agent/edge/media.ts';
import { maxImportCharacters, maxMediaFiles } from '../../protocol/limits.ts';
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

test('no stick, no files', async () => {
  const media = openMedia(join(tmpdir(), 'thintrust-nowhere'));
  assert.equal(await media.list(), { files: [], more: false });
  assert.is(codeOf(await media.read('sdb1/a.pem')), 'not-found');
});

const codeOf = (result: Awaited<ReturnType<Media['read']>>): string => (result.ok ? 'read' : result.fault.code);
