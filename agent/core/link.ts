/**
 * When to talk to the server, and by which carrier. MQTT first; when it does not come about, every second attempt is a
 * check-in over HTTPS with the same documents. Full jitter, capped, for ever (F2, F20).
 */
import type { Fault } from '../../protocol/fault.ts';
import { type Instant, minuteMs, secondMs } from '../../protocol/time.ts';
import type { Call, Now } from './shape.ts';

export type Link =
  | { readonly at: 'idle'; readonly since: Instant }
  | {
      readonly at: 'waiting';
      readonly since: Instant;
      readonly untilMs: number;
      readonly attempt: number;
      readonly fault: Fault | null;
    }
  | { readonly at: 'connecting'; readonly since: Instant; readonly attempt: number; readonly connection: number }
  /** Under way over HTTPS: a step of the registration, or a check-in. */
  | { readonly at: 'calling'; readonly since: Instant; readonly attempt: number; readonly call: Call }
  | {
      readonly at: 'connected';
      readonly since: Instant;
      readonly connection: number;
      /** Of the certificate the server proved. */
      readonly fingerprint: string;
      /** Tries before it; they count on when the connection does not last. */
      readonly attempt: number;
      readonly sinceMs: number;
      /** Topics that have not brought a document of ours yet. */
      readonly awaited: readonly Awaited[];
      /** When silence about them becomes a fault; null once all have spoken. */
      readonly silentUntilMs: number | null;
    };
export type Awaited = 'policy' | 'device';

export type Carrier = 'mqtt' | 'checkin';

const firstDelayMs = secondMs;
const longestDelayMs = 5 * minuteMs;
const silenceMs = 30 * secondMs;
/** A connection that lasted as long was a good one. */
const stableMs = minuteMs;
/** Failures of MQTT in a row before check-in takes turns with it. */
const patience = 2;
const pollMs = minuteMs;

export const idle = (now: Now): Link => ({ at: 'idle', since: now.wall });

/** At start and after a change that may help: soon, yet not in step with ten thousand others. */
export const soon = (now: Now): Link => ({
  at: 'waiting',
  since: now.wall,
  untilMs: now.uptimeMs + now.random * firstDelayMs,
  attempt: 0,
  fault: null,
});

/** Told that the server is elsewhere: what failed where it was says nothing about there. A connection that stands stays. */
export const atNewPlace = (link: Link, now: Now): Link =>
  link.at === 'waiting' ? soon(now) : 'attempt' in link ? { ...link, attempt: 0 } : link;

/** "Full jitter": anything between nothing and the capped exponential delay. */
export const jitteredMs = (attempt: number, { random }: Now): number =>
  random * Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(attempt, 20));

export function afterFailure(link: Link, now: Now, why: Fault): Link {
  const lasted = link.at === 'connected' && now.uptimeMs - link.sinceMs >= stableMs;
  const failures = 'attempt' in link && !lasted ? link.attempt + 1 : 1;
  const attempt = why.code === 'documents-missing' ? patience + 1 : failures;
  return { at: 'waiting', since: now.wall, untilMs: now.uptimeMs + jitteredMs(attempt, now), attempt, fault: why };
}

/** A check-in worked although MQTT did not: poll, and go on trying MQTT in between. */
export const afterCheckin = (link: Link, now: Now): Link => ({
  at: 'waiting',
  since: now.wall,
  untilMs: now.uptimeMs + pollMs * (0.5 + now.random / 2),
  attempt: 'attempt' in link ? Math.max(link.attempt, patience) + 1 : patience + 1,
  fault: null,
});

export const afterConnect = (link: Link, connection: number, fingerprint: string, now: Now): Link => ({
  at: 'connected',
  since: now.wall,
  connection,
  fingerprint,
  attempt: 'attempt' in link ? link.attempt : 0,
  sinceMs: now.uptimeMs,
  awaited: ['policy', 'device'],
  silentUntilMs: now.uptimeMs + silenceMs,
});

export function heard(link: Link, topic: Awaited): Link {
  if (link.at !== 'connected' || !link.awaited.includes(topic)) return link;
  const awaited = link.awaited.filter((each) => each !== topic);
  return { ...link, awaited, silentUntilMs: awaited.length > 0 ? link.silentUntilMs : null };
}

export const isDue = (link: Link, now: Now): boolean => link.at === 'waiting' && now.uptimeMs >= link.untilMs;

/** A denied subscription answers with silence (design: 30 s). */
export const isSilent = (link: Link, now: Now): boolean =>
  link.at === 'connected' && link.silentUntilMs !== null && now.uptimeMs >= link.silentUntilMs;

export const carrierOf = (attempt: number): Carrier =>
  attempt > patience && (attempt - patience) % 2 === 1 ? 'checkin' : 'mqtt';

/** After the first failures two tries in four, one by each carrier, go to where the server was before it moved. */
export const isTurnOfFormer = (attempt: number): boolean => attempt > patience + 1 && attempt % 4 < 2;

/** Milliseconds until the link wants a tick, or null. */
export function nextTickMs(link: Link, now: Now): number | null {
  const at = link.at === 'waiting' ? link.untilMs : link.at === 'connected' ? link.silentUntilMs : null;
  return at === null ? null : Math.max(0, at - now.uptimeMs);
}
