/**
 * The codes a person carries between a device and the administrator by telephone: decimal, with check digits, in groups
 * of four. Device and server compute both from the device secret, which the server derives and never stores.
 *
 * Codes are handled as bare digits; `formatCode` groups them for people. Tries, locks and lifetimes are not here.
 */
import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { bad, good, type Result } from './fault.ts';
import { inFours } from './fours.ts';
import { maxCertificateBytes } from './limits.ts';
import { checkDigitsHold, withCheckDigits } from './mod97.ts';
import { type OcraSuite, ocra, parseOcraSuite } from './ocra.ts';

export const actions = { replaceCertificate: 1, changeConnection: 2, reset: 3 } as const;
export type ActionName = keyof typeof actions;
export type Action = (typeof actions)[ActionName];

/** Whose code it is. `certificateDer` is the certificate the server offered for action 1, and null for actions 2 and 3. */
export type CodeSubject = {
  readonly secret: Uint8Array;
  /** Lower-case hyphenated UUID. */
  readonly deviceId: string;
  readonly certificateDer: Uint8Array | null;
};
export type ConfirmationRequest = CodeSubject & {
  readonly action: Action;
  /** Below `counterSpan`. */
  readonly counter: number;
};
export type Confirmation = {
  readonly action: Action;
  /** Four digits, to be compared with `locatorOf`. */
  readonly locator: string;
  readonly counter: number;
  readonly tag: string;
  /** The first 14 digits: Q of the answer. */
  readonly question: string;
};
/** `question` is the first 14 digits of the confirmation code. */
export type ReplacementRequest = CodeSubject & { readonly question: string };
export type Explanation = { readonly confirmationCode: string; readonly replacementCode: string };

/** Counters are persisted, start at random, rise by one per request and wrap here. */
export const counterSpan = 100_000;
const secretBytes = 32;

const confirmationDigits = 16;
const replacementDigits = 12;
const largestValue = 0x7fffffff;
const longestTyped = 64;
const suite = ownSuite('OCRA-1:HOTP-SHA256-10:QN14-S064');

/**
 * Device secret of a generation (from 1): HKDF-SHA256 (RFC 5869), salt the device id, info `thintrust-secret` ‖ generation in
 * decimal ASCII.
 */
export function deriveSecret(codeMasterKey: Uint8Array, deviceId: string, generation: number): Uint8Array {
  demand(codeMasterKey.length === 32, 'the code master key has 32 bytes');
  demand(Number.isSafeInteger(generation) && generation >= 1, 'generations count from 1');
  return new Uint8Array(hkdfSync('sha256', codeMasterKey, deviceId, `thintrust-secret${generation}`, secretBytes));
}

/** Four digits by which the server finds the few devices a code may come from. */
export const locatorOf = (deviceId: string): string => fourDigits(createHash('sha256').update(deviceId).digest());

/** The 16 digits the device shows. */
export function makeConfirmation(request: ConfirmationRequest): string {
  const { action, counter, deviceId } = request;
  demand(Number.isInteger(counter) && counter >= 0 && counter < counterSpan, 'a code counter has five digits');
  const shown = String(counter).padStart(5, '0');
  return withCheckDigits(`${action}${locatorOf(deviceId)}${shown}${tagOf(request, `${action}${shown}`)}`);
}

/** Fault: `code-typo`, for whatever is not such a code; it costs no try. */
export function parseConfirmation(text: string): Result<Confirmation> {
  const digits = typedDigits(text, confirmationDigits);
  const action = actionOf(digits?.[0]);
  if (!digits || !action) return bad('code-typo', { digits: confirmationDigits });
  return good({
    action,
    locator: digits.slice(1, 5),
    counter: Number(digits.slice(5, 10)),
    tag: digits.slice(10, 14),
    question: digits.slice(0, 14),
  });
}

/**
 * Whether this device, secret and certificate make the code. Four digits: a stranger fits once in 10^4 at each locator,
 * so the administrator is shown every candidate that fits.
 */
export const confirmationMatches = (parsed: Confirmation, candidate: CodeSubject): boolean =>
  fits(parsed.action, candidate) &&
  parsed.locator === locatorOf(candidate.deviceId) &&
  sameDigits(parsed.tag, tagOf(candidate, parsed.question[0] + parsed.question.slice(5, 10)));

/** The 12 digits the administrator answers. */
export function makeReplacement(request: ReplacementRequest): string {
  const action = actionOf(request.question[0]);
  demand(action !== null && fits(action, request), 'a certificate is named by action 1 and by no other');
  demand(request.secret.length === secretBytes, 'a device secret has 32 bytes');
  const value = ocra(suite, {
    key: request.secret,
    questions: [request.question],
    session: Buffer.from(sessionOf(request), 'ascii'),
  });
  if (!value.ok || request.question.length !== 14) throw new RangeError('the question is 14 decimal digits');
  return withCheckDigits(value.value);
}

/** The 12 digits, or fault `code-typo` for whatever is not such a code; it costs no try. */
export function parseReplacement(text: string): Result<string> {
  const digits = typedDigits(text, replacementDigits);
  return digits && Number(digits.slice(0, -2)) <= largestValue
    ? good(digits)
    : bad('code-typo', { digits: replacementDigits });
}

/** `code` as `parseReplacement` gave it; compared without telling by time how much of it was right. */
export const replacementMatches = (code: string, request: ReplacementRequest): boolean =>
  sameDigits(code, makeReplacement(request));

/** Groups of four, as screens show and people say it. */
export const formatCode = inFours;

/**
 * Both codes from plain inputs `{secretHex, deviceId, offeredCertificateDerHex, action, counter}`, so that anyone can check the
 * arithmetic. Other fields are ignored. Faults: `bad-shape` with the field, `certificate-too-large`.
 */
export function explain(input: unknown): Result<Explanation> {
  if (input === null || typeof input !== 'object') return bad('bad-shape', { what: 'explain', at: '/' });
  const { secretHex, deviceId, offeredCertificateDerHex, action, counter } = input as Record<string, unknown>;
  const wrong = (field: string) => bad('bad-shape', { what: 'explain', at: `/${field}` });
  if (typeof secretHex !== 'string' || !/^[0-9a-fA-F]{64}$/.test(secretHex)) return wrong('secretHex');
  if (typeof deviceId !== 'string' || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(deviceId))
    return wrong('deviceId');
  const known = typeof action === 'number' ? actionOf(String(action)) : null;
  if (!known) return wrong('action');
  if (typeof counter !== 'number' || !Number.isInteger(counter) || counter < 0 || counter >= counterSpan)
    return wrong('counter');
  const offered = offeredCertificateDerHex ?? null;
  if (typeof offered === 'string' && offered.length > 2 * maxCertificateBytes)
    return bad('certificate-too-large', { limit: maxCertificateBytes });
  if (
    offered === null ? known === 1 : known !== 1 || typeof offered !== 'string' || !/^([0-9a-fA-F]{2})+$/.test(offered)
  )
    return wrong('offeredCertificateDerHex');
  const subject = {
    secret: Buffer.from(secretHex, 'hex'),
    deviceId,
    certificateDer: typeof offered === 'string' ? Buffer.from(offered, 'hex') : null,
  };
  const confirmation = makeConfirmation({ ...subject, action: known, counter });
  const replacement = makeReplacement({ ...subject, question: confirmation.slice(0, 14) });
  return good({ confirmationCode: formatCode(confirmation), replacementCode: formatCode(replacement) });
}

/** S: 64 lower-case hex digits that bind a code to the offered certificate and the device. */
function sessionOf({ certificateDer, deviceId }: CodeSubject): string {
  const offered = certificateDer ? createHash('sha256').update(certificateDer).digest() : Buffer.alloc(32);
  return createHash('sha256').update('thintrust-code-v1\0').update(offered).update(deviceId).digest('hex');
}

/** `actionAndCounter` are the six digits as shown. */
function tagOf(subject: CodeSubject, actionAndCounter: string): string {
  demand(subject.secret.length === secretBytes, 'a device secret has 32 bytes');
  demand(fits(actionOf(actionAndCounter[0]), subject), 'a certificate is named by action 1 and by no other');
  const mac = createHmac('sha256', subject.secret).update('thintrust-confirm-v1\0').update(actionAndCounter);
  return fourDigits(mac.update(sessionOf(subject)).digest());
}

const fits = (action: Action | null, { certificateDer }: CodeSubject): boolean =>
  (action === actions.replaceCertificate) === (certificateDer !== null);

const actionOf = (digit: string | undefined): Action | null =>
  Object.values(actions).find((action) => String(action) === digit) ?? null;

const fourDigits = (digest: Buffer): string => String(digest.readUInt32BE(0) % 10_000).padStart(4, '0');

/** Blanks of any kind and any dash may stand between digits, as people type and paste them. */
function typedDigits(text: string, wanted: number): string | null {
  if (text.length > longestTyped) return null;
  const digits = text.replace(/[\s\p{Dash_Punctuation}\u2212]/gu, '');
  return digits.length === wanted && checkDigitsHold(digits) ? digits : null;
}

function sameDigits(one: string, other: string): boolean {
  let difference = one.length ^ other.length;
  for (let index = 0; index < other.length; index++) difference |= one.charCodeAt(index) ^ other.charCodeAt(index);
  return difference === 0;
}

function ownSuite(text: string): OcraSuite {
  const parsed = parseOcraSuite(text);
  if (!parsed.ok) throw new Error('our own OCRA suite does not parse');
  return parsed.value;
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new RangeError(what);
}
