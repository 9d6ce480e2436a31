/**
 * A whole device and documents it must not take: core, loop, state directory and spool are real, the network is not. Every
 * one leaves the store and the last good policy byte for byte as they were, stands in status and report with its code and a
 * sentence in both languages, is acknowledged, and reaches the server's audit log once.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Effect, Happening } from '../../agent/core/shape.ts';
import type { Files } from '../../agent/edge/files.ts';
import type { FaultCode } from '../../protocol/fault.ts';
import { joinSignature, signingInput } from '../../protocol/jws.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import { hourMs } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { check } from '../../protocol/validate.ts';
import { sayFault, wordsOf } from '../../words/say.ts';
import { base64, logServer, print, rdpRoot, serverCertificates } from '../fakes/administration.ts';
import { type Device, live, noon, openWorld, type World } from '../fakes/device.ts';
import { issue, rsaKey } from '../fakes/issue.ts';
import { chapterOf, tellStory } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

type Bad = { readonly topic: string; readonly payload: string };
type Row = {
  readonly name: string;
  readonly code: FaultCode;
  readonly make: (world: World) => Bad;
  /** Ignored as what it is, which is no fault of the device: only log, audit and the report's evidence tell. */
  readonly passes?: true;
};

const second = (ms: number): number => Math.floor(ms / 1000);
const weak = issue({ cn: 'Weak '.repeat(200), ca: true, key: rsaKey(1024) });
const base64url = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const onPolicy = ({ server }: World, payload: string): Bad => ({ topic: policyTopic(server.office.id), payload });
const onOwn = ({ server }: World, leaf: 'device' | 'command', payload: string): Bad => ({
  topic: deviceLeafTopic(server.device.id, leaf),
  payload,
});
/** A policy of our group, newer than all, right in everything but what is changed. */
const policyWith = (world: World, more: object): Bad =>
  onPolicy(world, world.server.sign('policy', world.server.policyOf(world.server.office, more)));
const entries = (...certificates: readonly string[]): object => ({
  certificates: {
    enforced: true,
    entries: certificates.map((certificate) => ({ purpose: 'rdp', file: 'x.pem', certificate })),
  },
});
/** Signed by the policy key over bytes that need not be JSON. */
function signedBytes({ server }: World, text: string, type: 'policy' | 'device' = 'policy'): string {
  const [head] = signingInput(type, server.keys.policy.publicKey, '').split('.');
  const token = server.sign(type, { text });
  const signature = token.split('.')[2] ?? '';
  return `${head}.${base64url(text)}.${signature}`;
}
function commandWith(world: World, more: object): Bad {
  const { server, time } = world;
  const iat = second(time.trueMs);
  const body = {
    aud: `${server.serverId}/device/${server.device.id}`,
    rev: 7,
    iat,
    refreshBefore: iat + 3600,
    format: 1,
    seq: 7,
    expires: iat + 3600,
    command: { do: 'report' },
    ...more,
  };
  return onOwn(world, 'command', server.sign('command', body));
}
const policyJws = (world: World, more: object = {}): string => policyWith(world, more).payload;
const headed = (world: World, header: object): Bad => {
  const [, body, tail] = policyJws(world).split('.');
  return onPolicy(world, `${base64url(header)}.${body}.${tail}`);
};

const rows: readonly Row[] = [
  { name: 'no JWS at all', code: 'bad-shape', make: (world) => onPolicy(world, '{"format":1}') },
  { name: 'a JWS of two parts', code: 'bad-shape', make: (world) => onPolicy(world, 'e30.e30') },
  { name: 'bytes that are no text', code: 'bad-shape', make: (world) => onPolicy(world, '\u0000\u00ff\u00fe') },
  {
    name: 'larger than any document may be',
    code: 'too-large',
    make: (world) => onPolicy(world, `e30.${'A'.repeat(2 * maxDocumentBytes)}.e30`),
  },
  {
    name: 'larger than a document may be, in a packet of the right size',
    code: 'too-large',
    make: (world) => onPolicy(world, `e30.${'A'.repeat((maxDocumentBytes * 4) / 3 + 8)}.e30`),
  },
  { name: 'a later format', code: 'unknown-version', make: (world) => policyWith(world, { format: 2 }) },
  { name: 'a field too few', code: 'bad-shape', make: (world) => policyWith(world, { blocklist: undefined }) },
  { name: 'a field of another type', code: 'bad-shape', make: (world) => policyWith(world, { rev: '7' }) },
  {
    name: 'an older revision than the one held',
    code: 'replayed',
    passes: true,
    make: (world) => policyWith(world, { rev: noon - hourMs }),
  },
  {
    name: 'an older device document than the one held',
    code: 'replayed',
    passes: true,
    make: (world) => onOwn(world, 'device', world.server.sign('device', world.server.deviceDocument({ rev: 1 }))),
  },
  { name: 'algorithm none', code: 'bad-shape', make: (world) => headed(world, { alg: 'none' }) },
  {
    name: 'no signature',
    code: 'bad-shape',
    make: (world) => onPolicy(world, policyJws(world).split('.').slice(0, 2).join('.').concat('.')),
  },
  {
    name: 'the signature of another payload',
    code: 'bad-signature',
    make: (world) => {
      const [head, body] = policyJws(world).split('.');
      return onPolicy(world, `${head}.${body}.${policyJws(world).split('.')[2]}`);
    },
  },
  {
    name: 'signed by a stranger who says so',
    code: 'unknown-key',
    make: (world) => {
      const { server } = world;
      return onPolicy(world, server.sign('policy', server.policyOf(server.office), server.keys.stranger));
    },
  },
  {
    name: 'signed by a stranger in our name',
    code: 'bad-signature',
    make: (world) => {
      const { keys, office, policyOf, sign } = world.server;
      const body = policyOf(office);
      const signature = sign('policy', body, keys.stranger).split('.')[2] ?? '';
      const input = signingInput('policy', keys.policy.publicKey, JSON.stringify(body));
      return onPolicy(world, joinSignature(input, Buffer.from(signature, 'base64url')));
    },
  },
  {
    name: 'for another device',
    code: 'wrong-audience',
    make: (world) => {
      const aud = `${world.server.serverId}/device/${randomUUID()}`;
      return onOwn(world, 'device', world.server.sign('device', world.server.deviceDocument({ aud })));
    },
  },
  {
    name: 'for another group',
    code: 'wrong-audience',
    make: (world) => onPolicy(world, world.server.sign('policy', world.server.policyOf(world.server.unassigned))),
  },
  {
    name: 'of another server',
    code: 'wrong-audience',
    make: (world) => policyWith(world, { aud: `${randomUUID()}/group/${world.server.office.id}` }),
  },
  {
    name: 'of a group that is not the one it is addressed to',
    code: 'wrong-audience',
    make: (world) => policyWith(world, { group: { id: world.server.unassigned.id, name: 'Office' } }),
  },
  {
    name: 'of another type, on the topic of policies',
    code: 'wrong-type',
    make: (world) => onPolicy(world, world.server.sign('device', world.server.deviceDocument())),
  },
  {
    name: 'a command on the topic of the device document',
    code: 'wrong-type',
    make: (world) => onOwn(world, 'device', commandWith(world, {}).payload),
  },
  {
    name: 'an unknown critical field',
    code: 'unknown-critical',
    make: (world) => policyWith(world, { critical: ['retry'], retry: 1 }),
  },
  {
    name: 'an unknown critical header',
    code: 'unknown-critical',
    make: (world) => headed(world, { alg: 'ES256', crit: ['b64'], b64: false }),
  },
  {
    name: 'signed in the far future',
    code: 'from-the-future',
    make: (world) => policyWith(world, { iat: second(world.time.trueMs + 72 * hourMs) }),
  },
  {
    name: 'a certificate that cannot be read',
    code: 'certificate-unreadable',
    make: (world) => policyWith(world, entries(base64(rdpRoot), 'MAA=')),
  },
  {
    name: 'a certificate with something behind it',
    code: 'certificate-unreadable',
    make: (world) => policyWith(world, entries(Buffer.concat([rdpRoot.der, Buffer.of(0)]).toString('base64'))),
  },
  {
    name: 'a certificate with a weak key and an endless name',
    code: 'certificate-weak-key',
    make: (world) => policyWith(world, entries(base64(weak))),
  },
  {
    name: 'a certificate that is too large',
    code: 'certificate-too-large',
    make: (world) => policyWith(world, entries(Buffer.alloc(16 * 1024 + 3, 0x30).toString('base64'))),
  },
  {
    name: 'one certificate twice',
    code: 'certificate-twice',
    make: (world) => policyWith(world, entries(base64(logServer), base64(logServer))),
  },
  {
    name: 'an authority as the certificate of the server',
    code: 'certificate-wrong-kind',
    make: (world) => policyWith(world, { server: { main: base64(rdpRoot), reserve: null } }),
  },
  {
    name: 'a blocklist with the one certificate the server has',
    code: 'would-strand',
    make: (world) => policyWith(world, { blocklist: [print(serverCertificates[0])] }),
  },
  {
    name: 'more certificates than there may be',
    code: 'bad-shape',
    make: (world) => policyWith(world, entries(...Array.from({ length: 513 }, () => 'MAA='))),
  },
  {
    name: 'a payload nested beyond sense, whose signature is another',
    code: 'bad-signature',
    make: (world) => onPolicy(world, signedBytes(world, '['.repeat(200_000))),
  },
  {
    name: 'a topic that is none of ours',
    code: 'unknown-topic',
    make: (world) => ({ topic: policyTopic(world.server.office.id).replace('v1', 'v2'), payload: policyJws(world) }),
  },
  {
    name: 'a topic of another device',
    code: 'unknown-topic',
    make: (world) => ({ topic: deviceLeafTopic(randomUUID(), 'device'), payload: policyJws(world) }),
  },
  {
    name: 'an expired command',
    code: 'command-expired',
    make: (world) => commandWith(world, { expires: second(world.time.trueMs) - 60 }),
  },
  {
    name: 'a command we do not know',
    code: 'bad-argument',
    make: (world) => commandWith(world, { command: { do: 'format-disk' } }),
  },
  {
    name: 'a command for another device',
    code: 'wrong-audience',
    make: (world) => commandWith(world, { aud: `${world.server.serverId}/device/${randomUUID()}` }),
  },
  { name: 'a command of a later format', code: 'unknown-version', make: (world) => commandWith(world, { format: 2 }) },
];

table('over MQTT', rows, async ({ code, make, passes }) => {
  const seen = await tryBad(make, 'mqtt');
  assertUnchanged(seen);
  assertTold(seen, code, passes === true);
  assert.is(seen.world.server.state.unacknowledged.size, 0, 'the bad document is acknowledged');
});

/** What is no JWS makes the whole answer no answer; the rest is judged document by document. */
const carried = rows.filter(({ make }) => {
  const { payload, topic } = make(settled());
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(payload) && payload.length < 1_500_000 && /v1.*(policy|device)$/.test(topic);
});

table(
  'over check-in',
  carried.filter(({ code }) => code !== 'unknown-topic'),
  async ({ code, make, passes }) => {
    const seen = await tryBad(make, 'checkin');
    assertUnchanged(seen);
    assertTold(seen, code, passes === true);
  },
);

const answers: readonly { readonly name: string; readonly code: FaultCode; readonly alter: Alter }[] = [
  { name: 'no JSON', code: 'not-json', alter: () => '<html>sign in</html>' },
  { name: 'a later format', code: 'unknown-version', alter: (answer) => ({ ...answer, format: 2 }) },
  { name: 'a field too few', code: 'bad-shape', alter: ({ time: _, ...answer }) => answer },
  {
    name: 'a time over another nonce',
    code: 'replayed',
    alter: (answer, world) => ({ ...answer, time: timeWith(world, { nonce: '0'.repeat(32) }) }),
  },
  {
    name: 'a time signed by a stranger',
    code: 'unknown-key',
    alter: (answer, world) => ({ ...answer, time: timeWith(world, {}, 'stranger') }),
  },
  {
    name: 'a time for another device',
    code: 'wrong-audience',
    alter: (answer, world) => ({ ...answer, time: timeWith(world, { aud: `${randomUUID()}/device/${randomUUID()}` }) }),
  },
];
type Alter = (answer: Record<string, unknown>, world: World) => object | string;

table('an answer to a check-in', answers, async ({ code, alter }) => {
  const seen = await tryBad(null, 'checkin', (effect, world) => {
    if (effect.do !== 'checkin') return null;
    return (world.server.perform(effect) ?? []).map((each) =>
      each.type === 'checked-in' ? { ...each, bytes: changed(each.bytes, world, alter) } : each,
    );
  });
  assertUnchanged(seen);
  assertTold(seen, code, false);
});

test('a bad registration bundle is on record once the device is registered', async () => {
  const world = openWorld();
  const tell = tellStory();
  let fetched = 0;
  const { ending } = await live(world, {
    whenQuiet: (device) => tell(world, device),
    instead: (effect) => {
      if (effect.do !== 'fetch-bundle' || ++fetched > 3) return null;
      return (world.server.perform(effect) ?? []).map((each) =>
        each.type === 'bundle-fetched'
          ? { ...each, bytes: changed(each.bytes, world, (bundle) => ({ ...bundle, format: 2 })) }
          : each,
      );
    },
    goal: () => refusals(world).length > 0,
  });
  assert.is(ending, 'goal');
  assert.equal(
    refusals(world).map(({ facts }) => facts['code']),
    ['unknown-version'],
  );
});

const changed = (bytes: Uint8Array, world: World, alter: Alter): Buffer => {
  const made = alter(JSON.parse(Buffer.from(bytes).toString('utf8')), world);
  return Buffer.from(typeof made === 'string' ? made : JSON.stringify(made));
};
function timeWith({ server, time }: World, more: object, signer: 'policy' | 'stranger' = 'policy'): string {
  const iat = second(time.trueMs);
  const aud = `${server.serverId}/device/${server.device.id}`;
  const body = { aud, rev: 1, iat, refreshBefore: iat + 60, format: 1, nonce: 'f'.repeat(32), time: time.trueMs };
  return server.sign('time', { ...body, ...more }, server.keys[signer]);
}

test('a bad document that comes again is told once', async () => {
  const world = openWorld();
  let sent = 0;
  const bad = (): readonly Happening[] => {
    if (++sent > 5) return [];
    const { topic, payload } = policyWith(world, { format: 2 });
    return [world.server.deliverRaw(topic, payload)];
  };
  const tell = tellStory();
  const { ending } = await live(world, {
    whenQuiet: (device) => (isSettled(world, device) || sent > 0 ? bad() : tell(world, device)),
    goal: () => sent > 5,
  });
  assert.is(ending, 'goal');
  const refused = [...world.server.state.events.values()].filter(({ event }) => event === 'document-refused');
  assert.is(refused.length, 1);
});

type Seen = {
  readonly world: World;
  readonly device: Device;
  readonly before: ReadonlyMap<string, string>;
  readonly after: ReadonlyMap<string, string>;
  readonly status: string;
  readonly exported: string;
};

/** Registered, in its group, with a policy and all events handed over. */
const isSettled = (world: World, device: Device): boolean =>
  chapterOf(world) === 'reserve' &&
  device.status?.link.at === 'connected' &&
  device.state.events.acknowledged === device.state.counters.eventSeq;

/** A world whose identifiers are there, to look at what a row makes. */
function settled(): World {
  const world = openWorld();
  world.server.device.id = randomUUID();
  return world;
}

/** The bad document is what `make` puts in the place of a good one, or what `alter` makes of effects from then on. */
async function tryBad(
  make: Row['make'] | null,
  carrier: 'mqtt' | 'checkin',
  alter: (effect: Effect, world: World) => readonly Happening[] | null = () => null,
): Promise<Seen> {
  const world = openWorld();
  const tell = tellStory();
  const { server } = world;
  let before: Promise<Seen['before']> | null = null;
  let sent = false;
  let status = '';
  let exported = '';
  const { ending, device } = await live(world, {
    whenQuiet: (running) => {
      if (sent) return [];
      if (!isSettled(world, running)) return tell(world, running);
      status = keptOf(running);
      exported = JSON.stringify(running.exported);
      if (!before) {
        // Read to the end before the next thing happens.
        before = contentOf(world.disk.files);
        return [];
      }
      sent = true;
      const bad = make?.(world);
      if (bad && carrier === 'mqtt') return [server.deliverRaw(bad.topic, bad.payload)];
      const { connection } = server.state;
      if (bad) server.state.retained.set(bad.topic, bad.payload);
      server.state.mqttBlocked = true;
      server.state.connection = null;
      return connection === null
        ? []
        : [{ type: 'closed', connection, fault: { code: 'server-refused', kind: 'unavailable', facts: {} } }];
    },
    instead: (effect) => (sent ? alter(effect, world) : null),
    goal: (running) => refusals(world).length > 0 && running.status !== null,
    longestMs: 6 * hourMs,
  });
  assert.is(ending, 'goal');
  const after = await contentOf(world.disk.files);
  return { world, device, before: await (before ?? after), after, status, exported };
}

/** Everything a generation is made of. Counters and spool have to change: they hold the audit. */
async function contentOf(files: Files): Promise<Seen['before']> {
  const found = new Map([['current', await files.readLink('/state/current')]]);
  for (const folder of ['objects', 'keys', 'generations'])
    for (const name of await files.list(join('/state', folder))) {
      const path = join('/state', folder, name);
      found.set(path, Buffer.from(await files.read(path)).toString('base64'));
    }
  return found;
}

const refusals = ({ server }: World) =>
  [...server.state.events.values()].filter(({ event }) => event === 'document-refused');

function assertUnchanged({ before, after, device, status, exported }: Seen): void {
  assert.ok(before.size > 0);
  assert.equal(after, before);
  assert.is(keptOf(device), status);
  assert.is(JSON.stringify(device.exported), exported);
}

const keptOf = ({ status }: Device): string =>
  JSON.stringify([status?.at, status?.device, status?.server, status?.policy, status?.contacts, status?.certificates]);

function assertTold({ world, device }: Seen, code: FaultCode, passes: boolean): void {
  const { report } = world.server.state;
  const shown = device.status?.faults.find((each) => each.code === code);
  assert.equal(
    refusals(world).map(({ facts }) => facts['code']),
    [code],
  );
  assert.is(shown === undefined, passes, 'status');
  assert.is(report?.faults.some((each) => each.code === code) ?? false, !passes, 'report');
  assert.ok(check('report', report).ok, 'the server can read the report');
  assert.ok(check('status', device.status).ok, 'the console can read the status');
  for (const event of world.server.state.events.values()) assert.ok(check('auditEvent', event).ok, event.event);
  for (const words of Object.values(wordsOf)) {
    const sentence = sayFault(words, { code, facts: shown?.facts ?? {} });
    assert.ok(sentence.length > 10 && !sentence.includes('{'), sentence);
  }
}
