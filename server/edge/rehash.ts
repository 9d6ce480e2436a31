/**
 * A digest hashed again and again, as PKCS#12 derives keys (RFC 7292 §B.2): `rounds` times SHA-1 or SHA-256 of a digest of
 * its own length, which is one block each (FIPS 180-4 §6.1, §6.2). Through `node:crypto` a round costs three to five times as
 * much, most of it for the way there and back, and the 600,000 rounds that NSS and GnuTLS write would not end in time.
 */
import { hash } from 'node:crypto';

export function rehash(name: string, digest: Uint8Array, rounds: number): Buffer {
  if (name === 'sha1') return repeat(digest, rounds, 20, sha1Block);
  if (name === 'sha256') return repeat(digest, rounds, 32, sha256Block);
  let last = Buffer.from(digest);
  for (let round = 0; round < rounds; round++) last = hash(name, last, 'buffer');
  return last;
}

/** Replaces the first words of `block`, a padded digest, by the hash of the block. `schedule` is room to work in. */
type Block = (block: Int32Array, schedule: Int32Array) => void;

function repeat(digest: Uint8Array, rounds: number, bytes: 20 | 32, hashBlock: Block): Buffer {
  const view = Buffer.from(digest);
  const block = new Int32Array(16);
  const schedule = new Int32Array(80);
  for (let word = 0; word < bytes / 4; word++) block[word] = view.readInt32BE(word * 4);
  // the padding of a message of this length (FIPS 180-4 §5.1.1)
  block[bytes / 4] = 0x80000000 | 0;
  block[15] = bytes * 8;
  for (let round = 0; round < rounds; round++) hashBlock(block, schedule);
  for (let word = 0; word < bytes / 4; word++) view.writeInt32BE(block[word] ?? 0, word * 4);
  return view;
}

function sha1Block(block: Int32Array, w: Int32Array): void {
  w.set(block);
  for (let t = 16; t < 80; t++) {
    const word = at(w, t - 3) ^ at(w, t - 8) ^ at(w, t - 14) ^ at(w, t - 16);
    w[t] = (word << 1) | (word >>> 31);
  }
  let a = 0x67452301;
  let b = 0xefcdab89 | 0;
  let c = 0x98badcfe | 0;
  let d = 0x10325476;
  let e = 0xc3d2e1f0 | 0;
  for (let t = 0; t < 80; t++) {
    const next = (((a << 5) | (a >>> 27)) + mixed(t, b, c, d) + e + at(w, t)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  block[0] = (a + 0x67452301) | 0;
  block[1] = (b + 0xefcdab89) | 0;
  block[2] = (c + 0x98badcfe) | 0;
  block[3] = (d + 0x10325476) | 0;
  block[4] = (e + 0xc3d2e1f0) | 0;
}

/** Function and constant of a round, FIPS 180-4 §4.1.1 and §4.2.1. */
function mixed(t: number, b: number, c: number, d: number): number {
  if (t < 20) return (((b & c) | (~b & d)) + 0x5a827999) | 0;
  if (t < 40) return ((b ^ c ^ d) + 0x6ed9eba1) | 0;
  if (t < 60) return (((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc) | 0;
  return ((b ^ c ^ d) + 0xca62c1d6) | 0;
}

function sha256Block(block: Int32Array, w: Int32Array): void {
  w.set(block);
  for (let t = 16; t < 64; t++) {
    const early = at(w, t - 15);
    const late = at(w, t - 2);
    const low = right(early, 7) ^ right(early, 18) ^ (early >>> 3);
    const high = right(late, 17) ^ right(late, 19) ^ (late >>> 10);
    w[t] = (high + at(w, t - 7) + low + at(w, t - 16)) | 0;
  }
  let a = at(initial, 0);
  let b = at(initial, 1);
  let c = at(initial, 2);
  let d = at(initial, 3);
  let e = at(initial, 4);
  let f = at(initial, 5);
  let g = at(initial, 6);
  let h = at(initial, 7);
  for (let t = 0; t < 64; t++) {
    const chosen =
      (h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + at(constants, t) + at(w, t)) | 0;
    const most = ((right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + chosen) | 0;
    d = c;
    c = b;
    b = a;
    a = (chosen + most) | 0;
  }
  block[0] = at(initial, 0) + a;
  block[1] = at(initial, 1) + b;
  block[2] = at(initial, 2) + c;
  block[3] = at(initial, 3) + d;
  block[4] = at(initial, 4) + e;
  block[5] = at(initial, 5) + f;
  block[6] = at(initial, 6) + g;
  block[7] = at(initial, 7) + h;
}

const at = (words: Int32Array, place: number): number => words[place] as number;
const right = (word: number, by: number): number => (word >>> by) | (word << (32 - by));

/** FIPS 180-4 §5.3.3 and §4.2.2: fractions of the square and cube roots of the first primes. */
const initial = rootsOf(8, Math.sqrt);
const constants = rootsOf(64, Math.cbrt);

function rootsOf(count: number, root: (prime: number) => number): Int32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime > 0)) primes.push(n);
  return Int32Array.from(primes, (prime) => (root(prime) % 1) * 2 ** 32);
}
