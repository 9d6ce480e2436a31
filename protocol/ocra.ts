/**
 * OCRA, the OATH challenge-response algorithm (RFC 6287), version 1, all of it: counter, numeric, alphanumeric and
 * hexadecimal questions, password hash, session information and time steps; one-way, mutual and plain signature.
 *
 * Not done here: clocks (`timeSteps` comes counted) and comparing in constant time (that is the caller's).
 */
import { createHmac } from 'node:crypto';
import { bad, good, type Result } from './fault.ts';

type Hash = 'sha1' | 'sha256' | 'sha512';
type Question = { readonly format: 'N' | 'A' | 'H'; readonly longest: number };

/** A suite string taken apart, RFC 6287 §6. */
export type OcraSuite = {
  readonly text: string;
  readonly hash: Hash;
  /** 4–10 digits; 0: no truncation, the whole HMAC is the value (§5.2). */
  readonly digits: number;
  readonly counter: boolean;
  readonly question: Question;
  readonly password: Hash | null;
  readonly sessionBytes: number | null;
  /** Length of one time step, in seconds. */
  readonly stepSeconds: number | null;
};

export type OcraInput = {
  readonly key: Uint8Array;
  /** One challenge; in the mutual mode both, in the order in which they are joined (§7.3). */
  readonly questions: readonly [string] | readonly [string, string];
  readonly counter?: number;
  readonly passwordHash?: Uint8Array;
  /** Exactly as many bytes as the suite says; RFC 6287 leaves padding to the parties, so there is none. */
  readonly session?: Uint8Array;
  readonly timeSteps?: number;
};

const suiteShape =
  /^OCRA-1:HOTP-SHA(1|256|512)-([0-9]{1,2}):(C-)?Q([NAH])([0-9]{2})(?:-PSHA(1|256|512))?(?:-S([0-9]{3}))?(?:-T([1-9][0-9]?)([SMH]))?$/;
const longestSuite = 64;
const questionBytes = 128;
const hashBytes: Readonly<Record<Hash, number>> = { sha1: 20, sha256: 32, sha512: 64 };
const alphabets: Readonly<Record<Question['format'], RegExp>> = {
  N: /^[0-9]+$/,
  A: /^[0-9A-Za-z]+$/,
  H: /^[0-9A-Fa-f]+$/,
};
const units: Readonly<Record<string, { seconds: number; most: number }>> = {
  S: { seconds: 1, most: 59 },
  M: { seconds: 60, most: 59 },
  H: { seconds: 3600, most: 48 },
};

/**
 * Reads a suite string (§6). The grammar of §6.3 also spells a step of zero hours, which divides by nothing: refused.
 * Fault: `bad-shape`.
 */
export function parseOcraSuite(text: string): Result<OcraSuite> {
  const parts = text.length <= longestSuite ? suiteShape.exec(text) : null;
  if (!parts) return bad('bad-shape', { what: 'ocra suite' });
  const [, hash, truncation, counter, format, longest, password, session, step, unit] = parts;
  const digits = Number(truncation);
  const question = { format: format as Question['format'], longest: Number(longest) };
  const sessionBytes = session === undefined ? null : Number(session);
  const scale = units[unit ?? ''];
  if (truncation !== String(digits) || digits > 10 || (digits !== 0 && digits < 4))
    return bad('bad-shape', { what: 'ocra digits' });
  if (question.longest < 4 || question.longest > 64) return bad('bad-shape', { what: 'ocra question' });
  if (sessionBytes !== null && (sessionBytes < 1 || sessionBytes > 512))
    return bad('bad-shape', { what: 'ocra session' });
  if (scale && Number(step) > scale.most) return bad('bad-shape', { what: 'ocra time step' });
  return good({
    text,
    hash: `sha${hash}` as Hash,
    digits,
    counter: counter !== undefined,
    question,
    password: password === undefined ? null : (`sha${password}` as Hash),
    sessionBytes,
    stepSeconds: scale ? Number(step) * scale.seconds : null,
  });
}

/**
 * `CryptoFunction(K, DataInput)` with DataInput = suite ‖ 0x00 ‖ C ‖ Q ‖ P ‖ S ‖ T (§5.1), truncated as in RFC 4226 §5.3.
 * Decimal digits, zero-padded; or all of the HMAC in lower-case hex where the suite does not truncate.
 * Fault: `bad-shape` where an input is missing, not called for, too long or outside its alphabet.
 */
export function ocra(suite: OcraSuite, input: OcraInput): Result<string> {
  const fields = [
    suite.counter ? number64(input.counter) : absent(input.counter),
    questionField(suite.question, input.questions),
    suite.password ? exactly(input.passwordHash, hashBytes[suite.password]) : absent(input.passwordHash),
    suite.sessionBytes === null ? absent(input.session) : exactly(input.session, suite.sessionBytes),
    suite.stepSeconds === null ? absent(input.timeSteps) : number64(input.timeSteps),
  ];
  const hmac = createHmac(suite.hash, input.key).update(suite.text, 'ascii').update(Uint8Array.of(0));
  for (const [index, field] of fields.entries()) {
    if (!field)
      return bad('bad-shape', { what: `ocra ${['counter', 'question', 'password', 'session', 'time'][index]}` });
    hmac.update(field);
  }
  const mac = hmac.digest();
  return good(suite.digits === 0 ? mac.toString('hex') : truncate(mac, suite.digits));
}

/** RFC 4226 §5.3: 31 bits from where the last nibble points, so ten digits never pass 2147483647. */
function truncate(mac: Buffer, digits: number): string {
  const offset = mac.readUInt8(mac.length - 1) & 0x0f;
  const value = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(value % 10 ** digits).padStart(digits, '0');
}

/** §5.1: decimal questions become hex digits, and every question is filled up on its right with zero nibbles. */
function questionField({ format, longest }: Question, questions: readonly string[]): Uint8Array | null {
  for (const question of questions) if (question.length > longest || !alphabets[format].test(question)) return null;
  const joined = questions.join('');
  const hex =
    format === 'N'
      ? BigInt(joined).toString(16)
      : format === 'H'
        ? joined
        : Buffer.from(joined, 'ascii').toString('hex');
  return Buffer.from(hex.padEnd(2 * questionBytes, '0'), 'hex');
}

/** C and T: eight bytes, big-endian. */
function number64(value: number | undefined): Uint8Array | null {
  if (value === undefined || !Number.isSafeInteger(value) || value < 0) return null;
  const field = Buffer.alloc(8);
  field.writeBigUInt64BE(BigInt(value));
  return field;
}

const exactly = (bytes: Uint8Array | undefined, length: number): Uint8Array | null =>
  bytes?.length === length ? bytes : null;

/** An input the suite does not call for would be silently left out of the value: a mistake worth a fault. */
const absent = (value: unknown): Uint8Array | null => (value === undefined ? new Uint8Array() : null);
