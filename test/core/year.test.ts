/**
 * More than a year in seconds: devices that are on, off, away or without a clock, while the server re-signs its documents
 * every week and changes its own certificate twice. Identities are renewed inside their window or their grace, retirement is
 * the server's word alone, and nobody is stranded who was not away for too long (A7, B8, T10, F3, F7, F16, F22).
 */
import { leafOf, registeredOf } from '../../agent/core/identity.ts';
import { fault } from '../../protocol/fault.ts';
import { graceEnd, renewBeforeDays, windowStart } from '../../protocol/renewal.ts';
import { dayMs, minuteMs } from '../../protocol/time.ts';
import { base64, serverCertificates } from '../fakes/administration.ts';
import { askNow, type Bench, lastStatus, noon, openRegistered, pass, send, start } from '../fakes/agent.ts';
import { answerCode } from '../fakes/identity-situations.ts';
import { assert, table } from '../harness.ts';

type Where = 'on' | 'away' | 'off';
type Renewed = {
  readonly atDay: number;
  readonly startDay: number;
  readonly endDay: number;
  readonly graceDay: number;
};
type Row = {
  readonly name: string;
  /** Validity of identities, and what the policy says of the window. */
  readonly lasts: number;
  readonly window: number | null | undefined;
  /** By day and half of it. */
  readonly where: (day: number, half: number) => Where;
  /** After a start the clock is in 1970. */
  readonly clockless?: true;
  readonly mqttBlocked?: true;
  /** How often, and how late after the start of the window at most, in days; null: only inside window or grace. */
  readonly renewals: number;
  readonly latest: number | null;
  /** Times it came back so late that a code had to help. */
  readonly retired?: number;
};

const lastDay = 400;
const stepMs = dayMs / 2;
/** The next certificate is announced on the first day, and takes over on the second. */
const switches = [
  { announce: 80, at: 130, to: 1 },
  { announce: 240, at: 290, to: 2 },
] as const;

const dayOf = (at: number): number => (at - noon) / dayMs;

async function live(row: Row): Promise<{ bench: Bench; renewed: Renewed[]; retiredOn: number[] }> {
  const renewed: Renewed[] = [];
  const retiredOn: number[] = [];
  const bench = openRegistered(({ server }) => {
    Object.assign(server.state, { identityDays: row.lasts, renewBeforeDays: row.window });
  });
  const { server, time } = bench;
  server.state.mqttBlocked = row.mqttBlocked === true;
  bench.watch = (before, _event, after) => {
    const [one, other] = [registeredOf(before), registeredOf(after)];
    const old = one && other && one.identity !== other.identity ? leafOf(one.identity) : null;
    const at = dayOf(noon + time.uptimeMs);
    if (old) {
      const start = dayOf(windowStart(old, renewBeforeDays(before.held.policy?.policy.identity)));
      renewed.push({
        atDay: at,
        startDay: start,
        endDay: dayOf(old.notAfter),
        graceDay: dayOf(graceEnd(old.notAfter)),
      });
    }
    if (one?.standing === 'active' && other && other.standing !== 'active') retiredOn.push(at);
  };
  let was: Where = 'on';
  for (let step = 0; step < lastDay * 2; step++) {
    const day = Math.floor(step / 2);
    const where = row.where(day, step % 2);
    administer(bench, day, step % 2);
    server.state.reachable = where === 'on';
    if (where !== 'on' && was === 'on') lose(bench, where === 'away');
    if (where !== 'off' && was === 'off') {
      if (row.clockless) time.wallErrorMs = -(noon + time.uptimeMs);
      start(bench);
    }
    if (where === 'off') time.uptimeMs += stepMs;
    else {
      pass(bench, 3 * minuteMs);
      if (where === 'on') help(bench);
      pass(bench, minuteMs);
      time.uptimeMs += stepMs - 4 * minuteMs;
      send(bench, { type: 'tick' });
    }
    was = where;
    forgetEffects(bench);
  }
  return { bench, renewed, retiredOn };
}

/** The person at the device: reads a code to the administrator, and sets a clock that nobody else could set. */
function help(bench: Bench): void {
  const { clock, replacement } = lastStatus(bench);
  if (clock.at === 'unknown') askNow(bench, { do: 'time', at: noon + bench.time.uptimeMs });
  else if (replacement) answerCode(bench);
}

/** Documents are signed again every week; the server certificate changes by way of the reserve. */
function administer(bench: Bench, day: number, half: number): void {
  const { server } = bench;
  if (half !== 0) return;
  for (const { announce, at, to } of switches) {
    if (day === announce) server.state.reserve = { index: to, activateAt: noon + at * dayMs };
    if (day === at) Object.assign(server.state, { main: to, reserve: null });
  }
  const news = switches.some(({ announce, at }) => day === announce || day === at);
  if (!news && day % 7 !== 0) return;
  send(bench, ...server.publishPolicies(), ...server.moveTo(server.state.group));
}

function lose(bench: Bench, noticed: boolean): void {
  const { connection } = bench.server.state;
  bench.server.state.connection = null;
  if (noticed && connection !== null) send(bench, { type: 'closed', connection, fault: fault('server-unreachable') });
}

/** A year of effects is not kept; what the bench itself looks up is. */
function forgetEffects({ effects }: Bench): void {
  const latest = (name: string) => effects.findLast((each) => each.do === name);
  const kept = effects.filter((each) => each.do === 'make-key');
  const others = ['persist', 'show', 'wake'].flatMap((name) => latest(name) ?? []);
  effects.splice(0, effects.length, ...kept, ...others);
}

const rows: readonly Row[] = [
  { name: 'always on, 30 days', lasts: 100, window: undefined, where: () => 'on', renewals: 5, latest: 0.6 },
  { name: 'always on, blank', lasts: 150, window: null, where: () => 'on', renewals: 4, latest: 0.6 },
  { name: 'always on, one day', lasts: 120, window: 1, where: () => 'on', renewals: 3, latest: 0.6 },
  {
    name: 'on every sixth day, MQTT blocked',
    lasts: 100,
    window: 30,
    where: (day) => (day % 6 === 0 ? 'on' : 'off'),
    mqttBlocked: true,
    renewals: 5,
    latest: 6,
  },
  {
    name: 'office hours, no clock battery',
    lasts: 90,
    window: 7,
    where: (day, half) => (day % 7 < 5 && half === 0 ? 'on' : 'off'),
    clockless: true,
    renewals: 4,
    latest: 3,
  },
  {
    name: 'on, but in contact for half a day every tenth day',
    lasts: 97,
    window: 30,
    where: (day, half) => (day % 10 === 0 && half === 0 ? 'on' : 'away'),
    renewals: 5,
    latest: 10.6,
  },
  {
    name: 'a long leave: back in the grace of the first',
    lasts: 100,
    window: 30,
    where: (day) => (day > 60 && day < 125 ? 'off' : 'on'),
    renewals: 4,
    latest: null,
  },
  {
    name: 'away, not off, until the grace is almost over',
    lasts: 100,
    window: 30,
    where: (day) => (day > 65 && day < 129 ? 'away' : 'on'),
    renewals: 4,
    latest: null,
  },
  {
    name: 'away until the grace is over and the server certificate has changed: one code brings it back',
    lasts: 100,
    window: 30,
    where: (day) => (day > 60 && day < 150 ? 'away' : 'on'),
    renewals: 4,
    latest: null,
    retired: 1,
  },
  {
    name: 'stored for half a year without a clock battery',
    lasts: 100,
    window: 30,
    where: (day) => (day > 85 && day < 240 ? 'off' : 'on'),
    clockless: true,
    renewals: 4,
    latest: null,
    retired: 1,
  },
];

table('400 days', rows, async (row) => {
  const { bench, renewed, retiredOn } = await live(row);
  const told = JSON.stringify(renewed.map(({ atDay, startDay }) => [atDay.toFixed(1), startDay.toFixed(1)]));
  assert.is(renewed.length, row.renewals, told);
  assert.is(retiredOn.length, row.retired ?? 0, `retired on ${retiredOn.join()}`);
  for (const { atDay, startDay, graceDay } of renewed) {
    assert.ok(atDay >= startDay, `before its window: ${told}`);
    if (row.latest !== null) assert.ok(atDay <= startDay + row.latest, `late: ${told}`);
    else assert.ok(atDay <= graceDay || retiredOn.some((on) => on >= graceDay && on <= atDay), `too late: ${told}`);
  }
  for (const on of retiredOn)
    assert.is(row.where(Math.floor(on), Math.floor((on % 1) * 2)), 'on', 'retired by no server');
  const status = lastStatus(bench);
  assert.match(status.identity?.at ?? '', /^(valid|renewing)$/);
  assert.is(status.clock.at, 'known');
  assert.is(bench.state.durable.pins?.current.der, base64(serverCertificates[2]), 'the second switch of the server');
  assert.is(status.replacement, null);
  const contact = bench.server.contacts.at(-1);
  assert.is(contact?.fingerprint, status.identity?.fingerprint);
  assert.ok(status.link.at === 'connected' || dayOf(contact?.at ?? 0) > lastDay - 11, 'in contact to the end');
});
