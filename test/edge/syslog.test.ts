/** Records as RFC 5424 messages in RFC 5425 frames, read back by a strict reader; and what the kernel says of a connection. */

import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import type { StoredRecord } from '../../agent/edge/log.ts';
import { severities } from '../../agent/edge/log-line.ts';
import { frameOf, maxMessageBytes } from '../../agent/edge/syslog.ts';
import { queuedIn, unacknowledgedOf } from '../../agent/edge/unacknowledged.ts';
import type { Severity } from '../../protocol/local.ts';
import { instant } from '../../protocol/time.ts';
import { readFrames } from '../fakes/rfc5424.ts';
import { authorityOf, serverMaterial, serveTls } from '../fakes/tls-server.ts';
import { assert, table, test } from '../harness.ts';

const record = (change: Partial<StoredRecord> = {}): StoredRecord => ({
  seq: 7,
  at: instant(Date.parse('2026-03-01T08:00:00.120Z')),
  severity: 'warn',
  component: 'agent',
  text: 'not made durable',
  facts: { code: 'disk-full', what: 'a "b] \\c' },
  ...change,
});

test('a record of each log, byte for byte', () => {
  const event = '<132>1 2026-03-01T08:00:00.120Z desk-3 thintrust - disk-full [meta sequenceId="7"]';
  const data = '[thintrust@32473 component="agent" code="disk-full" what="a \\"b\\] \\\\c"]';
  const text = '\ufeffnot made durable code=disk-full what="a \\"b] \\\\c"';
  const message = `${event}${data} ${text}`;
  assert.is(frameOf('event', record(), 'desk-3').toString(), `${Buffer.byteLength(message)} ${message}`);
  const audit = record({ severity: 'info', text: 'certificate-added', facts: { purpose: 'rdp' } });
  const [found] = readFrames(frameOf('audit', audit, 'desk-3'));
  assert.equal(found && [found.priority, found.application, found.id], [
    13 * 8 + 6,
    'thintrust-audit',
    'certificate-added',
  ]);
});

const levels: readonly { readonly name: Severity; readonly level: number }[] = [
  { name: 'trace', level: 7 },
  { name: 'debug', level: 7 },
  { name: 'info', level: 6 },
  { name: 'warn', level: 4 },
  { name: 'error', level: 3 },
  { name: 'fatal', level: 2 },
];
table('severity (RFC 5424 §6.2.1)', levels, ({ name, level }) => {
  const [found] = readFrames(frameOf('event', record({ severity: name }), 'desk-3'));
  assert.is(found?.priority, 16 * 8 + level);
});

test('sequence numbers begin at 1 again after 2147483647 (RFC 5424 §7.3.1)', () => {
  for (const [seq, wanted] of [
    [1, 1],
    [2147483647, 2147483647],
    [2147483648, 1],
    [2147483649, 2],
  ] as const) {
    const [found] = readFrames(frameOf('event', record({ seq }), 'desk-3'));
    assert.equal(found?.data[0]?.parameters, [['sequenceId', String(wanted)]]);
  }
});

test('a long text is cut between characters', () => {
  for (const text of ['x'.repeat(9000), 'щ'.repeat(4500), '😀'.repeat(3000), `a${'😀'.repeat(3000)}`]) {
    const frame = frameOf('event', record({ text, facts: {} }), 'desk-3');
    const [found] = readFrames(frame);
    assert.ok(frame.length <= maxMessageBytes + 5);
    assert.ok(text.startsWith(found?.text ?? 'nothing'));
    assert.is(frame.equals(frameOf('event', record({ text, facts: {} }), 'desk-3')), true);
  }
});

const anyText = (maxLength: number) => fc.string({ unit: 'binary', maxLength });
const control = /[\p{Cc}\u2028\u2029]/gu;

test('anything at all is a frame that a strict reader reads back (text of 3000 characters, 15 facts of 400)', () => {
  fc.assert(
    fc.property(
      fc.record({
        seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        at: fc.integer({ min: -(2 ** 52), max: 2 ** 52 }).map(instant),
        severity: fc.constantFrom(...severities),
        component: anyText(40),
        text: anyText(3000),
        facts: fc.dictionary(anyText(60), fc.oneof(anyText(400), fc.integer()), { maxKeys: 15 }),
      }),
      fc.constantFrom('event' as const, 'audit' as const),
      anyText(300),
      (given, log, device) => {
        const frame = frameOf(log, given, device);
        const [found, ...more] = readFrames(frame);
        assert.is(more.length, 0);
        assert.ok(found);
        if (!found) return;
        const length = Number(frame.toString('latin1').split(' ', 1)[0]);
        assert.ok(length <= maxMessageBytes);
        const own = found.data[1]?.parameters ?? [];
        const facts = Object.entries({ component: given.component, ...given.facts });
        assert.equal(
          own.map(([, value]) => value),
          facts.slice(0, own.length).map(([, value]) => String(value).replace(control, ' ')),
        );
        if (JSON.stringify(given.facts).length < 1000) assert.is(own.length, facts.length);
      },
    ),
    { numRuns: 10_000 },
  );
});

test('what the kernel holds of a connection is found by its ports', async () => {
  const material = await serverMaterial(authorityOf('Somebody'), ['localhost']);
  const served = await serveTls({ cert: material.cert, key: material.key });
  const socket = connect(served.port, '127.0.0.1');
  await once(socket, 'connect');
  assert.is(unacknowledgedOf(socket), 0);
  socket.destroy();
  await served.close();
  const line =
    '   0: 0100007F:1A0A 0100007F:D431 01 000004D2:00000000 00:00000000 00000000     0        0 36 1 0000 20 4 30 10 -1\n';
  assert.is(queuedIn(line, 0x1a0a, 0xd431), 1234);
  assert.is(queuedIn(line, 0xd431, 0x1a0a), null);
});
