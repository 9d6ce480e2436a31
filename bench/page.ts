/** The Web Console in a browser that has nothing of it yet, signed in: from the navigation to its first page, there and usable. */
import { openOfficer } from '../test/flow/officer.ts';
import { openSystem } from '../test/flow/system.ts';
import type { Row } from './row.ts';

const rounds = 9;
const goalMs = 1000;

export async function benchPage(): Promise<Row[]> {
  const system = openSystem();
  try {
    await system.startServer();
    const officer = await openOfficer(system);
    try {
      const browser = officer.context.browser();
      if (!browser) throw new Error('no browser');
      const storageState = await officer.context.storageState();
      const visit = async (path: string, there: string): Promise<number> => {
        const context = await browser.newContext({ storageState, ignoreHTTPSErrors: true });
        const page = await context.newPage();
        const began = performance.now();
        await page.goto(`${officer.origin}${path}`, { waitUntil: 'commit' });
        await page.locator(there).first().waitFor();
        // Whatever has been asked of the page before is done when this answers: it takes what a person does.
        await page.evaluate('new Promise((done) => requestAnimationFrame(() => setTimeout(done)))');
        const took = performance.now() - began;
        await context.close();
        return took;
      };
      const pages: number[] = [];
      const bare: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        bare.push(await visit('/favicon.svg', 'svg'));
        pages.push(await visit('/dashboard', '.shell main .section'));
      }
      const [figure, floor] = [median(pages.slice(1)), median(bare.slice(1))];
      return [
        {
          what: 'Web Console: from the navigation to the dashboard, nothing cached',
          figure: `${figure.toFixed(0)} ms (${Math.min(...pages.slice(1)).toFixed(0)} to ${Math.max(...pages.slice(1)).toFixed(0)})`,
          floor: `a picture of the same server ${floor.toFixed(0)} ms`,
          goal: `≤ ${goalMs} ms`,
          met: figure <= goalMs,
        },
      ];
    } finally {
      await officer.close();
    }
  } finally {
    await system.close();
  }
}

const median = (all: readonly number[]): number =>
  [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
