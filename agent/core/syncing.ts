/** Documents from the server take effect: one draft (`drafting.ts`), one generation, one audit trail. */
import { type Fault, fault } from '../../protocol/fault.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import { parseTopic } from '../../protocol/topics.ts';
import { publishReport, trail } from './delivering.ts';
import { type Draft, draftOf, type Kind, take } from './drafting.ts';
import type { Identity } from './durable.ts';
import { heard } from './link.ts';
import { record } from './refusals.ts';
import type { Effect, Now } from './shape.ts';
import { acknowledge, commit, type Of, type Pending, rest, type State, type Step, then, withFault } from './state.ts';

type Delivery = Pending['delivery'];
/** A document over MQTT. It is acknowledged when it is durable, rejected or replayed; never when the disk failed. */
export function onMessage(state: State, event: Of<'message'>): Step {
  const { link } = state;
  if (link.at !== 'connected' || link.connection !== event.connection) return rest(state);
  const { connection, ticket, now } = event;
  // An empty retained message clears a topic: nothing to apply.
  if (event.payload.length === 0) return { state, effects: acknowledge(state, { connection, ticket }) };
  const kind = kindOf(state, event.topic);
  if (kind === null) {
    const unknown = fault('unknown-topic', { topic: event.topic.slice(0, 120) });
    return settle(state, { ...draftOf(state), fault: unknown }, { connection, ticket }, now);
  }
  const tooLarge = event.payload.length > (maxDocumentBytes / 3) * 4 + 1024;
  const draft = tooLarge
    ? { ...draftOf(state), fault: fault('too-large', { limit: maxDocumentBytes }) }
    : take(draftOf(state), state, kind, Buffer.from(event.payload).toString('latin1'), now);
  return settle(state, draft, { connection, ticket }, now);
}

/** Makes a draft durable, or only says what was wrong with it. */
export function settle(state: State, draft: Draft, delivery: Delivery, now: Now): Step {
  const told: State = {
    ...state,
    newer: draft.newer,
    link: draft.heard.reduce(heard, state.link),
  };
  const judged = draft.fault
    ? refuse(told, now, draft.fault)
    : rest(draft.changed ? withFault(told, 'document', null) : told);
  if (!draft.changed) return then(judged, (next) => settleUnchanged(next, state, draft, delivery, now));
  const moves =
    groupOf(draft) !== groupOf(state) ||
    draft.durable.connection !== state.durable.connection ||
    identityOf(draft) !== identityOf(state);
  return then(judged, (next) =>
    commit(next, {
      durable: draft.durable,
      held: draft.held,
      waiting: draft.waiting,
      counters: { ...draft.counters, eventSeq: next.counters.eventSeq },
      audit: draft.audit,
      delivery,
      next: moves ? 'connect' : 'report',
      forget: draft.forget,
    }),
  );
}

/** Nothing for the store: a replay, a refusal, or a command, which only counts. */
function settleUnchanged(next: State, before: State, draft: Draft, delivery: Delivery, now: Now): Step {
  const counters = { ...next.counters, commandSeq: draft.counters.commandSeq };
  const trailed = trail({ ...next, counters }, draft.audit, now);
  if (draft.counters.commandSeq !== before.counters.commandSeq)
    return {
      state: { ...trailed.state, counting: delivery },
      effects: [...trailed.effects, { do: 'count', counters: trailed.state.counters }],
    };
  const behind = draft.newer.length > before.newer.length;
  const refused = next.refusals.server !== before.refusals.server;
  const told: Step = { state: trailed.state, effects: [...trailed.effects, ...acknowledge(next, delivery)] };
  return behind || refused ? then(told, (last) => publishReport(last, now)) : told;
}

/** A command came over this delivery and is counted: acknowledged, and done. */
export function onCommandCounted(state: State, now: Now): Step {
  const { counting } = state;
  if (counting === null) return rest(state);
  const told: Step = { state: { ...state, counting: null }, effects: acknowledge(state, counting) };
  return then(told, (next) => publishReport(next, now));
}

/** It stands until something better comes; journal and audit log are told. */
export function refuse(state: State, now: Now, why: Fault, area: 'document' | 'answer' = 'document'): Step {
  const log: Effect = { do: 'log', level: 'warning', text: 'document refused', fault: why };
  return then({ state: withFault(state, area, why), effects: [log] }, (next) =>
    record(next, now, 'server', 'document-refused', why),
  );
}

/** What a connection is made with. */
const identityOf = ({ durable: { registration } }: Pick<State, 'durable'>): Identity | null =>
  registration.at === 'registered' ? registration.identity : null;

/** Whose policy is subscribed to. */
export const groupOf = ({ waiting, held, durable }: Pick<State, 'waiting' | 'held' | 'durable'>): string | null =>
  waiting?.device.group ??
  held.device?.device.group ??
  (durable.registration.at === 'registered' ? durable.registration.bundle.group : null);

function kindOf(state: State, topic: string): Kind | null {
  const parsed = parseTopic(topic);
  const { registration } = state.durable;
  if (!parsed || registration.at !== 'registered') return null;
  if (parsed.of === 'group') return 'policy';
  if (parsed.id !== registration.bundle.deviceId) return null;
  return parsed.leaf === 'device' || parsed.leaf === 'command' ? parsed.leaf : null;
}
