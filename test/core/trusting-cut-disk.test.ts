/** Certificates accepted, imported and removed, and the policy that takes them, killed in the middle of every disk operation. */
import { begin, cutAndFinish, finish, prepare } from '../fakes/person-story.ts';
import { table } from '../harness.ts';

const prepared = await prepare();
const whole = begin(prepared);
const before = whole.disk.operations();
await finish(whole);
const operations = whole.disk.operations() - before;

const rows = Array.from({ length: Math.ceil(operations / 25) }, (_, index) => ({
  name: `operations ${index * 25}–${index * 25 + 24}`,
  cuts: Array.from({ length: 25 }, (_, offset) => index * 25 + offset),
}));

table('killed in the middle of a disk operation', rows, async ({ cuts }) => {
  for (const cut of cuts) await cutAndFinish(begin(prepared), [cut, cut % 11]);
});
