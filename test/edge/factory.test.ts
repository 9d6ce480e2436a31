/** Certificates of the firmware: what is good is taken, what is wrong is told by its file. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFactory } from '../../agent/edge/factory.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { instant } from '../../protocol/time.ts';
import { assert, table } from '../harness.ts';

const built = instant(7);
const vector = (name: string): Buffer => readFileSync(`test/vectors/certificates/${name}.pem`);

const rows: readonly {
  readonly name: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly entries?: readonly string[];
  readonly faults?: readonly string[];
}[] = [
  { name: 'none at all', files: {} },
  {
    name: 'each purpose has its own',
    files: { 'rdp/root.pem': vector('authority'), 'log/a.pem': vector('p384') },
    entries: ['rdp root.pem', 'log a.pem'],
  },
  {
    name: 'several in a file, the same once',
    files: {
      'broker/all.pem': Buffer.concat([vector('authority'), vector('p384')]),
      'broker/again.pem': vector('p384'),
    },
    entries: ['broker again.pem', 'broker all.pem'],
  },
  {
    name: 'one that is wrong is left out and named, the others count',
    files: {
      'rdp/bad.pem': Buffer.from('junk'),
      'rdp/good.pem': vector('authority'),
      'rdp/weak.pem': vector('rsa1024'),
    },
    entries: ['rdp good.pem'],
    faults: ['certificate-unreadable rdp/bad.pem', 'certificate-weak-key rdp/weak.pem'],
  },
  {
    name: 'too large a file',
    files: { 'log/big.pem': Buffer.alloc(1024 * 1024 + 1, 65) },
    faults: ['too-large log/big.pem'],
  },
  {
    name: 'other files and purposes are nobody’s business',
    files: { 'rdp/README': Buffer.from('x'), 'ksc/a.pem': vector('p384') },
  },
  {
    name: 'a flood of files is bounded',
    files: Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`rdp/${index}.pem`, Buffer.from('junk')])),
    faults: Array.from({ length: 16 }, () => ''),
  },
];
table('readFactory', rows, async ({ files, entries = [], faults = [] }) => {
  const root = mkdtempSync(join(tmpdir(), 'thintrust-factory-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(root, name, '..'), { recursive: true });
      writeFileSync(join(root, name), content);
    }
    const read = await readFactory(root, realFiles, built);
    assert.equal(
      read.entries.map(({ purpose, file }) => `${purpose} ${file}`),
      entries,
    );
    assert.ok(
      read.entries.every(({ source, server, addedAt }) => source === 'factory' && !server && addedAt === built),
    );
    assert.is(read.faults.length, faults.length);
    if (faults[0] !== '')
      assert.equal(
        read.faults.map(({ code, facts }) => `${code} ${facts['file']}`),
        faults,
      );
  } finally {
    rmSync(root, { recursive: true });
  }
});
