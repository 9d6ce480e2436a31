/** The options of `thintrust register` that name an authority which is not the server's own. */
import { good, type Result } from '../../protocol/fault.ts';
import type { RegisterRequest } from '../../protocol/local.ts';
import { bareFingerprint, type Given, missing, type Option, type Outcome, textOf } from './command.ts';
import { readPasswordFile } from './input.ts';

export type Enrolment = NonNullable<RegisterRequest['enrolment']>;

const kinds = ['P-256', 'P-384', 'RSA-2048', 'RSA-3072'];
const paths = { est: '/.well-known/est', scep: '/scep' } as const;

export const enrolmentOptions: readonly Option[] = [
  { name: 'ca', value: 'PROTOCOL', help: 'ca', choices: Object.keys(paths) },
  { name: 'ca-address', value: 'HOST:PORT', help: 'caAddress' },
  { name: 'ca-path', value: 'PATH', help: 'caPath' },
  { name: 'ca-fingerprint', value: 'SHA256', help: 'caFingerprint' },
  { name: 'ca-user', value: 'NAME', help: 'caUser' },
  { name: 'ca-password-file', value: 'FILE', help: 'caPasswordFile', isFile: true },
  { name: 'subject', value: 'NAME', help: 'subject' },
  { name: 'key', value: 'KIND', help: 'key', choices: kinds },
];

/** Null where none is named. SCEP needs RSA, so that is what it has by default. Fault: `not-found` for the password file. */
export function enrolmentOf(given: Given): Result<Enrolment | null> | Extract<Outcome, { at: 'misused' }> {
  const protocol = textOf(given, 'ca');
  const stray = enrolmentOptions.find(({ name }) => protocol === null && textOf(given, name) !== null);
  const needed = stray ? 'ca' : ['ca-address', 'ca-fingerprint'].find((name) => textOf(given, name) === null);
  if (protocol === null && !stray) return good(null);
  if (needed !== undefined) return missing(given, `--${needed}`);
  const file = textOf(given, 'ca-password-file');
  const password = file === null ? good('') : readPasswordFile(file);
  if (!password.ok) return password;
  const isScep = protocol === 'scep';
  return good({
    protocol: isScep ? 'scep' : 'est',
    address: textOf(given, 'ca-address') ?? '',
    path: textOf(given, 'ca-path') ?? paths[isScep ? 'scep' : 'est'],
    fingerprint: bareFingerprint(textOf(given, 'ca-fingerprint') ?? ''),
    user: textOf(given, 'ca-user') ?? '',
    password: password.value,
    subject: textOf(given, 'subject') ?? '$RANDOM_32$',
    key: (textOf(given, 'key') ?? (isScep ? 'RSA-2048' : 'P-256')) as Enrolment['key'],
  });
}
