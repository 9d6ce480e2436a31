/**
 * The battery of the clock is dead and the client of NTP reaches nobody: the machine believes it is 1970, then 2070. The screen
 * says what is wrong, a person sets date and time, all clocks have it, and what was due goes on (F1, F5, T11).
 */
import { until } from '../flow/system.ts';
import { assert, needs, test } from '../harness.ts';
import { boot, hilPrograms, wake } from './image.ts';
import { bootMs, type Machine } from './machine.ts';
import {
  answerCode,
  changeTwice,
  codeWanted,
  keep,
  onStage,
  type Stage,
  seeConnected,
  settle,
  startServer,
} from './stage.ts';

needs(hilPrograms);

/** From the main window, by the settings. */
async function setTime(machine: Machine, picture: string): Promise<void> {
  await machine.reach('tab', /> \[ Settings \]/);
  await machine.press('ret');
  await machine.see(' Settings ');
  await machine.reach('down', /> Date and time/);
  await machine.press('ret');
  await machine.see(' Date and time ');
  await keep(machine, picture);
  const [date = '', time = ''] = new Date().toISOString().split('T');
  await machine.press('home');
  await machine.type(date.replaceAll('-', ''));
  await machine.press('ret');
  await machine.see(/> Time/);
  await machine.press('home');
  await machine.type(time.slice(0, 5).replace(':', ''));
  await machine.press('ret');
  await machine.see(/The date and time are set\.|Certificate replacement required/);
}

/** Seconds by which a clock of the machine is off: that of the system, that of the hardware. */
async function offBy(machine: Machine, clock: 'date +%s' | 'cat /sys/class/rtc/rtc0/since_epoch'): Promise<number> {
  return Math.abs(Number(await machine.shell(clock)) - Date.now() / 1000);
}

/** What was typed had no seconds. */
const tolerance = 120;

async function begunIn(year: string, stage: Stage): Promise<void> {
  const { image, folder, on, system } = stage;
  await changeTwice(system);
  const machine = await on(boot(image, folder, { clock: `${year}-01-02T00:00:00` }));
  const shown = await machine.see(/Connect to[\s\S]*Time /, bootMs);
  await keep(machine, `80x25-en-${year}`);
  assert.not.match(shown, codeWanted, 'no code by a clock that is wrong');
  assert.ok((await offBy(machine, 'date +%s')) > tolerance);
  await setTime(machine, `80x25-en-${year}-time`);
  await answerCode(stage, machine);
  assert.ok((await offBy(machine, 'date +%s')) < tolerance, 'the clock of the system');
  // That of the hardware comes after it, and the screens do not wait for it.
  await until(
    'the clock of the hardware is set',
    () => offBy(machine, 'cat /sys/class/rtc/rtc0/since_epoch'),
    (seconds) => seconds < tolerance,
    bootMs,
  );
  assert.is(await machine.shell('systemctl is-active systemd-timesyncd'), 'active\n');
  // Back to where the person was.
  await machine.reach('esc', /Connect to/);
  await seeConnected(machine);
  assert.match(await machine.shell('journalctl -b -o cat -u thintrust-clock'), /^the clock is set to 20/m);
  assert.is(await machine.shell('systemctl show --property=Result --value thintrust-clock'), 'success\n');
  await machine.cut();
}

test('it is 1970, then 2070, and the certificate has changed twice: a person sets the date', () =>
  onStage(async (stage) => {
    const { image, system, folder, on } = stage;
    await startServer(system);
    const machine = await on(wake(image, folder));
    await settle(stage, machine, 'desk');
    await machine.cut();
    await begunIn('1970', stage);
    await begunIn('2070', stage);
  }));
