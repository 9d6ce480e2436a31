/** Settings of the server, a page for each part. */
import type { ComponentChildren } from 'preact';
import { useApp } from '../app.ts';
import { Page, Section, Status } from '../parts/show.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { Authorities } from './settings/authorities.tsx';
import { ConsoleCertificateSettings } from './settings/console.tsx';
import { Mail } from './settings/mail.tsx';
import { Mutual } from './settings/mutual.tsx';

const parts = ['mutual', 'console', 'mail', 'authorities', 'later'] as const;
type Part = (typeof parts)[number];

const pathOf = (part: Part): string => (part === 'mutual' ? '/settings' : `/settings/${part}`);

function SettingsPage({ part, children }: { readonly part: Part; readonly children: ComponentChildren }) {
  const { words } = useApp();
  const { settings } = words.web;
  return (
    <Page title={settings.title} lead={settings[part].lead}>
      <Tabs label={settings.title} tabs={parts.map((each) => [pathOf(each), settings.tabs[each]])} at={pathOf(part)} />
      {children}
    </Page>
  );
}

export const MutualPage = () => (
  <SettingsPage part="mutual">
    <Mutual />
  </SettingsPage>
);
export const ConsoleCertificatePage = () => (
  <SettingsPage part="console">
    <ConsoleCertificateSettings />
  </SettingsPage>
);
export const MailPage = () => (
  <SettingsPage part="mail">
    <Mail />
  </SettingsPage>
);
export const AuthoritiesPage = () => (
  <SettingsPage part="authorities">
    <Authorities />
  </SettingsPage>
);

/** What is not built has its place, and says so. */
export function LaterPage() {
  const { words } = useApp();
  const { later } = words.web.settings;
  const places = [
    [later.directory, later.directoryWhy],
    [later.pki, later.pkiWhy],
    [later.machines, later.machinesWhy],
  ] as const;
  return (
    <SettingsPage part="later">
      {places.map(([title, why]) => (
        <Section key={title} title={title} lead={why}>
          <Status tone="quiet" text={later.notYet} />
        </Section>
      ))}
    </SettingsPage>
  );
}
