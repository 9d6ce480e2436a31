/** Randomness from the system. */
import { randomBytes } from 'node:crypto';

export type Random = {
  /** Uniform in [0, 1), 48 bits. */
  readonly fraction: () => number;
  /** 16 random bytes, lower-case hex. */
  readonly nonce: () => string;
};

export const systemRandom: Random = {
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  nonce: () => randomBytes(16).toString('hex'),
};
