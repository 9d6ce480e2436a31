import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { FaultCode } from '../../protocol/fault.ts';
import type { RegisterRequest } from '../../protocol/local.ts';
import type { Policy, Report } from '../../protocol/schema.ts';
import { check, read, type ShapeName } from '../../protocol/validate.ts';
import { assert, table, test } from '../harness.ts';

const id = '5b1f9c2e-0d3a-4c55-9d5e-1f2a3b4c5d6e';
const digest = 'ab'.repeat(32);
const shapes: readonly ShapeName[] = [
  'policy',
  'deviceDocument',
  'command',
  'keyStatement',
  'timeStatement',
  'registrationBundle',
  'legacyRegistration',
  'report',
  'auditEvent',
  'presence',
  'checkinRequest',
  'checkinAnswer',
  'registerRequest',
  'codeRequest',
  'status',
];

const policy: Policy = {
  aud: `${id}/group/${id}`,
  rev: 1,
  iat: 1_780_000_000,
  refreshBefore: 1_781_209_600,
  format: 1,
  group: { id, name: 'Branch office' },
  server: { main: 'MIIB', reserve: null },
  addresses: { https: 'server.example:443', mqtt: '[::1]:8883' },
  certificates: { enforced: true, entries: [{ purpose: 'rdp', file: 'root.pem', certificate: 'MIIB' }] },
  contacts: { enforced: false, value: null },
  blocklist: [digest],
};
const report: Report = {
  format: 1,
  device: id,
  at: 1_780_000_000_000,
  applied: { group: null, policy: 0, device: 0, command: 0 },
  certificates: [{ fingerprint: digest, purpose: 'ksc', source: 'policy' }],
  pins: null,
  identity: null,
  clock: { at: 'known', floor: 0 },
  codes: { tries: 0, lockedForMs: 0 },
  faults: [{ code: 'expired', kind: 'rejected', facts: { owner: 'Root', days: 3 } }],
  versions: { agent: '0.1.0', runtime: '24' },
  accepts: ['policy/1'],
  newer: [],
};
const register: RegisterRequest = {
  address: '127.0.0.1:9997',
  fingerprint: digest,
  invitation: 'A1-b2',
  password: 'secret',
};
const told = (facts: object) => ({ format: 1, seq: 1, at: 1, clock: 'known', event: 'x', facts });
const entry = { purpose: 'rdp', file: 'a.pem', certificate: 'MIIB' };

const goodRows: readonly { readonly name: string; readonly shape: ShapeName; readonly value: unknown }[] = [
  { name: 'policy', shape: 'policy', value: policy },
  { name: 'policy with a field of tomorrow', shape: 'policy', value: { ...policy, tomorrow: { a: 1 } } },
  {
    name: 'policy with as many certificates as may be',
    shape: 'policy',
    value: { ...policy, certificates: { enforced: true, entries: Array(512).fill(entry) } },
  },
  {
    name: 'policy with a reserve',
    shape: 'policy',
    value: { ...policy, server: { main: 'MIIB', reserve: { certificate: 'MIIC', activateAt: 0 } } },
  },
  { name: 'report', shape: 'report', value: report },
  { name: 'a fact under the longest name', shape: 'auditEvent', value: told({ ['x'.repeat(40)]: 1, '': 'a' }) },
  { name: 'presence', shape: 'presence', value: { format: 1, at: 'online' } },
  { name: 'register request', shape: 'registerRequest', value: register },
  { name: 'code of the greatest length', shape: 'codeRequest', value: { code: '1'.repeat(64) } },
  { name: 'length is counted in characters, not code units', shape: 'codeRequest', value: { code: '😀'.repeat(64) } },
  {
    name: 'check-in',
    shape: 'checkinRequest',
    value: { format: 1, nonce: 'a'.repeat(32), report, events: [] },
  },
];

table('check takes', goodRows, ({ shape, value }) => {
  const result = check(shape, value);
  assert.ok(result.ok, JSON.stringify(result));
  assert.is(result.value, value);
});

type BadRow = {
  readonly name: string;
  readonly shape: ShapeName;
  readonly value: unknown;
  readonly code: FaultCode;
  readonly at?: string;
  readonly rule?: string;
};

const badRows: readonly BadRow[] = [
  {
    name: 'a fact of any shape under a long name',
    shape: 'auditEvent',
    value: told({ ['x'.repeat(41)]: {} }),
    code: 'bad-shape',
  },
  {
    name: 'a fact of any shape under a name of two lines',
    shape: 'auditEvent',
    value: told({ 'a\n': {} }),
    code: 'bad-shape',
  },
  { name: 'null', shape: 'policy', value: null, code: 'bad-shape', at: '', rule: 'type' },
  { name: 'an array', shape: 'policy', value: [], code: 'bad-shape', at: '', rule: 'type' },
  { name: 'an empty object', shape: 'policy', value: {}, code: 'bad-shape', at: '', rule: 'required' },
  { name: 'policy of tomorrow', shape: 'policy', value: { ...policy, format: 2 }, code: 'unknown-version' },
  { name: 'format as text', shape: 'policy', value: { ...policy, format: '1' }, code: 'unknown-version' },
  { name: 'presence of tomorrow', shape: 'presence', value: { format: 2, at: 'online' }, code: 'unknown-version' },
  {
    name: 'one certificate too many',
    shape: 'policy',
    value: { ...policy, certificates: { enforced: true, entries: Array(513).fill(entry) } },
    code: 'bad-shape',
    at: '/certificates/entries',
    rule: 'maxItems',
  },
  {
    name: 'a server certificate among the client purposes',
    shape: 'policy',
    value: { ...policy, certificates: { enforced: true, entries: [{ ...entry, purpose: 'ksc' }] } },
    code: 'bad-shape',
    at: '/certificates/entries/0/purpose',
    rule: 'enum',
  },
  {
    name: 'a certificate that is not base64',
    shape: 'policy',
    value: { ...policy, server: { main: 'MI B', reserve: null } },
    code: 'bad-shape',
    at: '/server/main',
    rule: 'pattern',
  },
  {
    name: 'a group id that is no UUIDv4',
    shape: 'policy',
    value: { ...policy, group: { id: id.toUpperCase(), name: '' } },
    code: 'bad-shape',
    at: '/group/id',
    rule: 'pattern',
  },
  {
    name: 'an address without a port',
    shape: 'policy',
    value: { ...policy, addresses: { ...policy.addresses, mqtt: 'server.example' } },
    code: 'bad-shape',
    at: '/addresses/mqtt',
    rule: 'pattern',
  },
  { name: 'a negative revision', shape: 'policy', value: { ...policy, rev: -1 }, code: 'bad-shape', at: '/rev' },
  { name: 'half a revision', shape: 'policy', value: { ...policy, rev: 0.5 }, code: 'bad-shape', at: '/rev' },
  { name: 'a revision beyond exact numbers', shape: 'policy', value: { ...policy, rev: 2 ** 53 }, code: 'bad-shape' },
  {
    name: 'text as a blocklist',
    shape: 'policy',
    value: { ...policy, blocklist: digest },
    code: 'bad-shape',
    at: '/blocklist',
    rule: 'type',
  },
  {
    name: 'a fault with a field of its own',
    shape: 'report',
    value: { ...report, faults: [{ ...report.faults[0], more: 1 }] },
    code: 'bad-shape',
    at: '/faults/0',
    rule: 'additionalProperties',
  },
  {
    name: 'a report in a check-in says where',
    shape: 'checkinRequest',
    value: { format: 1, nonce: 'a'.repeat(32), report: { ...report, device: 'x' }, events: [] },
    code: 'bad-shape',
    at: '/report/device',
    rule: 'pattern',
  },
  {
    name: 'a local request with a field of its own',
    shape: 'registerRequest',
    value: { ...register, more: 1 },
    code: 'bad-shape',
    rule: 'additionalProperties',
  },
  {
    name: 'a password too long',
    shape: 'registerRequest',
    value: { ...register, password: 'x'.repeat(65) },
    code: 'bad-shape',
    at: '/password',
    rule: 'maxLength',
  },
  {
    name: 'a code of another type',
    shape: 'codeRequest',
    value: { code: 12 },
    code: 'bad-shape',
    at: '/code',
    rule: 'type',
  },
  {
    name: 'a code from the prototype',
    shape: 'codeRequest',
    value: JSON.parse('{"__proto__":{"code":"1"}}'),
    code: 'bad-shape',
  },
];

table('check refuses', badRows, ({ shape, value, code, at, rule }) => {
  const result = check(shape, value);
  assert.not(result.ok);
  if (result.ok) return;
  assert.is(result.fault.code, code);
  assert.is(result.fault.facts['what'], shape);
  if (at !== undefined) assert.is(result.fault.facts['at'], at);
  if (rule !== undefined) assert.is(result.fault.facts['rule'], rule);
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const byteRows: readonly { readonly name: string; readonly bytes: Uint8Array; readonly code: FaultCode | null }[] = [
  { name: 'a good code', bytes: bytes('{"code":"1"}'), code: null },
  { name: 'exactly the limit', bytes: bytes(`{"code":"1"}${' '.repeat(88)}`), code: null },
  { name: 'one byte over the limit', bytes: bytes(`{"code":"1"}${' '.repeat(89)}`), code: 'too-large' },
  { name: 'size before syntax', bytes: bytes('{'.repeat(101)), code: 'too-large' },
  { name: 'nothing', bytes: bytes(''), code: 'not-json' },
  { name: 'cut short', bytes: bytes('{"code":"1"'), code: 'not-json' },
  { name: 'text behind', bytes: bytes('{"code":"1"} x'), code: 'not-json' },
  { name: 'bytes that are not UTF-8', bytes: Uint8Array.of(0x22, 0xff, 0x22), code: 'not-json' },
  { name: 'a lone number', bytes: bytes('1'), code: 'bad-shape' },
];

table('read, with a limit of 100 bytes', byteRows, (row) => {
  const result = read('codeRequest', row.bytes, 100);
  assert.is(result.ok ? null : result.fault.code, row.code);
});

// Bounds: 10^4 runs each, up to 1 KiB of bytes, JSON to fast-check's default depth, and a good policy with one value replaced.
const shape = fc.constantFrom(...shapes);
const codes: readonly FaultCode[] = ['too-large', 'not-json', 'bad-shape', 'unknown-version'];

function holds(name: ShapeName, input: Uint8Array): boolean {
  const result = read(name, input, 4096);
  return result.ok ? input.length <= 4096 : codes.includes(result.fault.code);
}

test('read never throws on any bytes', () => {
  fc.assert(fc.property(shape, fc.uint8Array({ maxLength: 1024 }), holds), { numRuns: 10_000 });
});

test('read never throws on any JSON', () => {
  const json = fc.json().map(bytes);
  fc.assert(fc.property(shape, json, holds), { numRuns: 10_000 });
});

test('read never throws on a policy with anything in any place', () => {
  const place = fc.constantFrom(...(Object.keys(policy) as (keyof Policy)[]));
  fc.assert(
    fc.property(place, fc.jsonValue(), (key, value) =>
      holds('policy', bytes(JSON.stringify({ ...policy, [key]: value }))),
    ),
    { numRuns: 10_000 },
  );
});

test('depth is no danger: a mebibyte of brackets is a fault, not a crash', () => {
  const half = 512 * 1024;
  const open = read('policy', bytes('['.repeat(2 * half)), 2 * half);
  const closed = read('policy', bytes('['.repeat(half) + ']'.repeat(half)), 2 * half);
  assert.is(open.ok ? null : open.fault.code, 'not-json');
  assert.is(closed.ok ? null : closed.fault.code, 'bad-shape');
});

const validators = fileURLToPath(new URL('../../build/validators.js', import.meta.url));

test('the validators make no code at run time and load nothing', () => {
  const script = `import(${JSON.stringify(validators)}).then((v) => process.exit(v.validators.codeRequest({ code: '1' }) ? 0 : 1))`;
  execFileSync(process.execPath, ['--disallow-code-generation-from-strings', '-e', script]);
  const source = readFileSync(validators, 'utf8');
  assert.not.match(source, /^import |\bnew Function\b|\beval\(/m);
  assert.ok(source.length < 220_000, `${source.length} bytes`);
});
