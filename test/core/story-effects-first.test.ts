/**
 * The cut test: the main job is killed after every effect, and once more during the recovery from that (F9–F14, F32, F37).
 * Every other ten effects are here, the rest in the file beside it.
 */
import { cutAndFinish, measure, upTo } from '../fakes/cuts.ts';
import { table } from '../harness.ts';

const whole = await measure();

const tens = Array.from({ length: Math.ceil(whole.effects / 10) }, (_, index) => ({
  name: `effects ${index * 10 + 1}–${index * 10 + 10}`,
  cuts: upTo(10).map((offset) => index * 10 + offset),
})).filter((_, index) => index % 2 === 0);

table('killed after an effect, and again after each of the first four of the recovery', tens, async ({ cuts }) => {
  for (const cutAfter of cuts) {
    await cutAndFinish([{ cutAfter }]);
    for (const again of upTo(4)) await cutAndFinish([{ cutAfter }, { cutAfter: again }]);
  }
});
