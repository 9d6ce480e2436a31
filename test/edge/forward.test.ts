/** Both logs on their way to real log servers: rsyslog with either TLS driver, and syslog-ng (T17). */
import { mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Happening, Rules } from '../../agent/core/shape.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { openForwarder } from '../../agent/edge/forward.ts';
import { windowBytes } from '../../agent/edge/forward-pump.ts';
import type { LogDraft } from '../../agent/edge/log.ts';
import { appendAudit, type Logs, openLogs } from '../../agent/edge/logs.ts';
import { parseCertificate } from '../../protocol/certificate.ts';
import { parsePlace } from '../../protocol/target.ts';
import { freePort } from '../../server/cli/port.ts';
import type { Authority } from '../../server/edge/authority.ts';
import { outputOf, startLogServer } from '../fakes/log-servers.ts';
import {
  authorityOf,
  authorityPem,
  deviceId,
  deviceMaterial,
  now,
  serverMaterial,
  serveTls,
} from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['rsyslogd', 'syslog-ng']);

const draft = (index: number): LogDraft => ({
  at: now(),
  severity: 'info',
  component: 'agent',
  text: `line ${index}`,
  facts: { index, place: 'стол 3' },
});

/** A device with its logs, and a log server under a trusted authority. */
async function withDevice(run: (device: Awaited<ReturnType<typeof makeDevice>>) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-forward-'));
  const device = await makeDevice(folder);
  try {
    await run(device);
  } finally {
    await device.end();
    await rm(folder, { recursive: true });
  }
}

async function makeDevice(folder: string) {
  const authority = authorityOf('Log authority');
  const credentials = await deviceMaterial(authority);
  const material = await serverMaterial(authority, ['localhost']);
  const port = await freePort();
  const place = parsePlace(`localhost:${port}`, 6514);
  if (!place.ok) throw new Error('no place');
  const happenings: Happening[] = [];
  let heard = () => {};
  const emit = (happening: Happening): void => {
    happenings.push(happening);
    heard();
  };
  const order = { folder, files: realFiles, version: '1.2.3', now, uptimeMs: () => performance.now() };
  let logs: Logs = await openLogs(order);
  let forwarder = openForwarder(logs, emit);
  let connection = 0;
  const ends: (() => Promise<void>)[] = [];
  return {
    folder,
    authority,
    port,
    logs: () => logs,
    happenings,
    received: outputOf(join(folder, 'server')),
    forward: (rules: Rules = rulesOf(authority, place.value.target), to = place.value) =>
      forwarder.forward({ connection: ++connection, place: to, rules, credentials, device: 'desk-3' }),
    stop: () => forwarder.stop(),
    leave: () => forwarder.leave(3000),
    /** As after a power cut of the device. */
    restart: async () => {
      forwarder.stop();
      logs = await openLogs(order);
      forwarder = openForwarder(logs, emit);
    },
    serve: async (kind: 'gtls' | 'ossl' | 'syslog-ng') => {
      const { cert, key } = material;
      const server = await startLogServer({
        kind,
        folder: join(folder, 'server'),
        port,
        authority: authorityPem(authority),
        certificate: cert,
        key,
        device: deviceId,
      });
      ends.push(() => server.stop('SIGKILL'));
      return server;
    },
    material,
    until: async (type: Happening['type']) => {
      for (;;) {
        const found = happenings.find((each) => each.type === type);
        if (found) return found;
        await new Promise<void>((resolve) => {
          heard = resolve;
        });
      }
    },
    end: async () => {
      forwarder.stop();
      for (const each of ends) await each();
    },
  };
}

function rulesOf(authority: Authority, target: Rules['target']): Rules {
  const parsed = parseCertificate(authority.certificateDer);
  if (!parsed.ok) throw new Error('no authority');
  return { purpose: 'log', target, at: now(), entries: [parsed.value], blocklist: new Set(), crls: [], policy: null };
}

async function linesIn(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').slice(0, -1);
}
async function untilLines(path: string, enough: (lines: string[]) => boolean): Promise<string[]> {
  for (const end = Date.now() + 30_000; ; ) {
    const lines = await linesIn(path);
    if (enough(lines)) return lines;
    if (Date.now() > end) throw new Error(`only ${lines.length} lines: ${lines.slice(-3).join('\n')}`);
    await delay(20);
  }
}

/** Cheaper than reading all of it: the last line is the one with this index. */
async function untilIndex(path: string, index: number): Promise<string[]> {
  for (const end = Date.now() + 60_000; Date.now() < end; await delay(20)) {
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    const tail = await realFiles.readPart(path, Math.max(0, size - 1000), 1000).catch(() => new Uint8Array());
    const last = Buffer.from(tail).toString('utf8').split('\n').at(-2) ?? '';
    if (indexOf(last) === index) return linesIn(path);
  }
  throw new Error(`line ${index} has not come`);
}
async function untilBytes(path: string, bytes: number): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await delay(5))
    if ((await stat(path).catch(() => ({ size: 0 }))).size >= bytes) return;
  throw new Error('too little has come');
}

const kinds = [{ name: 'gtls' }, { name: 'ossl' }, { name: 'syslog-ng' }] as const;

table('a record of each log arrives whole', kinds, ({ name }) =>
  withDevice(async (device) => {
    const server = await device.serve(name);
    await device.logs().event.append({ ...draft(1), severity: 'error' });
    const event = { format: 1 as const, seq: 1, at: now(), clock: 'known' as const, event: 'code-refused', facts: {} };
    await appendAudit(device.logs(), event);
    await device.forward();
    await device.until('forwarding');
    const lines = await untilLines(device.received, (found) => found.length >= 4).catch((error) => {
      throw new Error(`${error}\n${server.log()}\n${JSON.stringify(device.happenings)}`);
    });
    const found = lines.find((line) => line.includes('line 1')) ?? '';
    assert.match(found, /^<131>1 20\d\d-\d\d-\d\dT[\d:.]+(Z|\+00:00) desk-3 thintrust - - /);
    assert.match(found, '[thintrust@32473 component="agent" index="1" place="стол 3"]');
    assert.match(found, 'sequenceId="2"');
    const refused = lines.find((line) => line.includes('code-refused')) ?? '';
    assert.match(refused, /^<108>1 .* thintrust-audit - code-refused /);
    await device.leave();
  }),
);

const seqOf = (line: string): number => Number(/ thintrust - .* sequenceId="([0-9]+)"/.exec(line)?.[1] ?? 0);
const manyEvents = 10_000;
async function appendMany(logs: Logs, many = manyEvents): Promise<void> {
  for (let index = 1; index <= many; index++) await logs.event.append(draft(index));
  await logs.event.sync();
}
const indexOf = (line: string): number => Number(/ index="([0-9]+)"/.exec(line)?.[1] ?? 0);
const upTo = (many: number): number[] => Array.from({ length: many }, (_, index) => index + 1);

table('ten thousand events during a dead log server arrive after it is back, in order', kinds, ({ name }) =>
  withDevice(async (device) => {
    await device.forward();
    const ended = await device.until('forward-ended');
    assert.is(ended.type === 'forward-ended' && ended.fault.code, 'server-unreachable');
    await appendMany(device.logs());
    assert.ok(device.logs().event.unsent() > manyEvents);
    await device.serve(name);
    await device.forward();
    const lines = await untilIndex(device.received, manyEvents);
    assert.equal(lines.map(indexOf).filter(Boolean), upTo(manyEvents));
    await device.leave();
    assert.is(device.logs().event.unsent(), 0);
  }),
);

table(
  'a log server killed in mid-stream: nothing lost, at most 64 KiB twice, with the same numbers',
  kinds,
  ({ name }) =>
    withDevice(async (device) => {
      await appendMany(device.logs());
      const all: string[] = [];
      const resent: number[] = [];
      for (let kill = 1; kill <= 5; kill++) {
        const server = await device.serve(name);
        await device.forward();
        await untilBytes(device.received, 300_000);
        await server.stop('SIGKILL');
        await device.until('forward-ended');
        device.happenings.length = 0;
        await rename(device.received, `${device.received}.${kill}`);
        all.push(...(await linesIn(`${device.received}.${kill}`)));
      }
      await device.serve(name);
      await device.forward();
      all.push(...(await untilIndex(device.received, manyEvents)));
      const seen = new Map<number, string>();
      let highest = 0;
      let bytes = 0;
      for (const line of all.filter((each) => seqOf(each) > 0)) {
        const seq = seqOf(line);
        const before = seen.get(seq);
        if (before !== undefined) {
          assert.is(line, before, 'the same bytes');
          bytes += Buffer.byteLength(line) + 6;
        } else {
          assert.is(seq, highest + 1, 'none is missing, and the order is kept');
          if (bytes > 0) resent.push(bytes);
          bytes = 0;
          highest = seq;
          seen.set(seq, line);
        }
      }
      assert.is([...seen.values()].filter((line) => indexOf(line) > 0).length, manyEvents);
      assert.is(resent.length, 5);
      assert.ok(Math.max(...resent) <= windowBytes, `${resent}`);
    }),
);

test('closed in order nothing is sent twice; without it the last 64 KiB are, also after a start', () =>
  withDevice(async (device) => {
    await appendMany(device.logs(), 1000);
    const server = await device.serve('ossl');
    await device.forward();
    const first = await untilLines(device.received, (found) => found.some((line) => indexOf(line) === 1000));
    await device.leave();
    await device.restart();
    await device.forward();
    await device.logs().event.append({ ...draft(1001), severity: 'warn' });
    const second = await untilLines(device.received, (found) => found.length > first.length);
    assert.equal(second.slice(first.length).map(indexOf), [1001]);
    await server.stop('SIGKILL');
    await device.until('forward-ended');
    await device.restart();
    await device.serve('ossl');
    await device.forward();
    await device.logs().event.append({ ...draft(1002), severity: 'warn' });
    const third = await untilLines(device.received, (found) => found.some((line) => indexOf(line) === 1002));
    assert.equal(third.slice(second.length).map(indexOf), [1001, 1002]);
  }));

test('trust taken away: not one byte more, and the next one is judged anew', () =>
  withDevice(async (device) => {
    await device.serve('gtls');
    await device.logs().event.append({ ...draft(1), severity: 'warn' });
    await device.forward();
    await untilLines(device.received, (found) => found.some((line) => indexOf(line) === 1));
    device.stop();
    for (let index = 2; index <= 50; index++) await device.logs().event.append({ ...draft(index), severity: 'warn' });
    await device.forward({ ...rulesOf(device.authority, { host: 'localhost', ip: null }), entries: [] });
    const ended = await device.until('forward-ended');
    if (ended.type !== 'forward-ended' || ended.shown?.at !== 'shown') throw new Error(JSON.stringify(ended));
    assert.is(ended.fault.code, 'issuer-unknown');
    assert.is(ended.shown.chain.length > 0 && ended.shown.named, true);
    assert.is(
      (await linesIn(device.received)).some((line) => indexOf(line) > 1),
      false,
    );
  }));

test('a server that is not trusted gets not one byte', () =>
  withDevice(async (device) => {
    const stranger = await serverMaterial(authorityOf('Somebody else'), ['localhost']);
    const served = await serveTls({ cert: stranger.cert, key: stranger.key });
    try {
      await appendMany(device.logs(), 100);
      const place = parsePlace(`localhost:${served.port}`, 6514);
      if (!place.ok) throw new Error('no place');
      await device.forward(rulesOf(device.authority, place.value.target), place.value);
      const ended = await device.until('forward-ended');
      assert.is(ended.type === 'forward-ended' && ended.shown?.at, 'shown');
      await served.close();
      assert.is(served.received(), 0);
    } finally {
      await served.close().catch(() => {});
    }
  }));

test('a log server that does not take our certificate: nothing counts as sent', () =>
  withDevice(async (device) => {
    const { cert, key } = device.material;
    const ca = authorityPem(authorityOf('Somebody else'));
    const served = await serveTls({ cert, key, ca, requestCert: true, rejectUnauthorized: true });
    await appendMany(device.logs(), 100);
    const place = parsePlace(`localhost:${served.port}`, 6514);
    if (!place.ok) throw new Error('no place');
    await device.forward(rulesOf(device.authority, place.value.target), place.value);
    await device.until('forward-ended');
    assert.is(device.logs().event.unsent(), 101);
    await served.close();
  }));
