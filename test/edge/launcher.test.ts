/** Clients as files describe them, started by the real runner; the programs here are scripts. Real ones: `edge/remote-desktop`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Happening } from '../../agent/core/shape.ts';
import { faultOfExit, readClients } from '../../agent/edge/clients.ts';
import { type Launch, openLauncher } from '../../agent/edge/launcher.ts';
import { systemRandom } from '../../agent/edge/random.ts';
import { toPem } from '../../protocol/certificate.ts';
import type { Fault } from '../../protocol/fault.ts';
import type { ClientFile } from '../../protocol/session.ts';
import { parsePlace } from '../../protocol/target.ts';
import { issue } from '../fakes/issue.ts';
import { appears, everyProcess } from '../fakes/processes.ts';
import { assert, table, test } from '../harness.ts';

const password = 'correct horse battery';
const root = issue({ cn: 'Root', ca: true });
const leaf = issue({ cn: 'Leaf' });
const shipped = join(import.meta.dirname, '../../rootfs-overlay/usr/share/thintrust/clients');

type Home = {
  readonly folder: string;
  /** A script of this content that may be started; gives its path. */
  readonly script: (text: string) => string;
  /** Describes a client. */
  readonly client: (name: string, file: Partial<ClientFile>) => void;
  readonly session: (content: unknown) => void;
  readonly launch: (changes?: Partial<Launch>, password?: string | null) => Promise<Outcome>;
  readonly journal: readonly string[];
};
type Outcome = { readonly said: readonly string[]; readonly fault: Fault | null };

async function withHome(run: (home: Home) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-launcher-'));
  for (const name of ['etc', 'usr']) mkdirSync(join(folder, name));
  const journal: string[] = [];
  let scripts = 0;
  let kept: string | null = null;
  const said: Happening[] = [];
  const sessionFile = join(folder, 'session.json');
  const launcher = openLauncher({
    folders: [join(folder, 'etc'), join(folder, 'usr')],
    sessionFile,
    runtime: folder,
    take: () => {
      const taken = kept;
      kept = null;
      return taken;
    },
    nonce: systemRandom.nonce,
    emit: (happening) => said.push(happening),
    journal: (_level, text) => journal.push(text),
  });
  const place = parsePlace('server.test:3390', 1);
  if (!place.ok) throw new Error('a bad place');
  const order: Launch = {
    do: 'launch',
    session: 7,
    request: 3,
    purpose: 'rdp',
    place: place.value,
    user: 'user',
    fingerprints: ['ab'.repeat(32), 'cd'.repeat(32)],
    exact: [leaf.der],
    anchors: [root.der],
  };
  try {
    await run({
      folder,
      journal,
      script: (text) => {
        const path = join(folder, `script${++scripts}`);
        writeFileSync(path, `#!/bin/sh\n${text}\n`);
        chmodSync(path, 0o755);
        return path;
      },
      client: (name, file) => {
        const whole = { format: 1, purpose: 'rdp', programs: [], arguments: [], password: 'none', ...file };
        writeFileSync(join(folder, name), JSON.stringify(whole));
      },
      session: (content) => writeFileSync(sessionFile, JSON.stringify(content)),
      launch: async (changes = {}, secret = password) => {
        said.length = 0;
        kept = secret;
        await launcher({ ...order, ...changes });
        const last = said.at(-1);
        assert.ok(last?.type === 'session-ended' && last.session === 7);
        return { said: said.map(({ type }) => type), fault: last.fault };
      },
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

const ran = ['session-running', 'session-ended'];

test('a client gets its arguments, its files and an environment of its own, and its directory goes with it', () =>
  withHome(async ({ client, folder, launch, script }) => {
    const program = script(
      `for one; do echo "$one"; done >${folder}/arguments; env >${folder}/environment; cat bundle.pem >${folder}/bundle; pwd >${folder}/home; ls -ld . >${folder}/mode`,
    );
    client('usr/10-a.json', {
      programs: ['/nowhere', program],
      arguments: [
        '/v:{server}',
        '{host} {port}',
        '/u:{user}',
        '/cert:deny,{fingerprints}',
        '{bundle}',
        '{none}',
        '{directory}',
      ],
      fingerprint: 'fingerprint:sha256:{colons}',
      environment: { SSL_CERT_FILE: '{none}', OWN: 'a {user}' },
    });
    process.env['THINTRUST_TEST_OUTSIDE'] = 'outside';
    const { said, fault } = await launch({ user: '{port}' });
    assert.is(fault, null);
    assert.equal(said, ran);
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
    const home = read('home').trim();
    const colons = (pair: string): string => Array(32).fill(pair).join(':');
    assert.equal(read('arguments').trim().split('\n'), [
      '/v:server.test:3390',
      'server.test 3390',
      '/u:{port}',
      `/cert:deny,fingerprint:sha256:${colons('ab')},fingerprint:sha256:${colons('cd')}`,
      `${home}/bundle.pem`,
      `${home}/none`,
      home,
    ]);
    const environment = read('environment').split('\n');
    for (const line of [`HOME=${home}`, `SSL_CERT_FILE=${home}/none`, 'OWN=a {port}'])
      assert.ok(environment.includes(line), line);
    assert.not.ok(environment.some((line) => line.startsWith('THINTRUST_TEST_OUTSIDE')));
    assert.is(read('bundle'), `${toPem(leaf.der)}${toPem(root.der)}`);
    assert.ok(read('mode').startsWith('drwx------'));
    assert.not.ok(existsSync(home));
  }));

table(
  'the password comes by',
  [
    { name: 'standard input', by: 'stdin' as const, read: 'cat', is: `${password}\n` },
    { name: 'descriptor 3', by: 'descriptor' as const, read: 'cat <&3', is: password },
    { name: 'nothing', by: 'none' as const, read: 'cat; cat <&3 2>/dev/null', is: '' },
  ],
  ({ by, read, is }) =>
    withHome(async ({ client, folder, launch, script }) => {
      const program = script(`{ ${read}; } >${folder}/heard`);
      client('usr/a.json', { programs: [program], password: by });
      await launch();
      assert.is(readFileSync(join(folder, 'heard'), 'utf8'), is);
    }),
);

test('no command line and no environment of any process shows the password', () =>
  withHome(async ({ client, folder, launch, script, session }) => {
    const secret = `never-seen-${systemRandom.nonce()}`;
    const program = script(
      `read line; echo "$line" >${folder}/heard.new; mv ${folder}/heard.new ${folder}/heard; read line <${folder}/go`,
    );
    spawn('mkfifo', [join(folder, 'go')]);
    client('usr/a.json', { programs: [program], password: 'stdin', arguments: ['visible-argument'] });
    session({ format: 1, command: ['/bin/sh', '-c', '"$@"', 'shown-by'] });
    const done = launch({}, secret);
    await appears(folder, 'heard');
    const seen = everyProcess();
    writeFileSync(join(folder, 'go'), '\n');
    await done;
    assert.is(readFileSync(join(folder, 'heard'), 'utf8'), `${secret}\n`);
    assert.ok(seen.includes('visible-argument'));
    assert.not.ok(seen.includes(secret));
  }));

table(
  'a session file',
  [
    {
      name: 'a compositor that tells nothing of its client',
      session: { format: 1, command: ['/bin/sh', '-c', '"$@"; exit 0', 'x'] },
      expected: 'client-failed 5',
    },
    {
      name: 'a compositor that never starts it',
      session: { format: 1, command: ['/bin/false'] },
      expected: 'client-failed',
    },
    {
      name: 'a compositor that is not there',
      session: { format: 1, command: ['/nowhere/cage'] },
      expected: 'client-failed',
    },
    { name: 'no compositor', session: { format: 1, command: [] }, expected: 'client-failed 5' },
    { name: 'a misspelt field', session: { format: 1, commands: [] }, expected: 'bad-shape' },
    { name: 'a later format', session: { format: 2, command: [] }, expected: 'unknown-version' },
  ],
  ({ session: content, expected }) =>
    withHome(async ({ client, launch, script, session }) => {
      session(content);
      client('usr/a.json', { programs: [script('exit 5')] });
      const { fault } = await launch();
      assert.is([fault?.code, fault?.facts['status']].filter((part) => part !== undefined).join(' '), expected);
    }),
);

test('what the session declares, the client is told', () =>
  withHome(async ({ client, folder, launch, script, session }) => {
    session({ format: 1, command: [], environment: { WLR_BACKENDS: 'drm' } });
    client('usr/a.json', { programs: [script(`echo $WLR_BACKENDS >${folder}/heard`)] });
    await launch();
    assert.is(readFileSync(join(folder, 'heard'), 'utf8'), 'drm\n');
  }));

test('the first description whose program is there is taken; /etc goes before /usr', () =>
  withHome(async ({ client, folder, journal, launch, script }) => {
    const say = (what: string): string => script(`: ${what}; echo ${what} >${folder}/heard`);
    const heard = async (): Promise<string> => {
      const { fault } = await launch();
      return fault?.code ?? readFileSync(join(folder, 'heard'), 'utf8').trim();
    };
    assert.is(await heard(), 'client-missing');
    client('usr/30.json', { programs: [say('thirty')] });
    client('usr/20.json', { programs: ['/nowhere'] });
    client('usr/40.json', { programs: [say('forty')] });
    client('usr/10.json', { programs: [say('broker')], purpose: 'broker' });
    assert.is(await heard(), 'thirty');
    client('usr/05.json', { programs: [say('five')], contains: 'not in that file' });
    assert.is(await heard(), 'thirty');
    client('etc/30.json', { programs: [say('mine')] });
    assert.is(await heard(), 'mine');
    writeFileSync(join(folder, 'etc/30.json'), '');
    assert.is(await heard(), 'forty');
    assert.equal(
      journal.filter((line) => line.includes('cannot be used')),
      [],
    );
    client('etc/40.json', { programs: [say('bad')], arguments: ['{password}'] });
    assert.is(await heard(), 'client-missing');
    assert.is(journal.filter((line) => line.includes('etc/40.json')).length, 1);
  }));

test('the password is there again when the server showed another certificate, and only then', () =>
  withHome(async ({ client, folder, launch, script }) => {
    const program = script(`cat >>${folder}/heard; exit $(cat ${folder}/exit)`);
    client('usr/a.json', { programs: [program], password: 'stdin', exits: { 143: 'certificate' } });
    const attempt = async (exit: number, secret: string | null): Promise<string | undefined> => {
      writeFileSync(join(folder, 'exit'), String(exit));
      return (await launch({}, secret)).fault?.code;
    };
    assert.is(await attempt(143, 'first'), 'client-refused-certificate');
    assert.is(await attempt(143, null), 'client-refused-certificate');
    assert.is(await attempt(9, null), 'client-failed');
    assert.is(await attempt(0, null), 'client-failed');
    assert.is(readFileSync(join(folder, 'heard'), 'utf8'), 'first\nfirst\nfirst\n');
  }));

table(
  'what cannot be handed over is refused',
  [
    { name: 'a user on two lines', user: 'a\nb', secret: password },
    { name: 'a user with a NUL', user: 'a\0', secret: password },
    { name: 'a password on two lines', user: 'a', secret: 'a\nb' },
  ],
  ({ user, secret }) =>
    withHome(async ({ client, launch, script }) => {
      client('usr/a.json', { programs: [script('exit 0')], password: 'stdin' });
      const { fault, said } = await launch({ user }, secret);
      assert.is(fault?.code, 'bad-argument');
      assert.equal(said, ['session-ended']);
    }),
);

/** As systemd does with `Accept=yes`: a runner for each connection, both its ends the socket. */
test('where the service manager listens, it starts the runner', () =>
  withHome(async ({ client, folder, launch, script }) => {
    const runners: ChildProcess[] = [];
    const server = createServer((socket) => {
      const runner = spawn(process.execPath, [join(import.meta.dirname, '../../agent/session.ts')], {
        env: { RUNTIME_DIRECTORY: join(folder, 'etc') },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      runners.push(runner);
      socket.pipe(runner.stdin);
      runner.stdout.pipe(socket);
    });
    server.listen(join(folder, 'session.sock'));
    await once(server, 'listening');
    client('usr/a.json', { programs: [script(`pwd >${folder}/home`)] });
    const { said, fault } = await launch();
    assert.is(fault, null);
    assert.equal(said, ran);
    assert.is(runners.length, 1);
    assert.ok(readFileSync(join(folder, 'home'), 'utf8').startsWith(join(folder, 'etc/thintrust-session-')));
    server.close();
  }));

test('a client ends, with all it started, when the agent goes away', () =>
  withHome(async ({ folder, script }) => {
    const program = script(
      `trap '' TERM; sleep 1000 & echo $! >${folder}/child; echo $$ >${folder}/pid.new; mv ${folder}/pid.new ${folder}/pid; wait; wait`,
    );
    const runner = spawn(process.execPath, [join(import.meta.dirname, '../../agent/session.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const candidate = { program, contains: null, arguments: [], password: 'stdin', environment: {} };
    const order = {
      candidates: [candidate],
      command: [],
      environment: {},
      mark: '0'.repeat(32),
      files: [],
      secret: '',
    };
    runner.stdin.write(`${JSON.stringify(order)}\n`);
    await appears(folder, 'pid');
    runner.stdin.end();
    await once(runner, 'exit');
    for (const name of ['pid', 'child']) {
      const pid = readFileSync(join(folder, name), 'utf8').trim();
      const state = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ') Z';
      assert.match(state, /\) Z/);
    }
  }));

table(
  'the runner refuses',
  [
    { name: 'what is no order', line: '{}' },
    { name: 'what is no JSON', line: 'x' },
    { name: 'nothing', line: '' },
    {
      name: 'a file outside its directory',
      line: JSON.stringify({
        candidates: [{ program: '/bin/true', contains: null, arguments: [], password: 'none', environment: {} }],
        command: [],
        environment: {},
        mark: '0'.repeat(32),
        files: [{ name: '../x', content: '' }],
        secret: '',
      }),
    },
  ],
  async ({ line }) => {
    const runner = spawn(process.execPath, [join(import.meta.dirname, '../../agent/session.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let heard = '';
    runner.stdout.on('data', (chunk: Buffer) => {
      heard += chunk;
    });
    runner.stdin.end(`${line}\n`);
    await once(runner, 'close');
    assert.is(JSON.parse(heard).at, 'failed');
  },
);

test('the clients we ship can be read, and say what exit 143 is', async () => {
  const { clients, refused } = await readClients([shipped], 'rdp');
  assert.equal(refused, []);
  assert.equal(
    clients.map(({ name }) => name),
    ['10-freerdp3', '20-freerdp2'],
  );
  for (const client of clients) {
    assert.is(faultOfExit(client, 143, 'a:1')?.code, 'client-refused-certificate');
    assert.is(faultOfExit(client, 11, 'a:1'), null);
    assert.is(faultOfExit(client, 99, 'a:1')?.code, 'client-failed');
  }
  const example = await readClients([join(shipped, 'examples')], 'broker');
  assert.equal([example.clients.length, example.refused.length], [1, 0]);
});
