/** One device in the Web Console: its certificates, its events, and each thing that may be done to it (M7, M5, B10). */
import type { Role } from '../../server/core/permission.ts';
import { listCertificates } from '../../server/edge/certificate-list.ts';
import { pageDeviceEvents } from '../../server/edge/overview.ts';
import { listDevices, showDevice } from '../../server/edge/places.ts';
import { fill, wordsOf } from '../../words/say.ts';
import { webEn, webRu } from '../../words/web.ts';
import { codeOf, register, value } from '../fakes/fleet-server.ts';
import { assert, needs, table, test } from '../harness.ts';
import { shoot, type Visit } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, nameOf, open, type Stage } from './stage.ts';

needs(['chromium']);

const { devices: en } = webEn;
const dialogOf = ({ page }: Visit) => page.getByRole('dialog');
const press = ({ page }: Visit, name: string) => page.getByRole('button', { name, exact: true }).first().click();
const confirm = (one: Visit, name: string) => dialogOf(one).getByRole('button', { name, exact: true }).click();
const shown = async ({ console }: Stage, id: string) => value(await showDevice(console.world.server, id));
const actionsOf = async ({ page }: Visit): Promise<readonly string[]> =>
  page.locator('.page-actions button').allInnerTexts();

const rights: readonly { readonly name: Role; readonly actions: readonly string[] }[] = [
  { name: 'officer', actions: [en.actions.renew, en.actions.wipe, en.actions.revoke, en.actions.remove] },
  { name: 'administrator', actions: [en.actions.move] },
  { name: 'auditor', actions: [] },
];

table('each role is offered what it may do', rights, async ({ name, actions }) => {
  const world = await open();
  const one = await enter(world, nameOf(name), `/devices/${world.device.id}`);
  await one.page.locator('.facts').first().waitFor();
  assert.equal(await actionsOf(one), actions);
});

test('certificates in the list and on the device, the outlook, and the events', async () => {
  const world = await open();
  const one = await enter(world, 'the-auditor', `/devices/${world.device.id}`);
  const section = (name: string) =>
    one.page.locator('.section', { has: one.page.getByRole('heading', { name, exact: true }) });
  await section(en.listed).locator('tbody tr').nth(2).waitFor();
  const installed = section(en.installed).locator('tbody tr');
  await installed.first().waitFor();
  const [head] = await section(en.installed).locator('thead').allInnerTexts();
  for (const name of [en.certificateName, en.userCertificate, webEn.certificates.thumbprint])
    assert.ok(head?.includes(name));
  const own = installed.filter({ hasText: webEn.certificates.types.mobile });
  assert.equal((await own.locator('td').allInnerTexts()).slice(0, 2), ['reception', webEn.shell.yes]);
  await section(en.risk).getByText(webEn.dashboard.riskNone).waitFor();
  const { total } = value(await pageDeviceEvents(world.console.world.server, world.device.id, {}));
  await one.page.getByRole('link', { name: fill(en.allEvents, { count: total }) }).click();
  await one.page.getByText(fill(webEn.parts.table.total, { total })).waitFor();
  assert.is(one.path(), `/devices/${world.device.id}/events`);
});

test('a certificate is renewed by its button', async () => {
  const world = await open();
  const one = await enter(world, 'the-officer', `/devices/${world.device.id}`);
  await press(one, en.actions.renew);
  await confirm(one, en.actions.renew);
  await one.page.getByRole('status').getByText(en.doneActions.renew).waitFor();
  await one.page.locator('.section').getByText(webEn.certificates.statuses['renewal-asked']).waitFor();
});

test('moved to another group, which is said before', async () => {
  const world = await open();
  const one = await enter(world, 'the-administrator', `/devices/${world.device.id}`);
  await press(one, en.actions.move);
  await dialogOf(one).getByText('The device leaves “Office”').waitFor();
  await dialogOf(one).getByLabel(en.moveTo).selectOption({ label: 'Branch' });
  await shoot(one, 'device-move');
  assert.equal(await flawsOf(one), []);
  await confirm(one, en.moveNow);
  await one.page.getByRole('status').getByText(en.doneActions.move).waitFor();
  assert.is((await shown(world, world.device.id)).group, 'Branch');
});

test('wiped: it says how many certificates before, and they are to be wiped after', async () => {
  const world = await open();
  const { devices: ru } = webRu;
  const one = await enter(world, 'boris', `/devices/${world.device.id}`, 'ru-RU');
  await one.page.getByRole('cell', { name: 'Office VPN', exact: true }).waitFor();
  await press(one, ru.actions.wipe);
  await dialogOf(one).getByText('почтовые и VPN-сертификаты: 2.').waitFor();
  await shoot(one, 'device-wipe-ru');
  assert.equal(await flawsOf(one), []);
  await confirm(one, ru.actions.wipe);
  await one.page.locator('.section').getByText(webRu.certificates.statuses.wiping).first().waitFor();
  const { rows } = await listCertificates(world.console.world.server, { device: world.device.id, status: 'wiping' });
  assert.is(rows.length, 2);
  assert.is((await shown(world, world.device.id)).group, 'Unassigned');
});

test('what its state does not allow is said with that state, in the language of the reader', async () => {
  const world = await open();
  const { server } = world.console.world;
  const away = server.db.updateTable('devices').where('name', '=', 'warehouse');
  const warehouse = (await listDevices(server)).find(({ name }) => name === 'warehouse');
  for (const [who, locale, words] of [
    ['anna', 'en-GB', wordsOf.en],
    ['boris', 'ru-RU', wordsOf.ru],
  ] as const) {
    await away.set({ deactivated_at: null }).execute();
    const { devices } = words === wordsOf.en ? webEn : webRu;
    const one = await enter(world, who, `/devices/${warehouse?.id}`, locale);
    await press(one, devices.actions.renew);
    await away.set({ deactivated_at: 1 }).execute();
    await confirm(one, devices.actions.renew);
    await one.page.getByRole('alert').getByText(`: warehouse (${words.states.inactive}).`).waitFor();
  }
  await away.set({ deactivated_at: null }).execute();
});

test('revoked, it is Inactive and can only be removed; removed, it is on no list', async () => {
  const world = await open();
  const { id } = await register(world.console.world, 'doomed', 'Office');
  const one = await enter(world, 'the-officer', `/devices/${id}`);
  await press(one, en.actions.revoke);
  await shoot(one, 'device-revoke');
  await confirm(one, en.actions.revoke);
  await one.page.locator('.facts').getByText(en.standings.inactive).waitFor();
  assert.is((await shown(world, id)).standing, 'inactive');
  assert.equal(await actionsOf(one), [en.actions.remove]);
  await press(one, en.actions.remove);
  await dialogOf(one).getByText('certificates that leave the list with it: 0.').waitFor();
  await confirm(one, en.actions.remove);
  await one.page.getByRole('heading', { level: 1, name: en.title, exact: true }).waitFor();
  assert.is(codeOf(await showDevice(world.console.world.server, id)), 'not-found');
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});
