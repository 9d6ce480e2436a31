/** Exported trust: what consumers find, and that they find the old or the new one as a whole. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Exported } from '../../agent/core/shape.ts';
import { openExport } from '../../agent/edge/export.ts';
import { type Files, realFiles } from '../../agent/edge/files.ts';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { derChildren, readDer, writeDer } from '../../protocol/der.ts';
import { fault } from '../../protocol/fault.ts';
import { fakeDisk } from '../fakes/disk.ts';
import { issue } from '../fakes/issue.ts';
import { assert, needs, table, test } from '../harness.ts';
import { inDirectory } from './state-directory.ts';

needs(['openssl', 'rsyslogd']);

const base = Buffer.from(issue({ cn: 'base' }).der);

const purposes = ['ksc', 'rdp', 'broker', 'log'] as const;

test('all purposes exist, empty where nothing is trusted', async () => {
  await inDirectory(async (at) => {
    assert.equal(await openExport(at, realFiles)([]), { ok: true, value: null });
    for (const purpose of purposes) {
      const fragments = purpose === 'log' ? ['rsyslog.conf', 'syslog-ng.conf'] : [];
      assert.equal(readdirSync(join(at, 'trust', purpose)).sort(), ['bundle.pem', ...fragments]);
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
    assert.equal(withoutLinks(folder), names);
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
    assert.equal(withoutLinks(join(at, 'trust', 'log')).length, 4);
    assert.equal(readdirSync(join(at, 'trust', 'ksc')).length, 1);
  });
});

const count = 500;
test(`openssl rehash makes the same links, over ${count} certificates of all kinds of subjects`, async () => {
  await inDirectory(async (at) => {
    const folder = join(at, 'trust', 'rdp');
    assert.ok((await openExport(at, realFiles)(foreignSubjects.map((der) => entry('rdp', der)))).ok);
    const ours = linksIn(folder);
    assert.is(Object.keys(ours).length, count);
    const plain = join(at, 'plain');
    mkdirSync(plain);
    for (const name of withoutLinks(folder).filter((each) => each !== 'bundle.pem'))
      writeFileSync(join(plain, name), readFileSync(join(folder, name)));
    execFileSync('openssl', ['rehash', plain], { stdio: 'pipe' });
    assert.equal(ours, linksIn(plain));
  });
});

test('openssl verify finds a root by its subject, also the second of one name, and none that is not exported', async () => {
  await inDirectory(async (at) => {
    const roots = [issue({ cn: 'Root', ca: true }), issue({ cn: 'root ', ca: true }), issue({ cn: 'Other', ca: true })];
    const leaves = roots.map((by, number) => issue({ cn: `leaf ${number}`, by }));
    await openExport(at, realFiles)(roots.slice(0, 2).map(({ der }) => entry('broker', der)));
    const said = leaves.map(({ der }, number) => {
      writeFileSync(join(at, `${number}.pem`), toPem(der));
      const args = [
        'verify',
        '-no-CAfile',
        '-no-CAstore',
        '-CApath',
        join(at, 'trust', 'broker'),
        join(at, `${number}.pem`),
      ];
      return spawnSync('openssl', args, { encoding: 'utf8' }).status;
    });
    assert.equal(said, [0, 0, 2]);
  });
});

test('rsyslog takes its fragment as it is', async () => {
  await inDirectory(async (at) => {
    await openExport(at, realFiles)([entry('log', issue({ cn: 'log.test' }).der)]);
    const config = join(at, 'rsyslog.conf');
    const action =
      'action(type="omfwd" protocol="tcp" target="log.test" port="6514" StreamDriver="gtls" StreamDriverMode="1"';
    writeFileSync(
      config,
      `include(file="${join(at, 'trust', 'log', 'rsyslog.conf')}")\n${action} StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="log.test" TCP_Framing="octet-counted")\n`,
    );
    const { status, stderr } = spawnSync('rsyslogd', ['-N1', '-f', config], { encoding: 'utf8' });
    assert.is(status, 0, stderr);
    assert.not.match(stderr, /error|warning/);
    const fragment = readFileSync(join(at, 'trust', 'log', 'rsyslog.conf'), 'utf8');
    const named = /DefaultNetstreamDriverCAFile="(.*)"/.exec(fragment)?.[1] ?? '';
    assert.equal(readFileSync(named), readFileSync(join(at, 'trust', 'log', 'bundle.pem')));
    writeFileSync(config, `include(file="${join(at, 'trust', 'log', 'rsyslog.conf')}")\nglobal(nonsense="1")\n`);
    assert.is.not(spawnSync('rsyslogd', ['-N1', '-f', config]).status, 0);
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

type Lie = { readonly name: string; readonly tell: (files: Files) => Partial<Files> };
/** What a disk may do without saying so. */
const lies: readonly Lie[] = [
  { name: 'the last byte is lost', tell: (files) => writing(files, (bytes) => bytes.subarray(0, -1)) },
  {
    name: 'a bit is another',
    tell: (files) => writing(files, (bytes) => bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte))),
  },
  { name: 'nothing is written', tell: (files) => writing(files, () => new Uint8Array()) },
  { name: 'a link leads elsewhere', tell: ({ link }) => ({ link: (_, path) => link('bundle.pem', path) }) },
  {
    name: 'a link is not made',
    tell: ({ link }) => ({ link: async (to, at) => (to.startsWith('.') ? link(to, at) : undefined) }),
  },
  {
    name: 'a name of before is still there',
    tell: ({ makeDirectory, link }) => ({
      makeDirectory: async (path, mode) => {
        await makeDirectory(path, mode);
        if (path.includes('/.')) await link('bundle.pem', `${path}/00000000.0`);
      },
    }),
  },
];
table('what is read back differently is not put in place', lies, async ({ tell }) => {
  const { files } = fakeDisk();
  await files.makeDirectory('/run', 0o755);
  const [a, b] = ['a', 'b'].map((cn) => [entry('rdp', issue({ cn, ca: true }).der)]);
  const seen = async () => {
    const folder = `/run/trust/${await files.readLink('/run/trust/rdp')}`;
    return [folder, await files.read(`${folder}/bundle.pem`), ...(await files.list(folder)).toSorted()];
  };
  assert.ok((await openExport('/run', files)(a ?? [])).ok);
  const before = await seen();
  const refused = await openExport('/run', { ...files, ...tell(files) })(b ?? []);
  assert.equal(refused, { ok: false, fault: fault('disk-failed', { errno: 'EIO', what: 'export' }) });
  assert.equal(await seen(), before);
  assert.is(
    (await files.list('/run/trust')).filter((name) => name.startsWith('.rdp-')).length,
    1,
    'nothing half is left',
  );
  assert.ok((await openExport('/run', files)(b ?? [])).ok);
  assert.not.equal(await seen(), before);
});

/** Files to which something else is written than was asked for. */
const writing = (files: Files, change: (bytes: Uint8Array) => Uint8Array): Partial<Files> => ({
  open: async (...order) => {
    const file = await files.open(...order);
    return { ...file, write: (bytes) => file.write(change(bytes)) };
  },
});

function certificate(at: string, name: string): Buffer {
  const pem = join(at, `${name}.pem`);
  const arguments_ = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  execFileSync('openssl', [...arguments_, '-subj', `/CN=${name}`, '-keyout', join(at, 'key'), '-out', pem], {
    stdio: 'ignore',
  });
  return execFileSync('openssl', ['x509', '-in', pem, '-outform', 'DER']);
}

/** Subjects of every string type and shape, each several times: in another case, with other blanks. */
const foreignSubjects = Array.from({ length: count }, (_, number) => withSubject(subjectOf(number), number));

function subjectOf(number: number): Buffer {
  const word =
    ['Example', 'EXAMPLE  root', ' example\tROOT ', 'Корень Сети', 'Ünïcode', '', 'a'.repeat(300)][number % 7] ?? '';
  const latin = Buffer.from(word, 'latin1');
  const values = [
    writeDer(0x0c, Buffer.from(word, 'utf8')),
    writeDer(0x13, Buffer.from(word.replace(/[^ -~]/g, '-'), 'latin1')),
    writeDer(0x14, latin),
    writeDer(0x16, Buffer.from(word.replace(/[^ -~]/g, '-'), 'latin1')),
    writeDer(
      0x1c,
      Buffer.concat([...word].map((letter) => Buffer.of(0, 0, letter.charCodeAt(0) >> 8, letter.charCodeAt(0) & 0xff))),
    ),
    writeDer(0x1e, Buffer.from(word, 'utf16le').swap16()),
    // No text for OpenSSL's canonical form: NumericString stays as it is.
    writeDer(0x12, Buffer.from('12 34')),
  ];
  const attribute = (last: number, value: Buffer): Buffer =>
    writeDer(0x30, writeDer(0x06, Buffer.of(0x55, 0x04, last)), value);
  const value = values[number % values.length] ?? Buffer.of();
  const common = writeDer(0x31, attribute(3, value));
  const unit = writeDer(
    0x31,
    ...[attribute(11, value), attribute(10, writeDer(0x0c, Buffer.from('Zoo')))].sort(Buffer.compare),
  );
  if (number % 5 === 4) return writeDer(0x30, unit, common);
  return number % 50 === 3 ? writeDer(0x30) : writeDer(0x30, common);
}

/** A certificate with another subject and serial number; its signature no longer holds, and nobody looks at it here. */
function withSubject(subject: Buffer, number: number): Buffer {
  const [toBeSigned, ...signature] = derChildren(readDer(base)?.value ?? base);
  const [version, , algorithm, issuer, validity, , ...rest] = derChildren(toBeSigned?.value ?? base).map(
    ({ whole }) => whole,
  );
  const serial = writeDer(0x02, Buffer.of(1, number >> 8, number & 0xff));
  const parts = [version, serial, algorithm, issuer, validity, subject, ...rest].filter((part) => part !== undefined);
  return writeDer(0x30, writeDer(0x30, ...parts), ...signature.map(({ whole }) => whole));
}

const withoutLinks = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => !lstatSync(join(folder, name)).isSymbolicLink())
    .sort();
const linksIn = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => lstatSync(join(folder, name)).isSymbolicLink())
      .sort()
      .map((name) => [name, readlinkSync(join(folder, name))]),
  );

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
