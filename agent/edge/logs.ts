/**
 * Both logs below `logs/` in the state directory, and up to where the log server has them (`logs/sent.json`). The journal
 * is teed into the event log; audit events go into the audit log beside the spool for the Administration Server.
 */
import { join } from 'node:path';
import { good, type Result } from '../../protocol/fault.ts';
import type { Severity } from '../../protocol/local.ts';
import type { AuditEvent } from '../../protocol/schema.ts';
import type { Instant } from '../../protocol/time.ts';
import { diskFault, errnoOf, type Files } from './files.ts';
import type { Journal, Level } from './journal.ts';
import { type Log, openLog } from './log.ts';
import { seal, unseal } from './manifest.ts';
import { quietly, writeAnew } from './whole-file.ts';

/** Numbers up to which a log server has the records. */
export type Sent = { readonly event: number; readonly audit: number };
export type Logs = {
  readonly event: Log;
  readonly audit: Log;
  readonly sent: Sent;
  /** Whole or as it was; after a cut an older one may be there again. */
  readonly keepSent: (sent: Sent) => Promise<Result<null>>;
  /** The oldest of the event log goes, then of the audit log; whether anything went. */
  readonly giveWay: () => Promise<boolean>;
  readonly sync: () => Promise<void>;
};
export type LogsOrder = {
  /** The state directory. */
  readonly folder: string;
  readonly files: Files;
  readonly version: string;
  readonly now: () => Instant;
  readonly uptimeMs: () => number;
  readonly limits?: { readonly eventBytes: number; readonly auditBytes: number; readonly segmentBytes: number };
};

const mebi = 1024 * 1024;
/** T17. */
export const defaultLimits = { eventBytes: 150 * mebi, auditBytes: 512 * mebi, segmentBytes: mebi };
const longestCursor = 1024;
const severityOf: Readonly<Record<Level, Severity>> = { info: 'info', warning: 'warn', error: 'error' };

export async function openLogs(order: LogsOrder): Promise<Logs> {
  const { files, limits = defaultLimits, now, uptimeMs, version } = order;
  const folder = join(order.folder, 'logs');
  await quietly(() => files.makeDirectory(folder, 0o700));
  await quietly(() => files.syncDirectory(order.folder));
  const sent = await sentOf(files, folder);
  const { segmentBytes } = limits;
  const common = { folder, files, segmentBytes, version, now, uptimeMs };
  const event = await openLog({
    ...common,
    name: 'event',
    limitBytes: limits.eventBytes,
    syncEach: false,
    sent: sent.event,
  });
  const audit = await openLog({
    ...common,
    name: 'audit',
    limitBytes: limits.auditBytes,
    syncEach: true,
    sent: sent.audit,
  });
  return {
    event,
    audit,
    sent,
    keepSent: async (next) => {
      const path = join(folder, 'sent.json');
      try {
        const bytes = seal(JSON.stringify({ format: 1, event: next.event, audit: next.audit }));
        await (await writeAnew(files, `${path}.new`, bytes)).finish();
        await files.rename(`${path}.new`, path);
        return good(null);
      } catch (error) {
        return { ok: false, fault: diskFault(error, 'log sent') };
      }
    },
    giveWay: async () => (await event.giveWay()) > 0 || (await audit.giveWay()) > 0,
    sync: async () => {
      await Promise.all([event.sync(), audit.sync()]);
    },
  };
}

/** What goes to the journal is recorded too. A log that cannot be written is told once, until it works again. */
export function teeJournal(journal: Journal, { event }: Pick<Logs, 'event'>, now: () => Instant): Journal {
  let told: string | null = null;
  return (level, text, fault) => {
    journal(level, text, fault);
    const facts = fault ? { code: fault.code, ...fault.facts } : {};
    void event.append({ at: now(), severity: severityOf[level], component: 'agent', text, facts }).then((done) => {
      if (!done.ok && told !== done.fault.code) journal('warning', 'the event log could not be written', done.fault);
      told = done.ok ? null : done.fault.code;
    });
  };
}

export const appendAudit = ({ audit }: Pick<Logs, 'audit'>, { at, clock, event, facts }: AuditEvent) =>
  audit.append({
    at: at as Instant,
    severity: event.endsWith('-refused') ? 'warn' : 'info',
    component: 'audit',
    text: event,
    facts: clock === 'known' ? facts : { ...facts, clock },
  });

/** Nothing readable: from the beginning, since twice is better than never. */
async function sentOf(files: Files, folder: string): Promise<Sent> {
  const nothing = { event: 0, audit: 0 };
  try {
    const { size } = await files.stat(join(folder, 'sent.json'));
    if (size > longestCursor) return nothing;
    const body = unseal(await files.read(join(folder, 'sent.json')));
    const value: unknown = body === null ? null : JSON.parse(body);
    if (value === null || typeof value !== 'object' || !('event' in value) || !('audit' in value)) return nothing;
    const { event, audit } = value;
    return Number.isSafeInteger(event) && Number.isSafeInteger(audit)
      ? { event: Math.max(0, Number(event)), audit: Math.max(0, Number(audit)) }
      : nothing;
  } catch (error) {
    if (errnoOf(error) === null && !(error instanceof SyntaxError)) throw error;
    return nothing;
  }
}
