/**
 * E-mail that waits: rows written in the transaction of what they tell of, so that none is lost or made twice by a crash.
 * Subject and text lie sealed by the master key, and are wiped once the mail is sent, given up or of no more use.
 */
import { randomUUID } from 'node:crypto';
import { good, type Result } from '../../protocol/fault.ts';
import { dayMs, type Instant, instant } from '../../protocol/time.ts';
import type { ListQuery, Page } from '../api/list.ts';
import type { MailColumn, MailRow, MailState } from '../api/mail.ts';
import { afterTry, longestPauseMs, type Tried } from '../core/mail.ts';
import type { MailKind, MailText } from '../core/mail-text.ts';
import { audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { type ListSpec, mapPage, readPage } from './listing.ts';
import { open, seal } from './seal.ts';
import type { Database, Tables } from './tables.ts';

/** A waiting mail, opened. */
export type Letter = MailText & Pick<Tables['mails'], 'id' | 'kind' | 'address' | 'made_at'>;

const keptMs = 30 * dayMs;
const list: ListSpec<MailColumn> = {
  sort: {
    kind: 'kind',
    address: 'address',
    state: 'state',
    tries: 'tries',
    madeAt: 'made_at',
    nextAt: 'next_at',
    doneAt: 'done_at',
  },
  key: 'id',
  search: ['address', 'reason'],
  start: { by: 'madeAt', order: 'desc' },
};

/** One mail for each address. */
export async function queueMails(
  { keys, clock }: Server,
  trx: Database,
  mail: {
    readonly kind: MailKind;
    readonly addresses: readonly string[];
    readonly content: MailText;
    readonly endsAt: Instant;
    readonly invitation?: string;
  },
): Promise<void> {
  const now = clock();
  for (const address of new Set(mail.addresses))
    await trx
      .insertInto('mails')
      .values({
        id: randomUUID(),
        kind: mail.kind,
        address,
        invitation: mail.invitation ?? null,
        sealed: seal(keys.master, Buffer.from(JSON.stringify(mail.content))),
        state: 'waiting',
        tries: 0,
        next_at: now,
        ends_at: mail.endsAt,
        reason: '',
        made_at: now,
        done_at: null,
      })
      .execute();
}

export async function pageMails(
  { db }: Server,
  { state, ...query }: ListQuery<MailColumn> & { readonly state?: MailState },
): Promise<Page<MailRow>> {
  const all = db.selectFrom('mails').selectAll();
  const page = await readPage(state === undefined ? all : all.where('state', '=', state), list, query);
  return mapPage(page, ({ id, kind, address, state, tries, made_at, next_at, ends_at, done_at, reason }) => ({
    id,
    kind,
    address,
    state,
    tries,
    madeAt: made_at,
    nextAt: next_at,
    endsAt: ends_at,
    doneAt: done_at,
    reason,
  }));
}

/**
 * Ends what is not to be sent any more: mails of invitations that are used or replaced, and those whose time is over. Rows
 * of long ago go. Answers whether any content was wiped.
 */
export async function sweepMails(server: Server): Promise<boolean> {
  const { db, clock } = server;
  const now = clock();
  const over = await db
    .selectFrom('mails')
    .leftJoin('invitations', 'invitations.id', 'mails.invitation')
    .select(['mails.id', 'mails.kind', 'mails.address', 'mails.reason', 'mails.ends_at', 'invitations.expires_at'])
    .select(['invitations.used_at', 'mails.invitation'])
    .where('mails.state', '=', 'waiting')
    .where(({ or, and, eb }) =>
      or([
        eb('mails.ends_at', '<=', now),
        and([
          eb('mails.invitation', 'is not', null),
          or([
            eb('invitations.id', 'is', null),
            eb('invitations.used_at', 'is not', null),
            eb('invitations.expires_at', '<=', now),
          ]),
        ]),
      ]),
    )
    .execute();
  for (const row of over)
    await settle(server, row, row.ends_at <= now ? 'undeliverable' : 'withdrawn', row.reason || 'its time is over');
  await db
    .deleteFrom('mails')
    .where('state', '!=', 'waiting')
    .where('done_at', '<', now - keptMs)
    .execute();
  return over.length > 0;
}

/** What is due, oldest first. */
export async function dueMails({ db, clock, keys, log }: Server, most: number): Promise<readonly Letter[]> {
  const now = clock();
  const rows = await db
    .selectFrom('mails')
    .selectAll()
    .where('state', '=', 'waiting')
    .where(({ or, eb }) => or([eb('next_at', '<=', now), eb('next_at', '>', now + longestPauseMs)]))
    .orderBy('next_at')
    .orderBy('made_at')
    .limit(most)
    .execute();
  return rows.flatMap(({ id, kind, address, made_at, sealed }) => {
    const opened = open(keys.master, sealed);
    if (!opened.ok) log('error', 'a mail cannot be opened', { id });
    if (!opened.ok) return [];
    const content = JSON.parse(Buffer.from(opened.value).toString('utf8')) as MailText;
    return [{ id, kind, address, made_at, ...content }];
  });
}

/** Nothing can be sent until then, for a reason that is of no single mail: no try counts. */
export async function holdMails({ db }: Server, until: Instant, reason: string): Promise<void> {
  await db
    .updateTable('mails')
    .set({ next_at: until, reason })
    .where('state', '=', 'waiting')
    .where('next_at', '<', until)
    .execute();
}

/** Records what came of a try. */
export async function recordTry(server: Server, letter: Letter, tried: Tried): Promise<void> {
  const row = await server.db
    .selectFrom('mails')
    .select(['tries', 'ends_at'])
    .where('id', '=', letter.id)
    .where('state', '=', 'waiting')
    .executeTakeFirst();
  if (!row) return;
  const decided = afterTry({ tries: row.tries, endsAt: instant(row.ends_at) }, tried, server.clock());
  if (decided.at !== 'waiting') return settle(server, letter, decided.at, decided.at === 'sent' ? '' : decided.reason);
  const { tries, nextAt, reason } = decided;
  await server.db.updateTable('mails').set({ tries, next_at: nextAt, reason }).where('id', '=', letter.id).execute();
}

/** For good: the content is wiped, and the audit log says what became of it. */
async function settle(
  server: Server,
  { id, kind, address }: Pick<Letter, 'id' | 'kind' | 'address'>,
  state: Exclude<MailState, 'waiting'>,
  reason: string,
): Promise<void> {
  await transact(server.db, async (trx): Promise<Result<null>> => {
    const change = { state, reason, sealed: '', done_at: server.clock() };
    await trx.updateTable('mails').set(change).where('id', '=', id).execute();
    const facts = { kind, address, ...(reason === '' ? {} : { reason }) };
    await audit(server, trx, { actor: 'server', action: `mail-${state}`, subject: id, facts });
    return good(null);
  });
  if (state === 'undeliverable') server.log('warn', 'a mail could not be delivered', { kind, address, reason });
}
