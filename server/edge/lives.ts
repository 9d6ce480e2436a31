/** Identities as they lie in the database. */
import { type SqlBool, sql } from 'kysely';
import { fromBase64 } from '../../protocol/certificate.ts';
import { bad, type Fault } from '../../protocol/fault.ts';
import { instant, instantOrNull } from '../../protocol/time.ts';
import type { CommonWords } from '../../words/en.ts';
import type { Life, Span, Standing } from '../core/identity.ts';
import type { Database, Tables } from './tables.ts';

export type Kept = Life & {
  readonly serial: string;
  readonly chain: readonly string[];
  /** Fingerprint of the authority of ours that issued it. */
  readonly authority: string | null;
};

/** Of one device, oldest first. */
export async function readLives(trx: Database, device: string): Promise<readonly Kept[]> {
  const rows = await trx
    .selectFrom('identities')
    .selectAll()
    .where('device_id', '=', device)
    .orderBy('issued_at')
    .execute();
  return rows.map(lifeOf);
}

export const lifeOf = (row: Tables['identities']): Kept => ({
  ...spanOf(row),
  serial: row.serial,
  chain: JSON.parse(row.chain) as string[],
  authority: row.authority,
  renewAskedAt: instantOrNull(row.renew_asked_at),
  renews: row.renews,
});

type Columns = 'fingerprint' | 'issued_at' | 'not_after' | 'first_contact_at' | 'revoked_at';

/** What says which identity is the current one. */
export const spanOf = (row: Pick<Tables['identities'], Columns>): Span => ({
  fingerprint: row.fingerprint,
  issuedAt: instant(row.issued_at),
  notAfter: instant(row.not_after),
  contactAt: instantOrNull(row.first_contact_at),
  revokedAt: instantOrNull(row.revoked_at),
});

export const standingOf = (
  device: Pick<Tables['devices'], 'removed_at' | 'retired_at' | 'deactivated_at'>,
): Standing => {
  if (device.removed_at !== null) return 'removed';
  if (device.deactivated_at !== null) return 'inactive';
  return device.retired_at === null ? 'active' : 'retired';
};

/** What a device or certificate of this name is in, and cannot be done with it there. */
export const wrongState = (name: string, state: keyof CommonWords['states']): { ok: false; fault: Fault } =>
  bad('wrong-state', { name: name.slice(0, 120), state });

/** Of a device that is there. */
export const readStanding = async (trx: Database, device: string): Promise<Standing> =>
  standingOf(
    await trx
      .selectFrom('devices')
      .select(['removed_at', 'retired_at', 'deactivated_at'])
      .where('id', '=', device)
      .executeTakeFirstOrThrow(),
  );

/** In the terms of a query over `devices`: the device can connect; its standing is `active`. */
export const isActive = sql<SqlBool>`devices.removed_at is null and devices.retired_at is null and devices.deactivated_at is null`;

/**
 * An adopted device still holds the device document of the lost server and asks for the policy of the group it names, so
 * that group is its own until it is known better. Null for one that may connect no more.
 */
export async function groupOf(trx: Database, device: string): Promise<string | null> {
  const row = await trx
    .selectFrom('devices')
    .leftJoin('reports', 'reports.device_id', 'devices.id')
    .select(['group_id', 'adopted_at', 'applied_group'])
    .where('id', '=', device)
    .where(isActive)
    .executeTakeFirst();
  if (!row) return null;
  return row.adopted_at === null ? row.group_id : (row.applied_group ?? row.group_id);
}

/** Leaf and chain of the newest identity that is not revoked; null where there is none. */
export async function newestChain(trx: Database, device: string | null): Promise<readonly Uint8Array[] | null> {
  if (device === null) return null;
  const row = await trx
    .selectFrom('identities')
    .select('chain')
    .where('device_id', '=', device)
    .where('revoked_at', 'is', null)
    .orderBy('issued_at', 'desc')
    .executeTakeFirst();
  return row ? (JSON.parse(row.chain) as string[]).map(fromBase64) : null;
}
