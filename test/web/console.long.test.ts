/** The Web Console as a person meets it: a browser, real HTTPS, a real server with devices. */
import { makeConfirmation } from '../../protocol/codes.ts';
import { instant, minuteMs } from '../../protocol/time.ts';
import type { Role } from '../../server/core/permission.ts';
import { stepAt, totp } from '../../server/core/totp.ts';
import { makeSetupLink } from '../../server/edge/accounts.ts';
import { webEn, webRu } from '../../words/web.ts';
import { addTwin, auditOf, value } from '../fakes/fleet-server.ts';
import { addPerson, password } from '../fakes/web-client.ts';
import { assert, needs, table, test } from '../harness.ts';
import { saved, shoot, type Visit } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { codeOf, enter, nameOf, open, type Stage, secretOf } from './stage.ts';

needs(['chromium']);

const heading = ({ page }: Visit, name: string) => page.getByRole('heading', { level: 1, name, exact: true });

test('the setup link makes the first account and leads inside', async () => {
  const { console, visit } = await open();
  const link = value(await makeSetupLink(console.world.server, 'root'));
  const one = await visit();
  await one.open('/setup');
  await one.page.getByText(webEn.shell.setup.noToken).waitFor();
  await one.page.goto('about:blank');
  await one.open(`/setup#${link.url.split('#')[1]}`);
  const fields = one.page.locator('input');
  await fields.nth(0).fill('first');
  await fields.nth(1).fill('first first first');
  await fields.nth(2).fill('another');
  await one.page.getByText(webEn.shell.setup.different).waitFor();
  await fields.nth(2).fill('first first first');
  await one.page.keyboard.press('Enter');
  await one.page.getByText('must not contain the name').waitFor();
  await fields.nth(1).fill(password);
  await fields.nth(2).fill(password);
  await one.page.keyboard.press('Enter');
  await one.page.locator('.shell h1').waitFor();
  assert.is(one.path(), '/dashboard');
  assert.is(await one.page.evaluate('location.hash'), '');
});

test('a wrong password is refused in words, in the language of the browser', async () => {
  const { visit } = await open();
  const one = await visit('ru-RU');
  await one.open('/codes');
  await heading(one, webRu.shell.signIn.title).waitFor();
  assert.is(await one.page.locator('html').getAttribute('lang'), 'ru');
  await one.signIn('anna', 'wrong');
  await one.page.getByRole('alert').getByText('Неверн').waitFor();
  await one.signIn('anna', password);
  await one.page.locator('.shell h1').waitFor();
  assert.is(one.path(), '/codes', 'the page that was asked for');
});

const navigation: readonly { readonly name: Role; readonly entries: readonly string[]; readonly closed: string }[] = [
  { name: 'officer', entries: ['Confirm user actions', 'Devices', 'Audit'], closed: '/nowhere' },
  { name: 'administrator', entries: ['Devices', 'Audit'], closed: '/codes' },
  { name: 'auditor', entries: ['Devices', 'Audit'], closed: '/codes' },
];

table('each role is shown what it may use', navigation, async ({ name, entries, closed }) => {
  const one = await enter(await open(), nameOf(name));
  const shown = await one.page.locator('#navigation a').allInnerTexts();
  assert.equal(
    shown.map((text) => text.trim()).filter((text) => entries.includes(text) || text === webEn.codes.title),
    entries,
  );
  await one.open(closed);
  const { missing, forbidden } = webEn.shell;
  await heading(one, closed === '/nowhere' ? missing.title : forbidden.title).waitFor();
});

test('a session that is over asks for the password and leads back; signing out stays out', async () => {
  const world = await open();
  const one = await enter(world, 'the-officer', '/audit');
  const { time } = world.console.world;
  time.now = instant(time.now + 31 * minuteMs);
  await one.page.getByRole('link', { name: webEn.devices.title }).click();
  await one.page.getByText(webEn.shell.signIn.ended).waitFor();
  await one.signIn('the-officer', password);
  await heading(one, webEn.devices.title).waitFor();
  assert.is(one.path(), '/devices');
  await one.page.locator('.account-button').click();
  await one.page.getByRole('button', { name: webEn.shell.account.signOut }).click();
  await one.page.getByText(webEn.shell.signIn.signedOut).waitFor();
  await one.open('/devices');
  await heading(one, webEn.shell.signIn.title).waitFor();
});

test('a server that does not answer is said so, and comes back by itself', async () => {
  const one = await enter(await open(), 'the-officer', '/codes');
  await one.context.setOffline(true);
  await one.page.getByRole('link', { name: webEn.audit.title }).click();
  await one.page.getByText(webEn.shell.unreachable.banner).waitFor();
  await one.context.setOffline(false);
  await one.page.getByText(webEn.shell.unreachable.banner).waitFor({ state: 'detached' });
});

test('the second factor: turned on with a QR code, asked for at sign-in, turned off', async () => {
  const world = await open();
  await addPerson(world.console, 'careful', 'auditor');
  const one = await enter(world, 'careful', '/account');
  await one.page.getByRole('button', { name: webEn.account.turnOn }).click();
  const dialog = one.page.getByRole('dialog');
  await dialog.locator('input').fill(password);
  await one.page.keyboard.press('Enter');
  await dialog.getByRole('img', { name: webEn.account.qr }).waitFor();
  const secret = ((await dialog.locator('code').textContent()) ?? '').replaceAll(' ', '');
  const { time } = world.console.world;
  const codeNow = (): string => totp(base32(secret), stepAt(time.now));
  await shoot(one, 'second-factor');
  assert.equal(await flawsOf(one), []);
  await dialog.locator('input').fill(codeNow());
  await one.page.keyboard.press('Enter');
  await dialog.getByText(webEn.account.recoveryLead).waitFor();
  const [recovery = ''] = await dialog.locator('.recovery code').allInnerTexts();
  assert.equal(await flawsOf(one), []);
  await dialog.getByRole('button', { name: webEn.account.kept }).click();
  await one.page.locator('.status').getByText(webEn.account.factorOn).waitFor();

  await one.context.clearCookies();
  await one.open('/account');
  await one.signIn('careful', password);
  await heading(one, webEn.shell.signIn.codeTitle).waitFor();
  assert.equal(await flawsOf(one), []);
  await one.page.locator('input').fill('000000');
  await one.page.keyboard.press('Enter');
  await one.page.getByRole('alert').waitFor();
  await one.page.locator('input').fill(recovery);
  await one.page.keyboard.press('Enter');
  await heading(one, webEn.account.title).waitFor();
  await one.page.getByRole('button', { name: webEn.account.turnOff }).click();
  await one.page.getByRole('dialog').locator('input').fill(password);
  await one.page.keyboard.press('Enter');
  await one.page.locator('.status').getByText(webEn.account.factorOff).waitFor();
});

test('a telephone call: the code is looked at, then answered; each action says what it does', async () => {
  const world = await open();
  const one = await enter(world, 'the-officer', '/codes');
  const { page } = one;
  const field = page.locator('.input-code');
  const actions = ['replaceCertificate', 'changeConnection', 'reset'] as const;
  for (const [index, action] of actions.entries()) {
    const code = await codeOf(world, world.device, (index + 1) as 1 | 2 | 3, 100 + index);
    await field.pressSequentially(code);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: webEn.codes.actions[action] }).waitFor();
    await page.getByRole('link', { name: 'reception' }).waitFor();
    const answered = (await auditOf(world.console.world)).filter((row) => row.startsWith('code-answered')).length;
    assert.is(answered, index, 'looking answers nothing');
    if (index === 0) await shoot(one, 'codes-looked');
    await page.getByRole('button', { name: webEn.codes.give, exact: true }).click();
    const digits = ((await page.locator('.large-code').textContent()) ?? '').replaceAll(/\s/g, '');
    assert.match(digits, /^\d{12}$/);
    if (index === 0) {
      await shoot(one, 'codes-answered');
      assert.equal(await flawsOf(one), []);
    }
    await page.getByRole('button', { name: webEn.codes.another }).click();
  }
});

test('a code that is mistyped, and one that is not ours', async () => {
  const world = await open();
  const one = await enter(world, 'the-officer', '/codes');
  const { page } = one;
  const code = await codeOf(world, world.device, 3, 200);
  await page.locator('.input-code').fill(`${code.slice(0, -1)}${(Number(code.at(-1)) + 1) % 10}`);
  await page.getByText(webEn.codes.mistyped).waitFor();
  const secret = Buffer.alloc(32, 9);
  const strange = makeConfirmation({ secret, deviceId: world.device.id, certificateDer: null, action: 3, counter: 1 });
  await page.locator('.input-code').fill(strange);
  await page.keyboard.press('Enter');
  await page.getByText(webEn.codes.refusedTitle, { exact: true }).waitFor();
  await shoot(one, 'codes-refused');
  assert.equal(await flawsOf(one), []);
});

test('a code that fits two devices: the administrator chooses by name', async () => {
  const world = await open();
  const one = await enter(world, 'the-officer', '/codes');
  const { page } = one;
  const twin = await addTwin(world.console.world, world.device.id);
  let counter = 0;
  while (resetCode(world, twin, counter) !== resetCode(world, world.device.id, counter)) counter++;
  await page.locator('.input-code').fill(resetCode(world, twin, counter));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: webEn.codes.several }).waitFor();
  await shoot(one, 'codes-choose');
  assert.equal(await flawsOf(one), []);
  await page.getByRole('radio', { name: 'reception' }).check();
  await page.getByRole('button', { name: webEn.codes.choose }).click();
  await page.getByRole('heading', { name: webEn.codes.actions.reset }).waitFor();
});

test('the keyboard alone: skip link, navigation, sorting, a telephone call', async () => {
  const world = await open();
  const one = await world.visit();
  const { page } = one;
  await one.open('/devices');
  await page.keyboard.type('the-officer');
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.locator('.table tbody tr').first().waitFor();
  await page.locator('body').press('Tab');
  const focused = (): Promise<string> => page.evaluate('document.activeElement?.innerText?.trim() ?? ""');
  const tabTo = async (text: string): Promise<void> => {
    for (let count = 0; count < 60; count++) {
      if ((await focused()) === text) {
        const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
        assert.is(outline, 'solid', `${text}: the focus is seen`);
        return;
      }
      await page.keyboard.press('Tab');
    }
    throw new Error(`no way to ${text}`);
  };
  await tabTo(webEn.shell.skip);
  await page.keyboard.press('Enter');
  assert.is(await page.evaluate('document.activeElement?.id'), 'main');
  await tabTo(webEn.devices.group);
  await page.keyboard.press('Enter');
  await page.locator('th[aria-sort=ascending]').getByText(webEn.devices.group).waitFor();
  await tabTo('reception');
  await page.keyboard.press('Enter');
  await heading(one, 'reception').waitFor();
  assert.is(await focused(), 'reception', 'the heading of the new page has the focus');
  await one.open('/codes');
  await page.keyboard.type(await codeOf(world, world.device, 2, 300));
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: webEn.codes.actions.changeConnection }).waitFor();
  await tabTo(webEn.codes.give);
  await page.keyboard.press('Enter');
  await page.locator('.large-code').waitFor();
});

test('devices: searched, filtered and sorted by the server, and the address remembers', async () => {
  const one = await enter(await open(), 'the-auditor', '/devices');
  const { page } = one;
  await page.getByRole('searchbox').fill('ware');
  await page.locator('.table tbody tr').getByText('reception').waitFor({ state: 'detached' });
  assert.is(await page.locator('.table tbody tr').count(), 1);
  assert.match(page.url(), /\?q=ware$/);
  await page.reload();
  await page.locator('.table tbody tr').getByText('warehouse').waitFor();
  assert.is(await page.getByRole('searchbox').inputValue(), 'ware');
  await page.getByRole('searchbox').fill('nothing such');
  await page.getByText(webEn.parts.table.nothingFound).waitFor();
  await page.getByRole('button', { name: webEn.parts.table.clear }).click();
  await page.locator('.table tbody tr').nth(1).waitFor();
  const names = page.getByRole('rowheader');
  const usual = await names.allInnerTexts();
  assert.equal(usual, usual.toSorted());
  await page.getByRole('button', { name: webEn.devices.name, exact: true }).click();
  await names.first().getByText('warehouse').waitFor();
  assert.equal(await names.allInnerTexts(), usual.toReversed());
  assert.match(page.url(), /sort=name&order=desc$/);
  await page.getByLabel(webEn.devices.presence, { exact: true }).selectOption('online');
  await page.getByText(webEn.parts.table.nothingFound).waitFor();
  await page.getByLabel(webEn.devices.presence, { exact: true }).selectOption('offline');
  await names.nth(1).waitFor();
  await page.getByRole('searchbox').fill('ware');
  await names.getByText('reception').waitFor({ state: 'detached' });
  const list = await saved(one, () => page.getByRole('link', { name: webEn.parts.table.csv }).click());
  assert.match(list, /^\uFEFFid,name,group,/);
  assert.ok(list.includes(',warehouse,') && !list.includes('reception'), 'what the table finds');
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});

const resetCode = (world: Stage, deviceId: string, counter: number): string =>
  makeConfirmation({ secret: secretOf(world, deviceId), deviceId, certificateDer: null, action: 3, counter });

function base32(text: string): Buffer {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...text].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
