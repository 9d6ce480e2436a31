/** The parts of a status that say nothing: nothing of the identity, nothing blocked, no settings, no session, no log server. */
import type { Status } from '../../protocol/local.ts';

const unset = { value: null, source: 'none', locked: false } as const;

export const quiet = {
  identity: null,
  blocked: [],
  mayAdd: true,
  revocation: null,
  settings: {
    connection: { locked: false },
    reset: { locked: false },
    dateTime: { locked: false },
    logServer: unset,
    rdp: unset,
    broker: unset,
    language: null,
  },
  operation: null,
  session: null,
  log: { at: 'off', server: null, fault: null, preflight: null, unsent: 0, dropped: 0 },
  repair: null,
} satisfies Partial<Status>;
