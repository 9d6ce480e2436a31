/**
 * `make bench-image`: the booted image in QEMU (`test/hil`). From the kernel's start to the first frame and to READY, beside the same
 * image with a bare Node daemon in place of ours; and what daemon and screens keep of memory after ten minutes connected,
 * beside that one. Everything in one run; the ratios say more than the seconds of an emulated processor.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { boot, wake } from '../test/hil/image.ts';
import { bootMs, type Machine } from '../test/hil/machine.ts';
import { onStage, settle, startServer } from '../test/hil/stage.ts';
import type { Row } from './row.ts';

type Memory = { readonly pssKiB: number; readonly anonymousKiB: number };
type Measured = {
  readonly frameMs: number;
  readonly readyMs: number;
  readonly bareReadyMs: number;
  readonly daemon: Memory;
  readonly screens: Memory;
  readonly bare: Memory;
};

const connectedMs = 600_000;
const bareMs = 60_000;
const goalBytes = 15e6;
/** Listens on a socket and says when it does, in seconds since the kernel started. */
const bareDaemon = `
const { readFileSync, writeFileSync } = require('fs');
require('net').createServer(() => {}).listen('/run/bare.sock', () => writeFileSync('/run/bare-ready', readFileSync('/proc/uptime')));
`;
const startBare = `cat > /run/bare.cjs <<'END'
${bareDaemon}
END
systemd-run --quiet --unit=bare --setenv=MALLOC_ARENA_MAX=1 /usr/bin/node /run/bare.cjs`;

/** Our files in the image, and the Node beside them. */
export async function benchImage(): Promise<Row[]> {
  const found = await measure();
  const sizes = readFileSync(join('build/image', process.arch, 'sizes.txt'), 'utf8')
    .trim()
    .split('\n');
  const bytes = sizes.reduce((sum, line) => sum + Number(line.split(' ')[0]), 0);
  return [
    row(
      'image: files of ours',
      `${(bytes / 1e6).toFixed(1)} MB`,
      'none',
      `≤ ${goalBytes / 1e6} MB`,
      bytes <= goalBytes,
    ),
    seconds('image: kernel to first frame', found.frameMs, found.bareReadyMs),
    seconds('image: kernel to READY=1', found.readyMs, found.bareReadyMs),
    memory('image: daemon after 10 min', found.daemon, found.bare),
    memory('image: screens after 10 min', found.screens, found.bare),
  ];
}

const row = (what: string, figure: string, floor: string, goal: string, met: boolean): Row => ({
  what,
  figure,
  floor,
  goal,
  met,
});
const times = (figure: number, floor: number): string => `${(figure / floor).toFixed(2)} ×`;
const megabytes = ({ pssKiB, anonymousKiB }: Memory): string =>
  `${(pssKiB / 1024).toFixed(1)} MiB PSS, ${(anonymousKiB / 1024).toFixed(1)} MiB anonymous`;
const seconds = (what: string, ms: number, floorMs: number): Row =>
  row(
    what,
    `${(ms / 1000).toFixed(1)} s (${times(ms, floorMs)})`,
    `bare daemon ${(floorMs / 1000).toFixed(1)} s`,
    'none',
    true,
  );
const memory = (what: string, figure: Memory, floor: Memory): Row =>
  row(
    what,
    `${megabytes(figure)} (${times(figure.anonymousKiB, floor.anonymousKiB)} anonymous)`,
    `bare daemon ${megabytes(floor)}`,
    'none',
    true,
  );

async function measure(): Promise<Measured> {
  let measured: Measured | null = null;
  await onStage(async (stage) => {
    const { image, system, folder, on } = stage;
    await startServer(system);
    const first = await on(wake(image, folder));
    await settle(stage, first, 'desk');
    await first.shell('sync');
    await first.cut();

    // The same boot, as far as what starts last: once with both of ours, once with a bare daemon in their place.
    const machine = await on(boot(image, folder));
    await machine.see(/Device service|Connect to/, bootMs);
    const frameMs = 1000 * Number(await machine.shell(`cut -d ' ' -f 1 /proc/uptime`));
    await machine.see(/Connection +connected/, bootMs);
    const readyMs = 1000 * (await readyAt(machine));
    await delay(connectedMs);
    const daemon = await memoryOf(machine, 'thintrustd');
    const screens = await memoryOf(machine, 'thintrust-ui');
    await machine.cut();

    const mask = ['thintrustd.service', 'thintrust-ui.service', 'thintrust-console.socket', 'thintrust-read.socket'];
    const other = await on(boot(image, folder, { words: mask.map((unit) => `systemd.mask=${unit}`) }));
    await other.says(/Multi-User System/, bootMs);
    const basic = Number(
      (await other.shell('systemctl show --property=ActiveEnterTimestampMonotonic --value thintrust-state')).trim(),
    );
    const started = Number((await other.shell(`cut -d ' ' -f 1 /proc/uptime; ${startBare}`)).trim());
    const said = await other.shell('until [ -s /run/bare-ready ]; do sleep 0.2; done; cat /run/bare-ready');
    // It would have been started where ours is: when the state directory is ready.
    const bareReadyMs = basic / 1000 + 1000 * (Number(said.split(' ')[0]) - started);
    await delay(bareMs);
    const bare = await memoryOf(other, 'bare');
    await other.cut();
    measured = { frameMs, readyMs, bareReadyMs, daemon, screens, bare };
  });
  if (measured === null) throw new Error('nothing was measured');
  return measured;
}

/** Seconds since the kernel started when the daemon said READY=1. */
const readyAt = async (machine: Machine): Promise<number> =>
  Number((await machine.shell('systemctl show --property=ActiveEnterTimestampMonotonic --value thintrustd')).trim()) /
  1e6;

async function memoryOf(machine: Machine, unit: string): Promise<Memory> {
  const text = await machine.shell(`cat /proc/$(systemctl show --property=MainPID --value ${unit})/smaps_rollup`);
  const of = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1]);
  return { pssKiB: of('Pss'), anonymousKiB: of('Anonymous') };
}
