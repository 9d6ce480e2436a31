/**
 * Identities that no authority's word lets in again, so the recovery kit holds each: those of foreign authorities, and those of
 * retired ones of ours which a device still uses. And the devices that a rebuilt server knows nothing more of.
 */

import { fingerprintOf } from '../../protocol/certificate.ts';
import { locatorOf } from '../../protocol/codes.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Server } from './context.ts';
import type { ExactIdentity, KeptForeign, Material } from './material.ts';
import type { Database } from './tables.ts';

export async function readExact({ db, keys }: Pick<Server, 'db' | 'keys'>): Promise<readonly ExactIdentity[]> {
  const retired = keys.succession.retired.map(fingerprintOf);
  const rows = await db
    .selectFrom('identities as own')
    .innerJoin('devices', 'devices.id', 'own.device_id')
    .select(['device_id', 'issuer', 'serial', 'fingerprint', 'not_after', 'authority'])
    .where('revoked_at', 'is', null)
    .where('removed_at', 'is', null)
    .where('deactivated_at', 'is', null)
    .where(({ or, eb }) => or([eb('authority', 'is', null), eb('authority', 'in', retired)]))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('identities as later')
            .select('later.serial')
            .whereRef('later.device_id', '=', 'own.device_id')
            .whereRef('later.issued_at', '>', 'own.issued_at')
            .where('later.first_contact_at', 'is not', null)
            .where('later.revoked_at', 'is', null),
        ),
      ),
    )
    .execute();
  return rows.map(({ device_id: device, not_after: notAfter, ...row }) => ({ ...row, device, notAfter }));
}

export async function readForeign({ db }: Pick<Server, 'db'>): Promise<readonly KeptForeign[]> {
  const rows = await db.selectFrom('foreign_authorities').selectAll().orderBy('added_at').execute();
  return rows.map(({ certificate, added_at: addedAt }) => ({ certificate, addedAt }));
}

/** Into a database that is being rebuilt: the devices wait as if they had been taken in. */
export async function layExact(
  trx: Database,
  { exact, identity }: Pick<Material, 'exact' | 'identity'>,
  now: Instant,
): Promise<void> {
  const group = identity.recovered ?? identity.unassigned;
  for (const { device, issuer, serial, fingerprint, notAfter, authority } of exact) {
    await addWaiting(trx, { device, group, now, lastSeen: null });
    await trx
      .insertInto('identities')
      .values({
        issuer,
        serial,
        fingerprint,
        device_id: device,
        chain: '[]',
        not_after: notAfter,
        issued_at: now,
        revoked_at: null,
        authority,
      })
      .execute();
  }
}

/** A device of which nothing is known but that it is one of ours; where it is known already, nothing changes. */
export async function addWaiting(
  trx: Database,
  given: { readonly device: string; readonly group: string; readonly now: Instant; readonly lastSeen: Instant | null },
): Promise<void> {
  const { device, group, now, lastSeen } = given;
  await trx
    .insertInto('devices')
    .values({
      id: device,
      name: device,
      hardware_id: '',
      group_id: group,
      secret_generation: 1,
      locator: locatorOf(device),
      presence: 'offline',
      last_seen: lastSeen,
      absent_since: lastSeen ?? now,
      confirmed_at: now,
      adopted_at: now,
      created_at: now,
      removed_at: null,
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}
