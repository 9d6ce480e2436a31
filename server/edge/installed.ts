/** The certificates on a device, as it reports them (M7). */
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Report } from '../../protocol/schema.ts';
import type { Installed, InstalledCertificate } from '../api/certificates.ts';
import type { Server } from './context.ts';
import { findDevice } from './lookup.ts';
import type { Database } from './tables.ts';

/** Faults: `not-found`, `bad-argument`; `not-found` too while the device has not reported. */
export async function listInstalled({ db }: Pick<Server, 'db'>, wanted: string): Promise<Result<Installed>> {
  const found = await findDevice(db, wanted);
  if (!found.ok) return found;
  const { id, name } = found.value;
  const row = await db
    .selectFrom('reports')
    .select(['body', 'received_at'])
    .where('device_id', '=', id)
    .executeTakeFirst();
  if (!row) return bad('not-found', { what: `${name}: report` });
  const { identity, corporate = [], certificates } = JSON.parse(row.body) as Report;
  const files = await fileNames(
    db,
    certificates.map(({ fingerprint }) => fingerprint),
  );
  const user = { userCertificate: true, source: null };
  const own: readonly InstalledCertificate[] = identity
    ? [{ ...user, name, thumbprint: identity.fingerprint, use: 'mobile', notAfter: identity.notAfter }]
    : [];
  return good({
    reportedAt: row.received_at,
    certificates: [
      ...own,
      ...corporate.map(({ alias, fingerprint, type, notAfter }) => ({
        ...user,
        name: alias,
        thumbprint: fingerprint,
        use: type,
        notAfter,
      })),
      ...certificates.map(({ fingerprint, purpose, source }) => ({
        name: files.get(fingerprint) ?? '',
        userCertificate: false,
        thumbprint: fingerprint,
        use: purpose,
        source,
        notAfter: null,
      })),
    ],
  });
}

async function fileNames(db: Database, fingerprints: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (fingerprints.length === 0) return new Map();
  const rows = await db
    .selectFrom('policy_certificates')
    .select(['fingerprint', 'file'])
    .where('fingerprint', 'in', [...new Set(fingerprints)])
    .execute();
  return new Map(rows.map(({ fingerprint, file }) => [fingerprint, file]));
}
