/** A repair file at the device: offered where it lies on a stick, looked at by a person, and applied in one durable step. */
import { presentCertificate } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { RepairView } from '../../protocol/local.ts';
import { fromNumericDate } from '../../protocol/time.ts';
import { signedAt } from './documents.ts';
import { afterRepair } from './pin.ts';
import { countersWith, keysWith, type OpenRepair, openRepair } from './repair.ts';
import type { Ask, Now } from './shape.ts';
import {
  answer,
  blocklistOf,
  clockOf,
  commit,
  done,
  type Of,
  poweredOf,
  rest,
  type State,
  type Step,
} from './state.ts';

/** Asks of this part. */
export type RepairAsk = Extract<Ask, { readonly do: 'check-repair' | 'repair' }>;

/** Faults: `not-registered`, those of `openRepair`, `bad-argument` for another file than the one that was looked at. */
export function onRepairAsk(state: State, request: number, ask: RepairAsk, now: Now): Step {
  const opened = openHere(state, ask.jws, now);
  if (!opened.ok) return deny(state, request, opened.fault);
  if (ask.do === 'check-repair') return { state, effects: answer(request, good(viewOf(opened.value))) };
  if (opened.value.bundle.rev !== ask.rev) return deny(state, request, fault('bad-argument', { what: 'rev' }));
  return apply(state, request, opened.value, now);
}

/** What lies on sticks now: the first that holds is offered, of the others nothing is said before a person asks. */
export function onMediaSeen(state: State, { repairs, now }: Of<'media-seen'>): Step {
  const found = repairs.find(({ jws }) => openHere(state, jws, now).ok);
  return rest({ ...state, offered: found?.name ?? null });
}

function openHere(state: State, jws: string, now: Now): Result<OpenRepair> {
  const { registration, repaired } = state.durable;
  if (registration.at !== 'registered') return bad('not-registered');
  const { serverId, recoveryKey } = registration.bundle;
  return openRepair(jws, {
    serverId,
    keys: { recovery: recoveryKey, policy: registration.policyKeys },
    clock: clockOf(state, now),
    blocklist: blocklistOf(state),
    repaired,
    highest: state.counters.highest,
  });
}

/**
 * Counted before it is durable, so that a cut between leaves a floor that leads to the new certificate; the same file is
 * taken again until it is durable, and then never more. Requests for a replacement code are answered by it.
 */
function apply(state: State, request: number, opened: OpenRepair, now: Now): Step {
  const { durable } = state;
  if (durable.registration.at !== 'registered') return deny(state, request, fault('not-registered'));
  const { bundle, by, main, time } = opened;
  const { aud, rev, addresses } = bundle;
  const counters = {
    ...countersWith(state.counters, opened, durable.registration.bundle.serverId),
    uptimeMs: poweredOf(state, now),
  };
  const registration = {
    ...durable.registration,
    address: addresses.https,
    policyKeys: keysWith(durable.registration.policyKeys, opened),
  };
  const committed = commit(
    { ...state, offered: null },
    {
      durable: {
        ...durable,
        registration,
        pins: afterRepair(bundle.pins, signedAt(bundle)),
        connection: null,
        repaired: { aud, rev, addresses: { https: addresses.https, mqtt: addresses.mqtt } },
        requests: durable.requests.filter(({ action }) => action !== 1),
      },
      counters,
      audit: [
        {
          event: 'repaired',
          facts: {
            fingerprint: main.fingerprint,
            by,
            rev,
            ...(time !== null && { time: new Date(time).toISOString() }),
          },
        },
      ],
      answer: { request, result: done },
      next: 'connect',
    },
  );
  return { state: committed.state, effects: [{ do: 'count', counters }, ...committed.effects] };
}

function viewOf({ bundle, by, main, time }: OpenRepair): RepairView {
  const { rev, addresses, refreshBefore } = bundle;
  return {
    rev,
    https: addresses.https,
    mqtt: addresses.mqtt,
    certificate: presentCertificate(main),
    signedAt: signedAt(bundle),
    validUntil: fromNumericDate(refreshBefore),
    by,
    time,
  };
}

const deny = (state: State, request: number, why: Fault): Step => ({
  state,
  effects: answer(request, { ok: false, fault: why }),
});
