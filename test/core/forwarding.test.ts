/** When records go to the log server: settings, trust, clock and identity, and what happens when each changes (T5, T17). */
import type { Effect, Happening, Probed } from '../../agent/core/shape.ts';
import { openJudge } from '../../agent/edge/judge.ts';
import { fingerprintOf, toBase64 } from '../../protocol/certificate.ts';
import { fault } from '../../protocol/fault.ts';
import { minuteMs } from '../../protocol/time.ts';
import { check } from '../../protocol/validate.ts';
import { logServer, settingsWith } from '../fakes/administration.ts';
import {
  askNow,
  type Bench,
  lastStatus,
  noon,
  openBench,
  openManaged,
  openRegistered,
  pass,
  send,
  start,
} from '../fakes/agent.ts';
import { type Issued, issue, issueList } from '../fakes/issue.ts';
import { openRemotes, type Remotes } from '../fakes/remote.ts';
import { assert, table, test } from '../harness.ts';

const text = 'log.example:6514';
const stranger = issue({ cn: 'log.example', dns: ['log.example'] });
const judge = openJudge();

type Forward = Extract<Effect, { do: 'forward' }>;
const isForward = (effect: Effect): effect is Forward => effect.do === 'forward';
const forwards = (effects: readonly Effect[]): readonly Forward[] => effects.filter(isForward);
const stops = (effects: readonly Effect[]): number =>
  effects.filter(({ do: what }) => what === 'stop-forwarding').length;

/** An unregistered device whose log server shows this; `null`: there is none. */
function open(bench: Bench = openBench(), shown: readonly Issued[] | null = [stranger]): Bench {
  if (bench.state.at === 'starting') start(bench);
  const remotes: Remotes = new Map([[text, { chain: shown ?? [] }]]);
  const remote = openRemotes(remotes);
  bench.instead = (effect) => (effect.do === 'forward' ? forwarded(effect, shown) : remote(effect));
  askNow(bench, { do: 'settings', logServer: 'log.example' });
  return bench;
}

function forwarded({ connection, place, rules }: Forward, shown: readonly Issued[] | null): readonly Happening[] {
  const [leaf, ...intermediates] = (shown ?? []).map(({ der }) => new Uint8Array(der));
  if (!leaf) return [{ type: 'forward-ended', connection, fault: fault('server-unreachable'), shown: null }];
  const verdict = judge({ ...rules, leaf, intermediates });
  if (verdict.trusted) return [{ type: 'forwarding', connection }];
  const named = place.target.host === 'log.example';
  const outcome: Probed = { at: 'shown', chain: [leaf, ...intermediates], verdict, named, tls: 'TLSv1.3' };
  return [{ type: 'forward-ended', connection, fault: verdict.fault, shown: outcome }];
}
const logOf = (bench: Bench) => lastStatus(bench).log;

test('no log server: nothing begins, and nothing is counted', () => {
  const bench = openRegistered();
  assert.is(forwards(bench.effects).length, 0);
  assert.equal(logOf(bench), { at: 'off', server: null, fault: null, preflight: null, unsent: 0, dropped: 0 });
});

test('an unmanaged device asks on the first connection; Add certificate connects, and there is no second question', () => {
  const bench = open();
  pass(bench, 2000);
  const { at, fault: why, preflight } = logOf(bench);
  assert.equal([at, preflight?.verdict, preflight?.server], ['refused', 'unknown', text]);
  assert.is(why?.code, 'issuer-unknown');
  assert.is(check('status', lastStatus(bench)).ok, true);
  assert.ok(
    pass(bench, 3 * minuteMs).every((effect) => effect.do !== 'forward'),
    'not asked again at once',
  );
  const fingerprint = fingerprintOf(stranger.der);
  assert.is(askNow(bench, { do: 'add', purpose: 'log', server: text, fingerprint })?.ok, true);
  pass(bench, 2000);
  assert.is(logOf(bench).at, 'connected');
  const before = forwards(bench.effects).length;
  start(bench);
  pass(bench, 2000);
  assert.equal([logOf(bench).at, forwards(bench.effects).length], ['connected', before + 1]);
});

test('what is removed ends the connection at once', () => {
  const bench = open();
  pass(bench, 2000);
  const fingerprint = fingerprintOf(stranger.der);
  askNow(bench, { do: 'add', purpose: 'log', server: text, fingerprint });
  pass(bench, 2000);
  const from = bench.effects.length;
  askNow(bench, { do: 'remove', purpose: 'log', fingerprint });
  assert.is(stops(bench.effects.slice(from)), 1);
  pass(bench, 2000);
  assert.is(logOf(bench).at, 'refused');
});

test('a list that names the log server ends the connection at once', () => {
  const authority = issue({ cn: 'Logs', ca: true });
  const served = issue({ cn: 'log.example', by: authority, dns: ['log.example'] });
  const bench = open(openManaged(settingsWith([])), [served]);
  const { server } = bench;
  server.office.entries = [{ purpose: 'log', file: '', certificate: toBase64(authority.der) }];
  send(bench, ...server.publishPolicies());
  pass(bench, 5000);
  assert.is(logOf(bench).at, 'connected');
  const from = bench.effects.length;
  const lists = [toBase64(issueList({ by: authority, revoked: [served] }))];
  send(bench, ...server.publishPolicies({ revocation: { rdp: 'off', broker: 'off', log: 'soft', lists } }));
  assert.is(stops(bench.effects.slice(from)), 1);
  pass(bench, 5000);
  assert.equal([logOf(bench).at, logOf(bench).fault?.code], ['refused', 'revoked']);
});

test('a log server that is away is tried for ever, with growing pauses, and told once', () => {
  const bench = open(openBench(), null);
  const from = bench.effects.length;
  pass(bench, 24 * 60 * minuteMs);
  const effects = bench.effects.slice(from);
  const tries = forwards(effects).length;
  assert.ok(tries > 500 && tries < 900, `${tries} tries in a day`);
  assert.is(effects.filter((effect) => effect.do === 'log' && effect.text === 'log server lost').length, 1);
  assert.equal([logOf(bench).at, logOf(bench).fault?.code], ['waiting', 'server-unreachable']);
});

test('another log server, and none', () => {
  const bench = open(openBench(), null);
  pass(bench, 2000);
  askNow(bench, { do: 'settings', logServer: 'other.example:1514' });
  pass(bench, 2000);
  assert.is(forwards(bench.effects).at(-1)?.place.text, 'other.example:1514');
  askNow(bench, { do: 'settings', logServer: null });
  assert.is(logOf(bench).at, 'off');
  const from = bench.effects.length;
  pass(bench, 10 * minuteMs);
  assert.is(forwards(bench.effects.slice(from)).length, 0);
});

test('while the clock is unknown nothing is tried', () => {
  const bench = openBench();
  bench.time.wallErrorMs = -noon;
  open(bench);
  pass(bench, 10 * minuteMs);
  assert.equal([forwards(bench.effects).length, logOf(bench).at], [0, 'waiting']);
  assert.is(logOf(bench).fault?.code, 'clock-unknown');
  bench.time.wallErrorMs = 0;
  bench.time.synced = true;
  pass(bench, 2 * minuteMs);
  assert.is(logOf(bench).at, 'refused');
});

test('the policy brings server and certificate; the identity of the device goes with it', () => {
  const bench = openManaged(settingsWith([]));
  bench.instead = (effect) => (effect.do === 'forward' ? forwarded(effect, [logServer]) : null);
  askNow(bench, { do: 'settings', logServer: 'log.example' });
  pass(bench, 2000);
  const [last] = forwards(bench.effects).slice(-1);
  assert.ok(last?.identity && last.device);
  assert.match(last?.device ?? '', /^[!-~]+$/);
});

table(
  'what comes late means nothing',
  [
    { name: 'forwarding', happening: { type: 'forwarding', connection: 999 } as const },
    {
      name: 'ended',
      happening: { type: 'forward-ended', connection: 999, fault: fault('timed-out'), shown: null } as const,
    },
  ],
  ({ happening }) => {
    const bench = open();
    pass(bench, 2000);
    const { forwarding } = bench.state;
    send(bench, happening);
    assert.is(bench.state.forwarding.line, forwarding.line);
  },
);

test('what waits and what gave way is shown', () => {
  const bench = open();
  pass(bench, 2000);
  send(bench, { type: 'log-counted', unsent: 12, dropped: 3 });
  assert.equal([logOf(bench).unsent, logOf(bench).dropped], [12, 3]);
});
