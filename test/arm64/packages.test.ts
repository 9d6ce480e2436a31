/**
 * What the Debian packages for arm64 hold runs on that processor, as far as qemu-user is one: the programs say their version, the addon
 * judges all of PKITS as on this machine, a server is made. Nothing is installed and no unit started. `make deb-test-arm64`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pkitsCases, toLine } from '../fakes/pkits.ts';
import { assert, needs, test } from '../harness.ts';

needs(['dpkg-deb', 'qemu-aarch64-static', 'aarch64-linux-gnu-g++']);

const version: string = JSON.parse(readFileSync('package.json', 'utf8')).version;
const built = 'build/deb-arm64';
/** The C and C++ libraries that come with the compiler for arm64, in place of Debian's own. */
const libraries = '/usr/aarch64-linux-gnu';
const root = mkdtempSync(join(tmpdir(), 'thintrust-arm64-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

/** A program of the packages and what it prints; its first line names a Node that is not at that place here. */
function run(program: string, args: readonly string[], input = ''): string {
  const node = join(root, 'usr/lib/thintrust-node/node');
  const command = ['-L', libraries, node, join(root, 'usr/lib', program), ...args];
  const { status, stdout, stderr } = spawnSync('qemu-aarch64-static', command, { encoding: 'utf8', input });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: exit code ${status}\n${stdout}${stderr}`);
  return stdout;
}

test('the packages are for arm64, and so are their programs', () => {
  const packages = globSync(`${built}/*.deb`);
  assert.is(packages.length, 3);
  for (const path of packages) {
    assert.is(execFileSync('dpkg-deb', ['--field', path, 'Architecture'], { encoding: 'utf8' }), 'arm64\n');
    execFileSync('dpkg-deb', ['--extract', path, root]);
  }
  for (const program of ['thintrustd', 'thintrust']) assert.match(run(`thintrust/${program}`, ['--version']), version);
});

test('every path of PKITS gets the same verdict as on this machine', () => {
  const lines = pkitsCases.map((row) => `${toLine(row)}\n`).join('');
  const ours = spawnSync(process.execPath, ['dist/thintrust.cjs', 'decide', '--batch'], { input: lines });
  assert.is(run('thintrust/thintrust', ['decide', '--batch'], lines), ours.stdout.toString('utf8'));
});

test('a server is made, and its passphrase told', () => {
  const told = run('thintrust-server/thintrust-server', [
    'init',
    '--state',
    join(root, 'state'),
    '--name',
    'localhost',
  ]);
  assert.match(told, /[0-9A-Z]{5}(?:-[0-9A-Z]{5}){4}/);
});
