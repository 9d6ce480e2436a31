/** Certificates that proxies show to devices: added, watched, removed. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { FrontEndCertificateView } from '../../../api/server-certificates.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { base64Of } from '../../file.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { CheckField, FileField, Form, TextField } from '../../parts/form.tsx';
import { type Ends, RemovableRows } from '../../parts/removable.tsx';
import { Section, Status } from '../../parts/show.tsx';
import { Time } from '../../parts/time.tsx';
import { totalOf } from './readiness.ts';

const path = '/server-certificates/front-ends';

export function FrontEnds({ may }: { readonly may: boolean }) {
  const { words } = useApp();
  const { serverCertificates: text, codes, shell, settings } = words.web;
  const list = useLoad<readonly FrontEndCertificateView[]>(path);
  return (
    <Section title={text.frontEnds} lead={text.frontEndsLead}>
      <RemovableRows
        of={list}
        none={text.frontEndsNone}
        caption={text.frontEnds}
        heads={[text.address, codes.owner, codes.validTo, text.shown, text.lack]}
        row={(row) => ({
          key: row.fingerprint,
          cells: [
            row.address,
            row.owner,
            <Time key="e" at={row.notAfter} />,
            row.shown === null ? (
              <Status key="s" tone="warn" text={text.silent} />
            ) : (
              <Status key="s" tone={row.shown ? 'good' : 'quiet'} text={row.shown ? shell.yes : shell.no} />
            ),
            row.lacking.length,
          ],
        })}
        remove={
          may
            ? {
                word: text.removeFrontEnd,
                name: (row) => row.address,
                done: settings.done,
                ask: (row, ends) => <Remove of={row} {...ends} />,
              }
            : null
        }
      />
      {may && <Add onAdded={list.again} />}
    </Section>
  );
}

function Add({ onAdded }: { readonly onAdded: () => void }) {
  const { words, api, say } = useApp();
  const { serverCertificates: text } = words.web;
  const sending = useSending();
  const [address, setAddress] = useState('');
  const [file, setFile] = useState<File | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  return (
    <Form
      submit={text.addFrontEnd}
      busy={sending.busy}
      fault={sending.fault}
      onSend={async () => {
        const content = file && (await base64Of(file));
        if (content === null) return setWrong(text.wizard.noFile);
        const done = await sending.run(() => api.send('POST', path, { address, content }));
        if (!done.ok) return;
        setAddress('');
        say(text.added);
        onAdded();
      }}
    >
      <TextField label={text.address} required maxLength={300} value={address} onValue={setAddress} />
      <FileField
        label={text.file}
        accept=".pem,.crt,.cer,.der"
        wrong={wrong}
        onFile={(chosen) => {
          setFile(chosen);
          setWrong(null);
        }}
      />
    </Form>
  );
}

function Remove({ of, ...ends }: { readonly of: FrontEndCertificateView } & Ends) {
  const { words, api } = useApp();
  const { serverCertificates: text } = words.web;
  const { address, fingerprint, shown, lacking } = of;
  const [override, setOverride] = useState(false);
  const readiness = useLoad<Parameters<typeof totalOf>[0]>(`/server-certificates/readiness?at=${of.notAfter}`);
  if (!readiness.value) return null;
  const count = totalOf(readiness.value) - lacking.length;
  return (
    <ConfirmDialog
      title={fill(text.removeFrontEndTitle, { address })}
      consequences={[fill(text.removeFrontEndWhat, { count }), ...(shown ? [text.removeFrontEndShown] : [])]}
      confirm={text.removeFrontEnd}
      danger
      run={() => api.send('POST', `${path}/${fingerprint}/remove`, { override })}
      {...ends}
    >
      {shown && <CheckField label={text.removeFrontEndTick} checked={override} onChecked={setOverride} />}
    </ConfirmDialog>
  );
}
