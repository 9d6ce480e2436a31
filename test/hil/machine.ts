/**
 * One machine in QEMU (`hardware.ts`), and what a person does with it: look at the screen, press keys, put in a stick, pull the
 * cable, pull the plug. The kernel's console is the first serial line, and on the second waits a shell that only the tests
 * put there (`image.ts`).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { alive } from '../fakes/processes.ts';
import { plain, readCells, readPixmap } from './cells.ts';
import type { Font } from './font.ts';
import { hardware, qemu } from './hardware.ts';
import { strokeOf } from './keyboard.ts';
import { connected, openQmp } from './qmp.ts';

export type Order = {
  /** For sockets and logs; its path is short, since a Unix socket's is at most 107 bytes. */
  readonly folder: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  /** Each a `-drive` without interface; the first is the root. */
  readonly disks: readonly string[];
  readonly font: Font;
  /** 160×50 instead of 80×25. */
  readonly uefi?: boolean;
  /** As `-rtc base=` has it. */
  readonly clock?: string;
  /** A state of `freeze`, of a machine with the same devices. */
  readonly from?: string;
  readonly more?: readonly string[];
};
export type Machine = Awaited<ReturnType<typeof startMachine>>;

/** How much slower than a computer of two cores with nothing else to do. */
const slow = Number(process.env['THINTRUST_SLOW'] ?? 1);
/** Four times what it takes there. */
export const patienceMs = 120_000 * slow;
/** From power on to the first screen. */
export const bootMs = 300_000 * slow;
const betweenKeysMs = 100;
/** A key that changes nothing is pressed again after this; one that was pressed twice goes too far. */
const answerMs = 5_000 * slow;
const lookEveryMs = 150;
/** Of this machine, whatever disk is in it. */
const uuid = '5c1f0e62-7f6b-4d43-9a35-6d1d6b1f2a10';
/** Pictures that are kept, for people to look at. */
const gallery = resolve('build/hil', hardware.pictures);

export async function startMachine(order: Order) {
  const { folder, font } = order;
  const at = (name: string): string => join(folder, name);
  mkdirSync(folder, { recursive: true });
  for (const name of ['qmp', 'shell']) rmSync(at(name), { force: true });
  const child = spawn(qemu(), argumentsOf(order), {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.on('exit', kill);
  const qmp = await openQmp(at('qmp'), () => alive(child)).catch((error: unknown) => {
    throw new Error(`${error}\n${complaint}`);
  });
  const shell = await openShell(at('shell'), child);
  if (order.from !== undefined) {
    await untilMigrated(qmp.run, 'incoming');
    await qmp.run('cont');
  }

  const picture = async () => {
    const file = at('screen.ppm');
    await qmp.run('screendump', { filename: file });
    return readPixmap(readFileSync(file));
  };
  const lines = async () => readCells(await picture(), font);
  const read = async (): Promise<string> => (await lines()).join('\n');
  const stroke = async (keys: readonly string[]): Promise<void> => {
    await qmp.run('send-key', { keys: keys.map((data) => ({ type: 'qcode', data })), 'hold-time': betweenKeysMs / 2 });
    await delay(betweenKeysMs);
  };
  const serial = (): string => readFileSync(at('serial.log'), 'latin1');

  /** The screen once it shows this, or its title is this text, and has come to rest. */
  const see = async (wanted: RegExp | string, limitMs = patienceMs): Promise<string> => {
    const shows = (shown: string): boolean =>
      typeof wanted === 'string'
        ? plain(`${shown.split('\n')[0]?.padEnd(80)}`, font).startsWith(plain(wanted, font))
        : wanted.test(shown);
    const end = performance.now() + limitMs;
    for (let before = ''; ; ) {
      const shown = await read();
      if (shown === before && shows(shown)) return shown;
      before = shown;
      if (performance.now() > end)
        throw new Error(`the screen never showed ${wanted}; it shows:\n${shown}\n--- serial\n${serial().slice(-2000)}`);
      await delay(lookEveryMs);
    }
  };
  const press = async (...keys: readonly (string | readonly string[])[]): Promise<void> => {
    for (const key of keys) await stroke(typeof key === 'string' ? [key] : key);
  };
  const end = async (): Promise<void> => {
    const ended = once(child, 'exit');
    if (alive(child)) {
      kill();
      await ended;
    }
    process.off('exit', kill);
    qmp.close();
    shell.close();
  };

  return {
    qmp: qmp.run,
    picture,
    lines,
    read,
    see,
    /** Names as QEMU's `QKeyCode` has them; several at once as a list. */
    press,
    type: (text: string): Promise<void> => press(...[...text].map(strokeOf)),
    /** Presses a key again and again, each time once the screen has answered the one before and come to rest, until it shows this. */
    reach: async (key: string | readonly string[], wanted: RegExp, limitMs = patienceMs): Promise<string> => {
      for (const until = performance.now() + limitMs; ; ) {
        const shown = await see(/\S/);
        if (wanted.test(shown)) return shown;
        if (performance.now() > until) throw new Error(`${key} never led to ${wanted}; the screen shows:\n${shown}`);
        await press(key);
        let now = shown;
        for (const end = performance.now() + answerMs; now === shown && performance.now() < end; now = await read())
          await delay(lookEveryMs);
      }
    },
    /** What a command prints; rejects where it fails. */
    shell: shell.run,
    serial,
    says: async (wanted: RegExp, limitMs = patienceMs): Promise<void> => {
      for (const until = performance.now() + limitMs; !wanted.test(serial()); await delay(lookEveryMs))
        if (performance.now() > until) throw new Error(`never said ${wanted}:\n${serial().slice(-4000)}`);
    },
    cable: (up: boolean): Promise<unknown> => qmp.run('set_link', { name: 'cable', up }),
    /** A USB stick with what is in a file; the machine could write to it. */
    plug: async (stick: string, filename: string): Promise<void> => {
      await qmp.run('blockdev-add', { driver: 'raw', 'node-name': stick, file: { driver: 'file', filename } });
      await qmp.run('device_add', { driver: 'usb-storage', bus: 'usb.0', id: stick, drive: stick, removable: true });
    },
    /** Pulled out without a word to the machine. */
    pull: (stick: string): Promise<unknown> => qmp.run('device_del', { id: stick }),
    /** The picture as it is now, among those that are kept. */
    keep: async (name: string): Promise<void> => {
      mkdirSync(gallery, { recursive: true });
      const file = at('screen.png');
      await qmp.run('screendump', { filename: file, format: 'png' });
      copyFileSync(file, join(gallery, `${name}.png`));
    },
    /** Stands still from now on; memory and devices are in the file. */
    freeze: async (file: string): Promise<void> => {
      await qmp.run('stop');
      await qmp.run('migrate', { uri: `exec:cat > '${file}'` });
      await untilMigrated(qmp.run, 'completed');
    },
    /** The plug is pulled: nothing that was not on the disk is there afterwards. */
    cut: end,
  };
}

/** The same for machines of the same devices, but for `folder`. */
export function argumentsOf(order: Omit<Order, 'font'>): string[] {
  const { folder, kernel, initrd, commandLine, disks, uefi, clock, from, more = [] } = order;
  const socket = (name: string): string => `unix:${join(folder, name)},server=on,wait=off`;
  return [
    ...['-accel', process.env['ACCEL'] ?? 'tcg', '-smp', '1', '-nodefaults', '-uuid', uuid],
    ...['-display', 'none', '-no-reboot', '-rtc', `base=${clock ?? 'utc'}`],
    ...hardware.parts(uefi === true),
    ...['-kernel', kernel, '-initrd', initrd, '-append', commandLine],
    ...['-qmp', socket('qmp'), ...hardware.lines(join(folder, 'serial.log'), socket('shell'))],
    ...disks.flatMap((disk, index) => ['-drive', `${disk},if=none,id=disk${index}`]),
    ...disks.flatMap((_, index) => ['-device', `virtio-blk-pci,drive=disk${index}`]),
    ...['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,id=cable,romfile='],
    ...['-device', 'virtio-rng-pci'],
    ...more,
    ...(from === undefined ? [] : ['-incoming', `exec:cat '${from}'`]),
  ];
}

type Run = (command: string) => Promise<unknown>;

async function untilMigrated(run: Run, what: 'incoming' | 'completed'): Promise<void> {
  for (const end = performance.now() + patienceMs; ; await delay(50)) {
    if (what === 'incoming') {
      const { status } = (await run('query-status')) as { status: string };
      if (status !== 'inmigrate') return;
    } else {
      const { status } = (await run('query-migrate')) as { status?: string };
      if (status === 'completed') return;
      if (status === 'failed') throw new Error('the state could not be saved');
    }
    if (performance.now() > end) throw new Error('migration never ended');
  }
}

/** Commands on the second serial line, one at a time; what they print comes between two marks. */
async function openShell(path: string, child: ChildProcess) {
  const socket = await connected(path, () => alive(child));
  socket.setEncoding('utf8').on('error', () => {});
  let heard = '';
  socket.on('data', (text: string) => {
    heard += text;
  });
  let count = 0;
  const run = async (command: string, limitMs = patienceMs): Promise<string> => {
    const mark = `m${++count}m`;
    heard = '';
    socket.write(`{ ${command}\n} 2>&1; printf '\\n%s %s %s\\n' ${mark} $? end\n`);
    const ended = new RegExp(`\\r?\\n${mark} (\\d+) end\\r?\\n`);
    for (const end = performance.now() + limitMs; ; await delay(20)) {
      const found = ended.exec(heard);
      if (found) {
        const output = heard.slice(0, found.index).replaceAll('\r', '');
        if (found[1] !== '0') throw new Error(`${command} ended with ${found[1]}:\n${output}`);
        return output;
      }
      if (performance.now() > end || !alive(child)) throw new Error(`${command} never ended; it printed:\n${heard}`);
    }
  };
  return { run, close: () => void socket.destroy() };
}
