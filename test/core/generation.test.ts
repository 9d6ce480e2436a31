/** A generation as files and back, and which one a start goes on from (F11, F13). */
import fc from 'fast-check';
import type { CodeRequest, Counters, Durable, LocalEntry, Registration } from '../../agent/core/durable.ts';
import { emptyDurable } from '../../agent/core/durable.ts';
import { freshCounters, fromObjects, keysOf, restore, toObjects } from '../../agent/core/generation.ts';
import type { DiskRead, NamedObject } from '../../agent/core/shape.ts';
import { bad, good } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { openRegistered, start } from '../fakes/agent.ts';
import { assert, table, test } from '../harness.ts';

const built = instant(Date.parse('2026-06-01T00:00:00Z'));
const der = fc.base64String({ minLength: 4, maxLength: 40 }).filter((text) => text.length > 0);
const millis = fc.integer({ min: 0, max: 253402300799999 }).map(instant);
const digest = fc.stringMatching(/^[0-9a-f]{64}$/);
const keyRef = fc.record({ kind: fc.constantFrom('file' as const, 'token' as const), sha256: digest });
const source = fc.constantFrom('factory', 'policy', 'manual', 'replacement');
const pin = fc.record({ der, source, addedAt: millis });
const identity = fc.record({ key: keyRef, chain: fc.array(der, { minLength: 1, maxLength: 3 }) });
const order = fc.record({
  address: fc.constantFrom('127.0.0.1:443', '[::1]:8443', 'server.example:65535'),
  fingerprint: digest,
  invitation: fc.stringMatching(/^[A-Za-z0-9-]{1,64}$/),
  password: fc.string({ maxLength: 64 }),
});
const bundled = openRegistered().state.durable.registration;
const registration: fc.Arbitrary<Registration> = fc.oneof(
  fc.constant({ at: 'unregistered' as const }),
  fc.record({ at: fc.constant('ordered' as const), order, key: keyRef }),
  fc.record({ at: fc.constant('enrolled' as const), order, identity }),
  fc.boolean().map((confirmed): Registration => ({ ...bundled, confirmed }) as Registration),
);
const jws = fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{1,50}\.[A-Za-z0-9_-]{1,50}\.[A-Za-z0-9_-]{1,50}$/));
const local: fc.Arbitrary<LocalEntry> = fc.record({
  purpose: fc.constantFrom('rdp', 'broker', 'log'),
  source: fc.constantFrom('manual', 'factory'),
  file: fc.string({ maxLength: 60, unit: 'binary' }),
  der,
  addedAt: millis,
  server: fc.option(fc.string({ maxLength: 60, unit: 'binary' })),
});
const typed = fc.option(fc.string({ minLength: 1, maxLength: 60, unit: 'binary' }));
const address = fc.constantFrom('a.test:443', '[::1]:8883');
const request: fc.Arbitrary<CodeRequest> = fc.record({
  action: fc.constantFrom(1, 2, 3),
  counter: fc.integer({ min: 0, max: 99999 }),
  certificate: fc.option(der),
  askedAtMs: fc.double({ min: 0, max: 1e15, noNaN: true }).map((value) => value + 0),
});
const slots = fc.record({
  current: pin,
  reserve: fc.option(fc.record({ der, source, addedAt: millis, activateAt: millis })),
  previous: fc.option(fc.record({ der, source, addedAt: millis, until: millis })),
});
const durable = fc.record({
  registration,
  pins: fc.option(slots),
  policy: jws,
  device: jws,
  waiting: jws,
  local: fc.array(local, { maxLength: 4 }),
  requests: fc.array(request, { maxLength: 3 }),
  settings: fc.record({ logServer: typed, rdp: typed, broker: typed, language: fc.constantFrom('en', 'ru', null) }),
  connection: fc.option(fc.record({ https: address, mqtt: address })),
  repaired: fc.option(
    fc.record({
      aud: fc.string({ maxLength: 100 }),
      rev: fc.nat(),
      addresses: fc.option(fc.record({ https: address, mqtt: address })),
    }),
  ),
  former: fc.option(fc.record({ https: address, mqtt: address })),
}) as fc.Arbitrary<Durable>;

const textsOf = (objects: readonly NamedObject[]) =>
  objects.map(({ name, bytes }) => [name, Buffer.from(bytes).toString('latin1')]);

// Bounds: up to 4 local entries, 3 requests, certificates of 40 characters.
test('round trip of any content: what was written is what is read, byte for byte (10^4 runs)', () => {
  fc.assert(
    fc.property(durable, (written) => {
      const objects = toObjects(written);
      const back = fromObjects(objects);
      assert.ok(back.ok, JSON.stringify(back));
      if (back.ok) assert.equal(textsOf(toObjects(back.value)), textsOf(objects));
    }),
    { numRuns: 10_000 },
  );
});

test('garbage is refused and never throws (10^4 runs, up to 200 bytes, 4 objects)', () => {
  const name = fc.constantFrom('state.json', 'policy.jws', 'device.jws', 'waiting.jws', 'other');
  const object = fc.record({
    name,
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => Buffer.from(text)),
    ),
  });
  fc.assert(
    fc.property(fc.array(object, { maxLength: 4 }), (objects) => {
      const back = fromObjects(objects);
      assert.not.ok(back.ok);
      const disk = {
        generations: [{ number: 1, content: good(objects) }],
        counters: good(objects[0]?.bytes ?? Buffer.alloc(0)),
      };
      const restored = restore(disk, built);
      assert.is(restored.ok ? '' : restored.fault.code, 'identity-unreadable');
    }),
    { numRuns: 10_000 },
  );
});

const entryOf = (kind: 'manual' | 'factory'): LocalEntry => ({
  purpose: 'rdp',
  source: kind,
  file: kind,
  der: 'AAAA',
  addedAt: built,
  server: null,
});
const content = good(toObjects({ ...emptyDurable, local: [entryOf('manual'), entryOf('factory')] }));
const torn = bad('generation-damaged', { number: 9 });
const newer = bad('generation-newer', { number: 9 });
const counted = (more: Partial<Counters> = {}) =>
  good(Buffer.from(JSON.stringify({ ...freshCounters(built), ...more })));

const disks: readonly { name: string; disk: DiskRead; expected: string }[] = [
  { name: 'a new device', disk: { generations: [], counters: null }, expected: '0 local=' },
  { name: 'cut before the first generation', disk: { generations: [], counters: counted() }, expected: '0 local=' },
  {
    name: 'a whole one',
    disk: { generations: [{ number: 7, content }], counters: counted() },
    expected: '7 local=manual',
  },
  {
    name: 'the newest is damaged: the one before, without what a person accepted (F11)',
    disk: {
      generations: [
        { number: 8, content: torn },
        { number: 7, content },
      ],
      counters: counted(),
    },
    expected: '8 local= generation-damaged',
  },
  {
    name: 'the newest is empty',
    disk: {
      generations: [
        { number: 8, content: good([{ name: 'state.json', bytes: Buffer.alloc(0) }]) },
        { number: 7, content },
      ],
      counters: counted(),
    },
    expected: '8 local= generation-damaged',
  },
  {
    name: 'the newest is of a newer format (firmware rollback)',
    disk: {
      generations: [
        { number: 8, content: newer },
        { number: 7, content },
      ],
      counters: counted(),
    },
    expected: '8 local= generation-newer',
  },
  {
    name: 'two are damaged',
    disk: {
      generations: [
        { number: 9, content: torn },
        { number: 8, content: torn },
        { number: 7, content },
      ],
      counters: counted(),
    },
    expected: '9 local= generation-damaged generation-damaged',
  },
  {
    name: 'all are damaged: never a new identity (F13)',
    disk: {
      generations: [
        { number: 8, content: torn },
        { number: 7, content: newer },
      ],
      counters: counted(),
    },
    expected: 'identity-unreadable',
  },
  {
    name: 'all are gone, but revisions were counted',
    disk: { generations: [], counters: counted({ highest: { a: 1 } }) },
    expected: 'identity-unreadable',
  },
  {
    name: 'there was none yet, and something had been refused',
    disk: { generations: [], counters: counted({ eventSeq: 1 }) },
    expected: '0 local=',
  },
  {
    name: 'all are gone, but a code was',
    disk: { generations: [], counters: counted({ codeCounter: 0 }) },
    expected: 'identity-unreadable',
  },
  {
    name: 'all are gone, and the counters are damaged',
    disk: { generations: [], counters: good(Buffer.from('x')) },
    expected: 'identity-unreadable',
  },
  {
    name: 'the directory cannot be read',
    disk: { generations: [{ number: 0, content: bad('disk-failed') }], counters: null },
    expected: 'storage-missing',
  },
  {
    name: 'counters of a later format',
    disk: { generations: [{ number: 7, content }], counters: counted({ format: 2 as 1 }) },
    expected: '7 local=manual counters-damaged',
  },
  {
    name: 'counters lost',
    disk: { generations: [{ number: 7, content }], counters: null },
    expected: '7 local=manual counters-damaged',
  },
  {
    name: 'counters unreadable',
    disk: { generations: [{ number: 7, content }], counters: bad('counters-damaged') },
    expected: '7 local=manual counters-damaged',
  },
];
table('restore', disks, ({ disk, expected }) => {
  const restored = restore(disk, built);
  const told = restored.ok
    ? [
        restored.value.number,
        `local=${restored.value.durable.local.map((each) => each.source)}`,
        ...restored.value.faults.map((each) => each.code),
      ]
    : [restored.fault.code];
  assert.is(told.join(' '), expected);
  if (restored.ok && expected.endsWith('counters-damaged')) {
    const { tries, lockedUntilMs } = restored.value.counters;
    assert.equal([tries, lockedUntilMs], [5, 15 * 60_000]);
  }
});

test('the build time is a floor, and never lowers one', () => {
  const floorOf = (hardFloor: number): number => {
    const restored = restore(
      { generations: [{ number: 1, content }], counters: counted({ hardFloor: instant(hardFloor) }) },
      built,
    );
    return restored.ok ? restored.value.counters.hardFloor : 0;
  };
  assert.is(floorOf(5), built);
  assert.is(floorOf(built + 5), built + 5);
});

test('keys a generation needs', () => {
  assert.equal(keysOf(emptyDurable), []);
  fc.assert(
    fc.property(durable, (each) => {
      assert.is(keysOf(each).length, each.registration.at === 'unregistered' ? 0 : 1);
    }),
    { numRuns: 10_000 },
  );
});

test('a generation below the highest revision counts nothing that a person accepted', () => {
  const bench = openRegistered();
  const own = { ...bench.state.durable, local: [entryOf('manual')] };
  const audience = bench.state.held.policy?.policy.aud ?? '';
  bench.objects = toObjects(own);
  start(bench);
  assert.is(bench.state.durable.local.length, 1, 'at the highest it stays');
  const { highest } = bench.state.counters;
  bench.counters = Buffer.from(
    JSON.stringify({ ...bench.state.counters, highest: { ...highest, [audience]: (highest[audience] ?? 0) + 1 } }),
  );
  start(bench);
  assert.equal(bench.state.durable.local, []);
});
