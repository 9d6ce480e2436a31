/** A reset on a disk that loses what was not synced: the old state whole, or the new one and nothing else, whatever is cut. */

import type { KeyRef } from '../../agent/core/durable.ts';
import { openDisk } from '../../agent/edge/disk.ts';
import { digestOf } from '../../agent/edge/manifest.ts';
import { type FakeDisk, fakeDisk } from '../fakes/disk.ts';
import { assert, test } from '../harness.ts';
import { contentOf } from './state-directory.ts';

const place = '/state';
const after = [{ name: 'state.json', bytes: Buffer.from('a device that is new') }];
const seeds = [1, 2, 3, 4, 5];

/** Three generations and a key, durable. */
async function before(): Promise<{ machine: FakeDisk; key: KeyRef }> {
  const machine = fakeDisk();
  const disk = await openDisk(place, machine.files);
  const key = await disk.writeKey(Buffer.from('the key of the old life'));
  if (!key.ok) throw new Error('no key');
  for (let number = 1; number <= 3; number++) await disk.persist(number, contentOf(number), [key.value]);
  await disk.read();
  return { machine, key: key.value };
}

const reset = async (machine: FakeDisk): Promise<boolean> => {
  const disk = await openDisk(place, machine.files);
  await disk.read();
  return (await disk.persist(4, after, [], true)).ok;
};

/** Opens the directory as a start does; true when it is reset. Anything between fails. */
async function look(machine: FakeDisk, key: KeyRef, what: string): Promise<boolean> {
  const disk = await openDisk(place, machine.files);
  const { generations } = await disk.read();
  const contents = generations.map(({ content }) => (content.ok ? content.value.map(({ bytes }) => `${bytes}`) : '-'));
  const held = await disk.readKey(key);
  if (generations[0]?.number === 4) {
    assert.equal(contents, [['a device that is new']], what);
    const { files } = machine;
    assert.equal(await files.list(`${place}/objects`), [digestOf('a device that is new')], what);
    assert.equal(await files.list(`${place}/keys`), [], what);
    assert.equal(await files.list(`${place}/generations`), ['4.json'], what);
    assert.is(held.ok, false, what);
    return true;
  }
  assert.is(generations[0]?.number, 3, what);
  assert.equal(
    contents[0],
    contentOf(3).map(({ bytes }) => `${bytes}`),
    what,
  );
  assert.ok(held.ok, what);
  return false;
}

test('undisturbed: one generation is left, and nothing of the life before', async () => {
  const { machine, key } = await before();
  assert.ok(await reset(machine));
  assert.ok(await look(machine, key, 'undisturbed'));
  assert.ok(await look(machine.crash(7), key, 'after a cut as soon as it was durable'));
});

test('every cut, and every cut of the start after it, leaves the old state whole or the reset one', async () => {
  const whole = await before();
  const from = whole.machine.operations();
  await reset(whole.machine);
  const operations = whole.machine.operations() - from;
  assert.ok(operations > 20, `${operations} operations`);
  let [old, fresh] = [0, 0];
  for (let cut = 0; cut < operations; cut++)
    for (const seed of seeds)
      for (let again = 0; again < 14; again += 2) {
        const { machine, key } = await before();
        const off = machine.cutAfter(cut);
        await Promise.race([off, reset(machine)]);
        const once = machine.crash(seed * 1000 + cut);
        const offAgain = once.cutAfter(again);
        await Promise.race([offAgain, openDisk(place, once.files)]);
        const isReset = await look(once.crash(seed), key, `cut ${cut}, again ${again}, seed ${seed}`);
        if (isReset) fresh += 1;
        else old += 1;
      }
  assert.ok(old > 100 && fresh > 100, `${old} old, ${fresh} reset`);
});

test('a generation after the reset does not bring back what a deletion left behind', async () => {
  const { machine } = await before();
  assert.ok(await reset(machine));
  const disk = await openDisk(place, machine.files);
  await disk.read();
  for (let number = 5; number <= 7; number++) assert.ok((await disk.persist(number, contentOf(number), [])).ok);
  const { generations } = await disk.read();
  assert.equal(
    generations.map(({ number }) => number),
    [7, 6, 5],
  );
});

test('where old generations cannot be removed they count for nothing, and go later', async () => {
  const { machine, key } = await before();
  const { unlink } = machine.files;
  const stuck = { ...machine.files, unlink: (path: string) => (path.endsWith('.new') ? unlink(path) : refuse()) };
  const held = await openDisk(place, stuck);
  await held.read();
  assert.ok((await held.persist(4, after, [], true)).ok);
  const { generations } = await held.read();
  assert.equal(
    generations.map(({ number }) => number),
    [4],
  );
  assert.ok(await look(machine, key, 'the next start removes them'));
});

const refuse = (): Promise<never> => Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));
