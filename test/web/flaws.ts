/** What is wrong with a page as it is shown: what axe-core finds, and what holds for every page and dialog of this console. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ru } from '../../words/ru.ts';
import { webRu } from '../../words/web.ts';
import type { Visit } from './browser.ts';

type Shown = {
  readonly language: string;
  /** What is read or heard, without what is data by its looks. */
  readonly texts: readonly string[];
  readonly consequences: readonly string[];
  readonly complaints: readonly string[];
};

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const broken = /\{\w+\}|undefined|\[object|\bNaN\b|Invalid Date/;
const latin = /[A-Za-z][A-Za-z0-9]{2,}/g;

/** What people wrote, in whatever language, and what is called so everywhere. */
const names =
  'reception warehouse doomed Office Branch Front desk Help Mon Fri mows himself Anna Karenina Konstantin Levin levin karenina boris root Post Clients Windows Thin Moscow Desk kitty ours';
/** Addresses, names of accounts, files and certificates, fingerprints, one-time passwords, versions, requests. */
const data =
  /\S+@\S+|https?:\S+|localhost|the-\w+|[\w-]+\.(pem|p12)|\b(CN|O)=[^,]+|\b[0-9a-f]{8,}\b|\b[A-Z0-9]{8}\b|\bv\d+|[A-Z]+ \/\S+/g;
const known = new Set([...names.split(' '), ...wordsOf(ru), ...wordsOf(webRu)]);

/** Empty where nothing is. */
export async function flawsOf({ page }: Visit): Promise<readonly string[]> {
  const rules = await page.evaluate<readonly { readonly id: string; readonly nodes: readonly { target: unknown }[] }[]>(
    `${axe};axe.run().then(({ violations }) => violations.map(({ id, nodes }) => ({ id, nodes })))`,
  );
  const { language, texts, consequences, complaints } = await page.evaluate<Shown>(look);
  return [
    ...rules.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => String(target)).join(', ')}`),
    ...texts.filter((text) => broken.test(text)).map((text) => `not filled in: ${text}`),
    ...consequences.filter((text) => text.includes('…')).map((text) => `not known before it is done: ${text}`),
    ...(language === 'ru' ? texts.flatMap(foreignIn) : []),
    ...complaints,
  ];
}

function foreignIn(text: string): readonly string[] {
  const found = (text.replace(data, '').match(latin) ?? []).filter((word) => !known.has(word));
  return found.length > 0 ? [`not Russian (${found.join(', ')}): ${text}`] : [];
}

/** Latin words of a dictionary. */
function wordsOf(tree: unknown): readonly string[] {
  if (typeof tree === 'string') return tree.match(latin) ?? [];
  return Object.values(tree as object).flatMap(wordsOf);
}

const look = `(() => {
  const texts = [];
  const complaints = [];
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (node.data.trim() && isShown(node.parentElement) && !node.parentElement.closest('code, noscript'))
      texts.push(node.data.trim());
  for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
    for (const element of document.querySelectorAll('body [' + name + ']'))
      if (isShown(element) && !element.closest('code')) texts.push(element.getAttribute(name));
  const dialog = document.querySelector('dialog[open]');
  if (dialog && !dialog.matches(':modal')) complaints.push('the dialog lets the keyboard out');
  if (dialog && !dialog.contains(document.activeElement)) complaints.push('the dialog does not have the focus');
  if (dialog?.querySelector('[type=submit].button-danger') && !dialog.querySelector('p, li'))
    complaints.push('the dialog does not say what will happen');
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) complaints.push('wider than the window: ' + scrollWidth);
  return {
    language: document.documentElement.lang,
    texts,
    consequences: [...document.querySelectorAll('.consequences li')].map((each) => each.innerText),
    complaints,
  };
})()`;
