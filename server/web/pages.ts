/** Which page is at which path, whether it stands in the navigation, and the right it needs. */
import type { ComponentType } from 'preact';
import type { Words } from './app.ts';
import { match, type Params } from './match.ts';
import { AccountPage } from './pages/account.tsx';
import { TokensPage } from './pages/accounts/tokens.tsx';
import { AccountsPage } from './pages/accounts.tsx';
import { AuditPage } from './pages/audit.tsx';
import { RulesPage } from './pages/certificates/rules.tsx';
import { CertificatePage, CertificatesPage } from './pages/certificates.tsx';
import { CodesPage } from './pages/codes.tsx';
import { DashboardPage } from './pages/dashboard.tsx';
import { DeviceEventsPage } from './pages/device/sections.tsx';
import { DevicePage } from './pages/device.tsx';
import { DevicesPage } from './pages/devices.tsx';
import { GroupBlocklistPage } from './pages/group/blocklist.tsx';
import { GroupCertificatesPage } from './pages/group/certificates.tsx';
import { GroupSettingsPage } from './pages/group/settings.tsx';
import { GroupsPage } from './pages/groups.tsx';
import { IssuePage } from './pages/issue.tsx';
import { OnboardingPage } from './pages/onboarding.tsx';
import { ChangeCertificatePage } from './pages/server-certificates/change.tsx';
import { ServerCertificatesPage } from './pages/server-certificates.tsx';
import { AuthoritiesPage, ConsoleCertificatePage, LaterPage, MailPage, MutualPage } from './pages/settings.tsx';
import { UsersPage } from './pages/users.tsx';
import type { IconName } from './parts/icon.tsx';

export type PageProps = { readonly params: Params };
export type Entry = {
  readonly section: keyof Words['web']['shell']['sections'];
  readonly icon: IconName;
  readonly title: (words: Words) => string;
};
export type PageRoute = {
  readonly path: string;
  readonly page: ComponentType<PageProps>;
  /** An action of the server; null for whoever is signed in. */
  readonly needs: string | null;
  readonly entry?: Entry;
};

/** In the order of the navigation. */
export const pages: readonly PageRoute[] = [
  {
    path: '/dashboard',
    page: DashboardPage,
    needs: 'read',
    entry: { section: 'work', icon: 'eye', title: ({ web }) => web.dashboard.title },
  },
  {
    path: '/devices',
    page: DevicesPage,
    needs: 'read',
    entry: { section: 'fleet', icon: 'device', title: ({ web }) => web.devices.title },
  },
  { path: '/devices/:id', page: DevicePage, needs: 'read' },
  { path: '/devices/:id/events', page: DeviceEventsPage, needs: 'read-audit' },
  {
    path: '/certificates',
    page: CertificatesPage,
    needs: 'read',
    entry: { section: 'fleet', icon: 'certificate', title: ({ web }) => web.certificates.title },
  },
  { path: '/certificates/rules', page: RulesPage, needs: 'read' },
  { path: '/certificates/issue', page: IssuePage, needs: 'edit-certificates' },
  { path: '/certificates/:certificate', page: CertificatePage, needs: 'read' },
  {
    path: '/groups',
    page: GroupsPage,
    needs: 'read',
    entry: { section: 'fleet', icon: 'group', title: ({ web }) => web.groups.title },
  },
  { path: '/groups/:id', page: GroupSettingsPage, needs: 'read' },
  { path: '/groups/:id/certificates', page: GroupCertificatesPage, needs: 'read' },
  { path: '/groups/:id/blocklist', page: GroupBlocklistPage, needs: 'read' },
  {
    path: '/onboarding',
    page: OnboardingPage,
    needs: 'invite',
    entry: { section: 'fleet', icon: 'person', title: ({ web }) => web.onboarding.title },
  },
  {
    path: '/codes',
    page: CodesPage,
    needs: 'answer-codes',
    entry: { section: 'work', icon: 'key', title: ({ web }) => web.codes.title },
  },
  {
    path: '/users',
    page: UsersPage,
    needs: 'read',
    entry: { section: 'server', icon: 'person', title: ({ web }) => web.users.title },
  },
  {
    path: '/server-certificates',
    page: ServerCertificatesPage,
    needs: 'read',
    entry: { section: 'server', icon: 'shield', title: ({ web }) => web.serverCertificates.title },
  },
  { path: '/server-certificates/change', page: ChangeCertificatePage, needs: 'edit-server-certificates' },
  {
    path: '/accounts',
    page: AccountsPage,
    needs: 'read',
    entry: { section: 'server', icon: 'shield', title: ({ web }) => web.accounts.title },
  },
  { path: '/accounts/tokens', page: TokensPage, needs: 'read' },
  {
    path: '/audit',
    page: AuditPage,
    needs: 'read-audit',
    entry: { section: 'server', icon: 'log', title: ({ web }) => web.audit.title },
  },
  {
    path: '/settings',
    page: MutualPage,
    needs: 'read',
    entry: { section: 'server', icon: 'settings', title: ({ web }) => web.settings.title },
  },
  { path: '/settings/console', page: ConsoleCertificatePage, needs: 'read' },
  { path: '/settings/mail', page: MailPage, needs: 'read' },
  { path: '/settings/authorities', page: AuthoritiesPage, needs: 'read' },
  { path: '/settings/later', page: LaterPage, needs: 'read' },
  { path: '/account', page: AccountPage, needs: null },
];

export type FoundPage = { readonly route: PageRoute; readonly params: Params };

export function findPage(path: string): FoundPage | null {
  for (const route of pages) {
    const params = match(route.path, path);
    if (params) return { route, params };
  }
  return null;
}

/** Where somebody with these rights begins. */
export const firstPage = (rights: readonly string[]): string =>
  pages.find((route) => route.entry && isOpenTo(route, rights))?.path ?? '/account';

export const isOpenTo = ({ needs }: PageRoute, rights: readonly string[]): boolean =>
  needs === null || rights.includes(needs);
