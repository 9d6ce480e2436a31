/** The tables of the database as rows. Instants are epoch milliseconds, flags 0 or 1, JSON and base64 are text. */
import type { Generated, Kysely } from 'kysely';
import type { DocumentType } from '../../protocol/jws.ts';
import type { ClientPurpose } from '../../protocol/schema.ts';
import type { Language } from '../../words/say.ts';
import type { MailState } from '../api/mail.ts';
import type {
  CertificateProtocol,
  CertificateSource,
  CertificateStatus,
  CertificateType,
  DeviceKind,
} from '../core/certificates.ts';
import type { JobState } from '../core/job.ts';
import type { MailKind } from '../core/mail-text.ts';
import type { AgentKind, Migration } from '../core/mutual.ts';
import type { NoticeKind } from '../core/notices.ts';
import type { Role, Source } from '../core/role.ts';
import type { Decision } from '../core/token.ts';

export type CommandName = 'renew' | 'wipe';
export type GroupKind = 'ordinary' | 'unassigned' | 'recovered';

export type Tables = {
  settings: { name: string; value: string };
  /** `public` is a certificate (base64 DER), a JWK or empty; `sealed` is under the master key, empty where only the public part is here. */
  keys: { name: string; public: string; sealed: string };
  server_certificates: {
    fingerprint: string;
    role: Role;
    source: Source;
    /** JSON array of base64 DER, leaf first. */
    chain: string;
    sealed_key: string;
    activate_at: number | null;
    not_after: number;
    made_at: number;
  };
  groups: {
    id: string;
    name: string;
    parent: string | null;
    kind: GroupKind;
    certificates_enforced: number;
    contacts_enforced: number;
    /** JSON or null. */
    contacts: string | null;
    /** `PolicySettings` as JSON; null where none was ever set. */
    settings: string | null;
    /** JSON array of the fields of device names, or null for no rule. */
    naming: string | null;
    /** `IdentitySetting` as JSON; null where the group says nothing of it. */
    identity: string | null;
    identity_enforced: number | null;
    /** Whether devices may follow rotation statements: `{enforced, allowed}` as JSON; null where it was never said. */
    rotation: string | null;
    /** `RevocationModes` as JSON; null where none was ever set. */
    revocation: string | null;
    /** Whether its agents without an identity are told to get one; null where its parent says. */
    migrate_client: number | null;
    created_at: number;
  };
  policy_certificates: {
    group_id: string;
    purpose: ClientPurpose;
    fingerprint: string;
    file: string;
    certificate: string;
    /** These four are of the certificate, for lists. */
    issuer: string;
    subject: string;
    not_before: number;
    not_after: number;
    added_at: number;
  };
  /** Lists (base64 DER) of revoked certificates; the newest of each series. `number` is decimal. */
  policy_revocation_lists: {
    group_id: string;
    series: string;
    fingerprint: string;
    file: string;
    list: string;
    number: string | null;
    this_update: number;
    added_at: number;
  };
  blocked_certificates: { group_id: string; fingerprint: string; added_at: number };
  devices: {
    id: string;
    name: string;
    hardware_id: string;
    group_id: string;
    secret_generation: number;
    /** The number in names made by a rule; given once, never to another. */
    number: number | null;
    locator: string;
    presence: 'online' | 'offline';
    last_seen: number | null;
    /** Since when it is away; null while it is connected. */
    absent_since: number | null;
    /** Lengths of its earlier absences in ms, oldest first: JSON array, or null for none. */
    absences: string | null;
    confirmed_at: number | null;
    /** Set while a device of a rebuilt server waits for an administrator: nothing that moves it is published. */
    adopted_at: number | null;
    /** Its identity ended too long ago; only an answered code or a new registration brings it back. */
    retired_at: number | null;
    /** Its identity was deleted: it cannot synchronize and must register anew. */
    deactivated_at: number | null;
    /** Until when a retired device may enrol again, once; set by an answered code. */
    reenrol_until: number | null;
    /** Of a device that registered without an identity; null for all others. */
    agent: AgentKind | null;
    migration: Migration | null;
    /** The user by whose name and password it was registered. */
    registered_by: string | null;
    created_at: number;
    removed_at: number | null;
  };
  identities: {
    issuer: string;
    serial: string;
    fingerprint: string;
    device_id: string;
    chain: string;
    not_after: number;
    issued_at: number;
    revoked_at: number | null;
    /** Its first authenticated contact; until then the same key gets it again. */
    first_contact_at: number | null;
    /** When an administrator asked for its renewal. */
    renew_asked_at: number | null;
    /** Fingerprint of the identity it follows; null for the one of the registration. */
    renews: string | null;
    /** Fingerprint of the authority of ours that issued it; null for a foreign one. */
    authority: string | null;
  };
  /** The list of certificates: identities (`id` is the thumbprint; rows follow `identities`) and mail and VPN certificates (a UUID). */
  certificates: {
    id: string;
    type: CertificateType;
    kind: DeviceKind;
    device_id: string | null;
    device_name: string;
    user_id: string | null;
    user_name: string;
    alias: string;
    status: CertificateStatus;
    status_at: number;
    protocol: CertificateProtocol;
    source: CertificateSource;
    /** Null until there is a certificate. */
    issued_at: number | null;
    not_after: number | null;
    thumbprint: string | null;
    renewal_disabled: number;
    /** Of `searchText`. */
    search: string;
  };
  /** What mail and VPN certificates of devices have beside their row in the list. */
  corporate_certificates: {
    id: string;
    /** What the device is told to have; rises with each renewal. */
    order_no: number;
    made_at: number;
    /** JSON array of base64 DER, leaf first: the one last given, or the uploaded one. */
    chain: string | null;
    /** Of an uploaded one, for its device. */
    sealed_key: string | null;
    /** SHA-256 of the public key the last one was issued for. */
    key_hash: string | null;
    /** JSON array of hex, of all that our authority has issued for it, the last one last. */
    serials: string;
    /** Fingerprint of what was last given, for which order, and its dates. */
    given: string | null;
    given_order: number | null;
    given_issued_at: number | null;
    given_not_after: number | null;
    issues: number;
    issues_since: number;
  };
  /** Serial numbers of mail and VPN certificates of our authority. */
  corporate_revocations: { serial: string; revoked_at: number };
  /** Devices whose identities have to be listed anew; filled by triggers. */
  certificates_due: { device_id: string };
  /** Of devices that registered without an identity: hash of the secret, and what it is for until it ends. */
  device_tokens: {
    device_id: string;
    hash: string;
    /** It opens enrolment, and no check-in. */
    enrol_only: number;
    made_at: number;
    /** SHA-256 of the public key that last enrolled by it. */
    bound_to: string | null;
    ended_at: number | null;
  };
  /** Proxies that may pass client certificates on, by their own certificate. */
  front_ends: { fingerprint: string; name: string; added_at: number };
  invitations: {
    id: string;
    name: string | null;
    group_id: string;
    salt: string;
    hash: string;
    tries_left: number;
    expires_at: number;
    bound_to: string | null;
    device_id: string | null;
    used_at: number | null;
    /** The user whose password is asked for; `hash` is empty where that is all. */
    user_id: string | null;
    /** The group token by which it was begun; `hash` is empty. */
    token_id: string | null;
    /** The device whose place it takes. */
    replaces: string | null;
    created_at: number;
  };
  /** One password for many devices. `hash` is SHA-256 over salt and password, hex. */
  group_tokens: {
    id: string;
    group_id: string;
    salt: string;
    hash: string;
    most: number;
    /** An administrator approves each device. */
    approval: number;
    expires_at: number;
    ended_at: number | null;
    created_at: number;
  };
  /** Devices that ask by a group token whose devices are approved. `key` is the SHA-256 of the public key, hex. */
  enrolment_requests: {
    token_id: string;
    key: string;
    hardware_id: string;
    address: string;
    asked_at: number;
    last_asked_at: number;
    decision: Decision | null;
    decided_at: number | null;
    /** Given with the approval. */
    name: string | null;
  };
  /** Internal users. Name and domain (empty: none) in lower case, `password` as a PHC string. */
  users: {
    id: string;
    name: string;
    domain: string;
    full_name: string;
    email: string;
    password: string;
    group_id: string | null;
    max_devices: number;
    created_at: number;
    description: string;
    phone: string;
  };
  /** Administrators. `password` is a PHC string, `roles` JSON, `second_factor` a `SecondFactor` as JSON, sealed; null for none. */
  accounts: {
    id: string;
    name: string;
    full_name: string;
    email: string;
    password: string;
    roles: string;
    language: Language;
    second_factor: string | null;
    created_at: number;
    disabled_at: number | null;
  };
  /** Of programs that use the API: `hash` of the secret, `roles` JSON; it is worth no more than the account that made it, null for the socket. */
  tokens: {
    id: string;
    name: string;
    hash: string;
    roles: string;
    account_id: string | null;
    made_at: number;
    expires_at: number;
  };
  /** Authorities of others whose client certificates are let in; base64 DER. */
  foreign_authorities: { fingerprint: string; certificate: string; added_at: number };
  /** The latest signed document of each audience that is published. */
  documents: {
    aud: string;
    type: DocumentType;
    topic: string;
    rev: number;
    jws: string;
    signed_at: number;
    published_at: number | null;
  };
  /** Signed commands that a report has not covered yet. */
  commands: {
    device_id: string;
    seq: number;
    what: CommandName;
    jws: string;
    expires_at: number;
    made_at: number;
    published_at: number | null;
  };
  /** The highest revision ever seen of an audience; outlives the document. */
  revisions: { aud: string; rev: number };
  reports: {
    device_id: string;
    received_at: number;
    body: string;
    applied_group: string | null;
    applied_policy: number;
    applied_device: number;
    pin_current: string | null;
    pin_reserve: string | null;
  };
  /** Changes of the main certificate, oldest first, each as the signed link that devices may follow. */
  rotations: {
    seq: number;
    from_fingerprint: string;
    to_fingerprint: string;
    /** Base64 DER of the certificate it leads to. */
    certificate: string;
    /** Empty until it is signed. */
    jws: string;
    signed_at: number;
    made_at: number;
    removed_at: number | null;
  };
  /** Signed by the recovery key: policy keys that devices take and forget. */
  key_statements: { rev: number; jws: string; made_at: number };
  audit: {
    id: Generated<number>;
    at: number;
    actor: string;
    action: string;
    subject: string;
    facts: string;
    /** Number of an event that a device reported. */
    device_seq: number | null;
  };
  /** E-mail, one row for each address. `sealed` is subject and text under the master key; empty once it is of no more use. */
  mails: {
    id: string;
    kind: MailKind;
    address: string;
    /** What it tells of: it is not sent when this invitation is over. */
    invitation: string | null;
    sealed: string;
    state: MailState;
    tries: number;
    next_at: number;
    /** When it is given up. */
    ends_at: number;
    /** Of the last try. */
    reason: string;
    made_at: number;
    done_at: number | null;
  };
  /** Long work. `sealed` is what was ordered, `answer` what it came to, both JSON under the master key; empty, null when it is of no more use. */
  jobs: {
    id: string;
    kind: string;
    actor: string;
    sealed: string;
    answer: string | null;
    fault: string | null;
    state: JobState;
    total: number;
    done: number;
    refused: number;
    made_at: number;
    started_at: number | null;
    finished_at: number | null;
  };
  /** Of a job that is not through: what was refused, and what came of the others where it is more than that. */
  job_results: { job_id: string; at: number; fault: string | null; sealed: string | null };
  /** What administrators are told, each key once; `told_at` null until a mail does. `facts` is JSON. */
  notices: { key: string; kind: NoticeKind; facts: string; at: number; told_at: number | null };
  /** What the broker has not been given yet. A null audience clears the topic; of commands every unpublished one is meant. */
  outbox: { topic: string; aud: string | null; queued_at: number };
};

export type Database = Kysely<Tables>;
