/** What every operation of the fleet is given. */
import { sql } from 'kysely';
import type { Facts } from '../../protocol/fault.ts';
import type { Addresses, PublicKey } from '../../protocol/schema.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Place } from '../core/access.ts';
import { webPortOf } from '../core/listeners.ts';
import type { Mutual } from '../core/mutual.ts';
import type { Clock, ListenerTls, Log } from '../core/ports.ts';
import type { Authority } from './authority.ts';
import type { SigningKey } from './sign.ts';
import type { Database } from './tables.ts';

/** Our authorities of device identities beside the one that issues: see `core/succession`. */
export type Succession = {
  readonly next: Authority | null;
  readonly former: Authority | null;
  /** Certificates alone: their keys are gone. */
  readonly retired: readonly Uint8Array[];
  /** NewWithOld and OldWithNew (RFC 4210 §4.4) while two are let in; later NewWithOld alone. */
  readonly crosses: readonly Uint8Array[];
};
export const noSuccession: Succession = { next: null, former: null, retired: [], crosses: [] };

/** Opened keys. They live in memory only; on disk they are sealed. */
export type Keys = {
  readonly master: Uint8Array;
  /** Issues the identities of devices. */
  readonly clientAuthority: Authority;
  readonly succession: Succession;
  readonly serverAuthority: Authority;
  readonly policy: SigningKey;
  /** Announced, and not used yet. */
  readonly next: SigningKey | null;
  /** Policy keys of before, whose signatures still tell what devices hold. */
  readonly former: readonly PublicKey[];
  /** Signs the recovery kit while the policy key in its base is a former one. */
  readonly kitSigning: SigningKey | null;
  readonly codeMaster: Uint8Array;
  /** X25519 public key (SPKI DER) that recovery kit updates are sealed to. */
  readonly kitPublic: Uint8Array;
  readonly recovery: PublicKey;
};

/** What was chosen at the first start and by the administrator. */
export type Identity = {
  readonly serverId: string;
  /** DNS name or IP address that devices connect to. */
  readonly name: string;
  /** What the listeners bind to. */
  readonly host: string;
  readonly httpsPort: number;
  readonly mqttPort: number;
  /** Group ids. */
  readonly unassigned: string;
  readonly recovered: string | null;
  /** Whether unknown devices with a certificate of ours are taken in (after a restore or a rebuild). */
  readonly adopting: boolean;
  /** Where agents without an identity check in; null or left out: nowhere. */
  readonly legacyPort?: number | null;
  /** Where the Web Console is: null: nowhere; left out: at its default port. */
  readonly webPort?: number | null;
  /** Left out by releases that knew none of it. */
  readonly mutual?: Mutual;
  /** What front ends show to devices; left out: there is none. It lies here since the recovery kit carries it. */
  readonly frontEnds?: readonly FrontEndCertificate[];
};

/** Of a proxy that ends TLS before the server; its key is the proxy's. `certificate` is base64 DER. */
export type FrontEndCertificate = { readonly address: string; readonly certificate: string; readonly addedAt: number };

export type Probe = { readonly listener: string; readonly fingerprint: string | null };

/** The running listeners and broker, seen from the fleet. */
export type Carriers = {
  readonly publish: (topic: string, payload: string, retain: boolean) => Promise<void>;
  readonly refresh: (devices: readonly Place[]) => Promise<void>;
  readonly disconnect: (device: string) => Promise<void>;
  readonly setTls: (tls: ListenerTls) => Promise<void>;
  /** The port for agents without an identity: another one, or none. Rejects where it cannot be had; the old one stays then. */
  readonly moveLegacy?: (port: number | null) => Promise<void>;
  /** Of the Web Console, which has a certificate of its own. */
  readonly setConsoleTls?: (tls: ListenerTls) => Promise<void>;
  /** Which certificate each listener serves now. */
  readonly probe: () => Promise<readonly Probe[]>;
};

export type Server = {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly keys: Keys;
  readonly directory: string;
  /** Null until the listeners run, and in the commands that work without them. */
  readonly carriers: { current: Carriers | null };
  /** How often this hour, by kind and actor: see `refusals.ts`. */
  readonly refusals: Map<string, { readonly since: Instant; readonly count: number }>;
  /** Bytes of events this hour, by device: see `reports.ts`. */
  readonly heard: Map<string, { readonly since: Instant; readonly bytes: number }>;
};

/**
 * Who did it: the name of an account, `token:` and the name of a token, `root` for whoever opens the administration socket,
 * `setup` for who has the setup link, `stranger`, `server`, or a device id.
 */
export type Actor = string;
export const rootActor: Actor = 'root';

/** Writes the audit row of a change, in the transaction of the change. */
export async function audit(
  { clock }: Pick<Server, 'clock'>,
  trx: Database,
  row: { readonly actor: Actor; readonly action: string; readonly subject: string; readonly facts?: Facts },
): Promise<void> {
  const { actor, action, subject, facts = {} } = row;
  await trx
    .insertInto('audit')
    .values({ at: clock(), actor, action, subject, facts: JSON.stringify(facts), device_seq: null })
    .execute();
}

/** The same done to many, each with what is said of it alone. */
export async function auditMany(
  { clock }: Pick<Server, 'clock'>,
  trx: Database,
  { actor, action }: { readonly actor: Actor; readonly action: string },
  rows: readonly { readonly subject: string; readonly facts: Facts }[],
): Promise<void> {
  await sql`insert into audit (at, actor, action, subject, facts)
    select ${clock()}, ${actor}, ${action}, value ->> 'subject', json(value -> 'facts')
    from json_each(${JSON.stringify(rows)}) order by key`.execute(trx);
}

export async function readIdentity(db: Database): Promise<Identity> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', 'identity').executeTakeFirstOrThrow();
  return JSON.parse(row.value) as Identity;
}

export async function writeIdentity(trx: Database, identity: Identity): Promise<void> {
  const row = { name: 'identity', value: JSON.stringify(identity) };
  await trx
    .insertInto('settings')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: row.value }))
    .execute();
}

export function addressesOf({ name, httpsPort, mqttPort }: Identity): Addresses {
  const host = name.includes(':') ? `[${name}]` : name;
  return { https: `${host}:${httpsPort}`, mqtt: `${host}:${mqttPort}` };
}

/** Where the Web Console is opened in a browser. */
export const consoleUrl = (identity: Pick<Identity, 'name' | 'webPort'>): string => {
  const { name } = identity;
  return `https://${name.includes(':') ? `[${name}]` : name}:${webPortOf(identity)}`;
};
