/**
 * `make demo`: an Administration Server and one device on this machine, without root, everything below `.demo/`. The
 * console screens come in this terminal; what the administrator can type in another one is told before.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const folder = process.env['THINTRUST_DEMO'] ?? '.demo';
process.env['THINTRUST_CLIENTS'] ??= 'rootfs-overlay/usr/share/thintrust/clients';
const server = join(folder, 'server');
const device = join(folder, 'device');
const runtime = join(folder, 'run');

const sheet = `
You are the administrator too. In a second terminal, in this folder:
  export THINTRUST_SERVER_STATE=${server}
  npx thintrust-server group add Office
  npx thintrust-server device move demo --group Office
  npx thintrust-server policy add-certificate Office --purpose rdp ${folder}/rdp.pem
  npx thintrust-server policy add-certificate Office --purpose log ${folder}/log.pem
  npx thintrust-server policy set-contacts Office --name Desk --phone '+7 000'
A certificate change of the server that the device sees coming:
  npx thintrust-server certificate schedule
  npx thintrust-server certificate switch
One that it misses: leave the console with Ctrl-Q (the device is off then), twice
schedule and switch as above but with switch --override, power the device on
again here, and answer the code that its screen shows:
  npx thintrust-server code 'XXXX XXXX XXXX XXXX'
The device's own command: npx thintrust status --runtime ${runtime}
(This text: ${folder}/administrator.txt. The recovery passphrase of this server:
${folder}/thintrust-server.log.)
`;

type Program = { readonly line: string; readonly stop: () => Promise<void> };

const say = (line: string): boolean => process.stdout.write(`${line}\n`);
const pathOf = (name: string): string => join('dist', `${name}.cjs`);

/** Starts a program with its output in a log file, and waits for the first line of standard output that begins so. */
function start(name: string, args: readonly string[], awaited: string): Promise<Program> {
  const logPath = join(folder, `${name}.log`);
  const log = createWriteStream(logPath, { flags: 'a', mode: 0o600 });
  const child = spawn(process.execPath, [pathOf(name), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = ending(child);
  child.stderr.pipe(log, { end: false });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.write(`${line}\n`);
      if (line.startsWith(awaited)) resolve({ line, stop });
    });
    ended.then((code) => reject(new Error(`${name} ended with ${code}; see ${logPath}`)));
  });
}

const ending = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => {
    child.once('exit', resolve);
  });

/** Runs a command to its end and gives what it printed. */
async function command(name: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(process.execPath, [pathOf(name), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stdin.end(input);
  const code = await ending(child);
  if (code !== 0) throw new Error(`${name} ${args[0]} ended with ${code}`);
  return Buffer.concat(chunks).toString();
}

function ask(text: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  return new Promise((resolve) => {
    reader.once('close', () => resolve('q'));
    reader.question(text, (answer) => {
      resolve(answer.trim());
      reader.close();
    });
  });
}

const powerOn = async (): Promise<Program> => {
  const on = await start('thintrustd', ['--state', device, '--runtime', runtime], 'ready');
  const status = JSON.parse(await command('thintrust', ['status', '--json', '--runtime', runtime]));
  if (status.at !== 'unregistered') return on;
  say('· registering the device with a one-time password');
  const invited = await command('thintrust-server', ['invite', '--name', 'demo', '--json', '--state', server]);
  const { address, fingerprint, invitation, password } = JSON.parse(invited);
  const told = ['--address', address, '--fingerprint', fingerprint, '--invitation', invitation];
  await command('thintrust', ['register', ...told, '--runtime', runtime], `${password}\n`);
  return on;
};

const showConsole = (): Promise<number | null> =>
  ending(spawn(process.execPath, [pathOf('thintrust-ui'), '--runtime', runtime, '--allow-exit'], { stdio: 'inherit' }));

mkdirSync(folder, { recursive: true, mode: 0o700 });
copyFileSync('test/vectors/certificates/authority.pem', join(folder, 'rdp.pem'));
copyFileSync('test/vectors/certificates/leaf.pem', join(folder, 'log.pem'));
writeFileSync(join(folder, 'administrator.txt'), sheet.trimStart());

say('· starting the Administration Server (its authority, certificate and policy key are made on first start)');
const running = await start(
  'thintrust-server',
  ['run', '--state', server, '--https-port', '0', '--mqtt-port', '0'],
  'ready',
);
say(`· ${running.line}`);
say('· powering the device on');
let on = await powerOn();
say(sheet);
let answer = await ask('Press Enter to open the console screens (q ends the demo): ');
while (answer !== 'q') {
  await showConsole();
  await on.stop();
  say('· the device is off; the server runs on');
  answer = await ask('Press Enter to power the device on again (q ends the demo): ');
  if (answer !== 'q') on = await powerOn();
}
await on.stop();
await running.stop();
