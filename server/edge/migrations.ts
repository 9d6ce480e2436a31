/** Forward-only migrations, in the order of their names. One that was released is never edited. */
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';

/** A migration knows the tables of its own time only, so it speaks SQL that SQLite and PostgreSQL both take. */
type Untyped = Kysely<unknown>;

const run = (db: Untyped, statement: string) => sql.raw(statement).execute(db);

const first: readonly string[] = [
  'create table settings (name text primary key, value text not null)',
  'create table keys (name text primary key, public text not null, sealed text not null)',
  `create table server_certificates (
    fingerprint text primary key, role text not null, chain text not null, sealed_key text not null,
    activate_at bigint, not_after bigint not null, made_at bigint not null)`,
  `create table groups (
    id text primary key, name text not null unique, parent text references groups (id), kind text not null,
    certificates_enforced integer not null, contacts_enforced integer not null, contacts text, created_at bigint not null)`,
  `create table policy_certificates (
    group_id text not null references groups (id), purpose text not null, fingerprint text not null, file text not null,
    certificate text not null, added_at bigint not null, primary key (group_id, purpose, fingerprint))`,
  `create table blocked_certificates (
    group_id text not null references groups (id), fingerprint text not null, added_at bigint not null,
    primary key (group_id, fingerprint))`,
  `create table devices (
    id text primary key, name text not null, hardware_id text not null, group_id text not null references groups (id),
    secret_generation integer not null, locator text not null, presence text not null, last_seen bigint,
    confirmed_at bigint, adopted_at bigint, created_at bigint not null, removed_at bigint)`,
  'create index devices_by_locator on devices (locator)',
  'create index devices_by_group on devices (group_id)',
  `create table identities (
    issuer text not null, serial text not null, fingerprint text not null, device_id text not null references devices (id),
    chain text not null, not_after bigint not null, issued_at bigint not null, revoked_at bigint,
    primary key (issuer, serial))`,
  'create index identities_by_device on identities (device_id)',
  `create table invitations (
    id text primary key, name text, group_id text not null references groups (id), salt text not null, hash text not null,
    tries_left integer not null, expires_at bigint not null, bound_to text, device_id text references devices (id),
    used_at bigint, created_at bigint not null)`,
  `create table documents (
    aud text primary key, type text not null, topic text not null, rev bigint not null, jws text not null,
    signed_at bigint not null, published_at bigint)`,
  'create table revisions (aud text primary key, rev bigint not null)',
  `create table reports (
    device_id text primary key references devices (id), received_at bigint not null, body text not null,
    applied_group text, applied_policy bigint not null, applied_device bigint not null, pin_current text, pin_reserve text)`,
  'create table outbox (topic text primary key, aud text, queued_at bigint not null)',
];

/** What a group sets and locks on devices, how it names them, and the number of a device in such names. */
const second: readonly string[] = [
  'alter table groups add column settings text',
  'alter table groups add column naming text',
  'alter table devices add column number integer',
  'create unique index devices_by_number on devices (number)',
];

/**
 * When an identity was first used, asked to be renewed, and which it follows; devices whose identity ran out (`retired_at`) or
 * was deleted (`deactivated_at`); commands; when groups renew. Identities of confirmed devices have been used.
 */
const third: readonly string[] = [
  'alter table devices add column retired_at bigint',
  'alter table devices add column deactivated_at bigint',
  'alter table devices add column reenrol_until bigint',
  'alter table identities add column first_contact_at bigint',
  'alter table identities add column renew_asked_at bigint',
  'alter table identities add column renews text',
  `update identities set first_contact_at = issued_at
    where device_id in (select id from devices where confirmed_at is not null)`,
  'alter table groups add column identity text',
  'alter table groups add column identity_enforced integer',
  `create table commands (
    device_id text not null references devices (id), seq bigint not null, what text not null, jws text not null,
    expires_at bigint not null, made_at bigint not null, published_at bigint, primary key (device_id, seq))`,
];

/** Whether devices may follow missed changes of the server's certificate, those changes as signed links, and key statements. */
const sixth: readonly string[] = [
  'alter table groups add column rotation text',
  `create table rotations (
    seq integer primary key, from_fingerprint text not null, to_fingerprint text not null, certificate text not null,
    jws text not null, signed_at bigint not null, made_at bigint not null, removed_at bigint)`,
  'create table key_statements (rev bigint primary key, jws text not null, made_at bigint not null)',
];

/** Changes of before are on record: which certificate followed which. They are signed with the next upkeep. */
async function linksOfBefore(db: Untyped): Promise<void> {
  const { rows } = await sql<{ at: number; facts: string; fingerprint: string; chain: string }>`
    select audit.at, audit.facts, fingerprint, chain from audit
    join server_certificates on fingerprint = subject where action = 'certificate-switched' order by id`.execute(db);
  for (const { at, facts, fingerprint, chain } of rows) {
    const { previous } = JSON.parse(facts) as { previous?: string };
    if (!previous) continue;
    const [certificate] = JSON.parse(chain) as string[];
    await sql`insert into rotations (from_fingerprint, to_fingerprint, certificate, jws, signed_at, made_at)
      values (${previous}, ${fingerprint}, ${certificate}, '', 0, ${at})`.execute(db);
  }
}

/** Authorities of others whose client certificates are let in. */
const foreign: readonly string[] = [
  'create table foreign_authorities (fingerprint text primary key, certificate text not null, added_at bigint not null)',
];

/** For which purposes devices of a group look certificates up in revocation lists, and those lists. */
const revocation: readonly string[] = [
  'alter table groups add column revocation text',
  `create table policy_revocation_lists (
    group_id text not null references groups (id), series text not null, fingerprint text not null, file text not null,
    list text not null, number text, this_update bigint not null, added_at bigint not null,
    primary key (group_id, series))`,
];

/** Whose a certificate of the server is. */
const serverCertificates: readonly string[] = [
  "alter table server_certificates add column source text not null default 'own'",
];

/**
 * Agents that registered without an identity (`agent` is null for all others), how far they are on the way to one, what a
 * group says of it, their tokens, and front ends that may pass client certificates on.
 */
const mutualAuthentication: readonly string[] = [
  'alter table devices add column agent text',
  'alter table devices add column migration text',
  'alter table groups add column migrate_client integer',
  `create table device_tokens (
    device_id text primary key references devices (id), hash text not null, enrol_only integer not null,
    made_at bigint not null, bound_to text, ended_at bigint)`,
  'create table front_ends (fingerprint text primary key, name text not null, added_at bigint not null)',
];

/** Internal users, the devices they registered, and the registrations under way. */
const users: readonly string[] = [
  `create table users (
    id text primary key, name text not null, domain text not null, full_name text not null, email text not null,
    password text not null, group_id text references groups (id), max_devices integer not null, created_at bigint not null,
    unique (name, domain))`,
  'alter table devices add column registered_by text',
  'alter table invitations add column user_id text',
];

/** Which authority of ours issued an identity. So far there was one. */
const authorities: readonly string[] = [
  'alter table identities add column authority text',
  'create index identities_by_authority on identities (authority, device_id)',
];

/** How long devices are away, from now on. */
const absences: readonly string[] = [
  'alter table devices add column absent_since bigint',
  'alter table devices add column absences text',
  "update devices set absent_since = coalesce(last_seen, created_at) where presence = 'offline'",
];

/** Administrators who sign in to the Web Console, and tokens of programs that use its API. */
const accounts: readonly string[] = [
  `create table accounts (
    id text primary key, name text not null unique, full_name text not null, email text not null, password text not null,
    roles text not null, language text not null, second_factor text, created_at bigint not null, disabled_at bigint)`,
  `create table tokens (
    id text primary key, name text not null unique, hash text not null unique, roles text not null, account_id text,
    made_at bigint not null, expires_at bigint not null)`,
];

/** Many devices at once, with or without an administrator's word for each, and one in the place of another. */
const onboarding: readonly string[] = [
  `create table group_tokens (
    id text primary key, group_id text not null references groups (id), salt text not null, hash text not null,
    most integer not null, approval integer not null, expires_at bigint not null, ended_at bigint,
    created_at bigint not null)`,
  `create table enrolment_requests (
    token_id text not null references group_tokens (id), key text not null, hardware_id text not null,
    address text not null, asked_at bigint not null, last_asked_at bigint not null, decision text, decided_at bigint,
    name text, primary key (token_id, key))`,
  'alter table invitations add column token_id text',
  'alter table invitations add column replaces text',
  'create index invitations_by_token on invitations (token_id, bound_to)',
];

async function authorityOfBefore(db: Untyped): Promise<void> {
  const { rows } = await sql<{ public: string }>`select public from keys where name = 'client-authority'`.execute(db);
  const own = rows[0] ? parseCertificate(fromBase64(rows[0].public)) : null;
  if (!own?.ok) return;
  const { fingerprint, subject } = own.value;
  await sql`update identities set authority = ${fingerprint} where issuer = ${subject}`.execute(db);
}

/** Changed identities, or devices whose name or standing shows in the list, are listed anew: see `certificate-mirror.ts`. */
const due = (table: string, event: string, device: string): string =>
  `create trigger certificates_due_${table}_${event.split(' ')[0]} after ${event} on ${table} begin
    insert into certificates_due (device_id) values (new.${device}) on conflict (device_id) do nothing; end`;

/**
 * One list of certificates of devices. `certificates` is what is shown, sorted and searched; what only mail and VPN certificates
 * have, chain and sealed key, lies beside it, so that a row of the list stays short.
 */
const certificates: readonly string[] = [
  `create table certificates (
    id text primary key, type text not null, kind text not null, device_id text references devices (id),
    device_name text not null, user_id text, user_name text not null, alias text not null, status text not null,
    status_at bigint not null, protocol text not null, source text not null, issued_at bigint, not_after bigint,
    thumbprint text, renewal_disabled integer not null, search text not null)`,
  'create index certificates_by_type on certificates (type, status, id)',
  ...[
    'kind',
    'device_name',
    'user_name',
    'alias',
    'status',
    'status_at',
    'protocol',
    'source',
    'issued_at',
    'not_after',
    'thumbprint',
    'renewal_disabled',
  ].map((column) => `create index certificates_by_${column} on certificates (${column}, id)`),
  'create index certificates_by_device on certificates (device_id)',
  'create index certificates_by_search on certificates (search, id)',
  'create table certificates_due (device_id text primary key)',
  due('identities', 'insert', 'device_id'),
  due('identities', 'update', 'device_id'),
  due('devices', 'update of name, retired_at, removed_at, deactivated_at, registered_by, agent', 'id'),
  'insert into certificates_due (device_id) select distinct device_id from identities',
];

/** E-mail that waits to be sent, and what became of it. */
const mails: readonly string[] = [
  `create table mails (
    id text primary key, kind text not null, address text not null, invitation text, sealed text not null,
    state text not null, tries integer not null, next_at bigint not null, ends_at bigint not null, reason text not null,
    made_at bigint not null, done_at bigint)`,
  'create index mails_by_state on mails (state, next_at)',
];

/** What administrators are told of. */
const notices: readonly string[] = [
  `create table notices (
    key text primary key, kind text not null, facts text not null, at bigint not null, told_at bigint)`,
  'create index notices_untold on notices (told_at, kind)',
];

/** Mail and VPN certificates beside their rows in the list, and the numbers of those that were revoked. */
const corporate: readonly string[] = [
  `create table corporate_certificates (
    id text primary key references certificates (id), order_no integer not null, made_at bigint not null, chain text,
    sealed_key text, key_hash text, serials text not null, given text, given_order integer, given_issued_at bigint,
    given_not_after bigint, issues integer not null, issues_since bigint not null)`,
  'create table corporate_revocations (serial text primary key, revoked_at bigint not null)',
];

/** What else is known of a user. */
const userDetails: readonly string[] = [
  "alter table users add column description text not null default ''",
  "alter table users add column phone text not null default ''",
];

/** What certificates of policies are sorted and searched by. */
const policyCertificates: readonly string[] = [
  "alter table policy_certificates add column issuer text not null default ''",
  "alter table policy_certificates add column subject text not null default ''",
  'alter table policy_certificates add column not_before bigint not null default 0',
  'alter table policy_certificates add column not_after bigint not null default 0',
];

async function factsOfBefore(db: Untyped): Promise<void> {
  const { rows } = await sql<{ certificate: string }>`select distinct certificate from policy_certificates`.execute(db);
  for (const { certificate } of rows) {
    const read = parseCertificate(fromBase64(certificate));
    if (!read.ok) continue;
    const { issuer, subject, notBefore, notAfter } = read.value;
    await sql`update policy_certificates set issuer = ${issuer}, subject = ${subject}, not_before = ${notBefore},
      not_after = ${notAfter} where certificate = ${certificate}`.execute(db);
  }
}

/** Long work, and what became of each part of what is not through yet. */
const jobs: readonly string[] = [
  `create table jobs (
    id text primary key, kind text not null, actor text not null, sealed text not null, answer text, fault text,
    state text not null, total integer not null, done integer not null, refused integer not null, made_at bigint not null,
    started_at bigint, finished_at bigint)`,
  'create index jobs_by_state on jobs (state, made_at)',
  `create table job_results (
    job_id text not null references jobs (id), at integer not null, fault text, sealed text, primary key (job_id, at))`,
];

/** The device that a row of the audit log names beside its actor and subject. */
export const deviceInFacts = "coalesce(json_extract(facts, '$.deviceId'), json_extract(facts, '$.by'))";
const eventsOfDevices: readonly string[] = [
  'create index audit_by_subject on audit (subject)',
  `create index audit_by_device_in_facts on audit (${deviceInFacts}) where ${deviceInFacts} is not null`,
];

export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': {
    up: async (db: Untyped) => {
      for (const statement of first) await run(db, statement);
      await db.schema
        .createTable('audit')
        .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
        .addColumn('at', 'bigint', (column) => column.notNull())
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('action', 'text', (column) => column.notNull())
        .addColumn('subject', 'text', (column) => column.notNull())
        .addColumn('facts', 'text', (column) => column.notNull())
        .addColumn('device_seq', 'bigint')
        .execute();
      await run(db, 'create unique index audit_by_device_event on audit (actor, device_seq)');
    },
  },
  '0002-device-settings': {
    up: async (db: Untyped) => {
      for (const statement of second) await run(db, statement);
    },
  },
  '0003-identity-life': {
    up: async (db: Untyped) => {
      for (const statement of third) await run(db, statement);
    },
  },
  '0004-mutual-authentication': {
    up: async (db: Untyped) => {
      for (const statement of mutualAuthentication) await run(db, statement);
    },
  },
  '0005-foreign-authorities': {
    up: async (db: Untyped) => {
      for (const statement of foreign) await run(db, statement);
    },
  },
  '0006-rotation': {
    up: async (db: Untyped) => {
      for (const statement of sixth) await run(db, statement);
      await linksOfBefore(db);
    },
  },
  '0007-server-certificates': {
    up: async (db: Untyped) => {
      for (const statement of serverCertificates) await run(db, statement);
    },
  },
  '0008-revocation': {
    up: async (db: Untyped) => {
      for (const statement of revocation) await run(db, statement);
    },
  },
  '0009-users': {
    up: async (db: Untyped) => {
      for (const statement of users) await run(db, statement);
    },
  },
  '0010-authorities': {
    up: async (db: Untyped) => {
      for (const statement of authorities) await run(db, statement);
      await authorityOfBefore(db);
    },
  },
  '0011-absences': {
    up: async (db: Untyped) => {
      for (const statement of absences) await run(db, statement);
    },
  },
  '0012-certificates': {
    up: async (db: Untyped) => {
      for (const statement of certificates) await run(db, statement);
    },
  },
  '0013-mail': {
    up: async (db: Untyped) => {
      for (const statement of mails) await run(db, statement);
    },
  },
  '0014-accounts': {
    up: async (db: Untyped) => {
      for (const statement of accounts) await run(db, statement);
    },
  },
  '0015-onboarding': {
    up: async (db: Untyped) => {
      for (const statement of onboarding) await run(db, statement);
    },
  },
  '0016-notices': {
    up: async (db: Untyped) => {
      for (const statement of notices) await run(db, statement);
    },
  },
  '0017-corporate': {
    up: async (db: Untyped) => {
      for (const statement of corporate) await run(db, statement);
    },
  },
  '0018-user-details': {
    up: async (db: Untyped) => {
      for (const statement of userDetails) await run(db, statement);
    },
  },
  '0019-policy-certificates': {
    up: async (db: Untyped) => {
      for (const statement of policyCertificates) await run(db, statement);
      await factsOfBefore(db);
    },
  },
  '0020-jobs': {
    up: async (db: Untyped) => {
      for (const statement of jobs) await run(db, statement);
    },
  },
  '0021-events-of-devices': {
    up: async (db: Untyped) => {
      for (const statement of eventsOfDevices) await run(db, statement);
    },
  },
};
