/** Any sequence of what a person asks, servers show, policies bring and the power takes keeps what trust rests on. */
import fc from 'fast-check';
import { initial, type State, step } from '../../agent/core/agent.ts';
import type { LocalEntry } from '../../agent/core/durable.ts';
import { toObjects } from '../../agent/core/generation.ts';
import { entriesFor, isClosed } from '../../agent/core/rules.ts';
import type { Effect, Happening, Now } from '../../agent/core/shape.ts';
import { exportsOf } from '../../agent/core/views.ts';
import { fingerprintOf, fromBase64, toBase64, toPem } from '../../protocol/certificate.ts';
import { fault } from '../../protocol/fault.ts';
import { parsePlace } from '../../protocol/target.ts';
import { instant } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { base64 } from '../fakes/administration.ts';
import { built, noon, nowOf, openRegistered } from '../fakes/agent.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { openRemotes, type Remotes } from '../fakes/remote.ts';
import { assert, test } from '../harness.ts';

const purposes = ['rdp', 'broker', 'log'] as const;
const servers = ['a.example:1000', 'b.example:1000'] as const;
const root = issue({ cn: 'Root', ca: true });
const certificates: readonly Issued[] = [
  root,
  issue({ cn: 'one', by: root, dns: ['a.example'] }),
  issue({ cn: 'two', by: root, dns: ['b.example'] }),
  issue({ cn: 'three', dns: ['a.example', 'b.example'], to: '2026-11-22T13:00:00Z' }),
];
const prints = certificates.map(({ der }) => fingerprintOf(der) as string);

const bench = openRegistered();
const { server } = bench;
const connection = server.state.connection ?? 0;
/** Signed once, in rising order; an older one is a replay, which changes nothing. */
const policies = Array.from({ length: 12 }, (_, index) => {
  const certificate = (at: number) => base64(certificates[at]);
  const kinds = [
    {},
    { certificates: { enforced: true, entries: [{ purpose: 'log', file: 'f', certificate: certificate(0) }] } },
    { blocklist: [prints[1]] },
    { certificates: { enforced: true, entries: [{ purpose: 'rdp', file: 'f', certificate: certificate(1) }] } },
  ];
  return server.sign('policy', server.policyOf(server.unassigned, kinds[index % kinds.length]));
});
const documents = Array.from({ length: 6 }, (_, index) =>
  server.sign('device', server.deviceDocument({ managed: index % 2 === 1 })),
);

type Act =
  | {
      readonly do: 'look' | 'connect' | 'add';
      readonly purpose: number;
      readonly server: number;
      readonly certificate: number;
    }
  | { readonly do: 'remove'; readonly purpose: number; readonly certificate: number }
  | { readonly do: 'import'; readonly purpose: number; readonly server: number | null; readonly all: readonly number[] }
  | { readonly do: 'policy' | 'document'; readonly index: number }
  | { readonly do: 'clock'; readonly errorMs: number }
  | { readonly do: 'wait'; readonly forMs: number }
  | { readonly do: 'end' | 'swapped' | 'restart' };
type Life = {
  state: State;
  now: Now;
  readonly remotes: Remotes;
  readonly perform: (effect: Effect) => readonly Happening[] | null;
  /** The next generation is not made durable. */
  fails: boolean;
  /** What was ever brought for a purpose, by whatever way. */
  readonly brought: Map<string, Set<string>>;
  readonly launched: Extract<Effect, { do: 'launch' }>[];
};

let requests = 0;

/** Everything that follows from one happening. */
function settle(life: Life, happening: Happening): void {
  const queue: Happening[] = [happening];
  for (let next = queue.shift(); next; next = queue.shift()) {
    const before = life.state;
    const { state, effects } = step(before, { ...next, now: life.now });
    life.state = state;
    const given = effects.flatMap((effect): readonly Happening[] => {
      if (effect.do === 'persist')
        return life.fails
          ? [{ type: 'persist-failed', number: effect.number, fault: fault('disk-full', { what: 'test' }) }]
          : [{ type: 'persisted', number: effect.number }];
      if (effect.do === 'count') return [{ type: 'counted' }];
      if (effect.do === 'launch') life.launched.push(effect);
      return life.perform(effect) ?? [];
    });
    queue.unshift(...given);
  }
}

function happeningOf(life: Life, act: Act): Happening | null {
  const request = ++requests;
  const asked = (ask: Extract<Happening, { type: 'asked' }>['ask']): Happening => ({ type: 'asked', request, ask });
  switch (act.do) {
    case 'look':
    case 'connect':
    case 'add': {
      const purpose = purposes[act.purpose] ?? 'rdp';
      const place = servers[act.server] ?? '';
      const shown = certificates[act.certificate];
      if (shown && act.do !== 'add') life.remotes.set(place, { chain: [shown] });
      if (act.do === 'look') return asked({ do: 'preflight', purpose, server: place });
      if (act.do === 'add')
        return asked({ do: 'add', purpose, server: place, fingerprint: prints[act.certificate] ?? '' });
      return purpose === 'log' ? null : asked({ do: 'connect', purpose, server: place, user: 'u' });
    }
    case 'remove':
      return asked({
        do: 'remove',
        purpose: purposes[act.purpose] ?? 'rdp',
        fingerprint: prints[act.certificate] ?? '',
      });
    case 'import': {
      const content = toBase64(
        Buffer.from(act.all.map((at) => toPem(certificates[at]?.der ?? Buffer.alloc(0))).join('')),
      );
      const place = act.server === null ? null : (servers[act.server] ?? null);
      return asked({
        do: 'import',
        purpose: purposes[act.purpose] ?? 'rdp',
        server: place,
        files: [{ name: 'f', content }],
      });
    }
    case 'policy':
      return message(policyTopic(server.unassigned.id), policies[act.index] ?? '');
    case 'document':
      return message(deviceLeafTopic(server.device.id, 'device'), documents[act.index] ?? '');
    case 'end':
    case 'swapped': {
      const session = life.state.trust.session?.number ?? 0;
      const why = act.do === 'swapped' ? fault('client-refused-certificate') : null;
      return { type: 'session-ended', session, fault: why };
    }
    case 'clock':
      life.now = { ...life.now, wall: instant(Math.max(0, noon + life.now.uptimeMs + act.errorMs)) };
      return { type: 'tick' };
    case 'wait':
      life.now = { ...life.now, uptimeMs: life.now.uptimeMs + act.forMs, wall: instant(life.now.wall + act.forMs) };
      return { type: 'tick' };
    case 'restart':
      return null;
  }
}

const message = (topic: string, payload: string): Happening => ({
  type: 'message',
  connection,
  ticket: 1,
  topic,
  payload: Buffer.from(payload),
});

/** Power off and on with what is durable; the connection to the server stands at once. */
function restart(life: Life): void {
  const { durable, counters, generation, link } = life.state;
  const content = { ok: true as const, value: toObjects(durable) };
  life.state = initial;
  settle(life, {
    type: 'started',
    disk: {
      generations: [{ number: generation, content }],
      counters: { ok: true, value: Buffer.from(JSON.stringify(counters)) },
    },
    lastEvent: 0,
    damagedEvents: 0,
    built,
    hardware: 'machine-1',
    factory: { entries: [], faults: [] },
    versions: { agent: '0', runtime: 'test' },
  });
  life.state = { ...life.state, link };
}

const nameOf = (entry: LocalEntry): string => `${entry.purpose} ${entry.server} ${entry.der}`;
const localPrints = (all: readonly LocalEntry[]): readonly string[] =>
  all.map(({ der }) => fingerprintOf(fromBase64(der)));

function assertLife(life: Life, before: State, act: Act): void {
  const { state } = life;
  const { durable, held } = state;
  const manual = durable.local.filter(({ source }) => source === 'manual');
  const closed = isClosed(durable, held);
  if (closed) assert.is(manual.length, 0, 'a manual entry on a closed device');
  if (closed) assert.ok(exportsOf(durable, held).every(({ source }) => source !== 'manual' && source !== 'factory'));
  assert.is(new Set(durable.local.map(nameOf)).size, durable.local.length, 'an entry twice');
  const kept = act.do !== 'remove' && act.do !== 'policy' && act.do !== 'document';
  if (kept) assert.equal(durable.local.slice(0, before.durable.local.length), before.durable.local, 'replaced');
  if (act.do === 'remove') assert.ok(durable.local.every((entry) => before.durable.local.includes(entry)));
  for (const entry of durable.local) broughtFor(life, entry.purpose).add(localPrints([entry])[0] ?? '');
  for (const entry of held.policy?.policy.certificates.entries ?? [])
    broughtFor(life, entry.purpose).add(fingerprintOf(fromBase64(entry.certificate)));
  for (const purpose of purposes) {
    const allowed = broughtFor(life, purpose);
    for (const text of servers) {
      const place = parsePlace(text, 1);
      if (!place.ok) throw new Error(text);
      const entries = entriesFor(state, purpose, place.value);
      const found = entries.every((entry) => entry.purpose === purpose && allowed.has(entry.certificate.fingerprint));
      assert.ok(found, `${purpose}: of another purpose`);
      assert.ok(
        entries.every((entry) => entry.server === null || entry.server === text),
        'of another server',
      );
    }
  }
  for (const { purpose, fingerprints, anchors } of life.launched.splice(0)) {
    const allowed = broughtFor(life, purpose);
    const under = anchors.map((der) => fingerprintOf(der) as string);
    assert.ok(
      under.every((each) => allowed.has(each)),
      'an anchor of another purpose',
    );
    const [leaf = '', ...others] = fingerprints;
    assert.ok(
      others.every((each) => allowed.has(each)),
      'a pin of another purpose',
    );
    assert.ok(allowed.has(leaf) || under.length > 0, 'launched for what nobody trusts');
    const blocked = held.policy?.policy.blocklist ?? [];
    assert.ok(![...fingerprints, ...under].some((each) => blocked.includes(each)), 'launched for what is blocked');
  }
}

function broughtFor({ brought }: Life, purpose: string): Set<string> {
  const known = brought.get(purpose) ?? new Set<string>();
  brought.set(purpose, known);
  return known;
}

const at = (length: number) => fc.integer({ min: 0, max: length - 1 });
const purpose = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: at(purposes.length) });
const place = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: at(servers.length) });
const certificate = fc.oneof(
  { weight: 2, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: at(certificates.length) },
);
const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('look', 'connect'), purpose, server: place, certificate }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add'), purpose, server: place, certificate }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('remove'), purpose, certificate }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('import'),
      purpose,
      server: fc.option(place),
      all: fc.array(certificate, { minLength: 1, maxLength: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('policy'), index: at(policies.length) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('document'), index: at(documents.length) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clock'), errorMs: fc.constantFrom(0, -noon, 7_200_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait'), forMs: fc.integer({ min: 0, max: 1_200_000 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('end', 'swapped', 'restart') }) },
) as fc.Arbitrary<Act>;

/** How often each thing really happened: a property over nothing proves nothing. */
const happened = { added: 0, removed: 0, purged: 0, launched: 0 };

// Bounds: up to 8 acts a run, each generation lost with a chance of 1 in 8, four certificates, two servers, three purposes.
test('what trust rests on holds in any sequence (10^4 runs)', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(acts, fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 8 }),
      (sequence) => {
        const remotes: Remotes = new Map();
        const perform = openRemotes(remotes);
        const life: Life = {
          state: bench.state,
          now: nowOf(bench),
          remotes,
          perform,
          fails: false,
          brought: new Map(),
          launched: [],
        };
        for (const [act, luck] of sequence) {
          const before = life.state;
          life.fails = luck === 0;
          const happening = happeningOf(life, act);
          if (act.do === 'restart') restart(life);
          else if (happening) settle(life, happening);
          const grown = life.state.durable.local.length - before.durable.local.length;
          if (grown > 0) happened.added++;
          if (grown < 0) happened[act.do === 'remove' ? 'removed' : 'purged']++;
          happened.launched += life.launched.length;
          assertLife(life, before, act);
        }
      },
    ),
    { numRuns: 10_000 },
  );
  for (const [what, times] of Object.entries(happened)) assert.ok(times > 100, `${what} ${times} times only`);
});
