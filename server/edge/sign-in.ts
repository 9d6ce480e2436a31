/** Signing in to the Web Console, and what a person changes about the own account: each on record, wrong ones too. */
import { bad, type FaultCode, good, type Result } from '../../protocol/fault.ts';
import type { Language } from '../../words/say.ts';
import type { SecondFactorOffer, SecondFactorSet, SessionView } from '../api/account.ts';
import { judgeAccountPassword, readAccountName, spellPassword } from '../core/account.ts';
import { rightsOf } from '../core/permission.ts';
import { base32, matchTotp, otpauthUri } from '../core/totp.ts';
import { type Account, findAccount, type NewAccount, rolesOf, setUp, viewOf } from './accounts.ts';
import { type Attempts, sourceOf } from './attempts.ts';
import { audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import type { Lockouts } from './lockouts.ts';
import { isFlood } from './refusals.ts';
import { makeRecoveryCodes, makeSecret, newFactor, openFactor, sealFactor, spend } from './second-factor.ts';
import type { Session, Sessions } from './sessions.ts';
import type { Database } from './tables.ts';
import { hashUserPassword, type PasswordDoor } from './user-passwords.ts';

/** What a console remembers while it runs. */
export type Desk = {
  readonly server: Server;
  readonly sessions: Sessions;
  readonly door: PasswordDoor;
  /** Wrong codes, by account alone: whoever gets that far knows the password. */
  readonly codes: Lockouts;
  /** Wrong tokens, by address. */
  readonly attempts: Attempts;
};
export type SignedIn = { readonly account: Account; readonly session: Session };
/** With the value of the new cookie. */
export type Opened = { readonly view: SessionView; readonly cookie: string };
export type Credentials = { readonly name: string; readonly password: string; readonly code?: string | undefined };

const anywhere = '';
const longestTyped = 1000;

export const sessionViewOf = ({ account, session }: SignedIn): SessionView => ({
  account: { ...viewOf(account), actions: [...rightsOf(rolesOf(account))] },
  csrf: session.csrf,
});

/**
 * Faults: `sign-in-refused`, the same and after the same time whether the name, the password or the account is wrong;
 * `second-factor-needed` for a right password without a code; `sign-in-locked` after too many wrong ones.
 */
export async function signIn(desk: Desk, from: string, typed: Credentials): Promise<Result<Opened>> {
  const { server } = desk;
  const read = readAccountName(typed.name);
  const name = read.ok ? read.value : 'stranger';
  const found = await findAccount(server.db, name);
  const account = found.ok && found.value.disabled_at === null ? found.value : null;
  const password = spellPassword(typed.password.slice(0, longestTyped));
  const checked = await checkPassword(desk, { name, address: from, hash: account?.password ?? null, password });
  if (!checked.ok) return checked;
  if (!account || !checked.value) return refuse(desk, from, name, account ? 'wrong password' : 'unknown or disabled');
  const proven = await proveCode(desk, account, typed.code);
  if (!proven.ok) {
    if (proven.fault.code !== 'sign-in-refused') return proven;
    return refuse(desk, from, name, 'wrong code');
  }
  return enter(desk, account, from);
}

/** The first account, by the link. Counts by address. Faults: those of `setUp`, `sign-in-locked`. */
export async function setUpAndSignIn(
  desk: Desk,
  from: string,
  { token, ...wanted }: Omit<NewAccount, 'roles'> & { readonly token: string },
): Promise<Result<Opened>> {
  const made = await setUp(desk.server, token, wanted);
  if (made.ok) return enter(desk, made.value, from);
  if (made.fault.code !== 'setup-refused') return made;
  if (!desk.attempts.mayFail(from)) return locked;
  return refuse(desk, from, 'setup', 'wrong link', 'setup-refused');
}

export async function signOut(
  { server, sessions }: Desk,
  cookie: string,
  { account }: SignedIn,
): Promise<Result<null>> {
  await audit(server, server.db, { actor: account.name, action: 'signed-out', subject: account.id });
  sessions.end(cookie);
  return good(null);
}

/** All other sessions of the account end; this one goes on under another cookie. Faults: `sign-in-refused`, `sign-in-locked`, `account-password-weak`. */
export async function changeOwnPassword(
  desk: Desk,
  from: string,
  signedIn: SignedIn,
  { current, password }: { readonly current: string; readonly password: string },
): Promise<Result<Opened>> {
  const { server } = desk;
  const { account } = signedIn;
  const right = await isOwnPassword(desk, from, account, current);
  if (!right.ok) return right;
  const judged = judgeAccountPassword(account.name, password);
  if (!judged.ok) return judged;
  const hash = await hashUserPassword(judged.value);
  const changed = await change(server, signedIn, 'own-password-set', { password: hash });
  return changed.ok ? openSession(desk, account.id) : changed;
}

export const changeOwnLanguage = (
  { server }: Desk,
  signedIn: SignedIn,
  language: Language,
): Promise<Result<SessionView>> => change(server, signedIn, 'own-language-set', { language });

/** It counts once `confirmSecondFactor` has seen a code of it. Faults: `sign-in-refused`, `sign-in-locked`. */
export async function offerSecondFactor(
  desk: Desk,
  from: string,
  { account, session }: SignedIn,
  password: string,
): Promise<Result<SecondFactorOffer>> {
  const right = await isOwnPassword(desk, from, account, password);
  if (!right.ok) return right;
  const secret = makeSecret();
  session.offered = secret;
  const { name } = await readIdentity(desk.server.db);
  return good({ secret: base32(secret), uri: otpauthUri(`thintrust ${name}`, account.name, secret) });
}

/** Faults: `bad-argument` where none was offered, `sign-in-refused` for a wrong code, `sign-in-locked`. */
export async function confirmSecondFactor(
  { server, codes }: Desk,
  signedIn: SignedIn,
  code: string,
): Promise<Result<SecondFactorSet>> {
  const { account, session } = signedIn;
  const secret = session.offered;
  if (!secret) return bad('bad-argument', { what: 'no second factor is offered' });
  if (!codes.mayTry(account.id, anywhere)) return locked;
  const step = matchTotp(secret, code.replace(/\s/g, ''), 0, server.clock());
  if (step === null) {
    codes.count(account.id, anywhere);
    return bad('sign-in-refused');
  }
  const recovery = makeRecoveryCodes();
  const sealed = sealFactor(server.keys.master, newFactor(secret, step, recovery));
  const set = await change(server, signedIn, 'second-factor-set', { second_factor: sealed });
  if (!set.ok) return set;
  session.offered = null;
  return good({ ...set.value, recoveryCodes: [...recovery] });
}

/** Faults: `sign-in-refused`, `sign-in-locked`. */
export async function removeOwnSecondFactor(
  desk: Desk,
  from: string,
  signedIn: SignedIn,
  password: string,
): Promise<Result<SessionView>> {
  const right = await isOwnPassword(desk, from, signedIn.account, password);
  return right.ok ? change(desk.server, signedIn, 'second-factor-removed', { second_factor: null }) : right;
}

/** A code is spent before the session is there, so none counts twice however many ask at once. */
async function proveCode(desk: Desk, account: Account, code: string | undefined): Promise<Result<null>> {
  const { server, codes } = desk;
  if (account.second_factor === null) return good(null);
  if (code === undefined || code === '') return bad('second-factor-needed');
  if (!codes.mayTry(account.id, anywhere)) return locked;
  codes.count(account.id, anywhere);
  const spent = await transact(server.db, async (trx) => {
    const row = await findAccount(trx, account.id);
    if (!row.ok || row.value.second_factor === null) return bad('sign-in-refused');
    const factor = openFactor(server.keys.master, row.value.second_factor);
    if (!factor.ok) return factor;
    const rest = spend(factor.value, code, server.clock());
    if (!rest) return bad('sign-in-refused');
    const second_factor = sealFactor(server.keys.master, rest);
    await trx.updateTable('accounts').set({ second_factor }).where('id', '=', account.id).execute();
    return good(null);
  });
  if (spent.ok) codes.right(account.id, anywhere);
  else codes.wrong(account.id, anywhere);
  return spent;
}

/** The session is there once the sign-in is on record. The account may have changed since its password was looked at. */
async function enter(desk: Desk, { id, password, second_factor }: Account, from: string): Promise<Result<Opened>> {
  const { server } = desk;
  const recorded = await transact(server.db, async (trx) => {
    const row = await findAccount(trx, id);
    if (!row.ok || row.value.disabled_at !== null || row.value.password !== password) return bad('sign-in-refused');
    if (second_factor === null && row.value.second_factor !== null) return bad('sign-in-refused');
    await audit(server, trx, { actor: row.value.name, action: 'signed-in', subject: id, facts: { from } });
    return row;
  });
  return recorded.ok ? openSession(desk, id) : recorded;
}

async function openSession({ server, sessions }: Desk, id: string): Promise<Result<Opened>> {
  const row = await findAccount(server.db, id);
  if (!row.ok) return row;
  const { cookie, session } = sessions.open(id, row.value.password);
  return good({ view: sessionViewOf({ account: row.value, session }), cookie });
}

async function isOwnPassword(desk: Desk, from: string, account: Account, typed: string): Promise<Result<null>> {
  const password = spellPassword(typed.slice(0, longestTyped));
  const asked = { name: account.name, address: from, hash: account.password, password };
  const checked = await checkPassword(desk, asked);
  if (!checked.ok) return checked;
  return checked.value ? good(null) : refuse(desk, from, account.name, 'wrong password');
}

const change = (
  server: Server,
  { account: { id, name, password }, session }: SignedIn,
  action: string,
  set: Partial<Account>,
): Promise<Result<SessionView>> =>
  transact(server.db, async (trx: Database) => {
    const { numUpdatedRows } = await trx
      .updateTable('accounts')
      .set(set)
      .where('id', '=', id)
      .where('password', '=', password)
      .executeTakeFirstOrThrow();
    const changed = await findAccount(trx, id);
    if (numUpdatedRows === 0n || !changed.ok) return bad('sign-in-refused');
    await audit(server, trx, { actor: name, action, subject: id });
    return good(sessionViewOf({ account: changed.value, session }));
  });

/** Fault: `sign-in-locked` where there were too many wrong ones; `busy` where too many ask at once. */
async function checkPassword({ door }: Desk, asked: Parameters<PasswordDoor['check']>[0]): Promise<Result<boolean>> {
  const checked = await door.check(asked);
  return !checked.ok && checked.fault.facts['reason'] === 'too many tries' ? locked : checked;
}

const locked = bad('sign-in-locked');

/** What was typed as a name may be a password in the wrong place: only names that accounts could have are on record. */
async function refuse(
  { server }: Desk,
  from: string,
  subject: string,
  reason: string,
  code: FaultCode = 'sign-in-refused',
): Promise<{ readonly ok: false; readonly fault: ReturnType<typeof bad>['fault'] }> {
  const action = 'sign-in-refused';
  const facts = { code, from, reason };
  if (isFlood(server, `${action} ${sourceOf(from)}`)) server.log('warn', action, { ...facts, subject });
  else await audit(server, server.db, { actor: 'stranger', action, subject, facts });
  return bad(code);
}
