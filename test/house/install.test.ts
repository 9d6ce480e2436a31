/** What `packaging/install.sh` lays down: whole, runnable from where it lies, and nothing of the server on a device. */
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { licencesOf } from '../../scripts/licences.ts';
import { assert, table, test } from '../harness.ts';

const version: string = JSON.parse(readFileSync('package.json', 'utf8')).version;

const parts = [
  { name: 'device', trees: ['rootfs-overlay'], program: 'usr/bin/thintrust' },
  { name: 'server', trees: ['packaging/server-overlay'], program: 'usr/lib/thintrust-server/thintrust-server' },
];

table('install.sh', parts, ({ name, trees, program }) => {
  const root = installed(name);
  try {
    const files = filesOf(root);
    for (const tree of trees)
      for (const path of filesOf(tree).filter((path) => !path.endsWith('README.md'))) {
        assert.ok(files.includes(path), `${path} is missing`);
        assert.is(modeOf(join(root, path)), modeOf(join(tree, path)) & 0o100 ? 0o755 : 0o644, path);
      }
    assert.ok(!files.some((path) => path.endsWith('README.md')));
    const bundles = filesOf(root).filter((path) => /^usr\/lib\/thintrust[^/]*\/thintrust[^.]*$/.test(path));
    for (const path of bundles)
      assert.is(readFileSync(join(root, path), 'utf8').split('\n', 1)[0], `#!${process.execPath}`, path);
    for (const path of new Set([program, ...bundles])) {
      const [said, release] = execFileSync(join(root, path), ['--version'], { encoding: 'utf8' }).trim().split(' ');
      assert.equal([said, release], [basename(path), version], path);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('no file is installed by both parts', () => {
  const roots = parts.map(({ name }) => installed(name));
  try {
    const [device, server] = roots.map(filesOf);
    assert.equal(
      device?.filter((path) => server?.includes(path)),
      [],
    );
  } finally {
    for (const root of roots) rmSync(root, { recursive: true });
  }
});

test('every package of others in a bundle is named with its licence', () => {
  const text = licencesOf([
    { program: 'a', files: ['agent/main.ts', 'node_modules/uqr/dist/index.mjs', 'build/validators.js'] },
    { program: 'b', files: ['node_modules/uqr/dist/index.mjs', 'node_modules/asn1js/build/index.es.js'] },
  ]);
  assert.match(text, /^uqr \S+ \(MIT\), in a, b\n\n.*(MIT|Copyright)/ms);
  assert.match(text, /^ajv \S+ \(MIT\), in a$/m);
  assert.match(text, /^Licences: BSD-3-Clause & MIT$/m);
});

function installed(part: string): string {
  const root = mkdtempSync(join(tmpdir(), 'thintrust-install-'));
  execFileSync('packaging/install.sh', [part, root, process.execPath]);
  return root;
}

const filesOf = (root: string): readonly string[] =>
  globSync('**', { cwd: root, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
const modeOf = (path: string): number => statSync(path).mode & 0o777;
