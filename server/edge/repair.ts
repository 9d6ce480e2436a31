/**
 * Repair files (docs/adr/0014-repair-files.md): what leads every device of this server back to it without the certificate that
 * the device holds. The policy key signs here; the recovery key is in the kit alone, so its file is drafted here and signed by
 * the command line, or made from the kit where there is no server any more.
 */
import { repairAudience } from '../../protocol/audience.ts';
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import { judgePins } from '../../protocol/policy.ts';
import type { PublicKey, RepairBundle, ServerPins } from '../../protocol/schema.ts';
import { dayMs, fromNumericDate, type Instant, secondMs, toNumericDate } from '../../protocol/time.ts';
import type { RepairDraft } from '../api/server-certificates.ts';
import { nextRevision } from '../core/revision.ts';
import { type Actor, addressesOf, audit, type Identity, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { keepRevision, lastRevision } from './documents.ts';
import type { Material } from './material.ts';
import { frontEndPins, readPins } from './pins.ts';
import { type SigningKey, signDocument } from './sign.ts';

export type RepairOrder = {
  readonly days: number;
  readonly key: 'policy' | 'recovery';
  /** Devices take the time of signing for proven, even where they have proof of a later one. */
  readonly time: boolean;
};

/**
 * On record before anybody has it. Faults: `not-allowed` (the policy key says no time), those of `judgePins`, `expired` for a
 * main certificate that leads nowhere.
 */
export async function draftRepair(server: Server, actor: Actor, order: RepairOrder): Promise<Result<RepairDraft>> {
  if (order.time && order.key === 'policy') return bad('not-allowed', { what: 'time' });
  return transact(server.db, async (trx) => {
    const identity = await readIdentity(trx);
    const aud = repairAudience(identity.serverId);
    const now = server.clock();
    const rev = nextRevision(await lastRevision(trx, aud), now);
    const { policy } = server.keys;
    const drafted = compose({ identity, pins: await readPins(trx), policyKey: policy.publicKey, rev, now, order });
    if (!drafted.ok) return drafted;
    await keepRevision(trx, aud, rev);
    const facts = { rev, key: order.key, days: order.days, time: order.time ? 'yes' : 'no' };
    await audit(server, trx, { actor, action: 'repair-file-made', subject: identity.serverId, facts });
    const payload = drafted.value;
    return good({ payload, jws: order.key === 'policy' ? sign(policy, payload) : null });
  });
}

/** From the kit alone: certificates and addresses are those of its last writing. Faults: as for `draftRepair`. */
export function draftFromKit({ secrets, identity, certificates }: Material, now: Instant, order: RepairOrder) {
  const of = (role: 'main' | 'reserve') => certificates.find((each) => each.role === role);
  const reserve = of('reserve');
  const pins: ServerPins = {
    main: of('main')?.chain[0] ?? '',
    reserve: reserve ? { certificate: reserve.chain[0] ?? '', activateAt: reserve.activateAt ?? 0 } : null,
    ...frontEndPins(identity),
  };
  return compose({ identity, pins, policyKey: secrets.policy.publicKey, rev: now, now, order });
}

/** Fault: `wrong-audience` for a kit of another server. */
export function signWithRecovery({ secrets, identity }: Material, payload: RepairBundle): Result<string> {
  if (payload.aud !== repairAudience(identity.serverId)) return bad('wrong-audience', { aud: payload.aud });
  return good(sign(secrets.recovery, payload));
}

type Parts = {
  readonly identity: Identity;
  readonly pins: ServerPins;
  readonly policyKey: PublicKey;
  readonly rev: number;
  readonly now: Instant;
  readonly order: RepairOrder;
};

function compose({ identity, pins, policyKey, rev, now, order }: Parts): Result<RepairBundle> {
  const unfit = judge(pins, now);
  if (unfit) return { ok: false, fault: unfit };
  const iat = toNumericDate(now);
  return good({
    aud: repairAudience(identity.serverId),
    rev,
    iat,
    refreshBefore: iat + (order.days * dayMs) / secondMs,
    format: 1,
    pins,
    addresses: addressesOf(identity),
    ...(order.time && { time: fromNumericDate(iat) }),
    ...(order.key === 'recovery' && { policyKeys: [policyKey] }),
  });
}

/** What a device would refuse is not signed. */
function judge(pins: ServerPins, now: Instant): Fault | null {
  const [unfit] = judgePins(pins);
  if (unfit) return unfit;
  const main = parseCertificate(fromBase64(pins.main));
  if (!main.ok) return main.fault;
  return now > main.value.notAfter ? bad('expired', { owner: main.value.owner }).fault : null;
}

const sign = ({ keyPkcs8, publicKey }: SigningKey, payload: RepairBundle): string =>
  signDocument('repair', keyPkcs8, publicKey, payload);
