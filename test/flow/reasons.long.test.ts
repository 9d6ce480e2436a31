/**
 * Every reason why a connection is refused, told to a person by real servers (T8, T9, B9): nginx as connection brokers, xrdp as
 * a remote desktop. Each window is read in both languages, says whom to call, and has no way past it.
 */
import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import type { Preflight } from '../../protocol/local.ts';
import { freePort } from '../../server/cli/port.ts';
import { type Issued, issue, issueList } from '../fakes/issue.ts';
import type { Peer } from '../fakes/processes.ts';
import { startNginx, startXrdp } from '../fakes/remote-desktop.ts';
import { assert, needs, test } from '../harness.ts';
import { choosePurpose, connect, good, json } from './acts.ts';
import { onStage, type Stage } from './stage.ts';
import { statusOf, until, whenStatus } from './system.ts';

needs(['faketime', 'tmux', 'nginx', 'xrdp']);

const dayMs = 86_400_000;
const after = (ms: number): string => new Date(Date.now() + ms).toISOString();
const span = (from: number, to: number) => ({ from: after(from), to: after(to) });
const now = span(-dayMs, 90 * dayMs);
const named = { dns: ['localhost'], ...now };

const root = issue({ cn: 'Company', ca: true, ...now });
const others = issue({ cn: 'Others', ca: true, ...now });
const servers = {
  stranger: issue({ cn: 'moved', by: others, ...named }),
  elsewhere: issue({ cn: 'elsewhere', by: root, ...now, dns: ['elsewhere.example'] }),
  renewed: issue({ cn: 'renewed', by: others, ...named }),
  swapped: issue({ cn: 'swapped', by: others, ...named }),
  compromised: issue({ cn: 'compromised', by: root, ...named }),
  clean: issue({ cn: 'clean', by: root, ...named }),
  revoked: issue({ cn: 'revoked', by: root, ...named }),
};
type Name = keyof typeof servers;

/** What each reason says, in both languages, wherever its lines break. */
const reasons = {
  'issuer-unknown': [
    'by an authority this device does not trust: CN=Others',
    'которому устройство не доверяет: CN=Others',
  ],
  'name-mismatch': ['is for another name, not localhost', 'на другое имя, а не на localhost'],
  'changed-old-valid': ['although the saved one “before” is still valid', 'хотя сохранённый «before» ещё действует'],
  'changed-old-expired': ['the saved one “ended” has expired', 'срок действия сохранённого «ended» истёк'],
  blocklisted: ['has been blocked by the administrator', 'заблокирован администратором'],
  revoked: ['“revoked” has been revoked', '«revoked» отозван издателем'],
  'crl-unavailable': ['cannot be checked whether', 'Нельзя проверить, не отозван ли'],
  'clock-unknown': ['date and time of the device are not known', 'Дата и время устройства неизвестны'],
} as const;
const anyBreak = (text: string): RegExp => new RegExp(text.replaceAll(' ', '\\s+'));

const material = ({ der, key }: Issued) => ({
  key: String(key.export({ type: 'pkcs8', format: 'pem' })),
  cert: toPem(der),
});
const pem = (folder: string, name: string, issued: Pick<Issued, 'der'>, label?: string): string => {
  const path = join(folder, name);
  writeFileSync(path, toPem(issued.der, label));
  return path;
};

type Scene = Stage & { readonly at: Readonly<Record<Name, string>> };

/** With the servers it is to look at. */
const amongServers = (play: (scene: Scene) => Promise<void>): Promise<void> =>
  onStage(async (stage) => {
    const { folder } = stage.system;
    const peers: Peer[] = [];
    try {
      const at = {} as Record<Name, string>;
      const ports = {} as Record<Name, number>;
      for (const name of Object.keys(servers) as Name[]) {
        ports[name] = await freePort();
        at[name] = `localhost:${ports[name]}`;
      }
      const { revoked, ...brokers } = servers;
      const sites = Object.entries(brokers).map(([name, issued]) => ({
        port: ports[name as Name],
        ...material(issued),
      }));
      peers.push(await startNginx(folder, sites), await startXrdp(folder, material(revoked), 'tls', ports.revoked));
      await play({ ...stage, at });
    } finally {
      for (const peer of peers) await peer.stop();
    }
  });

/** The window says it in both languages, offers nothing but to close it, and nothing has begun or been added. */
async function refused({ device, screen, at }: Scene, name: Name, reason: keyof typeof reasons): Promise<void> {
  const before = await statusOf(device);
  await connect(screen, at[name]);
  const [english, russian] = reasons[reason];
  const inEnglish = await screen.see(anyBreak(english));
  await screen.type('F2');
  const inRussian = await screen.see(anyBreak(russian));
  keep(reason, inEnglish, inRussian);
  assert.match(inEnglish, /Not connected[\s\S]*Call[\s\S]*> \[ Close \]/);
  assert.match(inRussian, /Подключения нет[\s\S]*> \[ Закрыть \]/);
  for (const shown of [inEnglish, inRussian]) {
    assert.is(shown.match(/\[ /g)?.length, 1, `one button:\n${shown}`);
    assert.ok(shown.replace(/\s/g, '').includes(`localhost:`), shown);
  }
  await screen.type('Tab', 'Down', 'Right', 'F2');
  await screen.see(/> \[ Close \]/);
  await screen.type('Enter');
  await screen.see(/Connect to/);
  const { session, certificates } = await statusOf(device);
  assert.equal([session, certificates], [before.session, before.certificates]);
}

/** For a look at them: `THINTRUST_SCREENS=FILE`. */
function keep(reason: string, ...screens: readonly string[]): void {
  const file = process.env['THINTRUST_SCREENS'];
  if (file) writeFileSync(file, `--- ${reason}\n${screens.join('\n--- \n')}\n`, { flag: 'a' });
}

const byFile = ({ system, device, at }: Scene, name: Name, issued: Issued): Promise<string> => {
  const file = pem(system.folder, `${fingerprintOf(issued.der).slice(0, 8)}.pem`, issued);
  return good(system.thintrust(device, ['certificates', 'add', file, '--purpose', 'broker', '--server', at[name]]));
};

/** What was saved for a server no longer fits what it shows. */
async function inNoGroup(stage: Scene): Promise<void> {
  await choosePurpose(stage.screen, 'broker');
  const ends = Date.now() + 20_000;
  const short = { dns: ['localhost'], from: now.from, to: new Date(ends).toISOString() };
  await byFile(stage, 'renewed', issue({ cn: 'ended', ...short }));
  await byFile(stage, 'stranger', root);
  await refused(stage, 'stranger', 'issuer-unknown');
  await byFile(stage, 'elsewhere', root);
  await refused(stage, 'elsewhere', 'name-mismatch');
  await byFile(stage, 'swapped', issue({ cn: 'before', ...named }));
  await refused(stage, 'swapped', 'changed-old-valid');
  const isOver = (moment: number): boolean => moment > ends + 1000;
  await until('it has ended', async () => Date.now(), isOver);
  await refused(stage, 'renewed', 'changed-old-expired');
}

/** Under a root: what the administrator and the authority say of a server. */
async function managed(stage: Scene): Promise<void> {
  const { screen, system, device, at } = stage;
  const policy = (...words: readonly string[]): Promise<string> => good(system.admin(['policy', ...words]));
  const file = pem(system.folder, 'company.pem', root);
  await good(system.admin(['group', 'add', 'Office']));
  for (const purpose of ['rdp', 'broker']) await policy('add-certificate', 'Office', '--purpose', purpose, file);
  await policy('set-contacts', 'Office', '--name', 'Service desk', '--phone', '+7 000');
  await policy('set', 'Office', 'broker', at.stranger);
  await policy('block', 'Office', fingerprintOf(servers.compromised.der));
  const list = issueList({ by: root, revoked: [servers.revoked], number: 1, ...span(-dayMs, dayMs) });
  const listFile = pem(system.folder, 'company.crl', { der: list }, 'X509 CRL');
  const [, added = ''] = (await policy('add-revocation-list', 'Office', listFile)).split('\n');
  await policy('set-revocation', 'Office', 'rdp', 'soft');
  await policy('set-revocation', 'Office', 'broker', 'hard');
  await good(system.admin(['device', 'move', device.name, '--group', 'Office']));
  await whenStatus(device, 'the list is held', ({ revocation }) => revocation?.lists.length === 1);

  // With the list in force, what it does not name is trusted.
  const looked = (await json(system.thintrust(device, ['preflight', 'broker', at.clean, '--json']))) as Preflight;
  assert.is(looked.verdict, 'trusted');
  await refused(stage, 'stranger', 'issuer-unknown');
  await refused(stage, 'elsewhere', 'name-mismatch');
  await refused(stage, 'compromised', 'blocklisted');
  await choosePurpose(screen, 'rdp');
  await refused(stage, 'revoked', 'revoked');

  await policy('remove-revocation-list', 'Office', added);
  await whenStatus(device, 'the list is gone', ({ revocation }) => revocation?.lists.length === 0);
  await choosePurpose(screen, 'broker');
  await refused(stage, 'clean', 'crl-unavailable');
}

/** The battery of the clock is dead, and no server tells the time. */
async function withoutClock(stage: Scene): Promise<void> {
  const { screen, server, system, device } = stage;
  await server.kill('SIGTERM');
  await system.powerOff(device, 'SIGTERM');
  const [library = ''] = globSync('/usr/lib/*/faketime/libfaketime.so.1');
  Object.assign(system.env, { LD_PRELOAD: library, FAKETIME: '-400d', FAKETIME_DONT_FAKE_MONOTONIC: '1' });
  await system.powerOn(device);
  await screen.see(/not known/);
  await refused(stage, 'clean', 'clock-unknown');
}

test('every reason not to connect is told in both languages, and has no way past it', () =>
  amongServers(async (stage) => {
    await inNoGroup(stage);
    await managed(stage);
    await withoutClock(stage);
  }));
