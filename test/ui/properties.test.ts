import fc from 'fast-check';
import { type FaultCode, fault, faultKinds } from '../../protocol/fault.ts';
import type { Preflight, Severity, Status } from '../../protocol/local.ts';
import { type Answer, keyNames, type Message } from '../../ui/model.ts';
import { view } from '../../ui/view.ts';
import { assert, test } from '../harness.ts';
import { pictures } from './pictures.ts';
import { records } from './pictures-tools.ts';
import { arrive, play, started } from './playing.ts';
import {
  judged,
  leaf,
  locked,
  manyCertificates,
  registered,
  registering,
  replacing,
  troubled,
  unmanaged,
  unregistered,
} from './statuses.ts';

const size = { width: 80, height: 24 };
/** Combining, control and direction characters, halves of pairs, and the wide alphabets. */
const wideOrNone = /[\p{M}\p{C}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff]|[\u{10000}-\u{10ffff}]/u;
const text = fc.string({ unit: 'binary', maxLength: 90 });
const statuses = [unregistered, registering, registered, replacing, locked, troubled, unmanaged];
const faults = Object.keys(faultKinds) as FaultCode[];
const arbitraryFault = fc
  .record({ code: fc.constantFrom(...faults), text, count: fc.nat() })
  .map(({ code, text: fact, count }) => fault(code, { host: fact, owner: fact, reason: fact, triesLeft: count }));
const instants = fc.integer({ min: 0, max: 253402300799999 });
const arbitraryPreflight: fc.Arbitrary<Preflight> = fc
  .record({
    verdict: fc.constantFrom('trusted', 'unknown', 'refused', 'failed'),
    purpose: fc.constantFrom('rdp', 'broker', 'log'),
    fault: fc.option(arbitraryFault),
    warnings: fc.array(arbitraryFault, { maxLength: 8 }),
    owner: text,
    names: fc.array(text, { maxLength: 20 }),
    notAfter: instants,
    length: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ verdict, purpose, fault: why, warnings, owner, names, notAfter, length }) =>
    judged(verdict, {
      purpose,
      fault: why,
      warnings,
      chain: Array.from({ length }, () => ({ ...leaf, owner, issuer: owner, names, notAfter })),
    }),
  );
const arbitraryAnswer: fc.Arbitrary<Answer> = fc.oneof(
  fc.constant<Answer>({ of: 'done' }),
  arbitraryFault.map((why): Answer => ({ of: 'fault', fault: why })),
  arbitraryPreflight.map((preflight): Answer => ({ of: 'connect', value: { at: 'stopped', preflight } })),
  arbitraryPreflight.map((preflight): Answer => ({ of: 'connect', value: { at: 'started', session: 1, preflight } })),
  arbitraryPreflight.map((value): Answer => ({ of: 'preflight', value })),
  fc.record({ names: fc.array(text, { maxLength: 30 }), more: fc.boolean() }).map(
    ({ names, more }): Answer => ({
      of: 'media',
      value: {
        files: names.map((name) => ({ name, bytes: 7 })),
        repairs: names.slice(0, 8).map((name) => ({ name, bytes: 9 })),
        more,
      },
    }),
  ),
  fc.record({ owner: text, https: text, at: instants, timed: fc.boolean() }).map(
    ({ owner, https, at, timed }): Answer => ({
      of: 'repair',
      value: {
        rev: 7,
        https,
        mqtt: https,
        certificate: { ...leaf, owner },
        signedAt: at,
        validUntil: at,
        by: 'recovery',
        time: timed ? at : null,
      },
    }),
  ),
  fc.record({ file: text, why: arbitraryFault, added: fc.boolean() }).map(
    ({ file, why, added }): Answer => ({
      of: 'import',
      value: added ? { added: [leaf], refused: [] } : { added: [], refused: [{ file, block: 0, fault: why }] },
    }),
  ),
  fc
    .record({
      count: fc.integer({ min: 0, max: 60 }),
      line: text,
      severity: fc.constantFrom<Severity>('trace', 'debug', 'info', 'warn', 'error', 'fatal'),
      more: fc.boolean(),
    })
    .map(
      ({ count, line, severity, more }): Answer => ({
        of: 'log',
        value: { records: records(9000, count).map((each) => ({ ...each, text: line, severity })), more },
      }),
    ),
);
const settingOf = fc
  .record({ value: fc.option(text), locked: fc.boolean() })
  .map(({ value, locked: shut }) => ({ value, source: 'policy' as const, locked: shut }));
const arbitraryStatus: fc.Arbitrary<Status> = fc
  .record({
    base: fc.constantFrom(...statuses),
    owner: text,
    name: text,
    stick: fc.option(text),
    fact: text,
    count: fc.integer({ min: 0, max: 30 }),
    since: instants,
    shut: fc.boolean(),
    setting: settingOf,
    why: fc.option(arbitraryFault),
    preflight: fc.option(arbitraryPreflight),
    session: fc.constantFrom('none', 'starting', 'running', 'ended'),
    log: fc.constantFrom('off', 'connecting', 'connected', 'waiting', 'refused'),
    action: fc.constantFrom('none', 'connection', 'reset'),
    known: fc.boolean(),
  })
  .map(
    ({ base, owner, name, stick, fact, count, since, shut, setting, why, preflight, session, log, action, known }) => ({
      ...base,
      mayAdd: shut,
      repair: stick,
      clock: { ...base.clock, at: known ? ('known' as const) : ('unknown' as const) },
      blocked: shut ? manyCertificates.slice(0, 5).map(({ fingerprint }) => fingerprint) : [],
      settings: {
        connection: { locked: shut },
        reset: { locked: shut },
        dateTime: { locked: shut },
        logServer: setting,
        rdp: setting,
        broker: setting,
        language: null,
      },
      session:
        session === 'none'
          ? null
          : { number: count, purpose: 'rdp' as const, server: name, at: session, since, fault: why },
      log: { at: log, server: name, fault: why, preflight, unsent: count, dropped: count },
      operation:
        action === 'none'
          ? null
          : { action, confirmationCode: '2042 7351 0029 4463', openForMs: count * 1000, lockedForMs: 0, triesLeft: 3 },
      device: base.device && { ...base.device, name },
      link: { ...base.link, since },
      contacts: base.contacts && { ...base.contacts, name: owner, note: fact },
      certificates: manyCertificates
        .slice(0, count)
        .map((each) => ({ ...each, owner, names: [name], file: fact, notAfter: since })),
      faults: count % 2 ? [...base.faults, fault('tls-failed', { reason: fact, address: name })] : base.faults,
    }),
  );
const arbitraryMessage: fc.Arbitrary<Message> = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...keyNames).map((name): Message => ({ type: 'key', key: { name } })) },
  {
    weight: 6,
    arbitrary: fc.constantFrom(...'0123456789abcdefz:. -ж').map(
      (character): Message => ({
        type: 'key',
        key: { name: 'character', character },
      }),
    ),
  },
  { weight: 4, arbitrary: arbitraryStatus.map((status): Message => arrive(status)) },
  {
    weight: 2,
    arbitrary: fc
      .record({ width: fc.integer({ min: 0, max: 200 }), height: fc.integer({ min: 0, max: 60 }) })
      .map((given): Message => ({ type: 'resized', size: given })),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(size, { width: 120, height: 40 })
      .map((given): Message => ({ type: 'resized', size: given })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ upMs: fc.integer({ min: 0, max: 1e10 }), offsetMinutes: fc.integer({ min: -720, max: 840 }) })
      .map((tick): Message => ({ type: 'ticked', ...tick })),
  },
  fc.constant<Message>({ type: 'service-lost' }),
  {
    weight: 6,
    arbitrary: fc
      .record({ ticket: fc.integer({ min: 1, max: 6 }), given: arbitraryAnswer })
      .map(({ ticket, given }): Message => ({ type: 'answered', ticket, answer: given })),
  },
);
test('property: any messages, any names: never throws, every frame is exact (10 000 runs, up to 24 messages)', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...pictures),
      fc.constantFrom('en' as const, 'ru' as const),
      fc.array(arbitraryMessage, { maxLength: 24 }),
      (picture, language, messages) => {
        const model = play(play(started(size, language), picture.messages), messages);
        const { lines, cursor, width, height } = view(model);
        assert.is(width, model.size.width);
        assert.is(lines.length, height);
        for (const line of lines) {
          const shown = line.map((span) => span.text).join('');
          if (shown.length !== width || wideOrNone.test(shown)) assert.unreachable(`not ${width} cells: ${shown}`);
        }
        if (cursor) assert.ok(cursor.x >= 0 && cursor.x < width && cursor.y > 0 && cursor.y < height - 1);
        assert.is(model.stack[0]?.at, 'main');
      },
    ),
    { numRuns: 10_000 },
  );
});
