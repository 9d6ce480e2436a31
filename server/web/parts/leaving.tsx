/** Whoever is about to leave a page on which something would be lost is asked first. */
import { useEffect, useState } from 'preact/hooks';
import { useApp } from '../app.ts';
import { linkOf } from '../place.ts';
import { Dialog } from './dialog.tsx';

/** Is asked as long as it is shown. A browser asks in its own words where the whole console is left. */
export function Leaving({ title, what }: { readonly title: string; readonly what: string }) {
  const { words, navigate } = useApp();
  const { leaving } = words.web.parts;
  const [to, setTo] = useState<string | null>(null);
  useEffect(() => {
    const from = location.pathname + location.search;
    const clicked = (event: MouseEvent) => {
      const target = linkOf(event);
      if (target === null) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      setTo(target);
    };
    // Before the router hears of it: the address is put back until the answer.
    const moved = (event: PopStateEvent) => {
      event.stopImmediatePropagation();
      const wanted = location.pathname + location.search;
      history.pushState(null, '', from);
      setTo(wanted);
    };
    const unloading = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('click', clicked, true);
    addEventListener('popstate', moved, true);
    addEventListener('beforeunload', unloading);
    return () => {
      removeEventListener('click', clicked, true);
      removeEventListener('popstate', moved, true);
      removeEventListener('beforeunload', unloading);
    };
  }, []);
  if (to === null) return null;
  const stay = () => setTo(null);
  return (
    <Dialog title={title} onClose={stay}>
      <p>{what}</p>
      <div class="form-buttons">
        <button
          type="button"
          class="button button-danger"
          onClick={() => {
            stay();
            navigate(to);
          }}
        >
          {leaving.leave}
        </button>
        <button type="button" class="button" onClick={stay}>
          {leaving.stay}
        </button>
      </div>
    </Dialog>
  );
}
