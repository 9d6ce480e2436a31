/**
 * Device keys that never leave a TPM 2.0. Nothing is kept in the TPM: a key lies on the disk as the TPM has wrapped it, so it
 * is made, kept, swept and forgotten like a key in a file, and only that TPM can use it. Each use stands for itself: open, make
 * the parent, load, sign, close. The resource manager (`/dev/tpmrm0`) takes away what a cut leaves.
 *
 * Calls wait for the TPM, and the process with them: some tenths of a second, and `longestMs` where it hangs.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { openTokens, type Tokens } from '../../native/token.ts';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { TokenKey } from './device-key.ts';
import {
  type Answer,
  createKey,
  createParent,
  flush,
  handleOf,
  loadKey,
  readAnswer,
  readWrapped,
  signatureOf,
  signDigest,
  spkiOfWrapped,
  type Wrapped,
  wrappedOf,
  writeWrapped,
} from './tpm-packets.ts';

export type Tpm = {
  readonly isThere: () => boolean;
  /** A new key, wrapped. Faults: `tpm-missing`, `tpm-failed`. */
  readonly makeKey: () => Result<Uint8Array>;
  /**
   * A key that this TPM has shown that it can use. Faults: as above; `tpm-foreign` where it is of another TPM, or of this one
   * before it was cleared; `identity-unreadable` for what is no wrapped key of ours.
   */
  readonly openKey: (wrapped: Uint8Array) => Result<TokenKey>;
};

type Ask = (step: string, packet: Uint8Array) => Result<Answer>;
type Place = { readonly path: string; readonly tokens: Tokens; readonly longestMs: number };
type Opened = { readonly key: TokenKey; readonly number: number };

/** For all commands of one use together, below what the watchdog allows. */
const longestMs = 10_000;
/** In use and following, and those that a change has just left behind. */
const mostOpen = 4;
/** TPM_RC_INTEGRITY and TPM_RC_BINDING, whichever parameter they are of: wrapped under another seed. */
const notOurs: ReadonlySet<number> = new Set([0x9f, 0xa5]);
const whicheverParameter = 0xbf;

export function openTpm(path: string, options: { readonly longestMs?: number } = {}): Tpm {
  const at: Place = { path, tokens: openTokens(), longestMs: options.longestMs ?? longestMs };
  const { tokens } = at;
  const opened = new Map<string, Opened>();
  const forget = (name: string): void => {
    tokens.forget(opened.get(name)?.number ?? 0);
    opened.delete(name);
  };
  const withKey = <T>(wrapped: Wrapped, use: (ask: Ask, key: number) => Result<T>): Result<T> =>
    withParent(at, (ask, parent) => {
      const loaded = ask('load', loadKey(parent, wrapped));
      if (!loaded.ok) return { ok: false, fault: asForeign(loaded.fault) };
      return holding(ask, loaded.value, (key) => use(ask, key));
    });
  return {
    isThere: () => existsSync(path),
    makeKey: () =>
      withParent(at, (ask, parent) => {
        const created = ask('create', createKey(parent));
        if (!created.ok) return created;
        const wrapped = wrappedOf(created.value);
        return wrapped && spkiOfWrapped(wrapped) ? good(writeWrapped(wrapped)) : cutShort('create');
      }),
    openKey: (file) => {
      const name = createHash('sha256').update(file).digest('hex');
      const known = opened.get(name);
      if (known) return good(known.key);
      const wrapped = readWrapped(file);
      const spki = wrapped && spkiOfWrapped(wrapped);
      if (!wrapped || !spki) return bad('identity-unreadable', { what: 'key', wrong: 'form' });
      const tried = withKey(wrapped, () => good(null));
      if (!tried.ok) return tried;
      let refused: Fault | null = null;
      const sign = (digest: Uint8Array): Result<Uint8Array> => {
        const signed = withKey(wrapped, (ask, key) => signWith(ask, key, digest));
        refused = signed.ok ? null : signed.fault;
        // Asked from the beginning the next time.
        if (!signed.ok) forget(name);
        return signed;
      };
      const number = tokens.number((digest) => {
        const signed = sign(digest);
        return signed.ok ? signed.value : null;
      });
      const key: TokenKey = {
        spki,
        sign,
        useIn: (make) => tokens.useKey(make, spki, number),
        refused: () => refused,
      };
      for (const oldest of opened.keys()) if (opened.size >= mostOpen) forget(oldest);
      opened.set(name, { key, number });
      return good(key);
    },
  };
}

/** `use` gets the parent of our keys, which is gone again when it ends. */
function withParent<T>({ longestMs, path, tokens }: Place, use: (ask: Ask, parent: number) => Result<T>): Result<T> {
  const descriptor = tokens.open(path);
  if (descriptor < 0) return bad('tpm-missing', { place: path, reason: getSystemErrorName(descriptor) });
  const end = performance.now() + longestMs;
  const ask: Ask = (step, packet) => {
    const answer = tokens.ask(descriptor, packet, Math.max(0, Math.ceil(end - performance.now())));
    if (typeof answer === 'number') return bad('tpm-failed', { step, reason: getSystemErrorName(-answer) });
    const read = readAnswer(answer);
    if (!read) return cutShort(step);
    return read.code === 0 ? good(read) : bad('tpm-failed', { step, code: read.code });
  };
  try {
    const made = ask('parent', createParent());
    return made.ok ? holding(ask, made.value, (parent) => use(ask, parent)) : made;
  } finally {
    closeSync(descriptor);
  }
}

function holding<T>(ask: Ask, made: Answer, use: (handle: number) => Result<T>): Result<T> {
  const handle = handleOf(made);
  if (handle === null) return cutShort('handle');
  const used = use(handle);
  ask('flush', flush(handle));
  return used;
}

function signWith(ask: Ask, key: number, digest: Uint8Array): Result<Uint8Array> {
  const command = signDigest(key, digest);
  if (!command) return bad('tpm-failed', { step: 'sign', reason: `${digest.length}` });
  const signed = ask('sign', command);
  if (!signed.ok) return signed;
  const signature = signatureOf(signed.value);
  return signature ? good(signature) : cutShort('sign');
}

function asForeign(why: Fault): Fault {
  const code = Number(why.facts['code'] ?? 0);
  return notOurs.has(code & whicheverParameter) ? bad('tpm-foreign', { code }).fault : why;
}

const cutShort = (step: string): { ok: false; fault: Fault } => bad('tpm-failed', { step, reason: 'answer' });
