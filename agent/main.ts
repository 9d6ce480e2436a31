/**
 * `thintrustd`: reads where to live from arguments and environment, builds the edges, and runs the core until it is told to
 * leave. Exit codes: 0 after SIGTERM or SIGINT, 1 broken, 2 usage.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { guardMemory, openEngine } from '../native/engine.ts';
import { type Fault, fault, good, type Result } from '../protocol/fault.ts';
import { type Instant, instant } from '../protocol/time.ts';
import { sayVersion, version } from '../protocol/version.ts';
import { initial, step } from './core/agent.ts';
import type { DiskRead, Happening, Now, Socket } from './core/shape.ts';
import { builtAt } from './edge/build.ts';
import { openClock } from './edge/clock.ts';
import { openControl } from './edge/control.ts';
import { openDisk } from './edge/disk.ts';
import { openExport } from './edge/export.ts';
import { openExportCorporate } from './edge/export-corporate.ts';
import { readFactory } from './edge/factory.ts';
import { diskFault, errnoOf, realFiles } from './edge/files.ts';
import { openForwarder } from './edge/forward.ts';
import { type Journal, openJournal } from './edge/journal.ts';
import { openKeys } from './edge/keys.ts';
import type { Launcher, LauncherOrder } from './edge/launcher.ts';
import { type Lock, lockDirectory } from './edge/lock.ts';
import { appendAudit, openLogs, teeJournal } from './edge/logs.ts';
import { openMedia } from './edge/media.ts';
import { collectGarbage } from './edge/memory.ts';
import { openMqtt } from './edge/mqtt.ts';
import { type Datagram, type Notify, openNotify } from './edge/notify.ts';
import { openPerform } from './edge/perform.ts';
import { systemRandom } from './edge/random.ts';
import { openSecrets } from './edge/secrets.ts';
import { inheritedSockets, listenOnDescriptor, listenOnPath } from './edge/sockets.ts';
import { openSpool } from './edge/spool.ts';
import { watchSticks } from './edge/sticks.ts';
import { run, systemAlarm } from './loop.ts';

type Places = { readonly state: string; readonly runtime: string };
type Environment = NodeJS.ProcessEnv;

const usage = 'usage: thintrustd [--state DIR] [--runtime DIR] | --version | --help\n';
const farewellMs = 2000;
/** So long after the last happening the daemon counts as quiet. */
const quietMs = 2000;
/** What the state on disk has room for; a longer one could not be read back. */
const longestHardwareId = 200;

/** Runs to the end and gives the exit code. */
async function main(args: readonly string[], env: Environment): Promise<number> {
  const asked = readArguments(args, env);
  if ('say' in asked) {
    (asked.code === 0 ? process.stdout : process.stderr).write(asked.say);
    return asked.code;
  }
  const journal = openJournal((line) => process.stderr.write(line), env);
  const unguarded = guardMemory();
  if (unguarded !== null) journal('warning', `keys in memory are not guarded: ${unguarded}`, null);
  try {
    mkdirSync(asked.runtime, { recursive: true, mode: 0o755 });
  } catch (error) {
    journal('error', 'a directory cannot be made or is none', systemFault(error));
    return 1;
  }
  const owned = await ownState(asked.state, journal);
  if (!owned.ok) {
    journal('error', 'another daemon uses this state directory', owned.fault);
    return 1;
  }
  const code = await serve(asked, env, journal, owned.value.why);
  owned.value.lock?.release();
  return code;
}

/** `why`: nothing can be written there. */
type Owned = { readonly lock: Lock | null; readonly why: Fault | null };

/**
 * Where nothing can be written there is nothing to lock, and no reason to stay away: a device whose data partition is
 * missing or broken says so on its screens.
 */
async function ownState(state: string, journal: Journal): Promise<Result<Owned>> {
  try {
    mkdirSync(state, { recursive: true, mode: 0o700 });
    const lock = await lockDirectory(state);
    return lock.ok ? good({ lock: lock.value, why: null }) : lock;
  } catch (error) {
    const why = errnoOf(error) === null ? systemFault(error) : diskFault(error, 'state');
    journal('error', 'the state directory cannot be used', why);
    return good({ lock: null, why });
  }
}

/**
 * State that can be read and not written, as after the disk has failed, counts as storage that is missing: to go on would be to
 * stop at the first write, and to begin again. A full disk is another matter, and is told when something is written.
 */
const sealed = (read: DiskRead, why: Fault | null): DiskRead =>
  why === null || why.code === 'disk-full' || read.generations.some(({ number }) => number === 0)
    ? read
    : { generations: [{ number: 0, content: { ok: false, fault: why } }], counters: read.counters };

const systemFault = (error: unknown): Fault =>
  fault('disk-failed', { what: error instanceof Error ? error.message : String(error) });

async function serve(
  { state, runtime }: Places,
  env: Environment,
  stderr: Journal,
  why: Fault | null,
): Promise<number> {
  const clock = openClock(undefined, env['THINTRUST_SET_CLOCK']);
  const built = builtAt(env);
  const stamp = (): Now => ({
    wall: clock.wall(),
    uptimeMs: clock.uptimeMs(),
    synced: clock.synced(),
    random: systemRandom.fraction(),
    nonce: systemRandom.nonce(),
  });
  // Edges tell the loop, and the loop drives the edges: what is told before the loop exists waits.
  const early: Happening[] = [];
  let emit = (happening: Happening): void => void early.push(happening);
  const tell = (happening: Happening): void => emit(happening);

  const disk = await openDisk(state, realFiles);
  const spool = await openSpool(state, realFiles);
  const wall = (): Instant => clock.wall();
  const logs = await openLogs({ folder: state, files: realFiles, version, now: wall, uptimeMs: clock.uptimeMs });
  const journal = teeJournal(stderr, logs, wall);
  const facts = { version, runtime: process.version };
  void logs.event.append({ at: wall(), severity: 'info', component: 'agent', text: 'daemon started', facts });
  const mqtt = openMqtt(tell);
  const forwarder = openForwarder(logs, tell);
  const notify = announcing(openNotify(env, process.pid, datagramOf()), env, runtime);
  const secrets = openSecrets();
  const media = openMedia(runtime);
  const control = await openControl({
    sockets: socketsOf(runtime, env),
    emit: tell,
    secrets,
    log: logs.event.page,
    media,
  });
  const perform = openPerform({
    storage: disk,
    keys: openKeys(env['THINTRUST_KEY'] ?? 'file', env['THINTRUST_TPM'] ?? '/dev/tpmrm0'),
    spool,
    logs: { audited: (event) => appendAudit(logs, event), giveWay: logs.giveWay },
    forwarder,
    exportTrust: openExport(runtime, realFiles),
    exportCorporate: openExportCorporate(runtime, realFiles, disk.readKey),
    mqtt,
    control,
    notify,
    journal,
    judging: { at: (): Instant => instant(Math.max(clock.best(), built)) },
    setClock: clock.set,
    launch: lateLauncher({
      folders: (env['THINTRUST_CLIENTS'] ?? '/etc/thintrust/clients:/usr/share/thintrust/clients').split(':'),
      sessionFile: env['THINTRUST_SESSION'] ?? '/etc/thintrust/session.json',
      runtime,
      take: secrets.take,
      nonce: systemRandom.nonce,
      emit: tell,
      journal,
    }),
    emit: tell,
  });
  const loop = run({ initial, step, perform, stamp });
  loop.send({
    type: 'started',
    disk: sealed(await disk.read(), why),
    lastEvent: spool.last(),
    damagedEvents: spool.damaged,
    built,
    hardware: hardwareId(env),
    factory: await readFactory(env['THINTRUST_FACTORY'] ?? '/usr/share/thintrust/trust', realFiles, built),
    versions: { agent: version, runtime: process.version },
  });
  // What a start, a connection or a message left behind goes once it is quiet (docs/adr/0009-memory-of-the-daemon.md).
  const rest = systemAlarm();
  rest(quietMs, collectGarbage);
  emit = (happening) => {
    rest(quietMs, collectGarbage);
    loop.send(happening);
  };
  for (const happening of early) loop.send(happening);
  const sticks = watchSticks(runtime, media, tell);
  const leave = async (): Promise<void> => {
    sticks.close();
    await notify.stopping();
    await Promise.all([mqtt.leave(farewellMs), forwarder.leave(farewellMs)]);
    loop.stop();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void leave());

  const code = await loop.done;
  await control.close();
  await logs.sync();
  notify.close();
  return code;
}

/** Loaded by the first launch: most of the time a daemon has none. */
function lateLauncher(order: LauncherOrder): Launcher {
  let opened: Promise<Launcher> | null = null;
  return async (launch) => {
    opened ??= import('./edge/launcher.ts').then(({ openLauncher }) => openLauncher(order));
    await (await opened)(launch);
  };
}

function readArguments(
  args: readonly string[],
  env: Environment,
): Places | { readonly say: string; readonly code: number } {
  const folder = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  try {
    const options = { state: folder, runtime: folder, version: flag, help: flag };
    const { values } = parseArgs({ args: [...args], options, strict: true });
    if (values.version) return { say: sayVersion('thintrustd'), code: 0 };
    if (values.help) return { say: usage, code: 0 };
    return {
      state: values.state ?? env['THINTRUST_STATE'] ?? '/var/lib/thintrust',
      runtime: values.runtime ?? env['THINTRUST_RUNTIME'] ?? '/run/thintrust',
    };
  } catch {
    return { say: usage, code: 2 };
  }
}

function socketsOf(runtime: string, env: Environment) {
  const inherited = inheritedSockets(env, process.pid);
  return (['console', 'read'] as const).map((right: Socket) => {
    const descriptor = inherited.get(`${right}.socket`);
    const place =
      descriptor === undefined ? listenOnPath(join(runtime, `${right}.sock`)) : listenOnDescriptor(descriptor);
    return { ...place, right };
  });
}

/** A person or a script that starts us by hand reads one line instead. */
function announcing(notify: Notify, env: Environment, runtime: string): Notify {
  if (env['NOTIFY_SOCKET']) return notify;
  let announced = false;
  return {
    ...notify,
    send: async (ready, status) => {
      if (ready && !announced) process.stdout.write(`ready ${runtime}\n`);
      announced ||= ready;
      await notify.send(ready, status);
    },
  };
}

function datagramOf(): Datagram | null {
  try {
    return openEngine().notify;
  } catch {
    return null;
  }
}

/**
 * What says whether this storage has moved to another machine: the credential of the unit, which the firmware fills with a
 * number of the machine, else the machine id. That one a read-only root makes anew at every start.
 */
function hardwareId(env: Environment): string {
  const credentials = env['CREDENTIALS_DIRECTORY'];
  const places = [...(credentials ? [join(credentials, 'thintrust.hardware')] : []), '/etc/machine-id'];
  const found = [env['THINTRUST_HARDWARE'] ?? '', ...places.map(lineOf)].find((each) => each !== '');
  return found?.slice(0, longestHardwareId) ?? 'unknown';
}

function lineOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

main(process.argv.slice(2), process.env).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`thintrustd: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
