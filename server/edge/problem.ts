/** Faults as answers of the administration API: problem documents (RFC 9457) that carry the fault as `code`, `kind`, `facts`. */
import type { FastifyReply } from 'fastify';
import { type Fault, type FaultCode, fault } from '../../protocol/fault.ts';
import { sayFault, wordsOf } from '../../words/say.ts';

export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: FaultCode;
  readonly kind: Fault['kind'];
  readonly facts: Fault['facts'];
};

/** A file of certificates in base64, and room around it. */
export const maxBodyBytes = 12 * 1024 * 1024;

const statuses: Partial<Record<FaultCode, number>> = {
  'sign-in-refused': 401,
  'second-factor-needed': 401,
  'session-needed': 401,
  'setup-refused': 401,
  'api-token-refused': 401,
  'not-found': 404,
  'method-not-allowed': 405,
  'not-allowed': 403,
  'request-forged': 403,
  'already-exists': 409,
  'wrong-state': 409,
  'group-not-empty': 409,
  'devices-not-ready': 409,
  'identities-not-renewed': 409,
  'policy-key-not-held': 409,
  'reserve-there': 409,
  'devices-pinned': 409,
  'front-end-shows': 409,
  'no-reserve': 409,
  'stays-on': 409,
  'mutual-needed': 409,
  'new-endpoint-needed': 409,
  'clients-not-migrated': 409,
  'confirm-twice': 409,
  'devices-cut-off': 409,
  'mail-off': 409,
  'mail-no-address': 409,
  'too-large': 413,
  busy: 429,
  'sign-in-locked': 429,
  internal: 500,
};

export function sendProblem(reply: FastifyReply, found: Fault, more: object = {}): FastifyReply {
  const status = statuses[found.code] ?? (found.kind === 'broken' ? 500 : found.kind === 'unavailable' ? 503 : 400);
  if (status === 429) reply.header('retry-after', '60');
  return reply
    .code(status)
    .header('content-type', 'application/problem+json')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send({ ...problemOf(found, status), ...more });
}

const problemOf = (found: Fault, status: number): Problem => ({
  type: `urn:thintrust:fault:${found.code}`,
  title: sayFault(wordsOf.en, found),
  status,
  ...found,
});

/** What is no HTTP gets its answer by hand. */
export function rawProblem(found: Fault): string {
  const [status, reason] = found.code === 'too-large' ? [431, 'Request Header Fields Too Large'] : [400, 'Bad Request'];
  const body = JSON.stringify(problemOf(found, status));
  const headers = `Connection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}`;
  return `HTTP/1.1 ${status} ${reason}\r\n${headers}\r\n\r\n${body}`;
}

/** What fastify threw. */
export function faultOf(error: {
  readonly code?: string;
  readonly validation?: unknown;
  readonly where?: unknown;
}): Fault {
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return fault('too-large', { limit: maxBodyBytes });
  if (error.code === 'FST_ERR_CTP_INVALID_JSON_BODY' || error.code === 'FST_ERR_CTP_EMPTY_JSON_BODY')
    return fault('not-json', { what: 'body' });
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return fault('bad-shape', { what: 'body', rule: 'media type' });
  if (error.code === 'FST_ERR_HANDLER_TIMEOUT') return fault('timed-out');
  if (!Array.isArray(error.validation)) return fault('internal', { what: 'administration API' });
  const [first] = error.validation as { readonly instancePath?: string; readonly keyword?: string }[];
  const what = error.where === 'querystring' ? 'query' : 'body';
  return fault('bad-shape', { what, at: first?.instancePath ?? '', rule: first?.keyword ?? '' });
}
