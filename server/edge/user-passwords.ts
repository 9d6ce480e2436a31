/**
 * Passwords of users: hashed by Argon2id (RFC 9106) with the parameters OWASP asks for at least, written as PHC strings. A
 * name that nobody has costs the same time as one that somebody has.
 */
import { argon2, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Clock } from '../core/ports.ts';
import { judgePassword } from '../core/user.ts';
import { sourceOf } from './attempts.ts';
import { makeLockouts, type OnLock } from './lockouts.ts';

/** Tells whether a password is right, for as many as there is time for. */
export type PasswordDoor = {
  /**
   * False for a wrong one and, after the same time, for a user that does not exist (`hash` null). Fault: `busy` while this
   * name waits at this address, or where too many wait for an answer.
   */
  readonly check: (asked: {
    readonly name: string;
    readonly address: string;
    readonly hash: string | null;
    readonly password: string;
  }) => Promise<Result<boolean>>;
  /** The try comes to nothing after all. */
  readonly failed: (name: string, address: string) => void;
};

const memoryKiB = 19 * 1024;
const passes = 2;
const hashBytes = 32;
const saltBytes = 16;
const atOnce = 2;
const maxWaiting = 32;
const maxWaitingOfAddress = 4;
/** Nothing that is taken for something else when it is read aloud. */
const letters = ['ABCDEFGHJKMNPQRSTUVWXYZ', 'abcdefghijkmnpqrstuvwxyz', '23456789', '#%+=?!'];
const generatedLength = 14;

export async function hashUserPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  return phcOf(salt, await derive(password, salt));
}

/** About 80 random bits, and good by `judgePassword`. */
export function generateUserPassword(): string {
  const all = letters.join('');
  for (;;) {
    const made = Array.from({ length: generatedLength }, () => all[randomInt(all.length)]).join('');
    if (judgePassword(made).ok) return made;
  }
}

export function makePasswordDoor(clock: Clock, onLock: OnLock = () => {}): PasswordDoor {
  const tries = makeLockouts(clock, onLock);
  const waiting: (() => void)[] = [];
  const waitingOf = new Map<string, number>();
  let running = 0;
  const turn = async (address: string): Promise<boolean> => {
    if (running < atOnce) {
      running++;
      return true;
    }
    const own = waitingOf.get(address) ?? 0;
    if (waiting.length >= maxWaiting || own >= maxWaitingOfAddress) return false;
    waitingOf.set(address, own + 1);
    await new Promise<void>((resolve) => waiting.push(resolve));
    const left = (waitingOf.get(address) ?? 1) - 1;
    if (left > 0) waitingOf.set(address, left);
    else waitingOf.delete(address);
    return true;
  };
  const done = (): void => {
    const next = waiting.shift();
    if (next) next();
    else running--;
  };
  return {
    check: async ({ name, address, hash, password }) => {
      if (!tries.mayTry(name, address)) return bad('busy', { reason: 'too many tries' });
      if (!(await turn(sourceOf(address)))) return bad('busy', { reason: 'too many at once' });
      try {
        // Others of the same name may have failed while this one waited.
        if (!tries.mayTry(name, address)) return bad('busy', { reason: 'too many tries' });
        tries.count(name, address);
        const right = await isRight(password, hash);
        if (right) tries.right(name, address);
        else if (hash !== null) tries.wrong(name, address);
        return good(right);
      } finally {
        done();
      }
    },
    failed: (name, address) => {
      tries.count(name, address);
      tries.wrong(name, address);
    },
  };
}

async function isRight(password: string, hash: string | null): Promise<boolean> {
  const [, salt = '', kept = ''] = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$([^$]+)\$([^$]+)$/.exec(hash ?? '') ?? [];
  const found = await derive(password, salt === '' ? randomBytes(saltBytes) : Buffer.from(salt, 'base64'));
  const right = Buffer.from(kept, 'base64');
  return right.length === found.length && timingSafeEqual(found, right);
}

const phcOf = (salt: Uint8Array, hash: Uint8Array): string =>
  `$argon2id$v=19$m=${memoryKiB},t=${passes},p=1$${unpadded(salt)}$${unpadded(hash)}`;

const unpadded = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

const derive = (password: string, nonce: Uint8Array): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parameters = { message: password, nonce, parallelism: 1, tagLength: hashBytes, memory: memoryKiB, passes };
    argon2('argon2id', parameters, (error, hash) => (error ? reject(error) : resolve(Buffer.from(hash))));
  });
