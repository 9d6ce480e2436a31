/** The line to the log server: what it was begun under, how it stands, and when it is tried again. */
import type { Fault } from '../../protocol/fault.ts';
import type { Preflight, Status } from '../../protocol/local.ts';
import type { Place } from '../../protocol/target.ts';
import { minuteMs, secondMs } from '../../protocol/time.ts';
import type { ClockView } from './clock.ts';
import type { Held } from './documents.ts';
import type { Durable } from './durable.ts';
import { jitteredMs } from './link.ts';
import type { Now } from './shape.ts';

/** What a line depends on; while these are the same there is nothing to compare. */
export type Basis = {
  readonly durable: Durable;
  readonly held: Held;
  readonly clock: ClockView['at'];
  /** Certificates expire between two of them. */
  readonly hour: number;
};
/** `key`: setting, trust and identity as text; another one begins anew. */
export type Aim = { readonly place: Place; readonly key: string };

export type Line =
  /** No log server; a fault where what is set is none. */
  | { readonly at: 'off'; readonly fault: Fault | null }
  /** Without a time: until the clock is known. */
  | {
      readonly at: 'waiting';
      readonly aim: Aim;
      readonly untilMs: number | null;
      readonly attempt: number;
      readonly fault: Fault | null;
    }
  | { readonly at: 'connecting'; readonly aim: Aim; readonly connection: number; readonly attempt: number }
  | {
      readonly at: 'connected';
      readonly aim: Aim;
      readonly connection: number;
      readonly attempt: number;
      readonly sinceMs: number;
    }
  /** What it showed is not trusted; asked again slowly, and at once when anything in the aim changes. */
  | {
      readonly at: 'refused';
      readonly aim: Aim;
      readonly untilMs: number;
      readonly fault: Fault;
      readonly preflight: Preflight;
    };

export type Forwarding = {
  readonly line: Line;
  readonly basis: Basis | null;
  /** Number of the last one begun. */
  readonly connections: number;
  readonly unsent: number;
  readonly dropped: number;
};

export const noForwarding: Forwarding = {
  line: { at: 'off', fault: null },
  basis: null,
  connections: 0,
  unsent: 0,
  dropped: 0,
};

/** Within the ten minutes for which what it showed may be added. */
const slowMs = 9 * minuteMs;
/** A line that lasted as long was a good one. */
const stableMs = minuteMs;

export const isSame = (one: Basis | null, other: Basis): boolean =>
  one !== null &&
  one.durable === other.durable &&
  one.held === other.held &&
  one.clock === other.clock &&
  one.hour === other.hour;

export const soon = (aim: Aim, now: Now): Line => ({
  at: 'waiting',
  aim,
  untilMs: now.uptimeMs + now.random * secondMs,
  attempt: 0,
  fault: null,
});

export function afterEnd(line: Extract<Line, { attempt: number }>, why: Fault, now: Now): Line {
  const lasted = line.at === 'connected' && now.uptimeMs - line.sinceMs >= stableMs;
  const attempt = lasted ? 1 : line.attempt + 1;
  return { at: 'waiting', aim: line.aim, untilMs: now.uptimeMs + jitteredMs(attempt, now), attempt, fault: why };
}

export const refusedUntil = (now: Now): number => now.uptimeMs + slowMs * (0.5 + now.random / 2);

export function logOf(forwarding: Forwarding): Status['log'] {
  const { dropped, line, unsent } = forwarding;
  if (line.at === 'off') return { at: 'off', server: null, fault: line.fault, preflight: null, unsent: 0, dropped: 0 };
  return {
    at: line.at,
    server: line.aim.place.text,
    fault: 'fault' in line ? line.fault : null,
    preflight: line.at === 'refused' ? line.preflight : null,
    unsent,
    dropped,
  };
}

/** Milliseconds until the line wants a tick, or null. */
export function forwardTickMs({ line }: Forwarding, now: Now): number | null {
  const untilMs = line.at === 'waiting' || line.at === 'refused' ? line.untilMs : null;
  return untilMs === null ? null : Math.max(0, untilMs - now.uptimeMs);
}
