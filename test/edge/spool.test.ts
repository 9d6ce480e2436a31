/** The spool of audit events: kept in order, bounded, and whole after a cut. */
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { realFiles } from '../../agent/edge/files.ts';
import { maxRead, openSpool, type Spool } from '../../agent/edge/spool.ts';
import { fault } from '../../protocol/fault.ts';
import type { AuditEvent } from '../../protocol/schema.ts';
import { fakeDisk } from '../fakes/disk.ts';
import { assert, table, test } from '../harness.ts';
import { inDirectory } from './state-directory.ts';

const runs = 10_000;

test('events come back in order, above a number, at most 256 at a time', async () => {
  await inDirectory(async (at) => {
    const spool = await openSpool(at, realFiles);
    assert.equal(await spool.read(0), []);
    await fill(spool, 1, 300);
    assert.equal(await spool.read(298), [event(299), event(300)]);
    assert.equal(seqs(await spool.read(0)), range(1, maxRead));
    const again = await openSpool(at, realFiles);
    assert.equal(seqs(await again.read(256)), range(257, 300));
    assert.is(statSync(join(at, 'events.log')).mode & 0o777, 0o600);
  });
});

test('what is dropped does not come back, and the file shrinks', async () => {
  await inDirectory(async (at) => {
    const spool = await openSpool(at, realFiles);
    await fill(spool, 1, 10);
    await spool.drop(3);
    assert.equal(seqs(await spool.read(0)), range(4, 10));
    await spool.drop(9);
    assert.equal(seqs(await (await openSpool(at, realFiles)).read(0)), [10]);
    await spool.drop(10);
    assert.is(statSync(join(at, 'events.log')).size, 0);
    await fill(spool, 11, 12);
    assert.equal(seqs(await (await openSpool(at, realFiles)).read(0)), [11, 12]);
  });
});

test('an event that is there already is not appended again', async () => {
  await inDirectory(async (at) => {
    const spool = await openSpool(at, realFiles);
    await fill(spool, 1, 3);
    const { size } = statSync(join(at, 'events.log'));
    await fill(spool, 2, 3);
    assert.is(statSync(join(at, 'events.log')).size, size);
  });
});

test('the oldest give way, and how many is said', async () => {
  await inDirectory(async (at) => {
    const limit = 4000;
    const spool = await openSpool(at, realFiles, limit);
    let dropped = 0;
    for (let seq = 1; seq <= 100; seq++) {
      const result = await spool.append(event(seq));
      if (!result.ok) {
        assert.is(result.fault.code, 'events-dropped');
        dropped += Number(result.fault.facts['count']);
      }
      assert.ok(statSync(join(at, 'events.log')).size <= limit);
    }
    assert.ok(dropped > 50);
    assert.equal(seqs(await spool.read(0)), range(dropped + 1, 100));
    assert.equal(seqs(await (await openSpool(at, realFiles, limit)).read(0)), range(dropped + 1, 100));
  });
});

const tears: readonly { name: string; harm: (path: string) => void; left: readonly number[]; lost: number }[] = [
  { name: 'nothing', harm: () => {}, left: [1, 2, 3], lost: 0 },
  {
    name: 'the last line is torn',
    harm: (path) => appendFileSync(path, '4 0123456789abcdef {"for'),
    left: [1, 2, 3],
    lost: 0,
  },
  {
    name: 'the last line has lost its end',
    harm: (path) => writeFileSync(path, readFileSync(path).subarray(0, -5)),
    left: [1, 2],
    lost: 0,
  },
  {
    name: 'the end is zeros',
    harm: (path) => appendFileSync(path, Buffer.alloc(100)),
    left: [1, 2, 3],
    lost: 0,
  },
  {
    name: 'a line in the middle is damaged',
    harm: (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"seq":2', '"seq":9')),
    left: [1, 3],
    lost: 1,
  },
  {
    name: 'the number of a line is another',
    harm: (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('\n3 ', '\n7 ')),
    left: [1, 2],
    lost: 1,
  },
  {
    name: 'a line stands there twice',
    harm: (path) => appendFileSync(path, `${readFileSync(path, 'utf8').split('\n')[1]}\n`),
    left: [1, 2, 3],
    lost: 1,
  },
  {
    name: 'two lines have changed places',
    harm: (path) => {
      const [one, two, three] = readFileSync(path, 'utf8').split('\n');
      writeFileSync(path, `${one}\n${three}\n${two}\n`);
    },
    left: [1, 3],
    lost: 1,
  },
  { name: 'everything is gone', harm: (path) => writeFileSync(path, ''), left: [], lost: 0 },
  { name: 'rubbish', harm: (path) => writeFileSync(path, 'a\nb\nc\n'), left: [], lost: 3 },
];
table('after harm to the file', tears, async ({ harm, left, lost }) => {
  await inDirectory(async (at) => {
    await fill(await openSpool(at, realFiles), 1, 3);
    harm(join(at, 'events.log'));
    const spool = await openSpool(at, realFiles);
    assert.equal(seqs(await spool.read(0)), left);
    assert.is(spool.damaged, lost);
    const told = await spool.append(event(4));
    assert.equal(told.ok ? null : told.fault, lost > 0 ? fault('events-dropped', { count: lost }) : null);
    assert.equal(seqs(await spool.read(0)), [...left, 4]);
    assert.equal(seqs(await (await openSpool(at, realFiles)).read(0)), [...left, 4]);
  });
});

test('a spool that cannot be read is put aside, and the agent goes on', async () => {
  const machine = fakeDisk();
  await machine.files.makeDirectory('/state', 0o700);
  await fill(await openSpool('/state', machine.files), 1, 3);
  machine.failReads('/state/events.log', 'EIO');
  assert.is((await openSpool('/state', machine.files)).damaged, 1);
  assert.equal(await machine.files.list('/state'), ['events.damaged']);
});

test('an event that is too large is refused', async () => {
  await inDirectory(async (at) => {
    const spool = await openSpool(at, realFiles);
    const facts = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`fact${index}`, 'x'.repeat(300)]));
    const result = await spool.append({ ...event(1), facts });
    assert.equal(result.ok || result.fault.code, 'too-large');
    assert.equal(readdirSync(at), []);
  });
});

test('a disk that is full refuses the event, and the next one finds the file in order', async () => {
  for (let after = 0; after < 3; after++) {
    const machine = fakeDisk();
    await machine.files.makeDirectory('/state', 0o700);
    const spool = await openSpool('/state', machine.files);
    await fill(spool, 1, 2);
    machine.failAfter(after, 'ENOSPC');
    const refused = await spool.append(event(3));
    assert.equal(refused.ok ? null : refused.fault, fault('disk-full', { errno: 'ENOSPC', what: 'events' }));
    await fill(spool, 4, 4);
    assert.equal(seqs(await (await openSpool('/state', machine.files)).read(0)), [1, 2, 4]);
  }
});

test(`any ${runs} histories of at most 12 appends and drops, cut anywhere, lose nothing acknowledged`, async () => {
  const step = fc.record({
    append: fc.integer({ min: 0, max: 3 }),
    drop: fc.option(fc.nat(10), { freq: 2 }),
    cut: fc.option(fc.nat(12), { freq: 2 }),
    /** Only the process ends: nothing is lost yet, and nothing more is safe. */
    kill: fc.boolean(),
    seed: fc.integer(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      let machine = fakeDisk();
      await machine.files.makeDirectory('/state', 0o700);
      await machine.files.syncDirectory('/');
      let spool = await openSpool('/state', machine.files);
      let [next, safe, dropped] = [1, 0, 0];
      for (const { append, drop, cut, kill, seed } of steps) {
        const work = async () => {
          for (let count = 0; count < append; count++) {
            const seq = next++;
            assert.ok((await spool.append(event(seq))).ok);
            safe = seq;
          }
          if (drop === null) return;
          dropped = Math.max(dropped, Math.min(safe, dropped + drop));
          assert.ok((await spool.drop(dropped)).ok);
        };
        const off = cut === null ? new Promise<void>(() => {}) : machine.cutAfter(cut);
        await Promise.race([off, work()]);
        if (cut !== null) {
          machine = kill ? machine.kill() : machine.crash(seed);
          spool = await openSpool('/state', machine.files);
        }
        const found = seqs(await spool.read(dropped));
        const last = found.at(-1) ?? dropped;
        assert.ok(last >= safe && last < next, `${last} is the last of ${safe}`);
        assert.equal(found, range(dropped + 1, last));
        safe = last;
        next = last + 1;
      }
    }),
    { numRuns: runs },
  );
});

async function fill(spool: Spool, from: number, to: number): Promise<void> {
  for (const seq of range(from, to)) assert.ok((await spool.append(event(seq))).ok);
}

const event = (seq: number): AuditEvent => ({
  format: 1,
  seq,
  at: 1_700_000_000_000 + seq,
  clock: 'known',
  event: 'certificate-added',
  facts: { owner: 'Пример' },
});
const seqs = (events: readonly AuditEvent[]): readonly number[] => events.map(({ seq }) => seq);
const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
