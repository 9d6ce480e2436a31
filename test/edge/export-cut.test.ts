/**
 * What consumers read while the agent is killed in the middle of an export: the trust of the person's story — nothing, added,
 * removed, replaced by the policy — is exported step by step, killed after every operation, and the start after that again
 * after every operation. Each purpose is the old or the new one as a whole, and a start makes it the new one.
 */
import type { Exported } from '../../agent/core/shape.ts';
import { openExport } from '../../agent/edge/export.ts';
import { type FakeDisk, fakeDisk } from '../fakes/disk.ts';
import { begin, finish, prepare } from '../fakes/person-story.ts';
import { assert, table, test } from '../harness.ts';

type Trust = readonly Exported[];
/** By purpose: every name with what it holds or leads to. */
type View = Readonly<Record<string, Readonly<Record<string, string>>>>;

const purposes = ['ksc', 'rdp', 'broker', 'log'] as const;
const root = '/run/trust';

const told = (await finish(begin(await prepare()))).effects.flatMap((effect) =>
  effect.do === 'export' ? [effect.certificates] : [],
);
const nameOf = (trust: Trust): string =>
  trust.flatMap(({ purpose, source }) => (purpose === 'ksc' ? [] : [`${purpose} ${source}`])).join(', ') || 'nothing';
const steps = told.flatMap((to, index) => {
  const from = told[index - 1];
  return from && nameOf(from) !== nameOf(to) ? [{ name: `${nameOf(from)} → ${nameOf(to)}`, from, to }] : [];
});

test('the story adds, removes, and is replaced by the policy, which then removes', () =>
  assert.equal(
    steps.map(({ name }) => name),
    [
      'nothing → log manual, log manual',
      'log manual, log manual → log manual',
      'log manual → rdp policy, log policy',
      'rdp policy, log policy → rdp policy',
    ],
  ));

table('killed after an operation, and again after an operation of the start', steps, async ({ from, to }) => {
  const [old, wanted] = [await viewAfter(from), await viewAfter(to)];
  let operations = 0;
  for (let at = 0, ended = false; !ended; at++) {
    for (let again = 0, restarted = false; !restarted; again++) {
      const first = await exported(from);
      const folders = await foldersOf(first);
      ended = await killedAfter(first, to, at);
      const second = first.kill();
      whole(await viewOf(second), old, wanted);
      assert.equal(
        await contentsOf(second, folders),
        await contentsOf(await exported(from), folders),
        'who reads goes on',
      );
      restarted = await killedAfter(second, to, again);
      const third = second.kill();
      whole(await viewOf(third), old, wanted);
      assert.ok((await openExport('/run', third.files)(to)).ok);
      assert.equal(await viewOf(third), wanted);
      const left = (await third.files.list(root)).filter((name) => !name.startsWith('.'));
      assert.equal([...left].sort(), [...purposes].sort(), 'nothing half is left');
      operations++;
    }
  }
  assert.ok(operations > 20, `${operations} cuts`);
});

async function exported(trust: Trust): Promise<FakeDisk> {
  const disk = fakeDisk();
  await disk.files.makeDirectory('/run', 0o755);
  assert.ok((await openExport('/run', disk.files)(trust)).ok);
  return disk;
}

/** Whether the export came to its end before. */
async function killedAfter(disk: FakeDisk, trust: Trust, operations: number): Promise<boolean> {
  const off = disk.cutAfter(operations).then(() => false);
  const run = openExport(
    '/run',
    disk.files,
  )(trust).then(({ ok }) => {
    assert.ok(ok);
    return true;
  });
  return Promise.race([run, off]);
}

const viewAfter = async (trust: Trust): Promise<View> => viewOf(await exported(trust));

async function viewOf(disk: FakeDisk): Promise<View> {
  const folders = await foldersOf(disk);
  const contents = await contentsOf(disk, folders);
  return Object.fromEntries(purposes.map((purpose, index) => [purpose, contents[index] ?? {}]));
}

const foldersOf = (disk: FakeDisk): Promise<readonly string[]> =>
  Promise.all(purposes.map((purpose) => disk.files.readLink(`${root}/${purpose}`)));

const contentsOf = (disk: FakeDisk, folders: readonly string[]): Promise<readonly Record<string, string>[]> =>
  Promise.all(
    folders.map(async (folder) => {
      const found: Record<string, string> = {};
      for (const name of [...(await disk.files.list(`${root}/${folder}`))].sort()) {
        const path = `${root}/${folder}/${name}`;
        const { kind } = await disk.files.stat(path);
        found[name] =
          kind === 'link' ? await disk.files.readLink(path) : Buffer.from(await disk.files.read(path)).toString();
      }
      return found;
    }),
  );

function whole(view: View, old: View, wanted: View): void {
  for (const purpose of purposes) {
    const seen = JSON.stringify(view[purpose]);
    assert.ok(
      seen === JSON.stringify(old[purpose]) || seen === JSON.stringify(wanted[purpose]),
      `${purpose} is half of a step: ${Object.keys(view[purpose] ?? {})}`,
    );
  }
}
