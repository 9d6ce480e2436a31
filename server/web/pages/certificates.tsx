/** The certificates of managed devices: all of them, and one (M6). */
import type { CertificateRow } from '../../api/certificates.ts';
import { useApp, useLoad, type Words } from '../app.ts';
import type { PageProps } from '../pages.ts';
import { Facts, FaultNote, Fingerprint, Loading, Page, Section } from '../parts/show.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Time, TimeOr } from '../parts/time.tsx';
import { CertificateActions } from './certificates/actions.tsx';
import { CertificateStatus, holderOf } from './certificates/row.tsx';

export function CertificatesPage() {
  const { words, rights } = useApp();
  const { certificates } = words.web;
  const may = rights.includes('edit-certificates');
  const selection = {
    nameOf: (row: CertificateRow) => `${certificates.types[row.type]}, ${holderOf(words, row)}`,
    actions: (rows: readonly CertificateRow[], done: () => void) => <CertificateActions rows={rows} onDone={done} />,
  };
  return (
    <Page
      title={certificates.title}
      lead={certificates.lead}
      wide
      actions={
        <>
          <a class="button" href="/certificates/rules">
            {certificates.rules.title}
          </a>
          {may && (
            <a class="button button-main" href="/certificates/issue">
              {words.web.issue.add}
            </a>
          )}
        </>
      }
    >
      <Table
        path="/certificates"
        caption={certificates.table}
        columns={columnsOf(words)}
        filters={[
          { id: 'type', title: certificates.type, choices: Object.entries(certificates.types) },
          { id: 'status', title: certificates.status, choices: Object.entries(certificates.statuses) },
          { id: 'endsWithin', title: certificates.ends, choices: Object.entries(certificates.endings) },
          { id: 'source', title: certificates.source, choices: Object.entries(certificates.sources) },
          { id: 'kind', title: certificates.kind, choices: Object.entries(certificates.kinds) },
          { id: 'protocol', title: certificates.protocol, choices: Object.entries(certificates.protocols) },
        ]}
        start={{ sort: 'notAfter', order: 'asc' }}
        keyOf={({ id }) => id}
        empty={certificates.empty}
        {...(may ? { selection } : {})}
      />
    </Page>
  );
}

function columnsOf(words: Words): readonly Column<CertificateRow>[] {
  const { certificates, shell } = words.web;
  return [
    {
      id: 'device',
      title: certificates.device,
      sortable: true,
      kind: 'main',
      cell: (row) => <a href={`/certificates/${encodeURIComponent(row.id)}`}>{holderOf(words, row)}</a>,
    },
    { id: 'user', title: certificates.user, sortable: true, cell: ({ user }) => user ?? '–' },
    { id: 'type', title: certificates.type, sortable: true, cell: ({ type }) => certificates.types[type] },
    { id: 'alias', title: certificates.alias, sortable: true, cell: ({ alias }) => alias || '–' },
    { id: 'status', title: certificates.status, sortable: true, cell: (row) => <CertificateStatus row={row} /> },
    {
      id: 'notAfter',
      title: certificates.notAfter,
      sortable: true,
      cell: ({ notAfter }) => <TimeOr at={notAfter} none="–" />,
    },
    {
      id: 'source',
      title: certificates.source,
      sortable: true,
      kind: 'code',
      cell: ({ source }) => certificates.sources[source],
    },
    ...minor([
      { id: 'since', title: certificates.since, cell: ({ since }) => <Time at={since} /> },
      { id: 'issuedAt', title: certificates.issuedAt, cell: ({ issuedAt }) => <TimeOr at={issuedAt} none="–" /> },
      { id: 'kind', title: certificates.kind, kind: 'code', cell: ({ kind }) => certificates.kinds[kind] },
      {
        id: 'protocol',
        title: certificates.protocol,
        kind: 'code',
        cell: ({ protocol }) => certificates.protocols[protocol],
      },
      {
        id: 'automaticRenewalDisabled',
        title: certificates.renewalDisabled,
        cell: (row) => (row.automaticRenewalDisabled ? shell.yes : shell.no),
      },
      {
        id: 'thumbprint',
        title: certificates.thumbprint,
        kind: 'code',
        cell: ({ thumbprint }) => (thumbprint === null ? '–' : <Fingerprint value={thumbprint} />),
      },
    ]),
  ];
}

const minor = (columns: readonly Column<CertificateRow>[]): readonly Column<CertificateRow>[] =>
  columns.map((column) => ({ ...column, sortable: true, minor: true }));

export function CertificatePage({ params }: PageProps) {
  const { words, navigate, rights } = useApp();
  const { certificates } = words.web;
  const { value, fault, again } = useLoad<CertificateRow>(
    `/certificates/${encodeURIComponent(params['certificate'] ?? '')}`,
  );
  return (
    <Page
      title={value ? `${certificates.types[value.type]}, ${holderOf(words, value)}` : certificates.one}
      up={{ href: '/certificates', title: certificates.title }}
      actions={
        value &&
        rights.includes('edit-certificates') && (
          <CertificateActions
            rows={[value]}
            onDone={(gone) => {
              if (gone) navigate('/certificates');
              else again();
            }}
          />
        )
      }
    >
      <FaultNote fault={fault} again={again} />
      {value ? <Details row={value} /> : fault ? null : <Loading />}
    </Page>
  );
}

function Details({ row }: { readonly row: CertificateRow }) {
  const { words } = useApp();
  const { certificates, shell } = words.web;
  const { deviceId, device, user, alias, thumbprint } = row;
  return (
    <Section title={certificates.one}>
      <Facts
        rows={[
          [certificates.user, user ?? <span class="quiet">{shell.none}</span>],
          [certificates.status, <CertificateStatus key="s" row={row} />],
          [certificates.type, certificates.types[row.type]],
          [certificates.protocol, certificates.protocols[row.protocol]],
          [certificates.source, certificates.sources[row.source]],
          [certificates.notAfter, <TimeOr key="n" at={row.notAfter} none={certificates.notYet} />],
          [certificates.issuedAt, <TimeOr key="i" at={row.issuedAt} none={certificates.notYet} />],
          [certificates.since, <Time key="u" at={row.since} />],
          [certificates.alias, alias || <span class="quiet">{shell.none}</span>],
          [certificates.renewalDisabled, row.automaticRenewalDisabled ? shell.yes : shell.no],
          [
            certificates.thumbprint,
            thumbprint ? <Fingerprint key="t" value={thumbprint} /> : <span class="quiet">{certificates.notYet}</span>,
          ],
          [
            certificates.device,
            deviceId ? <a href={`/devices/${deviceId}`}>{device}</a> : <span class="quiet">{shell.unknown}</span>,
          ],
          [certificates.kind, certificates.kinds[row.kind]],
        ]}
      />
    </Section>
  );
}
