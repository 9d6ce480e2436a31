/** What time asks of the server. One tick looks at everything; nothing waits on a long timer. */
import { good, type Result } from '../../protocol/fault.ts';
import { dayMs, type Instant, instant } from '../../protocol/time.ts';
import { checkPorts, webPortOf } from '../core/listeners.ts';
import { isResignDue } from '../core/revision.ts';
import { dueAt, type RoleCertificate, withRole } from '../core/role.ts';
import { expireCertificates, mirrorIdentities } from './certificate-mirror.ts';
import { renewConsoleCertificate } from './console-certificate.ts';
import { audit, readIdentity, type Server, writeIdentity } from './context.ts';
import { renewDueCorporate } from './corporate-orders.ts';
import { transact } from './database.ts';
import { signAllPolicies, signDevice } from './documents.ts';
import { forgetJobs } from './jobs.ts';
import { rewriteKit } from './kit.ts';
import { resignLinks } from './links.ts';
import type { Choices } from './material.ts';
import { tellAdministrators } from './notices.ts';
import { readDeviceViews, readServerCertificates, roleCertificate } from './pins.ts';
import { leave, portion } from './portions.ts';
import { resetReserve, scheduleReserve, switchCertificate } from './rotation.ts';
import { renewAhead } from './succession.ts';

/** A disk may take longer for a commit than signing a few documents takes. */
const signingMs = 50;

/**
 * Signs what is seven days old, and the newest rotation statement once a day; makes the reserve 90 days before the end,
 * switches what is scheduled; has devices renew ahead whose authority gives way, each in its turn; renews the Web Console's
 * certificate.
 */
export async function tick(server: Server): Promise<void> {
  await resign(server);
  const now = server.clock();
  const certificates = (await readServerCertificates(server.db)).map(roleCertificate);
  const due = dueAt(certificates, await readDeviceViews(server.db), now);
  if (due.do === 'make-reserve') await makeReserve(server, certificates, due.activateAt);
  if (due.do === 'drop-reserve') await resetReserve(server, 'server');
  if (due.do === 'switch') await switchCertificate(server, 'server', due.because === 'main-expired');
  if (due.do === 'warn') await warnOnceADay(server, due.notReady);
  await resignLinks(server);
  await renewAhead(server);
  await renewDueCorporate(server);
  await expireCertificates(server);
  await mirrorIdentities(server);
  await renewConsoleCertificate(server);
  await tellAdministrators(server);
  await forgetJobs(server);
}

/** New names or ports for devices: all policies say so. Faults: `ports-collide`, what `checkPolicy` says. */
export async function changeChoices(
  server: Server,
  choices: Partial<Omit<Choices, 'legacyPort'>>,
): Promise<Result<boolean>> {
  const changed = await transact(server.db, async (trx) => {
    const before = await readIdentity(trx);
    const after = { ...before, ...choices };
    if (JSON.stringify(after) === JSON.stringify(before)) return good(false);
    const { name, host, httpsPort, mqttPort, legacyPort: legacy = null } = after;
    const free = checkPorts({ https: httpsPort, mqtt: mqttPort, legacy, web: webPortOf(after) });
    if (!free.ok) return free;
    await writeIdentity(trx, after);
    const facts = { name, host, httpsPort, mqttPort };
    await audit(server, trx, { actor: 'server', action: 'addresses-changed', subject: after.serverId, facts });
    const signed = await signAllPolicies(server, trx);
    return signed.ok ? good(true) : signed;
  });
  if (changed.ok && changed.value) await rewriteKit(server);
  return changed;
}

async function resign(server: Server): Promise<void> {
  const now = server.clock();
  const documents = await server.db.selectFrom('documents').select(['type', 'topic', 'signed_at']).execute();
  const due = documents.filter(({ signed_at }) => isResignDue(instant(signed_at), now));
  if (due.length === 0) return;
  const facts = { count: due.length };
  const policies = await transact(server.db, async (trx) => {
    await audit(server, trx, { actor: 'server', action: 'documents-renewed', subject: '', facts });
    return due.some(({ type }) => type === 'policy') ? signAllPolicies(server, trx) : good(null);
  });
  if (!policies.ok) return;
  const devices = due.filter(({ type }) => type === 'device').map(({ topic }) => topic);
  for (let at = 0; at < devices.length; await leave())
    await transact(server.db, async (trx) => {
      const signed = await portion(
        devices,
        at,
        async (topic) => {
          const there = await trx.selectFrom('documents').select('aud').where('topic', '=', topic).executeTakeFirst();
          if (there) await signDevice(server, trx, topic.split('/')[3] ?? '');
        },
        signingMs,
      );
      at += signed.length;
      return good(null);
    });
}

/** In place of one an administrator uploaded, ours is no equal: publicly trusted becomes private. So that is on record. */
async function makeReserve(
  server: Server,
  certificates: readonly RoleCertificate[],
  activateAt: Instant,
): Promise<void> {
  const made = await scheduleReserve(server, 'server', activateAt);
  const main = withRole(certificates, 'main');
  if (!made.ok || main?.source !== 'uploaded') return;
  const facts = { ends: new Date(main.notAfter).toISOString(), activateAt: new Date(activateAt).toISOString() };
  server.log('warn', 'the uploaded server certificate ends, a certificate of our own stands by', facts);
  await audit(server, server.db, {
    actor: 'server',
    action: 'uploaded-certificate-ends',
    subject: main.fingerprint,
    facts,
  });
}

/** The administrator's turn: a scheduled switch waits for devices. */
async function warnOnceADay(server: Server, notReady: number): Promise<void> {
  const action = 'switch-waits';
  const last = await server.db
    .selectFrom('audit')
    .select((select) => select.fn.max('at').as('at'))
    .where('action', '=', action)
    .where('actor', '=', 'server')
    .executeTakeFirst();
  if (last?.at !== null && last?.at !== undefined && server.clock() - last.at < dayMs) return;
  server.log('warn', 'a scheduled certificate switch waits for devices', { count: notReady });
  await audit(server, server.db, { actor: 'server', action, subject: 'certificate', facts: { count: notReady } });
}
