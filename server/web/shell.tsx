/** What surrounds every page of somebody who is signed in: head, navigation, account, and the page in the middle. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { fill } from '../../words/say.ts';
import { useApp } from './app.ts';
import { Roles } from './pages/account.tsx';
import { ForbiddenPage, MissingPage } from './pages/notices.tsx';
import { type Entry, findPage, firstPage, isOpenTo, type PageRoute, pages } from './pages.ts';
import { Icon, Mark } from './parts/icon.tsx';
import { LanguageSwitch } from './parts/language.tsx';
import { Jobs } from './parts/progress.tsx';

export function Shell({ onSignOut, reached }: { readonly onSignOut: () => void; readonly reached: boolean }) {
  const { words, place, rights } = useApp();
  const { shell } = words.web;
  const [open, setOpen] = useState(false);
  useFocusOnNavigation(place.path);
  useEffect(() => setOpen(false), [place.path]);
  return (
    <div class="shell">
      <a class="skip" href="#main">
        {shell.skip}
      </a>
      <header class="top">
        <button
          type="button"
          class="button button-icon top-menu"
          aria-expanded={open}
          aria-controls="navigation"
          onClick={() => setOpen(!open)}
        >
          <Icon name={open ? 'cross' : 'menu'} />
          <span class="unseen">{shell.menu}</span>
        </button>
        <a class="brand" href={firstPage(rights)}>
          <Mark />
          <span class="brand-name">{shell.product}</span>
          <span class="brand-line">{shell.tagline}</span>
        </a>
        <AccountMenu onSignOut={onSignOut} />
      </header>
      <nav id="navigation" class={open ? 'side side-open' : 'side'} aria-label={shell.navigation}>
        <Navigation />
      </nav>
      <main class="main" id="main" tabIndex={-1}>
        {!reached && (
          <p class="banner" role="alert">
            <Icon name="alert" />
            {shell.unreachable.banner}
          </p>
        )}
        <Jobs />
        <CurrentPage />
      </main>
    </div>
  );
}

function CurrentPage() {
  const { place, rights } = useApp();
  const found = findPage(place.path);
  if (!found) return <MissingPage />;
  if (!isOpenTo(found.route, rights)) return <ForbiddenPage />;
  const { page: Found } = found.route;
  return <Found key={place.path} params={found.params} />;
}

function Navigation() {
  const { words, place, rights } = useApp();
  const { sections } = words.web.shell;
  const current = findPage(place.path)?.route.path ?? '';
  const entries = pages.flatMap((route) =>
    route.entry && isOpenTo(route, rights) ? [{ ...route, entry: route.entry }] : [],
  );
  return (
    <>
      {(Object.keys(sections) as Entry['section'][]).map((section) => {
        const inside = entries.filter(({ entry }) => entry.section === section);
        return (
          inside.length > 0 && (
            <div class="side-section" key={section}>
              <p class="side-title" id={`side-${section}`}>
                {sections[section]}
              </p>
              <ul aria-labelledby={`side-${section}`}>
                {inside.map(({ path, entry }) => (
                  <li key={path}>
                    <a href={path} aria-current={belongs(path, current)}>
                      <Icon name={entry.icon} />
                      {entry.title(words)}
                    </a>
                  </li>
                ))}
              </ul>
            </div>
          )
        );
      })}
    </>
  );
}

/** `/devices/:id` is within the entry `/devices`. */
const belongs = (entry: string, current: PageRoute['path']): 'page' | 'true' | undefined => {
  if (entry === current) return 'page';
  return current.startsWith(`${entry}/`) ? 'true' : undefined;
};

function AccountMenu({ onSignOut }: { readonly onSignOut: () => void }) {
  const { words, account, api, place } = useApp();
  const own = words.web.shell.account;
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => menu.current?.hidePopover(), [place.path]);
  return (
    <div class="account">
      <button type="button" class="button button-quiet account-button" popovertarget="account-menu">
        <Icon name="person" />
        <span class="unseen">{fill(own.menu, { name: account.name })}</span>
        <span class="account-name" aria-hidden="true">
          {account.fullName || account.name}
        </span>
        <Icon name="chevron" />
      </button>
      <div ref={menu} id="account-menu" class="popover" popover="auto">
        <p class="popover-head">
          <strong>{account.fullName || account.name}</strong>
          <span class="quiet">
            <Roles />
          </span>
        </p>
        <LanguageSwitch onChosen={(language) => api.send('PUT', '/session/language', { language })} />
        <ul class="popover-list">
          <li>
            <a href="/account">
              <Icon name="person" />
              {own.own}
            </a>
          </li>
          <li>
            <button type="button" onClick={onSignOut}>
              <Icon name="out" />
              {own.signOut}
            </button>
          </li>
        </ul>
      </div>
    </div>
  );
}

/** Somebody who does not see the page change hears the heading of the new one. */
function useFocusOnNavigation(path: string): void {
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    scrollTo(0, 0);
    const within = document.activeElement?.closest('main');
    if (!within) document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
  }, [path]);
}
