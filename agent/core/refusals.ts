/**
 * What was refused is told the audit log: what is the same once an hour, ten from one side an hour, and never more than a
 * hundred before the server has taken them. So nobody who sends garbage pushes other events out of the spool.
 */
import type { Fault, FaultCode } from '../../protocol/fault.ts';
import { hourMs } from '../../protocol/time.ts';
import type { Now } from './shape.ts';
import { audit, poweredOf, type Refusals, rest, type State, type Step } from './state.ts';

export type Refused =
  | 'answer-refused'
  | 'code-refused'
  | 'connection-refused'
  | 'document-refused'
  | 'request-refused'
  | 'state-refused';

const mostAnHour = 10;
const mostUntaken = 100;

export function record(state: State, now: Now, side: keyof Refusals, event: Refused, { code, facts }: Fault): Step {
  const powered = poweredOf(state, now);
  const { untaken, ...hour } = state.refusals[side];
  const { sinceMs, told } = powered - hour.sinceMs < hourMs ? hour : { sinceMs: powered, told: [] };
  const name = `${event} ${code} ${facts['what'] ?? ''}`;
  if (told.includes(name) || told.length >= mostAnHour || untaken >= mostUntaken) return rest(state);
  const counted = { sinceMs, told: [...told, name], untaken: untaken + 1 };
  const next: State = { ...state, refusals: { ...state.refusals, [side]: counted } };
  return audit(next, now, { event, facts: { ...facts, code } });
}

const ofOurKey: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'identity-unreadable',
  'tpm-missing',
  'tpm-failed',
  'tpm-foreign',
]);

/** What a contact failed by, where it is something wrong: of the other side, or of our own key. */
export const recordAnswer = (state: State, now: Now, why: Fault): Step =>
  ofOurKey.has(why.code)
    ? record(state, now, 'server', 'state-refused', why)
    : why.kind === 'rejected' || why.code === 'server-answer'
      ? record(state, now, 'server', 'answer-refused', why)
      : rest(state);
