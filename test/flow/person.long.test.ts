/**
 * A person at the console connects to real remote desktops, and to a connection broker: asked once, not again, told what has
 * changed, and held to what the policy allows once the device is managed (T5–T9). Keys are typed, screens are read, FreeRDP
 * and curl run.
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toPem } from '../../protocol/certificate.ts';
import { clients, type Desk, type Served, withDesk } from '../fakes/remote-desktop.ts';
import { authorityOf, authorityPem, type ServerMaterial, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, test } from '../harness.ts';
import { choosePurpose, connect, good } from './acts.ts';
import { onStage, type Stage } from './stage.ts';
import { type Screen, statusOf, whenStatus } from './system.ts';

needs(['tmux', 'xrdp', 'xfreerdp', 'Xvfb', 'nginx', 'curl']);

type Desktop = Stage & { readonly desk: Desk };

const names = ['localhost', '127.0.0.1'];

/** With a screen for the device's clients. */
const atDesk = (play: (stage: Desktop) => Promise<void>): Promise<void> =>
  withDesk((desk) =>
    onStage((stage) => play({ desk, ...stage }), {
      DISPLAY: desk.display,
      THINTRUST_CLIENTS: `${clients}:${join(desk.folder, 'clients')}`,
      THINTRUST_SESSION: join(desk.folder, 'no-session.json'),
    }),
  );

/** The first desktop looked at is accepted by hand. */
async function accept(screen: Screen, server: string): Promise<void> {
  await connect(screen, server);
  await screen.see(/Add certificate[\s\S]*> \[ Cancel \]/);
  await screen.type('BTab');
  await screen.see(/> \[ Add certificate \]/);
  await screen.type('Enter');
}

const runs = ({ device }: Stage, number: number): Promise<unknown> =>
  whenStatus(device, `session ${number} runs`, ({ session }) => session?.number === number && session.at === 'running');

/** The server ends every session; what the client says of that is put away. */
async function hangUp({ device, screen }: Stage, desktop: Served): Promise<void> {
  await desktop.stop();
  await whenStatus(device, 'the session has ended', ({ session }) => session?.at === 'ended');
  if ((await screen.see(/\[ Close \]|Connect to/)).includes('[ Close ]')) await screen.type('Enter');
  await screen.see(/Connect to/);
}

/** The client of a broker: curl. It ends by itself, having noted what it was given to trust, and what it was given to read. */
function describeBroker({ desk }: Desktop): void {
  const at = (name: string): string => join(desk.folder, name);
  const program = at('broker-client');
  const script = `read -r secret
cat "$3" >'${at('trusted.pem')}'
{ echo "$secret"; printf 'user = "%s:%s"\\n' "$2" "$secret" | curl -sS --config - --cacert "$3" "https://$1/"; } >'${at('heard')}'`;
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  desk.describe('broker', {
    format: 1,
    purpose: 'broker',
    programs: [program],
    arguments: ['{server}', '{user}', '{bundle}'],
    password: 'stdin',
    exits: { 60: 'certificate' },
  });
}

/** The client has come and gone: it trusted this certificate and no other, and was given the page with the name signed in. */
async function fetched({ desk, device }: Desktop, number: number, { leaf }: ServerMaterial): Promise<void> {
  const { session } = await whenStatus(
    device,
    `session ${number} has ended`,
    (status) => status.session?.number === number && status.session.at === 'ended',
  );
  assert.is(session?.fault, null);
  assert.is(readFileSync(join(desk.folder, 'trusted.pem'), 'latin1'), toPem(leaf));
  assert.is(readFileSync(join(desk.folder, 'heard'), 'latin1'), 'secret\nbroker visitor\n');
  for (const note of ['trusted.pem', 'heard']) rmSync(join(desk.folder, note));
}

const byHand = async ({ device }: Stage): Promise<readonly string[]> =>
  (await statusOf(device)).certificates
    .filter(({ source }) => source === 'manual')
    .map(({ fingerprint }) => fingerprint);

const pair = async (): Promise<readonly [ServerMaterial, ServerMaterial]> => {
  const authority = authorityOf('Desktops');
  return [await serverMaterial(authority, names), await serverMaterial(authority, names)];
};

test('an unmanaged device: asked once, not again, and told when the certificate has changed', () =>
  atDesk(async (stage) => {
    const { desk, device, screen } = stage;
    const [before, after] = await pair();
    const first = await desk.xrdp(before);
    const server = `localhost:${first.port}`;

    // The question shows what to compare. No: nothing is stored, nothing runs.
    await connect(screen, server);
    const asked = await screen.see(/Add certificate[\s\S]*> \[ Cancel \]/);
    assert.ok(asked.replace(/\s/g, '').includes(before.fingerprint.slice(0, 32)), asked);
    await screen.type('Escape');
    await screen.see(/Connect to/);
    assert.is((await statusOf(device)).session, null);
    assert.equal(await byHand(stage), []);

    // Yes: it is stored, and the client runs.
    await accept(screen, server);
    await runs(stage, 1);
    assert.equal(await byHand(stage), [before.fingerprint]);
    await screen.see(/Session +localhost:\d+: running/);
    await hangUp(stage, first);

    // The second time there is no question.
    const second = await desk.xrdp(before, 'tls', first.port);
    await connect(screen, server);
    await runs(stage, 2);
    await hangUp(stage, second);

    // Another certificate, although the old one is valid: no way on.
    await desk.xrdp(after, 'tls', first.port);
    await connect(screen, server);
    await screen.see(/Not connected[\s\S]*although the saved one[\s\S]*is still valid[\s\S]*> \[ Close \]/);
    assert.is((await statusOf(device)).session?.number, 2);
    assert.equal(await byHand(stage), [before.fingerprint]);
  }));

test('a managed device: what was accepted is gone, the policy’s root counts by name, and nothing else does', () =>
  atDesk(async (stage) => {
    const { desk, system, device, screen } = stage;
    const authority = authorityOf('Company');
    const [stranger] = await pair();
    const outside = await desk.xrdp(stranger);
    await accept(screen, `localhost:${outside.port}`);
    await runs(stage, 1);
    await hangUp(stage, outside);
    assert.is((await byHand(stage)).length, 1);

    const root = join(system.folder, 'company.pem');
    writeFileSync(root, authorityPem(authority));
    await good(system.admin(['group', 'add', 'Office']));
    await good(system.admin(['policy', 'add-certificate', 'Office', '--purpose', 'rdp', root]));
    await good(system.admin(['policy', 'set-contacts', 'Office', '--name', 'Service desk', '--phone', '+7 000']));
    await good(system.admin(['device', 'move', device.name, '--group', 'Office']));
    const managed = await whenStatus(device, 'managed', ({ device: own, mayAdd }) => own?.managed === true && !mayAdd);
    assert.equal(
      managed.certificates.filter(({ purpose }) => purpose === 'rdp').map(({ source }) => source),
      ['policy'],
    );

    const inside = await desk.xrdp(await serverMaterial(authority, names));
    await connect(screen, `localhost:${inside.port}`);
    await runs(stage, 2);
    await hangUp(stage, inside);

    await desk.xrdp(await serverMaterial(authority, names), 'tls', inside.port);
    await connect(screen, `127.0.0.1:${inside.port}`);
    await screen.see(/Not connected[\s\S]*by the name of the server[\s\S]*Service desk/);
    await screen.type('Enter');

    await desk.xrdp(stranger, 'tls', outside.port);
    await connect(screen, `localhost:${outside.port}`);
    await screen.see(/Not connected[\s\S]*has not allowed[\s\S]*Call +Service desk, phone \+7 000/);
    await screen.type('Enter');
    assert.is((await statusOf(device)).session?.number, 2);
  }));

test('the connection broker: asked once, trusted for nothing but itself, and by the policy’s very certificate', () =>
  atDesk(async (stage) => {
    const { desk, system, device, screen } = stage;
    const [before, after] = await pair();
    const [desktop] = await pair();
    describeBroker(stage);

    // A desktop at the very address of the broker is accepted: that is for desktops.
    const remote = await desk.xrdp(desktop);
    const { port } = remote;
    const server = `localhost:${port}`;
    await accept(screen, server);
    await runs(stage, 1);
    await hangUp(stage, remote);

    // Asked once, and not again.
    const first = await desk.nginx(before, port);
    await choosePurpose(screen, 'broker');
    await accept(screen, server);
    await fetched(stage, 2, before);
    assert.equal((await byHand(stage)).toSorted(), [desktop.fingerprint, before.fingerprint].toSorted());
    await connect(screen, server);
    await fetched(stage, 3, before);
    await first.stop();

    const assigned = join(system.folder, 'broker.pem');
    writeFileSync(assigned, toPem(after.leaf));
    await good(system.admin(['group', 'add', 'Office']));
    await good(system.admin(['policy', 'add-certificate', 'Office', '--purpose', 'broker', assigned]));
    await good(system.admin(['policy', 'set-contacts', 'Office', '--name', 'Service desk', '--phone', '+7 000']));
    await good(system.admin(['device', 'move', device.name, '--group', 'Office']));
    const managed = await whenStatus(device, 'managed', ({ device: own, mayAdd }) => own?.managed === true && !mayAdd);
    assert.equal(
      managed.certificates
        .filter(({ purpose }) => purpose !== 'ksc')
        .map(({ source, fingerprint }) => [source, fingerprint]),
      [['policy', after.fingerprint]],
    );

    const second = await desk.nginx(after, port);
    await connect(screen, server);
    await fetched(stage, 4, after);
    await second.stop();

    // What was accepted by hand counts no more.
    await desk.nginx(before, port);
    await connect(screen, server);
    await screen.see(/Not connected[\s\S]*although the saved one[\s\S]*Call +Service desk, phone \+7 000/);
    assert.is((await statusOf(device)).session?.number, 4);
  }));
