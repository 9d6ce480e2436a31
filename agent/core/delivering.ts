/** What goes up to the server over MQTT: presence, reports, and the audit events of the spool. */
import { deviceLeafTopic } from '../../protocol/topics.ts';
import type { Effect, Now } from './shape.ts';
import { type AuditDraft, audienceOf, audit, type Of, rest, type State, type Step, then } from './state.ts';
import { reportOf } from './views.ts';

/** Events carry their own number as token; what needs no acknowledgement shares this one. */
const noToken = 0;

/** First words on a new connection. */
export function greet(state: State, now: Now): Step {
  const { link } = state;
  const device = audienceOf(state.durable)?.deviceId;
  if (link.at !== 'connected' || !device) return rest(state);
  const topic = deviceLeafTopic(device, 'presence');
  const payload = JSON.stringify({ format: 1, at: 'online' });
  const { connection } = link;
  const presence: Effect = { do: 'publish', connection, topic, payload, retain: true, token: noToken };
  return then({ state, effects: [presence] }, (next) => publishReport(next, now));
}

export function publishReport(state: State, now: Now): Step {
  const { link } = state;
  const report = link.at === 'connected' ? reportOf(state, now) : null;
  if (link.at !== 'connected' || !report) return rest(state);
  const topic = deviceLeafTopic(report.device, 'report');
  const payload = JSON.stringify(report);
  const { connection } = link;
  return { state, effects: [{ do: 'publish', connection, topic, payload, retain: true, token: noToken }] };
}

/** Reads the spool when there is something in it and nothing on the way. */
export function handOverEvents(state: State): Step {
  const { link, events, counters } = state;
  const idle = link.at === 'connected' && events.reading === null && events.sent.length === 0;
  if (!idle || counters.eventSeq <= events.acknowledged) return rest(state);
  return {
    state: { ...state, events: { ...events, reading: counters.eventSeq } },
    effects: [{ do: 'read-events', above: events.acknowledged }],
  };
}

export function publishEvents(state: State, event: Of<'events-read'>): Step {
  const { link } = state;
  const { reading } = state.events;
  const events = { ...state.events, reading: null };
  const device = audienceOf(state.durable)?.deviceId;
  if (link.at !== 'connected' || !device) return rest({ ...state, events });
  // What the spool lost, to a full disk for instance, is not asked for again.
  if (event.events.length === 0)
    return rest({ ...state, events: { ...events, acknowledged: Math.max(events.acknowledged, reading ?? 0) } });
  const { connection } = link;
  const topic = deviceLeafTopic(device, 'event');
  const effects = event.events.map(
    (each): Effect => ({
      do: 'publish',
      connection,
      topic,
      payload: JSON.stringify(each),
      retain: false,
      token: each.seq,
    }),
  );
  return { state: { ...state, events: { ...events, sent: event.events.map((each) => each.seq) } }, effects };
}

export function onPublished(state: State, event: Of<'published'>): Step {
  const { link, events } = state;
  if (link.at !== 'connected' || link.connection !== event.connection || !events.sent.includes(event.token))
    return rest(state);
  const sent = events.sent.filter((each) => each !== event.token);
  if (sent.length > 0) return rest({ ...state, events: { ...events, sent } });
  return forgetEvents(state, Math.max(...events.sent));
}

/** The server has these. The last number used must be safe before the spool forgets it, or it would be used twice. */
export function forgetEvents(state: State, upTo: number): Step {
  if (upTo <= state.events.acknowledged) return rest(state);
  const { counters } = state;
  const { server, console, read } = state.refusals;
  const refusals = {
    server: { ...server, untaken: 0 },
    console: { ...console, untaken: 0 },
    read: { ...read, untaken: 0 },
  };
  return {
    state: { ...state, refusals, events: { sent: [], acknowledged: upTo, reading: null, forgettable: upTo } },
    effects: [{ do: 'count', counters }],
  };
}

/** The counters are safe. */
export function dropEvents(state: State): Step {
  const { forgettable: upTo } = state.events;
  if (upTo === null) return rest(state);
  return {
    state: { ...state, events: { ...state.events, forgettable: null } },
    effects: [{ do: 'drop-events', upTo }],
  };
}

/** Several audit events in a row. */
export const trail = (state: State, drafts: readonly AuditDraft[], now: Now): Step =>
  drafts.reduce<Step>((step, draft) => then(step, (next) => audit(next, now, draft)), rest(state));
