/** `thintrust repair`: a repair file, named or on a stick. It is shown; with `--yes` it is applied. */
import { groupFingerprint } from '../../protocol/certificate.ts';
import { fault, type Result } from '../../protocol/fault.ts';
import type { MediaList, RepairView } from '../../protocol/local.ts';
import { fill, formatInstant, type Words } from '../../words/say.ts';
import { ask, done, type Given, type Outcome, post, refused, refusedHere } from './command.ts';
import { readFiles } from './input.ts';
import { lines, type Row, table } from './show.ts';

type File = { readonly name: string; readonly content: string | null };

export async function repair(given: Given): Promise<Outcome> {
  const found = await fileOf(given);
  if (!found.ok) return refusedHere(found.fault);
  const file = found.value;
  const { cli } = given.words;
  if (file === null) return { ...refusedHere(fault('not-found', { what: '*.thintrust' })), text: cli.repair.none };
  const checked = await post(given, '/repair/check', file);
  if (!checked.ok) return refused(checked.fault);
  const view = checked.value as RepairView;
  if (!given.options['yes']) {
    const form = `thintrust repair ${given.positionals[0] ?? ''}`.trimEnd();
    return done(showRepair(given.words, file.name, view, fill(cli.repair.again, { form })), view, 'asked');
  }
  const applied = await post(given, '/repair', { ...file, rev: view.rev });
  return applied.ok ? done(`${given.words.screens.notes.repaired}\n`, applied.value) : refused(applied.fault);
}

/** The one that is named, else the first on the sticks; null where there is none. */
async function fileOf(given: Given): Promise<Result<File | null>> {
  if (given.positionals.length > 0) {
    const files = readFiles(given.positionals);
    return files.ok ? { ok: true, value: files.value[0] ?? null } : files;
  }
  const media = await ask(given, 'read', { method: 'GET', path: '/media' });
  if (!media.ok) return media;
  const [first] = (media.value as MediaList).repairs;
  return { ok: true, value: first ? { name: first.name, content: null } : null };
}

function showRepair(words: Words, name: string, view: RepairView, hint: string): string {
  const { repair: own, details, registration, connection } = words.screens;
  const date = (at: number): string => formatInstant(words, at);
  const { certificate, time } = view;
  const rows: Row[] = [
    [details.file, name],
    [registration.address, view.https],
    [connection.mqtt, view.mqtt],
    [own.certificate, certificate.owner],
    [details.validTo, date(certificate.notAfter)],
    [details.fingerprint, groupFingerprint(certificate.fingerprint)],
    [own.signed, date(view.signedAt)],
    [own.until, date(view.validUntil)],
    [own.by, own.keys[view.by]],
    ...(time === null ? [] : [[own.time, date(time)]]),
  ];
  return lines([...table(rows), '', hint]);
}
