/** The server's own certificates (T15, T16, B2, B4, B10): what is, who lacks the reserve, and what can be done about it. */
import { useEffect, useState } from 'preact/hooks';
import { dayMs } from '../../../protocol/time.ts';
import { fill, formatDuration } from '../../../words/say.ts';
import type { Compromised, LackingRow, ReadinessView, ServerCertificateView } from '../../api/server-certificates.ts';
import type { Answer } from '../api.ts';
import { type Loaded, useApp, useLoad } from '../app.ts';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { Rows } from '../parts/rows.tsx';
import { type FactRow, Facts, FaultNote, Fingerprint, Loading, Page, Section, Status } from '../parts/show.tsx';
import { Table } from '../parts/table.tsx';
import { sayTime, Time, TimeOr } from '../parts/time.tsx';
import { FrontEnds } from './server-certificates/front-ends.tsx';
import { Links } from './server-certificates/links.tsx';
import { totalOf } from './server-certificates/readiness.ts';
import { Repair } from './server-certificates/repair.tsx';

const right = 'edit-server-certificates';
const change = '/server-certificates/change';
const makesReserveBeforeMs = 90 * dayMs;
const soonMs = 30 * dayMs;

export function ServerCertificatesPage() {
  const { words, rights } = useApp();
  const { serverCertificates: text, dashboard } = words.web;
  const loaded = useLoad<readonly ServerCertificateView[]>('/server-certificates');
  const { value, fault, again } = loaded;
  const reserve = value?.find(({ role }) => role === 'reserve');
  const main = value?.find(({ role }) => role === 'main');
  const readiness = useLoad<ReadinessView>(reserve ? '/server-certificates/readiness' : null);
  const may = rights.includes(right);
  return (
    <Page
      title={text.title}
      lead={text.lead}
      actions={
        may &&
        value && (
          <a class="button button-main" href={change}>
            {reserve ? text.switchNow : text.change}
          </a>
        )
      }
    >
      <FaultNote fault={fault} again={again} />
      {!value && !fault && <Loading />}
      {main && (
        <Section title={dashboard.roles.main}>
          <CertificateFacts of={main} />
          {may && <p class="hint">{text.lostKey}</p>}
        </Section>
      )}
      {value && (
        <Section title={dashboard.roles.reserve}>
          {reserve ? (
            <Reserve of={reserve} readiness={readiness} certificates={loaded} />
          ) : (
            <p>
              {main
                ? fill(text.noReserve, { at: sayTime(words, main.notAfter - makesReserveBeforeMs) })
                : text.noReserveYet}
            </p>
          )}
        </Section>
      )}
      {reserve && (
        <Section title={text.lacking} lead={text.lackingLead}>
          <LackingTable at={null} />
        </Section>
      )}
      {value && <Earlier certificates={loaded} rows={value} />}
      <FrontEnds may={may} />
      <Links may={may} />
      {may && <Repair />}
    </Page>
  );
}

export function CertificateFacts({
  of,
  more = [],
}: {
  readonly of: ServerCertificateView;
  readonly more?: readonly FactRow[];
}) {
  const { words } = useApp();
  const { serverCertificates: text, codes } = words.web;
  return (
    <Facts
      rows={[
        [codes.owner, of.owner],
        [codes.issuer, of.issuer],
        [text.names, of.names.join(', ')],
        [text.key, of.key],
        [text.source, text.sources[of.source]],
        [of.role === 'main' ? text.since : text.made, <Time key="s" at={of.since} />],
        [
          codes.validTo,
          <span key="e" class="row-buttons">
            <Time at={of.notAfter} /> <DaysLeft until={of.notAfter} />
          </span>,
        ],
        [codes.fingerprint, <Fingerprint key="f" value={of.fingerprint} />],
        ...more,
      ]}
    />
  );
}

function DaysLeft({ until }: { readonly until: number }) {
  const { words } = useApp();
  const left = until - Date.now();
  if (left <= 0) return <Status tone="bad" text={words.web.dashboard.ended} />;
  const days = Math.floor(left / dayMs);
  return <Status tone={left < soonMs ? 'warn' : 'good'} text={fill(words.web.serverCertificates.left, { days })} />;
}

function Reserve({
  of,
  readiness,
  certificates,
}: {
  readonly of: ServerCertificateView;
  readonly readiness: Loaded<ReadinessView>;
  readonly certificates: Loaded<unknown>;
}) {
  const { words, rights, api, say } = useApp();
  const { serverCertificates: text, dashboard, shell } = words.web;
  const [removing, setRemoving] = useState(false);
  const ready = readiness.value?.counts.holds ?? 0;
  const total = readiness.value ? totalOf(readiness.value) : 0;
  const { activateAt } = of;
  return (
    <>
      <CertificateFacts
        of={of}
        more={[
          [
            dashboard.switchAt,
            activateAt === null ? shell.unknown : fill(text.byItself, { at: sayTime(words, activateAt) }),
          ],
          [
            text.held,
            readiness.value ? (
              <Status
                key="h"
                tone={ready === total ? 'good' : 'warn'}
                text={fill(text.heldBy, { count: ready, total })}
              />
            ) : (
              shell.loading
            ),
          ],
        ]}
      />
      <FaultNote fault={readiness.fault} again={readiness.again} />
      {rights.includes(right) && (
        <button type="button" class="button" onClick={() => setRemoving(true)}>
          {text.remove}
        </button>
      )}
      {removing && (
        <ConfirmDialog
          title={text.removeTitle}
          consequences={[fill(text.removeWhat, { count: ready }), text.removeStays]}
          confirm={text.remove}
          danger
          run={() => api.send('DELETE', '/server-certificates/reserve')}
          onDone={() => {
            setRemoving(false);
            say(text.removed);
            certificates.again();
          }}
          onClose={() => setRemoving(false)}
        />
      )}
    </>
  );
}

/** Of the gate: a list of the server, with what is to be expected of each. */
export function LackingTable({ at }: { readonly at: number | null }) {
  const { words } = useApp();
  const { serverCertificates: text, dashboard } = words.web;
  const { holds: _, ...verdicts } = dashboard.verdicts;
  return (
    <Table<LackingRow>
      path="/server-certificates/gate/devices"
      {...(at === null ? {} : { fixed: { at: String(at) } })}
      caption={text.lacking}
      start={{ sort: 'lastSeen', order: 'asc' }}
      keyOf={({ id }) => id}
      empty={text.lackingNone}
      filters={[{ id: 'verdict', title: dashboard.outlook, choices: Object.entries(verdicts) }]}
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
          id: 'lastSeen',
          title: dashboard.lastSeen,
          sortable: true,
          cell: ({ lastSeen }) => <TimeOr at={lastSeen} none={dashboard.never} />,
        },
        {
          id: 'longestMs',
          title: dashboard.longest,
          sortable: true,
          minor: true,
          cell: ({ longestMs }) => (longestMs === null ? dashboard.never : formatDuration(words, longestMs)),
        },
        {
          id: 'backBy',
          title: dashboard.backBy,
          sortable: true,
          minor: true,
          cell: ({ backBy }) => <TimeOr at={backBy} none="–" />,
        },
        { id: 'verdict', title: dashboard.outlook, sortable: true, cell: ({ verdict }) => dashboard.verdicts[verdict] },
      ]}
    />
  );
}

function Earlier({
  rows,
  certificates,
}: {
  readonly rows: readonly ServerCertificateView[];
  readonly certificates: Loaded<unknown>;
}) {
  const { words, rights } = useApp();
  const { serverCertificates: text, dashboard, codes, onboarding } = words.web;
  const [marking, setMarking] = useState<string | null>(null);
  const earlier = rows.filter(({ role }) => role === 'previous' || role === 'retired');
  return (
    <Section title={text.earlier}>
      {earlier.length === 0 ? (
        <p>{text.earlierNone}</p>
      ) : (
        <Rows
          caption={text.earlier}
          heads={[codes.role, codes.owner, text.made, codes.validTo, codes.fingerprint, onboarding.status]}
          rows={earlier.map(({ fingerprint, role, owner, since, notAfter, compromised }) => ({
            key: fingerprint,
            cells: [
              dashboard.roles[role],
              owner,
              <Time key="s" at={since} />,
              <Time key="e" at={notAfter} />,
              <code key="f">{fingerprint.slice(0, 16)}…</code>,
              compromised ? (
                <Status key="c" tone="bad" text={text.compromised} />
              ) : (
                rights.includes(right) && (
                  <button key="m" type="button" class="button" onClick={() => setMarking(fingerprint)}>
                    {text.mark}
                  </button>
                )
              ),
            ],
          }))}
        />
      )}
      {marking && (
        <Mark
          fingerprint={marking}
          onClose={() => {
            setMarking(null);
            certificates.again();
          }}
        />
      )}
    </Section>
  );
}

function Mark({ fingerprint, onClose }: { readonly fingerprint: string; readonly onClose: () => void }) {
  const { words, api, say } = useApp();
  const { serverCertificates: text } = words.web;
  const path = `/server-certificates/${fingerprint}/compromised`;
  const [looked, setLooked] = useState<Answer<Compromised> | null>(null);
  useEffect(() => {
    api.send<Compromised>('POST', path, { look: true }).then(setLooked);
  }, [api, path]);
  if (!looked?.ok) return <FaultNote fault={looked?.fault ?? null} />;
  return (
    <ConfirmDialog
      title={text.markTitle}
      consequences={[text.markWhat, fill(text.markDevices, { count: looked.value.devices })]}
      confirm={text.mark}
      danger
      run={() => api.send('POST', path, {})}
      onDone={() => {
        say(text.marked);
        onClose();
      }}
      onClose={onClose}
    >
      <Fingerprint value={fingerprint} />
    </ConfirmDialog>
  );
}
