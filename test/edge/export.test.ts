/** Exported trust: what consumers find, and that they find the old or the new one as a whole. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Exported } from '../../agent/core/shape.ts';
import { openExport } from '../../agent/edge/export.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { fingerprintOf } from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { fault } from '../../protocol/fault.ts';
import { fakeDisk } from '../fakes/disk.ts';
import { assert, needs, table, test } from '../harness.ts';
import { inDirectory } from './state-directory.ts';

needs(['openssl']);

const purposes = ['ksc', 'rdp', 'broker', 'log'] as const;

test('all purposes exist, empty where nothing is trusted', async () => {
  await inDirectory(async (at) => {
    assert.equal(await openExport(at, realFiles)([]), { ok: true, value: null });
    for (const purpose of purposes) {
      assert.equal(readdirSync(join(at, 'trust', purpose)), ['bundle.pem']);
      assert.is(statSync(join(at, 'trust', purpose, 'bundle.pem')).size, 0);
    }
  });
});

test('openssl reads every certificate and the bundle', async () => {
  await inDirectory(async (at) => {
    const made = [certificate(at, 'one'), certificate(at, 'two')];
    const exported = made.map((der) => entry('rdp', der));
    assert.ok((await openExport(at, realFiles)([...exported, entry('log', made[0])])).ok);
    const folder = join(at, 'trust', 'rdp');
    const names = [...exported.map(({ fingerprint }) => `${fingerprint}.pem`), 'bundle.pem'].sort();
    assert.equal(readdirSync(folder).sort(), names);
    for (const { fingerprint } of exported) {
      const said = openssl('x509', '-in', join(folder, `${fingerprint}.pem`), '-noout', '-fingerprint', '-sha256');
      assert.is(said.trim().split('=')[1]?.replaceAll(':', '').toLowerCase(), fingerprint);
    }
    const all = openssl('crl2pkcs7', '-nocrl', '-certfile', join(folder, 'bundle.pem'));
    assert.ok(all.includes('BEGIN PKCS7'));
    const listed = execFileSync('openssl', ['pkcs7', '-print_certs', '-noout'], { input: all, encoding: 'utf8' });
    assert.is(listed.match(/subject=/g)?.length, 2);
    const read = readCertificateFile(readFileSync(join(folder, 'bundle.pem')));
    assert.is(read.ok && read.value.length, 2);
    assert.equal(readdirSync(join(at, 'trust', 'log')).length, 2);
    assert.equal(readdirSync(join(at, 'trust', 'ksc')).length, 1);
  });
});

test('everybody may read, whatever the umask', async () => {
  await inDirectory(async (at) => {
    const before = process.umask(0o077);
    try {
      await openExport(at, realFiles)([entry('rdp', Buffer.from('a'))]);
    } finally {
      process.umask(before);
    }
    assert.is(statSync(join(at, 'trust')).mode & 0o777, 0o755);
    assert.is(statSync(join(at, 'trust', 'rdp')).mode & 0o777, 0o755);
    assert.is(statSync(join(at, 'trust', 'rdp', 'bundle.pem')).mode & 0o777, 0o644);
  });
});

test('a swap is whole: a reader of the old directory goes on, the next sees the new one', async () => {
  await inDirectory(async (at) => {
    const exportTrust = openExport(at, realFiles);
    const [a, b] = [Buffer.from('a'), Buffer.from('b')];
    await exportTrust([entry('rdp', a)]);
    const reader = opendirSync(join(at, 'trust', 'rdp'));
    const inside = join(at, 'trust', `.${readlinkName(at)}`);
    await exportTrust([entry('rdp', b)]);
    assert.ok(existsSync(join(inside, `${fingerprintOf(a)}.pem`)));
    reader.closeSync();
    assert.equal(readdirSync(join(at, 'trust', 'rdp')).sort(), [`${fingerprintOf(b)}.pem`, 'bundle.pem'].sort());
    assert.ok(lstatSync(join(at, 'trust', 'rdp')).isSymbolicLink());
    await exportTrust([]);
    assert.not.ok(existsSync(inside));
  });
});

test('an export that changes nothing touches nothing', async () => {
  await inDirectory(async (at) => {
    const exportTrust = openExport(at, realFiles);
    await exportTrust([entry('rdp', Buffer.from('a'))]);
    const bundle = join(at, 'trust', 'rdp', 'bundle.pem');
    const before = statSync(bundle).ino;
    await exportTrust([entry('rdp', Buffer.from('a')), entry('log', Buffer.from('b'))]);
    assert.is(statSync(bundle).ino, before);
  });
});

type Leftover = { readonly name: string; readonly harm: (trust: string) => void };
const leftovers: readonly Leftover[] = [
  { name: 'nothing', harm: () => {} },
  { name: 'the bundle was changed', harm: (trust) => writeFileSync(join(trust, 'rdp', 'bundle.pem'), 'foreign') },
  { name: 'a file was added', harm: (trust) => writeFileSync(join(trust, 'rdp', 'foreign.pem'), 'foreign') },
  { name: 'half a link', harm: (trust) => writeFileSync(join(trust, 'rdp.new'), '') },
  { name: 'a directory of an unfinished export', harm: (trust) => mkdirSync(join(trust, '.rdp-0123')) },
];
table('rebuilt at start over', leftovers, async ({ harm }) => {
  await inDirectory(async (at) => {
    const wanted = [entry('rdp', Buffer.from('a'))];
    await openExport(at, realFiles)(wanted);
    const before = snapshot(join(at, 'trust'));
    harm(join(at, 'trust'));
    assert.ok((await openExport(at, realFiles)(wanted)).ok);
    assert.equal(snapshot(join(at, 'trust')), before);
  });
});

test('a directory where the link should be is replaced', async () => {
  await inDirectory(async (at) => {
    mkdirSync(join(at, 'trust', 'rdp'), { recursive: true });
    writeFileSync(join(at, 'trust', 'rdp', 'old.pem'), 'old');
    assert.ok((await openExport(at, realFiles)([])).ok);
    assert.equal(readdirSync(join(at, 'trust', 'rdp')), ['bundle.pem']);
  });
});

test('a failing disk leaves the export before, and says so', async () => {
  for (const [errno, code] of [['ENOSPC', 'disk-full'] as const, ['EIO', 'disk-failed'] as const])
    for (let after = 1; after < 12; after++) {
      const machine = fakeDisk();
      await machine.files.makeDirectory('/run', 0o755);
      const exportTrust = openExport('/run', machine.files);
      await exportTrust([entry('rdp', Buffer.from('a'))]);
      machine.failAfter(after, errno);
      const result = await exportTrust([entry('rdp', Buffer.from('b'))]);
      const target = await machine.files.readLink('/run/trust/rdp');
      const names = [...(await machine.files.list(`/run/trust/${target}`))].sort();
      assert.ok(
        [Buffer.from('a'), Buffer.from('b')].some(
          (der) => names.join() === [`${fingerprintOf(der)}.pem`, 'bundle.pem'].sort().join(),
        ),
      );
      if (!result.ok) assert.equal(result.fault, fault(code, { errno, what: 'export' }));
      machine.failAfter(0, errno, 0);
      assert.ok((await exportTrust([entry('rdp', Buffer.from('b'))])).ok, `${errno} ${after}`);
    }
});

function certificate(at: string, name: string): Buffer {
  const pem = join(at, `${name}.pem`);
  const arguments_ = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  execFileSync('openssl', [...arguments_, '-subj', `/CN=${name}`, '-keyout', join(at, 'key'), '-out', pem], {
    stdio: 'ignore',
  });
  return execFileSync('openssl', ['x509', '-in', pem, '-outform', 'DER']);
}

const openssl = (...arguments_: readonly string[]): string => execFileSync('openssl', arguments_, { encoding: 'utf8' });

const entry = (purpose: Exported['purpose'], der: Uint8Array = new Uint8Array()): Exported => ({
  purpose,
  source: 'policy',
  fingerprint: fingerprintOf(der),
  der: Buffer.from(der).toString('base64'),
});

const readlinkName = (at: string): string =>
  readdirSync(join(at, 'trust'))
    .find((name) => name.startsWith('.rdp-'))
    ?.slice(1) ?? '';

/** Everything below, as text. */
const snapshot = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((one) => `${one.parentPath}/${one.name} ${one.isFile() ? readFileSync(join(one.parentPath, one.name)) : ''}`)
    .sort();
