/** The server's certificates in the Web Console: each way to change one, the gate shut and overridden, what each role is shown. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toPem } from '../../protocol/certificate.ts';
import { listServerCertificates, readGate } from '../../server/edge/rotation.ts';
import { webEn, webRu } from '../../words/web.ts';
import { auditOf, bytes, report, value } from '../fakes/fleet-server.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { assert, needs, table, test } from '../harness.ts';
import { shoot, type Visit } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, nameOf, open, type Stage } from './stage.ts';

needs(['chromium', 'openssl']);

const en = webEn.serverCertificates;
const { wizard } = en;
const page = '/server-certificates';
const p12Password = 'pass phrase';

const roles = async ({ console }: Stage): Promise<readonly string[]> =>
  (await listServerCertificates(console.world.server)).map(({ role }) => role).sort();
const say = (sentence: string, facts: Readonly<Record<string, string | number>>): string =>
  sentence.replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name]));

/** A reported pin of the reserve, as a device sends it that got the policy. */
async function hold({ console: { world }, device }: Stage): Promise<void> {
  const { reserve } = value(await readGate(world.server));
  const pins = { current: 'a'.repeat(64), reserve, previous: null };
  value(await world.fleet.receive(device.id, 'report', bytes(report(device.id, { pins }))));
}

/** PKCS #12 with chain and password, by OpenSSL. */
function pkcs12(leaf: Issued, chain: readonly Issued[]): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-p12-'));
  try {
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const out = join(folder, 'server.p12');
    execFileSync('openssl', [
      ...['pkcs12', '-export', '-in', file('leaf', toPem(leaf.der)), '-out', out],
      ...['-inkey', file('key', String(leaf.key.export({ type: 'pkcs8', format: 'pem' })))],
      ...['-certfile', file('chain', chain.map(({ der }) => toPem(der)).join(''))],
      ...['-passout', `file:${file('password', p12Password)}`],
    ]);
    return readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

table(
  'who may only read is shown no button, and the change is closed to him',
  [{ name: 'administrator' }, { name: 'auditor' }] as const,
  async ({ name }) => {
    const one = await enter(await open(), nameOf(name), page);
    await one.page.getByText(en.noReserve.slice(0, 30)).waitFor();
    await one.page.getByText(en.linksNone).waitFor();
    assert.is(await one.page.locator('main').getByRole('button').count(), 0);
    assert.is(await one.page.getByRole('link', { name: en.change }).count(), 0);
    await one.open(`${page}/change`);
    await one.page.getByRole('heading', { level: 1, name: webEn.shell.forbidden.title }).waitFor();
  },
);

test('a reserve is made, waits for devices, and is removed again', async () => {
  const world = await open();
  const one = await enter(world, nameOf('officer'), page);
  const { page: view } = one;
  await view.getByRole('link', { name: en.change }).click();
  await view.getByLabel(wizard.keyKind).selectOption('rsa-3072');
  await forward(one);
  await view.getByLabel(wizard.date).check();
  await forward(one);
  await view.getByText(wizard.badDate).waitFor();
  await view.getByText(say(wizard.dateHint, { zone: 'UTC+03:00' })).waitFor();
  const soon = new Date(Date.now() + 5 * 24 * 3600_000).toISOString().slice(0, 16);
  await view.getByLabel(wizard.dateField).fill(soon);
  await forward(one);
  await view.getByText(say(wizard.gateWaits, { count: 2, total: 2 })).waitFor();
  await view.locator('.table tbody tr').nth(1).waitFor();
  await shoot(one, 'server-certificates-wizard-waits');
  assert.equal(await flawsOf(one), []);
  await forward(one);
  await view.getByText(say(wizard.tells, { count: 2 })).waitFor();
  await view.getByRole('button', { name: wizard.submitMake }).click();
  await view.getByRole('heading', { name: wizard.doneMade }).waitFor();
  await view.getByText('RSA 3072').waitFor();
  await view.getByRole('link', { name: wizard.back }).click();
  await view.getByText(say(en.heldBy, { count: 0, total: 2 })).waitFor();
  await hold(world);
  await view.reload();
  await view.getByText(say(en.heldBy, { count: 1, total: 2 })).waitFor();
  await view.locator('.table').getByText('warehouse').waitFor();
  assert.is(await view.locator('.table').getByText('reception').count(), 0);
  await shoot(one, 'server-certificates-reserve');
  assert.equal(await flawsOf(one), []);
  await view.getByRole('button', { name: en.remove }).click();
  const dialog = view.getByRole('dialog');
  await dialog.getByText(say(en.removeWhat, { count: 1 })).waitFor();
  await dialog.getByRole('button', { name: en.remove }).click();
  await view.getByText(en.removed).waitFor();
  assert.equal(await roles(world), ['main', 'retired']);
});

test('a certificate of one’s own: refused with the reason, then taken; the gate is shut, and opened for as many as were typed', async () => {
  const world = await open();
  const one = await enter(world, nameOf('officer'), `${page}/change`);
  const { page: view } = one;
  const root = issue({ cn: 'company root', ca: true });
  const year = { from: '2026-10-01T00:00:00Z', to: '2027-10-01T00:00:00Z' };
  const good = issue({ cn: 'company server', by: root, ips: [Buffer.of(127, 0, 0, 1)], ...year });
  const stranger = issue({ cn: 'company server', by: root, dns: ['elsewhere.example'], ...year });
  const upload = async (leaf: Issued, typed: string): Promise<void> => {
    const buffer = pkcs12(leaf, [root]);
    await view.getByLabel(wizard.file).setInputFiles({ name: 'server.p12', mimeType: 'application/x-pkcs12', buffer });
    await view.locator('input[autocomplete=off]').last().fill(typed);
  };
  await view.getByLabel(wizard.uploaded).check();
  await forward(one);
  await view.getByText(wizard.noFile).waitFor();
  await upload(good, 'wrong');
  await forward(one);
  await view.getByLabel(wizard.ready).check();
  await forward(one);
  await forward(one);
  await view.getByRole('button', { name: wizard.submitMake }).click();
  await view.getByRole('alert').filter({ hasText: 'assword' }).waitFor();
  await shoot(one, 'server-certificates-wizard-refused');
  for (const [leaf, typed] of [
    [stranger, p12Password],
    [good, p12Password],
  ] as const) {
    await view.getByRole('button', { name: wizard.kind }).click();
    await upload(leaf, typed);
    for (let step = 0; step < 3; step++) await forward(one);
    await view.getByRole('button', { name: wizard.submitMake }).click();
    if (leaf === stranger) await view.getByRole('alert').filter({ hasText: '127.0.0.1' }).waitFor();
  }
  await view.getByRole('heading', { name: wizard.doneMade }).waitFor();
  await view.getByRole('link', { name: wizard.back }).click();
  await hold(world);
  await view.getByRole('link', { name: en.switchNow }).click();
  await view.getByText(say(wizard.gateShut, { count: 1, total: 2 })).waitFor();
  await view.locator('.table').getByText('warehouse').waitFor();
  await shoot(one, 'server-certificates-gate-shut');
  assert.equal(await flawsOf(one), []);
  await forward(one);
  await view.getByText(say(wizard.overrideMissing, { count: 1 })).waitFor();
  await view.getByLabel(wizard.override).fill('2');
  await forward(one);
  await view.getByText(say(wizard.overrideMissing, { count: 1 })).waitFor();
  assert.is((await roles(world)).includes('previous'), false, 'nothing was switched');
  await view.getByLabel(wizard.override).fill('1');
  await forward(one);
  await view.getByText(say(wizard.leaves, { count: 1 })).waitFor();
  await shoot(one, 'server-certificates-confirm');
  await view.getByRole('button', { name: wizard.submitSwitch }).click();
  await view.getByRole('heading', { name: wizard.doneSwitched }).waitFor();
  assert.equal(await roles(world), ['main', 'previous', 'retired']);
  assert.ok((await auditOf(world.console.world)).includes('certificate-switched'));
});

test('the replaced one is marked as compromised, its change taken back, and a repair file made', async () => {
  const world = await open();
  const one = await enter(world, nameOf('officer'), page);
  const { page: view } = one;
  const dialog = view.getByRole('dialog');
  await view.getByRole('button', { name: en.unlink }).click();
  await dialog.getByRole('button', { name: en.unlink }).click();
  await view.getByText(en.unlinked).waitFor();
  await view.getByRole('row').filter({ hasText: webEn.dashboard.roles.previous }).getByRole('button').click();
  await dialog.getByText(say(en.markDevices, { count: 0 }).slice(0, 60)).waitFor();
  assert.equal(await flawsOf(one), []);
  await dialog.getByRole('button', { name: en.mark }).click();
  await view.getByText(en.compromised, { exact: true }).waitFor();
  const marked = (await listServerCertificates(world.console.world.server)).filter(({ compromised }) => compromised);
  assert.equal(
    marked.map(({ role }) => role),
    ['previous'],
  );
  await view.getByRole('button', { name: en.makeRepair }).click();
  const download = view.waitForEvent('download');
  await view.getByRole('link', { name: en.saveRepair }).click();
  const saved = await download;
  assert.is(saved.suggestedFilename(), 'repair.thintrust');
  assert.match(readFileSync(await saved.path(), 'utf8'), /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
});

test('a front end is added and removed', async () => {
  const one = await enter(await open(), nameOf('officer'), page);
  const { page: view } = one;
  const proxy = issue({ cn: 'proxy' });
  await view.getByLabel(en.address).fill('127.0.0.1:9');
  await view.getByRole('button', { name: en.addFrontEnd }).click();
  await view.getByText(wizard.noFile).waitFor();
  const buffer = Buffer.from(toPem(proxy.der));
  await view.getByLabel(en.file).setInputFiles({ name: 'proxy.pem', mimeType: 'application/x-pem-file', buffer });
  await view.getByRole('button', { name: en.addFrontEnd }).click();
  await view.getByText(en.silent).waitFor();
  assert.equal(await flawsOf(one), []);
  await view.getByRole('button', { name: `${en.removeFrontEnd} 127.0.0.1:9` }).click();
  await view
    .getByRole('dialog')
    .getByText(say(en.removeFrontEndWhat, { count: 0 }).slice(0, 50))
    .waitFor();
  await view.getByRole('dialog').getByRole('button', { name: en.removeFrontEnd }).click();
  await view.getByText(en.frontEndsNone).waitFor();
});

test('at once, in Russian: made and switched in one go, with all that are left behind typed', async () => {
  const world = await open();
  const ru = webRu.serverCertificates;
  const one = await enter(world, 'boris', `${page}/change`, 'ru-RU');
  const { page: view } = one;
  const go = () => view.getByRole('button', { name: webRu.parts.steps.next }).click();
  await go();
  await view.getByLabel(ru.wizard.now).check();
  await go();
  await view.getByText(say(ru.wizard.gateShut, { count: 2, total: 2 })).waitFor();
  await view.getByLabel(ru.wizard.override).fill('2');
  await shoot(one, 'server-certificates-at-once-ru');
  assert.equal(await flawsOf(one), []);
  await go();
  await view.getByText(say(ru.wizard.leaves, { count: 2 })).waitFor();
  await view.getByRole('button', { name: ru.wizard.submitSwitch }).click();
  await view.getByRole('heading', { name: ru.wizard.doneSwitched }).waitFor();
  assert.equal(await roles(world), ['main', 'previous', 'retired', 'retired']);
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});

const forward = ({ page: view }: Visit): Promise<void> =>
  view.getByRole('button', { name: webEn.parts.steps.next }).click();
