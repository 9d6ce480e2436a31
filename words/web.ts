/** What the Web Console says, one part for each page; marks as in `en.ts`. */
import { accountEn, accountRu } from './web/account.ts';
import { accountsEn, accountsRu } from './web/accounts.ts';
import { auditEn, auditRu } from './web/audit.ts';
import { certificatesEn, certificatesRu } from './web/certificates.ts';
import { codesEn, codesRu } from './web/codes.ts';
import { dashboardEn, dashboardRu } from './web/dashboard.ts';
import { devicesEn, devicesRu } from './web/devices.ts';
import { groupsEn, groupsRu } from './web/groups.ts';
import { issueEn, issueRu } from './web/issue.ts';
import { jobsEn, jobsRu } from './web/jobs.ts';
import { onboardingEn, onboardingRu } from './web/onboarding.ts';
import { partsEn, partsRu } from './web/parts.ts';
import { serverCertificatesEn, serverCertificatesRu } from './web/server-certificates.ts';
import { settingsEn, settingsRu } from './web/settings.ts';
import { shellEn, shellRu } from './web/shell.ts';
import { usersEn, usersRu } from './web/users.ts';

export const webEn = {
  shell: shellEn,
  parts: partsEn,
  account: accountEn,
  accounts: accountsEn,
  audit: auditEn,
  certificates: certificatesEn,
  codes: codesEn,
  dashboard: dashboardEn,
  devices: devicesEn,
  groups: groupsEn,
  issue: issueEn,
  jobs: jobsEn,
  onboarding: onboardingEn,
  users: usersEn,
  serverCertificates: serverCertificatesEn,
  settings: settingsEn,
};

export type WebWords = typeof webEn;

export const webRu: WebWords = {
  shell: shellRu,
  parts: partsRu,
  account: accountRu,
  accounts: accountsRu,
  audit: auditRu,
  certificates: certificatesRu,
  codes: codesRu,
  dashboard: dashboardRu,
  devices: devicesRu,
  groups: groupsRu,
  issue: issueRu,
  jobs: jobsRu,
  onboarding: onboardingRu,
  users: usersRu,
  serverCertificates: serverCertificatesRu,
  settings: settingsRu,
};
