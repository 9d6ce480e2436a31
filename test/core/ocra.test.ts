import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { type OcraInput, ocra, parseOcraSuite } from '../../protocol/ocra.ts';
import { assert, table, test } from '../harness.ts';

type Vector = {
  readonly section: string;
  readonly suite: string;
  readonly keyHex: string;
  readonly question: string;
  readonly expected: string;
  readonly counter?: number;
  readonly pinSha1?: string;
  readonly timeHex?: string;
};

const vectors: readonly Vector[] = JSON.parse(
  readFileSync(new URL('../vectors/ocra-rfc6287.json', import.meta.url), 'utf8'),
);

const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
const parsed = (text: string) => {
  const suite = parseOcraSuite(text);
  if (!suite.ok) throw new Error(`${text} does not parse`);
  return suite.value;
};

/** The mutual vectors print both challenges as one string of twice eight characters. */
const questionsOf = ({ section, question }: Vector): OcraInput['questions'] =>
  section.startsWith('C.2') ? [question.slice(0, 8), question.slice(8)] : [question];

test('all 70 vectors are here', () => assert.is(vectors.length, 70));

table(
  'RFC 6287 appendix C',
  vectors.map((vector, index) => ({
    name: `${index + 1} ${vector.section} ${vector.suite} ${vector.question}`,
    vector,
  })),
  ({ vector }) => {
    const value = ocra(parsed(vector.suite), {
      key: bytes(vector.keyHex),
      questions: questionsOf(vector),
      ...(vector.counter === undefined ? {} : { counter: vector.counter }),
      ...(vector.pinSha1 === undefined ? {} : { passwordHash: bytes(vector.pinSha1) }),
      ...(vector.timeHex === undefined ? {} : { timeSteps: Number.parseInt(vector.timeHex, 16) }),
    });
    assert.equal(value, { ok: true, value: vector.expected });
  },
);

table(
  'suites read (RFC 6287 §6)',
  [
    { name: 'ours', text: 'OCRA-1:HOTP-SHA256-10:QN14-S064', digits: 10, session: 64, step: null },
    { name: 'whole HMAC', text: 'OCRA-1:HOTP-SHA1-0:QH64', digits: 0, session: null, step: null },
    {
      name: 'all at once',
      text: 'OCRA-1:HOTP-SHA512-8:C-QA08-PSHA512-S512-T48H',
      digits: 8,
      session: 512,
      step: 172800,
    },
    { name: 'seconds', text: 'OCRA-1:HOTP-SHA1-4:QN04-T59S', digits: 4, session: null, step: 59 },
  ],
  ({ text, digits, session, step }) => {
    const suite = parsed(text);
    assert.is(suite.digits, digits);
    assert.is(suite.sessionBytes, session);
    assert.is(suite.stepSeconds, step);
  },
);

table(
  'suites refused (RFC 6287 §6)',
  [
    'OCRA-2:HOTP-SHA1-6:QN08',
    'ocra-1:HOTP-SHA1-6:QN08',
    'OCRA-1:HOTP-MD5-6:QN08',
    'OCRA-1:HOTP-SHA384-6:QN08',
    'OCRA-1:HOTP-SHA1-3:QN08',
    'OCRA-1:HOTP-SHA1-11:QN08',
    'OCRA-1:HOTP-SHA1-06:QN08',
    'OCRA-1:HOTP-SHA1-00:QN08',
    'OCRA-1:HOTP-SHA1-6:QN03',
    'OCRA-1:HOTP-SHA1-6:QN65',
    'OCRA-1:HOTP-SHA1-6:QX08',
    'OCRA-1:HOTP-SHA1-6:QN8',
    'OCRA-1:HOTP-SHA1-6:C',
    'OCRA-1:HOTP-SHA1-6:QN08-C',
    'OCRA-1:HOTP-SHA1-6:QN08-S000',
    'OCRA-1:HOTP-SHA1-6:QN08-S513',
    'OCRA-1:HOTP-SHA1-6:QN08-T0H',
    'OCRA-1:HOTP-SHA1-6:QN08-T60S',
    'OCRA-1:HOTP-SHA1-6:QN08-T60M',
    'OCRA-1:HOTP-SHA1-6:QN08-T49H',
    'OCRA-1:HOTP-SHA1-6:QN08-T1M-PSHA1',
    'OCRA-1:HOTP-SHA1-6:QN08\n',
    ' OCRA-1:HOTP-SHA1-6:QN08',
    '',
  ].map((text) => ({ name: JSON.stringify(text), text })),
  ({ text }) => {
    const suite = parseOcraSuite(text);
    assert.is(suite.ok ? 'read' : suite.fault.code, 'bad-shape');
  },
);

const key = bytes('3132333435363738393031323334353637383930');
const sha1Length = new Uint8Array(20);

table<{ name: string; suite: string; input: Partial<OcraInput>; what: string }>(
  'inputs refused (RFC 6287 §5.1)',
  [
    { name: 'counter missing', suite: 'OCRA-1:HOTP-SHA1-6:C-QN08', input: {}, what: 'ocra counter' },
    { name: 'counter not called for', suite: 'OCRA-1:HOTP-SHA1-6:QN08', input: { counter: 1 }, what: 'ocra counter' },
    { name: 'counter negative', suite: 'OCRA-1:HOTP-SHA1-6:C-QN08', input: { counter: -1 }, what: 'ocra counter' },
    { name: 'counter a fraction', suite: 'OCRA-1:HOTP-SHA1-6:C-QN08', input: { counter: 0.5 }, what: 'ocra counter' },
    {
      name: 'counter not exact',
      suite: 'OCRA-1:HOTP-SHA1-6:C-QN08',
      input: { counter: 2 ** 53 },
      what: 'ocra counter',
    },
    { name: 'question empty', suite: 'OCRA-1:HOTP-SHA1-6:QN08', input: { questions: [''] }, what: 'ocra question' },
    {
      name: 'question long',
      suite: 'OCRA-1:HOTP-SHA1-6:QN08',
      input: { questions: ['123456789'] },
      what: 'ocra question',
    },
    {
      name: 'second long',
      suite: 'OCRA-1:HOTP-SHA1-6:QN08',
      input: { questions: ['1', '123456789'] },
      what: 'ocra question',
    },
    {
      name: 'letters in QN',
      suite: 'OCRA-1:HOTP-SHA1-6:QN08',
      input: { questions: ['1234567a'] },
      what: 'ocra question',
    },
    { name: 'sign in QN', suite: 'OCRA-1:HOTP-SHA1-6:QN08', input: { questions: ['-1234567'] }, what: 'ocra question' },
    { name: 'g in QH', suite: 'OCRA-1:HOTP-SHA1-6:QH08', input: { questions: ['1234567g'] }, what: 'ocra question' },
    {
      name: 'blank in QA',
      suite: 'OCRA-1:HOTP-SHA1-6:QA08',
      input: { questions: ['1234 678'] },
      what: 'ocra question',
    },
    { name: 'password missing', suite: 'OCRA-1:HOTP-SHA1-6:QN08-PSHA1', input: {}, what: 'ocra password' },
    {
      name: 'password of another hash',
      suite: 'OCRA-1:HOTP-SHA1-6:QN08-PSHA256',
      input: { passwordHash: sha1Length },
      what: 'ocra password',
    },
    {
      name: 'password not called for',
      suite: 'OCRA-1:HOTP-SHA1-6:QN08',
      input: { passwordHash: sha1Length },
      what: 'ocra password',
    },
    { name: 'session missing', suite: 'OCRA-1:HOTP-SHA1-6:QN08-S064', input: {}, what: 'ocra session' },
    {
      name: 'session short',
      suite: 'OCRA-1:HOTP-SHA1-6:QN08-S064',
      input: { session: sha1Length },
      what: 'ocra session',
    },
    { name: 'time missing', suite: 'OCRA-1:HOTP-SHA1-6:QN08-T1M', input: {}, what: 'ocra time' },
    { name: 'time not called for', suite: 'OCRA-1:HOTP-SHA1-6:QN08', input: { timeSteps: 0 }, what: 'ocra time' },
  ],
  ({ suite, input, what }) => {
    const value = ocra(parsed(suite), { key, questions: ['12345678'], ...input });
    assert.equal(value.ok ? 'read' : value.fault, { code: 'bad-shape', kind: 'rejected', facts: { what } });
  },
);

test('DataInput is laid out as §5.1 writes it: odd nibbles are filled up on the right, the session follows the question', () => {
  // 4095 is 0xfff: three nibbles, so the fourth is a zero of the filling and not a leading one
  const data = `${Buffer.from('OCRA-1:HOTP-SHA256-0:C-QN14-PSHA1-S002-T1H\0').toString('hex')}${'0000000000000102'}${'fff'.padEnd(256, '0')}${'11'.repeat(20)}${'abcd'}${'00000000000000ff'}`;
  const value = ocra(parsed('OCRA-1:HOTP-SHA256-0:C-QN14-PSHA1-S002-T1H'), {
    key,
    questions: ['00000000004095'],
    counter: 0x102,
    passwordHash: bytes('11'.repeat(20)),
    session: bytes('abcd'),
    timeSteps: 255,
  });
  assert.equal(value, { ok: true, value: createHmac('sha256', key).update(bytes(data)).digest('hex') });
});

test('any string as a suite, 10^4 runs of up to 100 characters: a suite that re-encodes or a fault, never a throw', () => {
  const near = fc.stringMatching(
    /^OCRA-1:HOTP-SHA(1|256|512)-[0-9]{1,2}:(C-)?Q[NAHX][0-9]{2}(-PSHA1)?(-S[0-9]{3})?(-T[0-9]{1,2}[SMH])?$/,
  );
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 100, unit: 'binary' }), near), (text) => {
      const suite = parseOcraSuite(text);
      if (suite.ok) assert.is(suite.value.text, text);
      else assert.is(suite.fault.code, 'bad-shape');
    }),
    { numRuns: 10_000 },
  );
});

test('any question, 10^4 runs of up to 140 characters: as many digits as the suite says or a fault', () => {
  const suites = ['OCRA-1:HOTP-SHA1-10:QN64', 'OCRA-1:HOTP-SHA256-7:QA64', 'OCRA-1:HOTP-SHA512-4:QH64'].map(parsed);
  const question = fc.oneof(
    fc.string({ maxLength: 140, unit: 'binary' }),
    fc.stringMatching(/^[0-9]{1,64}$/),
    fc.stringMatching(/^[0-9a-f]{1,64}$/),
  );
  fc.assert(
    fc.property(fc.constantFrom(...suites), question, question, fc.boolean(), (suite, one, other, mutual) => {
      const value = ocra(suite, { key, questions: mutual ? [one, other] : [one] });
      if (value.ok) assert.match(value.value, new RegExp(`^[0-9]{${suite.digits}}$`));
      else assert.equal(value.fault.facts, { what: 'ocra question' });
    }),
    { numRuns: 10_000 },
  );
});
