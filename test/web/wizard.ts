/** The wizard “Certificate issuance” in the browser: what is done at every walk through it. */
import { webEn } from '../../words/web.ts';
import { assert } from '../harness.ts';
import type { Visit } from './browser.ts';
import { open, type Stage } from './stage.ts';

export const { issue, parts } = webEn;
type Words = typeof issue;

/** Karenina has registered the reception. */
let furnished: Promise<Stage> | null = null;
export function stage(): Promise<Stage> {
  furnished ??= (async () => {
    const world = await open();
    const { db } = world.console.world.server;
    const by = db.selectFrom('users').select('id').where('name', '=', 'karenina');
    await db.updateTable('devices').set({ registered_by: by }).where('id', '=', world.device.id).execute();
    return world;
  })();
  return furnished;
}

export const next = ({ page }: Visit, words = parts) =>
  page.getByRole('button', { name: words.steps.next, exact: true }).click();
/** The step is there, and its heading has the focus. */
export async function at({ page }: Visit, title: string): Promise<void> {
  await page.locator('.steps-body h2:focus').getByText(title).waitFor();
  assert.is(await page.locator('[aria-current=step]').textContent(), title);
}
export async function begin(one: Visit, type: string, kind: string, words: Words = issue, all = parts): Promise<void> {
  const { page } = one;
  await page.getByRole('button', { name: words.start, exact: true }).click();
  await at(one, words.steps.type);
  await page.getByRole('radio', { name: type }).check();
  await next(one, all);
  await at(one, words.steps.kind);
  await page.getByRole('radio', { name: kind }).check();
  await next(one, all);
}
export const pick = ({ page }: Visit, name: string) =>
  page.getByRole('row').filter({ hasText: name }).getByRole('checkbox').check();
export const certificates = async ({ console }: Stage, alias: string) =>
  (
    await console.world.server.db
      .selectFrom('certificates')
      .select(['type', 'kind', 'device_name', 'user_name', 'status', 'source'])
      .where('alias', '=', alias)
      .execute()
  ).map((row) => ({ ...row }));
