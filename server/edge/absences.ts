/** When devices were heard of, how long they were away, and who would miss the coming switch (B10). */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { type Instant, instantOrNull } from '../../protocol/time.ts';
import type { DeviceRisk } from '../api/devices.ts';
import { type Absence, heardOf, isAtRisk, type Outlook, outlookOf, type Verdict, verdicts } from '../core/absence.ts';
import { devicesNotReady, withRole } from '../core/role.ts';
import type { Server } from './context.ts';
import { isActive } from './lives.ts';
import { findDevice } from './lookup.ts';
import { readDeviceViews, readServerCertificates, roleCertificate } from './pins.ts';
import type { Database } from './tables.ts';

export type AwayDevice = Outlook & {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly lastSeen: number | null;
};
export type OfflineRisk = {
  readonly switchAt: number;
  /** Fingerprint of the reserve that devices should hold by then; null where none is there yet. */
  readonly reserve: string | null;
  readonly counts: Readonly<Record<Verdict, number>>;
  /** Who would miss it, the longest away first. */
  readonly atRisk: readonly AwayDevice[];
};

/** Sent over a connection that is there, by check-in, or the end of a connection: `online`, null where it says nothing of it, `offline`. */
export async function noteHeard(
  trx: Database,
  device: string,
  now: Instant,
  presence: 'online' | 'offline' | null,
): Promise<boolean> {
  const row = await trx
    .selectFrom('devices')
    .select(['presence', 'absent_since', 'absences'])
    .where('id', '=', device)
    .executeTakeFirst();
  // A retained word that it is gone is said again at every start, and is no sign of life.
  if (!row || (presence === 'offline' && row.presence === 'offline')) return false;
  const after = presence ?? row.presence;
  const { since, lengths } = heardOf(absenceOf(row), now, after === 'online');
  await trx
    .updateTable('devices')
    .set({ presence: after, last_seen: now, absent_since: since, absences: JSON.stringify(lengths) })
    .where('id', '=', device)
    .execute();
  return presence === 'online' && row.presence !== 'online';
}

/** Nobody is connected to a server that has just begun; who was, is away from now on as far as anybody knows. */
export async function forgetPresence(db: Database, now: Instant): Promise<void> {
  await db
    .updateTable('devices')
    .set({ presence: 'offline', absent_since: now })
    .where('presence', '=', 'online')
    .execute();
}

/**
 * `at`: when the switch is, epoch ms; without it when the reserve is to take over. Faults: `no-reserve` where neither is said.
 */
export async function readOfflineRisk({ db, clock }: Server, at: Instant | null): Promise<Result<OfflineRisk>> {
  const reserve = withRole((await readServerCertificates(db)).map(roleCertificate), 'reserve');
  const now = clock();
  const switchAt = at ?? (reserve ? (reserve.activateAt ?? now) : null);
  if (switchAt === null) return bad('no-reserve');
  const views = await readDeviceViews(db);
  const missing = new Set(
    reserve ? devicesNotReady(views, reserve.fingerprint).map(({ id }) => id) : views.map(({ id }) => id),
  );
  const rows = await db
    .selectFrom('devices')
    .innerJoin('groups', 'groups.id', 'devices.group_id')
    .select(['devices.id', 'devices.name', 'groups.name as group', 'last_seen', 'absent_since', 'absences'])
    .where(isActive)
    .execute();
  const counts = Object.fromEntries(verdicts.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  const atRisk: AwayDevice[] = [];
  for (const { id, name, group, last_seen: lastSeen, ...row } of rows) {
    const outlook = outlookOf(absenceOf(row), !missing.has(id), now, switchAt);
    counts[outlook.verdict] += 1;
    if (isAtRisk(outlook.verdict)) atRisk.push({ id, name, group, lastSeen, ...outlook });
  }
  atRisk.sort((one, other) => (one.lastSeen ?? 0) - (other.lastSeen ?? 0));
  return good({ switchAt, reserve: reserve?.fingerprint ?? null, counts, atRisk });
}

/** Of one device; the switch is when the reserve is to take over. Faults: `not-found`, `bad-argument`. */
export async function readDeviceRisk({ db, clock }: Server, wanted: string): Promise<Result<DeviceRisk>> {
  const found = await findDevice(db, wanted);
  if (!found.ok) return found;
  const reserve = withRole((await readServerCertificates(db)).map(roleCertificate), 'reserve');
  const now = clock();
  const switchAt = reserve ? (reserve.activateAt ?? now) : null;
  const views = await readDeviceViews(db, found.value.id);
  const holds = reserve !== null && devicesNotReady(views, reserve.fingerprint).length === 0;
  const absence = absenceOf(found.value);
  const { verdict, longestMs, backBy } = outlookOf(absence, holds, now, switchAt ?? now);
  return good({
    switchAt,
    verdict: switchAt === null || views.length === 0 ? null : verdict,
    absentSince: absence.since,
    absences: absence.lengths.length,
    longestMs,
    backBy,
  });
}

const absenceOf = (row: { readonly absent_since: number | null; readonly absences: string | null }): Absence => ({
  since: instantOrNull(row.absent_since),
  lengths: row.absences === null ? [] : JSON.parse(row.absences),
});
