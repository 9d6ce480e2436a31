/** Accounts, tokens, the audit log's filters, and long work, as people of each role meet them. */
import { allRights } from '../../server/core/permission.ts';
import { addToken } from '../../server/edge/tokens.ts';
import { webEn, webRu } from '../../words/web.ts';
import { value } from '../fakes/fleet-server.ts';
import { addPerson, password } from '../fakes/web-client.ts';
import { assert, needs, test } from '../harness.ts';
import { shoot, type Visit } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, nameOf, open, type Stage } from './stage.ts';

needs(['chromium']);

const { accounts, audit, jobs, shell } = webEn;
const root = { actor: 'root', rights: allRights };
const rowOf = ({ page }: Visit, name: string) =>
  page.locator('.table-block tbody tr', { has: page.getByRole('rowheader', { name, exact: true }) });
const buttonOf = (one: Visit, name: string, what: keyof typeof accounts.buttons) =>
  rowOf(one, name).getByRole('button', { name: `${accounts.buttons[what]} ${name}` });
const confirm = async ({ page }: Visit, name: string): Promise<void> => {
  await page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
};

async function as(world: Stage, name: string, path: string): Promise<Visit> {
  const one = await enter(world, name, path);
  await one.page.locator('.section tbody tr, .table-block tbody tr, .table-empty').first().waitFor();
  return one;
}

test('an account is added with a password shown once, edited, given another, disabled, enabled, removed', async () => {
  const world = await open();
  const one = await as(world, 'anna', '/accounts');
  const { page } = one;
  await page.getByRole('button', { name: accounts.add }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(accounts.name, { exact: true }).fill('nikita');
  await confirm(one, accounts.add);
  await dialog.getByText(accounts.noRole).waitFor();
  await dialog.getByLabel(shell.account.roles.auditor).check();
  assert.equal(await flawsOf(one), []);
  await shoot(one, 'accounts-add');
  await confirm(one, accounts.add);
  await dialog.getByText(accounts.once).waitFor();
  const secret = (await dialog.locator('code').textContent()) ?? '';
  await shoot(one, 'accounts-password');
  await dialog.getByRole('button', { name: shell.close }).last().click();
  await rowOf(one, 'nikita').getByText('Auditor').waitFor();
  assert.is(await page.getByText(secret).count(), 0);
  const other = world.console.page();
  assert.is((await other.signIn('nikita', secret)).status, 200);

  await buttonOf(one, 'nikita', 'edit').click();
  await dialog.getByLabel(accounts.fullName).fill('Nikita N.');
  await dialog.getByLabel(shell.account.roles.officer).check();
  await confirm(one, accounts.save);
  await rowOf(one, 'nikita').getByText('Security Officer').waitFor();
  await buttonOf(one, 'nikita', 'password').click();
  await dialog.getByText(accounts.passwordWhat[0] ?? '').waitFor();
  await dialog.getByLabel(accounts.ownPassword).check();
  await dialog.getByLabel(accounts.password, { exact: true }).fill(password);
  await confirm(one, accounts.buttons.password);
  await dialog.waitFor({ state: 'detached' });
  assert.is((await other.ask('GET', '/devices')).status, 401, 'signed out');

  await buttonOf(one, 'nikita', 'disable').click();
  await shoot(one, 'accounts-disable');
  assert.equal(await flawsOf(one), []);
  await confirm(one, accounts.buttons.disable);
  await rowOf(one, 'nikita').getByText(accounts.disabled, { exact: true }).waitFor();
  await buttonOf(one, 'nikita', 'enable').click();
  await confirm(one, accounts.buttons.enable);
  await rowOf(one, 'nikita').getByText(accounts.enabled, { exact: true }).waitFor();
  await buttonOf(one, 'nikita', 'remove').click();
  await confirm(one, accounts.buttons.remove);
  await rowOf(one, 'nikita').waitFor({ state: 'detached' });
});

test('the second factor of another is reset; one’s own account stays, and says why', async () => {
  const world = await open();
  await addPerson(world.console, 'lost', 'auditor');
  const { db } = world.console.world.server;
  await db.updateTable('accounts').set({ second_factor: 'x' }).where('name', '=', 'lost').execute();
  const one = await as(world, 'anna', '/accounts');
  await buttonOf(one, 'lost', 'secondFactor').click();
  await confirm(one, accounts.buttons.secondFactor);
  await rowOf(one, 'lost').getByText(accounts.off, { exact: true }).waitFor();
  assert.is(await buttonOf(one, 'anna', 'remove').isDisabled(), true);
  assert.is(await buttonOf(one, 'anna', 'disable').isDisabled(), true);
  await rowOf(one, 'anna').getByText(accounts.self).waitFor();
  await buttonOf(one, 'anna', 'edit').click();
  const box = one.page.getByRole('dialog').getByLabel(shell.account.roles.auditor);
  assert.is(await box.isDisabled(), true);
  await one.page.getByRole('dialog').getByText(accounts.ownRoles).first().waitFor();
});

test('nobody gives a role whose rights he does not hold, nor touches who has it', async () => {
  const world = await open();
  const one = await as(world, nameOf('administrator'), '/accounts');
  assert.is(await buttonOf(one, nameOf('officer'), 'edit').isDisabled(), true);
  await rowOf(one, nameOf('officer')).getByText(accounts.beyond).waitFor();
  assert.is(await buttonOf(one, nameOf('auditor'), 'remove').isDisabled(), false);
  await one.page.getByRole('button', { name: accounts.add }).click();
  const dialog = one.page.getByRole('dialog');
  assert.is(await dialog.getByLabel(shell.account.roles.officer).isDisabled(), true);
  assert.is(await dialog.getByLabel(shell.account.roles.administrator).isDisabled(), false);
  await dialog.getByText(accounts.notYours).waitFor();
  await shoot(one, 'accounts-not-yours');
});

test('who may not change accounts reads them, and what each role may', async () => {
  const world = await open();
  for (const name of [nameOf('officer'), nameOf('auditor')]) {
    const one = await as(world, name, '/accounts');
    await rowOf(one, 'anna').waitFor();
    assert.is(await one.page.getByRole('button', { name: accounts.add }).count(), 0);
    assert.is(await rowOf(one, 'anna').getByRole('button').count(), 0);
    const row = one.page.locator('.section tbody tr', { hasText: accounts.rights['answer-codes'] });
    const cells = (await row.locator('td').allInnerTexts()).map((text) => text.trim());
    assert.equal(cells.slice(1), [shell.yes, '–', '–'], 'officer, administrator, auditor');
  }
});

test('tokens: made with a role and an end, shown once, ended', async () => {
  const world = await open();
  value(await addToken(world.console.world.server, root, { name: 'backup', roles: ['officer'], days: 9 }));
  const one = await as(world, nameOf('administrator'), '/accounts/tokens');
  const { page } = one;
  await rowOf(one, 'backup').getByText(accounts.beyond).waitFor();
  await page.getByRole('button', { name: accounts.tokens.add }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(accounts.tokens.name).fill('robot');
  await dialog.getByLabel(shell.account.roles.auditor).check();
  await dialog.getByLabel(accounts.tokens.days).selectOption('30');
  await shoot(one, 'tokens-add');
  assert.equal(await flawsOf(one), []);
  await confirm(one, accounts.tokens.add);
  const secret = (await dialog.locator('code').textContent()) ?? '';
  assert.match(secret, /^tt_/);
  const authorization = `Bearer ${secret}`;
  const asked = () => world.console.page().ask('GET', '/status', { headers: { authorization } });
  assert.is((await asked()).status, 200);
  await dialog.getByRole('button', { name: shell.close }).last().click();
  await rowOf(one, 'robot').getByRole('button').click();
  await dialog.getByText(accounts.tokens.endWhat).waitFor();
  await confirm(one, accounts.tokens.end);
  await rowOf(one, 'robot').waitFor({ state: 'detached' });
  assert.is((await asked()).status, 401);
});

test('the audit log by who, what and day; the address remembers, and the file has the same rows', async () => {
  const world = await open();
  const one = await as(world, 'anna', '/audit');
  const { page } = one;
  const rows = page.locator('.table tbody tr');
  await page.getByLabel(audit.actor, { exact: true }).fill('root');
  await page.keyboard.press('Enter');
  await page.getByLabel(audit.action, { exact: true }).selectOption('group-added');
  await page.locator('.table-count', { hasText: /^Found: \d$/ }).waitFor();
  await rows.filter({ hasText: 'Office' }).first().waitFor();
  const found = await rows.count();
  await page.getByLabel(audit.to, { exact: true }).fill('2001-01-01');
  await page.getByText(webEn.parts.table.nothingFound).waitFor();
  assert.match(page.url(), /to=97\d+/);
  await page.reload();
  assert.is(await page.getByLabel(audit.to, { exact: true }).inputValue(), '2001-01-01');
  const day = new Date(world.console.world.time.now).toISOString().slice(0, 10);
  await page.getByLabel(audit.to, { exact: true }).fill(day);
  await page.locator('.table-count', { hasText: /^Found: \d$/ }).waitFor();
  await shoot(one, 'audit-filtered');
  const link = await page.getByRole('link', { name: webEn.parts.table.csv }).getAttribute('href');
  const file = await (await one.context.request.get(link ?? '')).text();
  assert.is(file.trim().split('\r\n').length - 1, found, file);
});

test('long work: its progress stays on every page and after a reload; the outcome is there, then it is put away', async () => {
  const world = await open();
  const one = await enter(world, 'boris', '/onboarding', 'ru-RU');
  const { page } = one;
  const csv = ['name', ...Array.from({ length: 600 }, (_, index) => `list-${index}`)].join('\n');
  await page
    .locator('input[type=file]')
    .setInputFiles({ name: 'x.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });
  await page.getByRole('button', { name: webRu.onboarding.makeInvitations }).click();
  const bar = page.getByRole('progressbar', { name: webRu.jobs.kinds['invitations/import'] });
  await bar.waitFor();
  await shoot(one, 'jobs-running');
  await page.getByRole('link', { name: webRu.devices.title }).first().click();
  await page.locator('.table tbody tr').first().waitFor();
  await page.reload();
  await page.locator('.job').getByText(webRu.jobs.states.done).waitFor();
  await page.locator('.job', { hasText: '600' }).waitFor();
  assert.equal(await flawsOf(one), []);
  await shoot(one, 'jobs-done');
  await page.getByRole('button', { name: webRu.jobs.look }).click();
  const link = page.getByRole('dialog').getByRole('link', { name: webRu.onboarding.save });
  assert.match((await link.getAttribute('href')) ?? '', /list-599/);
  await shoot(one, 'jobs-outcome');
  await page.getByRole('dialog').getByRole('button', { name: webRu.shell.close }).last().click();
  await page.getByRole('button', { name: webRu.jobs.forget }).click();
  await page.locator('.job').waitFor({ state: 'detached' });
});

test('long work is ended on the way: what was done is told before', async () => {
  const world = await open();
  const one = await enter(world, 'anna', '/devices');
  const { page } = one;
  const { server } = world.console.world;
  await server.db
    .insertInto('jobs')
    .values({
      id: 'slow',
      kind: 'certificates/renew',
      actor: 'anna',
      sealed: '',
      answer: null,
      fault: null,
      state: 'running',
      total: 5000,
      done: 1234,
      refused: 6,
      made_at: server.clock(),
      started_at: server.clock(),
      finished_at: null,
    })
    .execute();
  await page.reload();
  await page.locator('.job', { hasText: '1,240 of 5,000, refused: 6' }).waitFor();
  await page.getByRole('button', { name: jobs.end }).click();
  await page.getByRole('dialog').getByText('3,760').waitFor();
  await shoot(one, 'jobs-end');
  assert.equal(await flawsOf(one), []);
  await confirm(one, jobs.end);
  await page.locator('.job').getByText(jobs.states.ended).waitFor();
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});
