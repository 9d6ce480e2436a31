/**
 * Settings and tools of the console against the running agent (T5, T7, T14, T17, T18): a log server is named and accepted,
 * its events read, certificates brought on a stick and one of them removed, a server looked at; then a group takes over.
 * Keys are typed, screens are read, rsyslog receives.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toPem } from '../../protocol/certificate.ts';
import { issue } from '../fakes/issue.ts';
import { assert, needs, test } from '../harness.ts';
import { back, good, open, serveLog } from './acts.ts';
import { onStage } from './stage.ts';
import { type Device, statusOf, until, whenStatus } from './system.ts';

needs(['tmux', 'rsyslogd']);

const byHand = async (device: Device): Promise<string[]> =>
  (await statusOf(device)).certificates
    .filter(({ source }) => source === 'manual')
    .map(({ purpose, owner }) => `${purpose} ${owner}`)
    .sort();

test('the log server: named, looked at, accepted; its events read and filtered; then locked by the group', () =>
  onStage(async ({ system, device, screen }) => {
    const log = await serveLog(system, device);
    const typeAnswer = async (): Promise<void> => {
      const told = await good(system.admin(['code', (await statusOf(device)).operation?.confirmationCode ?? '']));
      await screen.type(/Replacement code +([\d ]+)/.exec(told)?.[1]?.replace(/ /g, '') ?? '', 'Enter');
    };
    try {
      await open(screen, 'Settings', 'Log server');
      await screen.see(/no log server is set/);
      await screen.type(log.place, 'Enter');
      const asked = await screen.see(/Add certificate[\s\S]*> \[ Cancel \]/);
      assert.ok(asked.replace(/\s/g, '').includes(log.fingerprint.slice(0, 32)), asked);
      assert.not.match(log.received(), 'thintrust', 'nothing is sent to a server nobody has accepted');
      await screen.type('BTab');
      await screen.see(/> \[ Add certificate \]/);
      await screen.type('Enter');
      await whenStatus(device, 'the log server is connected', (status) => status.log.at === 'connected');
      await until(
        'the audit log says so there',
        async () => log.received(),
        (text) => /certificate-added/.test(text),
      );
      await back(screen);

      await open(screen, 'Tools', 'Event log');
      await screen.see(/Log server localhost:\d+: connected[\s\S]*Info and above[\s\S]*log server localhost:\d+ conn/);
      assert.not.match(await screen.read(), 'certificate-added');
      await screen.type('F4');
      await screen.see(/Warning and above/);
      await screen.type('F4');
      await screen.see(/Error and above/);
      await back(screen);

      await good(system.admin(['group', 'add', 'Office']));
      await good(system.admin(['policy', 'set', 'Office', 'logServer', 'localhost:1', '--enforced']));
      for (const block of ['connection', 'reset', 'dateTime'])
        await good(system.admin(['policy', 'lock', 'Office', block]));
      await good(system.admin(['device', 'move', device.name, '--group', 'Office']));
      await whenStatus(
        device,
        'what was accepted is gone',
        (status) => status.settings.logServer.locked && !status.mayAdd,
      );
      assert.equal(await byHand(device), []);
      // Shown, marked, and not to be changed: what is typed goes nowhere.
      await open(screen, 'Settings', 'Log server +localhost:1 +locked');
      await screen.see(/The administrator has set this/);
      await screen.type('other.example', 'Enter');
      await back(screen);
      await open(screen, 'Settings', 'Date and time .*locked');
      await screen.see(/administrator/);
      await screen.type('BSpace', '2031', 'Enter', 'Tab', 'Enter');
      await back(screen);
      const kept = await statusOf(device);
      assert.equal([kept.settings.logServer.value, kept.log.server], ['localhost:1', 'localhost:1']);
      assert.ok(kept.clock.now < Date.now() + 60_000);

      // The server's own address: with a code of the administrator, for one change.
      const addresses = [kept.server?.https ?? '', kept.server?.mqtt ?? ''];
      const wanted = addresses.map((address) => address.replace('127.0.0.1', 'localhost'));
      await open(screen, 'Settings', `Server connection +${addresses[0]} +code needed`);
      await screen.see(/The administrator has locked this/);
      for (const address of wanted) {
        for (let letter = 0; letter < 24; letter++) await screen.type('BSpace');
        await screen.type(address, 'Tab');
      }
      await screen.see(/> \[ Save \]/);
      await screen.type('Enter');
      await screen.see(/confirmation code:/);
      assert.equal([(await statusOf(device)).server?.https, (await statusOf(device)).server?.mqtt], addresses);
      await typeAnswer();
      await screen.see(/^ Settings [\s\S]*Saved\./m);
      await whenStatus(
        device,
        'connected by the other address',
        ({ link, server }) => link.at === 'connected' && server?.https === wanted[0] && server?.mqtt === wanted[1],
      );
      await back(screen);
      await open(screen, 'Settings', 'Reset +code needed');
      await screen.see(/> \[ Cancel \]/);
      await screen.type('BTab', 'Enter');
      await screen.see(/confirmation code:/);
      await typeAnswer();
      // What was asked for is done now, and the device begins anew.
      assert.not.match(await screen.see(/Server address[\s\S]*The device is reset/), 'Registering');
      assert.is((await statusOf(device)).at, 'unregistered');
    } finally {
      await log.stop('SIGKILL');
    }
  }));

test('certificates from a stick: several in one file, one removed; what is wrong is said; closed by the group', () =>
  onStage(async ({ system, device, screen }) => {
    const stick = join(device.runtime, 'media', 'stick');
    mkdirSync(stick, { recursive: true });
    const [desktop, farm, other] = ['desktop.example', 'farm.example', 'other.example'].map((cn) => issue({ cn }));
    const text = [desktop, farm].map((each) => (each ? toPem(each.der) : '')).join('');
    writeFileSync(join(stick, 'desktops.cer'), text.replaceAll('\n', '  \r\n'));
    writeFileSync(join(stick, 'other.pem'), other ? toPem(other.der).replace(/[A-Za-z]{4}/g, 'AAAA') : '');
    const old = issue({ cn: 'old.example', from: '2020-01-01T00:00:00Z', to: '2021-01-01T00:00:00Z' });
    writeFileSync(join(stick, 'notes.pem'), 'the telephone number of the plumber');
    writeFileSync(join(stick, 'old.pem'), toPem(old.der) + toPem(issue({ cn: 'new.example' }).der));
    const choose = async (row: number): Promise<void> => {
      await screen.see(/^ Certificates /m);
      await screen.type('F4');
      await screen.see(/desktops\.cer[\s\S]*notes\.pem[\s\S]*old\.pem[\s\S]*other\.pem/);
      await screen.type('Tab', ...Array.from({ length: row }, () => 'Down'), 'Enter');
      await screen.see(/\[x\]/);
      await screen.type('Tab', 'Enter');
    };
    await open(screen, 'Tools', 'Certificates');
    await choose(0);
    await screen.see(/Added[\s\S]*desktop\.example[\s\S]*farm\.example/);
    assert.equal(await byHand(device), ['rdp desktop.example', 'rdp farm.example']);
    await screen.type('Escape');

    // Each that is wrong says why, and a file with one such brings none.
    for (const [row, sentence] of [
      [1, /notes\.pem\n ! The certificate cannot be read\. A DER, PEM or PKCS #7 file is needed\.\n/],
      [2, /old\.pem, certificate 1\n ! The certificate “old\.example” has expired\.\n/],
      [3, /other\.pem\n ! The certificate cannot be read\. A DER, PEM or PKCS #7 file is needed\.\n/],
    ] as const) {
      await choose(row);
      const said = await screen.see(/Nothing was added\. Refused:/);
      assert.match(said, sentence);
      assert.is((await byHand(device)).length, 2);
      await screen.type('Escape');
    }

    const list = await screen.see(/^ Certificates /m);
    assert.match(list, /Added by hand/);
    await screen.type('End', 'DC');
    await screen.see(/Remove certificate[\s\S]*farm\.example[\s\S]*> \[ Cancel \]/);
    await screen.type('BTab', 'Enter');
    await screen.see(/The certificate is removed/);
    assert.is((await byHand(device)).length, 1);

    await good(system.admin(['group', 'add', 'Office']));
    await good(system.admin(['device', 'move', device.name, '--group', 'Office']));
    await whenStatus(device, 'closed', (status) => !status.mayAdd);
    await screen.see(/none can be added here/);
    assert.equal(await byHand(device), []);
    await screen.type('F4');
    await screen.see(/^ Certificates /m);
    await back(screen);
  }));
