/** `thintrust-server mutual …` and `front-end …` through the administration socket, and the port of a running server. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, type Outcome, parse } from '../../server/cli/command.ts';
import { mutualCommands } from '../../server/cli/mutual.ts';
import { fleetCommands } from '../../server/cli/remote.ts';
import { serveAdmin } from '../../server/edge/admin-http.ts';
import { recoverFromKit } from '../../server/edge/backup.ts';
import { servedCertificate } from '../../server/edge/listener.ts';
import { mutualOf, setMutual, showMutual } from '../../server/edge/mutual.ts';
import { openState } from '../../server/edge/state.ts';
import { auditOf, type FleetServer, temporary, value, withFleet } from '../fakes/fleet-server.ts';
import {
  checkinAt,
  checkinWithout,
  enrolBy,
  registerWithout,
  type Setting,
  withListeners,
} from '../fakes/legacy-agent.ts';
import { administer, startServer } from '../fakes/server-process.ts';
import { share } from '../fakes/sharing.ts';
import { assert, table, test } from '../harness.ts';

const commands: readonly Command[] = [...fleetCommands, ...mutualCommands];
type Said = (...words: readonly string[]) => Promise<string>;

async function withCommands(fleet: FleetServer, run: (say: Said) => Promise<void>): Promise<void> {
  const { server, directory, publish } = fleet;
  const admin = await serveAdmin(server, publish, join(directory, 'control.sock'));
  try {
    await run((...words) => say(directory, words));
  } finally {
    await admin.close();
  }
}

/** What a command prints, or `usage`, or the code of its fault. */
async function say(state: string, words: readonly string[]): Promise<string> {
  const parsed = parse(commands, [...words, '--state', state], {});
  if (parsed.at !== 'run') return 'usage';
  const outcome: Outcome = await parsed.command.run(parsed.words);
  if (outcome.ok === 'misused') return 'usage';
  return outcome.ok ? outcome.text : outcome.fault.code;
}

const migrates = ['mutual-migration'];
const fleetOf = async (setting: Setting, run: (say: Said) => Promise<void>) => withCommands(setting.fleet, run);

test('an administrator brings a fleet to mutual authentication', () =>
  withListeners((setting) =>
    fleetOf(setting, async (say) => {
      const kiosk = await registerWithout(setting, 'kiosk', migrates);
      const old = await registerWithout(setting, 'old', []);
      assert.match(await say('mutual', 'show'), /^Mutual authentication +off$/m);
      assert.match(await say('mutual', 'show'), /^Devices without an identity +2$/m);
      assert.is(await say('mutual', 'endpoint', 'new', 'on'), 'mutual-needed');
      setting.fleet.time.now = (setting.fleet.time.now + 1) as typeof setting.began;
      assert.is(await say('mutual', 'enable'), 'Done.\n');
      assert.is(await say('mutual', 'enable'), 'Done.\n');
      assert.match(await say('mutual', 'show'), /^Mutual authentication +on since 20/m);
      assert.is(await say('mutual', 'migrate', 'Unassigned', 'on'), 'Done.\n');
      await checkinWithout(setting, kiosk, migrates);
      await checkinWithout(setting, old);
      assert.match(await say('devices', '--migration', 'pending'), /^kiosk .* pending /m);
      assert.not.match(await say('devices', '--migration', 'pending'), /^old /m);
      assert.match(await say('devices', '--migration', 'none'), /^old /m);
      assert.is(await say('devices', '--migration', 'success'), 'None.\n');
      const { identity } = await enrolBy(setting, kiosk.token);
      await checkinAt(setting, setting.http.port, kiosk.device, migrates, { identity });
      assert.match(await say('devices', '--migration', 'success'), /^kiosk /m);
      assert.is(await say('mutual', 'endpoint', 'new', 'on'), 'clients-not-migrated');
      assert.match(await say('mutual', 'show'), /^old +no-migration /m);
      await say('device', 'remove', 'old');
      assert.is(
        await say('mutual', 'endpoint', 'legacy', 'off', '--confirm', '--confirm-again'),
        'new-endpoint-needed',
      );
      assert.is(await say('mutual', 'endpoint', 'new', 'on'), 'Done.\n');
      for (const words of [[], ['--confirm'], ['--confirm-again'], ['--confirm', '--confirm']])
        assert.is(await say('mutual', 'endpoint', 'legacy', 'off', ...words), 'confirm-twice');
      assert.is(await say('mutual', 'endpoint', 'legacy', 'off', '--confirm', '--confirm-again'), 'Done.\n');
      const shown = await say('mutual', 'show');
      assert.match(shown, /^New endpoint +on$/m);
      assert.match(shown, /^Legacy endpoint +off$/m);
      assert.is(await say('mutual', 'endpoint', 'legacy', 'on'), 'Done.\n');
      const audit = (await auditOf(setting.fleet)).join('\n');
      for (const action of ['mutual-enabled', 'migrate-client-set', 'endpoint-set'])
        assert.match(audit, new RegExp(`^${action}$`, 'm'));
      assert.match(audit, /^request-refused confirm-twice$/m);
      assert.match(audit, /^request-refused clients-not-migrated$/m);
    }),
  ));

const sha = 'AB:'.repeat(31).concat('AB');
const scep = ['--url', 'https://ca.example/scep', '--sha256', sha];
test('enrolment settings and front ends', () =>
  withFleet((fleet) =>
    withCommands(fleet, async (say) => {
      assert.is(
        await say('mutual', 'enrolment-add', 'five', ...scep, '--subject', 'CN=$RANDOM_64$,OU=$TIMESTAMP_MS$'),
        'Done.\n',
      );
      assert.is(await say('mutual', 'enrolment-add', 'five', ...scep, '--subject', 'CN=x'), 'already-exists');
      assert.is(await say('mutual', 'enrolment-add', 'other', ...scep, '--subject', 'CN=$EMAIL$'), 'Done.\n');
      assert.is(await say('mutual', 'enrolment', 'other'), 'not-found');
      assert.is(await say('mutual', 'enrolment', 'five'), 'Done.\n');
      assert.is(await say('mutual', 'enrolment-remove', 'five'), 'not-allowed');
      const shown = await say('mutual', 'show');
      assert.match(shown, /^Identities from +five$/m);
      assert.match(shown, /^five +https:.* yes$/m);
      assert.match(shown, /^other +https:.* no: it uses \$EMAIL\$$/m);
      assert.is(await say('mutual', 'enrolment', 'local'), 'Done.\n');
      assert.is(await say('mutual', 'enrolment-remove', 'five'), 'Removed.\n');
      assert.is(await say('mutual', 'enrolment-remove', 'five'), 'not-found');
      assert.is(await say('front-ends'), 'None.\n');
      assert.is(await say('front-end', 'add', sha, '--name', 'proxy'), 'Done.\n');
      assert.match(await say('front-ends'), /^proxy +20\d\d-.* (ab){32}$/m);
      assert.is(await say('front-end', 'add', sha), 'already-exists');
      assert.is(await say('front-end', 'remove', sha), 'Removed.\n');
      assert.is(await say('front-end', 'remove', sha), 'not-found');
    }),
  ));

const refusing = share<Said>((run) => withFleet((fleet) => withCommands(fleet, run)));
table(
  'bad input',
  [
    { name: 'migrate to something else', words: ['mutual', 'migrate', 'Unassigned', 'maybe'], says: 'usage' },
    { name: 'migrate a group that is not there', words: ['mutual', 'migrate', 'Nowhere', 'on'], says: 'not-found' },
    { name: 'another endpoint', words: ['mutual', 'endpoint', 'old', 'on'], says: 'usage' },
    { name: 'an endpoint neither on nor off', words: ['mutual', 'endpoint', 'new', 'x'], says: 'usage' },
    { name: 'a port that is none', words: ['mutual', 'port', 'http'], says: 'usage' },
    { name: 'a port too large', words: ['mutual', 'port', '65536'], says: 'usage' },
    { name: 'the port of MQTT', words: ['mutual', 'port', '8830'], says: 'ports-collide' },
    { name: 'the port of the Web Console', words: ['mutual', 'port', '8080'], says: 'ports-collide' },
    { name: 'a status that is none', words: ['devices', '--migration', 'maybe'], says: 'usage' },
    { name: 'a fingerprint that is none', words: ['front-end', 'add', 'abc'], says: 'bad-shape' },
    { name: 'an enrolment that is not there', words: ['mutual', 'enrolment', 'x'], says: 'not-found' },
    {
      name: 'a SCEP server that is no address',
      words: ['mutual', 'enrolment-add', 'x', '--url', 'ca', '--sha256', sha, '--subject', 'CN=x'],
      says: 'bad-argument',
    },
    {
      name: 'local as a name',
      words: ['mutual', 'enrolment-add', 'local', ...scep, '--subject', 'CN=x'],
      says: 'already-exists',
    },
    {
      name: 'a subject too long',
      words: ['mutual', 'enrolment-add', 'x', ...scep, '--subject', `CN=${'x'.repeat(300)}`],
      says: 'bad-argument',
    },
    { name: 'no subject', words: ['mutual', 'enrolment-add', 'x', ...scep], says: 'usage' },
  ],
  async ({ words, says }) => assert.is(await (await refusing.get())(...words), says),
);
test('the server of the refusals closes', refusing.close);

test('once on it stays on, in a server rebuilt from its recovery kit too', () =>
  withFleet(async ({ server, directory, passphrase, around }) => {
    value(await setMutual(server, 'administrator', true));
    const off = await setMutual(server, 'administrator', false);
    assert.is(off.ok ? '' : off.fault.code, 'stays-on');
    const kit = readFileSync(join(directory, 'recovery-kit.json'), 'utf8');
    const root = temporary();
    const rebuilt = { ...around, directory: join(root, 'state') };
    try {
      value(await recoverFromKit(rebuilt, kit, passphrase));
      const opened = value(await openState(rebuilt));
      assert.equal(await mutualOf(opened.server.db), await mutualOf(server.db));
      await opened.close();
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }));

test('a server of an older release has no port for devices without an identity, and nothing is on (Table 87)', () =>
  withFleet(async ({ server }) => {
    const { enabledAt, legacyPort, newEndpoint, legacyEndpoint } = await showMutual(server);
    assert.equal(
      { enabledAt, legacyPort, newEndpoint, legacyEndpoint },
      {
        enabledAt: null,
        legacyPort: null,
        newEndpoint: 'unset',
        legacyEndpoint: true,
      },
    );
  }));

test('the port of a running server: a free one, moved, closed, and refused where it collides', async () => {
  const root = mkdtempSync(join(tmpdir(), 'thintrust-legacy-'));
  const state = join(root, 'state');
  const ports = ['--https-port', '0', '--mqtt-port', '0'];
  try {
    const collides = await administer(['run', '--https-port', '9997', '--mqtt-port', '0'], { state });
    assert.match(collides.err, /^Refused: Port 9997 cannot be both the port of HTTPS and of legacy HTTPS\.$/m);
    const running = await startServer(state, ports);
    try {
      const shown = async () => /certificates +(\S+)$/m.exec(await say(state, ['mutual', 'show']))?.[1] ?? '';
      const open = async (port: string) =>
        (await servedCertificate({ host: '127.0.0.1', port: Number(port) })) !== null;
      const first = await shown();
      assert.match(first, /^[1-9]\d+$/);
      assert.match(
        running.printed,
        new RegExp(`on port ${first}; before any device registers, .* mutual enable$`, 'm'),
      );
      assert.ok(await open(first));
      const [, https = ''] = running.https.split(':');
      assert.is(await say(state, ['mutual', 'port', https]), 'ports-collide');
      assert.ok(await open(first));
      assert.is(await say(state, ['mutual', 'port', 'off']), 'Done.\n');
      assert.is(await shown(), 'off');
      assert.not.ok(await open(first));
      assert.is(await say(state, ['mutual', 'port', first]), 'Done.\n');
      assert.ok(await open(first));
    } finally {
      await running.stop();
    }
    const again = await startServer(state, ['--legacy-port', 'off']);
    const closed = await say(state, ['mutual', 'show']);
    await again.stop();
    assert.match(closed, /certificates +off$/m);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
