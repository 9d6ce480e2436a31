/** Runs `thintrust decide --batch` in this process over text cut into chunks. */
import { decideBatch } from '../../agent/cli/decide.ts';
import { openJudge } from '../../agent/edge/judge.ts';

export type Answer = { readonly id: string | number | null; readonly trusted: boolean; readonly fault?: string };

const judge = openJudge();

export async function runBatch(chunks: Iterable<string>): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  await decideBatch(
    feed(chunks),
    (line) => {
      if (!/^[^\n]*\n$/.test(line)) throw new Error('not exactly one line was written');
      answers.push(JSON.parse(line));
    },
    judge,
  );
  return answers;
}

async function* feed(chunks: Iterable<string>): AsyncGenerator<string> {
  yield* chunks;
}
