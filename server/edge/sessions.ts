/**
 * Sessions of the Web Console, in memory: a restart ends them. The cookie has 256 random bits; kept is their hash. A session
 * belongs to the password it was opened with, and ends with it.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type Instant, instant } from '../../protocol/time.ts';
import { isLive } from '../core/account.ts';
import type { Clock } from '../core/ports.ts';

export type Session = {
  /** Id of the account. */
  readonly account: string;
  /** The PHC string at the sign-in. */
  readonly password: string;
  readonly csrf: string;
  readonly madeAt: Instant;
  seenAt: Instant;
  /** A second factor that is offered and not confirmed. */
  offered: Uint8Array | null;
};
export type Sessions = {
  /** Always a new one (session fixation). `cookie` is its value. */
  readonly open: (account: string, password: string) => { readonly cookie: string; readonly session: Session };
  /** Null for one that is unknown or over. `used`: it lives on from now. */
  readonly find: (cookie: string, used: boolean) => Session | null;
  readonly end: (cookie: string) => void;
};

const maxSessions = 10_000;
const maxOfAccount = 20;

export function makeSessions(clock: Clock): Sessions {
  const sessions = new Map<string, Session>();
  const keyOf = (cookie: string): string => createHash('sha256').update(cookie).digest('hex');
  const forget = (keys: readonly string[]): void => {
    for (const key of keys) sessions.delete(key);
  };
  return {
    open: (account, password) => {
      const now = instant(clock());
      const over = [...sessions].filter(([, { madeAt, seenAt }]) => !isLive(madeAt, seenAt, now));
      forget(over.map(([key]) => key));
      const own = [...sessions].flatMap(([key, session]) => (session.account === account ? [key] : []));
      forget(own.slice(0, Math.max(0, own.length + 1 - maxOfAccount)));
      forget([...sessions.keys()].slice(0, Math.max(0, sessions.size + 1 - maxSessions)));
      const cookie = randomBytes(32).toString('base64url');
      const csrf = randomBytes(32).toString('base64url');
      const session: Session = { account, password, csrf, madeAt: now, seenAt: now, offered: null };
      sessions.set(keyOf(cookie), session);
      return { cookie, session };
    },
    find: (cookie, used) => {
      const key = keyOf(cookie);
      const session = sessions.get(key);
      const now = clock();
      if (!session) return null;
      if (!isLive(session.madeAt, session.seenAt, now)) {
        sessions.delete(key);
        return null;
      }
      if (used) session.seenAt = now;
      return session;
    },
    end: (cookie) => {
      sessions.delete(keyOf(cookie));
    },
  };
}
