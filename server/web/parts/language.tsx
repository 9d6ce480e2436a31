/** The two languages, each by its own name. */
import type { Language } from '../../../words/say.ts';
import { useApp } from '../app.ts';

const names: readonly (readonly [Language, string])[] = [
  ['en', 'English'],
  ['ru', 'Русский'],
];

export function LanguageSwitch({ onChosen }: { readonly onChosen?: (language: Language) => void }) {
  const { language, words, setLanguage } = useApp();
  return (
    <fieldset class="segments">
      <legend class="unseen">{words.web.shell.account.language}</legend>
      {names.map(([each, name]) => (
        <button
          key={each}
          type="button"
          lang={each}
          aria-pressed={each === language}
          onClick={() => {
            setLanguage(each);
            onChosen?.(each);
          }}
        >
          {name}
        </button>
      ))}
    </fieldset>
  );
}
