/** Who vouches for devices, and what signs policies: their states, and the authorities of others that are let in. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { ForeignAuthority, PolicyKeysView, SuccessionView } from '../../../api/mutual.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { base64Of } from '../../file.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { FileField, Form } from '../../parts/form.tsx';
import { RemovableRows } from '../../parts/removable.tsx';
import { Rows } from '../../parts/rows.tsx';
import { Facts, FaultNote, Fingerprint, Loading, Section } from '../../parts/show.tsx';
import { sayTime, Time } from '../../parts/time.tsx';

export function Authorities() {
  return (
    <>
      <Own />
      <Foreign />
      <Keys />
    </>
  );
}

function Own() {
  const { words } = useApp();
  const { settings, codes, serverCertificates } = words.web;
  const text = settings.authorities;
  const { value, fault, again } = useLoad<SuccessionView>('/device-authorities');
  return (
    <Section title={text.own}>
      <FaultNote fault={fault} again={again} />
      {!value && !fault && <Loading />}
      {value && (
        <>
          <Rows
            caption={text.own}
            heads={[text.role, serverCertificates.key, codes.validTo, codes.fingerprint]}
            rows={value.authorities.map(({ role, key, notAfter, fingerprint }) => ({
              key: fingerprint,
              cells: [
                text.roles[role],
                <span key="k" class="time">
                  {key}
                </span>,
                <Time key="e" at={notAfter} />,
                <div key="f" class="print">
                  <Fingerprint value={fingerprint} />
                </div>,
              ],
            }))}
          />
          <p>
            {fill(text.behind, { count: value.behind.length })}{' '}
            {value.renewedBy !== null && fill(text.renewedBy, { at: sayTime(words, value.renewedBy) })}
          </p>
        </>
      )}
    </Section>
  );
}

function Foreign() {
  const { words, api, say, rights } = useApp();
  const { settings, codes, serverCertificates } = words.web;
  const text = settings.authorities;
  const may = rights.includes('edit-authorities');
  const list = useLoad<readonly ForeignAuthority[]>('/authorities');
  const sending = useSending();
  const [file, setFile] = useState<File | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);
  return (
    <Section title={text.foreign} lead={text.foreignLead}>
      <RemovableRows
        of={list}
        none={text.foreignNone}
        caption={text.foreign}
        heads={[codes.owner, codes.validTo, codes.fingerprint]}
        row={(row) => ({
          key: row.fingerprint,
          cells: [row.owner, <Time key="e" at={row.notAfter} />, <Fingerprint key="f" value={row.fingerprint} />],
        })}
        remove={
          may
            ? {
                word: settings.remove,
                name: (row) => row.owner,
                done: settings.done,
                ask: (row, ends) => (
                  <ConfirmDialog
                    title={fill(text.removeTitle, { name: row.owner })}
                    consequences={[text.removeWhat]}
                    confirm={settings.remove}
                    danger
                    run={() => api.send('DELETE', `/authorities/${row.fingerprint}`)}
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
            const content = file && (await base64Of(file));
            if (content === null) return setWrong(serverCertificates.wizard.noFile);
            if (!(await sending.run(() => api.send('POST', '/authorities', { content }))).ok) return;
            say(settings.done);
            list.again();
          }}
        >
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
      )}
    </Section>
  );
}

function Keys() {
  const { words } = useApp();
  const { settings, shell } = words.web;
  const text = settings.authorities;
  const { value, fault, again } = useLoad<PolicyKeysView>('/policy-keys');
  return (
    <Section title={text.keys}>
      <FaultNote fault={fault} again={again} />
      {!value && !fault && <Loading />}
      {value && (
        <Facts
          rows={[
            [text.active, <code key="a">{value.active}</code>],
            [text.next, value.next === null ? shell.none : <code key="n">{value.next}</code>],
            [text.former, value.former.length === 0 ? shell.none : value.former.join(', ')],
            [text.lacking, value.notReady.length],
          ]}
        />
      )}
      <p class="hint">{text.byCommand}</p>
    </Section>
  );
}
