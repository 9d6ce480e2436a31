/** `thintrust-server accounts …`, `tokens …` and `console …` through the administration socket, and what a backup carries of them. */
import { join } from 'node:path';
import { accountCommands } from '../../server/cli/accounts.ts';
import { type Command, parse } from '../../server/cli/command.ts';
import { serveAdmin } from '../../server/edge/admin-http.ts';
import { makeBackup, restoreBackup } from '../../server/edge/backup.ts';
import { consoleTls } from '../../server/edge/console-certificate.ts';
import { listAudit } from '../../server/edge/overview.ts';
import { openState } from '../../server/edge/state.ts';
import { start, temporary, value } from '../fakes/fleet-server.ts';
import { type Console, password, withConsole } from '../fakes/web-client.ts';
import { assert, test } from '../harness.ts';

const commands: readonly Command[] = accountCommands;

/** What a command prints, or `usage`, or the code of its fault. */
async function say(state: string, ...words: readonly string[]): Promise<string> {
  const parsed = parse(commands, [...words, '--state', state], {});
  if (parsed.at !== 'run') return 'usage';
  const outcome = await parsed.command.run(parsed.words);
  if (outcome.ok === 'misused') return 'usage';
  return outcome.ok ? outcome.text : outcome.fault.code;
}

async function withCommands(run: (tell: (...words: string[]) => Promise<string>, console: Console) => Promise<void>) {
  await withConsole(async (console) => {
    const { server, directory, publish } = console.world;
    const admin = await serveAdmin(server, publish, join(directory, 'control.sock'));
    try {
      await run((...words) => say(directory, ...words), console);
    } finally {
      await admin.close();
    }
  });
}

test('accounts and tokens from the command line, a link when all is lost, and the certificate', () =>
  withCommands(async (tell, console) => {
    const page = console.page();
    assert.is(await tell('accounts', 'list'), 'None.\n');
    assert.is(await tell('accounts', 'add', 'anna'), 'usage');
    assert.is(await tell('accounts', 'add', 'anna', '--roles', 'chief'), 'usage');
    const added = await tell('accounts', 'add', 'Anna', '--roles', 'officer, auditor', '--full-name', 'Anna K');
    const [, made = ''] = /^Password of anna \(shown once\):\n(\S{14})\n$/.exec(added) ?? [];
    assert.is((await page.signIn('anna', made)).status, 200);
    assert.is((await listAudit(console.world.server, 2))[1]?.actor, 'root');
    assert.is(await tell('accounts', 'add', 'anna', '--roles', 'officer'), 'already-exists');
    assert.match(await tell('accounts', 'list'), /^anna +Anna K +officer, auditor +no +\d{4}-/m);
    assert.is(await tell('accounts', 'set', 'anna', '--roles', 'administrator', '--email', 'a@b.example'), 'Done.\n');
    assert.match((await page.ask('GET', '/session')).text, /"roles":\["administrator"\]/);
    assert.is(await tell('accounts', 'set', 'anna', '--disable'), 'Done.\n');
    assert.is((await page.ask('GET', '/session')).status, 401);
    assert.is(await tell('accounts', 'set', 'anna', '--enable'), 'Done.\n');
    assert.match(await tell('accounts', 'set-password', 'anna'), /^Password of anna/);
    assert.is((await page.signIn('anna', made)).status, 401);
    assert.is(await tell('accounts', 'reset-second-factor', 'anna'), 'Done.\n');
    assert.is(await tell('accounts', 'remove', 'boris'), 'not-found');
    const [token = ''] = /tt_\S+/.exec(await tell('tokens', 'add', 'robot', '--roles', 'auditor', '--days', '3')) ?? [];
    const { status } = await page.ask('GET', '/status', { headers: { authorization: `Bearer ${token}` } });
    assert.is(status, 200);
    assert.match(await tell('tokens', 'list'), /^robot +auditor +root /m);
    assert.is(await tell('tokens', 'remove', 'robot'), 'Removed.\n');
    assert.is(await tell('accounts', 'remove', 'anna'), 'Removed.\n');
    const link = await tell('accounts', 'setup-link');
    const [, setup = ''] = /\/setup#(\S+)\n$/.exec(link) ?? [];
    const first = await console.page().ask('POST', '/setup', { body: { token: setup, name: 'boris', password } });
    assert.is(first.status, 200, first.text);
    assert.match(await tell('console', 'show'), /^Source +own authority$/m);
    assert.match(await tell('console', 'reset'), /^Source +own authority$/m);
    assert.is(await tell('console', 'upload', '/nowhere/console.p12'), 'not-found');
  }));

test('a backup carries accounts, second factors, tokens and the certificate of the console', () =>
  withCommands(async (tell, console) => {
    const { around, server } = console.world;
    await tell('accounts', 'add', 'anna', '--roles', 'officer');
    await tell('tokens', 'add', 'robot', '--roles', 'auditor');
    const { chain, key } = await consoleTls(server);
    const backup = value(await makeBackup(around, 'a passphrase of some length'));
    const directory = join(temporary(), 'state');
    const elsewhere = { directory, clock: () => start, log: () => {} };
    value(await restoreBackup(elsewhere, backup, 'a passphrase of some length'));
    const restored = value(await openState(elsewhere));
    try {
      const rows = (table: 'accounts' | 'tokens', { db }: typeof server) => db.selectFrom(table).selectAll().execute();
      for (const table of ['accounts', 'tokens'] as const)
        assert.equal(await rows(table, restored.server), await rows(table, server));
      const tls = await consoleTls(restored.server);
      assert.equal([tls.chain, tls.key], [chain, key]);
    } finally {
      await restored.close();
    }
  }));
