/**
 * Ten thousand events to a real rsyslog over TLS, beside `logger` with as many lines over bare TCP to the same program; and
 * what an event takes on the disk.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { realFiles } from '../agent/edge/files.ts';
import { openForwarder } from '../agent/edge/forward.ts';
import { openLogs } from '../agent/edge/logs.ts';
import { parseCertificate } from '../protocol/certificate.ts';
import { parsePlace } from '../protocol/target.ts';
import { freePort } from '../server/cli/port.ts';
import { outputOf, startLogServer } from '../test/fakes/log-servers.ts';
import { authorityOf, authorityPem, deviceId, deviceMaterial, now, serverMaterial } from '../test/fakes/tls-server.ts';
import type { Row } from './row.ts';

const many = 10_000;
const goalPerSecond = 1000;
const goalBytes = 200;
const text = 'not made durable';

export async function benchLog(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-bench-'));
  try {
    const [ours, bytes] = await measureOurs(folder);
    const logger = await measureLogger(join(folder, 'logger'));
    return [
      {
        what: 'log: events to rsyslog over TLS',
        figure: `${Math.round(ours)} events/s`,
        floor: `${Math.round(logger)} lines/s by logger over bare TCP, unconfirmed`,
        goal: `≥ ${goalPerSecond} events/s`,
        met: ours >= goalPerSecond,
      },
      {
        what: 'log: an event on the disk',
        figure: `${bytes.toFixed(0)} bytes`,
        floor: `${Buffer.byteLength(`${text} code=disk-full errno=ENOSPC`)} bytes of text`,
        goal: `≤ ${goalBytes} bytes`,
        met: bytes <= goalBytes,
      },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measureOurs(folder: string): Promise<readonly [number, number]> {
  const authority = await authorityOf('Log authority');
  const { cert: certificate, key } = await serverMaterial(authority, ['localhost']);
  const port = await freePort();
  const server = join(folder, 'server');
  const serving = { folder: server, port, authority: authorityPem(authority), certificate, key, device: deviceId };
  const rsyslog = await startLogServer({ kind: 'gtls', ...serving });
  const logs = await openLogs({ folder, files: realFiles, version: '1', now, uptimeMs: () => performance.now() });
  const facts = { code: 'disk-full', errno: 'ENOSPC' };
  for (let index = 1; index <= many; index++)
    await logs.event.append({ at: now(), severity: 'info', component: 'agent', text, facts });
  await logs.sync();
  const parsed = parseCertificate(authority.certificateDer);
  const place = parsePlace(`localhost:${port}`, port);
  if (!parsed.ok || !place.ok) throw new Error('no log server');
  const forwarder = openForwarder(logs, () => {});
  const started = performance.now();
  const { target } = place.value;
  const entries = [parsed.value];
  await forwarder.forward({
    connection: 1,
    place: place.value,
    rules: { purpose: 'log', target, at: now(), entries, blocklist: new Set(), crls: [], policy: null },
    credentials: await deviceMaterial(authority),
    device: 'desk-3',
  });
  await untilLines(outputOf(server), many);
  const took = performance.now() - started;
  await forwarder.leave(2000);
  await rsyslog.stop();
  const places = readdirSync(join(folder, 'logs')).filter((name) => name.startsWith('event.'));
  const bytes = places.reduce((sum, name) => sum + statSync(join(folder, 'logs', name)).size, 0);
  return [(many * 1000) / took, bytes / many];
}

async function measureLogger(folder: string): Promise<number> {
  const port = await freePort();
  const output = join(folder, 'received');
  await mkdir(folder);
  const configuration = join(folder, 'configuration');
  await writeFile(
    configuration,
    [
      `global(workDirectory="${folder}")`,
      'main_queue(queue.type="Direct")',
      'module(load="imtcp")',
      'template(name="whole" type="string" string="%rawmsg%\\n")',
      `input(type="imtcp" port="${port}" address="127.0.0.1")`,
      `action(type="omfile" file="${output}" template="whole")\n`,
    ].join('\n'),
  );
  const lines = join(folder, 'lines');
  await writeFile(lines, `${text} code=disk-full errno=ENOSPC\n`.repeat(many));
  const rsyslog = spawn('rsyslogd', ['-n', '-f', configuration, '-i', join(folder, 'pid')], { stdio: 'ignore' });
  await delay(1000);
  const started = performance.now();
  const logger = ['--tcp', '--octet-count', '--rfc5424', '-n', '127.0.0.1', '-P', String(port), '-f', lines];
  await once(spawn('logger', logger, { stdio: 'ignore' }), 'exit');
  await untilLines(output, many);
  const took = performance.now() - started;
  rsyslog.kill('SIGKILL');
  return (many * 1000) / took;
}

async function untilLines(path: string, wanted: number): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await delay(10)) {
    const text = await readFile(path, 'latin1').catch(() => '');
    if (text.split('\n').length > wanted) return;
  }
  throw new Error('the log server has not received all');
}
