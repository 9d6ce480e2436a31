/** Commands about foreign authorities: those whose client certificates are let in. */
import { toBase64 } from '../../protocol/certificate.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import { readBounded } from '../edge/files.ts';
import type { ForeignAuthority } from '../edge/foreign.ts';
import { call, segment } from './client.ts';
import type { Command, Outcome, Words } from './command.ts';
import { date, table } from './print.ts';
import { show } from './remote.ts';

const { labels, values } = words;
const maxFileBytes = 64 * 1024;

export const authorityCommands: readonly Command[] = [
  {
    name: 'authorities',
    positionals: [],
    options: {},
    run: ({ state }) => show(call<ForeignAuthority[]>(state, 'GET', '/authorities'), authoritiesText),
  },
  { name: 'authority add', positionals: ['FILE'], options: {}, run: add },
  {
    name: 'authority remove',
    positionals: ['SHA256'],
    options: {},
    run: ({ state, positionals: [typed = ''] }) => {
      const fingerprint = typed.replace(/[\s:]/g, '').toLowerCase();
      return show(call(state, 'DELETE', `/authorities/${segment(fingerprint)}`), () => `${values.removed}\n`);
    },
  },
];

async function add({ state, positionals: [path = ''] }: Words): Promise<Outcome> {
  const content = readBounded(path, maxFileBytes);
  if (!content.ok)
    return content.fault.code === 'not-found' ? { ...content, text: fill(words.noFile, { file: path }) } : content;
  const asked = call<ForeignAuthority>(state, 'POST', '/authorities', { content: toBase64(content.value) });
  return show(asked, (added) => authoritiesText([added]));
}

const authoritiesText = (authorities: readonly ForeignAuthority[]): string =>
  table(
    [labels.owner, labels.to, labels.fingerprint],
    authorities.map(({ owner, notAfter, fingerprint }) => [owner, date(notAfter), fingerprint]),
  );
