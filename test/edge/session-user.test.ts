/** FreeRDP as the session user: started as systemd does with `Accept=yes`, by a runner of another user, behind what the session declares. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { appears } from '../fakes/processes.ts';
import { shippedClient, withDesk } from '../fakes/remote-desktop.ts';
import { authorityOf, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, test } from '../harness.ts';

needs(['root', 'xrdp', 'xfreerdp', 'Xvfb']);

/** `nobody`: in neither group of the control sockets. */
const sessionUser = 65534;

test('the client runs as the session user, reaches the desktop, and its directory is that user’s', () =>
  withDesk(async (desk) => {
    const { folder } = desk;
    const home = join(folder, 'session');
    mkdirSync(home);
    chownSync(home, sessionUser, sessionUser);
    // That user may not read where we lie.
    const [node, program] = [join(folder, 'node'), join(folder, 'thintrust-session.cjs')];
    copyFileSync(process.execPath, node);
    copyFileSync('dist/thintrust-session.cjs', program);
    for (const [path, mode] of [
      [folder, 0o777],
      [node, 0o755],
      [program, 0o644],
    ] as const)
      chmodSync(path, mode);
    const server = createServer((socket) => {
      const runner = spawn(node, [program], {
        uid: sessionUser,
        gid: sessionUser,
        cwd: '/',
        env: { PATH: '/usr/bin:/bin', RUNTIME_DIRECTORY: home },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      socket.pipe(runner.stdin);
      runner.stdout.pipe(socket);
    });
    server.listen(join(folder, 'session.sock'));
    await once(server, 'listening');

    const material = await serverMaterial(authorityOf('Desktops'), ['localhost']);
    const { port } = await desk.xrdp(material);
    desk.describe('freerdp', shippedClient('20-freerdp2'));
    const running = desk.launch(port, [material.fingerprint]);
    await running.prints(/Local framebuffer format/);
    const pid = (await appears(folder, running.pidFile, /\n/)).trim();
    const { uid, groups } = ownersOf(pid);
    assert.equal([uid, groups], [String(sessionUser), ''], 'that user, in no group but its own');
    assert.match(readFileSync(`/proc/${pid}/environ`, 'latin1'), new RegExp(`HOME=${home}/thintrust-session-`));
    await running.end();
    server.close();
  }));

function ownersOf(pid: string): { readonly uid: string; readonly groups: string } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return { uid: /^Uid:\t(\d+)/m.exec(status)?.[1] ?? '', groups: /^Groups:\t(.*?) *$/m.exec(status)?.[1] ?? '' };
}
