import { randomBytes } from 'node:crypto';
import {
  makeMasterKey,
  makePassphrase,
  open,
  openWithPassphrase,
  seal,
  sealWithPassphrase,
} from '../../server/edge/seal.ts';
import { assert, table, test } from '../harness.ts';

const secret = Buffer.from('what nobody else may read');
const codeOf = (result: { ok: true } | { ok: false; fault: { code: string } }) => (result.ok ? '' : result.fault.code);

/** The text with one bit of its base64 payload changed. */
function damaged(sealed: string): string {
  const at = sealed.length - 20;
  return sealed.slice(0, at) + (sealed[at] === 'A' ? 'B' : 'A') + sealed.slice(at + 1);
}

test('the master key opens what it sealed, and the text tells nothing', () => {
  const key = makeMasterKey();
  const sealed = seal(key, secret);
  const opened = open(key, sealed);
  assert.is(key.length, 32);
  assert.ok(opened.ok && secret.equals(opened.value));
  assert.not.match(Buffer.from(sealed.split(':')[1] ?? '', 'base64').toString('latin1'), /nobody/);
  assert.is.not(seal(key, secret), sealed);
});

const key = makeMasterKey();
const sealed = seal(key, secret);
table(
  'master key: refused',
  [
    { name: 'another key', key: makeMasterKey(), text: sealed },
    { name: 'a key too short', key: key.slice(1), text: sealed },
    { name: 'one bit changed', key, text: damaged(sealed) },
    { name: 'cut off', key, text: sealed.slice(0, 30) },
    { name: 'empty', key, text: '' },
    { name: 'another format', key, text: sealed.replace('-1:', '-2:') },
    { name: 'not base64', key, text: 'thintrust-sealed-1:%%%' },
  ],
  (row) => assert.is(codeOf(open(row.key, row.text)), 'master-key-missing'),
);

test('every bit of sealed bytes counts', () => {
  const bytes = Buffer.from(sealed.split(':')[1] ?? '', 'base64');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    assert.not(open(key, `thintrust-sealed-1:${changed.toString('base64')}`).ok, `bit ${bit}`);
  }
});

const passphrase = makePassphrase();
const kit = sealWithPassphrase(passphrase, secret);
const kitWith = async (change: Record<string, unknown>) => JSON.stringify({ ...JSON.parse(await kit), ...change });

test('a passphrase is 125 bits in five groups of five', () => {
  assert.match(passphrase, /^([0-9A-HJKMNP-TV-Z]{5}-){4}[0-9A-HJKMNP-TV-Z]{5}$/);
  assert.is(new Set(Array.from({ length: 1000 }, makePassphrase)).size, 1000);
});

table(
  'passphrase: opens',
  [
    { name: 'as it was printed', typed: passphrase },
    { name: 'in lower case', typed: passphrase.toLowerCase() },
    { name: 'without hyphens', typed: passphrase.replaceAll('-', '') },
    { name: 'with blanks around and between', typed: ` ${passphrase.replaceAll('-', ' ')}\n` },
    { name: 'O typed for zero', typed: passphrase.replaceAll('0', 'o') },
    { name: 'l typed for one', typed: passphrase.replaceAll('1', 'l') },
  ],
  async (row) => {
    const opened = await openWithPassphrase(row.typed, await kit);
    assert.ok(opened.ok && secret.equals(opened.value));
  },
);

table(
  'passphrase: refused',
  [
    { name: 'another passphrase', typed: makePassphrase(), text: kit, code: 'passphrase-wrong' },
    { name: 'empty passphrase', typed: '', text: kit, code: 'passphrase-wrong' },
    {
      name: 'salt changed',
      typed: passphrase,
      text: kitWith({ salt: randomBytes(16).toString('base64') }),
      code: 'passphrase-wrong',
    },
    { name: 'cheaper cost', typed: passphrase, text: kitWith({ n: 1024 }), code: 'passphrase-wrong' },
    { name: 'data cut off', typed: passphrase, text: kitWith({ data: 'AAAA' }), code: 'passphrase-wrong' },
    { name: 'cost beyond bounds', typed: passphrase, text: kitWith({ n: 2 ** 30 }), code: 'backup-unreadable' },
    {
      name: 'memory beyond bounds',
      typed: passphrase,
      text: kitWith({ n: 2 ** 20, r: 16 }),
      code: 'backup-unreadable',
    },
    { name: 'cost that scrypt does not know', typed: passphrase, text: kitWith({ r: 1 }), code: 'backup-unreadable' },
    { name: 'cost no power of two', typed: passphrase, text: kitWith({ n: 1000 }), code: 'backup-unreadable' },
    { name: 'cost no number', typed: passphrase, text: kitWith({ n: '131072' }), code: 'backup-unreadable' },
    { name: 'another derivation', typed: passphrase, text: kitWith({ kdf: 'none' }), code: 'backup-unreadable' },
    { name: 'another format', typed: passphrase, text: kitWith({ format: 'x' }), code: 'backup-unreadable' },
    { name: 'short salt', typed: passphrase, text: kitWith({ salt: 'AAAA' }), code: 'backup-unreadable' },
    { name: 'not JSON', typed: passphrase, text: 'hello', code: 'backup-unreadable' },
    { name: 'null', typed: passphrase, text: 'null', code: 'backup-unreadable' },
    { name: 'cut off', typed: passphrase, text: kit.then((text) => text.slice(0, 60)), code: 'backup-unreadable' },
  ],
  async (row) => assert.is(codeOf(await openWithPassphrase(row.typed, await row.text)), row.code),
);

test('a passphrase of one’s own counts in full, blanks and case too', async () => {
  const own = await sealWithPassphrase('Верная лошадь 42', secret);
  assert.ok((await openWithPassphrase('Верная лошадь 42', own)).ok);
  assert.is(codeOf(await openWithPassphrase('верная лошадь 42', own)), 'passphrase-wrong');
});
