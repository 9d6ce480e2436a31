/** The console walked through link by link as each role: nothing leads to a page that is closed or is not there, no button to a refusal. */
import { type Role, roleNames } from '../../server/core/permission.ts';
import { showDevice } from '../../server/edge/places.ts';
import { webEn } from '../../words/web.ts';
import { value } from '../fakes/fleet-server.ts';
import { assert, needs, table, test } from '../harness.ts';
import type { Visit } from './browser.ts';
import { enter, nameOf, open } from './stage.ts';

needs(['chromium']);

const { shell } = webEn;
const seen = new Map<Role, ReadonlySet<string>>();

table(
  'every link leads to a page that is open, and with rows where it asks for some',
  roleNames.map((name) => ({ name })),
  async ({ name }) => {
    const world = await open();
    const { server } = world.console.world;
    const { groupId } = value(await showDevice(server, world.device.id));
    const one = await enter(world, nameOf(name));
    const known = new Set(['/dashboard', `/groups/${groupId}`]);
    const buttons = new Set<string>();
    for (const path of known) {
      await go(one, path);
      const title = await one.page.locator('h1').textContent();
      assert.not.ok(title === shell.missing.title || title === shell.forbidden.title, `${path}: ${title}`);
      const counted = one.page.locator('.table-count');
      if (path.includes('?') && (await counted.count()) > 0)
        assert.match((await counted.first().textContent()) ?? '', /^Found: [1-9]/, path);
      const shown = await one.page
        .locator('main button:enabled:not(.table-sort, .table-more *, .pager *)')
        .allInnerTexts();
      for (const text of shown) if (text.trim()) buttons.add(`${kindOf(path)}: ${text.trim()}`);
      const links = await one.page.evaluate<readonly string[]>(
        `[...document.querySelectorAll('.shell a[href^="/"]:not([download])')].map((each) => each.getAttribute('href'))`,
      );
      const kinds = new Set([...known].map(kindOf));
      for (const link of links)
        if (!link.startsWith('/api/') && !kinds.has(kindOf(link))) {
          known.add(link);
          kinds.add(kindOf(link));
        }
    }
    assert.ok(known.size > 15, [...known].join(' '));
    seen.set(name, buttons);
  },
);

/** Rights to change something are of one role each: what two are offered is everybody's, or no one's. */
test('who may only read is offered nothing but his own account, and the two others nothing together', () => {
  const [officer = [], administrator = [], auditor = []] = roleNames.map((name) => [...(seen.get(name) ?? [])]);
  assert.equal(
    auditor.filter((button) => !button.startsWith('/account: ') && !button.endsWith('.pem')),
    [],
  );
  const both = officer.filter((button) => administrator.includes(button) && !auditor.includes(button));
  assert.equal(both, ['/groups/:id: Change'], 'each his own part of the settings');
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});

/** One device is enough of all devices. */
const kindOf = (path: string): string => path.replace(/\/[0-9a-f][0-9a-f-]{7,}/, '/:id').replace(/=.*/, '=');

/** As by the buttons of the browser: the console is not loaded anew. Comes back when all that the page asked for is there. */
async function go({ page }: Visit, path: string): Promise<void> {
  await page.evaluate(`(() => {
    history.pushState(null, '', ${JSON.stringify(path)});
    dispatchEvent(new PopStateEvent('popstate'));
    return new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
  })()`);
  await page.locator('main .loading, main [aria-busy=true]').first().waitFor({ state: 'detached' });
}
