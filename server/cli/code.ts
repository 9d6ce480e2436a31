/** Answering a confirmation code: by the running server, or from plain numbers so that anyone can check the arithmetic. */
import { groupFingerprint } from '../../protocol/certificate.ts';
import { explain } from '../../protocol/codes.ts';
import { bad } from '../../protocol/fault.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { CodeAnswer } from '../api/code.ts';
import { call } from './client.ts';
import { type Command, misused, type Outcome, textOption, type Words } from './command.ts';
import { readInput } from './input.ts';
import { date, lines } from './print.ts';
import { show } from './remote.ts';

export const codeCommands: readonly Command[] = [
  {
    name: 'code',
    positionals: ['CONFIRMATION-CODE'],
    optional: 1,
    // As it is said and shown: in groups of four.
    open: true,
    options: {
      device: { type: 'string', text: 'device' },
      certificate: { type: 'string', text: 'certificate' },
      explain: { type: 'boolean', text: 'explain' },
    },
    needsState: ({ options }) => options['explain'] !== true,
    run: (given) => (given.options['explain'] === true ? runExplain() : answer(given)),
  },
];

async function answer(given: Words): Promise<Outcome> {
  const code = given.positionals[0];
  if (code === undefined)
    return misused(fill(words.missing, { name: 'CONFIRMATION-CODE', form: 'code CONFIRMATION-CODE' }));
  const device = textOption(given, 'device');
  const certificate = textOption(given, 'certificate');
  const body = {
    code,
    ...(device === undefined ? {} : { device }),
    ...(certificate === undefined ? {} : { certificate }),
  };
  return show(call<CodeAnswer>(given.state, 'POST', '/codes', body), answerText);
}

async function runExplain(): Promise<Outcome> {
  let input: unknown;
  try {
    input = JSON.parse(await readInput());
  } catch {
    return bad('not-json', { what: 'explain' });
  }
  const explained = explain(input);
  return explained.ok ? { ok: true, text: `${JSON.stringify(explained.value)}\n`, data: explained.value } : explained;
}

function answerText({ action, device, certificate, replacementCode }: CodeAnswer): string {
  const actions: Readonly<Record<string, string>> = words.code.actions;
  const offered = certificate
    ? ([
        [words.code.certificate, certificate.view.owner],
        [words.code.role, certificate.role],
        [words.code.fingerprint, groupFingerprint(certificate.view.fingerprint)],
        [words.code.valid, `${date(certificate.view.notBefore)} – ${date(certificate.view.notAfter)}`],
      ] as const)
    : [];
  const asked = [
    [words.code.action, actions[action] ?? action],
    [words.code.device, `${device.name} (${device.id})`],
    ...offered,
  ] as const;
  return `${words.code.lead}\n\n${lines(asked)}\n${lines([[words.code.answer, replacementCode]])}`;
}
