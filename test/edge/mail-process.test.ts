/** Mail by the server as a program and its command line: a kill -9 at the worst moment, and what the commands say. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call } from '../../server/cli/client.ts';
import { value } from '../fakes/fleet-server.ts';
import { secretsIn } from '../fakes/secrets.ts';
import { administer, startServer } from '../fakes/server-process.ts';
import { startRelay, startSmtp } from '../fakes/smtp-server.ts';
import { assert, needs, test } from '../harness.ts';

needs(['exim4', 'python3']);

test('killed between the word of the SMTP server and its own record, the server sends the same mail again, and no other', async () => {
  const state = mkdtempSync(join(tmpdir(), 'thintrust-mail-'));
  const smtp = await startSmtp({});
  const relay = await startRelay(smtp.port);
  const places = ['--https-port', '0', '--mqtt-port', '0', '--legacy-port', 'off'];
  let server = await startServer(state, places);
  try {
    const sender = { from: 'thintrust@corp.example', language: 'ru' };
    value(await call(state, 'PUT', '/mail', { host: '127.0.0.1', port: relay.port, security: 'none', ...sender }));
    value(await call(state, 'POST', '/users', { name: 'anna', email: 'anna@corp.example' }));
    const died = new Promise<void>((resolve) => server.process.once('exit', () => resolve()));
    relay.onServer = (text) => {
      if (!text.startsWith('250 OK id=')) return true;
      server.process.kill('SIGKILL');
      return false;
    };
    const invited = await administer(['invite', '--user', 'anna', '--mail'], { state });
    assert.is(invited.code, 0, invited.err);
    assert.match(invited.out, /^Mailed to anna@corp\.example.*20\d\d-.*Z\.\n$/);
    await died;
    relay.onServer = null;
    server = await startServer(state, places);
    const [first, second] = await smtp.wait(2);
    assert.match(first?.subject ?? '', /^Регистрация/);
    assert.equal([second?.id, second?.date, second?.text], [first?.id, first?.date, first?.text]);
    const password = /этот: ([0-9A-Z-]{14})\n/.exec(first?.text ?? '')?.[1] ?? '';
    const { out, err } = invited;
    assert.equal(secretsIn(Buffer.from(out + err), [{ name: 'password', bytes: Buffer.from(password) }]), []);
    await commands(state);
    assert.is(smtp.mails().length, 2);
  } finally {
    await server.stop();
    relay.close();
    await smtp.remove();
    rmSync(state, { recursive: true });
  }
});

async function commands(state: string): Promise<void> {
  const input = 'Mail-Password-77\n';
  const set = ['mail', 'set', '--host', 'smtp.example.com', '--security', 'tls', '--user', 'u', '--password-stdin'];
  const made = await administer(set, { state, input });
  assert.is(made.code, 0, made.err);
  assert.match(made.out, /smtp\.example\.com:465\n/);
  assert.match(made.out, /Password +kept, not shown\n/);
  assert.not.ok(made.out.includes('Mail-Password'));
  const file = join(state, 'text');
  writeFileSync(file, 'Вход для {fullName}\r\n\r\n{user}: {password}, {pasword}\r\n');
  const wrong = await administer(['mail', 'set-text', 'installation', file, '--language', 'ru'], { state });
  assert.is(wrong.code, 1);
  assert.match(wrong.err, /no placeholder of this name: pasword\. There are: .*password/);
}
