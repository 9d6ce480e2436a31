/**
 * Clients of remote desktops: the files that describe them, and what the agent and the runner that starts them as the session
 * user say to each other. All closed.
 */
import { type Static, Type } from '@sinclair/typebox';
import { closed, count, named, nullable, text } from './shapes.ts';

const path = Type.String({ pattern: '^/[^\\u0000]{1,1000}$' });
const argument = Type.String({ pattern: '^[^\\u0000]*$', maxLength: 4000 });
const environment = named(100, argument);
/** Where the client reads the password: the first line of its standard input, descriptor 3 to its end, or nowhere. */
const password = Type.Union([Type.Literal('stdin'), Type.Literal('descriptor'), Type.Literal('none')]);
/** What an exit code of a client says; 0 is `ended`, and whatever is not told is an error. */
const meaning = Type.Union([
  Type.Literal('ended'),
  Type.Literal('certificate'),
  Type.Literal('sign-in'),
  Type.Literal('unreachable'),
  Type.Literal('no-tls'),
]);

/** `/usr/share/thintrust/clients/*.json`, and `/etc/thintrust/clients/*.json` before those of the same name. docs/clients.md. */
export const clientFile = Type.Object(
  {
    format: Type.Literal(1),
    purpose: Type.Union([Type.Literal('rdp'), Type.Literal('broker')]),
    /** The first that is there is taken. */
    programs: Type.Array(path, { minItems: 1, maxItems: 8 }),
    /** A text the program's file must hold, where one name stands for several programs. */
    contains: Type.Optional(text(100)),
    arguments: Type.Array(argument, { maxItems: 100 }),
    /** How one fingerprint is written; `{fingerprints}` joins them with commas. */
    fingerprint: Type.Optional(argument),
    password,
    environment: Type.Optional(environment),
    exits: Type.Optional(named(3, meaning)),
  },
  closed,
);

/** `/etc/thintrust/session.json`: what shows the client's window, and what it needs to know of the session. */
export const sessionFile = Type.Object(
  {
    format: Type.Literal(1),
    /** Program and arguments before those of the client; empty: the client is started by itself. */
    command: Type.Array(argument, { maxItems: 20 }),
    environment: Type.Optional(environment),
  },
  closed,
);

/** One line from the agent to the runner. The connection is the session: when it closes, the client is ended. */
export const sessionOrder = Type.Object(
  {
    /** Of these, the first that is there. */
    candidates: Type.Array(
      Type.Object(
        {
          program: path,
          contains: nullable(text(100)),
          arguments: Type.Array(argument, { maxItems: 100 }),
          password,
          environment,
        },
        closed,
      ),
      { minItems: 1, maxItems: 64 },
    ),
    command: Type.Array(argument, { maxItems: 20 }),
    environment,
    /** Stands in arguments and environment for the private directory of this session; too long to be guessed. */
    mark: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    /** Files of that directory. */
    files: Type.Array(
      Type.Object({ name: Type.String({ pattern: '^[a-z][a-z.]{0,40}$' }), content: Type.String() }, closed),
      {
        maxItems: 8,
      },
    ),
    secret: text(256),
  },
  closed,
);

/** Lines from the runner to the agent. */
export const sessionReport = Type.Union([
  /** `candidate`: the index of the one that was taken. */
  Type.Object({ at: Type.Literal('running'), candidate: count }, closed),
  Type.Object({ at: Type.Literal('missing') }, closed),
  /** `exit` null: by a signal, or what showed the window ended first. */
  Type.Object({ at: Type.Literal('ended'), exit: nullable(count) }, closed),
  Type.Object({ at: Type.Literal('failed'), reason: text(200) }, closed),
]);

export type ClientFile = Static<typeof clientFile>;
export type ClientMeaning = Static<typeof meaning>;
export type SessionFile = Static<typeof sessionFile>;
export type SessionOrder = Static<typeof sessionOrder>;
export type SessionReport = Static<typeof sessionReport>;
