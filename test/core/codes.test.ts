import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import {
  type Action,
  actions,
  type CodeSubject,
  confirmationMatches,
  counterSpan,
  deriveSecret,
  explain,
  formatCode,
  locatorOf,
  makeConfirmation,
  makeReplacement,
  parseConfirmation,
  parseReplacement,
  replacementMatches,
} from '../../protocol/codes.ts';
import { checkDigits, checkDigitsHold, withCheckDigits } from '../../protocol/mod97.ts';
import { assert, table, test } from '../harness.ts';

type CodeVector = {
  readonly secretHex: string;
  readonly deviceId: string;
  readonly offeredCertificateDerHex: string | null;
  readonly action: Action;
  readonly counter: number;
  readonly confirmationCode: string;
  readonly replacementCode: string;
};
type SecretVector = {
  readonly codeMasterKeyHex: string;
  readonly deviceId: string;
  readonly generation: number;
  readonly secretHex: string;
};

const vectors: { readonly codes: readonly CodeVector[]; readonly deviceSecret: readonly SecretVector[] } = JSON.parse(
  readFileSync(new URL('../vectors/codes.json', import.meta.url), 'utf8'),
);
const runs = { numRuns: 10_000 };
const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
const subjectOf = (vector: CodeVector): CodeSubject => ({
  secret: bytes(vector.secretHex),
  deviceId: vector.deviceId,
  certificateDer: vector.offeredCertificateDerHex === null ? null : bytes(vector.offeredCertificateDerHex),
});
const confirmation = (text: string) => {
  const parsed = parseConfirmation(text);
  if (!parsed.ok) throw new Error(`${text} does not parse`);
  return parsed.value;
};
const codeOf = (read: { ok: true } | { ok: false; fault: { code: string } }): string =>
  read.ok ? 'read' : read.fault.code;
const bare = (code: string): string => code.replaceAll(' ', '');

table(
  'worked examples: codes',
  vectors.codes.map((vector) => ({ ...vector, name: vector.confirmationCode })),
  (vector) => {
    const subject = subjectOf(vector);
    const made = makeConfirmation({ ...subject, action: vector.action, counter: vector.counter });
    assert.is(formatCode(made), vector.confirmationCode);
    const parsed = confirmation(vector.confirmationCode);
    assert.is(parsed.action, vector.action);
    assert.is(parsed.counter, vector.counter);
    assert.is(parsed.locator, locatorOf(vector.deviceId));
    assert.ok(confirmationMatches(parsed, subject));
    const answer = makeReplacement({ ...subject, question: parsed.question });
    assert.is(formatCode(answer), vector.replacementCode);
    const typed = parseReplacement(vector.replacementCode);
    assert.ok(typed.ok && replacementMatches(typed.value, { ...subject, question: parsed.question }));
    assert.equal(explain(vector), {
      ok: true,
      value: { confirmationCode: vector.confirmationCode, replacementCode: vector.replacementCode },
    });
  },
);

table(
  'worked examples: device secret',
  vectors.deviceSecret.map((vector) => ({ ...vector, name: `generation ${vector.generation}` })),
  ({ codeMasterKeyHex, deviceId, generation, secretHex }) =>
    assert.is(Buffer.from(deriveSecret(bytes(codeMasterKeyHex), deviceId, generation)).toString('hex'), secretHex),
);

table(
  'MOD 97-10 check digits (ISO/IEC 7064)',
  [
    // 0794 is the worked example of ISO/IEC 7064 itself; the others are the two ends of the range
    { name: '0794', check: '44' },
    { name: '0', check: '98' },
    { name: '1', check: '95' },
    { name: '97', check: '98' },
    { name: '32', check: '02' },
  ],
  ({ name, check }) => assert.is(checkDigits(name), check),
);

test('check digits 00, 01 and 99 never hold, and of 00–99 exactly one does', () => {
  for (let number = 0; number < 2000; number++) {
    const holding = Array.from({ length: 100 }, (_, check) => `${number}${String(check).padStart(2, '0')}`).filter(
      checkDigitsHold,
    );
    assert.equal(holding, [withCheckDigits(String(number))]);
    assert.not.match(holding[0] ?? '', /(00|01|99)$/);
  }
});

table(
  'every single wrong digit and every transposition of neighbours is a typing error',
  vectors.codes.flatMap(({ confirmationCode, replacementCode }) => [
    { name: confirmationCode, parse: parseConfirmation },
    { name: replacementCode, parse: parseReplacement },
  ]),
  ({ name, parse }) => {
    const digits = bare(name);
    assert.is(codeOf(parse(digits)), 'read');
    let wrong = 0;
    for (let at = 0; at < digits.length; at++) {
      for (const digit of '0123456789') {
        if (digit === digits[at]) continue;
        assert.is(codeOf(parse(digits.slice(0, at) + digit + digits.slice(at + 1))), 'code-typo');
        wrong++;
      }
      const [one = '', two = ''] = digits.slice(at, at + 2);
      if (two === '' || one === two) continue;
      assert.is(codeOf(parse(digits.slice(0, at) + two + one + digits.slice(at + 2))), 'code-typo');
    }
    assert.is(wrong, digits.length * 9);
  },
);

const example = '1629190504469037';

table(
  'typing of a confirmation code',
  [
    { name: 'bare', text: example, code: 'read' },
    { name: 'as shown', text: '1629 1905 0446 9037', code: 'read' },
    { name: 'dashes', text: '1629-1905-0446-9037', code: 'read' },
    { name: 'typographic dashes and hard blanks', text: '1629\u20131905\u00a00446\u22129037', code: 'read' },
    { name: 'blanks around', text: '  1629 1905 0446 9037\r\n', code: 'read' },
    { name: 'a letter', text: '1629 1905 0446 903O', code: 'code-typo' },
    { name: 'dots', text: '1629.1905.0446.9037', code: 'code-typo' },
    { name: 'full-width digits', text: '\uff11629190504469037', code: 'code-typo' },
    { name: 'Arabic-Indic digits', text: '\u0661629190504469037', code: 'code-typo' },
    { name: 'a digit too few', text: '162919050446903', code: 'code-typo' },
    { name: 'a digit too many', text: `${example}0`, code: 'code-typo' },
    { name: 'empty', text: '', code: 'code-typo' },
    { name: 'long', text: ' '.repeat(1_000_000) + example, code: 'code-typo' },
    { name: 'NUL', text: `${example}\0`, code: 'code-typo' },
    { name: 'action 0', text: withCheckDigits('06291905044690'), code: 'code-typo' },
    { name: 'action 4', text: withCheckDigits('46291905044690'), code: 'code-typo' },
    { name: 'a replacement code', text: '0398 9497 4316', code: 'code-typo' },
  ],
  ({ text, code }) => assert.is(codeOf(parseConfirmation(text)), code),
);

table(
  'typing of a replacement code',
  [
    { name: 'as said', text: '0398 9497 4316', code: 'read' },
    { name: 'dashes', text: '0398-9497-4316', code: 'read' },
    { name: 'largest value', text: withCheckDigits('2147483647'), code: 'read' },
    { name: 'above the largest', text: withCheckDigits('2147483648'), code: 'code-typo' },
    { name: 'far above', text: withCheckDigits('9999999999'), code: 'code-typo' },
    { name: 'zero', text: withCheckDigits('0000000000'), code: 'read' },
    { name: 'a confirmation code', text: example, code: 'code-typo' },
    { name: 'check digits 01 for 98', text: '000000000001', code: 'code-typo' },
  ],
  ({ text, code }) => assert.is(codeOf(parseReplacement(text)), code),
);

const [worked] = vectors.codes;
if (!worked) throw new Error('codes.json is empty');

table(
  'explain refuses',
  [
    { name: 'nothing', input: null, at: '/' },
    { name: 'text', input: 'x', at: '/' },
    { name: 'no fields', input: {}, at: '/secretHex' },
    { name: 'short secret', input: { ...worked, secretHex: worked.secretHex.slice(2) }, at: '/secretHex' },
    { name: 'secret not hex', input: { ...worked, secretHex: 'g'.repeat(64) }, at: '/secretHex' },
    { name: 'upper-case id', input: { ...worked, deviceId: worked.deviceId.toUpperCase() }, at: '/deviceId' },
    { name: 'id with line end', input: { ...worked, deviceId: `${worked.deviceId}\n` }, at: '/deviceId' },
    { name: 'action as text', input: { ...worked, action: '1' }, at: '/action' },
    { name: 'action 4', input: { ...worked, action: 4 }, at: '/action' },
    { name: 'counter too large', input: { ...worked, counter: counterSpan }, at: '/counter' },
    { name: 'counter negative', input: { ...worked, counter: -1 }, at: '/counter' },
    { name: 'counter a fraction', input: { ...worked, counter: 1.5 }, at: '/counter' },
    { name: 'action 1 without', input: { ...worked, offeredCertificateDerHex: null }, at: '/offeredCertificateDerHex' },
    { name: 'action 2 with', input: { ...worked, action: 2 }, at: '/offeredCertificateDerHex' },
    { name: 'odd hex', input: { ...worked, offeredCertificateDerHex: 'abc' }, at: '/offeredCertificateDerHex' },
    { name: 'empty', input: { ...worked, offeredCertificateDerHex: '' }, at: '/offeredCertificateDerHex' },
    { name: 'a number', input: { ...worked, offeredCertificateDerHex: 1 }, at: '/offeredCertificateDerHex' },
  ],
  ({ input, at }) =>
    assert.equal(explain(input), {
      ok: false,
      fault: { code: 'bad-shape', kind: 'rejected', facts: { what: 'explain', at } },
    }),
);

test('explain refuses a certificate above the limit', () =>
  assert.is(
    codeOf(explain({ ...worked, offeredCertificateDerHex: '00'.repeat(16 * 1024 + 1) })),
    'certificate-too-large',
  ));

table(
  'wrong use is a programming error',
  [
    {
      name: 'counter of six digits',
      run: () => makeConfirmation({ ...subjectOf(worked), action: 1, counter: 100_000 }),
    },
    {
      name: 'action 1 without certificate',
      run: () => makeConfirmation({ ...subjectOf(worked), certificateDer: null, action: 1, counter: 0 }),
    },
    { name: 'action 2 with certificate', run: () => makeConfirmation({ ...subjectOf(worked), action: 2, counter: 0 }) },
    {
      name: 'short secret',
      run: () => makeConfirmation({ ...subjectOf(worked), secret: new Uint8Array(31), action: 1, counter: 0 }),
    },
    {
      name: 'short secret in an answer',
      run: () => makeReplacement({ ...subjectOf(worked), secret: new Uint8Array(31), question: example.slice(0, 14) }),
    },
    { name: 'question of 16 digits', run: () => makeReplacement({ ...subjectOf(worked), question: example }) },
    {
      name: 'question of 13 digits',
      run: () => makeReplacement({ ...subjectOf(worked), question: example.slice(0, 13) }),
    },
    { name: 'generation 0', run: () => deriveSecret(new Uint8Array(32), worked.deviceId, 0) },
    { name: 'short master key', run: () => deriveSecret(new Uint8Array(16), worked.deviceId, 1) },
    { name: 'check of text', run: () => checkDigits('12a') },
  ],
  ({ run }) => assert.throws(run, (error: unknown) => error instanceof RangeError),
);

// properties

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
const deviceId = fc.uuid({ version: 4 });
const certificate = fc.uint8Array({ minLength: 1, maxLength: 64 });
const counter = fc.integer({ min: 0, max: counterSpan - 1 });
const request = fc
  .tuple(secret, deviceId, fc.constantFrom<Action>(...Object.values(actions)), certificate, counter)
  .map(([key, id, action, der, count]) => ({
    secret: key,
    deviceId: id,
    action,
    counter: count,
    certificateDer: action === 1 ? der : null,
  }));

test('a made confirmation code reads back, matches, and re-encodes to the same digits: 10^4 runs', () => {
  fc.assert(
    fc.property(request, (made) => {
      const digits = makeConfirmation(made);
      const parsed = confirmation(formatCode(digits));
      assert.is(parsed.action, made.action);
      assert.is(parsed.counter, made.counter);
      assert.ok(confirmationMatches(parsed, made));
      assert.is(withCheckDigits(parsed.question), digits);
    }),
    runs,
  );
});

test('a made replacement code reads back and matches, and no neighbour of it does: 10^4 runs', () => {
  fc.assert(
    fc.property(request, fc.integer({ min: 1, max: 9_999_999_999 }), (made, step) => {
      const answered = { ...made, question: makeConfirmation(made).slice(0, 14) };
      const digits = makeReplacement(answered);
      assert.equal(parseReplacement(formatCode(digits)), { ok: true, value: digits });
      assert.ok(replacementMatches(digits, answered));
      const other = String((Number(digits.slice(0, 10)) + step) % 10_000_000_000).padStart(10, '0');
      assert.not(replacementMatches(withCheckDigits(other), answered));
      assert.not(replacementMatches(`${digits}0`, answered));
      assert.not(replacementMatches(digits.slice(0, -1), answered));
    }),
    runs,
  );
});

const typed = fc.oneof(
  fc.string({ maxLength: 80, unit: 'binary' }),
  fc.stringMatching(/^[ -]?([0-9][ -]?){10,18}$/),
  fc.stringMatching(/^[1-3][0-9]{13}$/).map(withCheckDigits),
  fc.stringMatching(/^[0-2][0-9]{9}$/).map(withCheckDigits),
);

test('any string, 10^4 runs of up to 80 characters: digits that re-encode to the same or code-typo, never a throw', () => {
  let confirmations = 0;
  let replacements = 0;
  fc.assert(
    fc.property(typed, (text) => {
      const digits = text.replace(/[^0-9]/g, '');
      const one = parseConfirmation(text);
      if (one.ok) {
        assert.is(withCheckDigits(one.value.question), digits);
        confirmations++;
      } else assert.is(one.fault.code, 'code-typo');
      const other = parseReplacement(text);
      if (other.ok) {
        assert.is(other.value, digits);
        replacements++;
      } else assert.is(other.fault.code, 'code-typo');
    }),
    runs,
  );
  assert.ok(confirmations > 1000 && replacements > 1000, 'the generator reaches both codes');
});

test('anything given to explain, 10^4 runs: codes or a fault, never a throw', () => {
  const odd = fc.oneof(fc.anything({ maxDepth: 1 }), fc.constantFrom('', '00', 'zz', null, 1, 2, 3, 1e9, Number.NaN));
  const field = fc.constantFrom('secretHex', 'deviceId', 'offeredCertificateDerHex', 'action', 'counter');
  fc.assert(
    fc.property(fc.anything({ maxDepth: 2 }), field, odd, (input, name, value) => {
      assert.match(codeOf(explain(input)), /^(read|bad-shape)$/);
      assert.match(codeOf(explain({ ...worked, [name]: value })), /^(read|bad-shape)$/);
    }),
    runs,
  );
});

// Deterministic inputs: a tag of four digits fits a stranger once in 10^4, so of 2·10^4 strangers two are expected and
// more than ten have a probability below 10^-5; a fixed sequence makes that a fact and not a gamble.
const strangers = 20_000;
const spread = (label: string, index: number): Buffer => createHash('sha256').update(`${label}${index}`).digest();

table<{ name: string; stranger: (index: number, ours: CodeSubject) => CodeSubject }>(
  'who else fits a confirmation code',
  [
    { name: 'another secret', stranger: (index, ours) => ({ ...ours, secret: spread('secret', index) }) },
    { name: 'another certificate', stranger: (index, ours) => ({ ...ours, certificateDer: spread('der', index) }) },
  ],
  ({ stranger }) => {
    const ours = subjectOf(worked);
    const parsed = confirmation(worked.confirmationCode);
    const answer = bare(worked.replacementCode);
    let fitting = 0;
    for (let index = 0; index < strangers; index++) {
      const other = stranger(index, ours);
      if (confirmationMatches(parsed, other)) fitting++;
      if (index < 10_000) assert.not(replacementMatches(answer, { ...other, question: parsed.question }));
    }
    assert.ok(fitting <= 10, `${fitting} of ${strangers} strangers fit`);
  },
);

test('another device fits only at the same locator, and then by the tag alone', () => {
  const ours = subjectOf(worked);
  const parsed = confirmation(worked.confirmationCode);
  let located = 0;
  for (let index = 0; index < strangers; index++) {
    const id = spread('id', index).toString('hex');
    const other = {
      ...ours,
      deviceId: `${id.slice(0, 8)}-${id.slice(8, 12)}-4${id.slice(13, 16)}-8${id.slice(17, 20)}-${id.slice(20, 32)}`,
    };
    if (locatorOf(other.deviceId) === parsed.locator) located++;
    assert.not(confirmationMatches(parsed, other));
  }
  assert.ok(located >= 1 && located <= 10, `${located} of ${strangers} at the locator`);
});

test('another action never fits: a certificate belongs to action 1, and tag and answer bind the action digit', () => {
  const ours = subjectOf(worked);
  for (const action of [2, 3] as const) {
    const question = `${action}${example.slice(1, 14)}`;
    const parsed = confirmation(withCheckDigits(question));
    assert.not(confirmationMatches(parsed, ours));
    assert.not(confirmationMatches(parsed, { ...ours, certificateDer: null }));
    assert.not(replacementMatches(bare(worked.replacementCode), { ...ours, certificateDer: null, question }));
  }
});

test('another counter or generation gives another answer', () => {
  const ours = subjectOf(worked);
  const codes = new Set(
    Array.from({ length: 1000 }, (_, count) =>
      makeConfirmation({ ...ours, action: 1, counter: count }).slice(0, 14),
    ).map((question) => makeReplacement({ ...ours, question })),
  );
  assert.is(codes.size, 1000);
  assert.not.equal(deriveSecret(ours.secret, ours.deviceId, 1), deriveSecret(ours.secret, ours.deviceId, 2));
});
