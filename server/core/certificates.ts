/** The one list of certificates of managed devices (M6): what its columns may say, and the rows that identities make in it. */
import type { Instant } from '../../protocol/time.ts';
import { type IdentityStatus, type Life, statusOf } from './identity.ts';
import type { AgentKind } from './mutual.ts';

export const certificateTypes = ['mobile', 'mail', 'vpn'] as const;
/** The kinds of devices. Certificates of the last two are only recorded: no agent of ours runs there. */
export const deviceKinds = ['thin-client', 'android', 'ios'] as const;
export const certificateStatuses = [
  'ordered',
  'recorded',
  'issued',
  'valid',
  'renewal-asked',
  'renewed',
  'superseded',
  'expired',
  'retired',
  'wiping',
  'wiped',
] as const satisfies readonly (IdentityStatus | 'ordered' | 'recorded' | 'wiping' | 'wiped')[];
/** How device and server speak: by the identity of the device, by a token while it has none, or not at all. */
export const certificateProtocols = ['agent', 'token', 'none'] as const;
export const certificateSources = ['server', 'authority', 'pki', 'uploaded'] as const;

export type CertificateType = (typeof certificateTypes)[number];
export type ClientType = Exclude<CertificateType, 'mobile'>;
export type DeviceKind = (typeof deviceKinds)[number];
export type CertificateStatus = (typeof certificateStatuses)[number];
export type CertificateProtocol = (typeof certificateProtocols)[number];
export type CertificateSource = (typeof certificateSources)[number];

export type MobileDevice = { readonly agent: AgentKind | null; readonly retiredAt: Instant | null };
export type MobileRow = {
  readonly thumbprint: string;
  readonly status: CertificateStatus;
  /** Latest status update. */
  readonly since: number;
  readonly protocol: CertificateProtocol;
  readonly source: CertificateSource;
  readonly issuedAt: number;
  readonly notAfter: number;
};

/** Those of the identities of a device that are listed: see `statusOf`. `authority` null: another one than ours has issued it. */
export const mobileRows = (
  lives: readonly (Life & { readonly authority: string | null })[],
  { agent, retiredAt }: MobileDevice,
  now: Instant,
): readonly MobileRow[] =>
  lives.flatMap((life) => {
    const found = statusOf(life, lives, { retiredAt, now });
    if (!found) return [];
    const { fingerprint: thumbprint, issuedAt, notAfter, authority } = life;
    return [
      {
        thumbprint,
        ...found,
        // Without an identity it came, and has not used this one yet.
        protocol: agent !== null && life.contactAt === null ? ('token' as const) : ('agent' as const),
        source: authority === null ? ('authority' as const) : ('server' as const),
        issuedAt,
        notAfter,
      },
    ];
  });

/** What a search looks through beside the thumbprint, in lower case: a part of one of them is enough. */
export const searchText = (...parts: readonly string[]): string =>
  parts
    .filter((part) => part !== '')
    .join('\n')
    .toLowerCase();
