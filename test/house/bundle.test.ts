import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bundleProgram, copyCompanions, type Program, programs } from '../../scripts/bundler.ts';
import { assert, rejects, table, test } from '../harness.ts';
import { findProgram } from '../programs.ts';

type Row = {
  readonly name: string;
  readonly source: string;
  readonly target?: Program['target'];
  /** What the program prints. */
  readonly prints: string;
  readonly maxKiB?: number;
};

const rows: readonly Row[] = [
  {
    name: 'the path of the bundle stands for import.meta.url',
    source: `console.log(import.meta.url.endsWith('/a.cjs'));`,
    prints: 'true',
  },
  {
    name: 'MQTT over a stream of ours, without websocket and SOCKS',
    source: `import { createServer, connect } from 'node:net';
      import mqtt from 'mqtt';
      import packet from 'mqtt-packet';
      const server = createServer((socket) => {
        const parser = packet.parser();
        parser.on('packet', ({ cmd, clientId }) => {
          if (cmd !== 'connect') return;
          socket.write(packet.generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }));
          console.log(clientId);
        });
        socket.on('data', (data) => parser.parse(data));
      }).listen(0, '127.0.0.1', () => {
        const client = new mqtt.MqttClient(() => connect(server.address().port, '127.0.0.1'), { clientId: 'device' });
        client.on('connect', () => client.end(true, () => server.close()));
      });`,
    prints: 'device',
    maxKiB: 400,
  },
  {
    name: 'a transport that was left out says so',
    source: `import mqtt from 'mqtt';
      try { mqtt.connect('mqtt://127.0.0.1:1', { socksProxy: 'socks5://127.0.0.1:1' }); }
      catch (error) { console.log(error.message); }`,
    prints: './socks is not in this build',
  },
  {
    name: 'blessed draws with its own terminal description',
    source: `import { PassThrough } from 'node:stream';
      import blessed from 'blessed';
      const output = Object.assign(new PassThrough(), { columns: 80, rows: 24, isTTY: true });
      let drawn = '';
      output.on('data', (data) => { drawn += data; });
      const screen = blessed.screen({ input: new PassThrough(), output, terminal: 'xterm-256color', fullUnicode: true });
      blessed.listtable({ parent: screen, width: 20, height: 3, data: [['a'], ['b']] });
      blessed.box({ parent: screen, top: 5, content: 'certificates' });
      screen.render();
      setImmediate(() => {
        screen.destroy();
        console.log(drawn.includes('certificates'), screen.tput.terminal, process.exitCode ?? 0);
        process.exit();
      });`,
    prints: 'true xterm-256color 0',
    maxKiB: 500,
  },
  {
    name: 'a server',
    source: `import { DatabaseSync } from 'node:sqlite'; console.log(new DatabaseSync(':memory:').prepare('select 1 as a').get().a);`,
    target: 'node24',
    prints: '1',
  },
];

table('bundleProgram', rows, ({ source, target, prints, maxKiB }) =>
  inFolder(async (folder) => {
    const file = await bundle(folder, source, target ?? 'node20');
    assert.is(run(process.execPath, folder, file), prints);
    // A second Node is there after `make deps`; the flow tests need it, this one makes use of it.
    const older = findProgram('node20');
    if (older !== null && target === undefined) assert.is(run(older, folder, file), prints);
    if (maxKiB !== undefined) assert.ok(statSync(file).size < maxKiB * 1024, `${statSync(file).size} bytes`);
  }),
);

test('a bundle is a program: executable, by its first line', () =>
  inFolder(async (folder) => {
    const file = await bundle(folder, `console.log('started', process.argv[2]);`, 'node20');
    assert.is(execFileSync(file, ['here'], { encoding: 'utf8' }), 'started here\n');
    assert.ok(existsSync(`${file}.map`));
  }));

test('a server on an old Node says what it needs', () =>
  inFolder(async (folder) => {
    const file = await bundle(folder, `console.log('started');`, 'node24');
    const pretend = `Object.defineProperty(process.versions, 'node', { value: '24.6.9' }); require(${JSON.stringify(file)});`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', pretend], { encoding: 'utf8' });
    assert.is(status, 1);
    assert.is(stdout, '');
    assert.match(stderr, /needs Node 24\.7 or newer/);
  }));

test('what esbuild warns of stops the build', () =>
  inFolder(async (folder) => {
    await rejects(
      () => bundle(folder, `const a = JSON.parse('1'); console.log(typeof a === 'nmber');`, 'node20'),
      /nmber/,
    );
  }));

/** A clone that lies elsewhere: what goes into the bundles, and what makes them. */
function cloneOf(files: readonly string[], clone: string): void {
  const packages = new Set(files.flatMap((file) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []));
  const manifests = [...packages, 'node_modules/blessed'].map((name) => `${name}/package.json`);
  const makers = ['scripts/bundler.ts', 'package.json', 'tsconfig.json'];
  for (const file of new Set([...files.filter(existsSync), ...manifests, ...makers])) cpSync(file, join(clone, file));
  for (const name of ['esbuild', '@esbuild'])
    symlinkSync(resolve('node_modules', name), join(clone, 'node_modules', name));
}

const makeAll = `import { bundleProgram, programs } from './scripts/bundler.ts';
for (const program of programs) if (program.target === 'node20') await bundleProgram(program, 'dist');`;

test('the same source gives the same bytes: again, and in another directory', () =>
  inFolder(async (folder) => {
    const device = programs.filter(({ target }) => target === 'node20');
    const files = new Set<string>();
    for (const program of device)
      for (const file of await bundleProgram(program, join(folder, 'here'))) files.add(file);
    const clones = [join(folder, 'one'), join(folder, 'another', 'place')] as const;
    for (const cwd of clones) {
      cloneOf([...files], cwd);
      const env = { ...process.env, SOURCE_DATE_EPOCH: '1780000000' };
      execFileSync(process.execPath, ['--input-type=module', '-e', makeAll], { cwd, env, stdio: 'pipe' });
    }
    for (const { out } of device)
      for (const name of [`${out}.cjs`, `${out}.cjs.map`]) {
        const [one, another] = clones.map((clone) => readFileSync(join(clone, 'dist', name)));
        assert.ok(another && one?.equals(another), name);
      }
  }));

async function bundle(folder: string, source: string, target: Program['target']): Promise<string> {
  const entry = join(folder, 'a.ts');
  writeFileSync(entry, source);
  copyCompanions(folder);
  await bundleProgram({ entry, out: 'a', target }, folder);
  return join(folder, 'a.cjs');
}

/** With no terminfo of the system in sight, and without node_modules. */
function run(node: string, folder: string, file: string): string {
  const env = { PATH: '/usr/bin:/bin', TERM: 'xterm-256color', TERMINFO: folder, HOME: folder };
  return execFileSync(node, [file], { cwd: folder, env, encoding: 'utf8', timeout: 20_000 }).trimEnd();
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-bundle-'));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
