/** Commands about the settings of the device, its clock, and its reset. */
import type { Result } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { parseUtc } from '../../protocol/time.ts';
import { sayFault } from '../../words/say.ts';
import { ask, done, type Given, type Outcome, post, refused, textOf } from './command.ts';
import { showOperation } from './show.ts';
import { showSettings } from './show-trust.ts';

/** As typed, and as the control API calls it. */
const fields: Readonly<Record<string, 'logServer' | 'rdp' | 'broker' | 'language'>> = {
  'log-server': 'logServer',
  rdp: 'rdp',
  broker: 'broker',
  language: 'language',
};
export const settingNames: readonly string[] = Object.keys(fields);

export async function settings(given: Given): Promise<Outcome> {
  const shown = await ask(given, 'read', { method: 'GET', path: '/status' });
  if (!shown.ok) return refused(shown.fault);
  const { settings: all } = shown.value as Status;
  return done(showSettings(given.words, all), all);
}

export const setSetting = (given: Given): Promise<Outcome> => change(given, given.positionals[1] ?? '');
export const clearSetting = (given: Given): Promise<Outcome> => change(given, null);

export const connection = async (given: Given): Promise<Outcome> =>
  told(given, await post(given, '/connection', { https: textOf(given, 'https'), mqtt: textOf(given, 'mqtt') }));

export async function time(given: Given): Promise<Outcome> {
  const at = parseUtc(given.positionals[0] ?? '');
  if (at === null) return { at: 'misused', text: given.words.cli.badTime };
  return told(given, await post(given, '/time', { at }));
}

export const reset = async (given: Given): Promise<Outcome> => told(given, await post(given, '/reset', {}));

async function change(given: Given, value: string | null): Promise<Outcome> {
  const field = fields[given.positionals[0] ?? ''] ?? '';
  return told(given, await post(given, '/settings', { [field]: value }));
}

/** Where the policy demands a code, the confirmation code belongs to the answer. */
async function told(given: Given, answer: Result<unknown>): Promise<Outcome> {
  const { words } = given;
  if (answer.ok) return done(`${words.cli.done}\n`, answer.value);
  const { code, facts } = answer.fault;
  if (code !== 'code-needed') return refused(answer.fault);
  const now = await ask(given, 'read', { method: 'GET', path: '/status' });
  const { operation } = now.ok ? (now.value as Status) : { operation: null };
  const lines = operation ? showOperation(words, operation) : [];
  return { ...refused(answer.fault), text: [sayFault(words, { code, facts }), ...lines].join('\n') };
}
