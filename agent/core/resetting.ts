/** The reset: what the device was is gone in one durable step; counters, the clock and what the firmware brought stay. */
import { deviceLeafTopic } from '../../protocol/topics.ts';
import { emptyDurable } from './durable.ts';
import { noFetching } from './fetching.ts';
import { idle } from './link.ts';
import type { Effect, Now } from './shape.ts';
import { audienceOf, audit, commit, done, type State, type Step, then } from './state.ts';

/**
 * On record first, and told to the server while there is a way to it. A cut leaves the old device or the reset one: the disk
 * forgets older generations with their keys before it says that this one is durable.
 */
export function reset(state: State, request: number, now: Now): Step {
  const { link, durable } = state;
  const device = audienceOf(durable)?.deviceId;
  const recorded = audit(state, now, { event: 'reset', facts: device === undefined ? {} : { device } });
  const published = recorded.effects.flatMap((effect): readonly Effect[] => {
    if (effect.do !== 'spool' || link.at !== 'connected' || device === undefined) return [];
    const { event } = effect;
    const topic = deviceLeafTopic(device, 'event');
    const payload = JSON.stringify(event);
    return [{ do: 'publish', connection: link.connection, topic, payload, retain: false, token: event.seq }];
  });
  const local = durable.local.filter(({ source }) => source === 'factory');
  return then({ state: recorded.state, effects: [...recorded.effects, ...published] }, (next) =>
    commit(next, {
      durable: { ...emptyDurable, local, repaired: durable.repaired && { ...durable.repaired, addresses: null } },
      held: { policy: null, device: null },
      waiting: null,
      opened: null,
      answer: { request, result: done },
      next: 'forget',
      forget: true,
    }),
  );
}

/** The reset is durable: nothing in memory is of the old life. */
export function forget(state: State, now: Now): Step {
  const { link } = state;
  const open = link.at === 'connected' || link.at === 'connecting';
  const { disk, counters, export: exported, factory } = state.faults;
  return {
    state: {
      ...state,
      link: idle(now),
      nonce: null,
      errandAtMs: null,
      following: { der: null, asked: [] },
      offered: null,
      newer: [],
      renewal: { at: 'resting' },
      fetching: noFetching,
      calledExpired: null,
      faults: {
        ...(disk && { disk }),
        ...(counters && { counters }),
        ...(exported && { export: exported }),
        ...(factory && { factory }),
      },
      events: { ...state.events, sent: [], reading: null },
      trust: { ...state.trust, shown: [] },
    },
    effects: open ? [{ do: 'disconnect', connection: link.connection }] : [],
  };
}
