/** Changing the server's own certificate: a reserve is made and told to all devices, the gate watched, then the switch. */
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs, type Instant } from '../../protocol/time.ts';
import type { FrontEndProbe, ServerCertificateView, Switched } from '../api/server-certificates.ts';
import {
  type DeviceView,
  decideSwitch,
  devicesNotReady,
  type Override,
  type Role,
  serverCertificateDays,
  withRole,
} from '../core/role.ts';
import type { AuthorityKey } from '../core/succession.ts';
import { type Actor, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { signAllPolicies } from './documents.ts';
import { probeFrontEnds } from './front-end-certificates.ts';
import { rewriteKit } from './kit.ts';
import { addLink } from './links.ts';
import { certificateRow, makeServerCertificate } from './material.ts';
import { leafOf, readDeviceViews, readListenerTls, readPins, readServerCertificates, roleCertificate } from './pins.ts';

export type Gate = {
  readonly reserve: string;
  readonly open: boolean;
  readonly notReady: readonly DeviceView[];
  /** Front ends are changed by others: what each shows now. */
  readonly frontEnds: readonly FrontEndProbe[];
};

export async function listServerCertificates({ db }: Server): Promise<readonly ServerCertificateView[]> {
  const rows = await readServerCertificates(db);
  const changes = await db.selectFrom('rotations').select(['to_fingerprint', 'made_at']).orderBy('seq').execute();
  const groups = await db.selectFrom('groups').select('id').where('parent', 'is', null).execute();
  const blocked = await db
    .selectFrom('blocked_certificates')
    .select(['group_id', 'fingerprint'])
    .where(
      'fingerprint',
      'in',
      rows.map(({ fingerprint }) => fingerprint),
    )
    .execute();
  const isBlocked = (fingerprint: string): boolean =>
    groups.every(({ id }) => blocked.some((each) => each.group_id === id && each.fingerprint === fingerprint));
  return rows.flatMap((row): ServerCertificateView[] => {
    const { fingerprint, role, source, activate_at: activateAt, made_at: madeAt } = row;
    const parsed = parseCertificate(fromBase64(leafOf(row)));
    if (!parsed.ok) return [];
    const { owner, issuer, names, key, notBefore, notAfter } = parsed.value;
    const change = role === 'main' ? changes.findLast(({ to_fingerprint: to }) => to === fingerprint) : undefined;
    return [
      {
        role,
        source,
        fingerprint,
        owner,
        issuer,
        names: [...names],
        key,
        notBefore,
        notAfter,
        activateAt: role === 'reserve' ? activateAt : null,
        since: change?.made_at ?? madeAt,
        compromised: isBlocked(fingerprint),
      },
    ];
  });
}

/** Makes the reserve and tells every device. Faults: `reserve-there`, `bad-argument` for an unusable date. */
export async function scheduleReserve(
  server: Server,
  actor: Actor,
  activateAt: Instant,
  key?: AuthorityKey,
): Promise<Result<ServerCertificateView>> {
  const { db, clock, keys } = server;
  const now = clock();
  if (activateAt < now - dayMs || activateAt > now + (serverCertificateDays - 1) * dayMs)
    return bad('bad-argument', {
      what: `activation date, at most ${serverCertificateDays - 1} days ahead and not in the past`,
    });
  const made = await makeServerCertificate(
    keys.serverAuthority,
    await readIdentity(db),
    'reserve',
    activateAt,
    clock,
    key,
  );
  const row = certificateRow(keys.master, made);
  const kept = await transact(db, async (trx) => {
    const there = withRole((await readServerCertificates(trx)).map(roleCertificate), 'reserve');
    if (there) return bad('reserve-there');
    await trx.insertInto('server_certificates').values(row).execute();
    const facts = { activateAt: new Date(activateAt).toISOString() };
    await audit(server, trx, { actor, action: 'reserve-made', subject: row.fingerprint, facts });
    return signAllPolicies(server, trx);
  });
  if (!kept.ok) return kept;
  await rewriteKit(server);
  const view = (await listServerCertificates(server)).find(({ role }) => role === 'reserve');
  return view ? good(view) : bad('internal', { what: 'the reserve is gone' });
}

/** Takes the reserve back. Fault: `no-reserve`, `would-strand` where a policy blocks the main certificate. */
export async function resetReserve(server: Server, actor: Actor): Promise<Result<null>> {
  const done = await transact(server.db, async (trx) => {
    const reserve = withRole((await readServerCertificates(trx)).map(roleCertificate), 'reserve');
    if (!reserve) return bad('no-reserve');
    await setRole(trx, reserve.fingerprint, 'retired');
    await audit(server, trx, { actor, action: 'reserve-reset', subject: reserve.fingerprint });
    return signAllPolicies(server, trx);
  });
  if (done.ok) await rewriteKit(server);
  return done;
}

/** Fault: `no-reserve`. */
export async function readGate(server: Server): Promise<Result<Gate>> {
  const { db } = server;
  const reserve = withRole((await readServerCertificates(db)).map(roleCertificate), 'reserve');
  if (!reserve) return bad('no-reserve');
  const notReady = devicesNotReady(await readDeviceViews(db), reserve.fingerprint);
  const frontEnds = await probeFrontEnds(server);
  return good({ reserve: reserve.fingerprint, open: notReady.length === 0, notReady, frontEnds });
}

/**
 * Reserve to main, main to previous; policies are signed in the same transaction, then all listeners serve the new one and
 * each is asked what it serves. Faults: `no-reserve`, `expired`, `devices-not-ready`, `would-strand`.
 */
export async function switchCertificate(server: Server, actor: Actor, override: Override): Promise<Result<Switched>> {
  const { db } = server;
  const done = await transact(db, async (trx) => {
    const certificates = (await readServerCertificates(trx)).map(roleCertificate);
    const views = await readDeviceViews(trx);
    const change = decideSwitch(certificates, views, override, server.clock());
    if (!change.ok) return change;
    for (const [fingerprint, role] of Object.entries(change.value)) await setRole(trx, fingerprint, role);
    const main = withRole(certificates, 'reserve')?.fingerprint ?? '';
    const previous = withRole(certificates, 'main')?.fingerprint ?? null;
    const notReady = devicesNotReady(views, main).length;
    const facts = { previous: previous ?? '', notReady, override: override === false ? 'no' : 'yes' };
    await audit(server, trx, { actor, action: 'certificate-switched', subject: main, facts });
    if (previous !== null) await addLink(server, trx, previous, (await readPins(trx)).main);
    const signed = await signAllPolicies(server, trx);
    return signed.ok ? good({ main, previous }) : signed;
  });
  if (!done.ok) return done;
  await rewriteKit(server);
  return good({ ...done.value, listeners: await serveMain(server, done.value.main) });
}

/** All listeners get the main certificate, and what each then serves is written down. */
export async function serveMain(server: Server, main: string): Promise<Switched['listeners']> {
  const carriers = server.carriers.current;
  const tls = await readListenerTls(server);
  if (!carriers || !tls.ok) return [];
  await carriers.setTls(tls.value);
  const listeners = (await carriers.probe()).map((probe) => ({ ...probe, right: probe.fingerprint === main }));
  for (const { listener, fingerprint, right } of listeners) {
    const facts = { listener, fingerprint: fingerprint ?? 'none' };
    await audit(server, server.db, {
      actor: 'server',
      action: right ? 'listener-serves-main' : 'listener-serves-other',
      subject: main,
      facts,
    });
  }
  return listeners;
}

export const setRole = (trx: Server['db'], fingerprint: string, role: Role) =>
  trx.updateTable('server_certificates').set({ role }).where('fingerprint', '=', fingerprint).execute();
