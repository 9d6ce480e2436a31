/** The wizard “Certificate issuance” in the browser, from the first step to the last, before a real server. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { instant } from '../../protocol/time.ts';
import { sendDue } from '../../server/edge/mailer.ts';
import { addUser } from '../../server/edge/users.ts';
import { webEn, webRu } from '../../words/web.ts';
import { value } from '../fakes/fleet-server.ts';
import { set } from '../fakes/mail-world.ts';
import { startSmtp } from '../fakes/smtp-server.ts';
import { assert, needs, table, test } from '../harness.ts';
import { shoot } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, nameOf, open } from './stage.ts';
import { at, begin, certificates, issue, next, parts, pick, stage } from './wizard.ts';

needs(['chromium', 'exim4', 'python3', 'openssl']);

const { users, shell } = webEn;

test('mobile, by a one-time password that is shown: users are added on the way, and the list is a file made here', async () => {
  const world = await stage();
  const one = await enter(world, 'anna', '/certificates/issue');
  const { page } = one;
  await shoot(one, 'issue-1-welcome');
  assert.equal(await flawsOf(one), []);
  await begin(one, issue.types.mobile, issue.kinds['thin-client']);
  await at(one, issue.steps.users);
  await next(one);
  await page.getByRole('alert').getByText(issue.missing.users).waitFor();
  await pick(one, 'levin');
  await page.getByRole('button', { name: users.add }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(users.name, { exact: true }).fill('stiva');
  await dialog.getByLabel(users.password, { exact: true }).fill('Oyster+Chablis9');
  await dialog.getByLabel(users.fullName).fill('Stepan Oblonsky');
  await page.keyboard.press('Enter');
  await page.getByRole('row').filter({ hasText: 'stiva' }).locator('input:checked').waitFor();
  assert.is(await page.getByRole('button', { name: issue.editUser }).isDisabled(), true, 'two are chosen');
  await shoot(one, 'issue-4-users');
  assert.equal(await flawsOf(one), []);
  await next(one);
  await at(one, issue.steps.source);
  assert.is(await page.getByRole('radio', { name: issue.sources.pki }).isDisabled(), true);
  await page.getByText('No public key infrastructure').waitFor();
  await page.getByRole('radio', { name: issue.sources.server }).check();
  await next(one);
  await at(one, issue.steps.authentication);
  assert.is(await page.getByRole('checkbox', { name: issue.reuse }).isDisabled(), true);
  await page.getByRole('radio', { name: issue.password }).check();
  await shoot(one, 'issue-6-authentication');
  assert.equal(await flawsOf(one), []);
  await next(one);
  await at(one, issue.steps.send);
  await page.getByText(issue.mailOff).waitFor();
  await page.getByRole('radio', { name: issue.show }).check();
  await shoot(one, 'issue-7-send');
  assert.equal(await flawsOf(one), []);
  await next(one);
  await at(one, issue.steps.confirm);
  await page.getByText('One-time passwords that will be made: 2.').waitFor();
  await shoot(one, 'issue-8-confirm');
  assert.equal(await flawsOf(one), []);
  // Back as far as the users, and on again: what was chosen is there.
  await page.getByRole('button', { name: issue.steps.users }).click();
  await at(one, issue.steps.users);
  await page.getByRole('row').filter({ hasText: 'levin' }).locator('input:checked').waitFor();
  for (let step = 0; step < 4; step++) await next(one);
  await at(one, issue.steps.confirm);
  await page.getByRole('button', { name: issue.confirm }).click();
  await page.getByRole('heading', { name: issue.finish }).waitFor();
  const shown = await page.locator('main td code').allTextContents();
  const [password = ''] = shown;
  assert.is(shown.length, 2);
  assert.match(password, /^[0-9A-Z]{4}(-[0-9A-Z]{2,4})+$/);
  await shoot(one, 'issue-9-finish');
  assert.equal(await flawsOf(one), []);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: issue.download }).click();
  const file = await download;
  assert.match(file.url(), /^blob:/);
  const list = readFileSync(await file.path(), 'utf8');
  assert.match(list, /^\uFEFFDevice,User,/);
  for (const each of ['levin,', 'stiva,', ...shown]) assert.ok(list.includes(each), each);
  // What is shown once is not left by accident.
  await page.getByRole('link', { name: webEn.devices.title, exact: true }).click();
  await page.getByText(issue.leaveWhat).waitFor();
  await page.getByRole('button', { name: parts.leaving.stay }).click();
  await page.getByRole('button', { name: shell.close, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: webEn.certificates.title }).waitFor();
  assert.not.ok((await page.content()).includes(password), 'forgotten');
});

test('VPN of our own authority: only devices can fetch it; leaving with something chosen asks', async () => {
  const world = await stage();
  const one = await enter(world, 'anna', '/certificates');
  const { page } = one;
  await page.getByRole('link', { name: issue.add }).click();
  await begin(one, issue.types.vpn, issue.kinds['thin-client']);
  await at(one, issue.steps.connection);
  assert.is(await page.getByRole('radio', { name: issue.connections['without-mobile'] }).isDisabled(), true);
  await page.getByRole('radio', { name: issue.connections['with-mobile'] }).check();
  await shoot(one, 'issue-3-connection');
  assert.equal(await flawsOf(one), []);
  await next(one);
  await at(one, issue.steps.users);
  await pick(one, 'levin');
  await next(one);
  await page.getByRole('alert').getByText(issue.missing.noDevice).waitFor();
  await page.getByRole('row').filter({ hasText: 'levin' }).getByRole('checkbox').uncheck();
  await pick(one, 'karenina');
  await page.getByRole('button', { name: issue.editUser }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(users.phone).fill('+7 495 111-11-11');
  await page.keyboard.press('Enter');
  await page.getByRole('row').filter({ hasText: '+7 495 111-11-11' }).waitFor();

  await page.getByRole('link', { name: webEn.devices.title, exact: true }).click();
  await page.getByText(parts.leaving.what).waitFor();
  assert.equal(await flawsOf(one), []);
  await page.getByRole('button', { name: parts.leaving.stay }).click();
  await page.goBack();
  await page.getByText(parts.leaving.what).waitFor();
  await page.getByRole('button', { name: parts.leaving.stay }).click();
  assert.is(one.path(), '/certificates/issue');

  await next(one);
  await at(one, issue.steps.source);
  await page.getByLabel(issue.alias).fill('Wizard VPN');
  await page.getByRole('radio', { name: issue.sources.server }).check();
  await next(one);
  await at(one, issue.steps.send);
  await page.getByText(issue.nothingToSend).waitFor();
  await page.getByRole('radio', { name: issue.show }).check();
  await next(one);
  await page.getByText('Devices that will get a certificate: 1.').waitFor();
  await page.getByRole('button', { name: issue.confirm }).click();
  await page.getByRole('heading', { name: issue.finish }).waitFor();
  await page.getByRole('cell', { name: 'reception' }).waitFor();
  assert.equal(await certificates(world, 'Wizard VPN'), [
    {
      type: 'vpn',
      kind: 'thin-client',
      device_name: 'reception',
      user_name: 'karenina@corp.example',
      status: 'ordered',
      source: 'server',
    },
  ]);
  await page.getByRole('button', { name: shell.close, exact: true }).click();
  await page.getByRole('heading', { level: 1, name: webEn.certificates.title }).waitFor();
});

/** One certificate and its key, in both forms that are taken. */
function uploads() {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-upload-'));
  const [p12, key, certificate] = [join(folder, 'one.pfx'), join(folder, 'one.prk'), join(folder, 'one.cer')];
  cpSync('test/vectors/identities/java-ec.p12', p12);
  const openssl = (line: string) => execFileSync('openssl', line.split(' '), { stdio: 'pipe', cwd: folder });
  openssl('pkcs12 -in one.pfx -passin pass:secret -nodes -nocerts -out one.prk');
  openssl('pkcs12 -in one.pfx -passin pass:secret -nokeys -out one.cer');
  return { folder, p12, key, certificate };
}

const { 'thin-client': thin, android, ios } = issue.kinds;
const uploaded = [
  { name: 'PKCS #12, for mail, to a thin client', alias: 'Mine', type: issue.types.mail, kind: thin },
  { name: 'X.509, for VPN, recorded for iOS', alias: 'iPhone', type: issue.types.vpn, kind: ios },
  { name: 'X.509, for mail, recorded for Android', alias: 'Robot', type: issue.types.mail, kind: android },
];

table('uploaded', uploaded, async ({ alias, type, kind }) => {
  const world = await stage();
  const one = await enter(world, 'anna', '/certificates/issue');
  const { page } = one;
  const files = uploads();
  const recorded = kind !== thin;
  try {
    await begin(one, type, kind);
    if (kind !== ios) {
      await at(one, issue.steps.connection);
      const method = issue.connections[recorded ? 'without-mobile' : 'with-mobile'];
      await page.getByRole('radio', { name: method }).check();
      await next(one);
    }
    await at(one, issue.steps.users);
    await pick(one, 'karenina');
    await next(one);
    await at(one, issue.steps.source);
    await page.getByLabel(issue.alias).fill(alias);
    assert.is(await page.getByRole('radio', { name: issue.sources.server }).isDisabled(), recorded);
    await page.getByRole('radio', { name: issue.sources.uploaded }).check();
    await next(one);
    await page.getByRole('alert').getByText(issue.missing.file).waitFor();
    if (recorded) {
      await page.getByRole('radio', { name: 'X.509' }).check();
      await page.getByLabel(issue.keyFile).setInputFiles(files.key);
      await page.getByLabel(issue.file).setInputFiles(files.certificate);
    } else {
      await page.getByLabel(issue.file).setInputFiles(files.p12);
      await page.getByLabel(issue.filePassword).fill('wrong');
    }
    if (kind === android) await shoot(one, 'issue-5-source');
    assert.equal(await flawsOf(one), []);
    await next(one);
    if (kind === android) {
      await at(one, issue.steps.authentication);
      await page.getByRole('radio', { name: issue.credentials }).check();
      await page.getByRole('checkbox', { name: issue.reuse }).check();
      await next(one);
    }
    await at(one, issue.steps.send);
    await page.getByRole('radio', { name: issue.show }).check();
    await next(one);
    await at(one, issue.steps.confirm);
    await page.getByRole('button', { name: issue.confirm }).click();
    if (!recorded) {
      await page.getByText('The password of the file is wrong').waitFor();
      await page.getByRole('button', { name: issue.steps.source }).click();
      await page.getByLabel(issue.filePassword).fill('secret');
      for (let step = 0; step < 2; step++) await next(one);
      await page.getByRole('button', { name: issue.confirm }).click();
    }
    await page.getByRole('heading', { name: issue.finish }).waitFor();
    await page.getByText(issue.results[recorded ? 'recorded' : 'ordered']).waitFor();
    const [row] = await certificates(world, alias);
    const status = recorded ? 'recorded' : 'ordered';
    assert.equal([row?.status, row?.source, row?.user_name], [status, 'uploaded', 'karenina@corp.example']);
  } finally {
    rmSync(files.folder, { recursive: true });
  }
});

test('mobile, mailed to the users with a copy to another address, in Russian', async () => {
  const world = await stage();
  const smtp = await startSmtp({});
  const { server } = world.console.world;
  try {
    value(await set(world.console.world, { port: smtp.port }));
    value(await addUser(server, 'root', { name: 'kitty', email: 'kitty@corp.example' }));
    const words = webRu.issue;
    const one = await enter(world, 'boris', '/certificates/issue', 'ru-RU');
    const { page } = one;
    const on = () => next(one, webRu.parts);
    await begin(one, words.types.mobile, words.kinds['thin-client'], words, webRu.parts);
    await page.getByRole('row').filter({ hasText: 'levin' }).waitFor();
    await shoot(one, 'issue-4-users-ru');
    await page.getByRole('searchbox').fill('kitty');
    await page.getByRole('row').filter({ hasText: 'levin' }).waitFor({ state: 'detached' });
    await pick(one, 'kitty');
    await page.getByRole('searchbox').fill('levin');
    await page.getByRole('row').filter({ hasText: 'kitty' }).waitFor({ state: 'detached' });
    await pick(one, 'levin');
    await on();
    await page.getByRole('radio', { name: words.sources.server }).check();
    await shoot(one, 'issue-5-source-ru');
    await on();
    await page.getByRole('radio', { name: words.password }).check();
    await shoot(one, 'issue-6-authentication-ru');
    await on();
    await page.getByRole('radio', { name: words.byMail }).check();
    await on();
    await page.getByRole('alert').getByText(words.missing.noAddress).waitFor();
    await page.getByRole('checkbox', { name: words.copy }).check();
    await page.getByLabel(words.copyTo).fill('desk@corp.example');
    await shoot(one, 'issue-7-send-ru');
    assert.equal(await flawsOf(one), []);
    await on();
    await at(one, words.steps.confirm);
    await shoot(one, 'issue-8-confirm-ru');
    await page.getByRole('button', { name: words.confirm }).click();
    await page.getByRole('heading', { name: words.finish }).waitFor();
    await page.getByText('kitty@corp.example, desk@corp.example').waitFor();
    assert.is(await page.getByText(words.once).isVisible(), false, 'nothing is shown once');
    await shoot(one, 'issue-9-finish-ru');
    assert.equal(await flawsOf(one), []);
    await sendDue(server, { failures: 0, until: instant(0), setting: '' });
    const mails = await smtp.wait(3);
    assert.equal(mails.map(({ to }) => to).sort(), ['desk@corp.example', 'desk@corp.example', 'kitty@corp.example']);
  } finally {
    await smtp.remove();
  }
});

const roles = [
  { name: 'officer', may: true },
  { name: 'administrator', may: false },
  { name: 'auditor', may: false },
] as const;

table('who may issue', roles, async ({ name, may }) => {
  const one = await enter(await stage(), nameOf(name), '/certificates');
  const { page } = one;
  await page.locator('.table tbody tr').first().waitFor();
  assert.is(await page.getByRole('link', { name: issue.add }).isVisible(), may);
  await one.open('/certificates/issue');
  await page.getByRole('heading', { level: 1, name: may ? issue.title : shell.forbidden.title }).waitFor();
  if (!may) return;
  await begin(one, issue.types.mobile, issue.kinds['thin-client']);
  await page.getByText(issue.mayNotEdit).waitFor();
  assert.is(await page.getByRole('button', { name: users.add }).isDisabled(), true);
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});
