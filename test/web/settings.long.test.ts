/** The settings in the Web Console: what cannot be undone asks twice, what would cut devices off says how many, each role its own. */

import { toPem } from '../../protocol/certificate.ts';
import { readIdentity, writeIdentity } from '../../server/edge/context.ts';
import { showMutual } from '../../server/edge/mutual.ts';
import { listDevices } from '../../server/edge/places.ts';
import { webEn, webRu } from '../../words/web.ts';
import { issue } from '../fakes/issue.ts';
import { startSmtp } from '../fakes/smtp-server.ts';
import { assert, needs, table, test } from '../harness.ts';
import { shoot, type Visit } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, nameOf, open, type Stage } from './stage.ts';

needs(['chromium', 'exim4', 'python3']);

const en = webEn.settings;
const { mutual } = en;
const paths = ['/settings', '/settings/console', '/settings/mail', '/settings/authorities', '/settings/later'] as const;

const say = (sentence: string, facts: Readonly<Record<string, string | number>>): string =>
  sentence.replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name]));
const view = ({ console: { world } }: Stage) => showMutual(world.server);
const button = ({ page }: Visit, name: string) => page.locator('main').getByRole('button', { name, exact: true });
const inDialog = ({ page }: Visit, name: string) => page.getByRole('dialog').getByRole('button', { name, exact: true });

/** As if it had registered without a certificate. */
async function without({ console: { world } }: Stage, name: string): Promise<void> {
  const { db } = world.server;
  const id = (await listDevices(world.server)).find((each) => each.name === name)?.id ?? '';
  const row = { device_id: id, hash: name, enrol_only: 0, made_at: 0, bound_to: null, ended_at: null };
  await db.insertInto('device_tokens').values(row).execute();
  await db.updateTable('devices').set({ agent: 'thin-client' }).where('id', '=', id).execute();
  await writeIdentity(db, { ...(await readIdentity(db)), legacyPort: 9997 });
}

/** What may be pressed in the pages of one role. */
const rights = [
  { name: 'administrator', shown: [mutual.turnOn, en.mail.save], hidden: [en.console.upload] },
  { name: 'officer', shown: [en.console.upload], hidden: [mutual.turnOn, en.mail.save] },
  { name: 'auditor', shown: [], hidden: [mutual.turnOn, en.mail.save, en.console.upload] },
] as const;

table('each role may change what is his, and read the rest', rights, async ({ name, shown, hidden }) => {
  const one = await enter(await open(), nameOf(name), '/settings');
  const found = new Set<string>();
  for (const path of paths) {
    await one.open(path);
    await one.page.locator('.section').last().waitFor();
    await one.page.locator('.loading').first().waitFor({ state: 'detached' });
    assert.is(await one.page.locator('[role=alert]:not(:empty)').count(), 0, path);
    for (const text of await one.page.locator('main').getByRole('button').allInnerTexts()) found.add(text.trim());
  }
  assert.equal(
    [...shown, ...hidden].map((text) => [text, found.has(text)]),
    [...shown.map((text) => [text, true]), ...hidden.map((text) => [text, false])],
  );
});

test('what is not there has its place, and the reason', async () => {
  const one = await enter(await open(), nameOf('auditor'), '/settings/later');
  for (const text of [en.later.directory, en.later.pki, en.later.machines])
    await one.page.getByRole('heading', { name: text }).waitFor();
  assert.is(await one.page.getByText(en.later.notYet).count(), 3);
});

test('mutual authentication: recommended, turned on after two confirmations, and never off', async () => {
  const world = await open();
  const one = await enter(world, nameOf('administrator'), '/settings');
  const { page } = one;
  await page.getByText(say(mutual.late, { devices: 2, waiting: 0 })).waitFor();
  assert.is(await page.getByText(mutual.needsMutual).count(), 1);
  assert.ok(await button(one, mutual.freshOn).isDisabled());
  await button(one, mutual.turnOn).click();
  await page.getByRole('dialog').getByText(mutual.forever).waitFor();
  await inDialog(one, mutual.again).click();
  await page.getByRole('dialog', { name: mutual.againTitle }).waitFor();
  assert.is((await view(world)).enabledAt, null, 'one confirmation is not enough');
  assert.equal(await flawsOf(one), []);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.is((await view(world)).enabledAt, null);
  await button(one, mutual.turnOn).click();
  await inDialog(one, mutual.again).click();
  await inDialog(one, mutual.turnOn).click();
  await page.getByText(mutual.since).waitFor();
  assert.ok((await view(world)).enabledAt !== null);
  assert.is(await button(one, mutual.turnOn).count(), 0);
});

test('devices without a certificate hold the new endpoint and the end of their port', async () => {
  const world = await open();
  await without(world, 'warehouse');
  const one = await enter(world, nameOf('administrator'), '/settings');
  const { page } = one;
  await page.locator('.table').getByText('warehouse').waitFor();
  await page.getByText(say(mutual.needsMigration, { count: 1 })).waitFor();
  assert.ok(await button(one, mutual.freshOn).isDisabled());
  await page.getByText(mutual.needsNew).waitFor();
  await shoot(one, 'settings-mutual-waiting');
  await button(one, mutual.close).click();
  await page
    .getByRole('dialog')
    .getByText(say(mutual.closeCuts, { count: 1 }))
    .waitFor();
  await inDialog(one, mutual.close).click();
  await page.getByRole('dialog').getByRole('alert').getByText('warehouse').waitFor();
  assert.is((await view(world)).legacyPort, 9997);
  await page.getByRole('dialog').getByLabel(mutual.closeType).fill('1');
  await inDialog(one, mutual.close).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.is((await view(world)).legacyPort, null);
  await page.getByLabel(mutual.newPort).fill('4430');
  await button(one, mutual.move).click();
  await page.getByRole('alert').getByText('4430').waitFor();
});

test('the legacy endpoint ends by two confirmations, and comes back', async () => {
  const world = await open();
  await world.console.world.server.db.updateTable('device_tokens').set({ ended_at: 1 }).execute();
  const one = await enter(world, nameOf('administrator'), '/settings');
  await button(one, mutual.freshOn).click();
  await button(one, mutual.freshOff).waitFor();
  await button(one, mutual.legacyOff).click();
  await inDialog(one, mutual.disable).click();
  await one.page.getByRole('dialog', { name: mutual.legacyAgainTitle }).waitFor();
  assert.ok((await view(world)).legacyEndpoint);
  await inDialog(one, mutual.disable).click();
  await button(one, mutual.legacyOn).waitFor();
  assert.is((await view(world)).legacyEndpoint, false);
  await button(one, mutual.legacyOn).click();
  await button(one, mutual.legacyOff).waitFor();
});

test('where certificates come from: a setting with a strange variable is not offered, another says whom it concerns', async () => {
  const world = await open();
  const one = await enter(world, nameOf('administrator'), '/settings');
  const { page } = one;
  await page.getByText(mutual.addSetting).click();
  for (const [name, subject] of [
    ['ours', 'CN=$RANDOM_16$'],
    ['strange', 'CN=$USERID$'],
  ] as const) {
    await page.getByLabel(en.name, { exact: true }).first().fill(name);
    await page.getByLabel(en.address, { exact: true }).fill('http://ca.example/scep');
    await page.getByLabel(mutual.fingerprint).first().fill('ab'.repeat(32));
    await page.getByLabel(mutual.subject, { exact: true }).fill(subject);
    await button(one, en.add).first().click();
    await page.getByRole('row', { name: new RegExp(`^${name} `) }).waitFor();
  }
  await page.getByText(say(mutual.notOffered, { unknown: '$USERID$' })).waitFor();
  await button(one, `${mutual.choose} ours`).click();
  await page
    .getByRole('dialog')
    .getByText(say(mutual.chooseWhat, { count: 1 }))
    .waitFor();
  await inDialog(one, mutual.choose).click();
  await page
    .getByRole('row', { name: /^ours / })
    .getByText(mutual.inUse)
    .waitFor();
  assert.equal(await flawsOf(one), []);
  await button(one, `${en.remove} strange`).click();
  await inDialog(one, en.remove).click();
  await page.getByRole('row').filter({ hasText: 'strange' }).waitFor({ state: 'detached' });
});

test('e-mail: set, tested with a real server, a text changed and seen as a person reads it', async () => {
  const smtp = await startSmtp();
  try {
    const one = await enter(await open(), nameOf('administrator'), '/settings/mail');
    const { page } = one;
    const { mail } = en;
    await page.getByText(mail.off).waitFor();
    await page.getByLabel(en.address, { exact: true }).fill('127.0.0.1');
    await page.getByLabel(mail.security).selectOption('none');
    await page.getByText(mail.insecure).waitFor();
    await page.getByLabel(mail.port, { exact: true }).fill(String(smtp.port));
    await page.getByLabel(mail.from).fill('thintrust@corp.example');
    await page.getByLabel(mail.administrators).fill('one@corp.example\ntwo@corp.example');
    await button(one, mail.save).first().click();
    await page.getByLabel(mail.testTo, { exact: true }).fill('anna@corp.example');
    await button(one, mail.send).click();
    await page.getByText(say(mail.sent, { address: 'anna@corp.example' })).waitFor();
    assert.is((await smtp.wait(1))[0]?.to, 'anna@corp.example');
    await page.getByLabel(mail.text, { exact: true }).first().selectOption('notices ru');
    await page.getByLabel(mail.subject).fill('Новости {server}');
    await page.getByLabel(mail.body, { exact: true }).last().fill('{nothing}');
    await button(one, mail.preview).click();
    await page.getByRole('alert').getByText('nothing').waitFor();
    await page.getByLabel(mail.body, { exact: true }).last().fill('Вот что было:\n{notices}');
    await button(one, mail.preview).click();
    await page.locator('.mail-text').getByText('Новости 127.0.0.1').waitFor();
    await shoot(one, 'settings-mail-text');
    assert.equal(await flawsOf(one), []);
    await button(one, mail.save).last().click();
    await page.getByText(mail.own).waitFor();
    await button(one, mail.reset).click();
    await page.getByText(mail.own).waitFor({ state: 'detached' });
    await button(one, mail.turnOff).click();
    await inDialog(one, mail.turnOff).click();
    await page.getByText(mail.off).waitFor();
  } finally {
    await smtp.kill();
    await smtp.remove();
  }
});

test('the console’s own certificate: refused with every reason, taken, and back to one of the server', async () => {
  const one = await enter(await open(), nameOf('officer'), '/settings/console');
  const { page } = one;
  const root = issue({ cn: 'company root', ca: true });
  const year = { from: '2026-10-01T00:00:00Z', to: '2027-10-01T00:00:00Z' };
  const pem = ({ der, key }: ReturnType<typeof issue>): Buffer =>
    Buffer.from(toPem(der) + toPem(root.der) + key.export({ type: 'pkcs8', format: 'pem' }));
  const bring = async (buffer: Buffer): Promise<void> => {
    await page
      .getByLabel(webEn.serverCertificates.wizard.file)
      .setInputFiles({ name: 'console.pem', mimeType: 'application/x-pem-file', buffer });
    await button(one, en.console.upload).click();
  };
  await bring(pem(issue({ cn: 'elsewhere', by: root, dns: ['elsewhere.example'], ...year })));
  await page.getByRole('alert').filter({ hasText: '127.0.0.1' }).waitFor();
  await bring(pem(issue({ cn: 'console', by: root, ips: [Buffer.of(127, 0, 0, 1)], ...year })));
  await button(one, en.console.reset).click();
  assert.equal(await flawsOf(one), []);
  await inDialog(one, en.console.reset).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await button(one, en.console.reset).waitFor({ state: 'detached' });
});

test('authorities of others are let in and shut out by the officer', async () => {
  const one = await enter(await open(), nameOf('officer'), '/settings/authorities');
  const { page } = one;
  const buffer = Buffer.from(toPem(issue({ cn: 'other authority', ca: true }).der));
  await page
    .getByLabel(en.authorities.file)
    .setInputFiles({ name: 'ca.pem', mimeType: 'application/x-pem-file', buffer });
  await button(one, en.add).click();
  await button(one, `${en.remove} other authority`).click();
  await page.getByRole('dialog').getByText(en.authorities.removeWhat).waitFor();
  await inDialog(one, en.remove).click();
  await page.getByText(en.authorities.foreignNone).waitFor();
});

test('in Russian too', async () => {
  const one = await enter(await open(), 'boris', '/settings', 'ru-RU');
  for (const path of paths) {
    await one.open(path);
    await one.page.locator('.section').last().waitFor();
    assert.equal(await flawsOf(one), [], path);
  }
  await one.page.getByRole('heading', { name: webRu.settings.later.pki }).waitFor();
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});
