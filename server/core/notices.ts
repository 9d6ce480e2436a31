/** What administrators are told by e-mail (B14): which records are worth it, how long before its end something is named, and the mail. Pure. */
import type { Facts } from '../../protocol/fault.ts';
import { dayMs, type Instant, minuteMs } from '../../protocol/time.ts';
import type { MailWords } from '../../words/mail-en.ts';
import { fill, plainText } from '../../words/say.ts';

export type NoticeKind = keyof MailWords['notices'];
/** Told once for each key. Facts whose name ends in `At` are instants. */
export type Notice = { readonly key: string; readonly kind: NoticeKind; readonly facts: Facts };
export type AuditRecord = {
  readonly at: number;
  readonly id: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly facts: Facts;
};

/** Records that may be worth a notice. */
export const noticed = [
  'reserve-made',
  'certificate-switched',
  'switch-waits',
  'uploaded-certificate-ends',
  'device-retired',
  'code-refused',
  'user-locked',
  'account-locked',
] as const;

/**
 * What the server did by itself, and what somebody has to look at; what an administrator did himself is no news to him. A device
 * gives its events what names it likes, so of its word there is one thing alone: that its console has locked itself.
 */
export function noticeOf({ id, at, actor, action, subject, facts }: AuditRecord): Notice | null {
  const key = `audit ${id}`;
  // Whoever goes on typing while it is locked is refused for the same lock: its count of tries stands still.
  if (action === 'code-refused' && facts['code'] === 'code-locked' && actor === subject)
    return {
      key: `locked ${subject} ${facts['tries'] ?? ''} ${Math.floor(at / dayMs)}`,
      kind: 'consoleLocked',
      facts: { device: subject, lockedAt: at },
    };
  if (actor !== 'server') return null;
  if (action === 'reserve-made')
    return {
      key,
      kind: 'reserveMade',
      facts: { certificate: subject.slice(0, 16), activeAt: timeOf(facts['activateAt']) },
    };
  if (action === 'certificate-switched')
    return { key, kind: 'switched', facts: { certificate: subject.slice(0, 16), notReady: facts['notReady'] ?? 0 } };
  if (action === 'switch-waits') return { key, kind: 'switchWaits', facts: { count: facts['count'] ?? 0 } };
  if (action === 'uploaded-certificate-ends')
    return { key, kind: 'uploadedEnds', facts: { endsAt: timeOf(facts['ends']) } };
  if (action === 'device-retired')
    return { key, kind: 'deviceRetired', facts: { device: subject, endsAt: timeOf(facts['ended']) } };
  const lock = { from: facts['from'] ?? '', untilAt: timeOf(facts['until']) };
  if (action === 'user-locked') return { key, kind: 'userLocked', facts: { user: subject, ...lock } };
  if (action === 'account-locked') return { key, kind: 'accountLocked', facts: { account: subject, ...lock } };
  return null;
}

/** Something with an end. `subject` is the same for the same thing. */
export type Ending = {
  readonly kind: NoticeKind;
  readonly subject: string;
  readonly facts: Facts;
  readonly notAfter: number;
};

/**
 * Days before the end at which it is named: of what a person has to do something about, of the server's own certificate, which
 * it changes 30 days before, and of what devices renew by themselves.
 */
export const stages = { byHand: [60, 30, 14, 7, 1], ofServer: [14, 7, 1], byItself: [7, 1] } as const;
const afterwardsMs = 30 * dayMs;
/** Longer than any stage and what comes after it, so that nothing is told again. */
export const keptMs = 180 * dayMs;

/** The latest stage that was reached: after a long time off, one notice and not all that were missed. */
export function endingOf(
  { kind, subject, facts, notAfter }: Ending,
  days: readonly number[],
  now: Instant,
): Notice | null {
  const leftMs = notAfter - now;
  if (leftMs < -afterwardsMs) return null;
  const reached = leftMs <= 0 ? 'ended' : days.findLast((each) => leftMs <= each * dayMs);
  if (reached === undefined) return null;
  return { key: `${kind} ${subject} ${notAfter} ${reached}`, kind, facts: { ...facts, endsAt: notAfter } };
}

/** At most one mail in this time, whatever happens. */
const quietMs = 15 * minuteMs;
export const mayTell = (lastAt: number, now: Instant): boolean => now - lastAt >= quietMs || now < lastAt;

export const shownOfAKind = 20;
/** Of one kind: as many as are shown, and how many there are. */
export type Section = { readonly kind: NoticeKind; readonly count: number; readonly shown: readonly Facts[] };

/** The lines for `{notices}`. Facts come from devices and people: each becomes plain text on one line. */
export function tell(sections: readonly Section[], words: MailWords, say: (at: number) => string): string {
  return sections
    .map(({ kind, count, shown }) => {
      const { title, line } = words.notices[kind];
      const lines = shown.map((facts) => `- ${fill(line, said(facts, say))}`);
      const more = count > shown.length ? [fill(words.more, { count: count - shown.length })] : [];
      return [`${plainText(title)} (${count})`, ...lines, ...more].join('\n');
    })
    .join('\n\n');
}

const said = (facts: Facts, say: (at: number) => string): Facts =>
  Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [
      name.replace(/At$/, ''),
      name.endsWith('At') && typeof fact === 'number' ? (fact === 0 ? '' : say(fact)) : fact,
    ]),
  );

/** 0 for what is no time. */
const timeOf = (text: string | number | undefined): number => Date.parse(String(text ?? '')) || 0;
