/** Figures for whoever collects them (B11), read by the OpenMetrics parser of the Prometheus client for Python. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { metricsOf } from '../../agent/core/metrics.ts';
import { openControl } from '../../agent/edge/control.ts';
import { openSecrets } from '../../agent/edge/secrets.ts';
import { listenOnPath } from '../../agent/edge/sockets.ts';
import { fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { metricsType, openMetrics } from '../../protocol/open-metrics.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { showMetrics } from '../../server/edge/figures.ts';
import { scheduleReserve } from '../../server/edge/rotation.ts';
import { nothingKept } from '../fakes/control.ts';
import { register, start, value, withFleet } from '../fakes/fleet-server.ts';
import { quiet } from '../fakes/status.ts';
import { assert, needs, test } from '../harness.ts';

needs(['python3', 'prometheus-client', 'curl']);

const reader = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
print(json.dumps([[s.name, s.labels, s.value] for f in families(sys.stdin.read()) for s in f.samples]))`;

/** `name{label=value}` to value. */
function read(text: string): Readonly<Record<string, number>> {
  // Debian's, whose packages those are.
  const ran = spawnSync('/usr/bin/python3', ['-c', reader], { input: text, encoding: 'utf8' });
  assert.is(ran.status, 0, ran.stderr);
  const samples = JSON.parse(ran.stdout) as readonly [string, Record<string, string>, number][];
  return Object.fromEntries(
    samples.map(([name, labels, sample]) => {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}=${text}`);
      return [pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`, sample];
    }),
  );
}

const status: Status = {
  version: '1.2.3',
  at: 'registered',
  device: { id: '00000000-0000-4000-8000-000000000000', name: 'Secret name', group: 'Office', managed: true },
  server: null,
  link: { at: 'connected', since: 1_700_000_000_500, retryInMs: null, fault: null },
  clock: { at: 'known', now: 0, floor: 0 },
  policy: { rev: 1, iat: 1_700_000_000_000, stale: true },
  replacement: null,
  contacts: null,
  certificates: [],
  ...quiet,
  identity: { fingerprint: 'a'.repeat(64), notAfter: 1_800_000_000_000, at: 'valid' },
  faults: [fault('policy-stale'), fault('server-unreachable', { address: 'a' }), fault('server-unreachable')],
};

test('what a device says, over its socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-metrics-'));
  const socket = join(folder, 'read.sock');
  const control = await openControl({
    sockets: [{ ...listenOnPath(socket), right: 'read' }],
    ...nothingKept(),
    secrets: openSecrets(),
    emit: () => {},
  });
  try {
    control.show(status);
    const all = ['-sSi', '--unix-socket', socket, 'http://device/api/v1/metrics'];
    const answer = await new Promise<string>((resolve, reject) => {
      execFile('curl', all, (error, out) => (error ? reject(error) : resolve(out)));
    });
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    assert.match(head.toLowerCase(), `content-type: ${metricsType}`);
    assert.is(body, metricsOf(status));
    assert.not.match(body, /Secret name|Office/);
    const figures = read(body);
    assert.is(figures['thintrust_link{state=connected}'], 1);
    assert.is(figures['thintrust_link{state=waiting}'], 0);
    assert.is(figures['thintrust_link_since_seconds'], 1_700_000_000.5);
    assert.is(figures['thintrust_identity_end_seconds'], 1_800_000_000);
    assert.is(figures['thintrust_policy_stale'], 1);
    assert.is(figures['thintrust_faults{code=server-unreachable}'], 2);
    assert.is(figures['thintrust_certificates{purpose=rdp}'], 0);
    assert.is(figures['thintrust_build{version=1.2.3}'], 1);
  } finally {
    await control.close();
    rmSync(folder, { recursive: true });
  }
});

test('what the server says of its fleet', () =>
  withFleet(async (world) => {
    const { server } = world;
    assert.is(read(await showMetrics(server))['thintrust_devices{state=active}'], 0);
    await register(world, 'kiosk');
    const reserve = value(await scheduleReserve(server, 'administrator', instant(start + 7 * dayMs)));
    const figures = read(await showMetrics(server));
    assert.is(figures['thintrust_devices{state=active}'], 1);
    assert.is(figures['thintrust_devices{state=online}'], 0);
    assert.is(figures['thintrust_server_certificate_end_seconds{role=reserve}'], reserve.notAfter / 1000);
    assert.is(figures['thintrust_switch_outlook_devices{outlook=connected}'], 1);
    assert.is(figures['thintrust_approvals_waiting'], 0);
  }));

test('text that would break out of its label does not', () => {
  const evil = 'a"} 1\nthintrust_forged 1\\';
  const figures = read(openMetrics([{ name: 'x', help: evil, samples: [{ value: 1, labels: { code: evil } }] }]));
  assert.equal(figures, { [`thintrust_x{code=${evil}}`]: 1 });
});
