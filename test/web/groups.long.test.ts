/** Groups and their policies in the Web Console: each role, what is inherited and locked, certificates, what is blocked. */
import { readFileSync } from 'node:fs';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import type { Role } from '../../server/core/permission.ts';
import { showGroup } from '../../server/edge/group-details.ts';
import { addGroup, listDevices } from '../../server/edge/places.ts';
import { setContacts, setLock, setSetting } from '../../server/edge/policies.ts';
import { fill } from '../../words/say.ts';
import { groupsEn, groupsRu } from '../../words/web/groups.ts';
import { webEn } from '../../words/web.ts';
import { bytes, register, report, value } from '../fakes/fleet-server.ts';
import { issue, issueList, rsaKey } from '../fakes/issue.ts';
import { assert, needs, table, test } from '../harness.ts';
import { shoot, type Visit } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, nameOf, open, type Stage } from './stage.ts';

needs(['chromium']);

const admin = 'root';
const contacts = (name: string) => ({ name, phone: '', email: '', note: '' });
const authority = issue({ cn: 'Branch authority', ca: true });

/** Clients with Windows below it, Thin below that, a device in each; made once. */
let made: Promise<Record<'clients' | 'windows' | 'thin', string>> | null = null;
function tree({ console: { world } }: Stage): NonNullable<typeof made> {
  made ??= (async () => {
    const { server } = world;
    const clients = value(await addGroup(server, admin, { name: 'Clients' })).id;
    const windows = value(await addGroup(server, admin, { name: 'Windows', parent: 'Clients' })).id;
    const thin = value(await addGroup(server, admin, { name: 'Thin', parent: 'Windows' })).id;
    await register(world, 'desk one', 'Windows');
    await register(world, 'desk two', 'Thin');
    value(await setContacts(server, admin, 'Clients', contacts('Help desk of all')));
    value(await setLock(server, admin, 'Clients', { block: 'contacts', enforced: true }));
    value(await setSetting(server, admin, 'Windows', { name: 'rdp', value: 'rdp.example.com', enforced: false }));
    return { clients, windows, thin };
  })();
  return made;
}

const policyCertificate = async ({ console }: Stage, file: string): Promise<string> => {
  const all = console.world.server.db.selectFrom('policy_certificates').select('fingerprint');
  return (await all.where('file', '=', file).executeTakeFirstOrThrow()).fingerprint;
};
const section = ({ page }: Visit, title: string) =>
  page.locator('.section').filter({ has: page.getByRole('heading', { level: 2, name: title, exact: true }) });
const dialog = ({ page }: Visit) => page.getByRole('dialog');
const save = async (one: Visit): Promise<void> => {
  await dialog(one).getByRole('button', { name: groupsEn.save, exact: true }).click();
  await dialog(one).waitFor({ state: 'detached' });
};
const shown = async (world: Stage, group: string) => value(await showGroup(world.console.world.server, group));
const file = (name: string, content: string | Uint8Array) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.from(content),
});

test('the tree: by keyboard, with numbers of devices, searched; a group is added below another', async () => {
  const world = await open();
  const { windows } = await tree(world);
  const one = await enter(world, 'anna', '/groups');
  const { page } = one;
  const items = page.getByRole('treeitem');
  const clients = page.getByRole('treeitem', { name: /^Clients/ });
  await clients.waitFor();
  assert.match((await clients.textContent()) ?? '', /0.*2/s, 'none of its own, two below');
  await clients.focus();
  const all = await items.count();
  const focused = () => page.evaluate<string>('document.activeElement.querySelector(".tree-name")?.textContent');
  assert.is(await focused(), 'Clients');
  await page.keyboard.press('ArrowLeft');
  assert.is(await items.count(), all - 2);
  assert.is(await clients.getAttribute('aria-expanded'), 'false');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  assert.is(await focused(), 'Windows');
  await page.keyboard.press('End');
  assert.is(await focused(), await page.locator('.tree-name').last().textContent());
  await page.keyboard.press('Home');
  assert.is(await focused(), await page.locator('.tree-name').first().textContent());
  await clients.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Windows' }).waitFor();
  assert.is(one.path(), `/groups/${windows}`);

  await page.getByRole('button', { name: groupsEn.addBelow }).click();
  await dialog(one).getByLabel(groupsEn.name).fill('Kiosks');
  await dialog(one).getByRole('button', { name: groupsEn.add }).click();
  await page.getByRole('heading', { level: 1, name: 'Kiosks' }).waitFor();
  await page.getByText('Clients / Windows / Kiosks').waitFor();
  await page.getByRole('button', { name: groupsEn.rename }).click();
  await dialog(one).getByLabel(groupsEn.name).fill('Clients');
  await dialog(one).getByRole('button', { name: groupsEn.rename }).click();
  await dialog(one).getByRole('alert').waitFor();
  await dialog(one).getByLabel(groupsEn.name).fill('Terminals');
  await dialog(one).getByRole('button', { name: groupsEn.rename }).click();
  await page.getByRole('heading', { level: 1, name: 'Terminals' }).waitFor();
  await page.getByRole('button', { name: groupsEn.move, exact: true }).click();
  await dialog(one).getByText(groupsEn.moveWhat).waitFor();
  await dialog(one).getByLabel(groupsEn.parent).selectOption({ label: 'Clients' });
  await dialog(one).getByRole('button', { name: groupsEn.move, exact: true }).click();
  await page.getByText('Clients / Terminals').waitFor();
  await page.getByRole('button', { name: groupsEn.remove, exact: true }).click();
  await dialog(one).getByRole('button', { name: groupsEn.remove, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: groupsEn.title }).waitFor();
  await page.getByLabel(groupsEn.search).fill('thin');
  assert.equal(await page.locator('.tree-name').allInnerTexts(), ['Clients', 'Windows', 'Thin']);
  await page.getByLabel(groupsEn.search).fill('terminals');
  await page.getByText(groupsEn.nothing).waitFor();
});

const rights: readonly {
  readonly name: Role;
  readonly changes: readonly string[];
  readonly places: number;
  readonly uploads: boolean;
}[] = [
  { name: 'officer', changes: [groupsEn.identity, groupsEn.rotation.title], places: 0, uploads: true },
  {
    name: 'administrator',
    changes: [groupsEn.servers, groupsEn.naming, groupsEn.migrateClient.title],
    places: 4,
    uploads: false,
  },
  { name: 'auditor', changes: [], places: 0, uploads: false },
];

table('each role changes what is its own, and reads the rest', rights, async ({ name, changes, places, uploads }) => {
  const world = await open();
  const { thin } = await tree(world);
  const one = await enter(world, nameOf(name), `/groups/${thin}`);
  await one.page.locator('.delivery').waitFor();
  assert.is(await one.page.locator('.page-actions button').count(), places);
  const change = one.page.getByRole('button', { name: groupsEn.change, exact: true });
  const titles = await one.page.locator('.section').filter({ has: change }).locator('h2').allInnerTexts();
  assert.equal(titles.toSorted(), [...changes].toSorted());
  const locks = await one.page.locator('.check input:not(:disabled)').count();
  assert.is(locks, name === 'officer' ? 2 : name === 'administrator' ? 3 : 0);
  await one.open(`/groups/${thin}/certificates`);
  await one.page.locator('.table').first().waitFor();
  assert.is(await one.page.getByRole('button', { name: groupsEn.upload }).count(), uploads ? 1 : 0);
  assert.is((await one.page.locator('.table-check').count()) > 0, uploads);
  await one.open(`/groups/${thin}/blocklist`);
  await one.page.locator('.table').waitFor();
  assert.is(await one.page.getByRole('button', { name: groupsEn.block }).count(), uploads ? 1 : 0);
});

test('what a parent locks is shown as its own and cannot be changed; what it leaves open can, and is given back', async () => {
  const world = await open();
  const { thin } = await tree(world);
  const one = await enter(world, 'anna', `/groups/${thin}`);
  const ofContacts = section(one, groupsEn.contacts);
  await ofContacts.getByText('Help desk of all').waitFor();
  await ofContacts.getByText('Locked by “Clients”').waitFor();
  assert.is(await ofContacts.getByRole('checkbox').isDisabled(), true);
  assert.is(await ofContacts.getByRole('button').count(), 0);
  const servers = section(one, groupsEn.servers).locator('.block').first();
  await servers.getByText('rdp.example.com').waitFor();
  await servers.getByRole('link', { name: 'Windows' }).waitFor();
  await servers.getByRole('button', { name: groupsEn.change }).click();
  await dialog(one).getByText('Devices that get it: 1. Groups, with those below: 1.').waitFor();
  await dialog(one).getByLabel(groupsEn.address).fill('own.example.com');
  await dialog(one).getByRole('checkbox').check();
  await shoot(one, 'group-server');
  await save(one);
  await servers.getByText(groupsEn.here).waitFor();
  assert.equal(await shown(world, 'Thin').then(({ settings }) => [settings.rdp.own, settings.rdp.enforced]), [
    'own.example.com',
    true,
  ]);
  await servers.getByRole('button', { name: groupsEn.change }).click();
  await dialog(one).getByLabel(groupsEn.address).fill('not a place');
  await dialog(one).getByRole('button', { name: groupsEn.save }).click();
  await dialog(one).getByRole('alert').first().waitFor();
  await dialog(one).getByLabel(groupsEn.address).fill('');
  await save(one);
  await servers.getByText('rdp.example.com').waitFor();
});

test('naming with a preview, renewal, locks that ask for a code, following, migration', async () => {
  const world = await open();
  const { windows } = await tree(world);
  const one = await enter(world, 'anna', `/groups/${windows}`);
  const naming = section(one, groupsEn.naming);
  await naming.getByRole('button', { name: groupsEn.change }).click();
  const fields = dialog(one).getByLabel(groupsEn.namingField);
  await fields.fill('Waytoolonga-Desk');
  await dialog(one).locator('.wrong').getByText(groupsEn.wrongNaming).waitFor();
  await fields.fill('Moscow-Desk');
  await dialog(one).getByText('Moscow-Desk-0001').waitFor();
  await save(one);
  await naming.getByText('Moscow-Desk-0003').waitFor();
  const names = await world.console.world.server.db.selectFrom('devices').select('name').execute();
  assert.is(names.filter(({ name }) => name.startsWith('Moscow-Desk-')).length, 2);

  await section(one, groupsEn.identity).getByRole('button', { name: groupsEn.change }).click();
  await dialog(one).getByLabel(groupsEn.daysField).first().check();
  await dialog(one).locator('input[type=number]').fill('14');
  await save(one);
  await section(one, groupsEn.identity).getByText('14 days before the end').waitFor();

  await section(one, groupsEn.locks).getByLabel(groupsEn.lock.reset).click();
  await dialog(one).getByText(groupsEn.lockWhat).waitFor();
  await save(one);
  await section(one, groupsEn.rotation.title).getByRole('button', { name: groupsEn.change }).click();
  await dialog(one).getByLabel(groupsEn.rotation.yes, { exact: true }).check();
  await save(one);
  await section(one, groupsEn.migrateClient.title).getByRole('button', { name: groupsEn.change }).click();
  await dialog(one).getByLabel(groupsEn.migrateClient.yes, { exact: true }).check();
  await save(one);
  const { locks, rotation, migrateClient, identity } = await shown(world, 'Windows');
  assert.equal(
    [locks.reset.enforced, rotation.own, migrateClient.own, identity.own?.renewBeforeDays],
    [true, true, true, 14],
  );
});

test('certificates: DER, PEM and rubbish at once, each with what became of it; sorted, looked at, deleted', async () => {
  const world = await open();
  const { windows } = await tree(world);
  const one = await enter(world, 'the-officer', `/groups/${windows}/certificates`);
  const { page } = one;
  await page.getByRole('button', { name: groupsEn.upload }).click();
  const weak = issue({ cn: 'weak', ca: true, key: rsaKey(1024) });
  const vector = readFileSync('test/vectors/certificates/p384.pem');
  const chosen = [
    file('authority.der', authority.der),
    file('p384.pem', vector),
    file('rubbish.pem', 'nothing of the kind'),
    file('two.pem', toPem(weak.der) + toPem(authority.der)),
  ];
  await dialog(one).getByRole('button', { name: groupsEn.upload }).click();
  await dialog(one).getByText(groupsEn.noFile).waitFor();
  await dialog(one).locator('input[type=file]').setInputFiles(chosen);
  await dialog(one).getByRole('button', { name: groupsEn.upload }).click();
  await dialog(one).locator('li').nth(3).waitFor();
  await dialog(one).locator('li .status').nth(3).waitFor();
  const outcomes = await dialog(one).locator('li').allInnerTexts();
  assert.match(outcomes[0] ?? '', /authority\.der\s*Certificates added: 1/);
  assert.match(outcomes[1] ?? '', /p384\.pem\s*Certificates added: 1/);
  assert.not.match(outcomes[2] ?? '', /added/);
  assert.match(outcomes[3] ?? '', /weak/i);
  await shoot(one, 'group-upload');
  assert.equal(await flawsOf(one), []);
  await page.keyboard.press('Escape');
  const rows = page.locator('.table').first().locator('tbody tr');
  await rows.nth(1).waitFor();
  assert.is(await rows.count(), 2);
  await page.getByRole('button', { name: groupsEn.notAfter }).click();
  await page.waitForURL(/sort=notAfter/);
  await page.getByRole('button', { name: 'authority.der' }).click();
  await dialog(one).getByText('CN=Branch authority').first().waitFor();
  await shoot(one, 'group-certificate');
  assert.equal(await flawsOf(one), []);
  await page.keyboard.press('Escape');
  await page.getByLabel('Select p384.pem, RDP').check();
  await page.getByRole('button', { name: groupsEn.delete, exact: true }).click();
  await dialog(one).getByText('Devices that get it: 2. Groups, with those below: 2.').waitFor();
  await dialog(one).getByRole('button', { name: groupsEn.delete, exact: true }).click();
  await dialog(one).waitFor({ state: 'detached' });
  await rows.getByText('p384.pem').waitFor({ state: 'detached' });
});

test('a group below sees the certificate as inherited, and how many devices have the policy', async () => {
  const world = await open();
  const { thin, windows } = await tree(world);
  const { server } = world.console.world;
  const one = await enter(world, 'the-officer', `/groups/${thin}/certificates`);
  const { page } = one;
  await page.getByRole('link', { name: 'Windows', exact: true }).first().waitFor();
  await page.getByLabel(/^Select authority\.der/).check();
  await page.getByRole('button', { name: groupsEn.delete, exact: true }).click();
  await dialog(one).getByText(groupsEn.deleteNone).waitFor();
  await page.keyboard.press('Escape');
  const devices = await server.db.selectFrom('devices').selectAll().where('group_id', 'in', [thin, windows]).execute();
  await page.getByText('In force on 0 of 1').waitFor();
  const polled = await page.waitForRequest(/\/delivery$/);
  assert.is(polled.headers()['x-thintrust-poll'], '1', 'it keeps no session alive');
  for (const { id, group_id: group } of devices) {
    const { rev } = (await shown(world, group)).delivery;
    const applied = { group, policy: rev, device: 1, command: 0 };
    value(await world.console.world.fleet.receive(id, 'report', bytes(report(id, { applied }))));
  }
  await page.getByText('In force on 1 of 1 devices.').waitFor();
});

test('compromised: says how many devices, blocks everywhere, and is in the blocklist; taken off again', async () => {
  const world = await open();
  const { windows, thin } = await tree(world);
  const one = await enter(world, 'the-officer', `/groups/${windows}/certificates`);
  const { page } = one;
  await page.getByRole('button', { name: 'authority.der' }).click();
  await dialog(one).getByRole('button', { name: groupsEn.compromised }).click();
  await dialog(one).getByText('will refuse it: 2').waitFor();
  await shoot(one, 'group-compromised');
  assert.equal(await flawsOf(one), []);
  await dialog(one).getByRole('button', { name: groupsEn.compromised }).click();
  await page.locator('.status').getByText(groupsEn.states.blocked).waitFor();
  await page.getByRole('link', { name: groupsEn.showDevices }).click();
  const below = (await listDevices(world.console.world.server)).filter(({ groupId }) =>
    [windows, thin].includes(groupId),
  );
  await page.getByText(fill(webEn.parts.table.found, { total: below.length })).waitFor();
  assert.equal(
    (await page.getByRole('rowheader').allInnerTexts()).toSorted(),
    below.map(({ name }) => name).toSorted(),
  );
  assert.is(await page.getByLabel(webEn.devices.group, { exact: true }).inputValue(), windows);
  await one.open(`/groups/${thin}/blocklist`);
  await page.getByText('CN=Branch authority').waitFor();
  await page.getByRole('link', { name: 'Clients' }).waitFor();
  const blocked = await world.console.world.server.db.selectFrom('blocked_certificates').selectAll().execute();
  const tops = await world.console.world.server.db
    .selectFrom('groups')
    .select('id')
    .where('parent', 'is', null)
    .execute();
  assert.equal(blocked.filter(({ fingerprint }) => fingerprint === fingerprintOf(authority.der)).length, tops.length);
  await page.getByRole('button', { name: groupsEn.block }).click();
  await dialog(one).getByLabel(groupsEn.sha256).fill('AB:cd');
  await dialog(one).locator('.wrong').getByText(groupsEn.sha256).waitFor();
  const block = dialog(one).getByRole('button', { name: groupsEn.block });
  const everywhere = dialog(one).getByLabel(groupsEn.everywhere);
  await everywhere.check();
  assert.is(await block.isDisabled(), true, 'nothing goes everywhere before it was said how far');
  // What the policy of Office has, on devices of that group and of the one below it.
  await dialog(one)
    .getByLabel(groupsEn.sha256)
    .fill(await policyCertificate(world, 'authority.pem'));
  const devices = (await listDevices(world.console.world.server)).length;
  await dialog(one).getByText(fill(groupsEn.compromisedWhat, { devices })).waitFor();
  await dialog(one)
    .getByText(fill(groupsEn.compromisedTrust, { devices: 2 }))
    .waitFor();
  await shoot(one, 'group-block-everywhere');
  assert.is(await block.isDisabled(), false);
  await everywhere.uncheck();
  await dialog(one).getByLabel(groupsEn.sha256).fill('AB:'.repeat(32));
  await block.click();
  await page.locator('tbody tr').nth(1).waitFor();
  await page.getByLabel(/^Select abab/).check();
  await page.getByRole('button', { name: groupsEn.unblock }).click();
  await dialog(one).getByRole('button', { name: groupsEn.unblock }).click();
  await page.locator('tbody tr').nth(1).waitFor({ state: 'detached' });
});

test('revocation: a mode, a list, and one that is none', async () => {
  const world = await open();
  const { windows } = await tree(world);
  const one = await enter(world, 'the-officer', `/groups/${windows}/certificates`);
  const part = section(one, groupsEn.revocation);
  await part.getByRole('button', { name: `${groupsEn.change} RDP` }).click();
  await dialog(one).locator('select').selectOption('hard');
  await save(one);
  await part.locator('dd').first().getByText(groupsEn.modes.hard).waitFor();
  await part.getByRole('button', { name: groupsEn.addLists }).click();
  const list = issueList({ by: authority, revoked: [] });
  await dialog(one)
    .locator('input[type=file]')
    .setInputFiles([file('branch.crl', list), file('none.crl', 'no')]);
  await dialog(one).getByRole('button', { name: groupsEn.addLists }).click();
  await dialog(one).locator('li .status').nth(1).waitFor();
  await one.page.keyboard.press('Escape');
  await part.getByText('branch.crl').first().waitFor();
  await part.getByRole('button', { name: `${groupsEn.delete} branch.crl` }).click();
  await dialog(one).getByRole('button', { name: groupsEn.delete }).click();
  await part.getByText(groupsEn.noLists).waitFor();
});

test('in Russian, and in a narrow window', async () => {
  const world = await open();
  const { thin } = await tree(world);
  const one = await enter(world, 'boris', `/groups/${thin}`, 'ru-RU');
  const { page } = one;
  await page.getByText('Закрыто группой «Clients»').waitFor();
  await section(one, groupsRu.locks).getByLabel(groupsRu.lock.connection).click();
  await dialog(one).getByText('Получат устройств: 1. Групп, с нижестоящими: 1.').waitFor();
  await shoot(one, 'group-lock-ru');
  assert.equal(await flawsOf(one), []);
  await page.keyboard.press('Escape');
  await dialog(one).waitFor({ state: 'detached' });
  assert.is((await shown(world, 'Thin')).locks.connection.enforced, false);
  for (const [path, name] of [
    [`/groups/${thin}`, 'settings'],
    [`/groups/${thin}/certificates`, 'certificates'],
    ['/groups', 'tree'],
  ] as const) {
    await one.open(path);
    await page.locator('.delivery, .tree').first().waitFor();
    await page.setViewportSize({ width: 900, height: 1000 });
    await page.screenshot({ path: `build/screens/web/groups-900-${name}.png`, fullPage: true });
    await page.setViewportSize({ width: 1280, height: 800 });
  }
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});
