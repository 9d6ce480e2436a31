/** The stories of the person at the console: looking, connecting, adding, removing and importing. */
import type { LocalEntry } from '../../agent/core/durable.ts';
import type { Ask } from '../../agent/core/shape.ts';
import { certificatesOf } from '../../agent/core/views.ts';
import { fingerprintOf, toBase64, toPem } from '../../protocol/certificate.ts';
import { fault } from '../../protocol/fault.ts';
import { minuteMs } from '../../protocol/time.ts';
import { base64 } from '../fakes/administration.ts';
import { askNow, type Bench, lastStatus, noon, openBench, openRegistered, pass, send, start } from '../fakes/agent.ts';
import { type Issued, issue, issueList } from '../fakes/issue.ts';
import { openRemotes, type Remotes } from '../fakes/remote.ts';
import { assert, table, test } from '../harness.ts';

const root = issue({ cn: 'Root', ca: true });
const leaf = issue({ cn: 'host.example', by: root, dns: ['host.example'] });
const next = issue({ cn: 'host.example', by: root, dns: ['host.example'] });
const old = issue({ cn: 'host.example', dns: ['host.example'], to: '2026-11-22T12:30:00Z' });
const odd = issue({ cn: 'Self', ca: true, dns: ['host.example'] });
const host = 'host.example';
const text = 'host.example:3389';
const print = ({ der }: Issued): string => fingerprintOf(der);

type Scene = { readonly bench: Bench; readonly remotes: Remotes };
function open(bench: Bench = openBench(), ...shown: readonly Issued[]): Scene {
  if (bench.state.at === 'starting') start(bench);
  const remotes: Remotes = new Map([[text, { chain: shown.length > 0 ? shown : [leaf] }]]);
  bench.instead = openRemotes(remotes);
  return { bench, remotes };
}
/** What a request is answered, in a few words. */
function tell(bench: Bench, ask: Ask): string {
  const answered = askNow(bench, ask);
  if (!answered) return 'nothing';
  if (!answered.ok) return answered.fault.code;
  const { value } = answered;
  if (!value) return 'done';
  if ('signedAt' in value) return 'a repair file';
  if ('added' in value)
    return `added ${value.added.length}, refused ${value.refused.map((each) => `${each.file} ${each.block} ${each.fault.code}`).join(', ')}`.replace(
      /, refused $/,
      '',
    );
  const { verdict, fault: why } = 'preflight' in value ? value.preflight : value;
  return [...('preflight' in value ? [value.at] : []), verdict, ...(why ? [why.code] : [])].join(' ');
}
const connect = (server = host): Ask => ({ do: 'connect', purpose: 'rdp', server, user: 'someone' });
const preflight = (server = host): Ask => ({ do: 'preflight', purpose: 'rdp', server });
const add = (issued: Issued, server = host): Ask => ({ do: 'add', purpose: 'rdp', server, fingerprint: print(issued) });
const remove = (issued: Issued): Ask => ({ do: 'remove', purpose: 'rdp', fingerprint: print(issued) });
const held = (bench: Bench): readonly string[] =>
  lastStatus(bench).certificates.flatMap((each) =>
    each.purpose === 'ksc' ? [] : [`${each.purpose} ${each.source} ${each.fingerprint}`],
  );
const events = ({ effects }: Bench): readonly string[] =>
  effects.flatMap((effect) => (effect.do === 'spool' ? [effect.event.event] : []));

test('a first connection asks, stores, and never asks again', () => {
  const { bench } = open();
  assert.is(tell(bench, connect()), 'stopped unknown');
  assert.is(lastStatus(bench).session, null);
  assert.is(tell(bench, add(leaf)), 'done');
  assert.equal(held(bench), [`rdp manual ${print(leaf)}`]);
  assert.is(tell(bench, connect()), 'started trusted');
  const launch = bench.effects.findLast((effect) => effect.do === 'launch');
  assert.ok(launch?.do === 'launch');
  assert.equal(launch.fingerprints, [print(leaf)]);
  assert.equal(launch.anchors, []);
  assert.is(launch.user, 'someone');
  assert.is(lastStatus(bench).session?.at, 'running');
  send(bench, { type: 'session-ended', session: 1, fault: null });
  assert.is(lastStatus(bench).session?.at, 'ended');
  assert.equal(events(bench), ['certificate-added', 'session-started', 'session-ended']);
});

test('rejecting connects nothing and stores nothing', () => {
  const { bench } = open();
  tell(bench, connect());
  assert.ok(!bench.effects.some(({ do: what }) => what === 'launch' || what === 'persist'));
});

test('a look stores nothing and starts nothing', () => {
  const { bench } = open();
  assert.is(tell(bench, preflight()), 'unknown');
  assert.ok(!bench.effects.some(({ do: what }) => what === 'launch' || what === 'persist' || what === 'spool'));
});

const addRows: readonly { name: string; scene: () => Scene; ask: Ask; is: string }[] = [
  { name: 'what was never shown', scene: () => open(), ask: add(leaf), is: 'not-shown' },
  { name: 'another certificate', scene: looked, ask: add(next), is: 'not-shown' },
  { name: 'for another server', scene: looked, ask: add(leaf, 'other.example'), is: 'not-shown' },
  { name: 'for another port', scene: looked, ask: add(leaf, 'host.example:3390'), is: 'not-shown' },
  { name: 'for the port in words', scene: looked, ask: add(leaf, 'HOST.example.:3389'), is: 'done' },
  { name: 'for another purpose', scene: looked, ask: { ...add(leaf), purpose: 'log' } as Ask, is: 'not-shown' },
  { name: 'ten minutes ago', scene: () => later(looked(), 10 * minuteMs), ask: add(leaf), is: 'done' },
  { name: 'longer ago', scene: () => later(looked(), 10 * minuteMs + 1), ask: add(leaf), is: 'not-shown' },
  { name: 'twice', scene: () => after(looked(), add(leaf)), ask: add(leaf), is: 'already-trusted' },
  { name: 'a certificate that calls itself an authority', scene: () => looked(odd), ask: add(odd), is: 'done' },
  {
    name: 'one that has expired since',
    scene: () => later(looked(old), 31 * minuteMs, true),
    ask: add(old),
    is: 'expired',
  },
  { name: 'a bad name', scene: looked, ask: add(leaf, '.'), is: 'bad-argument' },
  { name: 'on a managed device', scene: () => managed(looked), ask: add(leaf), is: 'adding-closed' },
];
table('add', addRows, ({ scene, ask, is }) => assert.is(tell(scene().bench, ask), is));

test('what is added never replaces anything', () => {
  const { bench, remotes } = looked();
  tell(bench, add(leaf));
  remotes.set(text, { chain: [next] });
  assert.is(tell(bench, connect()), 'stopped refused changed-old-valid');
  assert.is(events(bench).at(-1), 'connection-refused');
  assert.is(tell(bench, add(next)), 'changed-old-valid');
  assert.is(tell(bench, remove(leaf)), 'done');
  assert.equal(held(bench), []);
  assert.is(tell(bench, connect()), 'stopped unknown');
  assert.is(tell(bench, add(next)), 'done');
  assert.is(tell(bench, connect()), 'started trusted');
});

test('an accepted certificate that calls itself an authority is trusted as itself alone', () => {
  const { bench, remotes } = looked(odd);
  tell(bench, add(odd));
  assert.is(tell(bench, preflight()), 'trusted');
  remotes.set(text, { chain: [issue({ cn: 'Child', by: odd, dns: [host] }), odd] });
  assert.is(tell(bench, preflight()), 'refused changed-old-valid');
});

test('one session at a time', () => {
  const { bench } = trusting();
  assert.is(tell(bench, connect()), 'started trusted');
  assert.is(tell(bench, connect()), 'session-busy');
  send(bench, { type: 'session-ended', session: 1, fault: null });
  assert.is(tell(bench, connect()), 'started trusted');
  assert.is(lastStatus(bench).session?.number, 2);
});

test('a connection that is being looked at is a session too', () => {
  const { bench } = trusting();
  bench.instead = (effect) => (effect.do === 'probe' ? [] : null);
  assert.is(tell(bench, connect()), 'nothing');
  assert.is(tell(bench, connect()), 'session-busy');
});

test('swapped between the look and the start: looked at again, and said', () => {
  const { bench, remotes } = trusting();
  remotes.set(text, { chain: [leaf], next: () => [next] });
  assert.is(tell(bench, connect()), 'started trusted');
  const { session } = lastStatus(bench);
  assert.is(session?.at, 'ended');
  assert.is(session?.fault?.code, 'changed-old-valid');
  assert.is(bench.effects.filter((effect) => effect.do === 'launch').length, 1);
});

test('a server that goes on swapping is given up after three more tries', () => {
  const { bench } = trusting();
  const remotes = bench.instead;
  bench.instead = (effect) =>
    effect.do === 'launch'
      ? [{ type: 'session-ended', session: effect.session, fault: fault('client-refused-certificate') }]
      : remotes(effect);
  assert.is(tell(bench, connect()), 'client-refused-certificate');
  assert.is(bench.effects.filter((effect) => effect.do === 'launch').length, 4);
  assert.is(lastStatus(bench).session?.fault?.code, 'client-refused-certificate');
});

test('a client that is not there is said to the one who asked', () => {
  const { bench } = trusting();
  const remotes = bench.instead;
  bench.instead = (effect) =>
    effect.do === 'launch'
      ? [{ type: 'session-ended', session: effect.session, fault: fault('client-missing') }]
      : remotes(effect);
  assert.is(tell(bench, connect()), 'client-missing');
  assert.ok(!events(bench).includes('session-started'));
  assert.ok(events(bench).includes('connection-refused'));
});

test('several certificates of one server: the client is told all of them (F31)', () => {
  const { bench } = open();
  const files = [{ name: 'farm.pem', content: toBase64(Buffer.from(toPem(leaf.der) + toPem(next.der))) }];
  assert.is(tell(bench, { do: 'import', purpose: 'rdp', server: host, files }), 'added 2');
  assert.is(tell(bench, connect()), 'started trusted');
  const launch = bench.effects.findLast((effect) => effect.do === 'launch');
  assert.equal(launch?.do === 'launch' ? launch.fingerprints : [], [print(leaf), print(next)]);
});

const removeRows: readonly { name: string; scene: () => Scene; is: string }[] = [
  { name: 'added by hand', scene: trusting, is: 'done' },
  { name: 'not there', scene: () => open(), is: 'not-found' },
  { name: 'on a managed device', scene: () => managed(looked), is: 'adding-closed' },
  { name: 'of the firmware', scene: factory, is: 'not-removable' },
];
table('remove', removeRows, ({ scene, is }) => assert.is(tell(scene().bench, remove(leaf)), is));

const own: readonly { name: string; bench: () => Bench; is: string }[] = [
  { name: 'not registered', bench: () => openBench(), is: 'not-registered' },
  { name: 'its own server', bench: openRegistered, is: 'failed server-unreachable' },
];
table('a look at the own server', own, ({ bench, is }) => {
  assert.is(tell(open(bench()).bench, { do: 'preflight', purpose: 'ksc', server: '' }), is);
});

/** Managed, the root in the policy for `rdp`, and this of revocation. */
function revoking(rdp: 'soft' | 'hard', lists: readonly Buffer[], entries: readonly Issued[] = [root]): Bench {
  const { bench } = open(openRegistered());
  const { server } = bench;
  server.office.entries = entries.map((each) => ({ purpose: 'rdp', file: '', certificate: base64(each) }));
  const revocation = { rdp, broker: 'off', log: 'off', lists: lists.map(toBase64) };
  send(bench, ...server.publishPolicies({ revocation }), ...server.moveTo(server.office));
  pass(bench, 3000);
  return bench;
}
const clean = issueList({ by: root, number: 1 });
const listed = issueList({ by: root, number: 2, revoked: [leaf] });

const revocationRows: readonly { name: string; bench: () => Bench; is: string }[] = [
  { name: 'softly, no list', bench: () => revoking('soft', []), is: 'started trusted' },
  { name: 'softly, listed', bench: () => revoking('soft', [listed]), is: 'stopped refused revoked' },
  { name: 'hard, no list', bench: () => revoking('hard', []), is: 'stopped refused crl-unavailable' },
  { name: 'hard, a clean list', bench: () => revoking('hard', [clean]), is: 'started trusted' },
  { name: 'hard, listed', bench: () => revoking('hard', [listed]), is: 'stopped refused revoked' },
  {
    name: 'a single certificate, listed',
    bench: () => revoking('soft', [listed], [leaf]),
    is: 'stopped refused revoked',
  },
  { name: 'a single certificate, hard, no list', bench: () => revoking('hard', [], [leaf]), is: 'started trusted' },
];
table('revocation by the policy', revocationRows, ({ bench, is }) => assert.is(tell(bench(), connect()), is));

test('while certificates are looked up, a client is told of none but the one just judged', () => {
  const prints = (bench: Bench): unknown => {
    tell(bench, connect());
    const launch = bench.effects.findLast((effect) => effect.do === 'launch');
    return launch?.do === 'launch' && launch.fingerprints;
  };
  assert.equal(prints(revoking('soft', [], [leaf, next])), [print(leaf)]);
});

test('what a list revokes is exported to nobody, and the status says what is looked up', () => {
  const bench = revoking('soft', [listed], [leaf, next]);
  const exported = bench.effects.findLast((effect) => effect.do === 'export');
  assert.ok(exported?.do === 'export');
  const rdp = exported.certificates.filter(({ purpose }) => purpose === 'rdp').map(({ fingerprint }) => fingerprint);
  assert.equal(rdp, [print(next)]);
  assert.equal(
    lastStatus(bench).revocation?.lists.map(({ issuer }) => issuer),
    ['Root'],
  );
  assert.is(lastStatus(bench).revocation?.modes.rdp, 'soft');
});

test('a policy with a list that cannot be read is refused, and the last good one stays', () => {
  const bench = revoking('hard', [clean]);
  const { policy } = lastStatus(bench);
  const revocation = { rdp: 'off', broker: 'off', log: 'off', lists: [base64(leaf)] };
  send(bench, ...bench.server.publishPolicies({ revocation }));
  pass(bench, 3000);
  assert.equal(lastStatus(bench).policy, policy);
  assert.ok(lastStatus(bench).faults.some(({ code }) => code === 'crl-unreadable'));
});

test('a policy takes what was accepted in the step it arrives in, whatever server it was for', () => {
  const { bench } = open(openRegistered());
  tell(bench, connect());
  tell(bench, add(leaf));
  assert.equal(held(bench).length, 1);
  const { office } = bench.server;
  office.entries = [{ purpose: 'log', file: 'root.pem', certificate: base64(root) }];
  send(bench, ...bench.server.publishPolicies(), ...bench.server.moveTo(office));
  pass(bench, 3000);
  assert.equal(held(bench), [`log policy ${print(root)}`]);
  assert.is(events(bench).filter((event) => event === 'certificate-removed').length, 1, 'and is on record');
  assert.is(lastStatus(bench).mayAdd, false);
  assert.is(tell(bench, connect()), 'stopped refused not-assigned');
});

test('a policy with a root for desktops and one certificate for the broker', () => {
  const broker = issue({ cn: 'broker.example', dns: ['broker.example'] });
  const outside = issue({ cn: 'outside.example', dns: ['outside.example'] });
  const { bench, remotes } = open(openRegistered());
  remotes.set('192.0.2.1:3389', { chain: [leaf] });
  remotes.set('outside.example:3389', { chain: [outside] });
  for (const place of ['broker.example:443', 'broker.example:3389', '[2001:db8::1]:8443'])
    remotes.set(place, { chain: [broker] });
  const { office } = bench.server;
  office.entries = [
    { purpose: 'rdp', file: 'root.pem', certificate: base64(root) },
    { purpose: 'broker', file: 'broker.pem', certificate: base64(broker) },
  ];
  send(bench, ...bench.server.publishPolicies(), ...bench.server.moveTo(office));
  pass(bench, 3000);
  const look = (purpose: 'rdp' | 'broker', server: string): string => tell(bench, { do: 'preflight', purpose, server });
  assert.is(look('rdp', host), 'trusted', 'by its name');
  assert.is(look('rdp', '192.0.2.1'), 'refused ip-under-root', 'by its address');
  assert.is(look('rdp', 'outside.example'), 'refused not-assigned');
  assert.is(look('rdp', 'broker.example'), 'refused not-assigned', 'of another purpose');
  assert.is(look('broker', 'broker.example'), 'trusted');
  assert.is(look('broker', '[2001:DB8::1]:8443'), 'trusted', 'that very certificate, wherever it is');
  assert.is(look('broker', 'outside.example:3389'), 'refused not-assigned');
  assert.is(tell(bench, { do: 'connect', purpose: 'broker', server: 'broker.example', user: 'u' }), 'started trusted');
  const launch = bench.effects.findLast((effect) => effect.do === 'launch');
  assert.ok(launch?.do === 'launch');
  assert.equal(launch.fingerprints, [print(broker)]);
  assert.equal(launch.anchors, [], 'a root of another purpose is not handed on');
  send(bench, { type: 'session-ended', session: 1, fault: null });
  assert.is(tell(bench, connect()), 'started trusted');
  const desktop = bench.effects.findLast((effect) => effect.do === 'launch');
  assert.ok(desktop?.do === 'launch');
  assert.equal(desktop.fingerprints, [print(leaf)], 'a client under a root is pinned to what was looked at');
  assert.equal(
    desktop.anchors.map((der) => Buffer.from(der)),
    [root.der],
  );
});

const blocking: readonly { name: string; blocked: Issued; shown: Issued; is: string }[] = [
  { name: 'what it shows', blocked: leaf, shown: leaf, is: 'refused blocklisted' },
  { name: 'its authority, when it shows it', blocked: root, shown: leaf, is: 'refused blocklisted' },
  { name: 'what it showed before', blocked: leaf, shown: next, is: 'refused blocklisted' },
];
table('what was accepted is compromised: the administrator blocks', blocking, ({ blocked, shown, is }) => {
  const { bench, remotes } = trusting();
  const blocklist = [print(blocked)];
  send(bench, ...bench.server.publishPolicies({ blocklist }));
  pass(bench, 3000);
  remotes.set(text, { chain: [shown, root] });
  assert.is(tell(bench, preflight()), is);
  assert.is(tell(bench, connect()), `stopped ${is}`);
});

/** A look at the server was taken. */
function looked(...shown: readonly Issued[]): Scene {
  const scene = open(openRegistered(), ...shown);
  tell(scene.bench, preflight());
  return scene;
}
function trusting(): Scene {
  return after(looked(), add(leaf));
}
function after(scene: Scene, ask: Ask): Scene {
  assert.is(tell(scene.bench, ask), 'done');
  return scene;
}
function later(scene: Scene, forMs: number, wallOnly = false): Scene {
  if (wallOnly) scene.bench.time.wallErrorMs += forMs;
  else scene.bench.time.uptimeMs += forMs;
  return scene;
}
function managed(make: () => Scene): Scene {
  const scene = make();
  const { bench } = scene;
  send(bench, ...bench.server.publishPolicies(), ...bench.server.moveTo(bench.server.office));
  pass(bench, 3000);
  assert.is(lastStatus(bench).mayAdd, false);
  return scene;
}
function factory(): Scene {
  const scene = open();
  const { bench } = scene;
  const entry: LocalEntry = {
    purpose: 'rdp',
    source: 'factory',
    file: 'leaf.pem',
    der: base64(leaf),
    addedAt: noon,
    server: null,
  };
  const durable = { ...bench.state.durable, local: [entry] };
  bench.state = { ...bench.state, durable, views: certificatesOf(durable, bench.state.held) };
  return scene;
}
