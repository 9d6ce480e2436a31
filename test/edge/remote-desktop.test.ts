/** Real servers looked at, and real FreeRDP 2.11 and curl started for them: what they accept is what was judged, and nothing else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import { appears, everyProcess } from '../fakes/processes.ts';
import { type Desk, shippedClient, withDesk } from '../fakes/remote-desktop.ts';
import { authorityOf, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['root', 'xrdp', 'xfreerdp', 'freerdp-shadow-cli', 'Xvfb', 'nginx', 'curl']);

const local = authorityOf('Local');
const foreign = authorityOf('Foreign');
const first = await serverMaterial(local, ['localhost']);
const second = await serverMaterial(local, ['localhost']);
const freerdp = shippedClient('20-freerdp2');
/** The desktop is there: the client has gone through TLS and sign-in. */
const connected = /Local framebuffer format/;
const noQuestion = /Do you trust|Y\/T\/N|Password:.*Password:/s;

const describeProbe = async (desk: Desk, purpose: 'rdp' | 'broker', port: number, entries: readonly Uint8Array[]) => {
  const probed = await desk.probe(purpose, port, entries);
  if (probed.at === 'failed') return [probed.fault.code];
  return [probed.verdict.trusted ? 'trusted' : probed.verdict.fault.code, ...probed.chain.map(fingerprintOf)];
};
const ca = fingerprintOf(local.certificateDer);

test('xrdp: the chain is what it serves, and the trust decision is over it', () =>
  withDesk(async (desk) => {
    const { port } = await desk.xrdp(first);
    const shown = [first.fingerprint, ca];
    assert.equal(await describeProbe(desk, 'rdp', port, []), ['issuer-unknown', ...shown]);
    assert.equal(await describeProbe(desk, 'rdp', port, [first.leaf]), ['trusted', ...shown]);
    assert.equal(await describeProbe(desk, 'rdp', port, [local.certificateDer]), ['trusted', ...shown]);
    assert.equal(await describeProbe(desk, 'rdp', port, [foreign.certificateDer]), ['issuer-unknown', ...shown]);
    // Without X.224 it is no TLS server.
    assert.equal(await describeProbe(desk, 'broker', port, []), ['tls-failed']);
  }));

test('freerdp-shadow with NLA: the chain is what it serves', () =>
  withDesk(async (desk) => {
    const { port, leaf } = await desk.shadow();
    assert.equal(await describeProbe(desk, 'rdp', port, [leaf]), ['trusted', fingerprintOf(leaf)]);
  }));

test('FreeRDP connects to the certificate it was told, signs in, and shows the password to nobody', () =>
  withDesk(async (desk) => {
    desk.describe('freerdp', freerdp);
    const { port, leaf } = await desk.shadow();
    const running = desk.launch(port, [fingerprintOf(leaf)]);
    const log = await running.prints(connected);
    assert.not.match(log, noQuestion);
    await running.end();
    const wrong = `wrong-${port}-password`;
    const refused = desk.launch(port, [fingerprintOf(leaf)], { password: wrong });
    await refused.prints(/\n/);
    const seen = everyProcess();
    assert.ok(seen.includes(`/v:localhost:${port}`));
    assert.not.ok(seen.includes(wrong));
    assert.ok(await refused.ended);
    assert.not.match(refused.log(), connected);
  }));

test('a certificate swapped between the look and the start: FreeRDP itself refuses, and asks nobody', () =>
  withDesk(async (desk) => {
    desk.describe('freerdp', freerdp);
    const before = await desk.xrdp(first);
    assert.is((await describeProbe(desk, 'rdp', before.port, [first.leaf]))[0], 'trusted');
    await before.stop();
    const { port } = await desk.xrdp(second, 'tls', before.port);
    const running = desk.launch(port, [first.fingerprint]);
    assert.is((await running.ended)?.code, 'client-refused-certificate');
    assert.not.match(running.log(), noQuestion);
    assert.not.match(running.log(), connected);
  }));

test('a farm: any of several certificates', () =>
  withDesk(async (desk) => {
    desk.describe('freerdp', freerdp);
    const { port } = await desk.xrdp(second);
    const running = desk.launch(port, [first.fingerprint, second.fingerprint]);
    await running.prints(connected);
    await running.end();
  }));

/** What the client would trust by itself must not count; the second row shows that it would. */
table(
  'an authority of the system',
  [
    { name: 'counts for nothing', environment: freerdp.environment, accepted: false },
    { name: 'would count without our environment', environment: {}, accepted: true },
  ],
  ({ environment, accepted }) =>
    withDesk(async (desk) => {
      desk.describe('freerdp', { ...freerdp, environment: environment ?? {} });
      const authorities = join(desk.folder, 'authorities.pem');
      writeFileSync(authorities, toPem(local.certificateDer));
      const { port } = await desk.xrdp(second);
      const running = desk.launch(port, [first.fingerprint], { declares: { SSL_CERT_FILE: authorities } });
      if (accepted) {
        await running.prints(connected);
        await running.end();
      } else assert.is((await running.ended)?.code, 'client-refused-certificate');
    }),
);

table(
  'a server without TLS',
  [
    { name: 'is seen as that, and FreeRDP does not go there', arguments: freerdp.arguments, accepted: false },
    {
      name: 'would be connected to with no certificate at all',
      arguments: freerdp.arguments.filter((one) => one !== '-sec-rdp'),
      accepted: true,
    },
  ],
  ({ arguments: args, accepted }) =>
    withDesk(async (desk) => {
      desk.describe('freerdp', { ...freerdp, arguments: args });
      const { port } = await desk.xrdp(first, 'rdp');
      assert.equal(await describeProbe(desk, 'rdp', port, [first.leaf]), ['rdp-no-tls']);
      const running = desk.launch(port, [first.fingerprint]);
      if (accepted) {
        await running.prints(connected);
        await running.end();
      } else assert.is((await running.ended)?.code, 'rdp-no-tls');
    }),
);

test('a broker: looked at over HTTPS, and its client trusts the bundle of this purpose alone', () =>
  withDesk(async (desk) => {
    const { port } = await desk.nginx(first);
    assert.equal(await describeProbe(desk, 'broker', port, [local.certificateDer]), ['trusted', first.fingerprint, ca]);
    assert.equal((await describeProbe(desk, 'broker', port, [second.leaf]))[0], 'issuer-unknown');
    const program = join(desk.folder, 'broker-client');
    const heard = join(desk.folder, 'heard');
    const script = `read -r secret <&3\nprintf 'user = "%s:%s"\\n' "$2" "$secret" | curl -sS --config - --cacert "$3" "https://$1/" >${heard}`;
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
    desk.describe('broker', {
      format: 1,
      purpose: 'broker',
      programs: [program],
      arguments: ['{server}', '{user}', '{bundle}'],
      password: 'descriptor',
      exits: { 60: 'certificate' },
    });
    const attempt = async (bundle: { readonly exact?: Uint8Array[]; readonly anchors?: Uint8Array[] }) => {
      const fault = await desk.launch(port, [first.fingerprint], { purpose: 'broker', ...bundle }).ended;
      return fault?.code ?? readFileSync(heard, 'utf8').trim();
    };
    assert.is(await attempt({ anchors: [local.certificateDer] }), 'broker good');
    assert.is(await attempt({ exact: [first.leaf] }), 'broker good');
    assert.is(await attempt({ anchors: [foreign.certificateDer] }), 'client-refused-certificate');
    assert.is(await attempt({ exact: [second.leaf] }), 'client-refused-certificate');
  }));

/** Runs `thintrust` with the password on its standard input; gives the exit code. */
async function thintrust(env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<number | null> {
  const child = spawn(process.execPath, [source('agent/cli/main.ts'), ...args], {
    env,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.end('password\n');
  await once(child, 'exit');
  return child.exitCode;
}

test('the whole device: asked once, added, connected, and the client goes when the daemon does', () =>
  withDesk(async (desk) => {
    const { port, leaf } = await desk.shadow();
    desk.describe('freerdp', freerdp);
    const runtime = join(desk.folder, 'run');
    const env = {
      ...process.env,
      THINTRUST_RUNTIME: runtime,
      THINTRUST_STATE: join(desk.folder, 'state'),
      THINTRUST_CLIENTS: join(desk.folder, 'clients'),
      THINTRUST_SESSION: desk.session('device'),
    };
    const daemon = spawn(process.execPath, [source('agent/main.ts')], { env, stdio: ['ignore', 'pipe', 'ignore'] });
    await once(daemon.stdout, 'data');
    const server = `localhost:${port}`;
    const connect = ['connect', 'rdp', server, '--user', 'good'];
    assert.is(await thintrust(env, ...connect), 3);
    const add = ['certificates', 'add', '--purpose', 'rdp', '--server', server, '--fingerprint', fingerprintOf(leaf)];
    assert.is(await thintrust(env, ...add), 0);
    assert.is(await thintrust(env, ...connect), 0);
    await appears(desk.folder, 'device.log', connected);
    const pid = Number(readFileSync(join(desk.folder, 'device.pid'), 'latin1'));
    daemon.kill('SIGKILL');
    while (isRunning(pid)) await delay(20);
  }));

const source = (path: string): string => join(import.meta.dirname, '../..', path);

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
