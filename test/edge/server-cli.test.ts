/** The server as a program and `thintrust-server` as its command line, bad input included. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toPem } from '../../protocol/certificate.ts';
import { issue, issueList, rsaKey } from '../fakes/issue.ts';
import { administer, type RunningServer, startServer } from '../fakes/server-process.ts';
import { assert, table, test } from '../harness.ts';

const root = mkdtempSync(join(tmpdir(), 'thintrust-server-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const state = join(root, 'state');
const ports = ['--https-port', '0', '--mqtt-port', '0'];
const authority = 'test/vectors/certificates/authority.pem';
const codes = JSON.parse(readFileSync('test/vectors/codes.json', 'utf8')) as {
  readonly codes: readonly {
    readonly confirmationCode: string;
    readonly replacementCode: string;
    readonly [given: string]: unknown;
  }[];
};

let running: RunningServer | null = null;
const server = async (): Promise<RunningServer> => {
  running ??= await startServer(state, ports);
  return running;
};
const inRoot = (name: string, content: string | Buffer): string => {
  const path = join(root, name);
  writeFileSync(path, content);
  return path;
};
const ask = (...words: string[]) => administer(words, { state });
const passphraseIn = (printed: string): string => /recovery kit [^:]*: ([0-9A-Z-]{29})/.exec(printed)?.[1] ?? '';

test('run makes a server by itself, prints the passphrase once and the ready line last', async () => {
  const { printed, https } = await server();
  assert.match(passphraseIn(printed), /^[0-9A-Z-]{29}$/);
  assert.match(
    printed.trim().split('\n').at(-1) ?? '',
    /^ready https=127\.0\.0\.1:\d+ mqtt=127\.0\.0\.1:\d+ fingerprint=/,
  );
  assert.match(https, /^127\.0\.0\.1:[1-9]/);
  assert.match(printed, /^Web Console: https:\/\/127\.0\.0\.1:\d+ \(certificate SHA-256 [0-9a-f]{64}\)$/m);
  assert.match(printed, /^first account \(one-time link, until [^)]+\): https:\/\/127\.0\.0\.1:\d+\/setup#[\w-]{32}$/m);
  for (const file of ['control.sock', 'master.key', 'recovery-kit.json', 'thintrust.sqlite'])
    assert.is(statSync(join(state, file)).mode & 0o077, 0, file);
});

test('an administrator’s day', async () => {
  const { fingerprint } = await server();
  const invited = await ask('invite', '--name', 'kiosk', '--json');
  assert.is(invited.code, 0, invited.err);
  const invitation = JSON.parse(invited.out);
  assert.is(invitation.fingerprint, fingerprint);
  assert.match(invitation.password, /^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/);
  assert.match((await ask('invite')).out, /One-time password {3}[0-9A-Z]{4}-/);
  assert.is((await ask('group', 'add', 'Office')).code, 0);
  assert.is((await ask('group', 'add', 'Floor 1', '--parent', 'Office')).code, 0);
  assert.match((await ask('groups')).out, /^Office \/ Floor 1 /m);
  const added = await ask('policy', 'add-certificate', 'Office', authority, '--purpose', 'rdp');
  assert.is(added.code, 0, added.err);
  const [, sha256 = ''] = added.out.split('\n');
  const shown = await ask('policy', 'show', 'Floor 1');
  assert.match(shown.out, new RegExp(`^authority\\.pem +rdp .*${sha256} +inherited$`, 'm'));
  assert.is(
    (await ask('policy', 'set-contacts', 'Office', '--name', 'Service desk', '--phone', '+7 000 000-00-00')).code,
    0,
  );
  assert.is((await ask('policy', 'lock', 'Office', 'certificates')).code, 0);
  assert.is((await ask('policy', 'add-certificate', 'Floor 1', authority, '--purpose', 'log')).code, 1);
  assert.is((await ask('policy', 'unlock', 'Office', 'certificates')).code, 0);
  const blocked = 'ab'.repeat(32);
  assert.is((await ask('policy', 'block', 'Office', blocked)).code, 0);
  assert.match((await ask('policy', 'show', 'Floor 1')).out, new RegExp(`Blocked +${blocked}`));
  assert.is((await ask('policy', 'unblock', 'Office', blocked)).code, 0);
  assert.match((await ask('policy', 'show', 'Floor 1')).out, /Blocked +none/);
  assert.is((await ask('policy', 'set', 'Office', 'rdp', 'farm.example', '--enforced')).code, 0);
  assert.is((await ask('policy', 'set', 'Floor 1', 'rdp', 'own.example')).code, 1);
  assert.is((await ask('policy', 'set', 'Office', 'logServer', 'log.example:6514')).code, 0);
  assert.is((await ask('policy', 'set', 'Office', 'logServer', '--clear')).code, 0);
  assert.is((await ask('policy', 'lock', 'Office', 'reset')).code, 0);
  const list = inRoot('list.crl', issueList({ by: issue({ cn: 'Elsewhere', ca: true }) }));
  assert.is((await ask('policy', 'set-revocation', 'Office', 'rdp', 'hard')).code, 0);
  const listed = (await ask('policy', 'add-revocation-list', 'Office', list)).out.split('\n')[1] ?? '';
  const locked = (await ask('policy', 'show', 'Floor 1')).out;
  assert.match(locked, /^Locked +reset, rdp$/m);
  assert.match(locked, /^rdp +farm\.example$/m);
  assert.match(locked, /^logServer +none$/m);
  assert.match(locked, new RegExp(`^list\\.crl +Elsewhere +no .* 0 +${listed} +inherited$`, 'm'));
  assert.match(locked, /^Revocation +rdp hard, broker off, log off$/m);
  assert.is((await ask('policy', 'remove-revocation-list', 'Office', listed)).code, 0);
  assert.is((await ask('group', 'naming', 'Floor 1', '--fields', 'Moscow,Desk')).code, 0);
  assert.match((await ask('groups')).out, /^Office \/ Floor 1 +0 +Moscow-Desk /m);
  const spelled = sha256.toUpperCase().replace(/(..)(?=.)/g, '$1:');
  assert.is((await ask('policy', 'remove-certificate', 'Office', spelled)).code, 0);
  assert.is((await ask('certificate', 'schedule', '--after-days', '3')).code, 0);
  assert.match((await ask('certificate', 'gate')).out, /safe to switch/);
  const switched = await ask('certificate', 'switch');
  assert.match(switched.out, /^https \d+ serves the new certificate$/m);
  assert.match(switched.out, /^mqtt \d+ serves the new certificate$/m);
  const roles = JSON.parse((await ask('certificate', 'show', '--json')).out).map(({ role }: { role: string }) => role);
  assert.equal(roles, ['main', 'previous']);
  const audit = JSON.parse((await ask('audit', '--json', '--limit', '200')).out).map(
    ({ action }: { action: string }) => action,
  );
  for (const action of [
    'initialised',
    'invited',
    'group-added',
    'certificate-added',
    'contacts-set',
    'reserve-made',
    'certificate-switched',
  ])
    assert.ok(audit.includes(action), action);
});

test('a repair file: by the running server, and from the kit with its passphrase, with no server at all', async () => {
  const { printed } = await server();
  const passphrase = passphraseIn(printed);
  const made = join(root, 'a.thintrust');
  const told = await ask('repair-bundle', '--out', made, '--days', '3');
  assert.is(told.code, 0, told.err);
  assert.match(told.out, /^HTTPS +127\.0\.0\.1:\d+$/m);
  assert.match(readFileSync(made, 'latin1'), /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  assert.is((await ask('repair-bundle', '--out', made)).code, 1, 'nothing is overwritten');
  const kit = join(state, 'recovery-kit.json');
  const alone = join(root, 'b.thintrust');
  const words = ['repair-bundle', '--kit', kit, '--set-time', '--json'];
  for (const [typed, code] of [
    ['', 2],
    [passphrase, 0],
  ] as const) {
    const ran = await administer([...words, '--out', alone], { input: `${typed}\n` });
    assert.is(ran.code, code, ran.err);
    assert.is(existsSync(alone), code === 0);
    if (code === 0) assert.equal([typeof JSON.parse(ran.out).time, JSON.parse(ran.out).file], ['number', alone]);
  }
  const beside = await administer([...words, '--out', join(root, 'c.thintrust')], { state, input: `${passphrase}\n` });
  assert.is(beside.code, 0, beside.err);
  const [row] = JSON.parse((await ask('audit', '--limit', '1', '--json')).out);
  assert.equal([row.action, row.facts.key, row.facts.time], ['repair-file-made', 'recovery', 'yes']);
});

const big = Buffer.alloc(9 * 1024 * 1024, 65);
const weak = toPem(issue({ cn: 'weak', ca: true, key: rsaKey(1024) }).der);
type Bad = {
  readonly name: string;
  readonly words: readonly string[] | (() => readonly string[]);
  readonly code: 1 | 2;
  readonly says: RegExp;
  readonly fault?: string;
};
const add = (group: string, file: string, purpose = 'rdp') => [
  'policy',
  'add-certificate',
  group,
  file,
  '--purpose',
  purpose,
];
/** The newest row of the audit log. */
const newest = async (): Promise<string> => {
  const [row] = JSON.parse((await ask('audit', '--limit', '1', '--json')).out);
  return `${row.action} ${row.facts.code} ${row.facts.what ?? ''}`.trim();
};
const told = '/api/v1/command-line';
table(
  'a refused command line is on record',
  [
    { name: 'an unknown command', words: ['frobnicate', 'secret'], expected: `not-found ${told}/unknown/usage` },
    { name: 'an unknown option', words: ['status', '--frob=secret'], expected: `not-found ${told}/status/usage` },
    { name: 'a missing argument', words: ['group', 'add'], expected: `not-found ${told}/group-add/usage` },
    {
      name: 'a number that is none',
      words: ['audit', '--limit', 'secret'],
      expected: `not-found ${told}/audit/usage`,
    },
    {
      name: 'a file that is not there',
      words: add('Office', '/secret'),
      expected: `not-found ${told}/policy-add-certificate/not-found`,
    },
    { name: 'init where there is a server', words: ['init'], expected: `not-found ${told}/init/already-exists` },
    { name: 'what the server refuses', words: ['policy', 'block', 'Office', 'abc'], expected: 'bad-shape body' },
  ],
  async ({ words, expected }) => {
    await server();
    assert.is.not((await administer(words, { state })).code, 0);
    assert.is(await newest(), `request-refused ${expected}`);
  },
);

test('without a server a refused command line waits for nobody', async () => {
  const ran = await administer(['frobnicate'], { state: join(root, 'nobody') });
  assert.is(ran.code, 2);
});

const bad: readonly Bad[] = [
  { name: 'an unknown command', words: ['frobnicate'], code: 2, says: /no command “frobnicate”/ },
  { name: 'an unknown second word', words: ['policy', 'frobnicate'], code: 2, says: /no command “policy frobnicate”/ },
  { name: 'an unknown option', words: ['status', '--frob'], code: 2, says: /--frob/ },
  { name: 'a missing argument', words: ['group', 'add'], code: 2, says: /NAME is missing/ },
  { name: 'a missing option', words: ['device', 'move', 'x'], code: 2, says: /--group is missing/ },
  { name: 'a word too many', words: ['group', 'add', 'a', 'b'], code: 2, says: /one word too many: “b”/ },
  {
    name: 'a repair file no device looks for',
    words: ['repair-bundle', '--out', 'a.jws'],
    code: 2,
    says: /\.thintrust/,
  },
  {
    name: 'a time without the kit',
    words: ['repair-bundle', '--out', 'a.thintrust', '--set-time'],
    code: 2,
    says: /needs --kit/,
  },
  {
    name: 'ninety-one days',
    words: ['repair-bundle', '--out', 'a.thintrust', '--days', '91'],
    code: 2,
    says: /1 to 90/,
  },
  {
    name: 'a kit that is not there',
    words: ['repair-bundle', '--out', 'a.thintrust', '--kit', '/nonexistent'],
    code: 1,
    says: /nonexistent/,
    fault: 'not-found',
  },
  { name: 'an unknown purpose', words: add('Office', authority, 'ksc'), code: 2, says: /rdp, broker, log/ },
  {
    name: 'an unknown setting',
    words: ['policy', 'set', 'Office', 'frob', 'x'],
    code: 2,
    says: /logServer, rdp, broker/,
  },
  { name: 'a setting without a value', words: ['policy', 'set', 'Office', 'rdp'], code: 2, says: /--clear alone/ },
  {
    name: 'a value and --clear',
    words: ['policy', 'set', 'Office', 'rdp', 'x', '--clear'],
    code: 2,
    says: /--clear alone/,
  },
  {
    name: 'an unknown revocation',
    words: ['policy', 'set-revocation', 'Office', 'rdp', 'firm'],
    code: 2,
    says: /off, soft, hard/,
  },
  { name: 'an unknown lock', words: ['policy', 'lock', 'Office', 'rdp'], code: 2, says: /dateTime/ },
  { name: 'a rule of no fields', words: ['group', 'naming', 'Office'], code: 2, says: /--fields A,B/ },
  {
    name: 'a field of eleven letters',
    words: ['group', 'naming', 'Office', '--fields', 'Saint,Petersburgs'],
    code: 1,
    says: /fields/,
    fault: 'bad-shape',
  },
  { name: 'a number that is none', words: ['audit', '--limit', 'many'], code: 2, says: /whole number/ },
  { name: 'a date that is none', words: ['certificate', 'schedule', '--at', 'tomorrow'], code: 2, says: /RFC 3339/ },
  {
    name: 'date and days',
    words: ['certificate', 'schedule', '--at', '2030-01-01T00:00:00Z', '--after-days', '2'],
    code: 2,
    says: /not both/,
  },
  {
    name: 'a role that is none',
    words: ['certificate', 'upload', authority, '--role', 'previous'],
    code: 2,
    says: /reserve, main/,
  },
  {
    name: 'an authority of a kind there is not',
    words: ['init', '--authority-key', 'rsa-1024'],
    code: 2,
    says: /ec-p256, rsa-3072, rsa-4096/,
  },
  {
    name: 'an activation far away',
    words: ['certificate', 'schedule', '--at', '2099-01-01T00:00:00Z'],
    code: 1,
    says: /not right/,
    fault: 'bad-argument',
  },
  {
    name: 'a switch without a reserve',
    words: ['certificate', 'switch'],
    code: 1,
    says: /no reserve/,
    fault: 'no-reserve',
  },
  { name: 'an unknown group', words: add('Nowhere', authority), code: 1, says: /Nowhere/, fault: 'not-found' },
  {
    name: 'an unknown device',
    words: ['device', 'show', '../../etc'],
    code: 1,
    says: /nothing by this name/,
    fault: 'not-found',
  },
  {
    name: 'a file that is not there',
    words: add('Office', '/nonexistent'),
    code: 1,
    says: /cannot be read/,
    fault: 'not-found',
  },
  {
    name: 'a file that is no certificate',
    words: () => add('Office', inRoot('junk.pem', 'junk')),
    code: 1,
    says: /PKCS #7/,
    fault: 'certificate-unreadable',
  },
  {
    name: 'a weak certificate',
    words: () => add('Office', inRoot('weak.pem', weak)),
    code: 1,
    says: /too weak/,
    fault: 'certificate-weak-key',
  },
  {
    name: 'an oversized file',
    words: () => add('Office', inRoot('big.der', big)),
    code: 1,
    says: /too large/,
    fault: 'too-large',
  },
  {
    name: 'a group name of 121 characters',
    words: ['group', 'add', 'x'.repeat(121)],
    code: 1,
    says: /“name” is not right: it is too long/,
    fault: 'bad-shape',
  },
  {
    name: 'a fingerprint that is none',
    words: ['policy', 'block', 'Office', 'abc'],
    code: 1,
    says: /“fingerprint” is not right/,
    fault: 'bad-shape',
  },
  { name: 'a mistyped code', words: ['code', '1234567890123456'], code: 1, says: /mistyped/, fault: 'code-typo' },
  {
    name: 'a code of nobody',
    words: ['code', codes.codes[0]?.confirmationCode ?? ''],
    code: 1,
    says: /Not our certificate/,
    fault: 'code-not-ours',
  },
  {
    name: 'init where there is a server',
    words: ['init', ...ports],
    code: 1,
    says: /There is a server in .* already/,
    fault: 'already-exists',
  },
  { name: 'run where one runs', words: ['run'], code: 1, says: /A server runs in .* already/, fault: 'busy' },
  { name: 'a negative number', words: ['audit', '--limit', '-1'], code: 2, says: /^[^?]*Try: .*\n$/ },
  {
    name: 'a directory that is a file',
    words: () => ['mosquitto-config', inRoot('file', 'text')],
    code: 1,
    says: /file.* cannot be used \(E[A-Z]+\)/,
    fault: 'bad-argument',
  },
  { name: 'a code in four words', words: ['code', '1234', '5678', '9012', '3456'], code: 1, says: /mistyped/ },
];

table('bad input', bad, async ({ words, code, says, fault }) => {
  await server();
  const spoken = typeof words === 'function' ? words() : words;
  const ran = await administer(spoken, { state });
  assert.is(ran.code, code, ran.out + ran.err);
  assert.match(ran.err, says);
  if (!fault) return;
  const told = await administer([...spoken, '--json'], { state });
  assert.is(JSON.parse(told.out.trim().split('\n').at(-1) ?? '').code, fault);
});

test('a refusal is one sentence on standard error', async () => {
  await server();
  const ran = await ask('policy', 'show', 'Nowhere');
  assert.is(ran.code, 1);
  assert.is(ran.out, '');
  assert.is(ran.err, 'Refused: There is nothing by this name: Nowhere.\n');
});

test('without a state directory, and without a server', async () => {
  const none = await administer(['status']);
  assert.is(none.code, 2);
  assert.match(none.err, /--state/);
  const away = await administer(['status', '--state', join(root, 'empty'), '--json']);
  assert.is(away.code, 1);
  assert.is(JSON.parse(away.out).code, 'daemon-not-running');
  const said = await administer(['--state', join(root, 'empty'), 'status']);
  assert.match(said.err, /^Refused: No server runs in .*empty\. Start it: /);
});

test('a port that is taken', async () => {
  const { https } = await server();
  const [, port = ''] = https.split(':');
  const ran = await administer(['run', '--state', join(root, 'second'), '--https-port', port, '--mqtt-port', '0']);
  assert.is(ran.code, 1);
  assert.match(ran.err, new RegExp(`Nothing can listen on 127\\.0\\.0\\.1:${port} \\(EADDRINUSE\\)\\. Another port: `));
});

test('every command has its help', async () => {
  const all = await administer(['--help']);
  assert.is(all.code, 0);
  const names = [...all.out.matchAll(/^ {2}([a-z]+(?: [a-z-]+)?|[a-z]+-[a-z]+) {2,}/gm)].map(([, name]) => name ?? '');
  assert.ok(names.length >= 30, names.join());
  for (const name of ['run', 'policy add-certificate', 'code']) {
    const help = await administer([...name.split(' '), '--help']);
    assert.is(help.code, 0);
    assert.match(help.out, new RegExp(`^Usage: thintrust-server ${name}`));
  }
});

table(
  'code --explain needs no server and agrees with the published codes',
  codes.codes.slice(0, 3).map((each, index) => ({ name: `example ${index + 1}`, each })),
  async ({ each }) => {
    const ran = await administer(['code', '--explain'], { input: JSON.stringify(each) });
    assert.is(ran.code, 0, ran.err);
    const { confirmationCode, replacementCode } = JSON.parse(ran.out);
    const digits = (text: string) => text.replaceAll(' ', '');
    assert.is(digits(confirmationCode), digits(each.confirmationCode));
    assert.is(digits(replacementCode), digits(each.replacementCode));
  },
);

table(
  'code --explain refuses',
  [
    { name: 'nothing', input: '', fault: 'not-json' },
    { name: 'a short secret', input: JSON.stringify({ ...codes.codes[0], secretHex: 'ab' }), fault: 'bad-shape' },
    { name: 'an unknown action', input: JSON.stringify({ ...codes.codes[0], action: 4 }), fault: 'bad-shape' },
  ],
  async ({ input, fault }) => {
    const ran = await administer(['code', '--explain', '--json'], { input });
    assert.is(ran.code, 1);
    assert.is(JSON.parse(ran.out).code, fault);
  },
);

type Http = { readonly status: number; readonly type: string; readonly body: string };
/** `declared`: only the length of the body is sent; a good server does not wait for what it will not take. */
const raw = (
  method: string,
  path: string,
  body: string,
  { type = 'application/json', declared }: { readonly type?: string; readonly declared?: number } = {},
): Promise<Http> =>
  new Promise((resolve, reject) => {
    const headers = { 'content-type': type, ...(declared === undefined ? {} : { 'content-length': declared }) };
    const asked = request({ socketPath: join(state, 'control.sock'), method, path, headers }, (answer) => {
      let text = '';
      answer.on('data', (part) => {
        text += part;
      });
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, type: String(answer.headers['content-type']), body: text }),
      );
    });
    asked.on('error', reject);
    if (declared === undefined) asked.end(body);
    else asked.flushHeaders();
  });

table(
  'the API answers bad requests with a problem document (RFC 9457)',
  [
    { name: 'no such path', method: 'GET', path: '/api/v1/nothing', body: '', status: 404, code: 'not-found' },
    { name: 'not JSON', method: 'POST', path: '/api/v1/groups', body: '{', status: 400, code: 'not-json' },
    { name: 'an empty body', method: 'POST', path: '/api/v1/groups', body: '', status: 400, code: 'not-json' },
    {
      name: 'a number for a name',
      method: 'POST',
      path: '/api/v1/groups',
      body: '{"name":7}',
      status: 400,
      code: 'bad-shape',
    },
    {
      name: 'an unknown field',
      method: 'POST',
      path: '/api/v1/groups',
      body: '{"name":"a","x":1}',
      status: 400,
      code: 'bad-shape',
    },
    {
      name: 'too large',
      method: 'POST',
      path: '/api/v1/groups',
      body: '',
      declared: 13 * 1024 * 1024,
      status: 413,
      code: 'too-large',
    },
    {
      name: 'another media type',
      method: 'POST',
      path: '/api/v1/groups',
      body: 'x',
      type: 'text/x',
      status: 400,
      code: 'bad-shape',
    },
    {
      name: 'a limit out of bounds',
      method: 'GET',
      path: '/api/v1/audit?limit=0',
      body: '',
      status: 400,
      code: 'bad-shape',
    },
    {
      name: 'a broken escape',
      method: 'GET',
      path: '/api/v1/devices/%E0%A4%A',
      body: '',
      status: 400,
      code: 'bad-shape',
    },
  ],
  async ({
    method,
    path,
    body,
    type,
    declared,
    status,
    code,
  }: {
    method: string;
    path: string;
    body: string;
    type?: string;
    declared?: number;
    status: number;
    code: string;
  }) => {
    await server();
    const answer = await raw(method, path, body, { ...(type ? { type } : {}), ...(declared ? { declared } : {}) });
    assert.is(answer.status, status, answer.body);
    assert.match(answer.type, /^application\/problem\+json/);
    const problem = JSON.parse(answer.body);
    assert.is(problem.code, code);
    assert.is(problem.status, status);
    assert.is(problem.type, `urn:thintrust:fault:${code}`);
    assert.ok(problem.title.length > 10);
  },
);

test('backup, restore and recovery, and what is refused about them', async () => {
  const { printed } = await server();
  const file = join(root, 'backup.json');
  const noPhrase = await administer(['backup', file], { state });
  assert.is(noPhrase.code, 2);
  assert.match(noPhrase.err, /THINTRUST_PASSPHRASE/);
  assert.is((await administer(['backup', file], { state, passphrase: 'right one' })).code, 0);
  assert.is(statSync(file).mode & 0o077, 0);
  assert.is((await administer(['backup', file], { state, passphrase: 'right one' })).code, 1, 'never overwrites');
  const cut = inRoot('cut.json', readFileSync(file, 'utf8').slice(0, 5000));
  const to = (name: string) => ['--state', join(root, name)];
  const refused = [
    { words: ['restore', file, ...to('a')], passphrase: 'wrong one', code: 'passphrase-wrong' },
    { words: ['restore', cut, ...to('b')], passphrase: 'right one', code: 'backup-unreadable' },
    { words: ['restore', '/nonexistent', ...to('c')], passphrase: 'right one', code: 'not-found' },
    { words: ['restore', file, '--state', state], passphrase: 'right one', code: 'already-exists' },
    { words: ['recover', '--kit', file, ...to('d')], passphrase: 'right one', code: 'backup-unreadable' },
    {
      words: ['recover', '--kit', join(state, 'recovery-kit.json'), ...to('e')],
      passphrase: 'wrong',
      code: 'passphrase-wrong',
    },
  ];
  for (const { words, passphrase, code } of refused) {
    const ran = await administer([...words, '--json'], { passphrase });
    assert.is(ran.code, 1, ran.err);
    assert.is(JSON.parse(ran.out).code, code);
    const place = words.at(-1) ?? '';
    if (place !== state) assert.not.ok(existsSync(join(place, 'thintrust.sqlite')), place);
  }
  const restored = await administer(['restore', file, ...to('restored')], { input: 'right one\n' });
  assert.is(restored.code, 0, restored.err);
  const kit = join(state, 'recovery-kit.json');
  const recovered = await administer(['recover', '--kit', kit, ...to('recovered')], {
    passphrase: passphraseIn(printed),
  });
  assert.is(recovered.code, 0, recovered.err);
});

test('SIGTERM ends it cleanly, ports and certificate stay over a restart, and a restored copy runs', async () => {
  const before = await server();
  assert.is(await before.stop(), 0);
  assert.not.ok(existsSync(join(state, 'control.sock')));
  const again = await startServer(state);
  assert.is(again.https, before.https);
  assert.is(again.mqtt, before.mqtt);
  assert.not.match(again.printed, /passphrase/);
  const status = JSON.parse((await ask('status', '--json')).out);
  assert.is(status.fingerprint, again.fingerprint);
  again.process.kill('SIGKILL');
  await again.stop();
  for (const name of ['restored', 'recovered']) {
    const copy = await startServer(join(root, name));
    assert.is(copy.https, before.https);
    assert.is(copy.fingerprint, again.fingerprint);
    const told = JSON.parse((await administer(['status', '--json'], { state: join(root, name) })).out);
    assert.is(told.serverId, status.serverId);
    assert.is(told.adopting, true);
    assert.is(await copy.stop(), 0);
  }
});
