/** Front ends that are believed about client certificates (A8). */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { FrontEndView } from '../../../api/mutual.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Form, TextField } from '../../parts/form.tsx';
import { RemovableRows } from '../../parts/removable.tsx';
import { Fingerprint, Section } from '../../parts/show.tsx';
import { Time } from '../../parts/time.tsx';

export function Proxies({ may }: { readonly may: boolean }) {
  const { words, api, say } = useApp();
  const { settings, serverCertificates } = words.web;
  const text = settings.mutual;
  const list = useLoad<readonly FrontEndView[]>('/front-ends');
  const sending = useSending();
  const [name, setName] = useState('');
  const [fingerprint, setFingerprint] = useState('');
  return (
    <Section title={text.proxies} lead={text.proxiesLead}>
      <RemovableRows
        of={list}
        none={text.proxiesNone}
        caption={text.proxies}
        heads={[settings.name, 'SHA-256', serverCertificates.made]}
        row={(row) => ({
          key: row.fingerprint,
          cells: [row.name, <Fingerprint key="f" value={row.fingerprint} />, <Time key="a" at={row.addedAt} />],
        })}
        remove={
          may
            ? {
                word: settings.remove,
                name: (row) => row.name,
                done: settings.done,
                ask: (row, ends) => (
                  <ConfirmDialog
                    title={fill(text.removeTitle, { name: row.name })}
                    consequences={[text.proxyWhat]}
                    confirm={settings.remove}
                    danger
                    run={() => api.send('DELETE', `/front-ends/${row.fingerprint}`)}
                    {...ends}
                  />
                ),
              }
            : null
        }
      />
      {may && (
        <Form
          submit={settings.add}
          busy={sending.busy}
          fault={sending.fault}
          onSend={async () => {
            const body = { fingerprint: fingerprint.replace(/[:\s]/g, '').toLowerCase(), name: name.trim() };
            const added = await sending.run(() => api.send('POST', '/front-ends', body));
            if (!added.ok) return;
            setName('');
            setFingerprint('');
            say(settings.done);
            list.again();
          }}
        >
          <TextField label={settings.name} required maxLength={120} value={name} onValue={setName} />
          <TextField label={text.fingerprint} required maxLength={120} value={fingerprint} onValue={setFingerprint} />
        </Form>
      )}
    </Section>
  );
}
