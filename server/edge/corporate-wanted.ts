/** Which mail and VPN certificates a device is told to have. */
import type { DeviceDocument } from '../../protocol/schema.ts';
import type { Database } from './tables.ts';

export const readWanted = async (
  trx: Database,
  device: string,
): Promise<NonNullable<DeviceDocument['certificates']>> => {
  const rows = await trx
    .selectFrom('corporate_certificates')
    .innerJoin('certificates', 'certificates.id', 'corporate_certificates.id')
    .select(['certificates.id', 'type', 'alias', 'source', 'order_no'])
    .where('certificates.device_id', '=', device)
    .where('status', 'not in', ['wiping', 'wiped'])
    .orderBy('type')
    .orderBy('alias')
    .execute();
  return rows.flatMap(({ id, type, alias, source, order_no: order }) =>
    type === 'mobile' ? [] : [{ id, type, alias, order, from: source === 'uploaded' ? 'delivery' : 'request' }],
  );
};
