/**
 * The state directory on a disk that loses what was not synced (F9, F32, F37): whatever is cut, and cut again while it
 * recovers, a whole generation is in force that is the newest acknowledged or the one that was being written, counters do
 * not fall, and the keys of every kept generation are readable.
 */
import fc from 'fast-check';
import type { Counters } from '../../agent/core/durable.ts';
import type { NamedObject } from '../../agent/core/shape.ts';
import { type Disk, openDisk } from '../../agent/edge/disk.ts';
import { fault } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { type FakeDisk, fakeDisk } from '../fakes/disk.ts';
import { assert, table, test } from '../harness.ts';

const place = '/state';
const runs = 10_000;

type Action =
  | { readonly do: 'persist'; readonly changed: readonly number[]; readonly key: boolean }
  | { readonly do: 'count' }
  | { readonly do: 'key' }
  /** The process is killed; the disk goes on. */
  | { readonly do: 'restart' };
/** `cut`: the end comes after so many operations; `again`: and once more while it recovers. */
type Stage = {
  readonly action: Action;
  readonly cut: number | null;
  /** Only the process ends: nothing is lost yet, and nothing more is safe. */
  readonly kill: boolean;
  readonly again: number | null;
  readonly seed: number;
};
/** What the world was told, and what was under way. */
type World = {
  machine: FakeDisk;
  disk: Disk;
  /** Contents by generation number, written or begun. */
  readonly contents: Map<number, string>;
  readonly keys: Map<number, readonly string[]>;
  acknowledged: number;
  begun: number;
  counted: number;
  counting: number;
  /** Keys acknowledged, and the number that was acknowledged then. */
  readonly fresh: Map<string, number>;
  texts: string[];
};

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({
    do: fc.constant('persist' as const),
    changed: fc.array(fc.nat(3), { minLength: 0, maxLength: 4 }),
    key: fc.boolean(),
  }),
  fc.record({ do: fc.constantFrom('count' as const, 'key' as const, 'restart' as const) }),
);
const stage: fc.Arbitrary<Stage> = fc.record({
  action,
  cut: fc.option(fc.nat(24), { freq: 2 }),
  kill: fc.boolean(),
  again: fc.option(fc.nat(12), { freq: 2 }),
  seed: fc.integer(),
});

test(`any ${runs} histories of at most 12 actions restore (F9, F32, F37)`, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stage, { minLength: 1, maxLength: 12 }), async (stages) => {
      const world = await begin();
      for (const one of stages) await play(world, one);
      await lookAgain(world);
    }),
    { numRuns: runs },
  );
});

test('every cut of a long history, and every cut of its recovery, restores (F37)', async () => {
  const history: readonly Action[] = [
    { do: 'count' },
    { do: 'key' },
    { do: 'persist', changed: [0, 1, 2], key: true },
    { do: 'persist', changed: [0], key: true },
    { do: 'count' },
    { do: 'persist', changed: [1], key: false },
    { do: 'persist', changed: [2, 3], key: false },
    { do: 'restart' },
    { do: 'persist', changed: [], key: false },
  ];
  const whole = await begin();
  for (const one of history) await act(whole, one);
  const operations = whole.machine.operations();
  assert.ok(operations > 60, `${operations} operations`);
  for (let cut = 0; cut < operations; cut++)
    for (let again = 0; again < 6; again++) {
      const world = await begin(cut);
      const off = world.machine.cutAfter(cut);
      await Promise.race([off, actAll(world, history)]);
      await recover(world, again, cut * 100 + again);
      await lookAgain(world);
    }
});

table(
  'keys outlive what is on its way',
  [{ name: 'one unaware' }, { name: 'two unaware', unaware: 2 }],
  async (row) => {
    const unaware = 'unaware' in row ? 2 : 1;
    const world = await begin();
    await act(world, { do: 'persist', changed: [0], key: false });
    await act(world, { do: 'key' });
    const [ref] = world.fresh.keys();
    for (let count = 0; count < unaware; count++) await act(world, { do: 'persist', changed: [0], key: false });
    await world.disk.read();
    const key = await world.disk.readKey({ kind: 'file', sha256: ref ?? '' });
    assert.is(key.ok, unaware === 1);
  },
);

test('faults at any operation leave the generation before in force, and the next persist works', async () => {
  for (const errno of ['ENOSPC', 'EIO', 'EDQUOT', 'EROFS'])
    for (const times of [1, 2, 3, 4, 1000])
      for (let after = 0; after < 24; after++) {
        const what = `${errno} ${times} times after ${after}`;
        const world = await begin();
        await act(world, { do: 'persist', changed: [0, 1], key: false });
        await world.disk.read();
        world.machine.failAfter(after, errno, times);
        const result = await world.disk.persist(2, objectsOf(['a', 'b', 'c']), []);
        await world.disk.read();
        world.machine.failAfter(0, errno, 0);
        world.contents.set(2, 'a|b|c');
        const code = errno === 'ENOSPC' || errno === 'EDQUOT' ? 'disk-full' : 'disk-failed';
        if (!result.ok) {
          assert.equal(result.fault, fault(code, { errno, what: 'generation 2' }));
          if (times === 1) assert.is((await newest(world.disk)).number, 1, what);
        }
        world.acknowledged = result.ok ? 2 : 1;
        world.begun = 2;
        if (after % 2 === 0) await recover(world, null, after);
        const number = world.acknowledged + 1;
        world.contents.set(number, 'd');
        assert.ok((await world.disk.persist(number, objectsOf(['d']), [])).ok, what);
        world.acknowledged = number;
        world.begun = number;
        await recover(world, null, after);
      }
});

test('after a failed persist nothing of it is left on the disk', async () => {
  for (let after = 0; after < 10; after++) {
    const world = await begin();
    await act(world, { do: 'persist', changed: [0], key: false });
    await world.disk.read();
    world.machine.failAfter(after, 'ENOSPC');
    const result = await world.disk.persist(2, objectsOf(['x', 'y']), []);
    await world.disk.read();
    assert.not.ok(result.ok);
    assert.equal(await world.machine.files.list(`${place}/generations`), ['1.json']);
    assert.is((await world.machine.files.list(`${place}/objects`)).length, 4);
  }
});

async function begin(seed = 0): Promise<World> {
  const machine = fakeDisk();
  const disk = await openDisk(place, machine.files);
  assert.equal(await disk.read(), { generations: [], counters: null }, `seed ${seed}`);
  return {
    machine,
    disk,
    contents: new Map(),
    keys: new Map(),
    acknowledged: 0,
    begun: 0,
    counted: 0,
    counting: 0,
    fresh: new Map(),
    texts: ['0', '1', '2', '3'],
  };
}

async function actAll(world: World, actions: readonly Action[]): Promise<void> {
  for (const one of actions) await act(world, one);
}

async function play(world: World, { action: one, cut, kill, again, seed }: Stage): Promise<void> {
  if (cut === null) return act(world, one);
  const off = world.machine.cutAfter(cut);
  await Promise.race([off, act(world, one)]);
  if (!kill) return recover(world, again, seed);
  world.machine = world.machine.kill();
  world.disk = await openDisk(place, world.machine.files);
  await verify(world);
}

async function act(world: World, one: Action): Promise<void> {
  const { disk } = world;
  switch (one.do) {
    case 'persist': {
      const number = Math.max(world.acknowledged, world.begun) + 1;
      for (const index of one.changed) world.texts[index] = `${number}.${index}`;
      const safe = [...world.fresh].filter(([, written]) => number <= written + 2).map(([sha256]) => sha256);
      const keys = one.key && safe.length > 0 ? safe.slice(-1) : (world.keys.get(world.acknowledged) ?? []);
      world.contents.set(number, world.texts.join('|'));
      world.keys.set(number, keys);
      world.begun = number;
      const refs = keys.map((sha256) => ({ kind: 'file' as const, sha256 }));
      const result = await disk.persist(number, objectsOf(world.texts), refs);
      assert.ok(result.ok);
      world.acknowledged = number;
      return;
    }
    case 'count': {
      world.counting = world.counted + 1;
      const result = await disk.count(countersOf(world.counting));
      assert.ok(result.ok);
      world.counted = world.counting;
      return;
    }
    case 'key': {
      const result = await disk.writeKey(Buffer.from(`key ${world.fresh.size} of ${world.begun}`));
      assert.ok(result.ok);
      world.fresh.set(result.value.sha256, world.acknowledged);
      return;
    }
    case 'restart':
      world.disk = await openDisk(place, world.machine.files);
      await verify(world);
  }
}

async function recover(world: World, again: number | null, seed: number): Promise<void> {
  world.machine = world.machine.crash(seed);
  if (again !== null) {
    const off = world.machine.cutAfter(again);
    await Promise.race([off, openDisk(place, world.machine.files).then((disk) => disk.read())]);
    world.machine = world.machine.crash(seed + 1);
  }
  world.disk = await openDisk(place, world.machine.files);
  await verify(world);
}

/** Nothing was lost between reading and reading again: what was told once stays told. */
async function lookAgain(world: World): Promise<void> {
  const { acknowledged } = world;
  await recover(world, null, 77);
  assert.is(world.acknowledged, acknowledged);
}

async function verify(world: World): Promise<void> {
  const read = await world.disk.read();
  const [first] = read.generations;
  if (!first) assert.is(world.acknowledged, 0, 'the acknowledged generation is gone');
  else {
    assert.ok([world.acknowledged, world.begun].includes(first.number), `${first.number} is in force`);
    for (const { number, content } of read.generations) {
      assert.ok(content.ok, `generation ${number} is damaged`);
      if (content.ok)
        assert.is(content.value.map(({ bytes }) => Buffer.from(bytes)).join('|'), world.contents.get(number));
      for (const sha256 of world.keys.get(number) ?? [])
        assert.ok((await world.disk.readKey({ kind: 'file', sha256 })).ok, `a key of generation ${number} is gone`);
    }
    assert.ok(
      read.generations.length <= 3 && read.generations.length >= Math.min(3, world.contents.size === 1 ? 1 : 1),
    );
    world.acknowledged = first.number;
  }
  world.texts = (world.contents.get(world.acknowledged) ?? '0|1|2|3').split('|');
  const counted = read.counters === null ? 0 : read.counters.ok ? uptimeIn(read.counters.value) : -1;
  assert.ok(counted === world.counted || counted === world.counting, `counters fell to ${counted}`);
  world.counted = counted;
  for (const sha256 of world.fresh.keys())
    if (!(await world.disk.readKey({ kind: 'file', sha256 })).ok) world.fresh.delete(sha256);
}

async function newest(disk: Disk): Promise<{ number: number; ok: boolean }> {
  const [first] = (await disk.read()).generations;
  return { number: first?.number ?? 0, ok: first?.content.ok ?? false };
}

const objectsOf = (texts: readonly string[]): readonly NamedObject[] =>
  texts.map((text, index) => ({ name: `object.${index}`, bytes: Buffer.from(text) }));

const uptimeIn = (bytes: Uint8Array): number => JSON.parse(Buffer.from(bytes).toString('utf8')).uptimeMs;

const countersOf = (uptimeMs: number): Counters => ({
  format: 1,
  uptimeMs,
  codeCounter: null,
  tries: 0,
  lockedUntilMs: 0,
  highest: {},
  commandSeq: 0,
  eventSeq: 0,
  hardFloor: instant(0),
  softFloor: instant(0),
});
