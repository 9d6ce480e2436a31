/**
 * Properties of the parsers at the edges that have none in a file of their own: no input makes them throw or hang, nothing
 * grows beyond its bound, and what parses is written again as the same bytes. 10^4 runs each; bounds stand beside each.
 */
import fc from 'fast-check';
import { parseLine } from '../../agent/cli/parse.ts';
import { commands } from '../../agent/cli/table.ts';
import { builtAt } from '../../agent/edge/build.ts';
import { faultOfAnswer } from '../../agent/edge/https.ts';
import { formatLine } from '../../agent/edge/journal.ts';
import { digestsIn, manifestFormat, readManifest, seal, unseal } from '../../agent/edge/manifest.ts';
import { makeFrameGuard } from '../../agent/edge/mqtt-frames.ts';
import { watchdogPeriodMs } from '../../agent/edge/notify.ts';
import { inheritedSockets } from '../../agent/edge/sockets.ts';
import { maxRead, openSpool } from '../../agent/edge/spool.ts';
import { parseAddress } from '../../agent/edge/tls.ts';
import { faultKinds } from '../../protocol/fault.ts';
import { check } from '../../protocol/validate.ts';
import { parse } from '../../server/cli/command.ts';
import { localCommands } from '../../server/cli/local.ts';
import { policyCommands } from '../../server/cli/policy.ts';
import { fleetCommands } from '../../server/cli/remote.ts';
import { accessList, mosquittoConfiguration } from '../../server/core/mosquitto.ts';
import { basicOf, fromWrappedBase64 } from '../../server/edge/est.ts';
import { openKit } from '../../server/edge/kit.ts';
import { makeMasterKey, open, openWithPassphrase, seal as sealSecret } from '../../server/edge/seal.ts';
import { eventReader } from '../../ui/edge/events.ts';
import { en } from '../../words/en.ts';
import { fakeDisk } from '../fakes/disk.ts';
import { assert, test } from '../harness.ts';

const runs = { numRuns: 10_000 };
const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 });

/** The same bytes in pieces of these sizes; what is left over is the last. */
function pieces(whole: Uint8Array, sizes: readonly number[]): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= whole.length) break;
    found.push(Buffer.from(whole.subarray(at, at + size)));
    at += size;
  }
  if (at < whole.length) found.push(Buffer.from(whole.subarray(at)));
  return found;
}

const digest = fc.constant('ab'.repeat(32));
const someObject = fc.record({
  name: text(10),
  sha256: digest,
  size: fc.nat(),
  mode: fc.nat(),
  uid: fc.nat(),
  gid: fc.nat(),
});
const manifest = fc.record({
  format: fc.constantFrom(manifestFormat, manifestFormat, manifestFormat, 0, 2),
  number: fc.constantFrom(7, 7, 7, 8),
  oldest: fc.constantFrom(1, 7, 7, 8),
  objects: fc.oneof(fc.array(someObject, { maxLength: 4 }), fc.jsonValue()),
  keys: fc.oneof(fc.array(digest, { maxLength: 3 }), fc.jsonValue()),
});
/** Rightly sealed, whatever is in it. */
const sealed = fc.oneof(
  manifest.map((value) => JSON.stringify(value)),
  fc.jsonValue().map((value) => `{"format":1,"a":${JSON.stringify(value)}}`),
  text(60).map((body) => `${body}}`),
);

test('manifests: any bytes, any content rightly sealed; what is read is written again as the same bytes (up to 1 KiB)', () => {
  let whole = 0;
  fc.assert(
    fc.property(fc.oneof(bytes(400), sealed.map(seal)), (found) => {
      const body = unseal(found);
      if (body !== null) assert.ok(Buffer.from(seal(body)).equals(found));
      const read = readManifest(found, 7);
      assert.ok(digestsIn(found).length <= found.length / 64);
      if (!read.ok) return assert.ok(['generation-damaged', 'generation-newer'].includes(read.fault.code));
      whole += 1;
      assert.ok(Buffer.from(seal(JSON.stringify(read.value))).equals(found));
    }),
    runs,
  );
  assert.ok(whole > 100, `only ${whole} were whole`);
});

test('the event spool: a file of any bytes is opened, gives only whole events, and takes the next (up to 600 bytes)', async () => {
  const event = { format: 1 as const, seq: 900, at: 1, clock: 'known' as const, event: 'x', facts: {} };
  const machine = fakeDisk();
  await machine.files.makeDirectory('/state', 0o700);
  const spool = await openSpool('/state', machine.files);
  for (const seq of [1, 2, 3]) await spool.append({ ...event, seq });
  const model = await machine.files.read('/state/events.log');
  const harmed = fc
    .array(fc.record({ at: fc.nat(model.length), remove: fc.nat(20), put: bytes(6) }), { maxLength: 4 })
    .map((changes) =>
      changes.reduce(
        (made, { at, remove, put }) => Buffer.concat([made.subarray(0, at), put, made.subarray(at + remove)]),
        Buffer.from(model),
      ),
    );
  await fc.assert(
    fc.asyncProperty(fc.oneof(bytes(200), harmed), async (content) => {
      const { files } = fakeDisk();
      await files.makeDirectory('/state', 0o700);
      const file = await files.open('/state/events.log', 'create', 0o600);
      await file.write(content);
      const opened = await openSpool('/state', files);
      const found = await opened.read(0);
      assert.ok(found.length <= maxRead);
      for (const each of found) assert.ok(check('auditEvent', each).ok);
      const seq = opened.last() + 1;
      await opened.append({ ...event, seq });
      assert.is((await opened.read(0)).at(-1)?.seq, seq);
    }),
    runs,
  );
});

test('the frame guard: any stream, cut anywhere, is judged as the whole (up to 400 bytes, limit 100)', () => {
  const packet = fc
    .tuple(fc.nat(255), fc.nat(140))
    .map(([head, length]) =>
      Buffer.concat([Buffer.of(head, ...(length < 128 ? [length] : [length - 128 + 128, 1])), Buffer.alloc(length)]),
    );
  const stream = fc.oneof(
    bytes(400),
    fc.array(packet, { maxLength: 5 }).map((all) => Buffer.concat(all)),
  );
  fc.assert(
    fc.property(stream, cuts, (whole, sizes) => {
      const guard = makeFrameGuard(100);
      const judged = pieces(whole, sizes).map((piece) => guard(piece).ok);
      assert.is(judged.at(-1) ?? true, makeFrameGuard(100)(whole).ok);
    }),
    runs,
  );
});

test('server-sent events: any stream, cut anywhere, gives the events of the whole, and keeps no more than its limit', () => {
  const line = fc.oneof(text(20), fc.constantFrom('data: {"a":1}', 'data:', ': still here', '', '\n', 'event: x'));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), cuts, fc.integer({ min: 1, max: 1000 }), (lines, sizes, limit) => {
      const whole = Buffer.from(lines.join('\n'));
      assert.equal(eventsOf(pieces(whole, sizes), 1e6).found, eventsOf([whole], 1e6).found);
      const bounded = eventsOf(pieces(whole, sizes), limit);
      assert.ok(bounded.found.every((data) => data.length <= limit + 40));
    }),
    runs,
  );
});

/** Stops at an overflow, as the stream does. */
function eventsOf(chunks: readonly Buffer[], limit: number): { found: string[]; over: boolean } {
  const found: string[] = [];
  let over = false;
  const take = eventReader(
    (data) => found.push(Buffer.from(data).toString('utf8')),
    () => {
      over = true;
    },
    limit,
  );
  for (const chunk of chunks) if (!over) take(chunk);
  return { found, over };
}

test('addresses: what parses has a host and a port that exist (up to 300 characters)', () => {
  const near = fc
    .tuple(
      fc.constantFrom('a.example', '[::1]', '[1::2::3]', '1.2.3.4', '', '[', 'x_y'),
      fc.integer({ min: -1, max: 70_000 }),
    )
    .map(([host, port]) => `${host}:${port}`);
  fc.assert(
    fc.property(fc.oneof(text(300), near), (typed) => {
      const place = parseAddress(typed);
      if (place) assert.ok(place.port >= 1 && place.port <= 65535 && place.host.length <= 253);
      if (place)
        assert.ok(
          [`${place.host}:${place.port}`, `[${place.host}]:${place.port}`].includes(typed.replace(/:0+(?=\d)/, ':')),
        );
    }),
    runs,
  );
});

test('answers that name a fault: any body; never one of our own broken parts (up to 400 bytes)', () => {
  const named = fc
    .record({
      code: fc.oneof(fc.constantFrom(...Object.keys(faultKinds), '__proto__', 'toString'), fc.jsonValue()),
      kind: text(8),
      facts: fc.jsonValue(),
    })
    .map((value) => Buffer.from(JSON.stringify(value)));
  fc.assert(
    fc.property(
      fc.oneof(
        bytes(400),
        named,
        fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
      ),
      fc.nat(600),
      (body, status) => {
        const found = faultOfAnswer({ status, body });
        assert.is(found.kind, faultKinds[found.code]);
        assert.is.not(found.kind, 'broken');
        assert.equal(found.facts, { status });
      },
    ),
    runs,
  );
});

test('the environment: any values (up to 40 characters)', () => {
  const value = fc.oneof(
    text(40),
    fc.integer().map(String),
    fc.constantFrom('1', '2', '99999999999999999999', 'NaN', '1e3'),
  );
  const names = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'SOURCE_DATE_EPOCH'];
  fc.assert(
    fc.property(fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] }), (env) => {
      const sockets = inheritedSockets(env, 1);
      assert.ok(sockets.size <= 16 && [...sockets.values()].every((fd) => fd >= 3 && fd < 19));
      const period = watchdogPeriodMs(env, 1);
      assert.ok(period === null || (period >= 1 && period < 2 ** 31));
      assert.ok(builtAt(env) > 0);
    }),
    runs,
  );
});

test('log lines: any facts leave one line of at most 2000 characters without control characters', () => {
  fc.assert(
    fc.property(
      text(100),
      fc.dictionary(text(10), fc.oneof(text(3000), fc.double()), { maxKeys: 5 }),
      (said, facts) => {
        const line = formatLine(said, { code: 'internal', kind: 'broken', facts });
        assert.ok(line.length <= 2000);
        assert.not.match(line, /[\p{Cc}\u2028\u2029]/u);
      },
    ),
    runs,
  );
});

test('sealed secrets: any text, and one of ours with anything changed (up to 300 characters)', () => {
  const key = makeMasterKey();
  const ours = sealSecret(key, Buffer.from('secret'));
  const changed = fc
    .tuple(fc.nat(ours.length), text(4))
    .map(([at, put]) => ours.slice(0, at) + put + ours.slice(at + 1));
  fc.assert(
    fc.property(fc.oneof(text(300), changed), (sealedText) => {
      const opened = open(key, sealedText);
      assert.ok(
        opened.ok ? Buffer.from(opened.value).toString() === 'secret' : opened.fault.code === 'master-key-missing',
      );
    }),
    runs,
  );
});

test('passphrase files and recovery kits: any text, any JSON, any cost within reach (N up to 16, up to 1 KiB)', async () => {
  const envelope = fc.record(
    {
      format: fc.constantFrom('thintrust-passphrase-1', 'thintrust-recovery-kit-1', 'x'),
      kdf: fc.constantFrom('scrypt', 'scrypt', 'none'),
      n: fc.oneof(fc.constantFrom(2, 4, 16, 3, 0, 2 ** 30), fc.jsonValue()),
      r: fc.oneof(fc.constantFrom(1, 2, 0, 17), fc.jsonValue()),
      p: fc.oneof(fc.constantFrom(1, 4, 0, 5), fc.jsonValue()),
      salt: fc.oneof(fc.constant('AAAAAAAAAAAAAAAAAAAAAA=='), fc.jsonValue()),
      data: fc.oneof(fc.constant('A'.repeat(80)), fc.jsonValue()),
      base: fc.jsonValue(),
      update: fc.jsonValue(),
    },
    { requiredKeys: ['format'] },
  );
  const file = fc.oneof(
    text(200),
    fc.json(),
    envelope.map((value) => JSON.stringify(value)),
  );
  await fc.assert(
    fc.asyncProperty(file, async (typed) => {
      for (const opened of [await openWithPassphrase('x', typed), await openKit(typed, 'x')])
        assert.ok(!opened.ok && ['backup-unreadable', 'passphrase-wrong'].includes(opened.fault.code));
    }),
    runs,
  );
});

test('words of thintrust: any of them name a command or are told what is wrong (up to 8 words)', () => {
  const known = commands.flatMap(({ path, options }) => [...path, ...options.map(({ name }) => `--${name}`)]);
  const word = fc.oneof(fc.constantFrom(...known, '--json', '--help', '--', '-', ''), fc.string({ maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      const { command, wrong, options } = parseLine(en, words);
      if (wrong === null) assert.ok(command !== null || options['help'] || options['version'], words.join(' '));
      else assert.ok(wrong.length > 0 && wrong.length < 20_000);
    }),
    runs,
  );
});

test('words of thintrust-server: any of them are run, helped or refused (up to 8 words)', () => {
  const commands = [...localCommands, ...policyCommands, ...fleetCommands];
  const known = commands.flatMap(({ name, options }) => [
    ...name.split(' '),
    ...Object.keys(options).map((each) => `--${each}`),
  ]);
  const word = fc.oneof(
    text(12),
    fc.constantFrom(...known, '--state', '--json', '--help', '--', '-', '--__proto__', '--constructor', '--state=x'),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (argv) => {
      const parsed = parse(commands, argv, {});
      if (parsed.at === 'run') assert.ok(commands.includes(parsed.command));
      else assert.ok(parsed.text.length > 0 && parsed.text.length < 8000, parsed.text);
    }),
    runs,
  );
});

test('Basic credentials and base64 bodies: any text; what is read is written again as the same (up to 300 characters)', () => {
  const basic = fc.oneof(
    text(300),
    text(200).map((pair) => `Basic ${Buffer.from(pair).toString('base64')}`),
    fc
      .tuple(text(20), text(20))
      .map(([id, password]) => `basic ${Buffer.from(`${id}:${password}`).toString('base64')}`),
  );
  fc.assert(
    fc.property(basic, fc.uint8Array({ maxLength: 300 }), (header, body) => {
      const found = basicOf(header);
      if (found) {
        const pair = `${found.invitation}:${found.password}`;
        assert.is(Buffer.from(header.split(' ').at(-1) ?? '', 'base64').toString(), pair);
        assert.ok(found.invitation.length <= 128 && found.password.length <= 256);
      }
      for (const sent of [
        body,
        Buffer.from(
          Buffer.from(body)
            .toString('base64')
            .replace(/.{1,7}/g, '$&\r\n'),
        ),
      ]) {
        const read = fromWrappedBase64(sent);
        const bare = Buffer.from(sent)
          .toString('latin1')
          .replace(/[\r\n\t ]/g, '');
        if (read) assert.ok(Buffer.from(bare, 'base64').equals(read));
      }
    }),
    runs,
  );
});

test('the configuration of mosquitto: no path, host or id adds a line (up to 60 characters)', () => {
  const hostile = fc.oneof(
    text(60),
    fc.constantFrom('/x\nallow_anonymous true', '/x\r', '0.0.0.0\nlistener 1883', '/good'),
  );
  const endpoint = { host: '127.0.0.1', port: 8883 };
  const lines = mosquittoConfiguration(planOf('/d', endpoint.host)).split('\n').length;
  const uuid = '0b8f3f61-5d0a-4a53-9a4e-6a3f51f0c001';
  const rules = accessList([{ id: uuid, group: uuid }], 1).split('\n').length;
  fc.assert(
    fc.property(hostile, hostile, (directory, host) => {
      const made = attempt(() => mosquittoConfiguration(planOf(directory, host)));
      assert.ok(made === null || made.split(/\r\n|[\n\r\0]/).length === lines);
      const list =
        attempt(() => accessList([{ id: directory, group: uuid }], 1)) ??
        attempt(() => accessList([{ id: uuid, group: host }], 1));
      assert.ok(list === null || list.split(/[\n\r\0]/).length <= rules);
    }),
    runs,
  );
});

const planOf = (directory: string, host: string) => ({
  directory,
  devices: { host, port: 8883 },
  service: { host: '127.0.0.1', port: 8884 },
  maxPacketBytes: 1000,
  alone: null,
});
/** RangeError is its refusal. */
function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
