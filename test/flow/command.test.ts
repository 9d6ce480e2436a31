/**
 * The command of the device beside real servers: what it says of each of them, with nothing stored by it, and every command of
 * its table with `--json`, carried out by a running agent.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodes } from '../../agent/cli/command.ts';
import { commands } from '../../agent/cli/table.ts';
import { groupFingerprint, toPem } from '../../protocol/certificate.ts';
import type { Preflight, Status } from '../../protocol/local.ts';
import { check, type ShapeName } from '../../protocol/validate.ts';
import type { LinkView } from '../../server/api/server-certificates.ts';
import { issue } from '../fakes/issue.ts';
import { pkitsCases, toLine } from '../fakes/pkits.ts';
import { clients, type Desk, withDesk } from '../fakes/remote-desktop.ts';
import { authorityOf, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, test } from '../harness.ts';
import { good, json, reported, revisionOf, serveLog, slot } from './acts.ts';
import { ask, type Device, openSystem, type System, statusOf, until, whenStatus } from './system.ts';

needs(['xrdp', 'xfreerdp', 'Xvfb', 'nginx', 'rsyslogd']);

type Shape = ShapeName | ((value: unknown) => boolean);
type Stage = {
  readonly desk: Desk;
  readonly system: System;
  readonly device: Device;
  /** Runs a command with `--json`; its one value, once exit code and shape are what they should be. */
  readonly say: (
    exit: keyof typeof exitCodes,
    shape: Shape,
    args: readonly string[],
    input?: string,
  ) => Promise<unknown>;
};

const faultOf =
  (code: string): Shape =>
  (value) =>
    (value as { code?: string }).code === code;

test('every command with --json, and pre-flights that store nothing', () =>
  withDesk(async (desk) => {
    const system = openSystem(process.execPath, {
      DISPLAY: desk.display,
      THINTRUST_CLIENTS: `${clients}:${join(desk.folder, 'clients')}`,
      THINTRUST_SESSION: join(desk.folder, 'no-session.json'),
      THINTRUST_SET_CLOCK: '',
    });
    const device = system.device('desk');
    const said = new Set<string>();
    const say: Stage['say'] = async (exit, shape, args, input = '') => {
      const { code, out, err } = await system.thintrust(device, [...args, '--json'], input);
      const told = `${args.join(' ')}: ${out}`;
      assert.equal([code, err], [exitCodes[exit], ''], told);
      assert.match(out, /^[^\n]+\n$/, told);
      const value: unknown = JSON.parse(out);
      assert.ok(typeof shape === 'string' ? check(shape, value).ok : shape(value), told);
      if (exit !== 'refused') said.add(pathOf(args));
      return value;
    };
    const stage = { desk, system, device, say };
    try {
      await system.startServer();
      await system.powerOn(device);
      await enrol(stage);
      await look(stage);
      await changeTrust(stage);
      await changeSettings(stage);
      await openByCode(stage);
      await followStatements(stage);
      await repairAndReset(stage);
      assert.equal([...said].toSorted(), commands.map(({ path }) => path.join(' ')).toSorted());
    } catch (error) {
      throw new Error(
        `${error}\n--- server\n${system.log('thintrust-server')}\n--- agent\n${system.log('thintrustd')}`,
      );
    } finally {
      await system.close();
    }
  }));

async function enrol({ say, system, device }: Stage): Promise<void> {
  await say('good', 'status', ['status']);
  const invited = await json(system.admin(['invite', '--name', device.name, '--json']));
  const { address, fingerprint, invitation, password } = invited as Record<string, string>;
  const told = ['--address', `${address}`, '--fingerprint', `${fingerprint}`, '--invitation', `${invitation}`];
  await say('good', 'status', ['register', ...told], `${password}\n`);
  await whenStatus(device, 'connected', (status) => status.link?.at === 'connected');
}

/** Each kind of server there is, in words and as JSON: one sentence, the chain as shown; and nothing is stored. */
async function look({ desk, device, say, system }: Stage): Promise<void> {
  const log = await serveLog(system, device);
  try {
    const authority = authorityOf('Desktops');
    const [own, other] = [
      await serverMaterial(authority, ['localhost']),
      await serverMaterial(authority, ['localhost']),
    ];
    const [xrdp, nginx] = [await desk.xrdp(own), await desk.nginx(other)];
    const { server, certificates } = await statusOf(device);
    const places = [
      { purpose: 'rdp', place: `localhost:${xrdp.port}`, shown: own.fingerprint },
      { purpose: 'broker', place: `localhost:${nginx.port}`, shown: other.fingerprint },
      { purpose: 'log', place: log.place, shown: log.fingerprint },
      { purpose: 'ksc', place: server?.https ?? '', shown: certificates[0]?.fingerprint ?? '' },
    ];
    const before = storedBy(device);
    for (const { purpose, place, shown } of places) {
      const ksc = purpose === 'ksc';
      const args = ['preflight', purpose, ...(ksc ? [] : [place])];
      const found = (await say(ksc ? 'good' : 'asked', 'preflight', args)) as Preflight;
      assert.equal([found.purpose, found.server, found.verdict], [purpose, place, ksc ? 'trusted' : 'unknown']);
      assert.equal([found.chain[0]?.fingerprint, found.chain.length], [shown, 2]);
      const { code, out, err } = await system.thintrust(device, args);
      assert.equal([code, err], [exitCodes[ksc ? 'good' : 'asked'], '']);
      const [sentence = '', second = ''] = out.split('\n');
      const wanted = ksc
        ? `A connection to ${place} would be made: its certificate is trusted by “127.0.0.1” (Policy).`
        : `A connection to ${place} would ask you: nobody has accepted its certificate yet.`;
      assert.is(sentence, wanted);
      assert.match(second, ksc ? /^$/ : /^Note: .*issued by an authority this device does not trust: .*\.$/);
      for (const { fingerprint } of found.chain) assert.ok(out.includes(groupFingerprint(fingerprint)), fingerprint);
    }
    await nginx.stop();
    const failed = (await say('refused', 'preflight', ['preflight', 'broker', `localhost:${nginx.port}`])) as Preflight;
    assert.equal([failed.verdict, failed.chain], ['failed', []]);
    assert.equal(storedBy(device), before);
    assert.equal((await statusOf(device)).certificates, certificates);
    await xrdp.stop();
  } finally {
    await log.stop('SIGKILL');
  }
}

async function changeTrust({ desk, device, say }: Stage): Promise<void> {
  const own = await serverMaterial(authorityOf('Farm'), ['localhost']);
  const xrdp = await desk.xrdp(own);
  const place = `localhost:${xrdp.port}`;
  const connect = ['connect', 'rdp', place, '--user', 'visitor'];
  const asked = (await say('asked', 'connectAnswer', connect, 'secret\n')) as { at: string };
  assert.is(asked.at, 'stopped');
  const add = ['certificates', 'add', '--purpose', 'rdp'];
  await say('good', 'status', [...add, '--server', place, '--fingerprint', own.fingerprint]);
  const started = (await say('good', 'connectAnswer', connect, 'secret\n')) as { at: string };
  assert.is(started.at, 'started');
  await whenStatus(device, 'the session runs', ({ session }) => session?.at === 'running');
  await xrdp.stop();
  await whenStatus(device, 'the session has ended', ({ session }) => session?.at === 'ended');

  const files = join(device.runtime, 'files');
  const stick = join(device.runtime, 'media', 'sdb1');
  for (const folder of [files, stick]) mkdirSync(folder, { recursive: true });
  const [right, wrong] = [join(files, 'root.pem'), join(files, 'notes.txt')];
  const root = issue({ cn: 'Root', ca: true });
  writeFileSync(right, toPem(root.der));
  writeFileSync(wrong, 'no certificate');
  writeFileSync(join(stick, 'root.pem'), toPem(root.der));
  await say('refused', 'importAnswer', [...add, wrong]);
  await say('good', 'importAnswer', [...add, right]);
  const list = (await say('good', 'mediaList', ['media'])) as { files: { name: string }[] };
  assert.equal(
    list.files.map(({ name }) => name),
    ['sdb1/root.pem'],
  );

  const known = await statusOf(device);
  const certificates: Shape = (value) => check('status', { ...known, certificates: value }).ok;
  const all = (await say('good', certificates, ['certificates'])) as Status['certificates'];
  assert.equal(all, known.certificates);
  const print = all.find(({ owner }) => owner === 'Root')?.fingerprint ?? '';
  assert.equal(
    await say('good', certificates, ['certificates', 'show', print.slice(0, 8)]),
    all.filter(({ fingerprint }) => fingerprint === print),
  );
  await say('good', 'status', ['certificates', 'remove', '--purpose', 'rdp', print]);
  await say('refused', faultOf('not-found'), ['certificates', 'remove', '--purpose', 'rdp', print]);
}

async function changeSettings({ device, say }: Stage): Promise<void> {
  await say('good', 'status', ['settings', 'set', 'rdp', 'own.example']);
  const known = await statusOf(device);
  const settings: Shape = (value) => check('status', { ...known, settings: value }).ok;
  assert.equal(await say('good', settings, ['settings']), known.settings);
  assert.is(known.settings.rdp.value, 'own.example:3389');
  await say('good', 'status', ['settings', 'clear', 'rdp']);
  await say('good', 'status', ['time', 'set', new Date().toISOString().replace(/\.\d+/, '')]);
  await say('good', 'logPage', ['log', '--severity', 'info', '--limit', '5']);
  await say('good', (value) => /^\d+\.\d+\.\d+/.test((value as { version: string }).version), ['version']);
  const [row] = pkitsCases;
  const line = row ? `${toLine(row)}\n` : '';
  await say('good', (value) => (value as { trusted: boolean }).trusted, ['decide', '--batch'], line);
  const state = ['--state', device.state];
  const whole: Shape = (value) => check('status', (value as { status: unknown }).status).ok;
  await say('good', whole, ['diagnose', ...state]);
  const file = join(device.runtime, 'diagnosis.json');
  assert.equal(await say('good', () => true, ['diagnose', file, ...state]), { file });
  await say('refused', faultOf('already-exists'), ['diagnose', file, ...state]);
}

/** The group locks the connection: a code opens it once. */
async function openByCode({ device, say, system }: Stage): Promise<void> {
  const { server } = await statusOf(device);
  const elsewhere = (address: string | undefined): string => `${address}`.replace('127.0.0.1', 'localhost');
  const change = ['connection', 'set', '--https', elsewhere(server?.https), '--mqtt', elsewhere(server?.mqtt)];
  await good(system.admin(['group', 'add', 'Office']));
  await good(system.admin(['policy', 'lock', 'Office', 'connection']));
  await good(system.admin(['policy', 'set-rotation', 'Office', 'on']));
  await good(system.admin(['device', 'move', device.name, '--group', 'Office']));
  await whenStatus(device, 'locked', ({ settings }) => settings.connection.locked);
  await say('refused', faultOf('code-needed'), change);
  const told = await good(system.admin(['code', (await statusOf(device)).operation?.confirmationCode ?? '']));
  await say('good', 'status', ['code', /Replacement code +([\d ]+)/.exec(told)?.[1]?.trim() ?? '']);
  await say('good', 'status', change);
  await whenStatus(
    device,
    'connected by the other address',
    (status) => status.link.at === 'connected' && status.server?.mqtt === elsewhere(server?.mqtt),
  );
}

/** The server changes its certificate meanwhile and takes its own word back: the statements come in a file. */
async function followStatements({ device, say, system }: Stage): Promise<void> {
  const policy = await json(system.admin(['policy', 'show', 'Office', '--json']));
  await until(
    'the policy that allows it is applied',
    () => reported(system, device),
    (rev) => rev === revisionOf(policy),
  );
  const before = slot(await statusOf(device), 'current');
  await system.powerOff(device, 'SIGTERM');
  await good(system.admin(['certificate', 'schedule']));
  await good(system.admin(['certificate', 'switch', '--override']));
  const file = join(system.folder, 'statements.json');
  writeFileSync(file, await good(system.admin(['certificate', 'statements'])));
  const links = await ask<readonly LinkView[]>(system, '/server-certificates/links');
  await good(system.admin(['certificate', 'remove-link', String(links.at(-1)?.seq)]));
  await system.powerOn(device);
  await whenStatus(device, 'a code is asked for', (status) => (status.replacement ?? null) !== null);
  await say('good', 'status', ['certificates', 'follow', file]);
  const after = await whenStatus(device, 'connected again', (status) => status.link?.at === 'connected');
  assert.is.not(slot(after, 'current'), before);
}

async function repairAndReset({ device, say, system }: Stage): Promise<void> {
  const file = join(system.folder, 'repair.thintrust');
  await good(system.admin(['repair-bundle', '--out', file]));
  await say('asked', 'repairView', ['repair', file]);
  await say('good', 'status', ['repair', file, '--yes']);
  await say('good', 'status', ['reset', '--yes']);
  assert.is((await statusOf(device)).at, 'unregistered');
}

/** The longest path of a command that these words begin with. */
function pathOf(args: readonly string[]): string {
  const line = `${args.join(' ')} `;
  const paths = commands.map(({ path }) => path.join(' ')).filter((path) => line.startsWith(`${path} `));
  return paths.toSorted((one, other) => other.length - one.length)[0] ?? '';
}

/** Every file of the state directory, by what is in it. */
const storedBy = ({ state }: Device): readonly string[] =>
  readdirSync(state, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map(({ name, parentPath }) => {
      const path = join(parentPath, name);
      return `${path} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
    })
    .toSorted();
