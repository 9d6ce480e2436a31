/** Where in the console somebody is: paths, and a small router over the history of the browser. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

export type Place = { readonly path: string; readonly query: string };
export type Navigate = (to: string, how?: 'push' | 'replace') => void;

/** Asked instead of going, where something would be lost; the last one that was set. */
let guard: ((to: string) => void) | null = null;

/** Until what is returned is called, links and the history of the browser lead nowhere by themselves. */
export function guardLeaving(ask: (to: string) => void): () => void {
  guard = ask;
  return () => {
    if (guard === ask) guard = null;
  };
}

/** The place, and the way to another one. Links within the console go the same way. */
export function usePlace(): readonly [Place, Navigate] {
  const [place, setPlace] = useState(here);
  const last = useRef(place);
  const navigate = useCallback<Navigate>((to, how = 'push') => {
    if (how === 'push') history.pushState(null, '', to);
    else history.replaceState(null, '', to);
    last.current = here();
    setPlace(last.current);
  }, []);
  useEffect(() => {
    const moved = () => {
      if (guard === null) {
        last.current = here();
        setPlace(last.current);
        return;
      }
      // The address is put back until the answer.
      const { path, query } = here();
      history.pushState(null, '', last.current.path + last.current.query);
      guard(path + query);
    };
    const clicked = (event: MouseEvent) => {
      const to = linkOf(event);
      if (to === null) return;
      event.preventDefault();
      if (guard === null) navigate(to);
      else guard(to);
    };
    addEventListener('popstate', moved);
    document.addEventListener('click', clicked);
    return () => {
      removeEventListener('popstate', moved);
      document.removeEventListener('click', clicked);
    };
  }, [navigate]);
  return [place, navigate];
}

const here = (): Place => ({ path: location.pathname, query: location.search });

/** Where a plain click on a link of ours leads; downloads, other tabs and marks on the page are the browser's. */
function linkOf(event: MouseEvent): string | null {
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!plain || event.defaultPrevented || !link || link.target || link.hasAttribute('download')) return null;
  const href = link.getAttribute('href') ?? '';
  return href.startsWith('/') && !href.startsWith('/api/') ? href : null;
}
