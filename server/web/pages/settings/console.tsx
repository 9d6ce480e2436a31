/** The certificate of the Web Console itself (B12): made here, or uploaded. */
import { useState } from 'preact/hooks';
import type { Fault } from '../../../../protocol/fault.ts';
import { sayFault } from '../../../../words/say.ts';
import type { ConsoleCertificate } from '../../../api/account.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { base64Of } from '../../file.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { FileField, Form, PasswordField, TextField } from '../../parts/form.tsx';
import { Facts, FaultNote, Fingerprint, Loading, Section } from '../../parts/show.tsx';
import { Time } from '../../parts/time.tsx';

const path = '/console-certificate';

export function ConsoleCertificateSettings() {
  const { words, api, say, rights } = useApp();
  const { settings, codes, serverCertificates } = words.web;
  const text = settings.console;
  const { value, fault, again } = useLoad<ConsoleCertificate>(path);
  const [resetting, setResetting] = useState(false);
  const may = rights.includes('edit-server-certificates');
  if (!value) return fault ? <FaultNote fault={fault} again={again} /> : <Loading />;
  return (
    <>
      <Section title={settings.tabs.console}>
        <Facts
          rows={[
            [serverCertificates.source, serverCertificates.sources[value.source]],
            [codes.owner, value.owner],
            [codes.issuer, value.issuer],
            [codes.validFrom, <Time key="f" at={value.notBefore} />],
            [codes.validTo, <Time key="t" at={value.notAfter} />],
            [codes.fingerprint, <Fingerprint key="s" value={value.fingerprint} />],
          ]}
        />
        {may && value.source === 'uploaded' && (
          <button type="button" class="button" onClick={() => setResetting(true)}>
            {text.reset}
          </button>
        )}
      </Section>
      {may && <Upload onDone={again} />}
      {resetting && (
        <ConfirmDialog
          title={text.resetTitle}
          consequences={[text.resetWhat, text.resetKey]}
          confirm={text.reset}
          danger
          run={() => api.send('DELETE', path)}
          onDone={() => {
            setResetting(false);
            say(settings.done);
            again();
          }}
          onClose={() => setResetting(false)}
        />
      )}
    </>
  );
}

function Upload({ onDone }: { readonly onDone: () => void }) {
  const { words, api, say } = useApp();
  const { settings, serverCertificates } = words.web;
  const { wizard } = serverCertificates;
  const text = settings.console;
  const sending = useSending();
  const [files, setFiles] = useState<{ readonly content: File | null; readonly key: File | null }>({
    content: null,
    key: null,
  });
  const [password, setPassword] = useState('');
  const [host, setHost] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const [faults, setFaults] = useState<readonly Fault[]>([]);
  return (
    <Section title={text.upload} lead={wizard.uploadedHint}>
      <Form
        submit={text.upload}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          setFaults([]);
          const content = files.content && (await base64Of(files.content));
          const key = files.key && (await base64Of(files.key));
          if (content === null) return setWrong(wizard.noFile);
          const body = { content, password, ...(key ? { key } : {}), ...(host.trim() ? { host: host.trim() } : {}) };
          const done = await sending.run(() => api.send('POST', path, body));
          if (!done.ok) return setFaults((done.problem['faults'] as readonly Fault[] | undefined) ?? []);
          say(text.uploaded);
          onDone();
        }}
      >
        {faults.slice(1).map((each, index) => (
          <p key={index} class="wrong">
            {sayFault(words, each)}
          </p>
        ))}
        <FileField
          label={wizard.file}
          accept=".p12,.pfx,.pem,.crt,.cer,.p7b"
          wrong={wrong}
          onFile={(content) => {
            setFiles({ ...files, content });
            setWrong(null);
          }}
        />
        <FileField label={wizard.keyFile} accept=".key,.pem,.prk" onFile={(key) => setFiles({ ...files, key })} />
        <PasswordField label={wizard.password} autocomplete="off" optional value={password} onValue={setPassword} />
        <TextField label={text.host} maxLength={253} value={host} onValue={setHost} />
      </Form>
    </Section>
  );
}
