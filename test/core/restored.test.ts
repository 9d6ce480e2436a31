import { instant } from '../../protocol/time.ts';
import { blockedSince } from '../../server/core/restored.ts';
import { heldBack, isResignDue } from '../../server/core/revision.ts';
import { assert, table } from '../harness.ts';

const [a, b, main] = ['a', 'b', 'c'].map((each) => each.repeat(64)) as [string, string, string];
const none: readonly string[] = [];

const rows = [
  { name: 'nothing is blocked', shown: none, known: none, blocked: none, left: none },
  { name: 'the same', shown: [a], known: [a], blocked: none, left: none },
  { name: 'one more', shown: [a, b], known: [a], blocked: [b], left: none },
  { name: 'one more, named twice', shown: [b, b], known: [a], blocked: [b], left: none },
  { name: 'fewer: what was allowed again stays blocked', shown: none, known: [a], blocked: none, left: none },
  { name: 'the certificate the server shows again', shown: [a, main], known: none, blocked: [a], left: [main] },
  {
    name: 'one the backup blocks, though the server shows it',
    shown: [main],
    known: [main],
    blocked: none,
    left: none,
  },
];

table('what a newer policy blocks', rows, ({ shown, known, blocked, left }) => {
  assert.equal(blockedSince(shown, known, [main]), { blocked, left });
});

const hourMs = 3_600_000;
const now = instant(Date.parse('2030-01-31T12:00:00Z'));
const waits = [
  { name: 'at once', afterMs: 0, due: false },
  { name: 'a moment before the hour', afterMs: hourMs - 1, due: false },
  { name: 'after an hour', afterMs: hourMs, due: true },
];

table('documents of a restored backup are signed again', waits, ({ afterMs, due }) => {
  assert.is(isResignDue(heldBack(now), instant(now + afterMs)), due);
});
