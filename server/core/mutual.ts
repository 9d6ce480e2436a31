/**
 * Mutual authentication of HTTPS check-ins: the setting that is turned on once and never off, what it means for which
 * agent, and which token endpoint answers. Numbers of tables are those of the source text (docs/mutual-authentication.md).
 *
 * Our own agents are `always-mutual`: they have an identity from their registration on, and MQTT is mutual for everyone.
 */
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Policy } from '../../protocol/schema.ts';
import { maxSubject } from '../../protocol/subject.ts';
import type { Instant } from '../../protocol/time.ts';
import { mostOf, namesOf, type Override } from './role.ts';

/** What an agent can do, as it says itself: see `kindOf`. */
export type AgentKind = 'thin-client' | 'no-migration' | 'always-mutual';
/** `legacy` asks for no client certificate. */
export type Channel = { readonly port: 'legacy' | 'mutual'; readonly mutual: boolean };
/** The columns of Table 88. */
export type SettingState = 'off' | 'on' | 'on-before-upgrade';
export type Migration = 'pending' | 'success';
/** Where identities for mutual authentication come from: our own authority, or the named setting (`scep` for EST too). */
export type EnrolmentChoice = { readonly at: 'local' } | { readonly at: 'scep'; readonly name: string };
export type ScepSetting = {
  readonly name: string;
  /** Left out: SCEP. */
  readonly protocol?: 'est' | 'scep';
  readonly url: string;
  /** SHA-256 of the authority's certificate, 64 hex digits; for EST also of the certificate of its server. */
  readonly fingerprint: string;
  /** With variables: see `subject.ts`. */
  readonly subject: string;
  /** `$CONFIG_UUID$` */
  readonly id: string;
  /** User and password, or the challenge, that the authority asks of who enrols; sealed by the master key. */
  readonly secret?: string;
};
export type Mutual = {
  /** Null: never turned on. Nothing sets it back. */
  readonly enabledAt: Instant | null;
  /** The release that turned it on; null while off. */
  readonly enabledBy: string | null;
  readonly enrolment: EnrolmentChoice;
  readonly scep: readonly ScepSetting[];
  readonly newEndpoint: 'unset' | 'on' | 'off';
  readonly legacyEndpoint: boolean;
};
export type Endpoints = Pick<Mutual, 'newEndpoint' | 'legacyEndpoint'>;
export type EndpointChange =
  | { readonly endpoint: 'new'; readonly on: boolean }
  /** Turning it off wants two confirmations. */
  | { readonly endpoint: 'legacy'; readonly on: boolean; readonly confirmations: number };
/** A device that registered without an identity and has not proven one since. */
export type LegacyClient = { readonly id: string; readonly name: string };
export type MigrationView = {
  readonly kind: AgentKind;
  readonly registeredAt: Instant;
  /** What the group of the device says. */
  readonly migrateClient: boolean;
};

/** Of `enrolmentPath`. */
const maxPath = 200;

/** Table 87, a new installation; an upgrade keeps what is stored. */
export const newInstallation: Mutual = {
  enabledAt: null,
  enabledBy: null,
  enrolment: { at: 'local' },
  scep: [],
  newEndpoint: 'unset',
  legacyEndpoint: true,
};

/** The setting in use; null for our own authority. */
export const chosenSetting = ({ enrolment, scep }: Mutual): ScepSetting | null =>
  (enrolment.at === 'scep' ? scep.find(({ name }) => name === enrolment.name) : undefined) ?? null;

/**
 * The setting in use as policies tell it to devices of ours, which move there when they renew; null where they cannot. They
 * speak SCEP over HTTP, which protects itself, and EST over HTTPS.
 */
export function policyEnrolment(mutual: Mutual): NonNullable<Policy['enrolment']> | null {
  const setting = chosenSetting(mutual);
  if (!setting || !URL.canParse(setting.url)) return null;
  const { protocol = 'scep', fingerprint, id } = setting;
  const url = new URL(setting.url);
  const isSpoken = url.protocol === (protocol === 'scep' ? 'http:' : 'https:') && url.search === '' && url.hash === '';
  if (!isSpoken || url.username !== '' || url.pathname.length > maxPath) return null;
  const address = `${url.hostname}:${url.port || (protocol === 'scep' ? '80' : '443')}`;
  const path = url.pathname.replace(/\/+$/, '') || (protocol === 'scep' ? '/scep' : '/.well-known/est');
  const subject = setting.subject.replaceAll('$CONFIG_UUID$', id);
  return subject.length > maxSubject ? null : { protocol, address, path, fingerprint, subject };
}

/** Words of an agent's `accepts`. */
export const acceptsMigration = 'mutual-migration';
export const acceptsMutualOnly = 'mutual-only';

export function kindOf(accepts: readonly string[]): AgentKind {
  if (accepts.includes(acceptsMutualOnly)) return 'always-mutual';
  return accepts.includes(acceptsMigration) ? 'thin-client' : 'no-migration';
}

/** `release` runs now. */
export function settingState({ enabledAt, enabledBy }: Mutual, release: string): SettingState {
  if (enabledAt === null) return 'off';
  return enabledBy === release ? 'on' : 'on-before-upgrade';
}

/** Table 88. `registeredBefore`: before mutual authentication was turned on. */
export function channelOf(kind: AgentKind, setting: SettingState, registeredBefore: boolean): Channel {
  const legacy: Channel = { port: 'legacy', mutual: false };
  const mutual: Channel = { port: 'mutual', mutual: true };
  if (kind === 'always-mutual') return mutual;
  if (kind === 'no-migration' || setting === 'off') return legacy;
  return setting === 'on' && registeredBefore ? legacy : mutual;
}

/**
 * Whether a legacy check-in is answered with the order to migrate: the agent can, and either Table 88 gives it the mutual
 * port, or the setting is on and its group says so.
 */
export function isToMigrate(mutual: Mutual, release: string, view: MigrationView): boolean {
  const setting = settingState(mutual, release);
  const before = view.registeredAt < (mutual.enabledAt ?? 0);
  const told = view.migrateClient && setting !== 'off' && view.kind !== 'no-migration';
  return told || channelOf(view.kind, setting, before).mutual;
}

/** Fault: `stays-on` for turning it off. Turning it on again changes nothing. */
export function decideSetting(mutual: Mutual, on: boolean, now: Instant, release: string): Result<Mutual> {
  if (!on) return mutual.enabledAt === null ? good(mutual) : bad('stays-on');
  return good(mutual.enabledAt === null ? { ...mutual, enabledAt: now, enabledBy: release } : mutual);
}

/** Table 89: which endpoints answer. */
export const answering = ({
  newEndpoint,
  legacyEndpoint,
}: Endpoints): { readonly new: boolean; readonly legacy: boolean } => ({
  new: newEndpoint === 'on',
  legacy: legacyEndpoint,
});

/**
 * Table 90. `waiting`: devices that are not migrated. Faults: `mutual-needed`, `clients-not-migrated` for the new endpoint;
 * `new-endpoint-needed`, `confirm-twice` for the end of the legacy one. Turning a thing off that keeps nobody out, or the
 * legacy one on again, is always possible.
 */
export function decideEndpoint(
  mutual: Mutual,
  change: EndpointChange,
  waiting: readonly LegacyClient[],
): Result<Mutual> {
  if (change.endpoint === 'new') {
    if (!change.on) return good({ ...mutual, newEndpoint: mutual.newEndpoint === 'unset' ? 'unset' : 'off' });
    if (mutual.enabledAt === null) return bad('mutual-needed');
    if (waiting.length > 0)
      return bad('clients-not-migrated', { count: waiting.length, devices: namesOf(waiting.map(({ name }) => name)) });
    return good({ ...mutual, newEndpoint: 'on' });
  }
  if (change.on || !mutual.legacyEndpoint) return good({ ...mutual, legacyEndpoint: change.on });
  if (mutual.newEndpoint !== 'on') return bad('new-endpoint-needed');
  if (change.confirmations < 2) return bad('confirm-twice', { given: change.confirmations });
  return good({ ...mutual, legacyEndpoint: false });
}

/** Closing the legacy port. Fault: `devices-cut-off` with count and names, unless overridden. */
export const decideClosing = (cut: readonly LegacyClient[], override: Override): Result<null> =>
  cut.length > mostOf(override, cut.length)
    ? bad('devices-cut-off', { count: cut.length, devices: namesOf(cut.map(({ name }) => name)) })
    : good(null);
