/** An outside mosquitto as the broker of this server: its files, and the service that drives it. */
import { join } from 'node:path';
import { toPem } from '../../protocol/certificate.ts';
import type { ListenerTls } from '../core/ports.ts';
import { type MosquittoFiles, mosquittoBroker } from './broker-mosquitto.ts';
import { readIdentity, type Server } from './context.ts';
import { queueEverything } from './publishing.ts';
import { makeRevocationLists } from './revocation.ts';
import type { StartBroker } from './service.ts';
import type { Database } from './tables.ts';

/**
 * The list is a file on this machine, written again with every removal, so it does not need to expire; an expired one
 * would shut every device out.
 */
const crlDays = 10 * 365;
const setting = 'mosquitto';

type Kept = { readonly servicePort: number };

/** Everything goes to `directory`, which must be absolute. */
export async function mosquittoFilesOf(server: Server, tls: ListenerTls, directory: string): Promise<MosquittoFiles> {
  const identity = await readIdentity(server.db);
  return {
    tls,
    directory,
    devices: { host: identity.host, port: identity.mqttPort },
    service: { host: '127.0.0.1', port: await readServicePort(server.db) },
    authority: server.keys.serverAuthority,
    crl: async () => (await makeRevocationLists(server, crlDays)).map(({ der }) => toPem(der, 'X509 CRL')).join(''),
    alone: { pidFile: join(directory, 'mosquitto.pid'), storeDirectory: join(directory, 'store') },
  };
}

/** The port on loopback where only the server itself connects; chosen once. */
export async function keepServicePort(db: Database, pick: () => Promise<number>): Promise<void> {
  const there = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  if (there) return;
  const kept: Kept = { servicePort: await pick() };
  await db
    .insertInto('settings')
    .values({ name: setting, value: JSON.stringify(kept) })
    .execute();
}

export const startMosquitto =
  (directory: string): StartBroker =>
  async ({ server, fleet, tls, publish }) => {
    const files = await mosquittoFilesOf(server, tls, directory);
    return mosquittoBroker({
      ...files,
      fleet,
      reload: { pidFile: join(directory, 'mosquitto.pid') },
      forgotten: async () => {
        await queueEverything(server, server.db);
        await publish();
      },
      log: server.log,
      clock: server.clock,
    });
  };

async function readServicePort(db: Database): Promise<number> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirstOrThrow();
  return (JSON.parse(row.value) as Kept).servicePort;
}
