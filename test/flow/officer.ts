/** A Security Officer: the Web Console of a real server in a real browser, opened by the link of the first start. */
import type { BrowserContext } from 'playwright-core';
import { webEn } from '../../words/web.ts';
import { password } from '../fakes/web-client.ts';
import { openBrowser } from '../web/browser.ts';
import type { System } from './system.ts';

export type Officer = {
  readonly origin: string;
  /** Signed in. */
  readonly context: BrowserContext;
  /** What a page sends; rejects where the server refuses. */
  readonly order: (method: 'POST' | 'PUT', path: string, body: object) => Promise<void>;
  /** `Confirm user actions`: types the confirmation code, compares the name, reads the digits. */
  readonly answer: (device: string, confirmation: string) => Promise<string>;
  readonly complaints: readonly string[];
  readonly close: () => Promise<void>;
};

export async function openOfficer(system: System): Promise<Officer> {
  const [, origin = '', path = ''] = /(https:\/\/[^/\s]+)(\/setup#\S+)/.exec(system.log('thintrust-server')) ?? [];
  const { visit, complaints, close } = await openBrowser(origin);
  const { page, open, context } = await visit();
  const enter = async (): Promise<void> => {
    await open(path);
    const fields = page.locator('input');
    await fields.nth(0).fill('officer');
    await fields.nth(1).fill(password);
    await fields.nth(2).fill(password);
    await page.keyboard.press('Enter');
    await page.locator('.shell h1').waitFor();
  };
  const order: Officer['order'] = async (method, path, body) => {
    const refused = await page.evaluate<string | null>(`(async () => {
      const { csrf } = await (await fetch('/api/v1/session')).json();
      const headers = { 'content-type': 'application/json', 'x-csrf-token': csrf };
      const body = ${JSON.stringify(JSON.stringify(body))};
      const answer = await fetch(${JSON.stringify(`/api/v1${path}`)}, { method: '${method}', headers, body });
      return answer.ok ? null : answer.text();
    })()`);
    if (refused !== null) throw new Error(`${path}: ${refused}`);
  };
  const answer: Officer['answer'] = async (device, confirmation) => {
    await open('/codes');
    await page.locator('.input-code').pressSequentially(confirmation);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: webEn.codes.actions.replaceCertificate }).waitFor();
    await page.getByRole('link', { name: device, exact: true }).waitFor();
    await page.getByRole('button', { name: webEn.codes.give, exact: true }).click();
    return ((await page.locator('.large-code').textContent()) ?? '').replaceAll(/\s/g, '');
  };
  try {
    await enter();
  } catch (failed) {
    await close();
    throw failed;
  }
  return { origin, context, order, answer, complaints, close };
}
