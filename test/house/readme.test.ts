/** What README and ARCHITECTURE promise: the pictures are those of the screens, and the commands exist. */
import { readFileSync } from 'node:fs';
import { assert, table, test } from '../harness.ts';

const readme = readFileSync('README.md', 'utf8');
const screens = readFileSync('docs/screens.md', 'utf8');
const frames = [...screens.matchAll(/```text\n([\s\S]*?)\n```/g)].map((match) => match[1] ?? '');

test('the picture of the first replacement window is the screen of today', () => {
  assert.ok(frames[0]?.includes('Certificate replacement required'));
  assert.ok(readme.includes(frames[0] ?? '?'));
});

test('the picture of the second replacement window is the beginning of the screen of today', () => {
  const beginning = frames[1]?.split('\n').slice(0, 16).join('\n') ?? '';
  assert.ok(beginning.includes('Certificate replacement code'));
  assert.ok(readme.includes(beginning));
});

const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map((match) => ({ name: match[1] ?? '' }));
table('links of the README lead somewhere', links, ({ name }) => {
  assert.ok(existsHere(name), `${name} is missing`);
});

test('ARCHITECTURE.md is at most two pages', () => {
  assert.ok(readFileSync('ARCHITECTURE.md', 'utf8').split('\n').length <= 110);
});

function existsHere(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EISDIR';
  }
}
