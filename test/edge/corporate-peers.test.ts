/** What is exported of mail and VPN certificates, read by programs that authenticate with them (EAP-TLS of wpa_supplicant at hostapd). */
import { execFile, spawn } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeKey } from '../../agent/edge/csr.ts';
import { openExportCorporate } from '../../agent/edge/export-corporate.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { toBase64 } from '../../protocol/certificate.ts';
import { good } from '../../protocol/fault.ts';
import { freePort } from '../../server/cli/port.ts';
import { issueClient } from '../../server/edge/authority.ts';
import { authorityOf, authorityPem, now, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, test } from '../harness.ts';
import { findProgram } from '../programs.ts';

needs(['hostapd', 'eapol_test']);

const run = promisify(execFile);

/** One certificate for `anna`, exported as `Office`, and the authority that issued it. */
async function withExport(
  run: (at: { readonly root: string; readonly folder: string; readonly authority: string }) => Promise<void>,
) {
  const root = mkdtempSync(join(tmpdir(), 'thintrust-peers-'));
  try {
    const authority = authorityOf('Devices');
    const pkcs8 = makeKey();
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    const publicKeyDer = createPublicKey(key).export({ format: 'der', type: 'spki' });
    const request = { publicKeyDer, commonName: 'anna', email: 'anna@corp.example' };
    const issued = await issueClient(authority, { ...request, type: 'vpn', days: 30, now: now() });
    const exportCorporate = openExportCorporate(root, realFiles, async () => good(pkcs8));
    const identity = { key: { kind: 'file', sha256: '0'.repeat(64) }, chain: issued.chainDer.map(toBase64) } as const;
    const one = {
      id: '5d2c7c9e-1111-4111-8111-111111111111',
      type: 'vpn',
      alias: 'Office',
      order: 1,
      identity,
    } as const;
    assert.equal(await exportCorporate([one]), good(null));
    await run({ root, folder: join(root, 'identities/vpn/Office'), authority: authorityPem(authority) });
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('EAP-TLS lets it in, and no certificate of another authority', () =>
  withExport(async ({ root, folder, authority }) => {
    const servers = authorityOf('Network');
    const { cert, key } = await serverMaterial(servers, ['radius.example.com']);
    const port = await freePort();
    const write = (name: string, text: string): string => {
      writeFileSync(join(root, name), text, { mode: 0o600 });
      return join(root, name);
    };
    const trusting = async (clients: string): Promise<string> => {
      const config = write(
        'hostapd.conf',
        [
          'driver=none',
          'ieee8021x=1',
          'eap_server=1',
          `eap_user_file=${write('users', '* TLS\n')}`,
          `ca_cert=${write('clients.pem', clients)}`,
          `server_cert=${write('server.pem', cert)}`,
          `private_key=${write('server.key', key)}`,
          `radius_server_clients=${write('radius', '127.0.0.1/32 secret\n')}`,
          `radius_server_auth_port=${port}`,
          '',
        ].join('\n'),
      );
      const hostapd = spawn(findProgram('hostapd') ?? '', [config], { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      for (const stream of [hostapd.stdout, hostapd.stderr])
        stream.on('data', (chunk: Buffer) => {
          said += chunk;
        });
      const ended = once(hostapd, 'exit');
      for (
        const end = performance.now() + 20_000;
        !/AP-ENABLED|none: |RADIUS|ERROR/i.test(said) && performance.now() < end;
      )
        await new Promise((wake) => setTimeout(wake, 50));
      const network = [
        'network={',
        'key_mgmt=IEEE8021X',
        'eap=TLS',
        'identity="anna"',
        `ca_cert="${write('servers.pem', authorityPem(servers))}"`,
        `client_cert="${folder}/cert.pem"`,
        `private_key="${folder}/key.pem"`,
        '}',
        '',
      ].join('\n');
      const arguments_ = [
        '-c',
        write('network.conf', network),
        '-a',
        '127.0.0.1',
        '-p',
        `${port}`,
        '-s',
        'secret',
        '-t',
        '10',
      ];
      const asked = await run(findProgram('eapol_test') ?? '', arguments_).then(
        ({ stdout }) => stdout,
        (error: { readonly stdout?: string }) => error.stdout ?? String(error),
      );
      hostapd.kill('SIGKILL');
      await ended;
      return `${asked.trim().split('\n').at(-1)}`;
    };
    assert.is(await trusting(authority), 'SUCCESS');
    assert.is(await trusting(authorityPem(authorityOf('Others'))), 'FAILURE');
  }));
