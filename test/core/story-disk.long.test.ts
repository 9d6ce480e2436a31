/** The main job, killed in the middle of every disk operation, and again in the recovery (F9–F14, F37). */
import { cutInOperations, measure } from '../fakes/cuts.ts';
import { chapters } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

const whole = await measure();

test('the undisturbed story passes through every chapter', () => {
  assert.equal([...whole.ends.keys()], chapters.slice(0, -1));
  assert.ok(whole.effects > 100, `only ${whole.effects} effects`);
});

const diskCuts = Array.from({ length: Math.ceil(whole.operations / 25) }, (_, index) => ({
  name: `operations ${index * 25}–${index * 25 + 24}`,
  cuts: Array.from({ length: 25 }, (_, offset) => index * 25 + offset),
}));

table('killed in the middle of a disk operation', diskCuts, async ({ cuts }) => {
  for (const cut of cuts) await cutInOperations([cut, cut % 11]);
});
