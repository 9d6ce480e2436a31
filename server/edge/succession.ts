/**
 * Our authority of device identities is replaced without a visit (B12): the next one is made and let in, then it issues and
 * devices renew ahead of their time, each in its turn; at last the former one is retired. Devices know nothing of it: they keep
 * what the server gives them. Every step is one transaction; a cut before the listeners know it is made up for at the next start.
 */
import { fingerprintOf, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs, hourMs, type Instant, instant } from '../../protocol/time.ts';
import type { SuccessionView } from '../api/mutual.ts';
import { currentOf } from '../core/identity.ts';
import {
  type AuthorityKey,
  advance,
  defaultSpreadDays,
  devicesBehind,
  type Holder,
  hurriedDays,
  type Line,
  maxSpreadDays,
  roleOf,
  type Spread,
  type Step,
  turnsBefore,
} from '../core/succession.ts';
import { authorityRows, type Held, lineOf, trustedAuthorities } from './authorities.ts';
import { makeSuccessor, type Successor } from './authority.ts';
import { type Actor, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { askToRenew } from './identities.ts';
import { rewriteKit } from './kit.ts';
import { readLives, spanOf } from './lives.ts';
import { readListenerTls } from './pins.ts';
import type { Database } from './tables.ts';

export type Wanted = {
  readonly step: Step;
  readonly key?: AuthorityKey;
  readonly override?: boolean;
  /** Over how many days devices renew ahead. */
  readonly days?: number;
};

const setting = 'authority-renewals';
/** After a long stop of the server the turns of many are over at once. */
const turnsAtOnce = 100;
/** Devices that could not be asked in their turn, an adopted one say, are found by this. */
const sweepEveryMs = hourMs;
/** Above every UUID. */
const afterAllIds = 'g';
const actions: Readonly<Record<Step, string>> = {
  prepare: 'device-authority-made',
  cancel: 'device-authority-cancelled',
  activate: 'device-authority-activated',
  retire: 'device-authority-retired',
  distrust: 'device-authority-distrusted',
};

export async function showSuccession({ db, keys }: Pick<Server, 'db' | 'keys'>): Promise<SuccessionView> {
  const line = lineOf(keys);
  const ders = [...trustedAuthorities(keys).map(({ certificateDer }) => certificateDer), ...keys.succession.retired];
  const behind = await readBehind({ keys }, db);
  const spread = await readSpread(db);
  return {
    authorities: ders.flatMap((der) => viewOf(line, der)),
    behind: [...behind],
    renewedBy: spread && behind.length > 0 ? endOf(spread) : null,
  };
}

/** Faults: those of `core/succession.advance`, `bad-argument` for the days, `busy`. */
export async function moveSuccession(server: Server, actor: Actor, wanted: Wanted): Promise<Result<SuccessionView>> {
  const { step, key, override = false, days } = wanted;
  if (days !== undefined && !(Number.isInteger(days) && days >= 1 && days <= maxSpreadDays))
    return bad('bad-argument', { what: `days: 1 to ${maxSpreadDays}` });
  const { keys, clock } = server;
  const makes = step === 'prepare' || step === 'distrust';
  const made = makes ? makeSuccessor(keys.clientAuthority, clock(), key) : null;
  const done = await transact(server.db, async (trx) => {
    // Another step was taken meanwhile, and the keys in memory do not know it yet.
    if (!(await isHeld(trx, keys))) return bad('busy');
    const line = lineOf(keys);
    const behind = step === 'retire' ? await readBehind(server, trx) : [];
    const { adopting } = await readIdentity(trx);
    const around = { made: made ? fingerprintOf(made.authority.certificateDer) : '', behind, adopting, override };
    const after = advance(line, step, around);
    if (!after.ok) return after;
    const held = heldAfter(keys, after.value, made);
    await trx.deleteFrom('keys').where('name', 'like', 'client-authority%').execute();
    await trx
      .insertInto('keys')
      .values([...authorityRows(keys.master, held)])
      .execute();
    if (step === 'activate') await keepSpread(trx, begun(clock(), days ?? defaultSpreadDays));
    if (step === 'distrust' || (step === 'retire' && behind.length > 0))
      await keepSpread(trx, begun(clock(), days ?? hurriedDays));
    const { issuing, next, former } = after.value;
    const facts = {
      issuing,
      next: next ?? '',
      former: former ?? '',
      behind: behind.length,
      override: override ? 'yes' : 'no',
    };
    await audit(server, trx, { actor, action: actions[step], subject: line.issuing, facts });
    return good(held);
  });
  if (!done.ok) return done;
  // Everything that issues or judges looks at the keys of the server when it does, so they change in place.
  Object.assign(keys, done.value);
  await rewriteKit(server);
  const tls = await readListenerTls(server);
  if (tls.ok) await server.carriers.current?.setTls(tls.value);
  return good(await showSuccession(server));
}

/** Commands to renew for those whose turn has come, each once in a spread. The upkeep calls it every minute. */
export async function renewAhead(server: Server): Promise<void> {
  const { db, keys, clock } = server;
  const spread = await readSpread(db);
  const { issuing, former, retired } = lineOf(keys);
  const others = [...(former === null ? [] : [former]), ...retired];
  if (!spread || others.length === 0) return;
  const now = clock();
  const before = turnsBefore(spread, now) ?? afterAllIds;
  const sweeps = now - spread.sweptAt >= sweepEveryMs || now < spread.sweptAt;
  const from = sweeps ? '' : spread.done;
  if (from >= before) return;
  const done = await transact(db, async (trx) => {
    const due = await findDue(trx, { issuing, others, from, before, since: spread.since });
    for (const device of due) {
      const current = currentOf(await readLives(trx, device));
      if (current !== null && others.includes(current.authority ?? ''))
        await askToRenew(server, trx, device, current.fingerprint);
    }
    if (due.length < turnsAtOnce)
      await keepSpread(trx, { ...spread, done: before, sweptAt: sweeps ? now : spread.sweptAt });
    const facts = { devices: due.length, authority: issuing };
    if (due.length > 0)
      await audit(server, trx, { actor: 'server', action: 'renewals-ahead', subject: 'identities', facts });
    return good(null);
  });
  if (!done.ok) throw new Error(`renewals ahead: ${done.fault.code}`);
}

type Due = {
  readonly issuing: string;
  readonly others: readonly string[];
  /** Ids from here, below there. */
  readonly from: string;
  readonly before: string;
  readonly since: Instant;
};

/** Devices with a used identity of other authorities of ours, and none of the issuing one, that were not asked since. */
async function findDue(trx: Database, { issuing, others, from, before, since }: Due): Promise<readonly string[]> {
  const rows = await holders(trx, issuing, others)
    .select('own.device_id')
    .distinct()
    .where('own.device_id', '>=', from)
    .where('own.device_id', '<', before)
    .where('own.first_contact_at', 'is not', null)
    .where('adopted_at', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('identities as asked')
            .select('asked.serial')
            .whereRef('asked.device_id', '=', 'own.device_id')
            .where('asked.revoked_at', 'is', null)
            .where('asked.renew_asked_at', '>=', since),
        ),
      ),
    )
    .limit(turnsAtOnce)
    .execute();
  return rows.map(({ device_id }) => device_id);
}

/** Names, in their order. */
async function readBehind({ keys }: Pick<Server, 'keys'>, trx: Database): Promise<readonly string[]> {
  const { issuing, former, retired } = lineOf(keys);
  const others = [...(former === null ? [] : [former]), ...retired];
  if (others.length === 0) return [];
  const ids = holders(trx, issuing, others).select('own.device_id');
  const rows = await trx
    .selectFrom('identities')
    .innerJoin('devices', 'devices.id', 'device_id')
    .select([
      'device_id',
      'name',
      'authority',
      'fingerprint',
      'issued_at',
      'not_after',
      'first_contact_at',
      'revoked_at',
    ])
    .where('device_id', 'in', ids)
    .orderBy('name')
    .orderBy('issued_at')
    .execute();
  const devices = new Map<string, { readonly name: string; readonly lives: Holder['lives'][number][] }>();
  for (const { name, device_id, authority, ...row } of rows) {
    const device = devices.get(device_id) ?? { name, lives: [] };
    device.lives.push({ ...spanOf(row), authority });
    devices.set(device_id, device);
  }
  return devicesBehind([...devices.values()], issuing).map(({ name }) => name);
}

/** Identities of other authorities of ours, of devices that can connect and have used none of the issuing one, and no later one. */
const holders = (trx: Database, issuing: string, others: readonly string[]) =>
  trx
    .selectFrom('identities as own')
    .innerJoin('devices', 'devices.id', 'own.device_id')
    .where('own.authority', 'in', others)
    .where('own.revoked_at', 'is', null)
    .where('removed_at', 'is', null)
    .where('retired_at', 'is', null)
    .where('deactivated_at', 'is', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('identities as later')
            .select('later.serial')
            .whereRef('later.device_id', '=', 'own.device_id')
            .where('later.first_contact_at', 'is not', null)
            .where('later.revoked_at', 'is', null)
            .where(({ or, eb, ref }) =>
              or([eb('later.authority', '=', issuing), eb('later.issued_at', '>', ref('own.issued_at'))]),
            ),
        ),
      ),
    );

/** The keys behind a line. A retired authority leaves its certificate, not its key. */
function heldAfter(before: Held, line: Line, made: Successor | null): Held {
  const { succession } = before;
  const all = [...trustedAuthorities(before), ...(made ? [made.authority] : [])];
  const find = (fingerprint: string | null) =>
    all.find(({ certificateDer }) => fingerprintOf(certificateDer) === fingerprint) ?? null;
  const issuing = find(line.issuing);
  if (!issuing) throw new Error('no key of the issuing authority');
  const crosses = made ? [made.newWithOld, made.oldWithNew] : succession.crosses;
  const certificates = [...all.map(({ certificateDer }) => certificateDer), ...succession.retired];
  return {
    clientAuthority: issuing,
    succession: {
      next: find(line.next),
      former: find(line.former),
      retired: certificates.filter((der) => line.retired.includes(fingerprintOf(der))),
      crosses: keptCrosses(line, crosses),
    },
  };
}

/** NewWithOld stays in the chains of devices: a server rebuilt from an old kit knows by it whose they are. OldWithNew would go on vouching for a key that is distrusted. */
function keptCrosses({ next, former, retired }: Line, crosses: readonly Uint8Array[]): readonly Uint8Array[] {
  if (next !== null || former !== null) return crosses;
  return retired.length > 0 ? crosses.slice(0, 1) : [];
}

async function isHeld(trx: Database, { clientAuthority }: Held): Promise<boolean> {
  const row = await trx.selectFrom('keys').select('public').where('name', '=', 'client-authority').executeTakeFirst();
  return row?.public === toBase64(clientAuthority.certificateDer);
}

/** `done`: ids below it have been asked; `sweptAt`: when all of them were looked at last. */
type Progress = Spread & { readonly done: string; readonly sweptAt: number };

async function readSpread(db: Database): Promise<Progress | null> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  return row ? (JSON.parse(row.value) as Progress) : null;
}

async function keepSpread(trx: Database, spread: Progress): Promise<void> {
  const value = JSON.stringify(spread);
  await trx
    .insertInto('settings')
    .values({ name: setting, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

function viewOf(line: Line, der: Uint8Array): SuccessionView['authorities'] {
  const read = parseCertificate(der);
  if (!read.ok) return [];
  const { fingerprint, notAfter, key } = read.value;
  const role = roleOf(line, fingerprint);
  return role === null ? [] : [{ role, fingerprint, key, notAfter }];
}

const begun = (since: Instant, days: number): Progress => ({ since, days, done: '', sweptAt: since });

const endOf = ({ since, days }: Spread): Instant => instant(since + days * dayMs);
