/** Of one device: its certificates in the list and on itself (M7), its outlook before a switch (B10), what happened to it. */
import { fill, formatDuration, plainText } from '../../../../words/say.ts';
import type { CertificateRow, Installed } from '../../../api/certificates.ts';
import type { AuditRow, DeviceRisk } from '../../../api/devices.ts';
import type { Page as Listing } from '../../../api/list.ts';
import { type Loaded, useApp, useLoad } from '../../app.ts';
import type { PageProps } from '../../pages.ts';
import { LoadedRows, Rows } from '../../parts/rows.tsx';
import { type FactRow, Facts, FaultNote, Fingerprint, Loading, Page, Section, Status } from '../../parts/show.tsx';
import { Table } from '../../parts/table.tsx';
import { TimeOr } from '../../parts/time.tsx';
import { auditColumnsOf } from '../audit.tsx';
import { CertificateStatus } from '../certificates/row.tsx';

export function Listed({ of }: { readonly of: Loaded<Listing<CertificateRow>> }) {
  const { words } = useApp();
  const { certificates, devices } = words.web;
  return (
    <Section title={devices.listed} lead={devices.listedLead}>
      <LoadedRows
        of={{ ...of, value: of.value?.rows ?? null }}
        none={devices.identityNone}
        caption={devices.listed}
        heads={[
          certificates.type,
          certificates.alias,
          certificates.status,
          certificates.notAfter,
          certificates.source,
          certificates.user,
        ]}
        row={(row) => ({
          key: row.id,
          cells: [
            <a key="t" href={`/certificates/${encodeURIComponent(row.id)}`}>
              {certificates.types[row.type]}
            </a>,
            row.alias || '–',
            <CertificateStatus key="s" row={row} />,
            <TimeOr key="n" at={row.notAfter} none="–" />,
            certificates.sources[row.source],
            row.user ?? '–',
          ],
        })}
      />
    </Section>
  );
}

export function InstalledSection({ device }: { readonly device: string }) {
  const { words } = useApp();
  const { certificates, devices, shell } = words.web;
  const { value, fault, again } = useLoad<Installed>(`/devices/${device}/certificates`);
  const uses: Readonly<Record<string, string>> = { ...certificates.types, ...words.purposes };
  return (
    <Section title={devices.installed} lead={devices.installedLead}>
      <FaultNote fault={fault} again={again} />
      {!value && !fault && <Loading />}
      {value?.certificates.length === 0 && <p>{devices.installedNone}</p>}
      {value && value.certificates.length > 0 && (
        <Rows
          caption={devices.installed}
          heads={[
            devices.certificateName,
            devices.userCertificate,
            certificates.thumbprint,
            devices.purpose,
            devices.source,
          ]}
          rows={value.certificates.map(({ name, userCertificate, use, source, thumbprint }, index) => ({
            key: `${index}-${thumbprint}`,
            cells: [
              plainText(name) || <span class="quiet">{shell.unknown}</span>,
              userCertificate ? shell.yes : shell.no,
              <div key="t" class="print">
                <Fingerprint value={thumbprint} />
              </div>,
              uses[use],
              source === null ? '–' : words.sources[source],
            ],
          }))}
        />
      )}
    </Section>
  );
}

export function RiskSection({ device }: { readonly device: string }) {
  const { words } = useApp();
  const { dashboard, devices } = words.web;
  const { value, fault, again } = useLoad<DeviceRisk>(`/devices/${device}/offline-risk`);
  const away = (longestMs: number | null) => (longestMs === null ? dashboard.never : formatDuration(words, longestMs));
  return (
    <Section title={devices.risk} lead={devices.riskLead}>
      <FaultNote fault={fault} again={again} />
      {!value && !fault && <Loading />}
      {value && (
        <Facts
          rows={[
            [dashboard.switchAt, <TimeOr key="s" at={value.switchAt} none={dashboard.riskNone} />],
            ...(value.verdict
              ? ([
                  [
                    dashboard.outlook,
                    <Status
                      key="o"
                      tone={['holds', 'connected', 'expected'].includes(value.verdict) ? 'good' : 'bad'}
                      text={devices.verdicts[value.verdict]}
                    />,
                  ],
                ] satisfies readonly FactRow[])
              : []),
            [devices.absentSince, <TimeOr key="a" at={value.absentSince} none={devices.notAway} />],
            [dashboard.longest, away(value.longestMs)],
            [dashboard.backBy, <TimeOr key="b" at={value.backBy} none="–" />],
            [devices.absences, value.absences],
          ]}
        />
      )}
    </Section>
  );
}

const recent = 10;

export function EventsSection({ device }: { readonly device: string }) {
  const { words, rights } = useApp();
  const { devices } = words.web;
  const may = rights.includes('read-audit');
  const events = useLoad<Listing<AuditRow>>(may ? `/devices/${device}/events?limit=${recent}` : null);
  if (!may) return null;
  const columns = auditColumnsOf(words).filter(({ id }) => id !== 'subject');
  return (
    <Section title={devices.events}>
      <LoadedRows
        of={{ ...events, value: events.value?.rows ?? null }}
        none={words.web.parts.table.empty}
        caption={devices.events}
        heads={columns.map(({ title }) => title)}
        row={(row) => ({ key: String(row.id), cells: columns.map(({ cell }) => cell(row)) })}
      />
      <a href={`/devices/${device}/events`}>{fill(devices.allEvents, { count: events.value?.total ?? '…' })}</a>
    </Section>
  );
}

export function DeviceEventsPage({ params }: PageProps) {
  const { words } = useApp();
  const { devices } = words.web;
  const device = encodeURIComponent(params['id'] ?? '');
  const { value } = useLoad<{ readonly name: string }>(`/devices/${device}`);
  return (
    <Page title={devices.events} up={{ href: `/devices/${device}`, title: value?.name ?? devices.device }} wide>
      <Table
        path={`/devices/${device}/events`}
        caption={devices.events}
        columns={auditColumnsOf(words)}
        start={{ sort: 'at', order: 'desc' }}
        keyOf={({ id }) => String(id)}
        empty={words.web.parts.table.empty}
      />
    </Page>
  );
}
