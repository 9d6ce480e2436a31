/** Signed statements of each change (B4): which devices are given, and taking one back. */
import { fill } from '../../../../words/say.ts';
import type { LinkView } from '../../../api/server-certificates.ts';
import { base } from '../../api.ts';
import { useApp, useLoad } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Icon } from '../../parts/icon.tsx';
import { RemovableRows } from '../../parts/removable.tsx';
import { Section, Status } from '../../parts/show.tsx';
import { Time } from '../../parts/time.tsx';

const path = '/server-certificates/links';

export function Links({ may }: { readonly may: boolean }) {
  const { words, api } = useApp();
  const { serverCertificates: text, shell } = words.web;
  const links = useLoad<readonly LinkView[]>(path);
  return (
    <Section title={text.links} lead={text.linksLead}>
      <RemovableRows
        of={links}
        none={text.linksNone}
        caption={text.links}
        heads={[text.number, text.made, text.from, text.to, text.counts]}
        row={({ seq, madeAt, from, to, counts }) => ({
          key: String(seq),
          cells: [
            seq,
            <Time key="m" at={madeAt} />,
            <code key="f">{from.slice(0, 12)}…</code>,
            <code key="t">{to.slice(0, 12)}…</code>,
            <Status key="c" tone={counts ? 'good' : 'quiet'} text={counts ? shell.yes : shell.no} />,
          ],
        })}
        remove={
          may
            ? {
                word: text.unlink,
                name: ({ seq, removed }) => (removed ? null : seq),
                done: text.unlinked,
                ask: ({ seq }, ends) => (
                  <ConfirmDialog
                    title={fill(text.unlinkTitle, { seq })}
                    consequences={[text.unlinkWhat, text.unlinkHolds]}
                    confirm={text.unlink}
                    danger
                    run={() => api.send('DELETE', `${path}/${seq}`)}
                    {...ends}
                  />
                ),
              }
            : null
        }
      />
      {links.value?.some(({ counts }) => counts) && (
        <a class="button" href={`${base}/server-certificates/statements`} download="statements.json">
          <Icon name="download" />
          {text.save}
        </a>
      )}
    </Section>
  );
}
