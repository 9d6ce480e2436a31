/**
 * What moves the hard floor of the clock, from the whole device's side (B3, F1, F5): only the server's time over our nonce and a
 * repair file by the recovery key lower it; everything else that says an earlier time leaves it where it was.
 */
import { fault } from '../../protocol/fault.ts';
import { dayMs, toNumericDate } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { print, serverCertificates } from '../fakes/administration.ts';
import {
  askNow,
  type Bench,
  built,
  lastStatus,
  loseConnection,
  nowOf,
  openRegistered,
  pass,
  send,
  start,
} from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

const agoMs = 30 * dayMs;
const before = (bench: Bench): number => nowOf(bench).wall - agoMs;
const signedThen = (bench: Bench) => {
  const iat = toNumericDate(nowOf(bench).wall) - agoMs / 1000;
  return { iat, refreshBefore: iat + 60 * 86400 };
};
const deliver = (bench: Bench, topic: string, jws: string): void =>
  void send(bench, bench.server.deliverRaw(topic, jws));

/** A check-in that is answered with this time, over the nonce that was sent or another one. */
function checkIn(bench: Bench, more: { readonly nonce?: string; readonly key?: 'stranger' | 'policy' } = {}): void {
  const { server } = bench;
  loseConnection(bench);
  server.state.mqttBlocked = true;
  bench.instead = (effect) => (effect.do === 'checkin' ? [] : null);
  for (let turn = 0; turn < 60 && bench.state.link.at !== 'calling'; turn++) pass(bench, 1000);
  bench.instead = () => null;
  const nonce = more.nonce ?? bench.state.nonce ?? '';
  const body = { ...server.deviceDocument(), ...signedThen(bench), nonce, time: before(bench) };
  const time = server.sign('time', body, server.keys[more.key ?? 'policy']);
  const answer = { format: 1, policy: null, device: null, commands: [], time, acknowledged: 0 };
  const bytes = Buffer.from(JSON.stringify(answer));
  send(bench, { type: 'checked-in', fingerprint: print(serverCertificates[0]), bytes });
}
const repair = (bench: Bench, more: object, by: 'recovery' | 'policy' | 'stranger'): void => {
  const rev = nowOf(bench).wall;
  const jws = bench.server.repairFile({ rev, ...signedThen(bench), ...more }, bench.server.keys[by]);
  askNow(bench, { do: 'repair', jws, rev });
};

const rows: readonly { name: string; act: (bench: Bench) => void; lowers?: true }[] = [
  { name: 'the time of the server over our nonce', act: (bench) => checkIn(bench), lowers: true },
  { name: 'over a nonce of another time', act: (bench) => checkIn(bench, { nonce: 'f'.repeat(32) }) },
  { name: 'over our nonce, by a stranger', act: (bench) => checkIn(bench, { key: 'stranger' }) },
  {
    name: 'a repair file by the recovery key that names the time',
    act: (bench) => repair(bench, { time: before(bench) }, 'recovery'),
    lowers: true,
  },
  { name: 'one that names none', act: (bench) => repair(bench, {}, 'recovery') },
  { name: 'one by the policy key', act: (bench) => repair(bench, { time: before(bench) }, 'policy') },
  { name: 'one by a stranger', act: (bench) => repair(bench, { time: before(bench) }, 'stranger') },
  {
    name: 'a policy signed before',
    act: (bench) => {
      const { server } = bench;
      const topic = policyTopic(server.unassigned.id);
      deliver(bench, topic, server.sign('policy', server.policyOf(server.unassigned, signedThen(bench))));
    },
  },
  {
    name: 'a device document signed before',
    act: (bench) => {
      const { server } = bench;
      const jws = server.sign('device', server.deviceDocument(signedThen(bench)));
      deliver(bench, deviceLeafTopic(server.device.id, 'device'), jws);
    },
  },
  { name: 'a time set by hand', act: (bench) => void askNow(bench, { do: 'time', at: before(bench) }) },
  {
    name: 'NTP',
    act: (bench) => {
      Object.assign(bench.time, { wallErrorMs: -agoMs, synced: true });
      pass(bench, 3 * 60_000);
    },
  },
  {
    name: 'a clock in 1970, connected, and a restart',
    act: (bench) => {
      bench.time.wallErrorMs = -nowOf(bench).wall;
      start(bench);
      bench.instead = (effect) => (effect.do === 'checkin' ? [] : null);
      pass(bench, 30_000);
    },
  },
  { name: 'a reset', act: (bench) => void askNow(bench, { do: 'reset' }) },
  {
    name: 'a counter that could not be written',
    act: (bench) => void send(bench, { type: 'count-failed', fault: fault('disk-full') }),
  },
];
table('the hard floor, after', rows, ({ act, lowers }) => {
  const bench = openRegistered();
  const floor = bench.state.counters.hardFloor;
  assert.ok(floor > built + agoMs && floor > before(bench));
  act(bench);
  const { hardFloor } = bench.state.counters;
  if (lowers) assert.is(Math.abs(hardFloor - before(bench)) < 1000, true, `${hardFloor - before(bench)}`);
  else assert.ok(hardFloor >= floor, `it fell by ${floor - hardFloor}`);
  send(bench, { type: 'stopping' });
  start(bench);
  assert.is(bench.state.counters.hardFloor, hardFloor, 'and over a restart');
  if (!lowers) return;
  // The policy of before is still held, and what it proved was taken back.
  const { server } = bench;
  server.state.mqttBlocked = false;
  pass(bench, 3000);
  assert.is(bench.state.link.at, 'connected');
  const jws = server.sign('device', server.deviceDocument(signedThen(bench)));
  deliver(bench, deviceLeafTopic(server.device.id, 'device'), jws);
  assert.ok(bench.state.counters.hardFloor < floor, 'nor does a document that was counted raise it again');
});

test('counters that are lost: the floor is what the documents on the disk prove', () => {
  const bench = openRegistered();
  bench.counters = Buffer.from('garbage');
  start(bench);
  const policy = bench.state.held.policy?.policy;
  assert.is(bench.state.counters.hardFloor, (policy?.iat ?? 0) * 1000);
  assert.is(lastStatus(bench).faults[0]?.code, 'counters-damaged');
});
