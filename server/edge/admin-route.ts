/** What a route of the administration API is, and the shapes that several have in their bodies. */
import { type Static, type TObject, type TSchema, Type } from '@sinclair/typebox';
import type { Result } from '../../protocol/fault.ts';
import type { Action, Rights } from '../core/permission.ts';
import type { Actor, Server } from './context.ts';

export type Call = {
  readonly params: Readonly<Record<string, string>>;
  /** Checked against the route's schema where it has one; then its numbers are numbers. */
  readonly query: Readonly<Record<string, string>>;
  /** Checked against the route's schema. */
  readonly body: unknown;
  readonly actor: Actor;
  /** What the actor may do. */
  readonly rights: Rights;
};
export type AdminRoute = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  /** By its body, where one route changes what different people may change. */
  readonly action: Action | ((body: unknown) => Action);
  readonly body?: TSchema;
  /** What may stand behind the `?`. */
  readonly query?: TSchema;
  /** What a good answer is. */
  readonly answer?: TSchema;
  /** Its answer is a page of such rows, and may be had as CSV too. */
  readonly list?: TObject;
  /** Media type of an answer that is text. */
  readonly type?: string;
  /** `run` records itself what it refuses. */
  readonly records?: true;
  readonly run: (server: Server, call: Call) => Promise<Result<unknown>>;
};

export const closed = { additionalProperties: false };
export const name = Type.String({ minLength: 1, maxLength: 120 });
/** The answer of what has nothing to tell. */
export const done = Type.Object({}, closed);
export const fingerprint = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** A route whose body was checked against `body` before `run` sees it. */
export const withBody = <S extends TSchema>(
  route: Omit<AdminRoute, 'body' | 'run'>,
  body: S,
  run: (server: Server, body: Static<S>, call: Call) => Promise<Result<unknown>>,
): AdminRoute => ({ ...route, body, run: (server, call) => run(server, call.body as Static<S>, call) });

export const reading = (url: string, run: AdminRoute['run'], action: Action = 'read'): AdminRoute => ({
  method: 'GET',
  url,
  action,
  run,
});

export const of = ({ params }: Call, param: string): string => params[param] ?? '';
