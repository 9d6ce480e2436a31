/** The `thintrust` command as a process, against a control API that a test plays the core of. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { showHelp } from '../../agent/cli/help.ts';
import { showCertificates, showStatus } from '../../agent/cli/show.ts';
import { commands } from '../../agent/cli/table.ts';
import type { Happening, Reply } from '../../agent/core/shape.ts';
import { type Control, openControl } from '../../agent/edge/control.ts';
import { listenOnPath } from '../../agent/edge/sockets.ts';
import { bad, fault, good, type Result } from '../../protocol/fault.ts';
import type { CertificateView, LogRecord, Preflight, PresentedView, RepairView, Status } from '../../protocol/local.ts';
import { en } from '../../words/en.ts';
import { ru } from '../../words/ru.ts';
import { nothingKept } from '../fakes/control.ts';
import { quiet } from '../fakes/status.ts';
import { assert, table, test } from '../harness.ts';

const program = fileURLToPath(new URL('../../agent/cli/main.ts', import.meta.url));
const moment = { now: Date.UTC(2026, 10, 22, 10, 0), offsetMinutes: 0 };
const certificate: CertificateView = {
  fingerprint: 'ab'.repeat(32),
  purpose: 'rdp',
  source: 'policy',
  file: 'корень.pem',
  server: null,
  owner: 'Root \u001b[31m',
  subject: 'CN=Root',
  issuer: 'CN=Root',
  serial: '01',
  notBefore: Date.UTC(2026, 0, 1),
  notAfter: Date.UTC(2036, 0, 1),
  key: 'EC P-256',
  names: [],
  isCa: true,
  slot: null,
  addedAt: Date.UTC(2026, 5, 1),
};
const pin: CertificateView = {
  ...certificate,
  fingerprint: 'cd'.repeat(32),
  purpose: 'ksc',
  owner: 'server',
  slot: 'current',
  notAfter: Date.UTC(2026, 5, 1),
};
const status: Status = {
  version: '1',
  at: 'registered',
  device: { id: '5b4d6a0e-3c1f-4f5e-9a51-0c6a7f1d2e3b', name: 'kiosk', group: 'Branch', managed: true },
  server: { https: 'server.test:443', mqtt: 'server.test:8883' },
  link: { at: 'waiting', since: moment.now, retryInMs: 5000, fault: fault('not-pinned') },
  clock: { at: 'known', now: moment.now, floor: 0 },
  policy: { rev: 7, iat: moment.now, stale: false },
  replacement: {
    confirmationCode: '1234 5678 9012 3456',
    presented: pin,
    about: 'server',
    lockedForMs: 61_000,
    triesLeft: 0,
  },
  contacts: { name: 'Service desk', phone: '+7 000 000-00-00', email: '', note: '' },
  certificates: [pin, certificate],
  ...quiet,
  faults: [fault('policy-stale')],
};

const event: LogRecord = { seq: 7, at: moment.now, severity: 'warn', component: 'link', text: 'no answer' };

type Outcome = { code: number; out: string; err: string };
type Asked = Extract<Happening, { type: 'asked' }>['ask'];

async function withDaemon(
  answer: Result<Reply>,
  run: (runtime: string, asked: Asked[]) => Promise<void>,
  shown = status,
) {
  const runtime = mkdtempSync(join(tmpdir(), 'thintrust-cli-'));
  const asked: Asked[] = [];
  const control: Control = await openControl({
    sockets: (['console', 'read'] as const).map((right) => ({
      ...listenOnPath(join(runtime, `${right}.sock`)),
      right,
    })),
    ...nothingKept(),
    log: async () => ({ records: [event], more: true }),
    media: {
      list: async () => ({ files: [{ name: 'stick/root.crt', bytes: 900 }], repairs: [], more: false }),
      read: async (name) => bad('not-found', { what: name }),
    },
    emit: (happening) => {
      if (happening.type !== 'asked') return;
      asked.push(happening.ask);
      control.answer(happening.request, answer);
    },
  });
  control.show(shown);
  await run(runtime, asked).finally(async () => {
    await control.close();
    rmSync(runtime, { recursive: true });
  });
}

function thintrust(
  runtime: string,
  args: readonly string[],
  input = '',
  env: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const clean = { PATH, NODE_COMPILE_CACHE, LANG: 'C.UTF-8', TZ: 'UTC', THINTRUST_RUNTIME: runtime, ...env };
    const child = execFile(process.execPath, [program, ...args], { env: clean }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
const registerArgs = [
  'register',
  '--address',
  'a:1',
  '--fingerprint',
  `${'AB:'.repeat(31)}AB`,
  '--invitation',
  'inv-1',
];

const authorityArgs = [
  ...registerArgs,
  '--ca',
  'scep',
  '--ca-address',
  'ca:80',
  '--ca-fingerprint',
  `${'CD:'.repeat(31)}CD`,
];

type Row = {
  name: string;
  args: string[];
  input?: string;
  env?: NodeJS.ProcessEnv;
  code: number;
  out?: RegExp;
  err?: RegExp;
};
const rows: Row[] = [
  { name: 'status', args: ['status'], code: 0, out: /^Device +kiosk, group “Branch”\nServer/ },
  {
    name: 'status in Russian by LANG',
    args: ['status'],
    env: { LANG: 'ru_RU.UTF-8' },
    code: 0,
    out: /^Устройство +kiosk, /,
  },
  { name: 'LC_ALL before LANG', args: ['status'], env: { LC_ALL: 'ru_RU.UTF-8' }, code: 0, out: /^Устройство/ },
  {
    name: 'THINTRUST_LANG before both',
    args: ['status'],
    env: { LC_ALL: 'ru_RU.UTF-8', THINTRUST_LANG: 'en' },
    code: 0,
    out: /^Device/,
  },
  { name: 'status as JSON', args: ['status', '--json'], code: 0, out: /^\{"version":"1",.*\}\n$/ },
  {
    name: 'certificates',
    args: ['certificates'],
    code: 0,
    out: /RDP server +Root \?\[31m +1 Jan 2036, 00:00 +Policy +abababababababab\n/,
  },
  { name: 'certificates as JSON', args: ['certificates', '--json'], code: 0, out: /^\[\{"fingerprint":"cdcd/ },
  { name: 'one certificate', args: ['certificates', 'show', 'AB:AB:ab:ab'], code: 0, out: /SHA-256 +abab abab/ },
  {
    name: 'a certificate nobody has',
    args: ['certificates', 'show', 'ee'.repeat(32)],
    code: 1,
    err: /nothing by this name/,
  },
  { name: 'too short a prefix', args: ['certificates', 'show', 'abab'], code: 1, err: /nothing by this name/ },
  { name: 'register', args: registerArgs, input: ' pass-word \nmore', code: 0, out: /registered as “kiosk”/ },
  { name: 'register without a password', args: registerArgs, code: 1, err: /password/ },
  {
    name: 'register with a bad address',
    args: registerArgs.with(2, 'nowhere'),
    input: 'x\n',
    code: 1,
    err: /name:port/,
  },
  { name: 'register without an address', args: ['register'], code: 2, err: /--address/ },
  {
    name: 'a missing password file',
    args: [...registerArgs, '--password-file', '/nonexistent'],
    code: 1,
    err: /\/nonexistent/,
  },
  {
    name: 'a password file without end',
    args: [...registerArgs, '--password-file', '/dev/zero'],
    code: 1,
    err: /Type the password/,
  },
  {
    name: 'another authority without its address',
    args: [...registerArgs, '--ca', 'scep'],
    code: 2,
    err: /--ca-address/,
  },
  {
    name: 'its address without a protocol',
    args: [...registerArgs, '--ca-address', 'ca:80'],
    code: 2,
    err: /^--ca is missing/,
  },
  { name: 'a protocol there is not', args: [...registerArgs, '--ca', 'acme'], code: 2, err: /est, scep/ },
  {
    name: 'another authority, its password missing',
    args: [...authorityArgs, '--ca-password-file', '/nonexistent'],
    input: 'x\n',
    code: 1,
    err: /\/nonexistent/,
  },
  {
    name: 'another authority at no address',
    args: authorityArgs.with(authorityArgs.indexOf('ca:80'), 'nowhere'),
    input: 'x\n',
    code: 1,
    err: /enrolment/,
  },
  { name: 'code in groups', args: ['code', '1234', '5678', '9012'], code: 0, out: /^The code was right/ },
  { name: 'no code', args: ['code'], code: 2, err: /CODE/ },
  { name: 'version', args: ['version'], code: 0, out: /^thintrust \S+\n$/ },
  { name: 'version as JSON', args: ['version', '--json'], code: 0, out: /^\{"version":"\S+"\}\n$/ },
  {
    name: 'a fingerprint cut short',
    args: registerArgs.with(4, 'AB:CD'),
    input: 'x\n',
    code: 1,
    err: /64 digits.*there are 4/,
  },
  { name: 'certificates, with the zone', args: ['certificates'], code: 0, out: /^Purpose .* Valid to, UTC / },
  { name: 'help', args: ['--help'], code: 0, out: /^Usage: thintrust/ },
  { name: 'nothing', args: [], code: 2, err: /^Usage: thintrust/ },
  { name: 'an unknown command', args: ['dance'], code: 2, err: /“dance”/ },
  { name: 'an unknown option', args: ['status', '--dance'], code: 2, err: /^The option --dance .*\n\nUsage/ },
  { name: 'a word too many', args: ['status', 'now'], code: 2, err: /now/ },
  {
    name: 'a password as an argument',
    args: [...registerArgs, '--password', 'x'],
    code: 2,
    err: /^The option --password .*\n\nUsage/,
  },
  { name: 'decide without --batch', args: ['decide'], code: 2, err: /--batch is missing/ },
  {
    name: 'help of a command',
    args: ['certificates', 'add', '--help'],
    code: 0,
    out: /^Usage: thintrust certificates add --purpose rdp\|broker\|log \[--server/,
  },
  { name: 'help in Russian', args: ['--help'], env: { LANG: 'ru_RU.UTF-8' }, code: 0, out: /^Вызов: thintrust/ },
  { name: 'an option of another command', args: ['status', '--user', 'x'], code: 2, err: /--user does not belong/ },
  {
    name: 'an unknown purpose',
    args: ['preflight', 'web', 'host'],
    code: 2,
    err: /PURPOSE is one of: rdp, broker, log, ksc/,
  },
  { name: 'a bad severity', args: ['log', '--severity', 'loud'], code: 2, err: /--severity is one of: trace/ },
  { name: 'a bad limit', args: ['log', '--limit', '1001'], code: 2, err: /--limit is a whole number from 1 to 1000/ },
  {
    name: 'log',
    args: ['log', '--severity', 'warn', '--limit', '5'],
    code: 0,
    out: /^22 Nov 2026, 10:00 UTC +warn +link +no answer\n\nOlder events: thintrust log --before 7\n$/,
  },
  { name: 'log as JSON', args: ['log', '--json'], code: 0, out: /^\{"records":\[\{"seq":7,/ },
  { name: 'media', args: ['media'], code: 0, out: /^stick\/root.crt +900\n$/ },
  { name: 'settings', args: ['settings'], code: 0, out: /^Setting +Value +From\nlog-server +– +–\n/ },
  { name: 'settings set', args: ['settings', 'set', 'log-server', 'log.test'], code: 0, out: /^Done\.\n$/ },
  {
    name: 'an unknown setting',
    args: ['settings', 'set', 'colour', 'red'],
    code: 2,
    err: /NAME is one of: log-server/,
  },
  { name: 'settings clear', args: ['settings', 'clear', 'rdp'], code: 0, out: /^Done/ },
  {
    name: 'connection set without --mqtt',
    args: ['connection', 'set', '--https', 'a:1'],
    code: 2,
    err: /--mqtt is missing/,
  },
  { name: 'time set', args: ['time', 'set', '2030-01-31T09:00:00Z'], code: 0, out: /^Done/ },
  { name: 'a bad time', args: ['time', 'set', 'noon'], code: 2, err: /RFC 3339/ },
  { name: 'reset without --yes', args: ['reset'], code: 2, err: /--yes is missing/ },
  { name: 'reset', args: ['reset', '--yes'], code: 0, out: /^Done/ },
  { name: 'repair with no stick in', args: ['repair'], code: 1, err: /no stick with a repair file/ },
  { name: 'repair with no file', args: ['repair', '/nowhere/a.thintrust'], code: 1, err: /nothing by this name/ },
  { name: 'preflight without a server', args: ['preflight', 'rdp'], code: 2, err: /HOST\[:PORT\] is missing/ },
  { name: 'connect without a user', args: ['connect', 'rdp', 'host'], code: 2, err: /--user is missing/ },
  {
    name: 'add without anything',
    args: ['certificates', 'add', '--purpose', 'rdp'],
    code: 2,
    err: /Give files, or --server/,
  },
  {
    name: 'add with a file and a fingerprint',
    args: ['certificates', 'add', '--purpose', 'rdp', '--fingerprint', 'ab', 'x.pem'],
    code: 2,
    err: /Give files, or/,
  },
  {
    name: 'add a file that is not there',
    args: ['certificates', 'add', '--purpose', 'rdp', '/nonexistent'],
    code: 1,
    err: /\/nonexistent/,
  },
  {
    name: 'add a file without end',
    args: ['certificates', 'add', '--purpose', 'rdp', '/dev/zero'],
    code: 1,
    err: /too large/,
  },
  { name: 'remove', args: ['certificates', 'remove', '--purpose', 'rdp', 'abababab'], code: 0, out: /^Done/ },
  {
    name: 'remove for another purpose',
    args: ['certificates', 'remove', '--purpose', 'log', 'abababab'],
    code: 1,
    err: /nothing by this name/,
  },
  { name: 'decide, an empty batch', args: ['decide', '--batch'], code: 0, out: /^$/ },
];
table('thintrust', rows, ({ args, code, env, err = /^$/, input, out = /^$/ }) =>
  withDaemon(good(null), async (runtime) => {
    const outcome = await thintrust(runtime, args, input, env);
    assert.is(outcome.code, code, outcome.err);
    assert.match(outcome.out, out);
    assert.match(outcome.err, err);
  }),
);

const refusals: readonly { name: string; args: string[]; input?: string; expected: string }[] = [
  { name: 'an unknown command', args: ['dance'], expected: 'not-found /api/v1/command-line/unknown/usage' },
  { name: 'nothing', args: [], expected: 'not-found /api/v1/command-line/unknown/usage' },
  { name: 'a word too many', args: ['status', 'now'], expected: 'not-found /api/v1/command-line/status/usage' },
  { name: 'a missing word', args: ['code'], expected: 'not-found /api/v1/command-line/code/usage' },
  {
    name: 'an unknown option, with a secret behind it',
    args: [...registerArgs, '--password', 'secret'],
    expected: 'not-found /api/v1/command-line/register/usage',
  },
  {
    name: 'a file that is not there',
    args: [...registerArgs, '--password-file', '/nonexistent'],
    expected: 'not-found /api/v1/command-line/register/not-found',
  },
  {
    name: 'a certificate nobody has',
    args: ['certificates', 'show', 'ee'.repeat(32)],
    expected: 'not-found /api/v1/command-line/certificates-show/not-found',
  },
  {
    name: 'an empty password',
    args: registerArgs,
    expected: 'not-found /api/v1/command-line/register/bad-argument',
  },
  { name: 'a bad address', args: registerArgs.with(2, 'nowhere'), input: 'x', expected: 'bad-shape registerRequest' },
  { name: 'a code too long', args: ['code', '1'.repeat(65)], expected: 'bad-shape codeRequest' },
];
table('a refused command line is given to the agent for its record', refusals, ({ args, expected, input }) =>
  withDaemon(good(null), async (runtime, asked) => {
    assert.is.not((await thintrust(runtime, args, input)).code, 0);
    assert.equal(
      asked.map((ask) => (ask.do === 'record' ? `${ask.fault.code} ${ask.fault.facts['what']}` : ask.do)),
      [expected],
    );
    assert.not.match(JSON.stringify(asked), /secret|nowhere|eeee/);
  }),
);

test('what is asked of the daemon', () =>
  withDaemon(good(null), async (runtime, asked) => {
    const file = join(runtime, 'password');
    writeFileSync(file, 'from-file\r\n');
    await thintrust(runtime, [...registerArgs, '--password-file', file]);
    await thintrust(runtime, ['code', '1234 5678', '9012']);
    assert.equal(asked, [
      {
        do: 'register',
        order: { address: 'a:1', fingerprint: 'ab'.repeat(32), invitation: 'inv-1', password: 'from-file' },
      },
      { do: 'code', code: '1234 5678 9012' },
    ]);
  }));

test('register with another authority: what the options leave out is filled in', () =>
  withDaemon(good(null), async (runtime, asked) => {
    const file = join(runtime, 'password');
    writeFileSync(file, 'secret\n');
    await thintrust(runtime, [...authorityArgs, '--ca-password-file', file, '--subject', '$CONFIG_UUID$'], 'x\n');
    await thintrust(runtime, [...authorityArgs.with(authorityArgs.indexOf('scep'), 'est'), '--ca-user', 'u'], 'x\n');
    const common = { address: 'ca:80', fingerprint: 'cd'.repeat(32) };
    assert.equal(
      asked.map((ask) => (ask.do === 'register' ? ask.order.enrolment : ask)),
      [
        {
          protocol: 'scep',
          ...common,
          path: '/scep',
          user: '',
          password: 'secret',
          subject: '$CONFIG_UUID$',
          key: 'RSA-2048',
        },
        {
          protocol: 'est',
          ...common,
          path: '/.well-known/est',
          user: 'u',
          password: '',
          subject: '$RANDOM_32$',
          key: 'P-256',
        },
      ],
    );
  }));

test('what is asked about servers and settings', () =>
  withDaemon(good(null), async (runtime, asked) => {
    const shown = 'AB:'.repeat(31);
    const lines: readonly string[] = [
      `certificates add --purpose rdp --server host --fingerprint ${shown}AB`,
      'certificates remove --purpose rdp abababab',
      'settings set language ru',
      'settings clear log-server',
      'connection set --https a:1 --mqtt b:2',
      'time set 2030-01-31T09:00:00Z',
      'reset --yes',
    ];
    for (const line of lines) assert.is((await thintrust(runtime, line.split(' '))).code, 0, line);
    const fingerprint = 'ab'.repeat(32);
    assert.equal(asked, [
      { do: 'add', purpose: 'rdp', server: 'host', fingerprint },
      { do: 'remove', purpose: 'rdp', fingerprint },
      { do: 'settings', language: 'ru' },
      { do: 'settings', logServer: null },
      { do: 'connection', https: 'a:1', mqtt: 'b:2' },
      { do: 'time', at: Date.UTC(2030, 0, 31, 9) },
      { do: 'reset' },
    ]);
  }));

const shown: PresentedView = {
  fingerprint: 'ef'.repeat(32),
  owner: 'pc.test',
  subject: 'CN=pc.test',
  issuer: 'CN=pc.test',
  serial: '01',
  notBefore: 0,
  notAfter: Date.UTC(2036, 0, 1),
  key: 'RSA 2048',
  names: ['pc.test'],
  isCa: false,
};
const view: RepairView = {
  rev: 7,
  https: 'server.test:443',
  mqtt: 'server.test:8883',
  certificate: shown,
  signedAt: Date.UTC(2026, 1, 1),
  validUntil: Date.UTC(2026, 2, 1),
  by: 'recovery',
  time: Date.UTC(2026, 1, 1),
};
test('a repair file is shown, and applied with --yes as the one that was shown', () =>
  withDaemon(good(view), async (runtime, asked) => {
    const file = join(runtime, 'a.thintrust');
    writeFileSync(file, 'a.b.c\r\n');
    const looked = await thintrust(runtime, ['repair', file]);
    assert.is(looked.code, 3);
    for (const part of [
      'server.test:443',
      'pc.test',
      'efef efef',
      '1 Feb 2026',
      '1 Mar 2026',
      'the recovery key',
      `repair ${file} --yes`,
    ])
      assert.ok(looked.out.includes(part), `${part}: ${looked.out}`);
    const applied = await thintrust(runtime, ['repair', file, '--yes']);
    assert.is(applied.code, 0);
    assert.match(applied.out, /The device is repaired/);
    const checked = { do: 'check-repair', jws: 'a.b.c' };
    assert.equal(asked, [checked, checked, { do: 'repair', jws: 'a.b.c', rev: 7 }]);
  }));

const found: Preflight = {
  purpose: 'rdp',
  server: 'pc.test:3389',
  verdict: 'unknown',
  by: null,
  fault: null,
  warnings: [fault('name-mismatch', { host: 'pc.test' })],
  chain: [shown],
  tls: 'TLSv1.3',
  at: moment.now,
};
const judgements: readonly { name: string; found: Preflight; code: number; out: RegExp }[] = [
  {
    name: 'unknown',
    found,
    code: 3,
    out: /would ask you.*\nNote: .*another name[\s\S]*SHA-256 +efef[\s\S]*TLSv1.3[\s\S]*add --purpose rdp --server pc.test:3389 --fingerprint (ef){32}\n$/,
  },
  {
    name: 'trusted',
    found: { ...found, verdict: 'trusted', by: { fingerprint: shown.fingerprint, owner: 'Root', source: 'policy' } },
    code: 0,
    out: /^A connection to pc.test:3389 would be made: its certificate is trusted by “Root” \(Policy\)\.\n/,
  },
  {
    name: 'refused',
    found: { ...found, verdict: 'refused', fault: fault('expired', { owner: 'pc.test' }) },
    code: 1,
    out: /would be refused\. The certificate “pc.test” has expired\.\n/,
  },
  {
    name: 'failed',
    found: {
      ...found,
      verdict: 'failed',
      chain: [],
      tls: null,
      fault: fault('timed-out', { address: 'pc.test:3389' }),
    },
    code: 1,
    out: /^pc.test:3389 showed no certificate\. The server pc.test:3389 did not answer/,
  },
];
table('preflight and connect: one sentence, the chain, and an exit code', judgements, ({ found: answer, code, out }) =>
  withDaemon(good(answer), async (runtime, asked) => {
    const said = await thintrust(runtime, ['preflight', 'rdp', 'pc.test']);
    assert.is(said.code, code);
    assert.match(said.out, out);
    assert.is(said.err, '');
    const json = await thintrust(runtime, ['preflight', 'ksc', '--json']);
    assert.equal([json.code, JSON.parse(json.out)], [code, answer]);
    assert.equal(asked, [
      { do: 'preflight', purpose: 'rdp', server: 'pc.test' },
      { do: 'preflight', purpose: 'ksc', server: '' },
    ]);
  }).then(() =>
    withDaemon(good({ at: 'stopped', preflight: answer }), async (runtime, asked) => {
      const said = await thintrust(runtime, ['connect', 'rdp', 'pc.test', '--user', 'ann'], 'hidden\n');
      assert.is(said.code, code);
      assert.match(said.out, out);
      assert.equal(asked, [{ do: 'connect', purpose: 'rdp', server: 'pc.test', user: 'ann' }]);
    }),
  ),
);

test('connect: a session that has begun', () =>
  withDaemon(good({ at: 'started', session: 4, preflight: found }), async (runtime) => {
    const said = await thintrust(runtime, ['connect', 'broker', 'pc.test', '--user', 'ann'], 'hidden\n');
    assert.equal([said.code, said.out, said.err], [0, 'Session 4 has begun.\n', '']);
  }));

test('certificates add: files as they are, and why each is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-files-'));
  const [one, other] = [join(folder, 'one.crt'), join(folder, 'другой.pem')];
  writeFileSync(one, 'ABC');
  writeFileSync(other, Buffer.of(0, 255));
  const args = ['certificates', 'add', '--purpose', 'log', '--server', 'log.test', one, other];
  const files = [
    { name: 'one.crt', content: 'QUJD' },
    { name: 'другой.pem', content: 'AP8=' },
  ];
  await withDaemon(good({ added: [shown], refused: [] }), async (runtime, asked) => {
    const said = await thintrust(runtime, args);
    assert.equal([said.code, said.out, said.err], [0, 'Added: “pc.test”\n', '']);
    assert.equal(asked, [{ do: 'import', purpose: 'log', server: 'log.test', files }]);
  });
  const why = { file: 'one.crt', block: 1, fault: fault('expired', { owner: 'x' }) };
  await withDaemon(good({ added: [], refused: [why] }), async (runtime) => {
    const said = await thintrust(runtime, args);
    assert.is(said.code, 1);
    assert.is(said.out, 'Nothing was added.\none.crt: The certificate “x” has expired.\n');
  });
  rmSync(folder, { recursive: true });
});

test('a refusal: the sentence on standard error, or the fault as JSON', () =>
  withDaemon(bad('code-wrong', { triesLeft: 3 }), async (runtime) => {
    const said = await thintrust(runtime, ['code', '1']);
    assert.equal([said.code, said.out, said.err], [1, '', 'The code is wrong. Attempts left: 3.\n']);
    const json = await thintrust(runtime, ['code', '1', '--json']);
    assert.equal([json.code, JSON.parse(json.out), json.err], [1, fault('code-wrong', { triesLeft: 3 }), '']);
  }));

test('what needs a code is refused with the confirmation code, which the status shows too', () =>
  withDaemon(
    bad('code-needed'),
    async (runtime) => {
      const said = await thintrust(runtime, ['reset', '--yes']);
      assert.is(said.code, 1);
      assert.match(said.err, /Reset of the device\nConfirmation code {2}3456 7890 1234 5678\n.*thintrust code\n$/);
      assert.match(
        (await thintrust(runtime, ['status'])).out,
        /\n\nReset of the device\nConfirmation code {2}3456 7890/,
      );
    },
    {
      ...status,
      operation: {
        action: 'reset',
        confirmationCode: '3456 7890 1234 5678',
        openForMs: 0,
        lockedForMs: 0,
        triesLeft: 5,
      },
    },
  ));

test('statements from a file, and files that are none', () =>
  withDaemon(good(null), async (runtime, asked) => {
    const path = join(runtime, 'statements.json');
    writeFileSync(path, '{"format":1,"statements":["a.b.c"]}');
    const followed = await thintrust(runtime, ['certificates', 'follow', path]);
    assert.equal([followed.code, asked], [0, [{ do: 'follow', statements: ['a.b.c'] }]]);
    writeFileSync(path, '{"format":1,');
    assert.is((await thintrust(runtime, ['certificates', 'follow', path])).code, 1);
    const none = await thintrust(runtime, ['certificates', 'follow', '/nowhere', '--json']);
    assert.is(JSON.parse(none.out).code, 'not-found');
  }));

test('a lock is told with its end', () =>
  withDaemon(bad('code-locked', { lockedForMs: 125_000 }), async (runtime) => {
    const said = await thintrust(runtime, ['code', '1']);
    assert.equal([said.code, said.err], [1, 'Code entry is locked. Next attempt in 2 min 5 s.\n']);
  }));

test('without the daemon: a sentence, and version, help and decide all the same', async () => {
  const nowhere = join(tmpdir(), 'thintrust-nowhere');
  const outcome = await thintrust(nowhere, ['status']);
  assert.is(outcome.code, 1);
  assert.match(outcome.err, /not running.*thintrust-nowhere/);
  for (const args of [['version'], ['--help'], ['decide', '--batch']])
    assert.is((await thintrust(nowhere, args)).code, 0);
});

test('showStatus: the whole text', () => {
  assert.is(
    showStatus(en, status, moment),
    [
      'Device         kiosk, group “Branch”',
      'Server         server.test:443',
      'Connection     no connection, next attempt in 5 s; The Administration Server showed a certificate this device does not know.',
      'Policy         7 (22 Nov 2026, 10:00 UTC)',
      'Certificates   2',
      'Time           22 Nov 2026, 10:00 UTC',
      'Administrator  Service desk, +7 000 000-00-00',
      '',
      'Certificate replacement required',
      'Confirmation code          1234 5678 9012 3456',
      'Certificate of the server  server',
      'SHA-256 starts with        cdcd cdcd cdcd cdcd',
      'Code entry is locked for 1 min 1 s.',
      '',
      'Needs attention',
      '- The policy has not been renewed for more than 14 days. The device goes on with the last one. Check the connection to the Administration Server.',
      '',
    ].join('\n'),
  );
});

test('showCertificates: columns stay aligned in both languages, an expired one is marked', () => {
  for (const words of [en, ru]) {
    const [head = '', first = '', second = ''] = showCertificates(words, status.certificates, moment).split('\n');
    assert.is(head.indexOf('SHA-256'), first.indexOf('cdcdcdcd'));
    assert.is(head.indexOf('SHA-256'), second.indexOf('abababab'));
    assert.match(first, / ! /);
    assert.not.match(second, / ! /);
  }
});

test('showHelp: every command and option is explained in both languages', () => {
  for (const words of [en, ru]) {
    const all = showHelp(words, null) + commands.map((command) => showHelp(words, command)).join('');
    for (const line of [...Object.values(words.cli.help), ...Object.values(words.cli.options)])
      assert.ok(all.includes(line), line);
  }
});
