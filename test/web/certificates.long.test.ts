/** Certificates of devices in the Web Console: the list and one of them, what is done with them, and the rules (M1, M2, M4–M6). */
import type { Page } from 'playwright-core';
import type { Role } from '../../server/core/permission.ts';
import { listCertificates } from '../../server/edge/certificate-list.ts';
import { readCorporateRules } from '../../server/edge/corporate-rules.ts';
import { showDevice } from '../../server/edge/places.ts';
import { readRules } from '../../server/edge/rules.ts';
import { fill } from '../../words/say.ts';
import { webEn, webRu } from '../../words/web.ts';
import { register, value } from '../fakes/fleet-server.ts';
import { assert, needs, table, test } from '../harness.ts';
import { shoot, type Visit } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, nameOf, open, type Stage } from './stage.ts';

needs(['chromium']);

const { certificates: en } = webEn;
const dialogOf = ({ page }: Visit) => page.getByRole('dialog');
const button = (within: { getByRole: Page['getByRole'] }, name: string) =>
  within.getByRole('button', { name, exact: true });
const rowsOf = async ({ console }: Stage, query = {}) => (await listCertificates(console.world.server, query)).rows;
/** Marks the rows with such a text in them. */
async function choose({ page }: Visit, ...texts: readonly string[]): Promise<void> {
  for (const hasText of texts)
    for (const row of await page.locator('.table tbody tr', { hasText }).all()) await row.locator('input').check();
}

test('the list is filtered, searched and sorted by the server, and the address remembers it', async () => {
  const world = await open();
  const one = await enter(world, 'the-auditor', '/certificates');
  const rows = one.page.locator('.table tbody tr');
  await rows.first().waitFor();
  assert.is(await rows.count(), 6);
  const heads = await one.page.locator('.table thead th').allInnerTexts();
  for (const head of [en.user, en.status, en.type, en.protocol, en.source, en.notAfter, en.issuedAt, en.since])
    assert.ok(heads.includes(head), head);
  for (const head of [en.alias, en.renewalDisabled, en.thumbprint, en.kind]) assert.ok(heads.includes(head), head);
  await one.page.getByLabel(en.type, { exact: true }).selectOption('vpn');
  await one.page.getByText('Found: 2').waitFor();
  await one.page.getByLabel(en.ends, { exact: true }).selectOption('30');
  await one.page.getByText('Found: 0').waitFor();
  assert.ok(one.page.url().endsWith('/certificates?type=vpn&endsWithin=30'), one.page.url());
  await one.open('/certificates?q=levin');
  await one.page.getByRole('link', { name: 'iOS, levin' }).waitFor();
  assert.is(await rows.count(), 1);
  await one.open('/certificates?source=uploaded');
  const devices = one.page.locator('.table tbody .cell-main');
  await button(one.page, en.device).click();
  await devices.first().getByText('iOS').waitFor();
  assert.equal(await devices.allInnerTexts(), ['iOS, levin', 'reception']);
  await button(one.page, en.device).click();
  await devices.first().getByText('reception').waitFor();
  assert.equal(await devices.allInnerTexts(), ['reception', 'iOS, levin']);
});

const readers: readonly { readonly name: Role }[] = [{ name: 'administrator' }, { name: 'auditor' }];

table('who may not change certificates is shown no way to, and rules that cannot be touched', readers, async (row) => {
  const one = await enter(await open(), nameOf(row.name), '/certificates');
  await one.page.locator('.table tbody tr').first().waitFor();
  assert.is(await one.page.locator('.table input[type=checkbox]').count(), 0);
  await one.page.locator('.cell-main a').first().click();
  await one.page.locator('.facts').first().waitFor();
  for (const name of [en.renew, en.remove, en.setAlias]) assert.is(await button(one.page, name).count(), 0, name);
  await one.open('/certificates/rules');
  await one.page.getByText(en.rules.readOnly).waitFor();
  for (const field of await one.page.locator('main input').all()) assert.ok(await field.isDisabled());
  for (const save of await one.page.getByRole('button', { name: en.rules.save }).all())
    assert.ok(await save.isDisabled());
});

test('renewed: what can be, and each that cannot be with why', async () => {
  const world = await open();
  const one = await enter(world, 'the-officer', '/certificates?q=reception');
  await one.page.locator('.table tbody tr').first().waitFor();
  await choose(one, 'reception');
  await button(one.page, en.renew).click();
  await dialogOf(one)
    .getByText(fill(en.renewUploaded, { count: 1 }))
    .waitFor();
  await shoot(one, 'certificates-renew');
  assert.equal(await flawsOf(one), []);
  await button(dialogOf(one), en.renew).click();
  await dialogOf(one).getByText('An uploaded certificate cannot be renewed').waitFor();
  await dialogOf(one)
    .getByText(fill(en.refused, { count: 1 }))
    .waitFor();
  await shoot(one, 'certificates-refused');
  await button(dialogOf(one), webEn.shell.close).last().click();
  await one.page.locator('.table tbody').getByText(en.statuses['renewal-asked']).waitFor();
  const [mobile] = await rowsOf(world, { type: 'mobile', q: 'reception' });
  assert.is(mobile?.status, 'renewal-asked');
});

test('the alias of many is changed at once; mobile certificates have none', async () => {
  const world = await open();
  const one = await enter(world, 'boris', '/certificates', 'ru-RU');
  const { certificates: ru } = webRu;
  await one.page.locator('.table tbody tr').first().waitFor();
  await choose(one, 'Office VPN');
  const mobile = fill(webRu.parts.table.select, { name: `${ru.types.mobile}, reception` });
  await one.page.getByLabel(mobile, { exact: true }).check();
  await button(one.page, ru.setAlias).click();
  const dialog = dialogOf(one);
  await dialog.getByText(fill(ru.aliasTitle, { count: 2 })).waitFor();
  await dialog.getByText(fill(ru.aliasMobile, { count: 1 })).waitFor();
  await shoot(one, 'certificates-alias-ru');
  assert.equal(await flawsOf(one), []);
  await dialog.locator('input').fill('-');
  await button(dialog, ru.setAlias).click();
  await dialog.getByRole('alert').waitFor();
  await dialog.locator('input').fill('Branch VPN');
  await button(dialog, ru.setAlias).click();
  await dialog.waitFor({ state: 'detached' });
  await one.page.locator('.table tbody').getByText('Branch VPN').first().waitFor();
  assert.is((await rowsOf(world, { q: 'branch' })).length, 2);
});

test('deleted: it says how many devices are cut off before, and they are Inactive after', async () => {
  const world = await open();
  const doomed = await register(world.console.world, 'doomed', 'Office');
  const one = await enter(world, 'the-officer', '/certificates');
  await one.page.locator('.table tbody tr').first().waitFor();
  await choose(one, 'doomed', 'iOS');
  await button(one.page, en.remove).click();
  await dialogOf(one)
    .getByText(fill(en.removeMobile, { count: 1 }))
    .waitFor();
  assert.is(await dialogOf(one).getByLabel(en.revoke).count(), 0, 'what was uploaded is not ours to revoke');
  await shoot(one, 'certificates-delete');
  await button(dialogOf(one), en.remove).click();
  await one.page
    .getByRole('status')
    .getByText(fill(en.removed, { count: 2 }))
    .waitFor();
  const { server } = world.console.world;
  assert.is(value(await showDevice(server, doomed.id)).standing, 'inactive');
  assert.is((await rowsOf(world, { kind: 'ios' })).length, 0);

  const [vpn] = await rowsOf(world, { type: 'vpn', q: 'warehouse' });
  await one.open(`/certificates/${vpn?.id}`);
  await button(one.page, en.remove).click();
  await dialogOf(one).getByLabel(en.revoke).check();
  await button(dialogOf(one), en.remove).click();
  await one.page.getByRole('heading', { level: 1, name: en.title, exact: true }).waitFor();
  assert.is((await rowsOf(world, { type: 'vpn', q: 'warehouse' })).length, 0);
});

test('one certificate: all its properties, and the way to its device', async () => {
  const world = await open();
  const one = await enter(world, 'the-officer', `/certificates/${world.device.proof.fingerprint}`);
  const facts = one.page.locator('.facts');
  await facts.waitFor();
  const names = await facts.locator('dt').allInnerTexts();
  const wanted = ['user', 'status', 'type', 'protocol', 'source', 'notAfter', 'issuedAt', 'since', 'alias'] as const;
  for (const name of [...wanted, 'renewalDisabled', 'thumbprint'] as const) assert.ok(names.includes(en[name]), name);
  await facts.getByRole('link', { name: 'reception' }).click();
  await one.page.getByRole('heading', { level: 1, name: 'reception' }).waitFor();
});

test('rules of mobile certificates: bounds, and a question before the renewal is turned off', async () => {
  const world = await open();
  const { server } = world.console.world;
  const one = await enter(world, 'the-officer', '/certificates/rules');
  const mobile = one.page.locator('.section', { has: one.page.getByRole('heading', { name: en.rules.mobile }) });
  assert.is(await mobile.getByLabel(en.rules.validity).inputValue(), '365');
  assert.is(await mobile.getByLabel(en.rules.renewBefore).inputValue(), '30');
  assert.ok(await mobile.getByLabel(en.rules.automatic).isChecked());
  await mobile.getByLabel(en.rules.validity).fill('500');
  await mobile.getByText(fill(en.rules.range, { least: 1, most: 397 })).waitFor();
  await button(mobile, en.rules.save).click();
  await mobile.getByLabel(en.rules.validity).fill('200');
  await mobile.getByLabel(en.rules.passwordLength).fill('16');
  await mobile.getByLabel(en.rules.prompt).check();
  await button(mobile, en.rules.save).click();
  await one.page.getByRole('status').getByText(en.rules.saved).waitFor();
  const saved = {
    validityDays: 200,
    renewBeforeDays: 30,
    automaticRenewal: true,
    passwordLength: 16,
    promptPassword: true,
  };
  assert.equal(await readRules(server.db), saved);
  await mobile.getByLabel(en.rules.automatic).uncheck();
  await button(mobile, en.rules.save).click();
  const { total } = await listCertificates(server, { type: 'mobile' });
  await dialogOf(one)
    .getByText(fill(en.rules.offCount, { count: total }))
    .waitFor();
  await shoot(one, 'rules-off');
  assert.ok((await readRules(server.db)).automaticRenewal, 'nothing happened yet');
  await button(dialogOf(one), en.rules.turnOff).click();
  await dialogOf(one).waitFor({ state: 'detached' });
  assert.not((await readRules(server.db)).automaticRenewal);
});

test('rules of mail and VPN certificates, and what a PKI alone could do: there, off, with the reason', async () => {
  const world = await open();
  const one = await enter(world, 'the-officer', '/certificates/rules');
  const vpn = one.page.locator('.section', { has: one.page.getByRole('heading', { name: en.rules.vpn }) });
  await vpn.getByLabel(en.rules.renewBefore).fill('14');
  await button(vpn, en.rules.save).click();
  await one.page.getByRole('status').getByText(en.rules.saved).waitFor();
  const { mail, vpn: kept } = await readCorporateRules(world.console.world.server.db);
  assert.equal([mail.renewBeforeDays, kept.renewBeforeDays], [30, 14]);
  await one.page.getByText(en.rules.pkiNone).waitFor();
  for (const label of [en.rules.template, ...Object.values(en.rules.onConnectionKinds)])
    assert.ok(await vpn.getByLabel(label).isDisabled(), label);
  for (const label of [en.rules.pkiOn, en.rules.pkiDevice, en.rules.pkiAccount])
    assert.ok(await one.page.getByLabel(label).isDisabled(), label);
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});
