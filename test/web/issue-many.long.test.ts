/** The wizard “Certificate issuance” in the browser: to devices as they are, to very many users, and by passwords of their own. */
import { readFileSync } from 'node:fs';
import { instant } from '../../protocol/time.ts';
import { setRules } from '../../server/edge/issuance.ts';
import { sendDue } from '../../server/edge/mailer.ts';
import { fill } from '../../words/say.ts';
import { webEn, webRu } from '../../words/web.ts';
import { value } from '../fakes/fleet-server.ts';
import { set } from '../fakes/mail-world.ts';
import { startSmtp } from '../fakes/smtp-server.ts';
import { assert, needs, test } from '../harness.ts';
import { shoot } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, open } from './stage.ts';
import { at, begin, certificates, issue, next, parts, pick, stage } from './wizard.ts';

needs(['chromium', 'exim4', 'python3']);

test('mobile, by a password of one’s own: the details are mailed without any', async () => {
  const world = await stage();
  const smtp = await startSmtp({});
  const { server } = world.console.world;
  try {
    value(await set(world.console.world, { port: smtp.port }));
    const one = await enter(world, 'anna', '/certificates/issue');
    const { page } = one;
    await begin(one, issue.types.mobile, issue.kinds['thin-client']);
    await page.getByRole('searchbox').fill('karenina');
    await page.getByRole('row').filter({ hasText: 'levin' }).waitFor({ state: 'detached' });
    await pick(one, 'karenina');
    await next(one);
    await page.getByRole('radio', { name: issue.sources.server }).check();
    await next(one);
    await page.getByRole('radio', { name: issue.credentials }).check();
    await next(one);
    await page.getByText(issue.byMailOwn).waitFor();
    await page.getByRole('radio', { name: issue.byMail }).check();
    await next(one);
    await at(one, issue.steps.confirm);
    await page.getByText(fill(issue.will.credentials, { count: 1 })).waitFor();
    await page.getByRole('button', { name: issue.confirm }).click();
    await page.getByText(`${issue.results.mailedOwn} karenina@corp.example`).waitFor();
    await sendDue(server, { failures: 0, until: instant(0), setting: '' });
    const [mail] = await smtp.wait(1);
    assert.match(mail?.text ?? '', /your own password\n/);
    // By another rule the same choice makes one-time passwords too, which is said before.
    value(await setRules(server, 'root', { promptPassword: true }));
    await one.open('/certificates/issue');
    await begin(one, issue.types.mobile, issue.kinds['thin-client']);
    await pick(one, 'karenina');
    await next(one);
    await page.getByRole('radio', { name: issue.sources.server }).check();
    await next(one);
    await page.getByRole('radio', { name: issue.credentials }).check();
    await page.getByText(issue.prompted).waitFor();
    await next(one);
    await page.getByText(issue.byMailHint).waitFor();
    await page.getByRole('radio', { name: issue.show }).check();
    await next(one);
    await page.getByText('One-time passwords that will be made: 1.').waitFor();
  } finally {
    value(await setRules(server, 'root', { promptPassword: false }));
    await smtp.remove();
  }
});

test('devices are chosen as they are: searched, by group, and nothing else of the list can be', async () => {
  const world = await stage();
  const one = await enter(world, 'boris', '/certificates/issue', 'ru-RU');
  const { page } = one;
  const words = webRu.issue;
  await begin(one, words.types.vpn, words.kinds['thin-client'], words, webRu.parts);
  await page.getByRole('radio', { name: words.connections['with-mobile'] }).check();
  await next(one, webRu.parts);
  await page.getByRole('radio', { name: words.toDevices }).check();
  await page.getByRole('row').filter({ hasText: 'warehouse' }).waitFor();
  await next(one, webRu.parts);
  await page.getByRole('alert').getByText(words.missing.devices).waitFor();
  await page.getByLabel(webRu.devices.group, { exact: true }).selectOption({ label: 'Branch' });
  await page.getByText(webRu.parts.table.nothingFound).waitFor();
  await page.getByLabel(webRu.devices.group, { exact: true }).selectOption({ label: 'Office' });
  await pick(one, 'warehouse');
  await shoot(one, 'issue-4-devices-ru');
  assert.equal(await flawsOf(one), []);
  await next(one, webRu.parts);
  await page.getByLabel(words.alias).fill('By device');
  await page.getByRole('radio', { name: words.sources.server }).check();
  await next(one, webRu.parts);
  await page.getByRole('radio', { name: words.show }).check();
  await next(one, webRu.parts);
  await page.getByText(fill(words.will.order, { count: 1 })).waitFor();
  await shoot(one, 'issue-8-devices-ru');
  await page.getByRole('button', { name: words.confirm }).click();
  await page.getByRole('heading', { name: words.finish }).waitFor();
  const [row] = await certificates(world, 'By device');
  assert.equal([row?.device_name, row?.status, row?.user_name], ['warehouse', 'ordered', '']);
});

test('more than a thousand users: all that are found, as work the server goes on with; its outcome is come back to', async () => {
  const world = await stage();
  const { db } = world.console.world.server;
  const known = await db.selectFrom('users').selectAll().where('name', '=', 'levin').executeTakeFirstOrThrow();
  const crowd = Array.from({ length: 1050 }, (_, index) => String(index).padStart(4, '0'));
  for (let from = 0; from < crowd.length; from += 100)
    await db
      .insertInto('users')
      .values(crowd.slice(from, from + 100).map((each) => ({ ...known, id: `crowd-${each}`, name: `crowd-${each}` })))
      .execute();
  try {
    const one = await enter(world, 'anna', '/certificates/issue');
    const { page } = one;
    await begin(one, issue.types.mobile, issue.kinds['thin-client']);
    await page.getByRole('searchbox').fill('crowd');
    await page.getByText(fill(parts.table.found, { total: '1,050' })).waitFor();
    const names = page.getByRole('rowheader');
    await names.first().getByText('crowd-0000').waitFor();
    await page.getByRole('button', { name: parts.table.next, exact: true }).click();
    await names.first().getByText('crowd-0050').waitFor();
    await page.getByText(fill(parts.table.range, { from: 51, to: 100, total: '1,050' })).waitFor();
    await page.getByLabel(parts.table.size).selectOption('200');
    await names.nth(199).getByText('crowd-0199').waitFor();
    await page.getByLabel(parts.table.selectPage).check();
    await page.getByRole('button', { name: fill(parts.table.selectAll, { count: '1,050' }) }).click();
    await page.getByText(fill(parts.table.selected, { count: '1,050' })).waitFor();
    await next(one);
    await page.getByRole('radio', { name: issue.sources.server }).check();
    await next(one);
    await page.getByRole('radio', { name: issue.credentials }).check();
    await next(one);
    await page.getByRole('radio', { name: issue.show }).check();
    await next(one);
    await page.getByText('crowd-0000, crowd-0001').waitFor();
    await page.getByText('… (+1030)').waitFor();
    await page.getByRole('button', { name: issue.confirm }).click();
    // The server does some fifty in a second.
    await page.getByText(webEn.jobs.ordered).waitFor();
    await shoot(one, 'issue-9-under-way');
    await page.getByRole('heading', { name: issue.finish }).waitFor({ timeout: 60_000 });
    await shoot(one, 'issue-9-many');
    // Left, and come back to from any page.
    await one.open('/devices');
    await page.getByRole('button', { name: webEn.jobs.look }).click();
    await page.getByRole('heading', { name: issue.finish }).waitFor();
    assert.is(await page.locator('main tbody tr').count(), 200);
    await page.getByText(fill(issue.manyMore, { count: 850 })).waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: issue.download }).click();
    const list = readFileSync(await (await download).path(), 'utf8');
    for (const each of ['crowd-0000', 'crowd-1049']) assert.ok(list.includes(each), each);
    await page.getByRole('button', { name: webEn.jobs.forget }).click();
  } finally {
    await db.deleteFrom('users').where('id', 'like', 'crowd-%').execute();
  }
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});
