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
/** How one of the things that were ordered went. */
export type Tried = { readonly item: string; readonly result: Result<unknown> };
/** A value other than null is kept for the answer. `server` may be within a transaction. */
export type Act = (item: string, server: Server) => Promise<Result<unknown>>;
/** How an order is done one by one, each alone: what is refused leaves the others done. */
export type Work = {
  /** What it comes to, from the body alone: the same after a restart. */
  readonly items: (body: unknown) => Result<readonly string[]>;
  /** Looks at what all have in common, and returns what does one. */
  readonly begin: (server: Server, actor: Actor, body: unknown) => Promise<Result<Act>>;
  /** All that is done is done in the database, quickly: many go into one transaction. */
  readonly together?: true;
  /** Of the order, when all were tried. */
  readonly answer: (server: Server, tried: readonly Tried[]) => unknown;
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
  readonly answer: TSchema;
  /** Its answer is a page of such rows, and may be had as CSV too. */
  readonly list?: TObject;
  /** Media type of an answer that is text. */
  readonly type?: string;
  /** It may be ordered to be done by itself, as a job. */
  readonly work?: Work;
  /** `run` records itself what it refuses. */
  readonly records?: true;
  readonly run: (server: Server, call: Call) => Promise<Result<unknown>>;
};

/** For a route with a body, as `withBody`. */
export const workOn = <S extends TSchema>(
  _body: S,
  work: {
    readonly items: (body: Static<S>) => Result<readonly string[]>;
    readonly begin: (server: Server, actor: Actor, body: Static<S>) => ReturnType<Work['begin']>;
    readonly answer: Work['answer'];
    readonly together?: true;
  },
): Work => work as Work;

export const closed = { additionalProperties: false };
export const name = Type.String({ minLength: 1, maxLength: 120 });
/** The answer of what has nothing to tell. */
export const done = Type.Object({}, closed);
/** The answer of what is done to one thing, or makes it. */
export const itself = Type.Object({ id: Type.String() }, closed);
export const fingerprint = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** A route whose body was checked against `body` before `run` sees it. */
export const withBody = <S extends TSchema>(
  route: Omit<AdminRoute, 'body' | 'run'>,
  body: S,
  run: (server: Server, body: Static<S>, call: Call) => Promise<Result<unknown>>,
): AdminRoute => ({ ...route, body, run: (server, call) => run(server, call.body as Static<S>, call) });

export const reading = (url: string, answer: TSchema, run: AdminRoute['run']): AdminRoute => ({
  method: 'GET',
  url,
  action: 'read',
  answer,
  run,
});

export const of = ({ params }: Call, param: string): string => params[param] ?? '';
