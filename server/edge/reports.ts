/** What devices send: reports, numbered audit events, presence, and check-ins that carry the same. */
import { deviceAudience, groupAudience } from '../../protocol/audience.ts';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import { maxEventBytes, maxReportBytes } from '../../protocol/limits.ts';
import type { AuditEvent, CheckinAnswer, CheckinRequest, Report, TimeStatement } from '../../protocol/schema.ts';
import { hourMs } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { read } from '../../protocol/validate.ts';
import type { Upward } from '../core/access.ts';
import { datesAt, nextRevision } from '../core/revision.ts';
import { noteHeard } from './absences.ts';
import { questionsFor, takeNewer } from './adoption.ts';
import { commandsFor, repeatCommands, settleCommands } from './commands.ts';
import { readIdentity, type Server } from './context.ts';
import { settleCorporate } from './corporate.ts';
import { transact } from './database.ts';
import { readDocument } from './documents.ts';
import { groupOf } from './lives.ts';
import { queueLagging } from './publishing.ts';
import { recordRefusal } from './refusals.ts';
import { noteContact } from './renewal.ts';
import { signDocument } from './sign.ts';
import { readStatements } from './statements.ts';
import type { Database } from './tables.ts';

const maxPresenceBytes = 1024;
/** The spool of a device holds 2 MiB, which it may have to say twice. */
const maxHourBytes = 4 * 1024 * 1024;
/** What a row takes beside its facts. */
const rowBytes = 200;

/** Faults: those of reading the payload, `wrong-audience` for a report about another device; each leaves an audit row. */
export async function receive(
  server: Server,
  device: string,
  leaf: Upward,
  payload: Uint8Array,
): Promise<Result<null>> {
  const taken = await take(server, device, leaf, payload);
  if (!taken.ok) await noteRefused(server, device, leaf, taken.fault);
  return taken;
}

/** Report and events in, pending documents out. Faults: `wrong-audience`, `identity-refused`; audited. */
export async function checkin(server: Server, device: string, request: CheckinRequest): Promise<Result<CheckinAnswer>> {
  const taken = await transact(server.db, async (trx): Promise<Result<Kept & { readonly refused: Fault | null }>> => {
    const kept = await keepReport(server, trx, device, request.report);
    if (!kept.ok) return kept;
    for (const event of request.events) {
      const heard = await keepEvent(server, trx, device, event);
      if (!heard.ok) return good({ ...kept.value, refused: heard.fault });
    }
    return good({ ...kept.value, refused: null });
  });
  const refused = taken.ok ? taken.value.refused : taken.fault;
  if (refused) await noteRefused(server, device, 'checkin', refused);
  if (!taken.ok) return taken;
  if (taken.value.waited) await letIn(server, device);
  return answer(server, device, request);
}

/** The server's time, bound to the nonce of the request. Not kept: its revision is the time it was signed. */
export function timeStatement(server: Server, aud: string, nonce: string): string {
  const now = server.clock();
  const body: TimeStatement = { aud, rev: nextRevision(0, now), ...datesAt(now), format: 1, nonce, time: now };
  return signDocument('time', server.keys.policy.keyPkcs8, server.keys.policy.publicKey, body);
}

async function take(server: Server, device: string, leaf: Upward, payload: Uint8Array): Promise<Result<null>> {
  if (leaf === 'report') {
    const report = read('report', payload, maxReportBytes);
    if (!report.ok) return report;
    const kept = await transact(server.db, (trx) => keepReport(server, trx, device, report.value));
    if (!kept.ok) return kept;
    if (kept.value.waited) {
      await letIn(server, device);
      await ask(server, device, report.value);
    }
    return good(null);
  }
  if (leaf === 'event') {
    const event = read('auditEvent', payload, maxEventBytes);
    return event.ok ? keepEvent(server, server.db, device, event.value) : event;
  }
  // A retained presence that somebody cleared is no news.
  if (payload.length === 0) return good(null);
  const presence = read('presence', payload, maxPresenceBytes);
  if (!presence.ok) return presence;
  return transact(server.db, async (trx) => {
    const isBack = await noteHeard(trx, device, server.clock(), presence.value.at);
    if (isBack) await repeatCommands(server, trx, device);
    return good(null);
  });
}

/** `waited` for adoption until now; it may be placed by what it showed. */
type Kept = { readonly waited: boolean };

async function keepReport(server: Server, trx: Database, device: string, report: Report): Promise<Result<Kept>> {
  if (report.device !== device) return bad('wrong-audience', { aud: report.device });
  const row = await trx
    .selectFrom('devices')
    .select(['group_id', 'adopted_at'])
    .where('id', '=', device)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  if (!row) return bad('identity-refused');
  const now = server.clock();
  const { newer, ...body } = report;
  const spelled = JSON.stringify(body);
  const before = await trx.selectFrom('reports').select('body').where('device_id', '=', device).executeTakeFirst();
  const kept = {
    device_id: device,
    received_at: now,
    body: spelled,
    applied_group: report.applied.group,
    applied_policy: report.applied.policy,
    applied_device: report.applied.device,
    pin_current: report.pins?.current ?? null,
    pin_reserve: report.pins?.reserve ?? null,
  };
  // A broker says the retained report again at every start; the device may be gone for long.
  if (before?.body !== spelled) {
    await trx
      .insertInto('reports')
      .values(kept)
      .onConflict((conflict) => conflict.column('device_id').doUpdateSet(kept))
      .execute();
    await noteHeard(trx, device, now, null);
  }
  // Behind an outside broker nobody but the device says with which identity it came.
  if (report.identity) await noteContact(server, trx, device, report.identity.fingerprint);
  await takeNewer(server, trx, device, newer);
  await settleCommands(server, trx, device, report.applied.command);
  await settleCorporate(server, trx, device, report);
  const { serverId } = await readIdentity(trx);
  const group = groupAudience(serverId, row.group_id);
  const applied = report.applied.group === row.group_id ? report.applied.policy : 0;
  await queueLagging(server, trx, group, applied);
  await queueLagging(server, trx, deviceAudience(serverId, device), report.applied.device);
  return good({ waited: row.adopted_at !== null });
}

/**
 * A broker that keeps a list of devices does not know one that was taken in by check-in: it may read the group it names, or
 * the one it has just been given back.
 */
async function letIn(server: Server, device: string): Promise<void> {
  const group = await groupOf(server.db, device);
  await server.carriers.current?.refresh([{ id: device, group }]);
}

/** A device that waits for adoption is asked over MQTT too. */
async function ask(server: Server, device: string, report: Report): Promise<void> {
  const carriers = server.carriers.current;
  const { group } = report.applied;
  const questions = await questionsFor(server, server.db, device, report);
  if (!carriers || group === null || (questions.policy === null && questions.device === null)) return;
  if (questions.policy !== null) await carriers.publish(policyTopic(group), questions.policy, false);
  if (questions.device !== null) await carriers.publish(deviceLeafTopic(device, 'device'), questions.device, false);
}

/**
 * A number that is known already is a repetition and changes nothing. Fault: `too-large` for more of them in an hour than a device
 * has; it is served as before.
 */
async function keepEvent(server: Server, trx: Database, device: string, event: AuditEvent): Promise<Result<null>> {
  const facts = JSON.stringify(event.clock === 'known' ? event.facts : { ...event.facts, clock: 'unknown' });
  if (!mayTell(server, device, facts.length + rowBytes))
    return bad('too-large', { what: 'events', limit: maxHourBytes });
  await trx
    .insertInto('audit')
    .values({ at: event.at, actor: device, action: event.event, subject: device, facts, device_seq: event.seq })
    .onConflict((conflict) => conflict.columns(['actor', 'device_seq']).doNothing())
    .execute();
  return good(null);
}

function mayTell({ heard, clock }: Server, device: string, more: number): boolean {
  const now = clock();
  const hour = heard.get(device);
  const { since, bytes } = hour && now - hour.since < hourMs ? hour : { since: now, bytes: 0 };
  if (bytes + more > maxHourBytes) return false;
  heard.set(device, { since, bytes: bytes + more });
  return true;
}

async function answer(
  server: Server,
  device: string,
  { nonce, report }: CheckinRequest,
): Promise<Result<CheckinAnswer>> {
  const { db } = server;
  const { serverId } = await readIdentity(db);
  const aud = deviceAudience(serverId, device);
  const questions = await questionsFor(server, db, device, report);
  const row = await db.selectFrom('devices').select('group_id').where('id', '=', device).executeTakeFirstOrThrow();
  const policy = await readDocument(db, groupAudience(serverId, row.group_id));
  const place = await readDocument(db, aud);
  const { applied } = report;
  const last = await db
    .selectFrom('audit')
    .select((select) => select.fn.max('device_seq').as('seq'))
    .where('actor', '=', device)
    .executeTakeFirst();
  const keys = await readStatements(db);
  const holdsPolicy = applied.group === row.group_id && applied.policy === policy?.rev;
  return good({
    format: 1,
    policy: questions.policy ?? (policy && !holdsPolicy ? policy.jws : null),
    device: questions.device ?? (place && applied.device !== place.rev ? place.jws : null),
    commands: await commandsFor(server, db, device),
    time: timeStatement(server, aud, nonce),
    acknowledged: last?.seq ?? 0,
    ...(keys.length > 0 && { keys: [...keys] }),
  });
}

/** Something of a device, or of a stranger (null), was refused. */
export const noteRefused = (server: Server, device: string | null, what: string, why: Fault): Promise<void> =>
  recordRefusal(
    server,
    device === null
      ? { actor: 'server', action: 'request-refused', subject: what }
      : { actor: device, action: 'message-refused', subject: what },
    why,
  );
