/** `repair-bundle`: a file for a stick. With a kit it is signed by the recovery key, which lies there alone. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { fingerprintOf, fromBase64, groupFingerprint } from '../../protocol/certificate.ts';
import { bad, type Result } from '../../protocol/fault.ts';
import type { RepairBundle } from '../../protocol/schema.ts';
import { fromNumericDate, instant } from '../../protocol/time.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { RepairDraft } from '../api/server-certificates.ts';
import type { RepairOrder } from '../edge/repair.ts';
import { call } from './client.ts';
import { type Command, misused, numberOption, type Outcome, textOption, type Words } from './command.ts';
import { readPassphrase } from './input.ts';
import { date, lines } from './print.ts';

type Made = { readonly payload: RepairBundle; readonly jws: string };

const ending = '.thintrust';
const defaultDays = 30;
const mostDays = 90;

export const repairCommands: readonly Command[] = [
  {
    name: 'repair-bundle',
    positionals: [],
    options: {
      out: { type: 'string', text: 'out', required: true },
      days: { type: 'string', text: 'days' },
      kit: { type: 'string', text: 'kit' },
      'set-time': { type: 'boolean', text: 'set-time' },
    },
    needsState: ({ options }) => options['kit'] === undefined,
    run: makeRepair,
  },
];

async function makeRepair(given: Words): Promise<Outcome> {
  const [out = '', kit] = [textOption(given, 'out'), textOption(given, 'kit')];
  const days = numberOption(given, 'days', 1, mostDays);
  if (days.ok !== true) return days;
  if (!out.toLowerCase().endsWith(ending)) return misused(fill(words.badEnding, { ending }));
  const time = given.options['set-time'] === true;
  if (time && kit === undefined) return misused(words.timeByKit);
  if (existsSync(out)) return { ...bad('already-exists', { what: out }), text: fill(words.fileThere, { file: out }) };
  const order = { days: days.value ?? defaultDays, time };
  const made =
    kit === undefined
      ? await byPolicyKey(given.state, { ...order, key: 'policy' })
      : await byRecoveryKey(given.state, kit, { ...order, key: 'recovery' });
  if (made.ok !== true) return made;
  const { jws, payload } = made.value;
  await writeFile(out, `${jws}\n`, { flag: 'wx' });
  return { ok: true, text: textOf(out, payload), data: { file: out, ...payload } };
}

async function byPolicyKey(state: string, order: RepairOrder): Promise<Result<Made> & { readonly asked?: true }> {
  const drafted = await call<RepairDraft>(state, 'POST', '/repair-files', order);
  if (!drafted.ok) return { ...drafted, asked: true };
  const { jws, payload } = drafted.value;
  return jws === null ? bad('server-answer', { status: 200 }) : { ok: true, value: { jws, payload } };
}

/** A running server gives what holds now and puts it on record; where there is none, the kit says what it last knew. */
async function byRecoveryKey(state: string, file: string, order: RepairOrder): Promise<Result<Made> | Misused> {
  const [{ readBounded }, { openKit }, { draftFromKit, signWithRecovery }, { maxSealedBytes }] = await Promise.all([
    import('../edge/files.ts'),
    import('../edge/kit.ts'),
    import('../edge/repair.ts'),
    import('../edge/seal.ts'),
  ]);
  const read = readBounded(file, maxSealedBytes);
  if (!read.ok) return read;
  const passphrase = await readPassphrase();
  if (passphrase === '') return { ok: 'misused', text: words.noPassphrase };
  const material = await openKit(read.value.toString('utf8'), passphrase);
  if (!material.ok) return material;
  const asked =
    state === '' ? bad('daemon-not-running') : await call<RepairDraft>(state, 'POST', '/repair-files', order);
  const away = !asked.ok && asked.fault.code === 'daemon-not-running';
  if (!asked.ok && !away) return asked;
  const drafted = asked.ok
    ? { ok: true as const, value: asked.value.payload }
    : draftFromKit(material.value, instant(Date.now()), order);
  if (!drafted.ok) return drafted;
  const jws = signWithRecovery(material.value, drafted.value);
  return jws.ok ? { ok: true, value: { jws: jws.value, payload: drafted.value } } : jws;
}

type Misused = { readonly ok: 'misused'; readonly text: string };

/** What the person at the device will be shown. */
function textOf(file: string, { addresses, iat, pins, refreshBefore, time }: RepairBundle): string {
  const { labels, values } = words;
  const rows = [
    [labels.https, addresses.https],
    [labels.mqtt, addresses.mqtt],
    [labels.certificate, groupFingerprint(fingerprintOf(fromBase64(pins.main)))],
    [labels.signed, date(fromNumericDate(iat))],
    [labels.to, date(fromNumericDate(refreshBefore))],
    [labels.setsTime, time === undefined || time === null ? values.no : date(time)],
  ] as const;
  return `${fill(values.repairMade, { file })}\n\n${lines(rows)}`;
}
