/** Mutual authentication of HTTPS check-ins (A2, A3): the setting, its effect, and the port without certificates. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { CertlessRow, MutualView } from '../../../api/mutual.ts';
import { type Loaded, useApp, useLoad, useSending } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { Form, TextField } from '../../parts/form.tsx';
import { Rows } from '../../parts/rows.tsx';
import { Facts, FaultNote, Loading, Note, Section, Status } from '../../parts/show.tsx';
import { Table } from '../../parts/table.tsx';
import { Time, TimeOr } from '../../parts/time.tsx';
import { Endpoints } from './endpoints.tsx';
import { Enrolment } from './enrolment.tsx';
import { Proxies } from './proxies.tsx';
import { ConfirmTwice } from './twice.tsx';

export type Part = { readonly view: MutualView; readonly again: () => void; readonly may: boolean };

export function Mutual() {
  const { rights } = useApp();
  const { value, fault, again }: Loaded<MutualView> = useLoad('/mutual');
  const may = rights.includes('edit-server');
  if (!value) return fault ? <FaultNote fault={fault} again={again} /> : <Loading />;
  const part = { view: value, again, may };
  return (
    <>
      <Setting {...part} />
      <Effect {...part} />
      <Port {...part} />
      <Enrolment {...part} />
      <Endpoints {...part} />
      <Proxies may={may} />
    </>
  );
}

function Setting({ view, again, may }: Part) {
  const { words, api, say } = useApp();
  const { settings } = words.web;
  const text = settings.mutual;
  const status = useLoad<{ readonly devices: number }>('/status');
  const [asking, setAsking] = useState(false);
  const devices = status.value?.devices;
  const waiting = view.waiting.length;
  return (
    <Section title={settings.tabs.mutual}>
      {view.enabledAt === null ? (
        <>
          <Status tone="quiet" text={settings.off} />
          {devices !== undefined && (
            <Note tone={devices === 0 ? 'warn' : 'quiet'}>
              {devices === 0 ? text.recommended : fill(text.late, { devices, waiting })}
            </Note>
          )}
          {may && (
            <button type="button" class="button button-main" onClick={() => setAsking(true)}>
              {text.turnOn}
            </button>
          )}
        </>
      ) : (
        <>
          <Status tone="good" text={settings.on} />
          <Facts rows={[[text.since, <Time key="s" at={view.enabledAt} />]]} />
          <p class="hint">{text.forever}</p>
        </>
      )}
      {asking && (
        <ConfirmTwice
          first={{
            title: text.turnOnTitle,
            consequences: [
              fill(text.turnOnWhat, { port: view.httpsPort }),
              fill(text.turnOnStays, { waiting }),
              text.forever,
            ],
            confirm: text.again,
          }}
          second={{
            title: text.againTitle,
            consequences: [text.forever],
            confirm: text.turnOn,
          }}
          run={() => api.send('PUT', '/mutual', { enabled: true })}
          onDone={() => {
            setAsking(false);
            say(settings.done);
            again();
          }}
          onClose={() => setAsking(false)}
        />
      )}
      <FaultNote fault={status.fault} again={status.again} />
    </Section>
  );
}

const kinds = ['thin-client', 'no-migration', 'always-mutual'] as const;

/** Table 88 of the source, with the ports of this server. */
function Effect({ view: { state, legacyPort, httpsPort } }: Part) {
  const { words } = useApp();
  const { mutual: text } = words.web.settings;
  const without = legacyPort === null ? text.closed : fill(text.without, { port: legacyPort });
  const mutual = fill(text.with, { port: httpsPort });
  const now = { off: [0], on: [1, 2], 'on-before-upgrade': [3] }[state];
  const effects = {
    'thin-client': [without, mutual, without, mutual],
    'no-migration': [without, without, without, without],
    'always-mutual': [mutual, mutual, mutual, mutual],
  };
  return (
    <Section title={text.effect} lead={text.effectLead}>
      <Rows
        caption={text.effect}
        heads={[text.setting, ...kinds.map((kind) => text.agents[kind])]}
        rows={text.states.map((each, index) => {
          const holds = now.includes(index);
          return {
            key: each,
            cells: [
              holds ? <Status key="s" tone="good" text={each} /> : each,
              ...kinds.map((kind) =>
                holds ? <strong key={kind}>{effects[kind][index]}</strong> : effects[kind][index],
              ),
            ],
          };
        })}
      />
    </Section>
  );
}

function Port({ view, again, may }: Part) {
  const { words, api, say } = useApp();
  const { settings, dashboard } = words.web;
  const text = settings.mutual;
  const sending = useSending();
  const [port, setPort] = useState('');
  const [closing, setClosing] = useState(false);
  const [typed, setTyped] = useState('');
  const cut = view.waiting.length;
  const move = (to: number | null, override: number | false) =>
    api.send('PUT', '/mutual/legacy-port', { port: to, override });
  const moved = (): void => {
    say(settings.done);
    setClosing(false);
    setTyped('');
    again();
  };
  return (
    <Section title={text.port} lead={text.portLead}>
      <Facts rows={[[text.portNow, view.legacyPort ?? text.closed]]} />
      <Table<CertlessRow>
        path="/mutual/devices"
        caption={text.waiting}
        start={{ sort: 'name', order: 'asc' }}
        keyOf={({ id }) => id}
        empty={text.waitingNone}
        columns={[
          {
            id: 'name',
            title: dashboard.device,
            sortable: true,
            kind: 'main',
            cell: ({ id, name }) => <a href={`/devices/${id}`}>{name}</a>,
          },
          { id: 'group', title: dashboard.group, sortable: true, cell: ({ group }) => group },
          {
            id: 'agent',
            title: text.agent,
            sortable: true,
            cell: ({ agent }) => (agent === null ? '' : text.agents[agent]),
          },
          {
            id: 'migration',
            title: text.migration,
            sortable: true,
            cell: ({ migration }) => text.migrations[migration === 'pending' ? 'pending' : 'none'],
          },
          {
            id: 'lastSeen',
            title: dashboard.lastSeen,
            sortable: true,
            minor: true,
            cell: ({ lastSeen }) => <TimeOr at={lastSeen} none={dashboard.never} />,
          },
        ]}
      />
      {may && (
        <Form
          submit={text.move}
          busy={sending.busy}
          fault={sending.fault}
          onSend={async () => {
            const done = await sending.run(() => move(Number(port), false));
            if (!done.ok) return;
            setPort('');
            moved();
          }}
          more={
            view.legacyPort !== null && (
              <button type="button" class="button" onClick={() => setClosing(true)}>
                {text.close}
              </button>
            )
          }
        >
          <TextField label={text.newPort} type="number" kind="short" required value={port} onValue={setPort} />
        </Form>
      )}
      {closing && (
        <ConfirmDialog
          title={text.closeTitle}
          consequences={[cut === 0 ? text.closeNone : fill(text.closeCuts, { count: cut })]}
          confirm={text.close}
          danger
          run={() => move(null, typed.trim() === String(cut) ? cut : false)}
          onDone={moved}
          onClose={() => setClosing(false)}
        >
          {cut > 0 && (
            <TextField label={text.closeType} kind="short" inputMode="numeric" value={typed} onValue={setTyped} />
          )}
        </ConfirmDialog>
      )}
    </Section>
  );
}
