/** A real server with the built Web Console, and Debian's Chromium before it: one of each for a file. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { type Console, withConsole } from '../fakes/web-client.ts';
import { findProgram } from '../programs.ts';

export type Visit = {
  readonly page: Page;
  readonly context: BrowserContext;
  /** The path of the console that is open. */
  readonly path: () => string;
  readonly signIn: (name: string, password: string) => Promise<void>;
  /** `path` anew, as by a bookmark. */
  readonly open: (path: string) => Promise<void>;
};
export type Browsing = {
  /** Somebody new: signed out, with the browser of that language, one for each. */
  readonly visit: (locale?: string) => Promise<Visit>;
  /** What no visit may do: ask another host, break the policy of the page, fail in code. */
  readonly complaints: string[];
  readonly close: () => Promise<void>;
};
export type World = Browsing & { readonly console: Console };

const screens = 'build/screens/web';
const sizes = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };
const waitMs = 15_000;

export async function openWorld(): Promise<World> {
  const { console, done } = await openConsole();
  const browsing = await openBrowser(console.origin).catch(async (failed) => {
    await done();
    throw failed;
  });
  return {
    ...browsing,
    console,
    close: async () => {
      await browsing.close();
      await done();
    },
  };
}

/** Before a Web Console that is there already. */
export async function openBrowser(origin: string): Promise<Browsing> {
  const executablePath = findProgram('chromium') ?? '';
  // Whoever runs the tests as root cannot have the browser's own sandbox; it sees nothing but this server.
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  const complaints: string[] = [];
  const visits = new Map<string, Promise<Visit>>();
  return {
    complaints,
    visit: async (locale = 'en-GB') => {
      const known = visits.get(locale) ?? visit(browser, origin, complaints, locale);
      visits.set(locale, known);
      const { page, context } = await known;
      await context.clearCookies();
      if (page.url().startsWith(origin)) await page.evaluate('localStorage.clear()');
      return known;
    },
    close: () => browser.close(),
  };
}

/** `withConsole`, held open. */
async function openConsole(): Promise<{ readonly console: Console; readonly done: () => Promise<void> }> {
  return new Promise((begun, failed) => {
    const closed = withConsole(
      (console) =>
        new Promise((over) => {
          const done = (): Promise<void> => {
            over();
            return closed;
          };
          begun({ console, done });
        }),
    );
    closed.catch(failed);
  });
}

async function visit(browser: Browser, origin: string, complaints: string[], locale: string): Promise<Visit> {
  const context = await browser.newContext({
    baseURL: origin,
    ignoreHTTPSErrors: true,
    locale,
    timezoneId: 'Europe/Moscow',
    colorScheme: 'light',
    viewport: sizes.wide,
    reducedMotion: 'reduce',
  });
  context.setDefaultTimeout(waitMs);
  const page = await context.newPage();
  // A page that would lose something has the browser ask.
  page.on('dialog', (dialog) => dialog.accept());
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) complaints.push(`asks ${request.url()}`);
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // A refusal is an answer like others; the browser writes it down all the same, as it does a network that is away.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  return {
    page,
    context,
    path: () => new URL(page.url()).pathname,
    open: async (path) => {
      await page.goto(path);
      await page.locator('h1').waitFor();
    },
    signIn: async (name, password) => {
      await page.locator('input[autocomplete=username]').fill(name);
      await page.locator('input[autocomplete=current-password]').fill(password);
      await page.keyboard.press('Enter');
    },
  };
}

/** What the browser saves, by a click. */
export async function saved({ page }: Visit, click: () => Promise<void>): Promise<string> {
  const download = page.waitForEvent('download');
  await click();
  return readFileSync(await (await download).path(), 'utf8');
}

/** Wide and narrow, in `build/screens/web`, to be looked at. */
export async function shoot({ page }: Visit, name: string): Promise<void> {
  mkdirSync(screens, { recursive: true });
  for (const size of ['wide', 'narrow'] as const) {
    await page.setViewportSize(sizes[size]);
    await page.screenshot({ path: join(screens, `${name}-${size}.png`) });
  }
  await page.setViewportSize(sizes.wide);
}
