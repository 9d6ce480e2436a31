/** Commands about servers a person connects to, and the certificates they are trusted by. */
import { maxRotationsBytes } from '../../protocol/limits.ts';
import type { ConnectAnswer, ImportAnswer, Preflight } from '../../protocol/local.ts';
import { read } from '../../protocol/validate.ts';
import { fill, sayFault } from '../../words/say.ts';
import {
  bareFingerprint,
  done,
  type Given,
  missing,
  moment,
  nothingBy,
  type Outcome,
  post,
  refused,
  refusedHere,
  textOf,
} from './command.ts';
import { byPrefix, held } from './device.ts';
import { readFiles, readPassword, readWhole } from './input.ts';
import { showPreflight } from './show-trust.ts';

export async function preflight(given: Given): Promise<Outcome> {
  const [purpose, server = ''] = given.positionals;
  if (server === '' && purpose !== 'ksc') return missing(given, 'HOST[:PORT]');
  const answer = await post(given, '/preflight', { purpose, server });
  return answer.ok ? judged(given, answer.value as Preflight, answer.value) : refused(answer.fault);
}

export async function connect(given: Given): Promise<Outcome> {
  const [purpose, server] = given.positionals;
  const password = await readPassword(given);
  if (!password.ok) return refusedHere(password.fault);
  const body = { purpose, server, user: textOf(given, 'user'), password: password.value };
  const answer = await post(given, '/connect', body);
  if (!answer.ok) return refused(answer.fault);
  const outcome = answer.value as ConnectAnswer;
  return outcome.at === 'started'
    ? done(`${fill(given.words.cli.started, { session: outcome.session })}\n`, outcome)
    : judged(given, outcome.preflight, outcome);
}

export async function add(given: Given): Promise<Outcome> {
  const { positionals: paths, words } = given;
  const fingerprint = textOf(given, 'fingerprint');
  const server = textOf(given, 'server');
  const shown = fingerprint !== null && server !== null;
  if (shown === paths.length > 0 || (fingerprint !== null && !shown))
    return { at: 'misused', text: words.cli.fileOrServer };
  const purpose = textOf(given, 'purpose');
  if (!shown) return addFiles(given, { purpose, server });
  const body = { purpose, server, fingerprint: bareFingerprint(fingerprint) };
  const answer = await post(given, '/certificates/add', body);
  return answer.ok ? done(`${words.cli.done}\n`, answer.value) : refused(answer.fault);
}

export async function remove(given: Given): Promise<Outcome> {
  const [wanted = ''] = given.positionals;
  const purpose = textOf(given, 'purpose');
  const all = await held(given);
  if (!all.ok) return refused(all.fault);
  const [found] = byPrefix(
    all.value.filter((each) => each.purpose === purpose),
    wanted,
  );
  if (!found) return nothingBy(wanted);
  const answer = await post(given, '/certificates/remove', { purpose, fingerprint: found.fingerprint });
  return answer.ok ? done(`${given.words.cli.done}\n`, answer.value) : refused(answer.fault);
}

/** The file is what `thintrust-server certificate statements` printed. Faults: `not-found`, `too-large`, `not-json`. */
export async function follow(given: Given): Promise<Outcome> {
  const bytes = readWhole(given.positionals[0] ?? '', maxRotationsBytes);
  if (!bytes.ok) return refusedHere(bytes.fault);
  const file = read('rotations', bytes.value, maxRotationsBytes);
  if (!file.ok) return refusedHere(file.fault);
  const { statements } = file.value;
  const answer = await post(given, '/certificates/follow', { statements });
  return answer.ok ? done(`${given.words.cli.followed}\n`, answer.value) : refused(answer.fault);
}

/** `decide --batch` needs no daemon. The engine is loaded here alone. */
export async function batch(): Promise<Outcome> {
  const [{ decideBatch }, { openJudge }] = await Promise.all([import('./decide.ts'), import('../edge/judge.ts')]);
  process.stdin.setEncoding('utf8');
  const write = (text: string): Promise<void> =>
    new Promise((resolve) => {
      process.stdout.write(text, () => resolve());
    });
  await decideBatch(process.stdin, write, openJudge());
  return { at: 'written' };
}

async function addFiles(
  given: Given,
  wanted: { readonly purpose: string | null; readonly server: string | null },
): Promise<Outcome> {
  const { cli } = given.words;
  const files = readFiles(given.positionals);
  if (!files.ok) return refusedHere(files.fault);
  const answer = await post(given, '/certificates/import', { ...wanted, files: files.value });
  if (!answer.ok) return refused(answer.fault);
  const { added, refused: faulty } = answer.value as ImportAnswer;
  if (faulty.length === 0)
    return done(added.map(({ owner }) => `${fill(cli.added, { owner })}\n`).join(''), answer.value);
  const why = faulty.map(({ file, fault }) =>
    fill(cli.notAddedFile, { file, sentence: sayFault(given.words, { code: fault.code, facts: fault.facts }) }),
  );
  return done(`${[cli.notAdded, ...why].join('\n')}\n`, answer.value, 'refused');
}

/** A yes, a no, or the question that only a person can answer. */
function judged({ words }: Given, found: Preflight, data: unknown): Outcome {
  const text = showPreflight(words, found, moment());
  if (found.verdict === 'trusted') return done(text, data);
  return done(text, data, found.verdict === 'unknown' ? 'asked' : 'refused');
}
