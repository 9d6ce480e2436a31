/** FreeRDP 3, from a root of Debian 13, with its own description: the same that `edge/remote-desktop` asks of 2.11. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf } from '../../protocol/certificate.ts';
import { everyProcess } from '../fakes/processes.ts';
import { type Desk, shippedClient, withDesk } from '../fakes/remote-desktop.ts';
import { authorityOf, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';
import { trixie } from '../programs.ts';

needs(['root', 'xfreerdp3', 'xrdp', 'freerdp-shadow-cli', 'Xvfb', 'chroot']);

const local = authorityOf('Local');
const first = await serverMaterial(local, ['localhost']);
const second = await serverMaterial(local, ['localhost']);
const { contains: _, ...freerdp } = shippedClient('10-freerdp3');
const connected = /Local framebuffer format/;
const question = /Do you trust|Y\/T\/N/;

function describe(desk: Desk, change: (args: string[]) => string[] = (args) => args): void {
  const program = join(desk.folder, 'xfreerdp3');
  writeFileSync(program, `#!/bin/sh\nexec chroot ${trixie} /usr/bin/xfreerdp3 "$@"\n`);
  chmodSync(program, 0o755);
  desk.describe('freerdp', { ...freerdp, programs: [program], arguments: change(freerdp.arguments) });
}

test('connects to the certificate it was told, signs in, and shows the password to nobody', () =>
  withDesk(async (desk) => {
    describe(desk);
    const { port, leaf } = await desk.shadow();
    const running = desk.launch(port, [fingerprintOf(leaf)]);
    assert.not.match(await running.prints(connected), question);
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

table(
  'xrdp',
  [
    {
      name: 'another certificate than the one that was looked at',
      accept: [first.fingerprint],
      expected: 'client-refused-certificate',
    },
    { name: 'one of several', accept: [first.fingerprint, second.fingerprint], expected: 'connected' },
  ],
  ({ accept, expected }) =>
    withDesk(async (desk) => {
      describe(desk);
      const { port } = await desk.xrdp(second);
      const running = desk.launch(port, accept);
      if (expected === 'connected') {
        await running.prints(connected);
        await running.end();
      } else {
        assert.is((await running.ended)?.code, expected);
        assert.not.match(running.log(), connected);
      }
      assert.not.match(running.log(), question);
    }),
);

table(
  'a server without TLS',
  [
    { name: 'is not connected to', leaveOut: '', accepted: false },
    { name: 'would be, with no certificate at all', leaveOut: '/sec:rdp:off', accepted: true },
  ],
  ({ leaveOut, accepted }) =>
    withDesk(async (desk) => {
      describe(desk, (args) => args.filter((one) => one !== leaveOut));
      const { port } = await desk.xrdp(first, 'rdp');
      const running = desk.launch(port, [first.fingerprint]);
      if (accepted) {
        await running.prints(connected);
        await running.end();
      } else assert.is((await running.ended)?.code, 'rdp-no-tls');
    }),
);
