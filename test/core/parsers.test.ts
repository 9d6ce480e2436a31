/**
 * Properties of the pure parsers that have none in a file of their own: no input makes them throw or hang, nothing grows
 * beyond its bound, and what parses is written again as the same bytes. 10^4 runs each; bounds stand beside each.
 */
import fc from 'fast-check';
import { openCommand, openDevice, openPolicy, openTime } from '../../agent/core/documents.ts';
import { fromObjects, restore, toObjects } from '../../agent/core/generation.ts';
import { derChildren, oidOf, readDer } from '../../protocol/der.ts';
import { type FaultCode, fault, faultKinds } from '../../protocol/fault.ts';
import { openJws } from '../../protocol/jws.ts';
import { checkDigitsHold, withCheckDigits } from '../../protocol/mod97.ts';
import { readPem } from '../../protocol/pem.ts';
import { instant, parseUtc } from '../../protocol/time.ts';
import { check } from '../../protocol/validate.ts';
import { readSpelled } from '../../server/core/spelling.ts';
import { makeSigningKey, signDocument } from '../../server/edge/sign.ts';
import { languageOf, sayFault, wordsOf } from '../../words/say.ts';
import { assert, test } from '../harness.ts';

const runs = { numRuns: 10_000 };
const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength });
const bytesOf = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value) ?? 'null');

// up to 300 bytes, half of them beginning like a DER sequence
const der = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.uint8Array({ maxLength: 127 }).map((body) => Uint8Array.of(0x30, body.length, ...body)),
  fc.uint8Array({ maxLength: 20 }).map((body) => Uint8Array.of(0x30, body.length + 2, 0x06, body.length, ...body)),
);

test('der: an element is part of the input, and its children are all of it or nothing', () => {
  fc.assert(
    fc.property(der, (bytes) => {
      const element = readDer(bytes);
      if (!element) return;
      assert.ok(Buffer.from(bytes).subarray(0, element.whole.length).equals(element.whole));
      const children = derChildren(element.value);
      const joined = Buffer.concat(children.map(({ whole }) => whole));
      assert.ok(children.length === 0 || joined.equals(element.value));
      for (const child of [element, ...children]) {
        const dotted = oidOf(child);
        assert.ok(dotted === null || /^[0-2](\.\d+)+$/.test(dotted), String(dotted));
      }
    }),
    runs,
  );
});

test('mod 97-10: what holds was made by it (up to 64 characters)', () => {
  const typed = fc.oneof(
    text(64),
    fc.stringMatching(/^[0-9]{1,30}$/).map(withCheckDigits),
    fc.stringMatching(/^[0-9]{3,32}$/),
  );
  fc.assert(
    fc.property(typed, (digits) => assert.is(checkDigitsHold(digits), isMadeOf(digits))),
    runs,
  );
});
const isMadeOf = (digits: string): boolean =>
  /^[0-9]{3,}$/.test(digits) && withCheckDigits(digits.slice(0, -2)) === digits;

test('RFC 3339: what parses is the same instant when written again (up to 80 characters)', () => {
  const near = fc.tuple(
    fc.integer({ min: 0, max: 9999 }),
    fc.nat(14),
    fc.nat(33),
    fc.nat(25),
    fc.nat(61),
    fc.nat(61),
    text(4),
  );
  const spelled = near.map(([year, month, day, hour, minute, second, end]) => {
    const two = (part: number) => String(part).padStart(2, '0');
    const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
    return `${date}T${two(hour)}:${two(minute)}:${two(second)}${end.length > 2 ? end : 'Z'}`;
  });
  fc.assert(
    fc.property(fc.oneof(text(80), spelled), (typed) => {
      const at = parseUtc(typed);
      if (at !== null) assert.is(new Date(at).toISOString().slice(0, 19), typed.toUpperCase().slice(0, 19));
    }),
    runs,
  );
});

test('PEM: any text around, between and inside the blocks (up to 2000 characters)', () => {
  const piece = fc.oneof(
    text(40),
    fc.constantFrom(
      '-----BEGIN CERTIFICATE-----',
      '-----END CERTIFICATE-----',
      '-----BEGIN X509 CRL-----',
      '\r\n',
      '=',
      'MAA=',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const typed = pieces.join('');
      for (const label of ['CERTIFICATE', 'X509 CRL'] as const) {
        const read = readPem(typed, label);
        if (read.ok) for (const block of read.value) assert.ok(block.length <= typed.length);
        else assert.is(read.fault.code, 'certificate-unreadable');
      }
    }),
    runs,
  );
});

const key = makeSigningKey();
const audience = {
  serverId: '6f2b6a53-95a9-4b5e-8b7d-0d4f2b3c1a00',
  deviceId: '0b8f3f61-5d0a-4a53-9a4e-6a3f51f0c001',
  keys: [key.publicKey],
};
const clock = { at: 'known', now: instant(1_800_000_000_000), floor: instant(0) } as const;
const dates = { rev: 7, iat: 1_800_000_000, refreshBefore: 1_801_000_000, format: 1 };
const group = audience.deviceId;
const models = {
  policy: {
    aud: `${audience.serverId}/group/${group}`,
    ...dates,
    group: { id: group, name: 'Office' },
    server: { main: 'MAA=', reserve: null },
    addresses: { https: 'a:1', mqtt: 'a:2' },
    certificates: { enforced: true, entries: [] },
    contacts: { enforced: true, value: null },
    blocklist: [],
  },
  device: {
    aud: `${audience.serverId}/device/${audience.deviceId}`,
    ...dates,
    name: 'one',
    group,
    managed: true,
    groupRev: 1,
    secretGeneration: 1,
  },
  command: {
    aud: `${audience.serverId}/device/${audience.deviceId}`,
    ...dates,
    seq: 1,
    expires: 1_801_000_000,
    command: { do: 'report' },
  },
  time: {
    aud: `${audience.serverId}/device/${audience.deviceId}`,
    ...dates,
    nonce: '0'.repeat(32),
    time: 1_800_000_000_000,
  },
} as const;
const types = ['policy', 'device', 'command', 'time'] as const;
const openers = {
  policy: (token: string) => openPolicy(token, audience, clock),
  device: (token: string) => openDevice(token, audience, clock),
  command: (token: string) => openCommand(token, audience, clock),
  time: (token: string) => openTime(token, audience, '0'.repeat(32)),
} as const;

test('signed documents: anything at all in any place of them, rightly signed (JSON of fast-check’s default depth)', () => {
  const type = fc.constantFrom(...types);
  let opened = 0;
  fc.assert(
    fc.property(type, fc.nat(20), fc.option(fc.jsonValue(), { nil: undefined, freq: 6 }), (name, at, value) => {
      const places = Object.keys(models[name]);
      const body = { ...models[name], ...(value === undefined ? {} : { [places[at % places.length] ?? 'x']: value }) };
      const result = openers[name](signDocument(name, key.keyPkcs8, key.publicKey, body));
      opened += result.ok ? 1 : 0;
      assert.ok(result.ok || result.fault.code in faultKinds);
    }),
    runs,
  );
  assert.ok(opened > 100, `only ${opened} were taken`);
});

test('JWS: a good one with characters changed opens only as itself (1 to 4 changes)', () => {
  const token = signDocument('device', key.keyPkcs8, key.publicKey, models.device);
  const change = fc.record({
    at: fc.nat(token.length - 1),
    to: fc.oneof(fc.constantFrom('.', '=', 'A', '_', ''), text(3)),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const changed = changes.reduce((made, { at, to }) => made.slice(0, at) + to + made.slice(at + 1), token);
      assert.is(openJws(changed, 'device', [key.publicKey]).ok, changed === token);
    }),
    runs,
  );
});

const named = fc.constantFrom('state.json', 'policy.jws', 'device.jws', 'waiting.jws', 'other');
const emptyState = {
  registration: { at: 'unregistered' },
  pins: null,
  local: [],
  requests: [],
  settings: { logServer: null, rdp: null, broker: null, language: null },
  connection: null,
  repaired: null,
  former: null,
};
const stateBytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.jsonValue().map(bytesOf),
  fc
    .tuple(fc.constantFrom(...Object.keys(emptyState)), fc.jsonValue())
    .map(([at, value]) => bytesOf({ ...emptyState, [at]: value })),
  fc.constant(bytesOf(emptyState)),
);

test('generations: any objects of any names; what is read is written again as the same bytes (up to 5 objects)', () => {
  const objects = fc.uniqueArray(fc.record({ name: named, bytes: stateBytes }), {
    maxLength: 5,
    selector: ({ name }) => name,
  });
  let whole = 0;
  fc.assert(
    fc.property(objects, fc.option(stateBytes), (found, counters) => {
      const read = fromObjects(found);
      if (read.ok) {
        whole += 1;
        const again = new Map(toObjects(read.value).map(({ name, bytes }) => [name, Buffer.from(bytes)]));
        assert.is(again.size, found.length);
        for (const { name, bytes } of found)
          assert.ok(
            again.get(name)?.equals(name === 'state.json' ? bytesOf(JSON.parse(Buffer.from(bytes).toString())) : bytes),
            name,
          );
      }
      const disk = {
        generations: [{ number: 1, content: { ok: true as const, value: found } }],
        counters: counters === null ? null : { ok: true as const, value: counters },
      };
      const restored = restore(disk, instant(0));
      assert.is(restored.ok, read.ok);
    }),
    runs,
  );
  assert.ok(whole > 100, `only ${whole} were whole`);
});

test('faults and sentences: any facts leave one line of bounded length that drives no terminal', () => {
  const codes = Object.keys(faultKinds) as FaultCode[];
  const names = ['what', 'address', 'limit', 'file', 'owner', '__proto__', 'constructor', 'at', 'reason'];
  const facts = fc.dictionary(fc.oneof(fc.constantFrom(...names), text(10)), fc.oneof(text(1000), fc.double()), {
    maxKeys: 8,
  });
  fc.assert(
    fc.property(fc.constantFrom(...codes), facts, (code, given) => {
      const found = fault(code, given);
      for (const fact of Object.values(found.facts)) assert.ok(typeof fact === 'number' || fact.length <= 300);
      for (const words of Object.values(wordsOf)) {
        const said = sayFault(words, found);
        assert.not.match(said, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
        assert.ok(said.length < 2000);
      }
      const event = { format: 1, seq: 1, at: 1, clock: 'known', event: 'x', facts: { code, ...found.facts } };
      const storable = Object.entries(given).every(
        ([name, fact]) => [...name].length <= 40 && (typeof fact === 'string' || Number.isFinite(fact)),
      );
      assert.is(check('auditEvent', JSON.parse(JSON.stringify(event))).ok, storable);
    }),
    runs,
  );
});

test('typed passwords and locales: any text (up to 200 characters)', () => {
  fc.assert(
    fc.property(text(200), (typed) => {
      const normal = readSpelled(typed);
      assert.is(readSpelled(normal), normal);
      assert.ok(normal.length <= 3 * typed.length);
      assert.ok(['en', 'ru'].includes(languageOf(typed)));
    }),
    runs,
  );
});
