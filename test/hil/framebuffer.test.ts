/** The same as at 80×25 from power on, on a screen of 160×50: every window in both languages (T18, F34). */
import { assert, needs, test } from '../harness.ts';
import { boot, firstScreen, hilPrograms } from './image.ts';
import { bootMs } from './machine.ts';
import { onStage, settle, startServer } from './stage.ts';
import { tour } from './tour.ts';

needs(hilPrograms);

test('160×50: registration typed on the keyboard, the policy arrives; every window in two languages', () =>
  onStage(async (stage) => {
    const { image, system, folder, on } = stage;
    await startServer(system);
    const machine = await on(boot(image, folder, { uefi: true }));
    const first = await machine.see(firstScreen, bootMs);
    assert.is((await machine.picture()).width, 1280);
    assert.is(first.split('\n').length, 50);
    await settle(stage, machine, 'desk');
    await tour(machine, 'en', '160x50');
    await machine.press('f2');
    await tour(machine, 'ru', '160x50');
  }));
