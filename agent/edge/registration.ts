/** The two calls behind enrolment, over mutual TLS: fetch the registration bundle, and say that it is safe here. */
import { toBase64 } from '../../protocol/certificate.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import type { Instant } from '../../protocol/time.ts';
import { exchange, faultOfAnswer, type HttpOutcome } from './https.ts';
import type { Credentials } from './tls.ts';

/** The time a served chain is judged at when an authority is accepted: the clock, never before the build. */
export type Judging = { readonly at: () => Instant };
export type CallOrder = {
  readonly address: string;
  readonly credentials: Credentials;
  readonly accept: readonly string[];
  readonly judging: Judging;
  /** The invitation, where the server has yet to learn whose a foreign identity is. */
  readonly invited?: { readonly invitation: string; readonly password: string } | undefined;
};

const callTimeoutMs = 30_000;

/** The bytes of the bundle, unjudged. Faults: those of `exchange`, and what the server answered. */
export const fetchBundle = (order: CallOrder): Promise<HttpOutcome> => call(order, 'GET', '/v1/bundle', null, 200);

export const confirmBundle = (order: CallOrder): Promise<HttpOutcome> =>
  call(order, 'POST', '/v1/bundle/confirm', '{}', 204);

/** RFC 7617, UTF-8. */
export const basic = (user: string, password: string): string =>
  `Basic ${toBase64(Buffer.from(`${user}:${password}`, 'utf8'))}`;

async function call(
  order: CallOrder,
  method: 'GET' | 'POST',
  path: string,
  body: string | null,
  wanted: number,
): Promise<HttpOutcome> {
  const outcome = await exchange({
    address: order.address,
    credentials: order.credentials,
    accept: order.accept,
    authority: order.judging.at(),
    method,
    path,
    headers: {
      Accept: 'application/json',
      ...(body === null ? {} : { 'Content-Type': 'application/json' }),
      ...(order.invited && { Authorization: basic(order.invited.invitation, order.invited.password) }),
    },
    body,
    maxBytes: maxDocumentBytes,
    timeoutMs: callTimeoutMs,
  });
  if (outcome.at !== 'answered' || outcome.answer.status === wanted) return outcome;
  return { at: 'failed', fault: faultOfAnswer(outcome.answer) };
}
