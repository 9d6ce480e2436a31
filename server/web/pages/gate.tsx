/** The frame of what is shown before somebody is signed in. */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { useApp } from '../app.ts';
import { Mark } from '../parts/icon.tsx';
import { LanguageSwitch } from '../parts/language.tsx';

export function Gate({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  const { words } = useApp();
  const { shell } = words.web;
  useEffect(() => {
    document.title = `${title} – ${shell.product}`;
  }, [title, shell]);
  return (
    <div class="gate">
      <header class="gate-brand">
        <Mark />
        <span class="gate-name">{shell.product}</span>
        <span class="quiet">{shell.tagline}</span>
      </header>
      <main class="gate-card" id="main">
        <h1 tabIndex={-1}>{title}</h1>
        {children}
      </main>
      <footer class="gate-foot">
        <LanguageSwitch />
      </footer>
    </div>
  );
}
