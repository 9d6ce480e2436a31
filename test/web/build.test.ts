/** What `make build` makes of the Web Console: the same every time, small, and all from this server. */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleWeb } from '../../scripts/web-bundler.ts';
import { webEn, webRu } from '../../words/web.ts';
import { assert, test } from '../harness.ts';

const built = 'dist/web';
const maxGzipBytes = 100_000;
/** Names, not addresses: what XML calls its vocabularies. */
const vocabularies =
  /http:\/\/www\.w3\.org\/(2000\/svg|1999\/xhtml|1999\/xlink|1998\/Math\/MathML|XML\/1998\/namespace)/g;

const filesOf = (folder: string): readonly string[] => globSync('**/*.*', { cwd: folder }).sort();
const read = (folder: string, path: string): string => readFileSync(join(folder, path), 'utf8');

test('the same source gives the same bytes, and few of them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-web-'));
  try {
    const { gzipBytes } = await bundleWeb(folder);
    assert.ok(gzipBytes <= maxGzipBytes, `${gzipBytes} bytes`);
    assert.equal(filesOf(folder), filesOf(built));
    for (const path of filesOf(folder)) assert.is(read(folder, path), read(built, path), path);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a browser loads one language, which has nothing of the other', () => {
  const [en = '', ru = ''] = ['en', 'ru'].map((language) =>
    filesOf(built)
      .filter((path) => path.startsWith(`assets/words-${language}-`))
      .map((path) => read(built, path))
      .join(),
  );
  assert.ok(en.includes(webEn.devices.title) && ru.includes(webRu.devices.title));
  assert.is(ru.includes(webEn.onboarding.lead), false);
  assert.is(/[а-я]{9}/i.test(en), false);
  const [rest = ''] = filesOf(built).filter((path) => path.startsWith('assets/index-') && path.endsWith('.js'));
  assert.is(read(built, rest).includes(webEn.onboarding.lead), false);
});

test('nothing names another host', () => {
  for (const path of filesOf(built)) {
    const found = read(built, path)
      .replaceAll(vocabularies, '')
      .match(/(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}/gi);
    assert.is(found, null, path);
  }
});

test('the page has no code and no style of its own, so that it may forbid both', () => {
  const page = read(built, 'index.html');
  assert.not.match(page, /<style|\sstyle=|\son\w+=/i);
  assert.not.match(page, /<script(?![^>]*\ssrc=)/i);
  const named = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path.slice(1));
  assert.ok(named.length >= 3);
  for (const path of named) assert.ok(filesOf(built).includes(path), path);
});

test('only the page and its picture lack a hash in their names', () => {
  const plain = filesOf(built).filter((path) => !/^assets\/[\w-]+-[\w-]{8}\.(js|css)$/.test(path));
  assert.equal(plain, ['favicon.svg', 'index.html']);
});
