/** Revisions, invitations and rights: small pure rules of the server. */
import { dayMs, hourMs, instant } from '../../protocol/time.ts';
import { checkKey, checkOpen, groupPassword, type Invitation, invitationEnd } from '../../server/core/invitation.ts';
import { datesAt, isResignDue, nextRevision, raisedRevision } from '../../server/core/revision.ts';
import { readSpelled, spell } from '../../server/core/spelling.ts';
import { assert, table, test } from '../harness.ts';

const now = instant(1_800_000_000_000);

table(
  'the next revision',
  [
    { name: 'the first is the time', last: 0, at: now, next: now },
    { name: 'time went on', last: now - 1000, at: now, next: now },
    { name: 'twice in a millisecond', last: now, at: now, next: now + 1 },
    { name: 'the clock fell back', last: now + 5000, at: now, next: now + 5001 },
  ],
  ({ last, at, next }) => assert.is(nextRevision(last, at), next),
);

test('a counter only rises', () => {
  assert.is(raisedRevision(5, 9), 9);
  assert.is(raisedRevision(9, 5), 9);
});

test('a document wants renewal after 14 days', () => {
  assert.equal(datesAt(now), { iat: 1_800_000_000, refreshBefore: 1_800_000_000 + 14 * 86_400 });
});

table(
  'signed again',
  [
    { name: 'just signed', signed: 0, due: false },
    { name: 'almost seven days', signed: -7 * dayMs + 1, due: false },
    { name: 'seven days', signed: -7 * dayMs, due: true },
    { name: 'signed a little ahead', signed: hourMs, due: false },
    { name: 'signed far ahead: the clock was wrong', signed: 2 * dayMs, due: true },
  ],
  ({ signed, due }) => assert.is(isResignDue(instant(now + signed), now), due),
);

const open: Invitation = { triesLeft: 10, expiresAt: invitationEnd(now), boundTo: null, usedAt: null };

table(
  'an invitation',
  [
    { name: 'new', invitation: open, reason: null },
    { name: 'unknown', invitation: null, reason: 'unknown' },
    { name: 'last millisecond', invitation: { ...open, expiresAt: instant(now + 1) }, reason: null },
    { name: 'expired', invitation: { ...open, expiresAt: now }, reason: 'expired' },
    { name: 'used', invitation: { ...open, usedAt: now }, reason: 'used' },
    { name: 'no tries left', invitation: { ...open, triesLeft: 0 }, reason: 'no tries left' },
  ],
  ({ invitation, reason }) => {
    const judged = checkOpen(invitation, now);
    assert.is(judged.ok ? null : judged.fault.code, reason === null ? null : 'invitation-refused');
    assert.is(judged.ok ? null : judged.fault.facts['reason'], reason);
  },
);

test('an invitation lives 72 hours', () => assert.is(invitationEnd(now) - now, 72 * hourMs));

table(
  'the first key binds',
  [
    { name: 'unbound', boundTo: null, ok: true },
    { name: 'the same key', boundTo: 'key', ok: true },
    { name: 'another key', boundTo: 'other', ok: false },
  ],
  ({ boundTo, ok }) => assert.is(checkKey({ ...open, boundTo }, 'key').ok, ok),
);

table(
  'passwords as they are typed',
  [
    { name: 'as shown', typed: 'ABCD-EFGH-0123' },
    { name: 'small letters', typed: 'abcd-efgh-0123' },
    { name: 'without hyphens', typed: 'ABCDEFGH0123' },
    { name: 'with blanks', typed: ' ABCD EFGH 0123 ' },
    { name: 'O for zero, l and I for one', typed: 'ABCD-EFGH-Ol23' },
    { name: 'capital I for one', typed: 'ABCD-EFGH-OI23' },
  ],
  ({ typed }) => assert.is(readSpelled(typed), 'ABCDEFGH0123'),
);

test('a password has 60 bits, five a letter, and reads back as it is shown', () => {
  const letters = spell(Uint8Array.from({ length: 256 }, (_, index) => index));
  assert.is(new Set(letters).size, 32);
  assert.is(groupPassword(spell(new Uint8Array(12))), '0000-0000-0000');
  assert.is(readSpelled(groupPassword(letters)), letters);
});
