/** A certificate of the server whose key is somebody else's now (T16): no device of any group accepts it from its next contact on. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Compromised } from '../api/server-certificates.ts';
import { blockEverywhere } from './blocking.ts';
import type { Actor, Server } from './context.ts';
import { transact } from './database.ts';
import { signAllPolicies } from './documents.ts';
import { rewriteKit } from './kit.ts';
import { isActive } from './lives.ts';
import { readServerCertificates } from './pins.ts';
import { setRole } from './rotation.ts';

/**
 * `look`: only says how many devices accept it as the one in use. A reserve is taken back too. Faults: `not-found`;
 * `would-strand` for the main one, which is to be changed first; those of policies.
 */
export async function markCompromised(
  server: Server,
  actor: Actor,
  { fingerprint, look }: { readonly fingerprint: string; readonly look: boolean },
): Promise<Result<Compromised>> {
  const done = await transact(server.db, async (trx) => {
    const found = (await readServerCertificates(trx)).find((each) => each.fingerprint === fingerprint);
    if (!found) return bad('not-found', { what: fingerprint.slice(0, 64) });
    if (found.role === 'main') return bad('would-strand');
    const { devices } = await trx
      .selectFrom('devices')
      .innerJoin('reports', 'reports.device_id', 'devices.id')
      .select(({ fn }) => fn.countAll<number>().as('devices'))
      .where('pin_current', '=', fingerprint)
      .where(isActive)
      .executeTakeFirstOrThrow();
    if (look) return good({ fingerprint, devices });
    if (found.role === 'reserve') await setRole(trx, fingerprint, 'retired');
    await blockEverywhere(server, trx, actor, fingerprint);
    const signed = await signAllPolicies(server, trx);
    return signed.ok ? good({ fingerprint, devices }) : signed;
  });
  if (done.ok && !look) await rewriteKit(server);
  return done;
}
