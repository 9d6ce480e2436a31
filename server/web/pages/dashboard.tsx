import { fill, formatDuration } from '../../../words/say.ts';
import type { DashboardView } from '../../api/overview.ts';
import type { OfflineRiskView } from '../../api/server-certificates.ts';
import { useApp, useLoad, type Words } from '../app.ts';
import { Rows } from '../parts/rows.tsx';
import { type FactRow, Facts, FaultNote, Loading, Page, Section, Status } from '../parts/show.tsx';
import { Time, TimeOr } from '../parts/time.tsx';

type Verdict = keyof Words['web']['dashboard']['verdicts'];
/** The rest is in the list of devices. */
const mostShown = 20;

export function DashboardPage() {
  const { words } = useApp();
  const { dashboard } = words.web;
  const { value, fault, again } = useLoad<DashboardView>('/dashboard');
  return (
    <Page title={dashboard.title} lead={dashboard.lead}>
      <FaultNote fault={fault} again={again} />
      {value ? <Shown view={value} /> : fault ? null : <Loading />}
    </Page>
  );
}

function Shown({ view }: { readonly view: DashboardView }) {
  const { words } = useApp();
  const { dashboard } = words.web;
  const { devices, blocked, unpublished } = view;
  return (
    <>
      <Section title={dashboard.attention}>
        <Attention devices={devices} />
      </Section>
      <Section title={dashboard.expiring}>
        <Expiring view={view} />
      </Section>
      <Section title={dashboard.risk} {...(view.risk ? { lead: dashboard.riskLead } : {})}>
        {view.risk ? <Risk /> : <p>{dashboard.riskNone}</p>}
      </Section>
      <Section title={dashboard.devices}>
        <Facts
          rows={[
            [dashboard.active, devices.active],
            [dashboard.online, devices.online],
            [dashboard.retired, devices.retired],
            [dashboard.inactive, devices.inactive],
            [dashboard.blocked, blocked],
            [dashboard.unpublished, unpublished],
          ]}
        />
      </Section>
    </>
  );
}

function Attention({ devices }: Pick<DashboardView, 'devices'>) {
  const { words } = useApp();
  const { dashboard } = words.web;
  const all = ['waiting', 'locked', 'clockUnknown', 'faulty', 'ending'] as const;
  const rows = all
    .filter((name) => devices[name] > 0)
    .map(
      (name): FactRow => [
        dashboard[name],
        <Status key={name} tone={name === 'ending' ? 'warn' : 'bad'} text={String(devices[name])} />,
      ],
    );
  return rows.length === 0 ? <Status tone="good" text={dashboard.allWell} /> : <Facts rows={rows} />;
}

function Expiring({ view }: { readonly view: DashboardView }) {
  const { words } = useApp();
  const { dashboard } = words.web;
  const rows = [
    ...view.server.map(({ role, ...row }) => ({ ...row, what: dashboard.roles[role], where: dashboard.ofServer })),
    ...view.policies.map(({ file, group, purpose, ...row }) => ({
      ...row,
      what: file,
      where: `${group}, ${words.purposes[purpose]}`,
    })),
  ].sort((one, other) => one.notAfter - other.notAfter);
  if (rows.length === 0) return <p>{dashboard.expiringNone}</p>;
  return (
    <Rows
      caption={dashboard.expiring}
      heads={[dashboard.certificate, dashboard.where, dashboard.ends]}
      rows={rows.map(({ what, where, fingerprint, notAfter }) => ({
        key: `${where}-${fingerprint}`,
        cells: [
          what,
          where,
          <span key="e">
            {notAfter <= Date.now() && <Status tone="bad" text={dashboard.ended} />} <Time at={notAfter} />
          </span>,
        ],
      }))}
    />
  );
}

function Risk() {
  const { words } = useApp();
  const { dashboard } = words.web;
  const { value, fault, again } = useLoad<OfflineRiskView>('/server-certificates/offline-risk');
  if (!value) return fault ? <FaultNote fault={fault} again={again} /> : <Loading />;
  const { switchAt, counts, atRisk } = value;
  const verdicts = Object.keys(dashboard.verdicts) as Verdict[];
  const more = atRisk.length - mostShown;
  return (
    <>
      <Facts
        rows={[
          [dashboard.switchAt, <Time key="s" at={switchAt} />],
          [
            dashboard.wouldMiss,
            <Status key="w" tone={atRisk.length === 0 ? 'good' : 'bad'} text={String(atRisk.length)} />,
          ],
          ...verdicts
            .filter((verdict) => counts[verdict] > 0)
            .map((verdict): FactRow => [dashboard.verdicts[verdict], counts[verdict]]),
        ]}
      />
      {atRisk.length > 0 && (
        <Rows
          caption={dashboard.riskTable}
          heads={[
            dashboard.device,
            dashboard.group,
            dashboard.lastSeen,
            dashboard.longest,
            dashboard.backBy,
            dashboard.outlook,
          ]}
          rows={atRisk.slice(0, mostShown).map((row) => ({
            key: row.id,
            cells: [
              <a key="n" href={`/devices/${row.id}`}>
                {row.name}
              </a>,
              row.group,
              <TimeOr key="l" at={row.lastSeen} none={dashboard.never} />,
              row.longestMs === null ? dashboard.never : formatDuration(words, row.longestMs),
              <TimeOr key="b" at={row.backBy} none="–" />,
              dashboard.verdicts[row.verdict],
            ],
          }))}
        />
      )}
      {more > 0 && <p class="quiet">{fill(dashboard.moreAtRisk, { count: more })}</p>}
    </>
  );
}
