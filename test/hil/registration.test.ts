/**
 * A new device is unpacked: power on, the screens come, what the administrator told is typed on the keyboard, the policy
 * arrives, its certificates are listed. Then every window in both languages (T18, B15, F34).
 */
import { globSync, readFileSync } from 'node:fs';
import { assert, needs, test } from '../harness.ts';
import { firstScreen, hilPrograms, openImage, wake } from './image.ts';
import type { Machine } from './machine.ts';
import { keep, onStage, settle, startServer } from './stage.ts';
import { tour } from './tour.ts';

needs(hilPrograms);

/** Alt+Shift leads to Russian letters, and back. */
async function bothLayouts(machine: Machine): Promise<void> {
  await machine.reach('tab', /> User /);
  await machine.type('Ab1');
  await machine.press(['alt', 'shift']);
  await machine.type('Щука');
  await machine.press(['alt', 'shift']);
  await machine.type('z');
  await machine.see(/> User +Ab1Щукаz/);
  await keep(machine, '80x25-en-typed');
  for (let letter = 0; letter < 8; letter++) await machine.press('backspace');
  await machine.see(/> User +_/);
}

test('the font has every character of every golden frame', async () => {
  const { font } = await openImage();
  const golden = globSync('test/ui/golden/*.txt').map((path) => readFileSync(path, 'utf8'));
  const missing = [...new Set(golden.join('').replaceAll('\n', ''))].filter((each) => !font.alike.has(each));
  assert.equal(missing, []);
});

test('80×25: registration typed on the keyboard, the policy arrives, its certificates are listed; every window in two languages', () =>
  onStage(async (stage) => {
    const { image, system, folder, on } = stage;
    await startServer(system);
    const machine = await on(wake(image, folder));
    await machine.see(firstScreen);
    await keep(machine, '80x25-en-registration');
    await machine.press('f2');
    await machine.see(' Регистрация ');
    await keep(machine, '80x25-ru-registration');
    await machine.press('f2');
    await machine.see(firstScreen);
    await settle(stage, machine, 'desk');
    await tour(machine, 'en', '80x25');
    await bothLayouts(machine);
    await machine.press('f2');
    await tour(machine, 'ru', '80x25');
  }));
