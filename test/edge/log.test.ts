/** The logs of the device: order, bounds, what a cut leaves, and who gives way on a full disk (F12, T17). */
import fc from 'fast-check';
import type { Files } from '../../agent/edge/files.ts';
import { type Log, type LogDraft, type LogOrder, openLog, type StoredRecord } from '../../agent/edge/log.ts';
import { readLine, severities, writeLine } from '../../agent/edge/log-line.ts';
import { appendAudit, defaultLimits, openLogs, teeJournal } from '../../agent/edge/logs.ts';
import type { Severity } from '../../protocol/local.ts';
import { instant } from '../../protocol/time.ts';
import { fakeDisk } from '../fakes/disk.ts';
import { assert, table, test } from '../harness.ts';

const start = Date.parse('2026-03-01T08:00:00Z');
const draft = (index: number, severity: Severity = 'info'): LogDraft => ({
  at: instant(start + index * 1000),
  severity,
  component: 'agent',
  text: `line ${index}`,
  facts: { index },
});
const orderOf = (files: Files, change: Partial<LogOrder> = {}): LogOrder => ({
  folder: '/logs',
  name: 'event',
  files,
  limitBytes: 10_000,
  segmentBytes: 1000,
  syncEach: false,
  version: '1.2.3',
  now: () => instant(start),
  uptimeMs: () => 0,
  sent: 0,
  ...change,
});
async function emptyDisk() {
  const disk = fakeDisk();
  await disk.files.makeDirectory('/logs', 0o700);
  await disk.files.syncDirectory('/');
  return disk;
}

/** All that is durable, through the reader of the forwarder. */
async function all(log: Log, bytes = 700) {
  const records = [];
  for (let above = 0; ; ) {
    const stretch = await log.read(above, bytes);
    records.push(...stretch.records);
    if (stretch.reached === above) return records;
    above = stretch.reached;
  }
}
type Held = ReadonlyMap<number, StoredRecord>;
const held = async (log: Log): Promise<Held> => new Map((await all(log)).map((record) => [record.seq, record]));
/** Records that are no longer there. */
const without = (before: Held, after: Held) => [...before.values()].filter(({ seq }) => !after.has(seq));
const lastTold = (log: Held) => [...log.values()].findLast(({ text }) => text === 'records gave way')?.facts;
/** What a log says of records that are no longer in it. */
function toldOf(gone: readonly Pick<StoredRecord, 'seq' | 'at'>[], sent: number) {
  const times = gone.map(({ at }) => at);
  const [from, to] = [Math.min(...times), Math.max(...times)].map((at) => new Date(at).toISOString());
  return { count: gone.length, unsent: gone.filter(({ seq }) => seq > sent).length, from, to };
}
const linesIn = (records: readonly { text: string }[]): string[] =>
  records.map(({ text }) => text).filter((text) => text.startsWith('line '));

test('the logs are bounded at 150 and 512 MiB where nothing else is said (T17)', () => {
  const mebi = 1024 * 1024;
  assert.equal([defaultLimits.eventBytes, defaultLimits.auditBytes], [150 * mebi, 512 * mebi]);
});

test('what is appended is read in order, through segments, before and after a restart', async () => {
  const { files } = await emptyDisk();
  const log = await openLog(orderOf(files));
  for (let index = 1; index <= 30; index++) await log.append(draft(index));
  await log.sync();
  const wanted = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);
  const before = await all(log);
  assert.equal(linesIn(before), wanted);
  assert.equal(
    before.map(({ seq }) => seq),
    before.map((_, index) => index + 1),
  );
  assert.ok((await files.list('/logs')).length >= 3, 'several segments');
  for (const name of await files.list('/logs')) assert.is((await files.stat(`/logs/${name}`)).mode, 0o600);
  const again = await openLog(orderOf(files));
  await again.append(draft(31, 'error'));
  assert.equal(linesIn(await all(again)), [...wanted, 'line 31']);
  assert.is(again.unsent(), before.length + 1);
});

test('every segment begins with the version of the product', async () => {
  const { files } = await emptyDisk();
  const log = await openLog(orderOf(files));
  for (let index = 1; index <= 30; index++) await log.append(draft(index));
  for (const name of await files.list('/logs')) {
    const [first] = Buffer.from(await files.read(`/logs/${name}`))
      .toString()
      .split('\n');
    const found = readLine(Buffer.from(first ?? ''));
    assert.equal(found && [found.text, found.facts], ['log begins', { version: '1.2.3' }]);
  }
});

test('nothing is told the forwarder before it is durable; a warning is at once', async () => {
  const { files } = await emptyDisk();
  const log = await openLog(orderOf(files));
  await log.append(draft(1));
  assert.is((await all(log)).length, 0);
  await log.append(draft(2, 'warn'));
  assert.equal(linesIn(await all(log)), ['line 1', 'line 2']);
});

test('many appended at once share their syncs', async () => {
  const disk = await emptyDisk();
  const log = await openLog(orderOf(disk.files, { limitBytes: 1_000_000, segmentBytes: 900_000 }));
  await log.append(draft(0, 'error'));
  const before = disk.operations();
  await Promise.all(Array.from({ length: 1000 }, (_, index) => log.append(draft(index, 'error'))));
  assert.ok(disk.operations() - before < 1010, `${disk.operations() - before} operations`);
  assert.is((await all(log)).length, 1002);
});

test('a full log lets its oldest go and says how many, from when to when, and how many nobody has', async () => {
  const { files } = await emptyDisk();
  const log = await openLog(orderOf(files));
  for (let index = 1; index <= 40; index++) await log.append(draft(index));
  await log.sync();
  log.sent(10);
  for (let index = 41; index <= 120; index++) await log.append(draft(index));
  await log.sync();
  const records = await all(log);
  let size = 0;
  for (const name of await files.list('/logs')) size += (await files.stat(`/logs/${name}`)).size;
  assert.ok(size <= 10_000, `${size} bytes`);
  const told = records.filter(({ text }) => text === 'records gave way');
  assert.ok(told.length > 0);
  const lines = linesIn(records);
  assert.is(lines.at(-1), 'line 120');
  // Each that went is in what the later ones say, and those that say so may themselves have gone.
  const first = records[0]?.seq ?? 0;
  assert.ok(first > 11);
  assert.is(log.dropped(), first - 1 - 10);
  for (const { facts, severity } of told) {
    assert.ok(Number(facts['count']) > 0 && Number(facts['unsent']) <= Number(facts['count']));
    assert.is(severity, facts['unsent'] === 0 ? 'info' : 'warn');
    assert.ok(Date.parse(String(facts['from'])) <= Date.parse(String(facts['to'])));
  }
  assert.is(log.unsent(), records.length);
});

test('what gave way is told exactly: how many, how many unsent, from when to when, whichever way the clock went', async () => {
  const { files } = await emptyDisk();
  let at = start;
  const log = await openLog(orderOf(files, { now: () => instant(at) }));
  let before: Held = new Map();
  let told = 0;
  let sent = 0;
  for (let index = 1; index <= 300; index++) {
    // Backwards now and then, and by more than a segment holds.
    at += index % 9 === 0 ? -30_000 : 1000;
    await log.append({ ...draft(index), at: instant(at) });
    await log.sync();
    const after = await held(log);
    const gone = without(before, after);
    const news = [...after.values()].filter(({ seq, text }) => !before.has(seq) && text === 'records gave way');
    assert.equal(
      news.map(({ facts }) => facts),
      gone.length === 0 ? [] : [toldOf(gone, sent)],
    );
    told += news.length;
    before = after;
    if (index % 40 === 0) {
      sent = [...after.keys()].at(-20) ?? 0;
      log.sent(sent);
    }
  }
  assert.ok(told > 8, `${told} times`);
});

test('what stands before a durable record is durable, in the segment before too', async () => {
  const disk = await emptyDisk();
  const log = await openLog(orderOf(disk.files));
  let index = 0;
  while ((await disk.files.list('/logs')).length < 2) await log.append(draft(++index));
  await log.append(draft(++index, 'warn'));
  const wanted = Array.from({ length: index }, (_, at) => `line ${at + 1}`);
  for (let seed = 1; seed <= 20; seed++)
    assert.equal(linesIn(await all(await openLog(orderOf(disk.crash(seed).files)))), wanted, `seed ${seed}`);
});

test('that records gave way is durable with the record they gave way to', async () => {
  const disk = await emptyDisk();
  const log = await openLog(orderOf(disk.files));
  let told = 0;
  for (let index = 1; index <= 150; index++) {
    await log.append(draft(index));
    const page = await log.page({ severity: 'trace', before: null, limit: 3 });
    if (!page.records.some(({ text }) => text.startsWith('records gave way'))) continue;
    told += 1;
    for (const seed of [index, index + 1000]) {
      const after = await openLog(orderOf(disk.crash(seed).files));
      assert.ok([...(await held(after)).values()].slice(-3).some(({ text }) => text === 'records gave way'));
    }
  }
  assert.ok(told > 2, `${told} times`);
});

test('a page is the newest first, of a severity and above, and goes on below a number', async () => {
  const { files } = await emptyDisk();
  const log = await openLog(orderOf(files));
  for (let index = 1; index <= 30; index++)
    await log.append(draft(index, index === 2 ? 'error' : index % 10 === 0 ? 'warn' : 'info'));
  const lines = async (severity: Severity, before: number | null, limit: number) => {
    const page = await log.page({ severity, before, limit });
    return { texts: page.records.map(({ text }) => text), more: page.more, last: page.records.at(-1)?.seq ?? 0 };
  };
  const first = await lines('warn', null, 2);
  assert.equal([first.texts, first.more], [['line 30 index=30', 'line 20 index=20'], true]);
  const second = await lines('warn', first.last, 2);
  assert.equal([second.texts, second.more], [['line 10 index=10', 'line 2 index=2'], false]);
  assert.equal((await lines('error', null, 5)).texts, ['line 2 index=2']);
  assert.equal(await lines('fatal', null, 5), { texts: [], more: false, last: 0 });
  assert.equal((await lines('trace', null, 1000)).texts.length > 30, true);
  // As it was read once, and as it is known afterwards.
  const again = await openLog(orderOf(files));
  for (const _ of [1, 2])
    assert.equal(
      (await again.page({ severity: 'error', before: null, limit: 5 })).records.map(({ text }) => text),
      ['line 2 index=2'],
    );
});

test('after a cut at any operation what was durable is there, in order, and the log goes on', async () => {
  const whole = await emptyDisk();
  const dry = await openLog(orderOf(whole.files));
  for (let index = 1; index <= 25; index++) await dry.append(draft(index, index % 3 === 0 ? 'warn' : 'info'));
  const operations = whole.operations();
  for (let at = 1; at < operations; at++) {
    for (const seed of [1, 2, 3]) {
      const disk = await emptyDisk();
      const off = disk.cutAfter(at);
      let durable = 0;
      const work = async () => {
        const log = await openLog(orderOf(disk.files));
        for (let index = 1; index <= 25; index++) {
          await log.append(draft(index, index % 3 === 0 ? 'warn' : 'info'));
          if (index % 3 === 0) durable = index;
        }
      };
      await Promise.race([work(), off]);
      const after = disk.crash(seed * 1000 + at);
      const names: readonly string[] = await after.files.list('/');
      if (!names.includes('logs')) continue;
      const log = await openLog(orderOf(after.files));
      await log.append(draft(99, 'error'));
      const lines = linesIn(await all(log));
      assert.is(lines.at(-1), 'line 99', `cut ${at} seed ${seed}`);
      const old = lines.slice(0, -1);
      assert.equal(
        old,
        old.map((_, index) => `line ${index + 1}`),
        `cut ${at} seed ${seed}`,
      );
      assert.ok(old.length >= durable, `cut ${at} seed ${seed}: ${old.length} of ${durable}`);
      const seqs = (await all(log)).map(({ seq }) => seq);
      assert.equal(new Set(seqs).size, seqs.length);
    }
  }
});

test('a full disk: the oldest segment gives way first, then the log is quiet, and afterwards says what it lost', async () => {
  const disk = await emptyDisk();
  let uptime = 0;
  const log = await openLog(orderOf(disk.files, { uptimeMs: () => uptime }));
  for (let index = 1; index <= 20; index++) await log.append(draft(index));
  const segments = (await disk.files.list('/logs')).length;
  await log.sync();
  const full = await held(log);
  disk.failAfter(0, 'ENOSPC', 1);
  assert.is((await log.append(draft(21))).ok, true);
  await log.sync();
  assert.ok((await disk.files.list('/logs')).length <= segments);
  const emptier = await held(log);
  assert.equal(lastTold(emptier), toldOf(without(full, emptier), 0));
  disk.failAfter(0, 'ENOSPC', 100_000);
  for (let index = 22; index <= 31; index++) {
    const done = await log.append(draft(index));
    assert.is(!done.ok && done.fault.code, 'disk-full');
  }
  disk.failAfter(0, '', 0);
  assert.is((await log.append(draft(32))).ok, false, 'still quiet');
  uptime = 20_000;
  assert.is((await log.append(draft(33, 'warn'))).ok, true);
  const after = await held(log);
  const neverWritten = Array.from({ length: 11 }, (_, index) => ({
    seq: Number.POSITIVE_INFINITY,
    at: draft(22 + index).at,
  }));
  assert.equal(lastTold(after), toldOf([...without(emptier, after), ...neverWritten], 0));
  assert.equal(linesIn(await all(log)).at(-1), 'line 33');
});

test('giving way frees the oldest and leaves the newest', async () => {
  const { files } = await emptyDisk();
  const limits = { eventBytes: 4_000_000, auditBytes: 1_000_000, segmentBytes: 300_000 };
  const logs = await openLogs({
    folder: '/',
    files,
    version: '1',
    now: () => instant(start),
    uptimeMs: () => 0,
    limits,
  });
  const text = 'x'.repeat(1900);
  for (let index = 1; index <= 1500; index++) await logs.event.append({ ...draft(index), text });
  const before = (await files.list('/logs')).length;
  assert.is(await logs.giveWay(), true);
  assert.ok((await files.list('/logs')).length <= before - 3);
  assert.is((await logs.event.page({ severity: 'trace', before: null, limit: 1 })).records[0]?.seq, 1500 + before);
});

test('up to where the log server has them is kept, and read back', async () => {
  const disk = await emptyDisk();
  const order = { folder: '/', files: disk.files, version: '1', now: () => instant(start), uptimeMs: () => 0 };
  const logs = await openLogs(order);
  assert.equal(logs.sent, { event: 0, audit: 0 });
  await logs.event.append(draft(1, 'warn'));
  await logs.keepSent({ event: 1, audit: 0 });
  const again = await openLogs(order);
  assert.equal(again.sent, { event: 1, audit: 0 });
  assert.is(again.event.unsent(), 1);
  await disk.overwrite('/logs/sent.json', Buffer.from('{"event":9,"audit":9}'));
  assert.equal((await openLogs(order)).sent, { event: 0, audit: 0 });
});

test('numbers the log server has seen are not used again, whatever became of the log', async () => {
  const { files } = await emptyDisk();
  const log = await openLog(orderOf(files, { sent: 500 }));
  await log.append(draft(1, 'error'));
  assert.equal(
    (await log.read(500, 10_000)).records.map(({ seq }) => seq),
    [501, 502],
  );
});

test('what goes to the journal is recorded; a log that fails is told once', async () => {
  const disk = await emptyDisk();
  const order = { folder: '/', files: disk.files, version: '1', now: () => instant(start), uptimeMs: () => 0 };
  const logs = await openLogs(order);
  const lines: string[] = [];
  const journal = teeJournal(
    (level, text) => void lines.push(`${level} ${text}`),
    logs,
    () => instant(start),
  );
  journal('warning', 'export failed', { code: 'disk-full', kind: 'unavailable', facts: { errno: 'ENOSPC' } });
  await logs.event.sync();
  const { records } = await logs.event.page({ severity: 'warn', before: null, limit: 5 });
  assert.equal(
    records.map(({ severity, text }) => [severity, text]),
    [['warn', 'export failed code=disk-full errno=ENOSPC']],
  );
  disk.failAfter(0, 'EIO', 100_000);
  for (const _ of [1, 2, 3]) journal('info', 'hello');
  await logs.event.sync();
  assert.equal(lines, [
    'warning export failed',
    'info hello',
    'info hello',
    'info hello',
    'warning the event log could not be written',
  ]);
});

test('an audit event is durable when it is appended, and a refusal weighs more', async () => {
  const disk = await emptyDisk();
  const order = { folder: '/', files: disk.files, version: '1', now: () => instant(start), uptimeMs: () => 0 };
  const logs = await openLogs(order);
  const event = { format: 1 as const, seq: 7, at: start, clock: 'known' as const, event: 'code-refused', facts: {} };
  await appendAudit(logs, event);
  await appendAudit(logs, { ...event, event: 'connected', clock: 'unknown' });
  const { records } = await (await openLogs({ ...order, files: disk.crash(1).files })).audit.read(0, 10_000);
  assert.equal(
    records.slice(1).map(({ severity, text, facts }) => [severity, text, facts]),
    [
      ['warn', 'code-refused', {}],
      ['info', 'connected', { clock: 'unknown' }],
    ],
  );
});

const drafts = fc.record({
  at: fc.integer({ min: 0, max: 2 ** 45 }).map(instant),
  severity: fc.constantFrom(...severities),
  component: fc.string({ unit: 'binary', maxLength: 60 }),
  text: fc.string({ unit: 'binary', maxLength: 3000 }),
  facts: fc.dictionary(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer(), fc.double()),
    { maxKeys: 15 },
  ),
});

test('any draft comes back from its line, cut at what a record has room for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), drafts, (seq, given) => {
      const line = writeLine(seq, given);
      assert.is(line.indexOf(0x0a), line.length - 1);
      const found = readLine(line.subarray(0, -1));
      assert.ok(found);
      assert.is(found?.seq, seq);
      assert.is(found?.severity, given.severity);
      assert.is(found?.at, given.at);
      assert.is(found?.text, given.text.slice(0, 2000));
      assert.ok(line.equals(writeLine(seq, found ?? given)));
    }),
    { numRuns: 10_000 },
  );
});

test('a line of which anything was altered is none, and no bytes are too strange', () => {
  fc.assert(
    fc.property(drafts, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 300 }), (...given) => {
      const [one, position, flip, bytes] = given;
      const line = writeLine(5, one).subarray(0, -1);
      const at = position % line.length;
      line[at] = (line[at] ?? 0) ^ flip;
      assert.is(readLine(line), null);
      assert.is(readLine(bytes), null);
      assert.is(readLine(line.subarray(0, at)), null);
    }),
    { numRuns: 10_000 },
  );
});

table(
  'no line',
  [
    { name: 'empty', line: '' },
    { name: 'number nought', line: '0 0000000000000000 []' },
    { name: 'no check', line: '1 [1,"info","a","b",{}]' },
  ],
  ({ line }) => assert.is(readLine(Buffer.from(line)), null),
);
