/** Certificates that proxies show to devices: added, watched, removed. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { FrontEndCertificateView } from '../../../api/server-certificates.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { base64Of } from '../../file.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { CheckField, FileField, Form, TextField } from '../../parts/form.tsx';
import { LoadedRows } from '../../parts/rows.tsx';
import { Section, Status, Unseen } from '../../parts/show.tsx';
import { Time } from '../../parts/time.tsx';
import { totalOf } from './readiness.ts';

const path = '/server-certificates/front-ends';

export function FrontEnds({ may }: { readonly may: boolean }) {
  const { words } = useApp();
  const { serverCertificates: text, codes, shell } = words.web;
  const list = useLoad<readonly FrontEndCertificateView[]>(path);
  const [removing, setRemoving] = useState<FrontEndCertificateView | null>(null);
  return (
    <Section title={text.frontEnds} lead={text.frontEndsLead}>
      <LoadedRows
        of={list}
        none={text.frontEndsNone}
        caption={text.frontEnds}
        heads={[
          text.address,
          codes.owner,
          codes.validTo,
          text.shown,
          text.lack,
          ...(may ? [<Unseen key="a" text={text.removeFrontEnd} />] : []),
        ]}
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
            ...(may
              ? [
                  <button key="r" type="button" class="button" onClick={() => setRemoving(row)}>
                    {text.removeFrontEnd}
                    <span class="unseen"> {row.address}</span>
                  </button>,
                ]
              : []),
          ],
        })}
      />
      {may && <Add onAdded={list.again} />}
      {removing && (
        <Remove
          of={removing}
          onClose={() => {
            setRemoving(null);
            list.again();
          }}
        />
      )}
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

function Remove({ of, onClose }: { readonly of: FrontEndCertificateView; readonly onClose: () => void }) {
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
      onDone={onClose}
      onClose={onClose}
    >
      {shown && <CheckField label={text.removeFrontEndTick} checked={override} onChecked={setOverride} />}
    </ConfirmDialog>
  );
}
