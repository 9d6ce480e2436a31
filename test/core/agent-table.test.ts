/** The state × event table of the whole agent, the impossible pairs included, and random sequences of the same events. */
import fc from 'fast-check';
import { type State, step } from '../../agent/core/agent.ts';
import type { Effect, Event } from '../../agent/core/shape.ts';
import { clockOf } from '../../agent/core/state.ts';
import { reportOf } from '../../agent/core/views.ts';
import { check } from '../../protocol/validate.ts';
import { nowOf } from '../fakes/agent.ts';
import { incidents, situations } from '../fakes/situations.ts';
import { assert, table, test } from '../harness.ts';

/** What holds whatever happens to the agent. */
function assertStep(before: State, event: Event, after: State, effects: readonly Effect[]): void {
  const { counters, durable } = after;
  if (durable.registration.at === 'registered') assert.ok(durable.pins?.current, 'exactly one current pin');
  for (const [audience, rev] of Object.entries(before.counters.highest))
    assert.ok((counters.highest[audience] ?? -1) >= rev, 'a revision fell');
  const heldBefore = before.held;
  for (const kind of ['policy', 'device'] as const) {
    const [one, other] = [revisionOf(heldBefore, kind), revisionOf(after.held, kind)];
    if (one && other && one.aud === other.aud) assert.ok(other.rev >= one.rev, `the ${kind} held fell back`);
  }
  if (event.type !== 'started') {
    assert.ok(counters.eventSeq >= before.counters.eventSeq, 'the event number fell');
    if (event.type !== 'key-made')
      assert.ok(counters.commandSeq >= before.counters.commandSeq, 'the command number fell');
    assert.ok(after.generation >= before.generation, 'the generation fell');
    assert.ok(counters.uptimeMs >= before.counters.uptimeMs, 'powered-on time fell');
    const { repaired } = before.pending?.durable ?? before.durable;
    const isRepair = event.type === 'persisted' && repaired !== before.durable.repaired;
    if (event.type !== 'checked-in' && !isRepair)
      assert.ok(counters.hardFloor >= before.counters.hardFloor, 'the hard floor fell');
    const right = event.type === 'persisted' && before.pending?.answer?.result.ok === true;
    if (!right) assert.ok(counters.tries >= before.counters.tries, 'tries fell without a right code');
    const isReset = event.type === 'persisted' && before.pending?.next === 'forget';
    if (isConfirmed(before)) assert.ok(isConfirmed(after) || isReset, 'a registered device was lost');
    assertIdentity(before, event, after);
  }
  assert.ok(effects.filter((effect) => effect.do === 'persist').length <= 1, 'two generations at a time');
  for (const effect of effects) assertEffect(before, event, after, effect);
}

/** A working identity is given up for one that has been proven, for a reset, and for nothing else. */
function assertIdentity(before: State, event: Event, after: State): void {
  const [one, other] = [before.durable.registration, after.durable.registration];
  if (one.at !== 'registered' || other.at !== 'registered' || !one.confirmed) return;
  if (one.identity !== other.identity) {
    assert.is(event.type, 'persisted', 'another identity, and not durably');
    assert.ok(one.next?.at === 'issued' && one.next.identity === other.identity, 'an identity that was not the next');
  }
  if (one.standing !== other.standing) assert.is(event.type, 'persisted', 'standing changed, and not durably');
  const committed = after.pending === before.pending ? null : after.pending?.durable.registration;
  if (committed?.at !== 'registered') return;
  if (committed.identity !== other.identity) assert.is(event.type, 'proven', 'an identity that nobody has proven');
  if (committed.standing === 'retired' && other.standing === 'active')
    assert.ok(event.type === 'call-failed' && event.fault.code === 'identity-retired', 'retired by a clock');
}

function assertEffect(before: State, event: Event, after: State, effect: Effect): void {
  if (effect.do === 'show')
    assert.equal(check('status', effect.status).ok, true, JSON.stringify(check('status', effect.status)));
  if (effect.do === 'spool') assert.ok(check('auditEvent', effect.event).ok);
  if (effect.do === 'publish' || effect.do === 'acknowledge') {
    const connections = [before.link, after.link].map((link) => (link.at === 'connected' ? link.connection : null));
    assert.ok(connections.includes(effect.connection), `${effect.do} for another connection`);
  }
  if (effect.do === 'connect') assert.ok(effect.accept.length <= 3 && after.link.at === 'connecting');
  const { registration } = after.durable;
  if (registration.at === 'registered' && registration.standing === 'retired')
    assert.not.match(effect.do, /^(connect|checkin|renew|enrol-again|prove|make-key)$/, 'a retired device tries');
  if (/^(make-key|renew|enrol-again)$/.test(effect.do))
    assert.is(clockOf(after, event.now).at, 'known', 'a key or a request by an unknown clock (F4)');
  if (before.at === 'broken') assert.ok(/^(show|wake|answer|notify)$/.test(effect.do), `${effect.do} while broken`);
  if (event.type === 'stopping') assert.not.match(effect.do, /^(connect|checkin|enrol|renew|enrol-again|prove)$/);
}

const revisionOf = (held: State['held'], kind: 'policy' | 'device') =>
  kind === 'policy' ? held.policy?.policy : held.device?.device;
const isConfirmed = ({ durable: { registration } }: State): boolean =>
  registration.at === 'registered' && registration.confirmed;

table('every situation × every event', situations, ({ make }) => {
  const bench = make();
  const before = bench.state;
  const frozen = JSON.stringify(before);
  for (const incident of incidents) {
    const event: Event = { ...incident.make(bench), now: nowOf(bench) };
    const { state, effects } = step(before, event);
    assertStep(before, event, state, effects);
    assert.equal(structuredClone(state), state, `${incident.name}: plain data`);
    assert.is(JSON.stringify(before), frozen, `${incident.name}: the state before stays as it is`);
    const report = reportOf(state, nowOf(bench));
    if (report) assert.ok(check('report', report).ok, `${incident.name}: ${JSON.stringify(check('report', report))}`);
    const looks = event.type === 'asked' && state.trust.probes.some(({ request }) => request === event.request);
    if (
      event.type === 'asked' &&
      state.registerRequest !== event.request &&
      !state.pending &&
      state.verdict === null &&
      !looks
    )
      assert.ok(
        effects.some((effect) => effect.do === 'answer' && effect.request === event.request),
        `${incident.name}: no answer`,
      );
  }
});

const benches = situations.map(({ make }) => make());
const events = benches.map((bench) => incidents.map((incident) => incident.make(bench)));

// Bounds: up to 6 events a run, from every situation, with up to two hours between them.
test('random events in random order hold the same (10^4 runs)', () => {
  const later = fc.record({
    incident: fc.integer({ min: 0, max: incidents.length - 1 }),
    afterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 7_200_000 })),
    random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  });
  const from = fc.integer({ min: 0, max: situations.length - 1 });
  fc.assert(
    fc.property(from, fc.array(later, { minLength: 1, maxLength: 6 }), (index, sequence) => {
      const bench = benches[index];
      if (!bench) return;
      let { state } = bench;
      let now = nowOf(bench);
      for (const { incident, afterMs, random } of sequence) {
        now = { ...now, uptimeMs: now.uptimeMs + afterMs, wall: (now.wall + afterMs) as typeof now.wall, random };
        const happening = events[index]?.[incident];
        if (!happening) continue;
        const event: Event = { ...happening, now };
        const next = step(state, event);
        assertStep(state, event, next.state, next.effects);
        state = next.state;
      }
    }),
    { numRuns: 10_000 },
  );
});
