/** The server's own certificates as they lie in the database. */
import { toPem } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { ServerPins } from '../../protocol/schema.ts';
import { instant, instantOrNull } from '../../protocol/time.ts';
import type { ListenerTls } from '../core/ports.ts';
import type { DeviceView, RoleCertificate } from '../core/role.ts';
import { trustedAuthorities } from './authorities.ts';
import { type Identity, readIdentity, type Server } from './context.ts';
import { isActive } from './lives.ts';
import { open } from './seal.ts';
import type { Database, Tables } from './tables.ts';

type Row = Tables['server_certificates'];

export const leafOf = ({ chain }: Pick<Row, 'chain'>): string => (JSON.parse(chain) as string[])[0] ?? '';

export const roleCertificate = (row: Row): RoleCertificate => ({
  fingerprint: row.fingerprint,
  role: row.role,
  source: row.source,
  activateAt: instantOrNull(row.activate_at),
  notAfter: instant(row.not_after),
});

/** Newest first. */
export const readServerCertificates = (trx: Database): Promise<Row[]> =>
  trx.selectFrom('server_certificates').selectAll().orderBy('made_at', 'desc').execute();

/** What devices are told to accept. Throws when there is no main certificate, which an initialised server always has. */
export async function readPins(trx: Database): Promise<ServerPins> {
  const rows = await readServerCertificates(trx);
  const main = rows.find(({ role }) => role === 'main');
  if (!main) throw new Error('there is no main server certificate');
  const reserve = rows.find(({ role }) => role === 'reserve');
  return {
    main: leafOf(main),
    reserve: reserve ? { certificate: leafOf(reserve), activateAt: reserve.activate_at ?? 0 } : null,
    ...frontEndPins(await readIdentity(trx)),
  };
}

/** For devices; nothing where there is no front end. */
export const frontEndPins = ({ frontEnds = [] }: Identity): Pick<ServerPins, 'frontEnds'> =>
  frontEnds.length > 0 ? { frontEnds: frontEnds.map(({ certificate }) => certificate) } : {};

/** Key and chain of the main certificate, in PEM. Fault: `master-key-missing`. */
export async function readListenerTls({ db, keys }: Pick<Server, 'db' | 'keys'>): Promise<Result<ListenerTls>> {
  const main = (await readServerCertificates(db)).find(({ role }) => role === 'main');
  if (!main) return bad('internal', { what: 'no main certificate' });
  const key = open(keys.master, main.sealed_key);
  if (!key.ok) return key;
  const foreign = await db.selectFrom('foreign_authorities').select('certificate').orderBy('added_at').execute();
  const chain = (JSON.parse(main.chain) as string[]).map((der) => toPem(Buffer.from(der, 'base64'))).join('');
  return good({
    key: toPem(key.value, 'PRIVATE KEY'),
    chain,
    clientAuthorities: trustedAuthorities(keys)
      .map(({ certificateDer }) => toPem(certificateDer))
      .join(''),
    retiredAuthorities: keys.succession.retired.map((der) => toPem(der)).join(''),
    foreignAuthorities: foreign.map(({ certificate }) => toPem(Buffer.from(certificate, 'base64'))).join(''),
  });
}

/** Devices as the safe-to-switch gate sees them; those that cannot connect hold up nobody. */
export async function readDeviceViews(trx: Database, only?: string): Promise<readonly DeviceView[]> {
  const all = trx
    .selectFrom('devices')
    .leftJoin('reports', 'reports.device_id', 'devices.id')
    .select(['devices.id', 'devices.name', 'devices.last_seen', 'reports.pin_current', 'reports.pin_reserve'])
    .where(isActive);
  const wanted = only === undefined ? all : all.where('devices.id', '=', only);
  const rows = await wanted.orderBy('devices.name').execute();
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    lastSeen: instantOrNull(row.last_seen),
    pins: { current: row.pin_current, reserve: row.pin_reserve },
  }));
}
