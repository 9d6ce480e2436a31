/** The state directory on a real file system: what is read back, what is damaged, what is refused (F10–F15, F25). */
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openDisk } from '../../agent/edge/disk.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { digestOf, seal } from '../../agent/edge/manifest.ts';
import type { FaultCode } from '../../protocol/fault.ts';
import { fakeDisk } from '../fakes/disk.ts';
import { assert, rejects, table, test } from '../harness.ts';
import {
  contentOf,
  counters,
  inDirectory,
  manifest,
  objectOf,
  sharedText,
  threeGenerations,
  verdicts,
} from './state-directory.ts';

test('a generation comes back as it was, and nobody else can read it', async () => {
  await inDirectory(async (at) => {
    const disk = await openDisk(at, realFiles);
    assert.equal(await disk.read(), { generations: [], counters: null });
    const key = await disk.writeKey(Buffer.from('a private key'));
    assert.ok(key.ok);
    const objects = [
      { name: 'state.json', bytes: Buffer.from('{}') },
      { name: 'empty', bytes: new Uint8Array() },
      { name: 'twin.a', bytes: Buffer.from('twin') },
      { name: 'twin.b', bytes: Buffer.from('twin') },
    ];
    assert.ok((await disk.persist(1, objects, key.ok ? [key.value] : [])).ok);
    assert.ok((await disk.count(counters(5))).ok);

    const again = await openDisk(at, realFiles);
    const read = await again.read();
    const [first] = read.generations;
    assert.is(read.generations.length, 1);
    assert.is(first?.number, 1);
    assert.ok(first?.content.ok);
    if (first?.content.ok)
      assert.equal(
        first.content.value.map(({ name, bytes }) => `${name}=${Buffer.from(bytes)}`),
        ['state.json={}', 'empty=', 'twin.a=twin', 'twin.b=twin'],
      );
    assert.ok(read.counters?.ok);
    if (read.counters?.ok) assert.equal(JSON.parse(Buffer.from(read.counters.value).toString()), counters(5));
    const back = key.ok ? await again.readKey(key.value) : key;
    assert.is(back.ok && Buffer.from(back.value).toString(), 'a private key');

    assert.is(statSync(at).mode & 0o777, 0o700);
    for (const folder of ['objects', 'keys', 'generations']) {
      assert.is(statSync(join(at, folder)).mode & 0o777, 0o700);
      for (const name of readdirSync(join(at, folder)))
        assert.is(statSync(join(at, folder, name)).mode & 0o777, 0o600, name);
    }
    assert.is(readdirSync(join(at, 'objects')).length, 3);
    assert.is(readlinkSync(join(at, 'current')), 'generations/1.json');
  });
});

test('three generations stay, with their objects and keys and no others', async () => {
  await inDirectory(async (at) => {
    const disk = await openDisk(at, realFiles);
    const keys: string[] = [];
    for (let number = 1; number <= 6; number++) {
      const key = await disk.writeKey(Buffer.from(`key ${number}`));
      assert.ok(key.ok);
      if (key.ok) keys.push(key.value.sha256);
      assert.ok((await disk.persist(number, contentOf(number), key.ok ? [key.value] : [])).ok);
    }
    const read = await disk.read();
    assert.equal(
      read.generations.map(({ number, content }) => [number, content.ok]),
      [
        [6, true],
        [5, true],
        [4, true],
      ],
    );
    assert.equal(readdirSync(join(at, 'generations')).sort(), ['4.json', '5.json', '6.json']);
    assert.is(readdirSync(join(at, 'objects')).length, 4);
    assert.equal(readdirSync(join(at, 'keys')).sort(), keys.slice(3).sort());
  });
});

test('objects that are there already are not written again', async () => {
  await inDirectory(async (at) => {
    const disk = await threeGenerations(at);
    const shared = join(at, 'objects', digestOf(sharedText));
    const { ino, mtimeMs } = statSync(shared);
    await disk.persist(4, contentOf(4), []);
    const fresh = await openDisk(at, realFiles);
    await fresh.persist(5, contentOf(5), []);
    assert.equal([statSync(shared).ino, statSync(shared).mtimeMs], [ino, mtimeMs]);
  });
});

type Damage = {
  readonly name: string;
  readonly harm: (at: string) => void;
  readonly expect: readonly (readonly [number, FaultCode | 'good'])[];
};
const newestDamaged: Damage['expect'] = [
  [3, 'generation-damaged'],
  [2, 'good'],
  [1, 'good'],
];
const allDamaged: Damage['expect'] = [3, 2, 1].map((number) => [number, 'generation-damaged'] as const);
const damages: readonly Damage[] = [
  { name: 'nothing', harm: () => {}, expect: [3, 2, 1].map((number) => [number, 'good'] as const) },
  { name: 'an object is empty (F11)', harm: (at) => truncateSync(objectOf(at, 3), 0), expect: newestDamaged },
  { name: 'an object is shorter', harm: (at) => truncateSync(objectOf(at, 3), 3), expect: newestDamaged },
  {
    name: 'an object has other bytes',
    harm: (at) => writeFileSync(objectOf(at, 3), 'policy 0f 3'),
    expect: newestDamaged,
  },
  { name: 'an object is gone', harm: (at) => unlinkSync(objectOf(at, 3)), expect: newestDamaged },
  { name: 'an object is open to others (F15)', harm: (at) => chmodSync(objectOf(at, 3), 0o644), expect: newestDamaged },
  {
    name: 'an object became a link',
    harm: (at) => {
      unlinkSync(objectOf(at, 3));
      symlinkSync(objectOf(at, 2), objectOf(at, 3));
    },
    expect: newestDamaged,
  },
  {
    name: 'a shared object is damaged',
    harm: (at) => writeFileSync(join(at, 'objects', digestOf(sharedText)), 'the sane in all'),
    expect: allDamaged,
  },
  { name: 'a manifest is empty', harm: (at) => truncateSync(manifest(at, 3), 0), expect: newestDamaged },
  { name: 'a manifest is cut short', harm: (at) => truncateSync(manifest(at, 3), 100), expect: newestDamaged },
  {
    name: 'one letter of a manifest is another',
    harm: (at) => writeFileSync(manifest(at, 3), readFileSync(manifest(at, 3), 'utf8').replace('policy', 'polizy')),
    expect: newestDamaged,
  },
  {
    name: 'a manifest stands under another number',
    harm: (at) => writeFileSync(manifest(at, 3), readFileSync(manifest(at, 2))),
    expect: newestDamaged,
  },
  { name: 'the manifest in force is gone', harm: (at) => unlinkSync(manifest(at, 3)), expect: newestDamaged },
  {
    name: 'a manifest is no manifest',
    harm: (at) => writeFileSync(manifest(at, 3), seal('{"format":1,"number":3,"objects":{},"keys":[]}')),
    expect: newestDamaged,
  },
  {
    name: 'a manifest is of a newer format (firmware rollback)',
    harm: (at) => writeFileSync(manifest(at, 3), '{"format":2,"anything":[]}'),
    expect: [
      [3, 'generation-newer'],
      [2, 'good'],
      [1, 'good'],
    ],
  },
  {
    name: 'the link is gone',
    harm: (at) => unlinkSync(join(at, 'current')),
    expect: [3, 2, 1].map((number) => [number, 'good'] as const),
  },
  {
    name: 'the link is a file',
    harm: (at) => {
      unlinkSync(join(at, 'current'));
      writeFileSync(join(at, 'current'), '3');
    },
    expect: [3, 2, 1].map((number) => [number, 'good'] as const),
  },
  {
    name: 'a generation that was never in force',
    harm: (at) => writeFileSync(manifest(at, 4), 'half'),
    expect: [3, 2, 1].map((number) => [number, 'good'] as const),
  },
];
table('what is damaged is told, and the one before is used', damages, async ({ harm, expect }) => {
  await inDirectory(async (at) => {
    await threeGenerations(at);
    harm(at);
    const disk = await openDisk(at, realFiles);
    assert.equal(await verdicts(disk), expect);
    // Reading repaired nothing and removed nothing.
    assert.equal(await verdicts(await openDisk(at, realFiles)), expect);
    const result = await disk.persist(4, contentOf(4), []);
    assert.ok(result.ok);
    assert.equal((await verdicts(disk))[0], [4, 'good']);
  });
});

test('a newer format stays, with what it mentions, while an older version goes on (B15)', async () => {
  await inDirectory(async (at) => {
    const disk = await threeGenerations(at);
    const key = await disk.writeKey(Buffer.from('key of tomorrow'));
    const mention = key.ok ? key.value.sha256 : '';
    writeFileSync(manifest(at, 3), `{"format":2,"parts":["${digestOf('policy of 3')}"],"secrets":["${mention}"]}`);
    const older = await openDisk(at, realFiles);
    await older.read();
    for (let number = 4; number <= 9; number++) assert.ok((await older.persist(number, contentOf(number), [])).ok);
    assert.equal(
      (await verdicts(older)).map(([number]) => number),
      [9, 8, 7, 3],
    );
    assert.ok(existsSync(objectOf(at, 3)));
    assert.ok(existsSync(join(at, 'keys', mention)));
    assert.not.ok(existsSync(objectOf(at, 6)));
  });
});

test('while a manifest of the last three is unreadable, no object is removed', async () => {
  await inDirectory(async (at) => {
    const disk = await threeGenerations(at);
    truncateSync(manifest(at, 3), 10);
    await disk.persist(4, contentOf(4), []);
    await disk.persist(5, contentOf(5), []);
    await disk.read();
    assert.ok(existsSync(objectOf(at, 3)));
    await disk.persist(6, contentOf(6), []);
    await disk.read();
    assert.not.ok(existsSync(objectOf(at, 3)));
  });
});

const countersDamages: readonly { name: string; harm: (path: string) => void; expect: FaultCode | null | 'good' }[] = [
  { name: 'whole', harm: () => {}, expect: 'good' },
  { name: 'missing', harm: unlinkSync, expect: null },
  { name: 'empty', harm: (path) => truncateSync(path, 0), expect: 'counters-damaged' },
  { name: 'cut short', harm: (path) => truncateSync(path, 40), expect: 'counters-damaged' },
  {
    name: 'edited',
    harm: (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"tries":0', '"tries":1')),
    expect: 'counters-damaged',
  },
  {
    name: 'a directory',
    harm: (path) => {
      unlinkSync(path);
      symlinkSync('.', path);
    },
    expect: 'counters-damaged',
  },
];
table('counters', countersDamages, async ({ harm, expect }) => {
  await inDirectory(async (at) => {
    const disk = await openDisk(at, realFiles);
    await disk.count(counters(1));
    await disk.count(counters(2));
    harm(join(at, 'counters.json'));
    const { counters: read } = await (await openDisk(at, realFiles)).read();
    assert.is(read === null ? null : read.ok ? 'good' : read.fault.code, expect);
  });
});

test('counters of a newer format are put aside before an older agent counts, and stay there', async () => {
  await inDirectory(async (at) => {
    const path = join(at, 'counters.json');
    const newer = seal(JSON.stringify({ ...counters(7), format: 2, more: 'of it' }));
    writeFileSync(path, newer);
    const disk = await openDisk(at, realFiles);
    await disk.count(counters(1));
    await (await openDisk(at, realFiles)).count(counters(2));
    assert.ok(readFileSync(join(at, 'counters.newer.json')).equals(newer));
    const { counters: read } = await disk.read();
    assert.equal(read?.ok && JSON.parse(Buffer.from(read.value).toString()), counters(2));
  });
});

test('half-made files of a cut are gone after opening', async () => {
  await inDirectory(async (at) => {
    await threeGenerations(at);
    writeFileSync(join(at, 'counters.json.new'), 'half');
    symlinkSync('generations/9.json', join(at, 'current.new'));
    await openDisk(at, realFiles);
    assert.equal(readdirSync(at).sort(), ['current', 'generations', 'keys', 'objects']);
  });
});

const keyDamages: readonly { name: string; harm: (path: string) => void }[] = [
  { name: 'missing', harm: unlinkSync },
  { name: 'empty (F10)', harm: (path) => truncateSync(path, 0) },
  { name: 'other bytes', harm: (path) => writeFileSync(path, 'another key!!') },
  { name: 'open to others (F15)', harm: (path) => chmodSync(path, 0o640) },
];
table('a key that is', keyDamages, async ({ harm }) => {
  await inDirectory(async (at) => {
    const disk = await openDisk(at, realFiles);
    const key = await disk.writeKey(Buffer.from('a private key'));
    assert.ok(key.ok);
    if (!key.ok) return;
    harm(join(at, 'keys', key.value.sha256));
    const read = await disk.readKey(key.value);
    assert.is(read.ok ? 'good' : read.fault.code, 'identity-unreadable');
  });
});

test('a key that the disk takes and gives back otherwise is no key (F10)', async () => {
  await inDirectory(async (at) => {
    const disk = await openDisk(at, {
      ...realFiles,
      open: async (path, how, mode) => {
        const file = await realFiles.open(path, how, mode);
        const isKey = path.startsWith(join(at, 'keys'));
        return isKey ? { ...file, write: (bytes) => file.write(Buffer.from(bytes).fill(0, 4)) } : file;
      },
    });
    const key = await disk.writeKey(Buffer.from('a private key'));
    assert.is(key.ok ? 'good' : key.fault.code, 'disk-failed');
  });
});

test('a generation that names a key that is not there is refused', async () => {
  await inDirectory(async (at) => {
    const disk = await threeGenerations(at);
    const result = await disk.persist(4, contentOf(4), [{ kind: 'file', sha256: digestOf('nobody') }]);
    assert.is(result.ok ? 'good' : result.fault.code, 'identity-unreadable');
    assert.equal((await verdicts(disk))[0], [3, 'good']);
  });
});

test('numbers that do not rise are a mistake of the program', async () => {
  await inDirectory(async (at) => {
    const disk = await threeGenerations(at);
    await rejects(() => disk.persist(3, contentOf(3), []), /rise/);
    await rejects(() => disk.persist(4, [...contentOf(4), ...contentOf(4)], []), /one name/);
  });
});

test('a directory that cannot be read is not an empty one (F13)', async () => {
  const machine = fakeDisk();
  const disk = await openDisk('/state', machine.files);
  await disk.persist(1, contentOf(1), []);
  const again = await openDisk('/state', machine.files);
  machine.failReads('/state/generations', 'EIO');
  assert.equal(await verdicts(again), [[0, 'disk-failed']]);
  const result = await again.persist(1, contentOf(2), []);
  assert.is(result.ok ? 'good' : result.fault.code, 'disk-failed');
});

test('an object the disk cannot read is damaged; too many open files say nothing about it', async () => {
  const machine = fakeDisk();
  const disk = await openDisk('/state', machine.files);
  await disk.persist(1, contentOf(1), []);
  machine.failReads(`/state/objects/${digestOf('policy of 1')}`, 'EIO');
  assert.equal(await verdicts(disk), [[1, 'generation-damaged']]);
  machine.failReads(`/state/objects/${digestOf('policy of 1')}`, 'EMFILE');
  assert.equal(await verdicts(disk), [[0, 'disk-failed']]);
});
