/** Answers of the control API. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bad, type Fault, type FaultCode, type Result } from '../../protocol/fault.ts';
import { readBody } from './body.ts';

const jsonType = 'application/json; charset=utf-8';
const statuses: { readonly [code in FaultCode]?: number } = {
  'not-found': 404,
  'method-not-allowed': 405,
  'not-allowed': 403,
  'setting-locked': 403,
  'adding-closed': 403,
  'too-large': 413,
  'code-locked': 429,
  'already-registered': 409,
  'not-registered': 409,
  'code-needed': 409,
  'code-not-asked': 409,
  'session-busy': 409,
};

/** HTTP status of a fault. */
export function statusOf({ code, kind }: Fault): number {
  return statuses[code] ?? (kind === 'rejected' ? 400 : kind === 'unavailable' ? 503 : 500);
}

/** Fault: `too-large`, by what the head declares or by what comes. */
export async function bodyOf(request: IncomingMessage, limit: number): Promise<Result<Uint8Array>> {
  const declared = Number(request.headers['content-length'] ?? 0);
  return declared > limit ? bad('too-large', { bytes: declared, limit }) : readBody(request, limit);
}

export function send(response: ServerResponse, status: number, text: string, type = jsonType): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}

/** An unread body is not waited for: the connection ends with the answer. */
export function refuse(response: ServerResponse, why: Fault): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
  send(response, statusOf(why), JSON.stringify(why));
}
