/** Whoever is about to leave a page on which something would be lost is asked first. */
import { useEffect, useState } from 'preact/hooks';
import { useApp } from '../app.ts';
import { guardLeaving } from '../place.ts';
import { Dialog } from './dialog.tsx';

/** Is asked as long as it is shown. A browser asks in its own words where the whole console is left. */
export function Leaving({ title, what }: { readonly title: string; readonly what: string }) {
  const { words, navigate } = useApp();
  const { leaving } = words.web.parts;
  const [to, setTo] = useState<string | null>(null);
  useEffect(() => {
    const open = guardLeaving(setTo);
    const unloading = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', unloading);
    return () => {
      open();
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
