/** Where agents get tokens (A6, Tables 89 and 90): the new endpoint, and the end of the legacy one in two confirmations. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { Answer } from '../../api.ts';
import { useApp, useSending } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Facts, FaultNote, Note, Section, Status } from '../../parts/show.tsx';
import type { Part } from './mutual.tsx';
import { ConfirmTwice } from './twice.tsx';

export function Endpoints({ view, again, may }: Part) {
  const { words, api, say } = useApp();
  const { settings } = words.web;
  const text = settings.mutual;
  const sending = useSending();
  const [asking, setAsking] = useState<'new' | 'legacy' | null>(null);
  const { newEndpoint, legacyEndpoint, answers, waiting, enabledAt } = view;
  const set = (endpoint: 'new' | 'legacy', body: object) => api.send('PUT', `/mutual/endpoints/${endpoint}`, body);
  const done = (): void => {
    setAsking(null);
    say(settings.done);
    again();
  };
  const now = async (send: () => Promise<Answer<unknown>>): Promise<void> => {
    if ((await sending.run(send)).ok) done();
  };
  const state = (answering: boolean, unset: boolean) => (
    <Status tone={answering ? 'good' : 'quiet'} text={unset ? text.unset : answering ? text.answers : text.silent} />
  );
  const greyed =
    enabledAt === null
      ? text.needsMutual
      : waiting.length > 0
        ? fill(text.needsMigration, { count: waiting.length })
        : null;
  return (
    <Section title={text.endpoints} lead={text.endpointsLead}>
      <Facts
        rows={[
          [text.fresh, state(answers.new, newEndpoint === 'unset')],
          [text.legacy, state(answers.legacy, false)],
        ]}
      />
      {!answers.new && !answers.legacy && <Note tone="bad">{text.error}</Note>}
      <FaultNote fault={sending.fault} />
      {may && (
        <>
          {newEndpoint === 'on' ? (
            <button type="button" class="button" onClick={() => setAsking('new')}>
              {text.freshOff}
            </button>
          ) : (
            <Greyed why={greyed} text={text.freshOn} onClick={() => now(() => set('new', { on: true }))} />
          )}
          {legacyEndpoint ? (
            <Greyed
              why={newEndpoint === 'on' ? null : text.needsNew}
              text={text.legacyOff}
              onClick={() => setAsking('legacy')}
            />
          ) : (
            <button type="button" class="button" onClick={() => now(() => set('legacy', { on: true }))}>
              {text.legacyOn}
            </button>
          )}
        </>
      )}
      {asking === 'new' && (
        <ConfirmDialog
          title={text.freshOff}
          consequences={[text.freshOffWhat, ...(legacyEndpoint ? [] : [text.error])]}
          confirm={text.freshOff}
          danger
          run={() => set('new', { on: false })}
          onDone={done}
          onClose={() => setAsking(null)}
        />
      )}
      {asking === 'legacy' && (
        <ConfirmTwice
          first={{
            title: text.legacyOffTitle,
            consequences: [fill(text.legacyOffWhat, { count: waiting.length }), text.legacyOffBack],
            confirm: text.disable,
          }}
          second={{ title: text.legacyAgainTitle, consequences: [text.legacyAgainWhat], confirm: text.disable }}
          run={() => set('legacy', { on: false, confirm: true, confirmAgain: true })}
          onDone={done}
          onClose={() => setAsking(null)}
        />
      )}
    </Section>
  );
}

/** A button that cannot be pressed yet, and why. */
function Greyed({
  why,
  text,
  onClick,
}: {
  readonly why: string | null;
  readonly text: string;
  readonly onClick: () => void;
}) {
  return (
    <div>
      <button type="button" class="button" disabled={why !== null} onClick={onClick}>
        {text}
      </button>
      {why !== null && <p class="hint">{why}</p>}
    </div>
  );
}
