/** Users of the server in the Web Console: added, changed, given another password, removed, and shown to whoever may only read. */
import { webEn, webRu } from '../../words/web.ts';
import { auditOf } from '../fakes/fleet-server.ts';
import { assert, needs, table, test } from '../harness.ts';
import { saved, shoot } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, nameOf, open } from './stage.ts';

needs(['chromium']);

const { users, parts, shell } = webEn;

test('a user is added with a password by the rule, edited, given another password, and removed', async () => {
  const world = await open();
  const one = await enter(world, nameOf('administrator'), '/users');
  const { page } = one;
  const dialog = page.getByRole('dialog');
  const row = page.getByRole('row').filter({ hasText: 'vronsky' });
  const add = page.getByRole('button', { name: users.add });
  await add.press('Enter');
  await dialog.getByLabel(users.name, { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  assert.ok(await add.evaluate((element) => element === element.ownerDocument.activeElement), 'the focus goes back');
  await add.click();
  await dialog.getByLabel(users.name, { exact: true }).fill('Vronsky@corp.example');
  const typed = dialog.getByLabel(users.password, { exact: true });
  await typed.fill('password');
  await dialog.getByText('at least three groups: A-Z').waitFor();
  await dialog.getByRole('button', { name: users.addOne }).click();
  await dialog.locator('.note-bad').waitFor();
  await shoot(one, 'users-add');
  assert.equal(await flawsOf(one), []);
  await typed.fill('Frou-Frou 1877');
  await dialog.getByText('at least three groups: A-Z').first().waitFor();
  await typed.fill('Frou-Frou~1877');
  await dialog.getByText('at least three groups: A-Z').nth(1).waitFor({ state: 'detached' });
  await dialog.getByLabel(users.fullName).fill('Alexei Vronsky');
  await dialog.getByLabel(users.email).fill('vronsky');
  await dialog.getByRole('button', { name: users.addOne }).click();
  await dialog.locator('.note-bad').getByText('not right').waitFor();
  await dialog.getByLabel(users.email).fill('vronsky@corp.example');
  await dialog.getByRole('button', { name: users.addOne }).click();
  await row.getByText('Alexei Vronsky').waitFor();

  await row.getByRole('button', { name: users.buttons.edit }).click();
  assert.is(await dialog.getByLabel(users.email).inputValue(), 'vronsky@corp.example');
  await dialog.getByLabel(users.phone).fill('+7 812 000-00-00');
  await dialog.getByLabel(users.maxDevices).fill('4');
  await page.keyboard.press('Enter');
  await row.getByText('+7 812 000-00-00').waitFor();
  await row.getByText('0 of 4').waitFor();

  await row.getByRole('button', { name: users.buttons.password }).click();
  await dialog.getByText(users.passwordEnds).waitFor();
  await dialog.getByRole('button', { name: users.passwordSet }).click();
  await dialog.getByText(users.madeOnce).waitFor();
  const made = (await dialog.locator('code').textContent()) ?? '';
  assert.match(made, /^\S{8,16}$/);
  await shoot(one, 'users-password');
  assert.equal(await flawsOf(one), []);
  await dialog.getByRole('button', { name: shell.close }).last().click();
  await dialog.waitFor({ state: 'detached' });
  assert.not.ok((await page.content()).includes(made), 'shown once');

  await row.getByRole('button', { name: users.buttons.remove }).click();
  await dialog.getByText('Devices that stay registered and connected: 0.').waitFor();
  await shoot(one, 'users-remove');
  assert.equal(await flawsOf(one), []);
  await dialog.getByRole('button', { name: users.buttons.remove }).click();
  await row.waitFor({ state: 'detached' });
  const acts = (await auditOf(world.console.world)).filter((act) => act.startsWith('user-'));
  assert.equal(acts.slice(0, 4), ['user-removed', 'user-password-set', 'user-changed', 'user-added']);
});

test('searched and sorted by the server, and all of it as a file', async () => {
  const one = await enter(await open(), nameOf('auditor'), '/users');
  const { page } = one;
  const names = page.getByRole('rowheader');
  await names.nth(1).waitFor();
  const usual = await names.allInnerTexts();
  await page.getByRole('button', { name: users.name, exact: true }).click();
  await names
    .first()
    .getByText(usual.at(-1) ?? '', { exact: true })
    .waitFor();
  assert.equal(await names.allInnerTexts(), usual.toReversed());
  await page.getByRole('searchbox').fill('mows');
  await page.getByRole('row').filter({ hasText: 'karenina' }).waitFor({ state: 'detached' });
  await page.getByRole('row').filter({ hasText: 'levin' }).waitFor();
  await page.getByRole('button', { name: users.fullName }).click();
  assert.match(page.url(), /q=mows.*sort=fullName/);
  const list = await saved(one, () => page.getByRole('link', { name: parts.table.csv }).click());
  assert.match(list, /^\uFEFFid,name,/);
  assert.ok(list.includes('levin') && !list.includes('karenina'), 'what the table finds');
});

const roles = [
  { name: 'officer', may: false },
  { name: 'administrator', may: true },
  { name: 'auditor', may: false },
] as const;

table('who may only read is shown no buttons', roles, async ({ name, may }) => {
  const { page } = await enter(await open(), nameOf(name), '/users');
  await page.getByRole('row').filter({ hasText: 'levin' }).waitFor();
  for (const button of [users.add, users.buttons.remove])
    assert.is(await page.getByRole('button', { name: button }).first().isVisible(), may, button);
});

test('a directory has its place, and says why there is none, in Russian too', async () => {
  const { page } = await enter(await open(), 'boris', '/users', 'ru-RU');
  await page.getByRole('heading', { level: 1, name: webRu.users.title }).waitFor();
  await page.getByText(webRu.users.directoryWhy).waitFor();
  assert.is(await page.getByRole('button', { name: webRu.users.directoryConnect }).isDisabled(), true);
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});
