/** Texts of mails in both languages, with their placeholders and a preview of what a person would read. */
import { useEffect, useState } from 'preact/hooks';
import type { MailTextView } from '../../../api/mail.ts';
import { type Loaded, useApp, useLoad, useSending } from '../../app.ts';
import { AreaField, Form, SelectField, TextField } from '../../parts/form.tsx';
import { FaultNote, Section, Status } from '../../parts/show.tsx';

type Content = { readonly subject: string; readonly text: string };

export function MailTexts({ may }: { readonly may: boolean }) {
  const { words, language } = useApp();
  const { mail } = words.web.settings;
  const texts: Loaded<readonly MailTextView[]> = useLoad('/mail/texts');
  const [which, setWhich] = useState(`installation ${language}`);
  const all = texts.value ?? [];
  const nameOf = ({ kind, language: of }: MailTextView): string =>
    `${mail.kinds[kind]}, ${of === 'en' ? 'English' : 'Русский'}`;
  const keyOf = ({ kind, language: of }: MailTextView): string => `${kind} ${of}`;
  const shown = all.find((each) => keyOf(each) === which);
  return (
    <Section title={mail.texts}>
      <FaultNote fault={texts.fault} again={texts.again} />
      {shown && (
        <>
          <SelectField
            label={mail.text}
            value={which}
            choices={all.map((each) => [keyOf(each), nameOf(each)])}
            onValue={setWhich}
          />
          <Text key={`${which} ${shown.own}`} of={shown} may={may} again={texts.again} />
        </>
      )}
    </Section>
  );
}

function Text({ of, may, again }: { readonly of: MailTextView; readonly may: boolean; readonly again: () => void }) {
  const { words, api, say } = useApp();
  const { settings } = words.web;
  const { mail } = settings;
  const path = `/mail/texts/${of.kind}/${of.language}`;
  const sending = useSending();
  const [subject, setSubject] = useState(of.subject);
  const [body, setBody] = useState(of.text);
  const [preview, setPreview] = useState<Content | null>(null);
  const look = async (content: Content): Promise<void> => {
    const seen = await sending.run(() => api.send<Content>('POST', `${path}/preview`, content));
    setPreview(seen.ok ? seen.value : null);
  };
  useEffect(() => {
    if (!may) look(of);
  }, [may]);
  return (
    <>
      {of.own && <Status tone="quiet" text={mail.own} />}
      <p class="hint">
        {mail.placeholders} <code>{of.placeholders.map((each) => `{${each}}`).join(' ')}</code>
      </p>
      {may && (
        <Form
          submit={mail.save}
          busy={sending.busy}
          fault={sending.fault}
          onSend={async () => {
            const saved = await sending.run(() => api.send('PUT', path, { subject, text: body }));
            if (!saved.ok) return;
            say(settings.done);
            again();
          }}
          more={
            <>
              <button type="button" class="button" onClick={() => look({ subject, text: body })}>
                {mail.preview}
              </button>
              {of.own && (
                <button
                  type="button"
                  class="button"
                  onClick={async () => {
                    if ((await sending.run(() => api.send('DELETE', path))).ok) again();
                  }}
                >
                  {mail.reset}
                </button>
              )}
            </>
          }
        >
          <TextField label={mail.subject} required maxLength={200} value={subject} onValue={setSubject} />
          <AreaField label={mail.body} maxLength={10_000} value={body} onValue={setBody} />
        </Form>
      )}
      <div role="status">
        {preview && (
          <>
            <h3>{mail.previewOf}</h3>
            <div class="mail-text">
              <strong>{preview.subject}</strong>
              {`\n\n${preview.text}`}
            </div>
          </>
        )}
      </div>
    </>
  );
}
