/**
 * The Debian packages on a Debian 12 with systemd: a server and a device on one machine, through installation, upgrade,
 * removal and purge. `make deb-test` builds them and comes here.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { assert, needs, test } from '../harness.ts';
import { makeContainer } from './container.ts';

needs(['root', 'systemd-nspawn', 'dpkg-deb', 'nsenter']);

const version: string = JSON.parse(readFileSync('package.json', 'utf8')).version;
const next = `${version}+1`;
const built = 'build/deb';
const machine = makeContainer();
const { root, run, code } = machine;

const pidOf = (unit: string): string => run(`systemctl show -P MainPID ${unit}`).trim();
const isActive = (unit: string): boolean => code(`systemctl is-active --quiet ${unit}`) === 0;
const isEnabled = (unit: string): boolean => code(`systemctl is-enabled --quiet ${unit}`) === 0;
/** The device has its identity, and the server is there for it. */
const isConnected = (): boolean =>
  code(
    `for i in $(seq 300); do thintrust status --json | grep -q '"at":"connected"' && exit 0; sleep 0.2; done; exit 1`,
  ) === 0;
const install = (...names: readonly string[]): string =>
  run(`dpkg -i ${names.map((name) => `/packages/${name}_*.deb`).join(' ')} 2>&1`);

test('the same commit gives the same bytes', () => {
  const again = join(root, '..', 'again');
  const epoch = execFileSync('dpkg-deb', ['--ctrl-tarfile', built + thePackage('thintrust')]).subarray(136, 147);
  mkdirSync(again);
  cpSync(built + thePackage('thintrust-node'), again + thePackage('thintrust-node'));
  execFileSync('packaging/deb.sh', [again, version, String(Number.parseInt(epoch.toString(), 8))]);
  for (const name of ['thintrust', 'thintrust-server'])
    assert.ok(readFileSync(again + thePackage(name)).equals(readFileSync(built + thePackage(name))), name);
});

test('installed on a running machine: all is started, nothing has failed', async () => {
  mkdirSync(join(root, 'packages'));
  for (const path of globSync(`${built}/*.deb`)) cpSync(path, join(root, 'packages', basename(path)));
  await machine.boot();
  run('systemctl is-enabled getty@tty1.service');
  install('thintrust-node', 'thintrust', 'thintrust-server');
  for (const unit of [
    'thintrustd.service',
    'thintrust-console.socket',
    'thintrust-read.socket',
    'thintrust-session.socket',
  ])
    assert.ok(isActive(unit), unit);
  assert.ok(isEnabled('thintrust-ui.service'));
  assert.not(isEnabled('getty@tty1.service'), 'the screens take the place of the login');
  assert.not(isEnabled('var-lib-thintrust.mount'), 'there is no partition for the state here');
  assert.is(run('systemctl --failed --no-legend'), '');
  assert.is(statSync(join(root, 'var/lib/thintrust')).mode & 0o777, 0o700);
  assert.match(run('thintrust --version'), version);
});

test('the server waits for a person, who makes it once; the passphrase is not in the journal', () => {
  assert.not(isActive('thintrust-server.service'));
  const told = run('thintrust-server init --name localhost --host 127.0.0.1');
  const passphrase = /[0-9A-Z]{5}(?:-[0-9A-Z]{5}){4}/.exec(told)?.[0];
  assert.ok(passphrase, 'a passphrase is printed');
  run('systemctl start thintrust-server.service');
  run('for i in $(seq 200); do thintrust-server groups >/dev/null 2>&1 && exit 0; sleep 0.2; done; exit 1');
  assert.is(run('stat -c %U /var/lib/thintrust-server/thintrust.sqlite'), 'thintrust-server\n');
  assert.not(run('journalctl --no-pager').includes(passphrase ?? '?'));
});

test('a device registers with the server', () => {
  run('thintrust-server group add Office');
  const { address, fingerprint, invitation, password } = JSON.parse(
    run('thintrust-server invite --name reception --group Office --json'),
  );
  run(
    `thintrust register --address ${address} --fingerprint ${fingerprint} --invitation ${invitation}`,
    `${password}\n`,
  );
  assert.ok(isConnected());
});

test('upgraded: state, settings and what was switched off stay; what ran runs anew', () => {
  const before = { agent: pidOf('thintrustd.service'), server: pidOf('thintrust-server.service') };
  run('echo "# ours" >>/etc/thintrust-server/options');
  run('systemctl disable --now thintrust-trust.path');
  const folder = join(root, 'next');
  mkdirSync(folder);
  cpSync(built + thePackage('thintrust-node'), folder + thePackage('thintrust-node'));
  execFileSync('packaging/deb.sh', [folder, next, '1767225600']);
  run('dpkg -i /next/*.deb 2>&1');
  assert.match(run('dpkg-query -W thintrust'), `\t${next}\n`);
  assert.is.not(pidOf('thintrustd.service'), before.agent);
  assert.is.not(pidOf('thintrust-server.service'), before.server);
  assert.ok(isConnected());
  assert.match(run('cat /etc/thintrust-server/options'), /^# ours$/m);
  assert.not(isEnabled('thintrust-trust.path'));
  assert.is(run('systemctl --failed --no-legend'), '');
});

test('switched off and on: all comes up by itself', async () => {
  await machine.powerOff();
  await machine.boot();
  assert.ok(isActive('thintrustd.service'));
  assert.ok(isActive('thintrust-server.service'));
  assert.ok(isConnected());
});

test('removed: nothing of it runs, a login comes back, the state stays', () => {
  run('dpkg -r thintrust thintrust-server 2>&1');
  assert.not(isActive('thintrustd.service'));
  assert.not(isActive('thintrust-server.service'));
  assert.ok(isEnabled('getty@tty1.service'));
  assert.ok(existsSync(join(root, 'var/lib/thintrust/generations')));
  assert.ok(existsSync(join(root, 'var/lib/thintrust-server/thintrust.sqlite')));
  assert.is(run('systemctl --failed --no-legend'), '');
});

test('installed again: the device is the one it was', () => {
  run('dpkg -i /next/*.deb 2>&1');
  assert.not(isEnabled('getty@tty1.service'));
  assert.ok(isConnected());
});

test('purged: the device is gone whole; of the server only its state stays, and that is said', () => {
  const told = run('dpkg -P thintrust thintrust-server thintrust-node 2>&1');
  assert.match(told, /the state stays in \/var\/lib\/thintrust-server/);
  const left = run('find / -xdev -name "*thintrust*" -not -path "/proc/*" -not -path "/packages*" -not -path "/next*"');
  const expected = ['/var/lib/thintrust-server', '/var/lib/thintrust-server/thintrust.sqlite'];
  assert.equal(
    left.split('\n').filter((path) => path !== '' && !/\.sqlite-|^\/(run|sys|var\/log|var\/cache)\//.test(path)),
    expected,
  );
  assert.is(run('systemctl --failed --no-legend'), '');
});

test('the container goes', () => machine.remove());

function thePackage(name: string): string {
  const [path] = globSync(`${built}/${name}_*.deb`).sort();
  assert.ok(path, `${built} has no ${name}`);
  return `/${basename(path ?? '')}`;
}
