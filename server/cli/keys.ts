/** Commands about the policy key. The recovery key is opened here and goes nowhere. */

import { bad } from '../../protocol/fault.ts';
import { thumbprint } from '../../protocol/jws.ts';
import { instant } from '../../protocol/time.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { PolicyKeysView } from '../api/mutual.ts';
import { call } from './client.ts';
import { type Command, misused, type Outcome, textOption, type Words } from './command.ts';
import { lines } from './print.ts';
import { show } from './remote.ts';

const { labels, values } = words;

export const keyCommands: readonly Command[] = [
  {
    name: 'key show',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<PolicyKeysView>(state, 'GET', '/policy-keys'), keysText),
  },
  {
    name: 'key roll-policy',
    positionals: [],
    options: { activate: { type: 'boolean', text: 'activate' }, override: { type: 'boolean', text: 'key-override' } },
    run: ({ state, options }) => {
      const override = options['override'] === true;
      return options['activate'] === true
        ? show(call<PolicyKeysView>(state, 'POST', '/policy-keys/activate', { override }), keysText)
        : show(call<PolicyKeysView>(state, 'POST', '/policy-keys/announce', {}), keysText);
    },
  },
  {
    name: 'key revoke-policy',
    positionals: ['THUMBPRINT'],
    options: { kit: { type: 'string', text: 'kit', required: true } },
    run: revoke,
  },
];

async function revoke(given: Words): Promise<Outcome> {
  const { state, positionals } = given;
  const [{ readPassphrase }, { readBounded }, { openKit, sealBase }, { maxSealedBytes }, { signRevocation }] =
    await Promise.all([
      import('./input.ts'),
      import('../edge/files.ts'),
      import('../edge/kit.ts'),
      import('../edge/seal.ts'),
      import('../edge/policy-keys.ts'),
    ]);
  const file = textOption(given, 'kit') ?? '';
  const kit = readBounded(file, maxSealedBytes);
  if (!kit.ok) return kit.fault.code === 'not-found' ? { ...kit, text: fill(words.noFile, { file }) } : kit;
  const passphrase = await readPassphrase();
  if (passphrase === '') return misused(words.noPassphrase);
  const opened = await openKit(kit.value.toString('utf8'), passphrase);
  if (!opened.ok) return opened;
  const { secrets } = opened.value;
  const view = await call<PolicyKeysView>(state, 'GET', '/policy-keys');
  if (!view.ok) return show(Promise.resolve(view), keysText);
  // A copy of before the rollover would seal the old key as the new one.
  if (thumbprint(secrets.policy.publicKey) !== view.value.active)
    return { ...bad('backup-unreadable', { what: 'recovery kit' }), text: words.oldKit };
  const statement = signRevocation(secrets, view.value, positionals[0] ?? '', instant(Date.now()));
  const base = await sealBase(secrets, passphrase);
  return show(call<PolicyKeysView>(state, 'POST', '/policy-keys/revoke', { statement, base }), keysText);
}

const keysText = ({ active, next, former, notReady }: PolicyKeysView): string =>
  lines([
    [labels.activeKey, active],
    [labels.nextKey, next ?? values.none],
    [labels.formerKeys, former.join(', ') || values.none],
    [labels.lacking, notReady.join(', ') || values.none],
  ]);
