/** Every page of the Web Console: nothing axe-core finds wrong, and pictures in `build/screens/web` to be looked at. */
import { assert, needs, table, test } from '../harness.ts';
import { shoot, type Visit } from './browser.ts';
import { flawsOf } from './flaws.ts';
import { enter, open, type Stage } from './stage.ts';

needs(['chromium']);

const locales = { en: 'en-GB', ru: 'ru-RU' } as const;

type Place = {
  readonly name: string;
  readonly path: (stage: Stage) => string;
  /** A button that leads further. */
  readonly press?: string;
  readonly shows: string;
};
/** Every page of somebody who may do everything, with what shows that it is there. */
const places: readonly Place[] = [
  { name: 'dashboard', path: () => '/dashboard', shows: '.shell h1' },
  { name: 'onboarding', path: () => '/onboarding', shows: '.shell h1' },
  { name: 'devices', path: () => '/devices', shows: '.table tbody tr' },
  { name: 'device', path: ({ device }: Stage) => `/devices/${device.id}`, shows: '.facts' },
  { name: 'device-events', path: ({ device }: Stage) => `/devices/${device.id}/events`, shows: '.table tbody tr' },
  { name: 'certificates', path: () => '/certificates', shows: '.table tbody tr' },
  { name: 'certificate', path: ({ device }: Stage) => `/certificates/${device.proof.fingerprint}`, shows: '.facts' },
  { name: 'issue', path: () => '/certificates/issue', shows: '.consequences' },
  {
    name: 'issue-step',
    path: () => '/certificates/issue',
    press: '.section .button-main',
    shows: '.steps-body .radios',
  },
  { name: 'rules', path: () => '/certificates/rules', shows: '.section .form' },
  { name: 'groups', path: () => '/groups', shows: '.tree' },
  { name: 'group', path: ({ group }: Stage) => `/groups/${group}`, shows: '.delivery' },
  { name: 'group-certificates', path: ({ group }: Stage) => `/groups/${group}/certificates`, shows: '.table tbody tr' },
  { name: 'group-blocklist', path: ({ group }: Stage) => `/groups/${group}/blocklist`, shows: '.table tbody tr' },
  { name: 'codes', path: () => '/codes', shows: '.input-code' },
  { name: 'users', path: () => '/users', shows: '.table tbody tr' },
  { name: 'server-certificates', path: () => '/server-certificates', shows: '.facts' },
  { name: 'change-certificate', path: () => '/server-certificates/change', shows: '.steps' },
  { name: 'settings', path: () => '/settings', shows: '.table tbody tr' },
  { name: 'settings-console', path: () => '/settings/console', shows: '.facts' },
  { name: 'settings-mail', path: () => '/settings/mail', shows: 'main form' },
  { name: 'settings-authorities', path: () => '/settings/authorities', shows: '.facts' },
  { name: 'settings-later', path: () => '/settings/later', shows: 'main .status' },
  { name: 'accounts', path: () => '/accounts', shows: '.section tbody tr' },
  { name: 'tokens', path: () => '/accounts/tokens', shows: '.table-empty' },
  { name: 'audit', path: () => '/audit', shows: '.table tbody tr' },
  { name: 'account', path: () => '/account', shows: 'main .segments' },
  { name: 'missing', path: () => '/nowhere', shows: 'h1' },
];

/** What is right depends on the words or on the colours, not on which meet: two of the four are enough. */
table(
  'nothing axe-core finds wrong, English in light and Russian in dark',
  places,
  async ({ name, path, press, shows }) => {
    const world = await open();
    for (const [language, scheme] of [
      ['en', 'light'],
      ['ru', 'dark'],
    ] as const) {
      const one = await enterIn(world, language, path(world));
      if (press) await one.page.locator(press).click();
      await one.page.locator(shows).first().waitFor();
      assert.is(await one.page.locator('html').getAttribute('lang'), language);
      await one.page.emulateMedia({ colorScheme: scheme });
      assert.equal(await flawsOf(one), [], `${language} ${scheme}`);
      await shoot(one, `${name}-${language}-${scheme}`);
      await one.page.emulateMedia({ colorScheme: 'light' });
    }
  },
);

test('the sign-in page, in both languages, light and dark', async () => {
  const { visit } = await open();
  for (const language of ['en', 'ru'] as const) {
    const one = await visit(locales[language]);
    await one.open('/');
    for (const scheme of ['light', 'dark'] as const) {
      await one.page.emulateMedia({ colorScheme: scheme });
      assert.equal(await flawsOf(one), [], `${language} ${scheme}`);
      if ((language === 'en') === (scheme === 'light')) await shoot(one, `sign-in-${language}-${scheme}`);
    }
  }
});

test('no page asked another host, broke its own policy or failed', async () => {
  const { complaints, close } = await open();
  await close();
  assert.equal(complaints, []);
});

/** Once somebody is signed in the language is the account's. */
const enterIn = (world: Stage, language: 'en' | 'ru', path: string): Promise<Visit> =>
  enter(world, language === 'en' ? 'anna' : 'boris', path, locales[language]);
