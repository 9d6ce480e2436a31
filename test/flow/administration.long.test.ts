/**
 * Every command of `thintrust-server` with `--json`: one value, nothing on standard error, and the right exit code, good and
 * refused. But for `run`, which says in lines what it does, and the good answers of `adopt`, which a rebuilt server
 * alone has, and of `mail test`, which wants an SMTP server.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toPem } from '../../protocol/certificate.ts';
import { dayMs } from '../../protocol/time.ts';
import { accountCommands } from '../../server/cli/accounts.ts';
import { authorityCommands } from '../../server/cli/authorities.ts';
import { certificateCommands } from '../../server/cli/certificate.ts';
import { codeCommands } from '../../server/cli/code.ts';
import { type Command, parse } from '../../server/cli/command.ts';
import { deviceCertificateCommands } from '../../server/cli/device-certificates.ts';
import { identityCommands } from '../../server/cli/identity.ts';
import { keyCommands } from '../../server/cli/keys.ts';
import { mailCommands } from '../../server/cli/mail.ts';
import { mutualCommands } from '../../server/cli/mutual.ts';
import { onboardingCommands } from '../../server/cli/onboarding.ts';
import { policyCommands } from '../../server/cli/policy.ts';
import { fleetCommands } from '../../server/cli/remote.ts';
import { repairCommands } from '../../server/cli/repair.ts';
import { userCommands } from '../../server/cli/users.ts';
import { issue, issueList, serverAuth } from '../fakes/issue.ts';
import { assert, test } from '../harness.ts';
import { register } from './acts.ts';
import { type Outcome, openSystem, whenStatus } from './system.ts';

type Holds = (value: unknown) => boolean;

const isDone: Holds = (value) => JSON.stringify(value) === '{}';
const has =
  (...names: readonly string[]): Holds =>
  (value) =>
    value !== null && typeof value === 'object' && names.every((name) => Object.hasOwn(value, name));
/** A list whose rows all have these, and as many as that. */
const rows =
  (count: number, ...names: readonly string[]): Holds =>
  (value) =>
    Array.isArray(value) && value.length === count && value.every(has(...names));
const some =
  (...names: readonly string[]): Holds =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every(has(...names));
const faultOf =
  (code: string): Holds =>
  (value) =>
    has('code', 'kind', 'facts')(value) && (value as { code: string }).code === code;
const all: readonly Command[] = [
  ...[...fleetCommands, ...codeCommands, ...certificateCommands, ...identityCommands, ...policyCommands],
  ...[...authorityCommands, ...mutualCommands, ...userCommands, ...keyCommands, ...repairCommands, ...mailCommands],
  ...[...accountCommands, ...onboardingCommands, ...deviceCertificateCommands],
];

/** The commands that ask a server, in this process as the program runs them; the others, and those with an input, by the program. */
async function runHere(state: string, args: readonly string[]): Promise<Outcome | null> {
  const parsed = parse(all, [...args, '--json', '--state', state], {});
  if (parsed.at !== 'run') return null;
  const outcome = await parsed.command.run(parsed.words);
  if (outcome.ok === 'misused') return { code: 2, out: '', err: outcome.text };
  const value = outcome.ok ? outcome.data : outcome.fault;
  return { code: outcome.ok ? 0 : 1, out: `${JSON.stringify(value)}\n`, err: '' };
}
const printOf = (value: unknown): string => (value as { fingerprint: string }).fingerprint;
const day = (count: number): string => new Date(Date.now() + count * dayMs).toISOString();
/** Some of each kind are asked as people ask them. */
const byProgram = new Set(['status', 'devices', 'group', 'code', 'repair-bundle']);

test('every command with --json', async () => {
  const system = openSystem();
  const other = openSystem();
  const said = new Set<string>();
  const wrong: string[] = [];
  const commands = (await system.admin(['help'])).out
    .split('\n')
    .flatMap((line) => /^ {2}([a-z-]+(?: [a-z-]+)?) {2,}\S/.exec(line)?.[1] ?? []);
  assert.ok(commands.length > 70, `${commands.length} commands`);
  const tell =
    (at: typeof system) =>
    async (exit: 0 | 1, holds: Holds, args: readonly string[], input = ''): Promise<unknown> => {
      const here = input === '' && !byProgram.has(args[0] ?? '') ? await runHere(at.server, args) : null;
      const { code, out, err } = here ?? (await at.admin([...args, '--json'], input));
      const isOneValue = err === '' && /^[^\n]+\n$/.test(out);
      const value: unknown = isOneValue ? JSON.parse(out) : null;
      if (code !== exit || !isOneValue || !holds(value)) wrong.push(`${args.join(' ')}: ${code} ${out}${err}`);
      const words = args.join(' ');
      const name = commands.filter((each) => `${words} `.startsWith(`${each} `)).sort((a, b) => b.length - a.length)[0];
      if (exit === 0) said.add(name ?? words);
      return value;
    };
  const [say, there] = [tell(system), tell(other)];
  const inFolder = (name: string, content: string | Uint8Array): string => {
    const path = join(system.folder, name);
    writeFileSync(path, content);
    return path;
  };
  try {
    const ports = ['--https-port', '0', '--mqtt-port', '0', '--legacy-port', '0'];
    const made = await say(0, has('passphrase', 'kit'), ['init', ...ports]);
    const { passphrase, kit } = made as { readonly passphrase: string; readonly kit: string };
    await say(1, faultOf('already-exists'), ['init', ...ports]);
    await say(0, has('configuration'), ['mosquitto-config', join(system.folder, 'broker')]);
    await system.startServer();

    // Places, people and devices.
    await say(0, has('devices', 'groups', 'unpublished'), ['status']);
    await say(0, has('id'), ['group', 'add', 'Office']);
    await say(1, faultOf('already-exists'), ['group', 'add', 'Office']);
    await say(0, some('path', 'devices', 'kind'), ['groups']);
    await say(0, has('id'), ['group', 'add', 'Attic']);
    await say(0, isDone, ['group', 'rename', 'Attic', 'Loft']);
    await say(0, isDone, ['group', 'move', 'Loft', '--parent', 'Office']);
    await say(1, faultOf('group-not-empty'), ['group', 'remove', 'Office']);
    await say(0, isDone, ['group', 'remove', 'Loft']);
    await say(0, isDone, ['group', 'naming', 'Office', '--fields', 'HALL']);
    await say(0, isDone, ['group', 'naming', 'Office', '--clear']);
    await say(0, has('name', 'password'), ['users', 'add', 'anna', '--devices', '2']);
    await say(0, rows(1, 'name', 'devices', 'maxDevices'), ['users', 'list']);
    await say(0, has('name', 'fullName'), ['users', 'set', 'anna', '--full-name', 'Anna']);
    await say(0, has('name', 'password'), ['users', 'set-password', 'anna']);
    await say(0, has('address', 'fingerprint', 'invitation', 'password'), ['invite', '--user', 'anna']);
    const device = system.device('desk');
    await system.powerOn(device);
    await register(system, device);
    await say(0, rows(1, 'id', 'name', 'group', 'presence', 'standing'), ['devices']);
    await say(0, has('id', 'identities', 'report'), ['device', 'show', 'desk']);
    await say(1, faultOf('not-found'), ['device', 'show', 'nobody']);
    await say(0, has('id'), ['device', 'move', 'desk', '--group', 'Office']);
    await whenStatus(device, 'in the group', (status) => status.device?.group === 'Office');

    // Devices that are to come: a list, a token whose devices are approved, the place of another.
    const roster = inFolder('devices.csv', 'name,group\nlobby,Office\n');
    await say(0, has('address', 'fingerprint', 'rows', 'csv'), ['invitations', 'import', roster]);
    await say(1, faultOf('csv-columns'), ['invitations', 'import', inFolder('none.csv', 'who\n')]);
    const token = ['group-tokens', 'add', 'Office', '--devices', '2', '--approval'];
    const door = (await say(0, has('invitation', 'password'), token)) as Record<string, string>;
    await say(0, rows(1, 'id', 'group', 'most', 'used', 'approval'), ['group-tokens', 'list']);
    const order = ['--address', `${door['address']}`, '--fingerprint', `${door['fingerprint']}`];
    const typed = ['register', ...order, '--invitation', `${door['invitation']}`, '--json'];
    const [second, third] = [system.device('second'), system.device('third')];
    const numbers: string[] = [];
    for (const each of [second, third]) {
      await system.powerOn(each);
      const { out } = await system.thintrust(each, typed, `${door['password']}\n`);
      const pending = JSON.parse(out) as { readonly code: string; readonly facts: { readonly request: string } };
      assert.is(pending.code, 'enrolment-pending', out);
      numbers.push(pending.facts.request);
    }
    const asking = (await say(0, rows(2, 'number', 'hardwareId'), ['requests', 'list'])) as { number: string }[];
    assert.equal(
      asking.map(({ number }) => number),
      numbers,
      'device and server name the same number',
    );
    const [approved = '', refused = ''] = numbers;
    await say(1, faultOf('not-found'), ['requests', 'approve', '0000-0000-0000']);
    await say(0, isDone, ['requests', 'approve', approved, '--name', 'second']);
    await whenStatus(second, 'let in by itself', ({ link }) => link.at === 'connected');
    await say(0, isDone, ['requests', 'refuse', refused]);
    await say(1, faultOf('not-found'), ['requests', 'refuse', approved]);
    await say(0, isDone, ['group-tokens', 'end', `${door['invitation']}`]);
    await say(0, has('invitation', 'password'), ['device', 'replace', 'second']);

    // Who may use the Web Console.
    await say(0, has('url', 'expiresAt'), ['accounts', 'setup-link']);
    await say(0, has('id', 'name', 'password'), ['accounts', 'add', 'olga', '--roles', 'officer']);
    await say(1, faultOf('already-exists'), ['accounts', 'add', 'olga', '--roles', 'officer']);
    await say(0, rows(1, 'name', 'roles', 'secondFactor'), ['accounts', 'list']);
    await say(0, () => true, ['accounts', 'set', 'olga', '--full-name', 'Olga']);
    await say(0, has('name', 'password'), ['accounts', 'set-password', 'olga']);
    await say(0, () => true, ['accounts', 'reset-second-factor', 'olga']);
    await say(0, has('token'), ['tokens', 'add', 'monitor', '--roles', 'auditor']);
    await say(0, rows(1, 'name', 'roles'), ['tokens', 'list']);
    await say(0, isDone, ['tokens', 'remove', 'monitor']);
    await say(0, isDone, ['accounts', 'remove', 'olga']);
    await say(0, has('fingerprint'), ['console', 'show']);

    // The policy of the group.
    const root = issue({ cn: 'Root', ca: true });
    const file = inFolder('root.pem', toPem(root.der));
    const added = ['policy', 'add-certificate', 'Office', file, '--purpose', 'rdp'];
    const [print = ''] = (await say(0, Array.isArray, added)) as readonly string[];
    await say(1, faultOf('certificate-unreadable'), ['policy', 'add-certificate', 'Office', kit, '--purpose', 'rdp']);
    const list = issueList({ by: root });
    await say(0, Array.isArray, ['policy', 'add-revocation-list', 'Office', inFolder('root.crl', list)]);
    await say(0, isDone, ['policy', 'set-revocation', 'Office', 'rdp', 'soft']);
    const { effective } = (await say(0, has('own', 'effective', 'rev'), ['policy', 'show', 'Office'])) as {
      readonly effective: { readonly revocation: { readonly lists: readonly { readonly fingerprint: string }[] } };
    };
    await say(0, isDone, [
      'policy',
      'remove-revocation-list',
      'Office',
      effective.revocation.lists[0]?.fingerprint ?? '',
    ]);
    await say(0, isDone, ['policy', 'block', 'Office', print]);
    await say(0, isDone, ['policy', 'unblock', 'Office', print]);
    await say(0, has('devices', 'groups', 'everywhere'), ['policy', 'block-everywhere', print]);
    await say(0, has('devices', 'groups', 'everywhere'), ['policy', 'unblock-everywhere', print]);
    await say(0, isDone, ['policy', 'remove-certificate', 'Office', print]);
    await say(0, isDone, ['policy', 'set-contacts', 'Office', '--name', 'Desk']);
    await say(0, isDone, ['policy', 'clear-contacts', 'Office']);
    await say(0, isDone, ['policy', 'set', 'Office', 'rdp', 'own.example']);
    await say(0, isDone, ['policy', 'set-identity', 'Office', '--renew-before', 'blank']);
    await say(0, isDone, ['policy', 'set-rotation', 'Office', 'on']);
    await say(0, isDone, ['policy', 'lock', 'Office', 'reset']);
    await say(1, faultOf('not-found'), ['policy', 'show', 'Nowhere']);

    // A code of the device.
    await whenStatus(device, 'the reset is locked', ({ settings }) => settings.reset.locked);
    await system.thintrust(device, ['reset', '--yes', '--json']);
    const { operation } = await whenStatus(device, 'it asks for a code', (status) => status.operation !== null);
    await say(0, has('action', 'device', 'replacementCode'), ['code', operation?.confirmationCode ?? '']);
    await say(1, faultOf('code-typo'), ['code', '1042 7351 0029 4464']);
    await say(0, isDone, ['policy', 'unlock', 'Office', 'reset']);

    // Identities and what issues them.
    await say(0, has('validityDays', 'renewBeforeDays'), ['identity', 'rules']);
    await say(0, rows(2, 'thumbprint', 'status', 'notAfter'), ['identities']);
    await say(0, has('id'), ['identity', 'renew', 'desk']);
    // Certificates of devices, for mail and VPN too.
    const vpn = ['device-certificate', 'issue', 'vpn', '--device', 'desk', '--alias', 'Office'];
    type Issued = { readonly results: readonly { readonly id: string }[] };
    const { results } = (await say(0, has('results', 'refused', 'server', 'legacy'), vpn)) as Issued;
    const ordered = results[0]?.id ?? '';
    await say(1, faultOf('already-exists'), vpn);
    await say(0, rows(1, 'id', 'status', 'alias'), ['device-certificates', '--type', 'vpn', '--search', 'desk']);
    await say(0, has('id', 'thumbprint', 'automaticRenewalDisabled'), ['device-certificate', 'show', ordered]);
    await say(1, faultOf('not-found'), ['device-certificate', 'show', 'none']);
    await say(0, has('changed'), ['device-certificate', 'alias', ordered, 'Branch']);
    await say(0, has('done', 'refused'), ['device-certificate', 'renew', ordered]);
    const post = ['device-certificate', 'issue', 'mail', '--user', 'anna', '--alias', 'Post', '--kind', 'ios'];
    const p12 = [...post, '--file', 'test/vectors/identities/java-ec.p12', '--password-stdin'];
    const recorded = ((await say(0, has('results'), p12, 'secret\n')) as Issued).results[0]?.id ?? '';
    await say(1, faultOf('not-renewable'), ['device-certificate', 'renew', recorded]);
    await say(0, has('done', 'refused'), ['device-certificate', 'delete', recorded]);
    await say(0, has('mail', 'vpn'), ['device-certificate', 'rules', 'vpn']);
    await say(0, has('mail', 'vpn'), ['device-certificate', 'rules', 'vpn', '--validity', '90', '--automatic', 'off']);

    await say(0, has('authorities', 'behind'), ['authority', 'show']);
    await say(0, has('authorities', 'behind'), ['authority', 'rollover']);
    await say(1, faultOf('already-exists'), ['authority', 'rollover']);
    const foreign = printOf(await say(0, has('owner', 'fingerprint'), ['authority', 'add', file]));
    await say(0, rows(1, 'owner', 'notAfter', 'fingerprint'), ['authorities']);
    await say(0, isDone, ['authority', 'remove', foreign]);
    await say(1, faultOf('not-allowed'), ['adopt', 'on']);

    // The certificate of the server.
    await say(0, some('fingerprint', 'role', 'notAfter'), ['certificate', 'show']);
    await say(1, faultOf('no-reserve'), ['certificate', 'switch']);
    await say(0, has('fingerprint', 'role'), ['certificate', 'schedule', '--after-days', '2']);
    await say(0, has('open', 'notReady'), ['certificate', 'gate']);
    await say(0, has('switchAt', 'counts', 'atRisk'), ['certificate', 'risk']);
    await say(0, isDone, ['certificate', 'reset-reserve']);
    const own = issue({
      cn: '127.0.0.1',
      ips: [Buffer.of(127, 0, 0, 1)],
      eku: [serverAuth],
      from: day(-1),
      to: day(90),
    });
    const key = own.key.export({ type: 'pkcs8', format: 'pem' });
    const uploaded = [
      'certificate',
      'upload',
      inFolder('own.pem', toPem(own.der)),
      '--key',
      inFolder('own.key', `${key}`),
    ];
    await say(0, has('certificate', 'legacy'), uploaded);
    await say(0, has('main'), ['certificate', 'switch', '--override']);
    await say(0, has('fingerprint'), ['console', ...uploaded.slice(1), '--host', '127.0.0.1']);
    await say(0, has('fingerprint'), ['console', 'reset']);
    const links = (await say(0, some('seq'), ['certificate', 'links'])) as readonly { readonly seq: number }[];
    await say(0, has('format', 'statements'), ['certificate', 'statements']);
    await say(0, isDone, ['certificate', 'remove-link', `${links[0]?.seq}`]);
    const front = issue({ cn: 'front', dns: ['front.example'], eku: [serverAuth], from: day(-1), to: day(90) });
    const told = ['certificate', 'add-front-end', inFolder('front.pem', toPem(front.der)), '--address', '127.0.0.1:9'];
    const shown = printOf(await say(0, has('fingerprint'), told));
    await say(0, rows(1, 'owner', 'shown'), ['certificate', 'front-ends']);
    await say(0, has('fingerprint'), ['certificate', 'remove-front-end', shown, '--override']);

    // Mutual authentication, and front ends that speak for devices.
    await say(0, has('enabledAt', 'answers', 'waiting'), ['mutual', 'show']);
    await say(1, faultOf('mutual-needed'), ['mutual', 'endpoint', 'new', 'on']);
    await say(0, isDone, ['mutual', 'enable']);
    await say(0, isDone, ['mutual', 'endpoint', 'new', 'on']);
    await say(0, isDone, ['mutual', 'migrate', 'Office', 'on']);
    const setting = ['--url', 'http://ca.example/scep', '--sha256', foreign, '--subject', 'CN=$RANDOM_32$'];
    await say(0, isDone, ['mutual', 'enrolment-add', 'office-ca', ...setting]);
    await say(0, has('mustRegisterAgain'), ['mutual', 'enrolment', 'office-ca']);
    await say(0, has('mustRegisterAgain'), ['mutual', 'enrolment', 'local']);
    await say(0, isDone, ['mutual', 'enrolment-remove', 'office-ca']);
    await say(0, () => true, ['mutual', 'port', 'off']);
    await say(0, isDone, ['front-end', 'add', foreign, '--name', 'proxy']);
    await say(0, rows(1, 'name', 'fingerprint'), ['front-ends']);
    await say(0, isDone, ['front-end', 'remove', foreign]);

    // Keys, repair, and what is told by e-mail.
    const repair = ['repair-bundle', '--out', join(system.folder, 'a.thintrust')];
    await say(0, has('file', 'rev', 'pins'), repair);
    await say(1, faultOf('already-exists'), repair);
    const { active } = (await say(0, has('active', 'next'), ['key', 'show'])) as { readonly active: string };
    await say(0, has('active', 'next'), ['key', 'roll-policy']);
    await say(0, has('former'), ['key', 'roll-policy', '--activate', '--override']);
    await say(0, has('former'), ['key', 'revoke-policy', active, '--kit', kit], `${passphrase}\n`);
    const from = ['--from', 'server@example.org', '--host', '127.0.0.1', '--port', '9', '--security', 'none'];
    await say(0, has('host', 'from', 'password'), ['mail', 'set', ...from]);
    await say(0, has('host', 'from', 'password'), ['mail', 'show']);
    await say(1, has('code', 'kind', 'facts'), ['mail', 'test', 'anna@example.org']);
    await say(0, Array.isArray, ['mail', 'outbox']);
    await say(0, some('kind', 'language'), ['mail', 'texts']);
    const { subject, text } = (await say(0, has('subject', 'text'), ['mail', 'text', 'test'])) as Record<
      string,
      string
    >;
    await say(0, () => true, ['mail', 'set-text', 'test', inFolder('test.txt', `${subject}\n\n${text}`)]);
    await say(0, has('own', 'subject'), ['mail', 'reset-text', 'test']);
    await say(0, isDone, ['mail', 'off']);

    // Gone, on record, and back from a copy.
    await say(0, has('id', 'certificates'), ['device', 'wipe', 'desk']);
    await say(0, has('id'), ['identity', 'delete', 'desk']);
    await say(0, has('id'), ['device', 'remove', 'desk']);
    await say(0, isDone, ['users', 'remove', 'anna']);
    await say(0, rows(5, 'at', 'actor', 'action', 'subject', 'facts'), ['audit', '--limit', '5']);
    const backup = join(system.folder, 'backup.json');
    await say(0, has('file'), ['backup', backup], `${passphrase}\n`);
    await there(1, faultOf('passphrase-wrong'), ['restore', backup], `${passphrase}X\n`);
    await there(0, has('directory'), ['restore', backup], `${passphrase}\n`);
    await there(1, faultOf('already-exists'), ['recover', '--kit', kit], `${passphrase}\n`);
    const rebuilt = openSystem();
    try {
      await tell(rebuilt)(0, has('directory', 'madeAt', 'authority'), ['recover', '--kit', kit], `${passphrase}\n`);
    } finally {
      await rebuilt.close();
    }
    assert.ok(readFileSync(backup, 'utf8').length > 1000);
    assert.equal(wrong, []);
    const unsaid = commands.filter((name) => !said.has(name)).join();
    assert.is(unsaid, 'run,adopt,mail test', `not said: ${unsaid}`);
  } catch (error) {
    throw new Error(`${error}\n${wrong.join('\n')}\n--- server\n${system.log('thintrust-server')}`);
  } finally {
    await system.close();
    await other.close();
  }
});
