/**
 * Notices for administrators (B14). What happened is read from the audit log behind a mark, what ends is looked for; both become
 * rows, each key once, and one mail tells all that were not told. Mark and rows, told and mail go in one transaction each:
 * neither a crash nor a restart loses or repeats a notice.
 */
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { type Facts, good, type Result } from '../../protocol/fault.ts';
import { dayMs, hourMs, type Instant, instant } from '../../protocol/time.ts';
import { lifetimeMs, type MailSetting } from '../core/mail.ts';
import {
  type Ending,
  endingOf,
  keptMs,
  mayTell,
  type Notice,
  type NoticeKind,
  noticed,
  noticeOf,
  type Section,
  shownOfAKind,
  stages,
  tell,
} from '../core/notices.ts';
import type { Source } from '../core/role.ts';
import { audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { queueMails } from './mail-outbox.ts';
import { readMailSetting } from './mail-setting.ts';
import { mailWords, makeText, sayInstant } from './mail-texts.ts';
import type { Database } from './tables.ts';

const markName = 'notices';
const atOnce = 500;
/** `audit`: the last row that was looked at. */
type Mark = { readonly audit: number; readonly toldAt: number; readonly lookedAt: number };

/** Does what is due. Nothing where mail is off, or nobody is to be told; what happens meanwhile is told to nobody later. */
export async function tellAdministrators(server: Server): Promise<void> {
  const setting = await readMailSetting(server.db);
  const mark = await readMark(server.db);
  if (!setting || setting.administrators.length === 0) {
    if (mark) await server.db.deleteFrom('settings').where('name', '=', markName).execute();
    return;
  }
  const now = server.clock();
  await transact(server.db, async (trx): Promise<Result<null>> => {
    const last = await collectRecords(trx, mark?.audit ?? (await lastRecord(trx)));
    const looks = !mark || now - mark.lookedAt >= hourMs || now < mark.lookedAt;
    if (looks) await collectEndings(trx, now);
    const told = mayTell(mark?.toldAt ?? 0, now) && (await mailNotices(server, trx, setting));
    const next: Mark = {
      audit: last,
      toldAt: told ? now : (mark?.toldAt ?? 0),
      lookedAt: looks ? now : (mark?.lookedAt ?? 0),
    };
    if (JSON.stringify(next) !== JSON.stringify(mark)) await writeMark(trx, next);
    if (looks)
      await trx
        .deleteFrom('notices')
        .where('at', '<', now - keptMs)
        .execute();
    return good(null);
  });
}

/** Answers with the last row there is. */
async function collectRecords(trx: Database, from: number): Promise<number> {
  const rows = await trx
    .selectFrom('audit')
    .selectAll()
    .where('id', '>', from)
    .where('action', 'in', [...noticed])
    .orderBy('id')
    .execute();
  const found = rows.map((row) => ({
    at: row.at,
    notice: noticeOf({ ...row, facts: JSON.parse(row.facts) as Facts }),
  }));
  for (const { at, notice } of found) {
    if (!notice) continue;
    const facts = await named(trx, notice.facts);
    await keep(trx, [{ ...notice, facts }], instant(at));
  }
  return Math.max(from, await lastRecord(trx));
}

async function collectEndings(trx: Database, now: Instant): Promise<void> {
  for (const source of ['own', 'uploaded'] as const) {
    const days = source === 'own' ? stages.ofServer : stages.byHand;
    const notices = (await serverEndings(trx, source)).flatMap((each) => endingOf(each, days, now) ?? []);
    await keep(trx, notices, now);
  }
  const byHand = [...(await policyEndings(trx)), ...(await otherEndings(trx))];
  await keep(
    trx,
    byHand.flatMap((each) => endingOf(each, stages.byHand, now) ?? []),
    now,
  );
  const devices = await trx
    .selectFrom('certificates')
    .select(['id', 'device_name', 'type', 'not_after', 'renewal_disabled'])
    .where('not_after', '>', now - 30 * dayMs)
    .where('not_after', '<=', now + stages.byHand[0] * dayMs)
    .where('status', 'in', ['issued', 'valid', 'renewal-asked', 'renewed', 'expired'])
    .execute();
  const notices = devices.flatMap(({ id, device_name, type, not_after, renewal_disabled }) => {
    const ending: Ending = {
      kind: 'deviceEnds',
      subject: id,
      facts: { device: device_name, type },
      notAfter: not_after ?? 0,
    };
    return endingOf(ending, renewal_disabled === 1 ? stages.byHand : stages.byItself, now) ?? [];
  });
  await keep(trx, notices, now);
}

async function serverEndings(trx: Database, source: Source): Promise<readonly Ending[]> {
  const rows = await trx
    .selectFrom('server_certificates')
    .select(['fingerprint', 'role', 'not_after'])
    .where('role', 'in', ['main', 'reserve'])
    .where('source', '=', source)
    .execute();
  return rows.map(({ fingerprint, role, not_after }) => ({
    kind: role === 'main' ? ('mainEnds' as const) : ('reserveEnds' as const),
    subject: fingerprint,
    facts: { certificate: fingerprint.slice(0, 16) },
    notAfter: not_after,
  }));
}

async function policyEndings(trx: Database): Promise<readonly Ending[]> {
  const rows = await trx
    .selectFrom('policy_certificates')
    .innerJoin('groups', 'groups.id', 'policy_certificates.group_id')
    .select(['groups.name as group', 'group_id', 'purpose', 'file', 'fingerprint', 'certificate'])
    .execute();
  return rows.flatMap(({ group, group_id, purpose, file, fingerprint, certificate }) =>
    ending('policyEnds', `${group_id} ${purpose} ${fingerprint}`, certificate, { group, purpose, file }),
  );
}

/** Authorities of others, and what front ends show. */
async function otherEndings(trx: Database): Promise<readonly Ending[]> {
  const rows = await trx.selectFrom('foreign_authorities').select(['fingerprint', 'certificate']).execute();
  const { frontEnds = [] } = await readIdentity(trx);
  return [
    ...rows.flatMap(({ fingerprint, certificate }) => ending('authorityEnds', fingerprint, certificate, {})),
    ...frontEnds.flatMap(({ address, certificate }) => ending('frontEndEnds', address, certificate, { address })),
  ];
}

function ending(kind: NoticeKind, subject: string, base64: string, facts: Facts): readonly Ending[] {
  const read = parseCertificate(fromBase64(base64));
  if (!read.ok) return [];
  const { owner, notAfter } = read.value;
  return [{ kind, subject, facts: { ...facts, owner }, notAfter }];
}

async function mailNotices(server: Server, trx: Database, setting: MailSetting): Promise<boolean> {
  const counts = await trx
    .selectFrom('notices')
    .select(({ fn }) => ['kind', fn.countAll<number>().as('count')])
    .where('told_at', 'is', null)
    .groupBy('kind')
    .orderBy('kind')
    .execute();
  if (counts.length === 0) return false;
  const sections: Section[] = [];
  for (const { kind, count } of counts) {
    const rows = await trx
      .selectFrom('notices')
      .select('facts')
      .where('kind', '=', kind)
      .where('told_at', 'is', null)
      .orderBy('at')
      .orderBy('key')
      .limit(shownOfAKind)
      .execute();
    sections.push({ kind, count: Number(count), shown: rows.map(({ facts }) => JSON.parse(facts) as Facts) });
  }
  const { language, administrators } = setting;
  const count = sections.reduce((sum, section) => sum + section.count, 0);
  const notices = tell(sections, mailWords[language], (at) => sayInstant(at, language));
  const content = await makeText(trx, 'notices', { count: String(count), notices });
  const now = server.clock();
  await queueMails(server, trx, {
    kind: 'notices',
    addresses: administrators,
    content,
    endsAt: instant(now + lifetimeMs),
  });
  await trx.updateTable('notices').set({ told_at: now }).where('told_at', 'is', null).execute();
  await audit(server, trx, { actor: 'server', action: 'notices-mailed', subject: 'mail', facts: { count } });
  return true;
}

async function keep(trx: Database, notices: readonly Notice[], at: Instant): Promise<void> {
  for (let first = 0; first < notices.length; first += atOnce)
    await trx
      .insertInto('notices')
      .values(
        notices
          .slice(first, first + atOnce)
          .map(({ key, kind, facts }) => ({ key, kind, facts: JSON.stringify(facts), at, told_at: null })),
      )
      .onConflict((conflict) => conflict.column('key').doNothing())
      .execute();
}

/** Names for ids, where there is one. */
async function named(trx: Database, facts: Facts): Promise<Facts> {
  const { device, account } = facts;
  const of = (table: 'devices' | 'accounts', id: string) =>
    trx.selectFrom(table).select('name').where('id', '=', id).executeTakeFirst();
  const row =
    typeof device === 'string'
      ? await of('devices', device)
      : typeof account === 'string'
        ? await of('accounts', account)
        : undefined;
  if (!row) return facts;
  return typeof device === 'string' ? { ...facts, device: row.name } : { ...facts, account: row.name };
}

async function lastRecord(trx: Database): Promise<number> {
  const row = await trx
    .selectFrom('audit')
    .select(({ fn }) => fn.max('id').as('id'))
    .executeTakeFirst();
  return row?.id ?? 0;
}

async function readMark(db: Database): Promise<Mark | null> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', markName).executeTakeFirst();
  return row ? (JSON.parse(row.value) as Mark) : null;
}

async function writeMark(trx: Database, mark: Mark): Promise<void> {
  const value = JSON.stringify(mark);
  await trx
    .insertInto('settings')
    .values({ name: markName, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}
