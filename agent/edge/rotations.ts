/**
 * The one question that is asked of whoever answers: which signed statements lead on from a certificate. Nothing of ours goes
 * with it, neither identity nor device id, and the answer counts only by its signatures.
 */
import { good, type Result } from '../../protocol/fault.ts';
import { maxRotationsBytes } from '../../protocol/limits.ts';
import { exchange, faultOfAnswer } from './https.ts';

const timeoutMs = 30_000;

/** The bytes of `rotations`, unjudged. Faults: those of `exchange`, and what was answered. */
export async function fetchRotations(address: string, from: string): Promise<Result<Uint8Array>> {
  const outcome = await exchange({
    address,
    credentials: null,
    accept: null,
    authority: null,
    method: 'GET',
    path: `/v1/rotations?from=${from}`,
    headers: { Accept: 'application/json' },
    body: null,
    maxBytes: maxRotationsBytes,
    timeoutMs,
  });
  if (outcome.at === 'failed') return { ok: false, fault: outcome.fault };
  if (outcome.at === 'answered' && outcome.answer.status === 200) return good(outcome.answer.body);
  const answer = outcome.at === 'answered' ? outcome.answer : { status: 0, body: new Uint8Array() };
  return { ok: false, fault: faultOfAnswer(answer) };
}
