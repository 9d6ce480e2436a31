/**
 * The machine is off while the server's certificate changes twice. Power on: a code is asked for, read from the cells of the
 * picture, answered by the server's command, and typed on the keyboard. The power goes right after; it is connected again
 * by the new certificate, and nothing is asked (T2, T14).
 */
import { assert, needs, test } from '../harness.ts';
import { boot, hilPrograms, wake } from './image.ts';
import { bootMs } from './machine.ts';
import { answerCode, changeTwice, codeWanted, keep, onStage, seeConnected, settle, startServer } from './stage.ts';

needs(hilPrograms);

test('changed twice while off: the code on the screen, the answer on the keyboard, connected; the same after a power cut', () =>
  onStage(async (stage) => {
    const { image, system, folder, on } = stage;
    await startServer(system);
    const first = await on(wake(image, folder));
    await settle(stage, first, 'desk');
    await first.cut();
    await changeTwice(system);

    const second = await on(boot(image, folder));
    assert.match(await second.see(codeWanted, bootMs), /Service desk/);
    await keep(second, '80x25-en-replacement');
    await second.press('f2');
    await second.see(' Требуется замена сертификата ');
    await keep(second, '80x25-ru-replacement');
    await second.press('f2');
    await answerCode(stage, second, true);
    await seeConnected(second);
    await second.cut();

    const third = await on(boot(image, folder));
    assert.not.match(await seeConnected(third), /replacement/);
    await keep(third, '80x25-en-after-replacement');
  }));
