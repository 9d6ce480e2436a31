/** Pages that say why there is no page. */
import { useApp } from '../app.ts';
import { Page } from '../parts/show.tsx';
import { Gate } from './gate.tsx';

export function MissingPage() {
  const { words } = useApp();
  const { missing } = words.web.shell;
  return (
    <Page title={missing.title} lead={missing.lead}>
      <a class="button" href="/">
        {missing.start}
      </a>
    </Page>
  );
}

export function ForbiddenPage() {
  const { words } = useApp();
  const { forbidden, missing } = words.web.shell;
  return (
    <Page title={forbidden.title} lead={forbidden.lead}>
      <a class="button" href="/">
        {missing.start}
      </a>
    </Page>
  );
}

/** There was no answer at all yet, so it is not known whether somebody is signed in. */
export function UnreachablePage({ again }: { readonly again: () => void }) {
  const { words } = useApp();
  const { unreachable, again: repeat } = words.web.shell;
  return (
    <Gate title={unreachable.title}>
      <p>{unreachable.lead}</p>
      <button type="button" class="button button-main" onClick={again}>
        {repeat}
      </button>
    </Gate>
  );
}
