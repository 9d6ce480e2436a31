/** Statuses an agent could send, for the tests of the console screens. */

import { fault } from '../../protocol/fault.ts';
import type { CertificateView, Preflight, PresentedView, Status } from '../../protocol/local.ts';
import { quiet } from '../fakes/status.ts';

/** 2026-03-01T09:30:00Z, the agent's clock in every picture. */
export const now = Date.UTC(2026, 2, 1, 9, 30);
const day = 86_400_000;

const base: CertificateView = {
  fingerprint: 'b0'.repeat(32),
  purpose: 'rdp',
  source: 'policy',
  file: 'remote-desktops-root.cer',
  server: null,
  owner: 'Example Remote Desktops Root CA',
  subject: 'C=DE, O=Example Organization, OU=Remote Desktops, CN=Example Remote Desktops Root CA',
  issuer: 'C=DE, O=Example Organization, OU=Remote Desktops, CN=Example Remote Desktops Root CA',
  serial: '5E0C1B7A9F3D42868BB1C7E2AF90D314',
  notBefore: now - 100 * day,
  notAfter: now + 3000 * day,
  key: 'RSA 4096',
  names: [],
  isCa: true,
  slot: null,
  addedAt: now - 3 * day,
};

export const presented: CertificateView = {
  ...base,
  purpose: 'ksc',
  source: 'replacement',
  file: '',
  fingerprint: '3fa9c1d208b7e6545a90ff1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a',
  owner: 'ksc.example.com',
  subject: 'O=Example Organization, CN=ksc.example.com',
  issuer: 'CN=Example Administration Server CA',
  names: ['ksc.example.com', '192.0.2.10'],
  key: 'EC P-256',
  isCa: false,
  notBefore: now - day,
  notAfter: now + 396 * day,
};

export const certificates: readonly CertificateView[] = [
  base,
  {
    ...base,
    fingerprint: 'c1'.repeat(32),
    purpose: 'log',
    owner: 'log.example.com',
    isCa: false,
    notAfter: now - 2 * day,
    file: 'log-server.pem',
    names: ['log.example.com'],
  },
  {
    ...presented,
    fingerprint: 'd2'.repeat(32),
    source: 'policy',
    slot: 'current',
    notAfter: now + 30 * day,
  },
  { ...presented, source: 'policy', slot: 'reserve' },
  {
    ...base,
    fingerprint: 'e3'.repeat(32),
    purpose: 'broker',
    owner: 'Корневой центр сертификации брокера подключений организации «Пример»',
    file: 'корневой-сертификат-брокера.crt',
    source: 'factory',
  },
];

/** As many certificates as a large fleet has, for scrolling. */
export const manyCertificates: readonly CertificateView[] = Array.from({ length: 60 }, (_, index) => ({
  ...base,
  fingerprint: index.toString(16).padStart(64, '0'),
  owner: `rdp-${String(index + 1).padStart(2, '0')}.example.com`,
  isCa: false,
}));

/** One that the person accepted on a first connection. */
export const byHand: CertificateView = {
  ...base,
  fingerprint: 'f4'.repeat(32),
  source: 'manual',
  file: '',
  server: 'xrdp.example.com:3389',
  owner: 'xrdp.example.com',
  subject: 'CN=xrdp.example.com',
  issuer: 'CN=xrdp.example.com',
  names: ['xrdp.example.com'],
  isCa: false,
};

/** What an RDP server shows. */
export const leaf: PresentedView = {
  fingerprint: '7d10c1d208b7e6545a90ff1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a',
  owner: 'rdp.example.com',
  subject: 'O=Example Organization, CN=rdp.example.com',
  issuer: 'O=Example Organization, CN=Example Remote Desktops CA',
  serial: '1F9E0C1B7A9F3D42',
  notBefore: now - 10 * day,
  notAfter: now + 355 * day,
  key: 'RSA 2048',
  names: ['rdp.example.com', 'rdp'],
  isCa: false,
};

/** What a pre-flight of that server comes to. */
export const judged = (verdict: Preflight['verdict'], more: Partial<Preflight> = {}): Preflight => ({
  purpose: 'rdp',
  server: 'rdp.example.com:3389',
  verdict,
  by:
    verdict === 'trusted'
      ? { fingerprint: base.fingerprint, owner: 'Example Remote Desktops Root CA', source: 'policy' }
      : null,
  fault: null,
  warnings: [],
  chain: [leaf],
  tls: 'TLSv1.3',
  at: now,
  ...more,
});

export const contacts = {
  name: 'Service desk',
  phone: '+7 000 000-00-00',
  email: 'help@example.com',
  note: 'Weekdays 8:00–20:00, room 114',
};

export const registered: Status = {
  version: '0.1.0',
  at: 'registered',
  device: { id: '6f1f5a52-50c4-4b6e-9d57-0f1c2b3a4d5e', name: 'RECEPTION-0042', group: 'Branch office', managed: true },
  server: { https: 'ksc.example.com:443', mqtt: 'ksc.example.com:8883' },
  link: { at: 'connected', since: now - 125 * 60_000, retryInMs: null, fault: null },
  clock: { at: 'known', now, floor: now - day },
  policy: { rev: 1_772_300_000_000, iat: now - 2 * day, stale: false },
  replacement: null,
  contacts,
  certificates: [...certificates],
  ...quiet,
  identity: { fingerprint: 'a7'.repeat(32), notAfter: now + 212 * day, at: 'valid' },
  mayAdd: false,
  faults: [],
};

/** Just registered: the policy, and with it what the group is called, is on its way. */
export const beginning: Status = {
  ...registered,
  device: registered.device && { ...registered.device, group: '' },
  policy: null,
  contacts: null,
  certificates: certificates.filter(({ purpose }) => purpose === 'ksc'),
};

/** Registered, but in no group: the person may add certificates. */
export const unmanaged: Status = {
  ...registered,
  device: registered.device && { ...registered.device, managed: false, group: '' },
  policy: null,
  contacts: null,
  certificates: certificates.filter(({ purpose }) => purpose === 'ksc'),
  mayAdd: true,
};

export const unregistered: Status = {
  ...registered,
  at: 'unregistered',
  device: null,
  identity: null,
  server: null,
  link: { at: 'idle', since: now - 60_000, retryInMs: null, fault: null },
  policy: null,
  contacts: null,
  certificates: [],
  mayAdd: true,
};

export const registering: Status = {
  ...unregistered,
  at: 'registering',
  link: {
    at: 'waiting',
    since: now - 2000,
    retryInMs: 4000,
    fault: fault('server-unreachable', { address: 'ksc.example.com:9997' }),
  },
};

export const replacing: Status = {
  ...registered,
  link: {
    at: 'waiting',
    since: now - 30_000,
    retryInMs: 47_000,
    fault: fault('not-pinned'),
  },
  replacement: { confirmationCode: '1042 7351 0029 4463', presented, about: 'server', lockedForMs: 0, triesLeft: 5 },
};

/** The certificate of the device has ended for good; a code lets it have a new one. */
export const retired: Status = {
  ...replacing,
  link: { at: 'idle', since: now - 30_000, retryInMs: null, fault: null },
  identity: { fingerprint: 'a7'.repeat(32), notAfter: now - 40 * day, at: 'retired' },
  replacement: {
    confirmationCode: '1042 7351 0029 4463',
    presented: { ...presented, source: 'policy', slot: 'current' },
    about: 'device',
    lockedForMs: 0,
    triesLeft: 5,
  },
  faults: [fault('identity-retired')],
};

export const locked: Status = {
  ...replacing,
  replacement: {
    confirmationCode: '1042 7351 0029 4463',
    presented,
    about: 'server',
    lockedForMs: 14 * 60_000 + 30_000,
    triesLeft: 0,
  },
};

/** Everything wrong at once, as a device that was off for long. */
export const troubled: Status = {
  ...replacing,
  clock: { at: 'unknown', now, floor: now },
  policy: { rev: 1_772_300_000_000, iat: now - 40 * day, stale: true },
  faults: [
    fault('clock-unknown'),
    fault('policy-stale'),
    fault('certificate-weak-key', { owner: 'Old root', key: 'RSA 1024' }),
    fault('disk-full'),
    fault('events-dropped', { count: 12 }),
  ],
};
