/** Signed statements of each change (B4): which devices are given, and taking one back. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { LinkView } from '../../../api/server-certificates.ts';
import { base } from '../../api.ts';
import { useApp, useLoad } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Icon } from '../../parts/icon.tsx';
import { LoadedRows } from '../../parts/rows.tsx';
import { Section, Status, Unseen } from '../../parts/show.tsx';
import { Time } from '../../parts/time.tsx';

const path = '/server-certificates/links';

export function Links({ may }: { readonly may: boolean }) {
  const { words, api, say } = useApp();
  const { serverCertificates: text, shell } = words.web;
  const links = useLoad<readonly LinkView[]>(path);
  const [removing, setRemoving] = useState<number | null>(null);
  return (
    <Section title={text.links} lead={text.linksLead}>
      <LoadedRows
        of={links}
        none={text.linksNone}
        caption={text.links}
        heads={[
          text.number,
          text.made,
          text.from,
          text.to,
          text.counts,
          ...(may ? [<Unseen key="a" text={text.unlink} />] : []),
        ]}
        row={({ seq, madeAt, from, to, counts, removed }) => ({
          key: String(seq),
          cells: [
            seq,
            <Time key="m" at={madeAt} />,
            <code key="f">{from.slice(0, 12)}…</code>,
            <code key="t">{to.slice(0, 12)}…</code>,
            <Status key="c" tone={counts ? 'good' : 'quiet'} text={counts ? shell.yes : shell.no} />,
            ...(may
              ? [
                  removed ? (
                    ''
                  ) : (
                    <button key="r" type="button" class="button" onClick={() => setRemoving(seq)}>
                      {text.unlink}
                      <span class="unseen"> {seq}</span>
                    </button>
                  ),
                ]
              : []),
          ],
        })}
      />
      {links.value?.some(({ counts }) => counts) && (
        <a class="button" href={`${base}/server-certificates/statements`} download="statements.json">
          <Icon name="download" />
          {text.save}
        </a>
      )}
      {removing !== null && (
        <ConfirmDialog
          title={fill(text.unlinkTitle, { seq: removing })}
          consequences={[text.unlinkWhat, text.unlinkHolds]}
          confirm={text.unlink}
          danger
          run={() => api.send('DELETE', `${path}/${removing}`)}
          onDone={() => {
            setRemoving(null);
            say(text.unlinked);
            links.again();
          }}
          onClose={() => setRemoving(null)}
        />
      )}
    </Section>
  );
}
