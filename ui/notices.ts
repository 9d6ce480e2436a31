/** Everything that needs a person's attention, as sentences, most urgent first. Pure. */
import type { Status } from '../protocol/local.ts';
import { fill, formatDuration, formatInstant, sayFault, type Words, wordsOf } from '../words/say.ts';
import type { Line } from './frame.ts';
import { span, wrap } from './frame.ts';
import { agentNow, listed, logIsAsked, type Model } from './model.ts';

/** A certificate that ends sooner than this is told of. */
const expiresSoonMs = 30 * 86_400_000;
const identityEndsSoonMs = 7 * 86_400_000;

export function noticesOf(model: Model): readonly string[] {
  const status = model.status?.value;
  if (!status) return [];
  const words = wordsOf[model.language];
  const own = words.screens.notices;
  const floor = formatInstant(words, status.clock.floor, model.offsetMinutes);
  // The agent's own faults of the same matter would only repeat these.
  const told = [
    'clock-unknown',
    ...(status.policy?.stale ? ['policy-stale'] : []),
    ...(status.replacement?.about === 'device' ? ['identity-retired'] : []),
  ];
  const others = status.faults.filter(({ code }) => !told.includes(code)).map((of) => sayFault(words, of));
  const shown = [
    // The agent rests and does nothing more: why, and what helps, before anything else.
    ...(status.at === 'broken' ? others : []),
    // Where there is room for one alone: the way back that needs no telephone. The other has a button of its own.
    ...(status.repair === null ? [] : [fill(own.repair, { file: status.repair })]),
    ...(status.replacement ? [status.replacement.about === 'device' ? own.reenrolment : own.replacement] : []),
    ...(status.clock.at === 'unknown' ? [fill(own.clock, { date: floor })] : []),
    ...(status.policy?.stale ? [own.stale] : []),
    ...identityNotices(model, status, words),
    ...logNotices(status, words),
    ...listNotices(model, status, words),
  ];
  return [...new Set([...shown, ...others, ...certificateNotices(model, status, words)])];
}

/** Renewal takes place long before; what has ended is a fault of the agent. */
function identityNotices(model: Model, { clock, identity }: Status, words: Words): readonly string[] {
  const leftMs = identity ? identity.notAfter - agentNow(model) : 0;
  if (clock.at === 'unknown' || leftMs <= 0 || leftMs > identityEndsSoonMs) return [];
  return [fill(words.screens.notices.identity, { time: formatDuration(words, leftMs) })];
}

function logNotices(status: Status, words: Words): readonly string[] {
  const { log } = status;
  const own = words.screens.notices;
  const refused = logIsAsked(status) ? own.logUnknown : fill(own.logRefused, { server: log.server ?? '' });
  return [
    ...(log.at === 'refused' ? [refused] : []),
    ...(log.dropped > 0 ? [fill(own.dropped, { count: log.dropped })] : []),
  ];
}

/** Where no server is connected to without a list in force, one that is past its date is told of. */
function listNotices(model: Model, { clock, revocation }: Status, words: Words): readonly string[] {
  const hard = Object.values(revocation?.modes ?? {}).includes('hard');
  if (clock.at === 'unknown' || !hard) return [];
  const ended = revocation?.lists.filter(({ nextUpdate }) => nextUpdate < agentNow(model)) ?? [];
  return ended.map(({ issuer }) => fill(words.screens.notices.listEnded, { issuer }));
}

/** Blocked and revoked ones, and those that end soon; with the clock unknown nobody can say what soon is. */
function certificateNotices(model: Model, status: Status, words: Words): readonly string[] {
  const own = words.screens.notices;
  const now = agentNow(model);
  const hasReserve = status.certificates.some(({ slot }) => slot === 'reserve');
  const lastFrontEnd = Math.max(
    ...status.certificates.map(({ slot, notAfter }) => (slot === 'front-end' ? notAfter : 0)),
  );
  return listed(status).flatMap(({ purpose, slot, owner, notAfter, fingerprint }) => {
    const facts = { purpose: slot ? words.slotNames[slot] : words.purposes[purpose], owner };
    if (status.blocked.includes(fingerprint)) return [fill(own.blocked, facts)];
    const mode = purpose === 'ksc' ? 'off' : (status.revocation?.modes[purpose] ?? 'off');
    if (mode !== 'off' && status.revocation?.revoked.includes(fingerprint)) return [fill(own.revoked, facts)];
    // The server's own certificates follow each other without anybody's help, as long as the next one is there.
    if (status.clock.at === 'unknown' || slot === 'previous' || (slot === 'current' && hasReserve)) return [];
    if (slot === 'front-end' && notAfter < lastFrontEnd) return [];
    if (notAfter <= now) return [fill(own.expired, facts)];
    if (notAfter - now > expiresSoonMs) return [];
    return [fill(own.expiring, { ...facts, time: formatDuration(words, notAfter - now) })];
  });
}

/** One notice in `width` cells, marked by more than its colour. */
export const noticeLines = (text: string, width: number): readonly Line[] =>
  wrap(text, width - 2).map((part, index) => [span(index === 0 ? '! ' : '  ', 'warning'), span(part, 'warning')]);
