/** What the server leaves on a disk is its owner's alone, also below a directory and a mask that let others in. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDatabase, snapshot } from '../../server/edge/database.ts';
import { readBounded, writeDurable } from '../../server/edge/files.ts';
import { assert, test } from '../harness.ts';

test('the database and all that SQLite puts beside it', () =>
  inOpenDirectory(async (directory) => {
    const opened = await openDatabase(join(directory, 'x.sqlite'));
    assert.ok(opened.ok);
    const { close, db } = opened.value;
    await db.insertInto('settings').values({ name: 'a', value: 'b' }).execute();
    assert.ok(readdirSync(directory).includes('x.sqlite-wal'));
    assertPrivate(directory);
    snapshot(join(directory, 'x.sqlite'), join(directory, 'copy'));
    assertPrivate(directory);
    await close();
  }));

test('a file that takes the place of what a cut left open', () =>
  inOpenDirectory(async (directory) => {
    const path = join(directory, 'master.key');
    writeFileSync(`${path}.tmp`, 'half', { mode: 0o666 });
    writeDurable(path, 'whole', 0o600);
    assert.is(readFileSync(path, 'utf8'), 'whole');
    assertPrivate(directory);
  }));

test('a file that a person names is read up to its limit, and one without end is refused', () =>
  inOpenDirectory(async (directory) => {
    const path = join(directory, 'x');
    writeFileSync(path, Buffer.alloc(3_000_000, 7));
    const read = readBounded(path, 3_000_000);
    assert.ok(read.ok && read.value.equals(readFileSync(path)));
    for (const [name, code] of [
      [path, 'too-large'],
      ['/dev/zero', 'too-large'],
      [directory, 'not-found'],
      [join(directory, 'y'), 'not-found'],
    ] as const) {
      const refused = readBounded(name, 2_999_999);
      assert.is(refused.ok ? null : refused.fault.code, code);
    }
  }));

function assertPrivate(directory: string): void {
  for (const name of readdirSync(directory))
    assert.is((statSync(join(directory, name)).mode & 0o777).toString(8), '600', name);
}

async function inOpenDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'thintrust-rest-'));
  chmodSync(directory, 0o777);
  const before = process.umask(0);
  try {
    await run(directory);
  } finally {
    process.umask(before);
    rmSync(directory, { recursive: true });
  }
}
