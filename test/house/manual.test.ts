/** The manual page and the completion are made from the table of commands, and work. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commands, commonOptions } from '../../agent/cli/table.ts';
import { completion, manualPage } from '../../scripts/manual-pages.ts';
import { openSession } from '../fakes/terminal.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['man', 'bash', 'tmux']);

const share = fileURLToPath(new URL('../../rootfs-overlay/usr/share/', import.meta.url));
const page = `${share}man/man1/thintrust.1`;
const script = `${share}bash-completion/completions/thintrust`;

test('what is installed is what `make manual` writes', () => {
  assert.is(readFileSync(page, 'utf8'), manualPage());
  assert.is(readFileSync(script, 'utf8'), completion());
});

test('the page renders without a warning, and names every command and option', () => {
  const env = { PATH: process.env['PATH'], LANG: 'C.UTF-8', MANWIDTH: '200' };
  const both = execFileSync('bash', ['-c', 'man --warnings --local-file "$0" 2>&1', page], { env, encoding: 'utf8' });
  assert.match(both, /^THINTRUST\(1\)/);
  assert.not.match(both, /warning|thintrust\.1:/);
  const plain = both.replace(/\s+/g, ' ');
  for (const { path, options } of commands) {
    assert.ok(plain.includes(`thintrust ${path.join(' ')}`), path.join(' '));
    for (const { name } of [...options, ...commonOptions]) assert.ok(plain.includes(`--${name}`), name);
  }
});

test('an option means one thing to the completion, whatever command it belongs to', () => {
  const seen = new Map<string, string>();
  for (const { name, choices, isFile, value } of commands.flatMap(({ options }) => options)) {
    const kind = JSON.stringify([choices, isFile, value === null]);
    assert.is(seen.get(name) ?? kind, kind, name);
    seen.set(name, kind);
  }
});

const lines = [
  { name: 'thintrust cert', offers: ['certificates'] },
  { name: 'thintrust certificates a', offers: ['add'] },
  { name: 'thintrust certificates add --pur', offers: ['--purpose'] },
  { name: 'thintrust certificates add --purpose ', offers: ['rdp', 'broker', 'log'] },
  { name: 'thintrust certificates add --purpose rdp --s', offers: ['--server'] },
  { name: 'thintrust certificates add --purpose rdp /etc/os-rel', offers: ['/etc/os-release'] },
  { name: 'thintrust register --ca-password-file /etc/os-rel', offers: ['/etc/os-release'] },
  { name: 'thintrust --json preflight b', offers: ['broker'] },
  { name: 'thintrust --runtime /run preflight k', offers: ['ksc'] },
  { name: 'thintrust settings set l', offers: ['log-server', 'language'] },
  { name: 'thintrust log --severity f', offers: ['fatal'] },
  { name: 'thintrust log --limit ', offers: [] },
  { name: 'thintrust time ', offers: ['set', '--json', '--runtime', '--help', '--version'] },
];
table('completion in bash', lines, ({ name, offers }) => {
  const ask = `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _thintrust; printf "%s\\n" "\${COMPREPLY[@]}"`;
  const given = execFileSync('bash', ['-c', ask, script, ...name.split(' ')], { encoding: 'utf8' });
  assert.equal(given.split('\n').filter(Boolean), offers);
});

test('completion by the Tab key, in a bash that a person types into', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-bash-'));
  const shell = await openSession({
    socket: join(folder, 'tmux'),
    command: "env PS1='$ ' bash --norc --noprofile -i",
    environment: { HISTFILE: '' },
    width: 80,
    height: 24,
  });
  try {
    await shell.shows(/^\$/m);
    await shell.type(`source '${script}'`);
    await shell.press('Enter', 'C-l');
    await shell.type('thintrust cert');
    await shell.press('Tab');
    await shell.shows(/^\$ thintrust certificates *$/m);
    await shell.type('ad');
    await shell.press('Tab');
    await shell.type('--pur');
    await shell.press('Tab');
    await shell.shows(/^\$ thintrust certificates add --purpose *$/m);
    await shell.press('Tab', 'Tab');
    await shell.shows(/^broker +log +rdp *$/m);
    await shell.type('r');
    await shell.press('Tab');
    await shell.shows(/^\$ thintrust certificates add --purpose rdp *$/m);
  } finally {
    await shell.close();
    rmSync(folder, { recursive: true });
  }
});
