/** Internal users: how their names are typed, which of them is meant, and what their passwords must be. */
import { bad, good, type Result } from '../../protocol/fault.ts';

/** As it was typed, in lower case. */
export type Login =
  /** `sAMAccountName`, and `.\sAMAccountName` as elsewhere. */
  | { readonly at: 'plain'; readonly name: string }
  /** `userPrincipalName@DNSDomainName` */
  | { readonly at: 'principal'; readonly name: string; readonly domain: string }
  /** `DOMAIN\sAMAccountName` */
  | { readonly at: 'domain'; readonly name: string; readonly domain: string };
/** Lower case; the domain is a DNS name, or empty. */
export type UserName = { readonly name: string; readonly domain: string };

export const shortestUserPassword = 8;
export const longestUserPassword = 16;
/** Those of the source text. */
export const specialCharacters = `@#$%^&*-_!+=[]{}|:',.?/\\\`~"();`;
const userName = /^[a-z0-9][a-z0-9._-]{0,39}$/;
const domainName = /^(?=.{1,100}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/** Null for what is no name of a user in any form. */
export function readLogin(typed: string): Login | null {
  const text = typed.trim().toLowerCase();
  const [, before, after] = /^([^\\@]*)\\([^\\@]*)$/.exec(text) ?? [];
  const [, user, domain] = /^([^\\@]*)@([^\\@]*)$/.exec(text) ?? [];
  const name = after ?? user ?? text;
  if (!userName.test(name)) return null;
  if (before === '.') return { at: 'plain', name };
  if (before !== undefined) return domainName.test(before) ? { at: 'domain', name, domain: before } : null;
  if (domain !== undefined) return domainName.test(domain) ? { at: 'principal', name, domain } : null;
  return { at: 'plain', name };
}

/** A domain before a backslash is the first label of the DNS name (the NetBIOS name as it is by default), or all of it. */
export function isMeant(login: Login, { name, domain }: UserName): boolean {
  if (login.name !== name) return false;
  if (login.at === 'plain') return true;
  if (domain === '') return false;
  return login.domain === domain || (login.at === 'domain' && login.domain === domain.split('.', 1)[0]);
}

/** As it is shown, and typed without doubt. */
export const spellUser = ({ name, domain }: UserName): string => (domain === '' ? name : `${name}@${domain}`);

/** For a new user: a plain name, or one with its domain. Fault: `bad-argument`. */
export function readUserName(typed: string): Result<UserName> {
  const login = readLogin(typed);
  if (!login || login.at === 'domain') return bad('bad-argument', { what: 'user name' });
  return good({ name: login.name, domain: login.at === 'principal' ? login.domain : '' });
}

/** M3: 8 to 16 characters of at least three of four groups, and none of no group. Fault: `password-weak`. */
export function judgePassword(password: string): Result<string> {
  const groups = [/[A-Z]/, /[a-z]/, /[0-9]/].map((group) => group.test(password));
  const characters = [...password];
  const own = characters.filter((character) => specialCharacters.includes(character));
  const known = characters.every((character) => /[A-Za-z0-9]/.test(character) || specialCharacters.includes(character));
  const held = groups.filter(Boolean).length + (own.length > 0 ? 1 : 0);
  const long = characters.length >= shortestUserPassword && characters.length <= longestUserPassword;
  return long && known && held >= 3 ? good(password) : bad('password-weak');
}

/**
 * What a person types as password: its own, and behind a blank the one-time password of an installation. No password of
 * ours has a blank in it.
 */
export function splitPassword(typed: string): { readonly own: string; readonly installation: string | null } {
  const text = typed.trim();
  const blank = text.indexOf(' ');
  return blank < 0 ? { own: text, installation: null } : { own: text.slice(0, blank), installation: text.slice(blank) };
}
