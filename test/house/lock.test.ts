import { readFileSync } from 'node:fs';
import { assert, table, test } from '../harness.ts';

type Packages = {
  readonly [path: string]: { readonly optionalDependencies?: { readonly [name: string]: string } };
};

test('the lock file names every optional package, so that npm ci runs on every machine', () => {
  for (const folder of ['../..', '../node20']) {
    const file = new URL(`${folder}/package-lock.json`, import.meta.url);
    assert.equal(findMissing(JSON.parse(readFileSync(file, 'utf8')).packages), []);
  }
});

const rows = [
  { name: 'none', packages: { '': {} }, missing: [] },
  {
    name: 'one that is there',
    packages: { '': { optionalDependencies: { a: '1' } }, 'node_modules/a': {} },
    missing: [],
  },
  { name: 'one that is not', packages: { 'node_modules/b': { optionalDependencies: { a: '1' } } }, missing: ['b: a'] },
  {
    name: 'one beside its user',
    packages: { 'node_modules/b': { optionalDependencies: { a: '1' } }, 'node_modules/b/node_modules/a': {} },
    missing: [],
  },
];

table('findMissing', rows, ({ packages, missing }) => {
  assert.equal(findMissing(packages), missing);
});

/** npm leaves out what a registry does not offer at the time, and then refuses its own file elsewhere. */
function findMissing(packages: Packages): readonly string[] {
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`])
      .map((name) => `${path.replace(/^node_modules\//, '')}: ${name}`),
  );
}
