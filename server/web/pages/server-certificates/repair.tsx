/** A file for a stick that leads devices back which lost the server (B5). The policy key signs it. */
import { useState } from 'preact/hooks';
import { secondMs } from '../../../../protocol/time.ts';
import { fill } from '../../../../words/say.ts';
import type { ReadinessView, RepairDraft } from '../../../api/server-certificates.ts';
import { useApp, useSending } from '../../app.ts';
import { Form, TextField } from '../../parts/form.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Note, Section } from '../../parts/show.tsx';
import { sayTime } from '../../parts/time.tsx';
import { totalOf } from './readiness.ts';

type Made = { readonly jws: string; readonly until: number; readonly devices: number };

export function Repair() {
  const { words, api } = useApp();
  const { serverCertificates: text } = words.web;
  const sending = useSending();
  const [days, setDays] = useState('30');
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Section title={text.repair} lead={text.repairLead}>
      <Form
        submit={text.makeRepair}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          const order = { days: Number(days), key: 'policy', time: false };
          const drafted = await sending.run(() => api.send<RepairDraft>('POST', '/repair-files', order));
          const fleet = await api.get<ReadinessView>(`/server-certificates/readiness?at=${Date.now()}`);
          if (!drafted.ok || drafted.value.jws === null) return;
          const until = drafted.value.payload.refreshBefore * secondMs;
          setMade({ jws: drafted.value.jws, until, devices: fleet.ok ? totalOf(fleet.value) : 0 });
        }}
      >
        <TextField label={text.days} type="number" kind="short" required value={days} onValue={setDays} />
      </Form>
      {made && (
        <Note tone="good">
          <p>{fill(text.repairDone, { at: sayTime(words, made.until), count: made.devices })}</p>
          <p>
            <a
              class="button"
              href={`data:application/jose,${encodeURIComponent(`${made.jws}\n`)}`}
              download="repair.thintrust"
            >
              <Icon name="download" />
              {text.saveRepair}
            </a>
          </p>
        </Note>
      )}
    </Section>
  );
}
