import { fill, formatDuration, sayFault } from '../../../words/say.ts';
import type { CertificateRow } from '../../api/certificates.ts';
import type { DeviceDetails } from '../../api/devices.ts';
import type { Page as Listing } from '../../api/list.ts';
import { type Loaded, useApp, useLoad } from '../app.ts';
import type { PageProps } from '../pages.ts';
import { type FactRow, Facts, FaultNote, Fingerprint, Loading, Page, Section, Status } from '../parts/show.tsx';
import { Time, TimeOr } from '../parts/time.tsx';
import { DeviceActions } from './device/actions.tsx';
import { EventsSection, InstalledSection, Listed, RiskSection } from './device/sections.tsx';
import { Presence, Standing } from './devices.tsx';

export function DevicePage({ params }: PageProps) {
  const { words, navigate } = useApp();
  const { devices } = words.web;
  const { value, fault, again } = useLoad<DeviceDetails>(`/devices/${encodeURIComponent(params['id'] ?? '')}`);
  const listed = useLoad<Listing<CertificateRow>>(value && `/certificates?device=${value.id}&limit=200`);
  const changed = (gone: boolean) => {
    if (gone) return navigate('/devices');
    again();
    listed.again();
  };
  return (
    <Page
      title={value?.name ?? devices.device}
      up={{ href: '/devices', title: devices.title }}
      actions={value && <DeviceActions device={value} certificates={listed.value?.rows ?? null} onDone={changed} />}
    >
      <FaultNote fault={fault} again={again} />
      {value ? <Details device={value} listed={listed} /> : fault ? null : <Loading />}
    </Page>
  );
}

function Details({
  device,
  listed,
}: {
  readonly device: DeviceDetails;
  readonly listed: Loaded<Listing<CertificateRow>>;
}) {
  const { words } = useApp();
  const { devices, shell } = words.web;
  const about: readonly FactRow[] = [
    [devices.group, device.group],
    [devices.presence, <Presence key="p" presence={device.presence} />],
    [devices.standing, <Standing key="s" row={device} />],
    [devices.lastSeen, <TimeOr key="l" at={device.lastSeen} none={devices.never} />],
    [devices.id, <code key="i">{device.id}</code>],
    [devices.hardwareId, <code key="h">{device.hardwareId || shell.unknown}</code>],
    ...(device.agent ? [[devices.agent, devices.agents[device.agent]] as const] : []),
    ...(device.migration ? [[devices.migration, devices.migrations[device.migration]] as const] : []),
  ];
  return (
    <>
      <Section title={devices.about}>
        <Facts rows={about} />
      </Section>
      <Section title={devices.identity} lead={devices.identityLead}>
        {device.identities.length === 0 && <p>{devices.identityNone}</p>}
        {device.identities.map(({ serial, fingerprint, notAfter }) => (
          <Facts
            key={serial}
            rows={[
              [devices.validTo, <Time key="v" at={notAfter} />],
              [devices.serial, <code key="s">{serial}</code>],
              [devices.fingerprint, <Fingerprint key="f" value={fingerprint} />],
            ]}
          />
        ))}
      </Section>
      <Listed of={listed} />
      <RiskSection device={device.id} />
      {device.report ? (
        <>
          <Reported report={device.report} at={device.reportedAt} />
          <InstalledSection device={device.id} />
        </>
      ) : (
        <Section title={devices.report}>
          <p>{devices.reportNone}</p>
        </Section>
      )}
      <EventsSection device={device.id} />
    </>
  );
}

function Reported({
  report,
  at,
}: {
  readonly report: NonNullable<DeviceDetails['report']>;
  readonly at: number | null;
}) {
  const { words } = useApp();
  const { devices, shell } = words.web;
  const { applied, clock, codes, pins, versions } = report;
  const locked = codes.lockedForMs > 0;
  return (
    <>
      <Section title={devices.faults}>
        {report.faults.length === 0 && <Status tone="good" text={devices.faultsNone} />}
        <ul class="plain">
          {report.faults.map((each, index) => (
            <li key={`${index}-${each.code}`}>
              <Status tone="bad" text={sayFault(words, each)} />
            </li>
          ))}
        </ul>
      </Section>
      <Section title={devices.report}>
        <Facts
          rows={[
            [devices.reportedAt, <TimeOr key="a" at={at} none={shell.unknown} />],
            [devices.policyRevision, <code key="p">{applied.policy}</code>],
            [devices.deviceRevision, <code key="d">{applied.device}</code>],
            [devices.commandRevision, <code key="c">{applied.command}</code>],
            [
              devices.clock,
              <Status key="k" tone={clock.at === 'known' ? 'good' : 'bad'} text={devices.clocks[clock.at]} />,
            ],
            [
              devices.codes,
              <Status
                key="t"
                tone={locked ? 'bad' : 'quiet'}
                text={
                  locked
                    ? fill(devices.codesLocked, { time: formatDuration(words, codes.lockedForMs) })
                    : fill(devices.codesOpen, { tries: codes.tries })
                }
              />,
            ],
            [devices.versions, `${versions.agent}, ${versions.runtime}`],
          ]}
        />
      </Section>
      <Section title={devices.pins}>
        <Facts
          rows={(['current', 'reserve', 'previous'] as const).map((slot) => {
            const pin = pins?.[slot];
            return [devices.slots[slot], pin ? <Fingerprint value={pin} /> : <span class="quiet">{shell.none}</span>];
          })}
        />
      </Section>
    </>
  );
}
