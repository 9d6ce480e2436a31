/**
 * Roles of the server's own certificates. `main` is what all listeners serve, `reserve` the one that comes next, `previous`
 * the one before; older ones are `retired` and only kept on record.
 */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs, type Instant, instant } from '../../protocol/time.ts';

export type Role = 'main' | 'reserve' | 'previous' | 'retired';
/** Made here, by our own authority, or brought by an administrator. */
export type Source = 'own' | 'uploaded';
export type RoleCertificate = {
  readonly fingerprint: string;
  readonly role: Role;
  readonly source: Source;
  /** Of a reserve: when it becomes main by itself. */
  readonly activateAt: Instant | null;
  readonly notAfter: Instant;
};
export type DeviceView = {
  readonly id: string;
  readonly name: string;
  readonly lastSeen: Instant | null;
  /** Fingerprints the device last reported, null before its first report. */
  readonly pins: { readonly current: string | null; readonly reserve: string | null };
};
/** Fingerprints and the roles they get. */
export type RoleChange = { readonly [fingerprint: string]: Role };
export type Due =
  | { readonly do: 'nothing' }
  | { readonly do: 'make-reserve'; readonly activateAt: Instant }
  | { readonly do: 'drop-reserve' }
  | { readonly do: 'switch'; readonly because: 'scheduled' | 'main-expired' }
  | { readonly do: 'warn'; readonly notReady: number };

/** A reserve is made by itself this long before the main certificate ends, and takes over this long before. */
const makeReserveBeforeMs = 90 * dayMs;
const activateBeforeMs = 30 * dayMs;
/** An uploaded one gives way as late as is safe: its successor is the administrator's to bring, ours only saves the day. */
const activateBeforeUploadedMs = 7 * dayMs;
export const serverCertificateDays = 397;

export const withRole = <C extends RoleCertificate>(certificates: readonly C[], role: Role): C | null =>
  certificates.find((certificate) => certificate.role === role) ?? null;

/** The safe-to-switch gate: devices whose last report shows neither `reserve` nor, already, that certificate as current. */
export const devicesNotReady = (devices: readonly DeviceView[], reserve: string): readonly DeviceView[] =>
  devices.filter(({ pins }) => pins.reserve !== reserve && pins.current !== reserve);

/** True leaves behind whoever there is; a number at most so many devices, since that many were told to whoever decided. */
export type Override = boolean | number;
export const mostOf = (override: Override, all: number): number => (override === true ? all : Number(override));

/** Faults: `no-reserve`; `expired` for a reserve that nobody would accept any more; `devices-not-ready` with count and names, unless overridden. */
export function decideSwitch(
  certificates: readonly RoleCertificate[],
  devices: readonly DeviceView[],
  override: Override,
  now: Instant,
): Result<RoleChange> {
  const reserve = withRole(certificates, 'reserve');
  if (!reserve) return bad('no-reserve');
  if (reserve.notAfter <= now) return bad('expired', { notAfter: reserve.notAfter });
  const waiting = devicesNotReady(devices, reserve.fingerprint);
  if (waiting.length > mostOf(override, waiting.length))
    return bad('devices-not-ready', { count: waiting.length, devices: namesOf(waiting.map(({ name }) => name)) });
  const change: { [fingerprint: string]: Role } = {};
  for (const { fingerprint, role } of certificates) {
    if (role === 'previous') change[fingerprint] = 'retired';
    if (role === 'main') change[fingerprint] = 'previous';
    if (role === 'reserve') change[fingerprint] = 'main';
  }
  return good(change);
}

/**
 * What time asks for. A scheduled switch waits for the gate; once the main certificate itself has expired no device
 * accepts it any more, so there is nothing left to wait for.
 */
export function dueAt(certificates: readonly RoleCertificate[], devices: readonly DeviceView[], now: Instant): Due {
  const main = withRole(certificates, 'main');
  const reserve = withRole(certificates, 'reserve');
  if (!main) return { do: 'nothing' };
  if (!reserve)
    return main.notAfter - now <= makeReserveBeforeMs
      ? { do: 'make-reserve', activateAt: instant(Math.max(now, main.notAfter - leadOf(main))) }
      : { do: 'nothing' };
  if (reserve.notAfter <= now) return { do: 'drop-reserve' };
  if (main.notAfter <= now) return { do: 'switch', because: 'main-expired' };
  if (reserve.activateAt === null || reserve.activateAt > now) return { do: 'nothing' };
  const notReady = devicesNotReady(devices, reserve.fingerprint).length;
  return notReady === 0 ? { do: 'switch', because: 'scheduled' } : { do: 'warn', notReady };
}

const leadOf = ({ source }: RoleCertificate): number =>
  source === 'uploaded' ? activateBeforeUploadedMs : activateBeforeMs;

/** Facts hold short texts: the first names, and how many more there are. */
export function namesOf(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => name.slice(0, 24));
  return shown.join(', ') + (names.length > shown.length ? ` (+${names.length - shown.length})` : '');
}
