/** What the routes of the HTTPS listeners for devices have in common. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Fault, fault, type Result } from '../../protocol/fault.ts';
import { maxEventBytes, maxReportBytes } from '../../protocol/limits.ts';
import type { RenewalProof } from '../core/ports.ts';

/** `current`: of a device of ours, in date. `renewable`: for renewal alone, its end may be over. */
export type NeededIdentity = 'none' | 'current' | 'renewable';
export type Binds = 'invitation' | 'token';
export type Route = {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly bodyLimit?: number;
  readonly identity: NeededIdentity;
  /** An identity nobody knows yet may be bound here, by an invitation, or by the token of a device that has none so far. */
  readonly binds?: Binds;
  /** `device` is empty where no identity is needed, `proof` null where it need not be renewable. */
  readonly answer: (
    request: FastifyRequest,
    reply: FastifyReply,
    device: string,
    proof: RenewalProof | null,
  ) => Promise<Result<unknown>>;
};

const maxEventsPerCheckin = 256;
export const maxCheckinBytes = maxReportBytes + maxEventsPerCheckin * maxEventBytes;

export function bodyOf({ body }: FastifyRequest): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array();
}

/** What was asked, and the refusal with where it came from: for the record, not for the answer. */
export const originOf = ({ method, url, ip }: FastifyRequest, { code, facts }: Fault): readonly [string, Fault] => [
  `${method} ${url.split('?', 1)[0]?.slice(0, 100)}`,
  fault(code, { ...facts, from: ip }),
];
