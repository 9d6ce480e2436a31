/** Every window of a registered device, one after the other, each kept as a picture. */
import { type Language, wordsOf } from '../../words/say.ts';
import { assert } from '../harness.ts';
import type { Machine } from './machine.ts';
import { keep } from './stage.ts';

const lists = [
  ['tools', ['log', 'certificates', 'preflight', 'notices', 'product', 'repair']],
  ['settings', ['connection', 'logServer', 'rdp', 'broker', 'time', 'language', 'reset']],
] as const;

/** What a device that is settled has to say in some of them: its name and group, who to call, the policy's certificate. */
const said: Readonly<Record<Language, readonly (readonly [string, RegExp])[]>> = {
  en: [
    ['main', /Device +desk, group “Office”[\s\S]*Service desk/],
    ['certificates', /RDP server +authority/],
    ['product', /10\.0\.2\.2:\d+/],
  ],
  ru: [
    ['main', /Устройство +desk, группа «Office»[\s\S]*Service desk/],
    ['certificates', /Сервер RDP +authority/],
    ['product', /10\.0\.2\.2:\d+/],
  ],
};

/** From the main window and back to it; the pictures are named `<size>-<language>-<window>`. */
export async function tour(machine: Machine, language: Language, size: string): Promise<void> {
  const { menu, titles } = wordsOf[language].screens;
  const shown = new Map<string, string>();
  const look = async (window: keyof typeof titles): Promise<void> => {
    await machine.see(` ${titles[window]} `);
    if (window === 'log') await machine.see(/\d\d:\d\d/);
    shown.set(window, await keep(machine, `${size}-${language}-${window}`));
  };
  await look('main');
  for (const [list, windows] of lists) {
    await machine.reach('tab', new RegExp(`> \\[ ${menu[list]} \\]`));
    await machine.press('ret');
    await look(list);
    for (const [index, window] of windows.entries()) {
      if (index > 0) await machine.press('down');
      await machine.press('ret');
      await look(window);
      await machine.press('esc');
      await machine.see(` ${titles[list]} `);
    }
    await machine.press('esc');
    await machine.see(` ${titles.main} `);
  }
  for (const [window, wanted] of said[language]) assert.match(shown.get(window) ?? '', wanted);
}
