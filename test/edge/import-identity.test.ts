/** Reading a file with a key in a process of its own: what it may not do, and how it ends. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { bundleProgram, copyCompanions, programs } from '../../scripts/bundler.ts';
import type { IdentityFile } from '../../server/edge/identity-file.ts';
import { childWord, importIdentity, importLimits } from '../../server/edge/import-identity.ts';
import { assert, needs, test } from '../harness.ts';

needs(['openssl']);

/** More of them: `make fuzz-import`. */
const runs = Number(process.env['THINTRUST_IMPORT_RUNS'] ?? 4);
const file = (content: Uint8Array, password = 'secret'): IdentityFile => ({ content, key: null, password });
const vector = (name: string): Buffer => readFileSync(`test/vectors/identities/${name}.p12`);
const codeOf = async (given: IdentityFile, limits = importLimits): Promise<string> => {
  const read = await importIdentity(given, limits);
  return read.ok ? '' : [read.fault.code, ...Object.values(read.fault.facts)].join(' ');
};
/** 3DES in both, as many rounds as are taken: three seconds of a processor. */
const heavy = (): Buffer => {
  const names = ['-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES', '-iter', '1000000', '-nomaciter'];
  const key = ['-in', 'test/vectors/certificates/p256.pem', '-inkey', 'test/vectors/keys/p256.pem'];
  return execFileSync('openssl', ['pkcs12', '-export', ...key, '-passout', 'pass:secret', ...names], { stdio: 'pipe' });
};

test('what the child reads comes back, and what it refuses', async () => {
  const read = await importIdentity(file(vector('java-legacy')));
  assert.equal(read.ok ? [read.value.certificates.length, read.value.legacy] : read.fault, [1, ['RC2-40', '3DES']]);
  assert.is(await codeOf(file(vector('java-legacy'), 'wrong')), 'password-wrong');
  assert.is(await codeOf(file(Buffer.alloc(1024 * 1024 + 1))), 'too-large 1048576');
});

test('a file that takes too long is given up, and so is one that takes too much memory', async () => {
  const content = heavy();
  const began = performance.now();
  assert.is(await codeOf(file(content), { ...importLimits, timeMs: 1000 }), 'import-stopped time');
  assert.ok(performance.now() - began < 3000, 'it ends when it is told to');
  assert.is(await codeOf(file(content), { ...importLimits, workSeconds: 1 }), 'import-stopped time');
  assert.is(await codeOf(file(content), { ...importLimits, memoryMb: 40 }), 'import-stopped memory');
});

test('one file at a time', async () => {
  const [first, second] = await Promise.all([codeOf(file(vector('java-ec'))), codeOf(file(vector('java-ec')))]);
  assert.equal([first, second], ['', 'busy']);
  assert.is(await codeOf(file(vector('java-ec'))), '');
});

test(`the child answers whatever it is given (${runs} runs)`, async () => {
  const genuine = vector('java-ec');
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 4096 }),
    fc.tuple(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 })).map(([place, mask]) => {
      const copy = Buffer.from(genuine);
      copy[place] = (copy[place] ?? 0) ^ mask;
      return copy;
    }),
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (content) => {
      const read = await importIdentity(file(content));
      assert.ok(read.ok || read.fault.code !== 'import-stopped', read.ok ? '' : JSON.stringify(read.fault.facts));
    }),
    { numRuns: runs, endOnFailure: true },
  );
});

test('the bundle reads files too, and what is no question ends it without a word', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-import-'));
  try {
    const program = programs.find(({ out }) => out === 'thintrust-server');
    if (!program) throw new Error('no server');
    copyCompanions(folder);
    await bundleProgram(program, folder);
    const ask = (input: string) =>
      spawnSync(
        process.execPath,
        [
          '--permission',
          '--allow-fs-read=*',
          '--allow-addons',
          '--no-warnings',
          join(folder, 'thintrust-server.cjs'),
          childWord,
        ],
        { input, encoding: 'utf8', env: {} },
      );
    const question = { content: vector('java-rsa').toString('base64'), key: null, password: 'secret' };
    const answered = ask(JSON.stringify(question));
    assert.is(answered.status, 0, answered.stderr);
    assert.is(answered.stderr, '', 'its memory is guarded, and nothing else is said');
    assert.equal(Object.keys(JSON.parse(answered.stdout)), ['key', 'publicKey', 'certificates', 'legacy']);
    const none = ask('{');
    assert.is(none.status === 0, false);
    assert.is(none.stdout, '');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
