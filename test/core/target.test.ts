import fc from 'fast-check';
import { parseIp, parseTarget } from '../../protocol/target.ts';
import { assert, table, test } from '../harness.ts';

const host = (name: string) => ({ host: name, ip: null });
const ip = (address: string) => ({ host: null, ip: address });
const long = (length: number): string => `${'a.'.repeat(length / 2).slice(0, length - 1)}b`;

const rows = [
  { name: 'a name', text: 'host.example', is: host('host.example') },
  { name: 'capitals', text: 'HOST.Example', is: host('host.example') },
  { name: 'one label', text: 'localhost', is: host('localhost') },
  { name: 'underscore', text: 'my_host.example', is: host('my_host.example') },
  { name: 'label that begins with a digit', text: '3com.example', is: host('3com.example') },
  { name: 'digits in every label but the last', text: '10.20.30.example', is: host('10.20.30.example') },
  { name: 'one trailing dot', text: 'host.example.', is: host('host.example') },
  { name: 'two trailing dots', text: 'host.example..', is: null },
  { name: 'only a dot', text: '.', is: null },
  { name: 'leading dot', text: '.host.example', is: null },
  { name: 'empty label', text: 'host..example', is: null },
  { name: 'nothing', text: '', is: null },
  { name: 'NUL', text: 'host.example\0', is: null },
  { name: 'NUL inside', text: 'host\0.example', is: null },
  { name: 'NUL beside a letter of another alphabet', text: 'хост\0.example', is: null },
  { name: 'blank', text: 'host .example', is: null },
  { name: 'line end', text: 'host.example\n', is: null },
  { name: 'wildcard', text: '*.example', is: null },
  { name: 'port', text: 'host.example:3389', is: null },
  { name: 'path', text: 'host.example/x', is: null },
  { name: 'hyphen first', text: '-host.example', is: null },
  { name: 'hyphen last', text: 'host-.example', is: null },
  { name: 'label of 63', text: `${'a'.repeat(63)}.example`, is: host(`${'a'.repeat(63)}.example`) },
  { name: 'label of 64', text: `${'a'.repeat(64)}.example`, is: null },
  { name: 'name of 253', text: long(253), is: host(long(253)) },
  { name: 'name of 255', text: long(255), is: null },
  { name: 'Cyrillic', text: 'пример.рф', is: host('xn--e1afmkfd.xn--p1ai') },
  { name: 'Cyrillic capitals with a trailing dot', text: 'ПРИМЕР.РФ.', is: host('xn--e1afmkfd.xn--p1ai') },
  { name: 'German sharp s stays (UTS 46, not transitional)', text: 'faß.example', is: host('xn--fa-hia.example') },
  { name: 'A-labels', text: 'xn--e1afmkfd.xn--p1ai', is: host('xn--e1afmkfd.xn--p1ai') },
  { name: 'ideographic full stop', text: 'a。example', is: host('a.example') },
  { name: 'slash beside a letter of another alphabet', text: 'ä/b.example', is: null },
  { name: 'percent beside a letter of another alphabet', text: 'ä%2e.example', is: null },
  { name: 'tab beside a letter of another alphabet', text: 'ä\tb.example', is: null },
  { name: 'at sign beside a letter of another alphabet', text: 'ä@b.example', is: null },
  { name: 'sign that unfolds to a slash', text: '℀.example', is: null },
  { name: 'lone surrogate', text: '\ud800.example', is: null },
  { name: 'IPv4', text: '192.0.2.1', is: ip('192.0.2.1') },
  { name: 'IPv4 with a trailing dot', text: '192.0.2.1.', is: null },
  { name: 'IPv4 above 255', text: '192.0.2.256', is: null },
  { name: 'IPv4 in octal', text: '192.0.2.010', is: null },
  { name: 'IPv4 in hexadecimal', text: '0xc0.0.2.1', is: null },
  { name: 'IPv4 ending in hexadecimal', text: '192.0.2.0x1', is: null },
  { name: 'IPv4 in three parts', text: '192.0.513', is: null },
  { name: 'IPv4 as one number', text: '3221225985', is: null },
  { name: 'IPv4 in wide digits', text: '１９２.0.2.1', is: null },
  { name: 'IPv6', text: '2001:DB8:0:0::1', is: ip('2001:db8::1') },
  { name: 'IPv6 in brackets', text: '[2001:db8::1]', is: ip('2001:db8::1') },
  { name: 'IPv6 with IPv4 inside', text: '::ffff:192.0.2.1', is: ip('::ffff:c000:201') },
  { name: 'IPv6 loopback', text: '::1', is: ip('::1') },
  { name: 'IPv6 unspecified', text: '::', is: ip('::') },
  { name: 'IPv6 with a zone', text: 'fe80::1%eth0', is: null },
  { name: 'IPv6 with a port', text: '[::1]:3389', is: null },
  { name: 'IPv6, two gaps', text: '1::2::3', is: null },
  { name: 'IPv6, nine parts', text: '1:2:3:4:5:6:7:8:9', is: null },
  { name: 'IPv6, half a bracket', text: '[::1', is: null },
  { name: 'empty brackets', text: '[]', is: null },
  { name: 'name in brackets', text: '[host.example]', is: null },
];

table('parseTarget (RFC 9525 §6, RFC 5891)', rows, ({ text, is }) => {
  const read = parseTarget(text);
  assert.equal(read.ok ? read.value : null, is);
  if (!read.ok) assert.is(read.fault.code, 'bad-argument');
});

test('parseIp takes no name', () => {
  assert.not(parseIp('host.example').ok);
  assert.ok(parseIp('[::1]').ok);
});

// Bounds: 10^4 runs each, up to 1100 characters of any kind, and of the kind names are made of.
const shaped = (text: string): boolean => {
  const read = parseTarget(text);
  if (!read.ok) return read.fault.code === 'bad-argument';
  const { host: name, ip: address } = read.value;
  if (name === null) return address !== null && parseIp(address).ok;
  const again = parseTarget(name);
  return /^[a-z0-9_.-]{1,253}$/.test(name) && again.ok && again.value.host === name;
};

test('parseTarget never throws, and what it gives it takes again unchanged', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 1100 }), shaped), { numRuns: 10_000 });
});

test('parseTarget near names never throws, and what it gives it takes again unchanged', () => {
  const near = fc
    .array(fc.constantFrom(...'aZ09._-:[]%x/@*\0ßже。１é'), { maxLength: 40 })
    .map((some) => some.join(''));
  fc.assert(fc.property(near, shaped), { numRuns: 10_000 });
});
