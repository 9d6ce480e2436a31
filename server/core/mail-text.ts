/** Texts of mails, with placeholders that an administrator may move about (M10). Pure. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { plainText } from '../../words/say.ts';

export type MailKind = 'invitation' | 'installation' | 'credentials' | 'notices' | 'test';
export type MailText = { readonly subject: string; readonly text: string };
export type Facts = Readonly<Record<string, string>>;

type Rule = { readonly known: readonly string[]; readonly needed: readonly string[] };
const common = ['server', 'console'];
const entrance = ['address', 'fingerprint'];
const details = [...entrance, 'password', 'expires'];
export const placeholders: Readonly<Record<MailKind, Rule>> = {
  /** For a device, by its number. */
  invitation: { known: [...common, ...details, 'invitation', 'name'], needed: ['invitation', 'password'] },
  /** For a user, who has a password of its own. */
  installation: { known: [...common, ...details, 'user', 'fullName'], needed: ['password'] },
  /** For a user who needs no more than that password. */
  credentials: { known: [...common, ...entrance, 'user', 'fullName'], needed: ['user'] },
  notices: { known: [...common, 'count', 'notices'], needed: ['notices'] },
  test: { known: common, needed: [] },
};
export const mailKinds = Object.keys(placeholders) as readonly MailKind[];

export const maxSubject = 200;
export const maxMailText = 10_000;
const secret = 'password';
const placeholder = /\{([^{}\n]*)\}/g;

/**
 * A text as it is kept. Faults: `placeholder-unknown` with those there are; `placeholder-missing`, without which the mail
 * would be of no use; `bad-argument` for what is too long, or a subject of several lines or with a password.
 */
export function judgeText(kind: MailKind, { subject, text }: MailText): Result<MailText> {
  const { known, needed } = placeholders[kind];
  const title = subject.trim();
  const body = text.replace(/\r\n?/g, '\n');
  if (title === '' || [...title].length > maxSubject || plainText(title) !== title)
    return bad('bad-argument', { what: `subject: one line of at most ${maxSubject} characters` });
  if (body.trim() === '' || body.length > maxMailText || /(?![\n\t])\p{Cc}/u.test(body))
    return bad('bad-argument', { what: `text: at most ${maxMailText} characters` });
  const strange = [...namesIn(title), ...namesIn(body)].find((name) => !known.includes(name));
  if (strange !== undefined) return bad('placeholder-unknown', { what: strange.slice(0, 40), known: known.join(', ') });
  const missing = needed.find((name) => !namesIn(body).includes(name));
  if (missing !== undefined) return bad('placeholder-missing', { what: missing });
  // What stands in a subject is shown on locked screens and kept in logs.
  if (namesIn(title).includes(secret)) return bad('bad-argument', { what: `subject: {${secret}}` });
  return good({ subject: title, text: body });
}

/**
 * Puts facts in. A line of the text whose placeholders are all empty is left out. Control and direction characters in a fact
 * become `?`, line ends too, so no fact can add a header or a line; `notices` alone has lines, each made plain by its maker.
 */
export function fillText({ subject, text }: MailText, facts: Facts): MailText {
  const of = (name: string): string => {
    const fact = Object.hasOwn(facts, name) ? (facts[name] ?? '') : '';
    return name === 'notices' ? fact : plainText(fact);
  };
  const put = (part: string): string => part.replace(placeholder, (_, name: string) => of(name));
  const isEmpty = (line: string): boolean => {
    const names = namesIn(line);
    return names.length > 0 && names.every((name) => of(name) === '');
  };
  const lines = text.split('\n').filter((line) => !isEmpty(line));
  return {
    subject: [...put(subject)].slice(0, 2 * maxSubject).join(''),
    text: put(lines.join('\n').replace(/^\n+/, '')),
  };
}

const namesIn = (text: string): readonly string[] => [...text.matchAll(placeholder)].map(([, name = '']) => name);
