/** Check-in: `POST /v1/checkin` over mutual TLS, the carrier beside MQTT. Only leaf certificates are accepted. */
import { maxDocumentBytes } from '../../protocol/limits.ts';
import { exchange, faultOfAnswer, type HttpOutcome } from './https.ts';
import type { Credentials } from './tls.ts';

export type CheckinOrder = {
  readonly address: string;
  readonly credentials: Credentials;
  readonly accept: readonly string[];
  readonly body: string;
};

const timeoutMs = 60_000;
/** A policy, a device document, a time statement and up to 32 commands, base64 in JSON. */
const maxAnswerBytes = 4 * maxDocumentBytes;

/** An answered check-in has status 200; its body is unjudged. */
export async function checkIn({ body, ...order }: CheckinOrder): Promise<HttpOutcome> {
  const outcome = await exchange({
    ...order,
    authority: null,
    method: 'POST',
    path: '/v1/checkin',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body,
    maxBytes: maxAnswerBytes,
    timeoutMs,
  });
  if (outcome.at !== 'answered' || outcome.answer.status === 200) return outcome;
  return { at: 'failed', fault: faultOfAnswer(outcome.answer) };
}
