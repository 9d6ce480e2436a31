/** A server without listeners in a temporary directory, on a clock of the test, with carriers that only write down. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { parseCertificate } from '../../protocol/certificate.ts';
import { locatorOf } from '../../protocol/codes.ts';
import type { Result } from '../../protocol/fault.ts';
import type { Report } from '../../protocol/schema.ts';
import { type Instant, instant } from '../../protocol/time.ts';
import type { ClientProof, Fleet } from '../../server/core/ports.ts';
import type { Carriers, Server } from '../../server/edge/context.ts';
import { makeFleet } from '../../server/edge/fleet.ts';
import { invite } from '../../server/edge/invitations.ts';
import { listAudit } from '../../server/edge/overview.ts';
import { makePublisher } from '../../server/edge/publishing.ts';
import { initialise, openState, type Surroundings } from '../../server/edge/state.ts';

export type Published = { readonly topic: string; readonly payload: string; readonly retain: boolean };
export type FleetServer = {
  readonly server: Server;
  readonly fleet: Fleet;
  readonly publish: () => Promise<void>;
  readonly directory: string;
  readonly around: Surroundings;
  readonly passphrase: string;
  readonly published: Published[];
  readonly refreshed: { readonly id: string; readonly group: string | null }[];
  readonly disconnected: string[];
  /** Chains the listeners were given. */
  readonly served: string[];
  /** `during` runs while a document is on its way. */
  readonly broker: { fails: boolean; during: (() => Promise<void>) | null };
  readonly time: { now: Instant };
  readonly close: () => Promise<void>;
};
export type Enrolled = {
  readonly id: string;
  readonly proof: ClientProof;
  readonly key: Uint8Array;
  readonly chain: readonly Uint8Array[];
};

export const start = instant(Date.parse('2026-11-22T12:00:00Z'));
const choices = { name: '127.0.0.1', host: '127.0.0.1', httpsPort: 4430, mqttPort: 8830 };

export function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`refused: ${JSON.stringify(result.fault)}`);
  return result.value;
}

export const codeOf = (result: Result<unknown>): string | null => (result.ok ? null : result.fault.code);

export const temporary = (): string => mkdtempSync(join(tmpdir(), 'thintrust-fleet-'));

type Template = { readonly directory: string; readonly passphrase: string };
let template: Promise<Template> | null = null;

/** A first start takes a second, most of it for the passphrase: one is made for all tests of a file, and copied. */
function firstStart(): Promise<Template> {
  template ??= (async () => {
    const root = temporary();
    process.on('exit', () => rmSync(root, { recursive: true, force: true }));
    const directory = join(root, 'state');
    let passphrase = '';
    const made = await initialise({ directory, clock: () => start, log: () => {} }, choices, (shown) => {
      passphrase = shown;
    });
    value(made);
    return { directory, passphrase };
  })();
  return template;
}

/** Opened in `directory`, or new in one of its own. */
export async function openFleet(existing?: {
  readonly directory: string;
  readonly now: Instant;
}): Promise<FleetServer> {
  const made = existing ? null : await firstStart();
  const root = existing ? null : temporary();
  const directory = existing?.directory ?? join(root ?? '', 'state');
  if (made) cpSync(made.directory, directory, { recursive: true });
  const passphrase = made?.passphrase ?? '';
  const time = { now: existing?.now ?? start };
  const around: Surroundings = { directory, clock: () => time.now, log: () => {} };
  const { server, close } = value(await openState(around));
  const published: Published[] = [];
  const refreshed: { readonly id: string; readonly group: string | null }[] = [];
  const disconnected: string[] = [];
  const served: string[] = [];
  const broker: FleetServer['broker'] = { fails: false, during: null };
  const carriers: Carriers = {
    publish: async (topic, payload, retain) => {
      if (broker.fails) throw new Error('the broker is away');
      published.push({ topic, payload, retain });
      const { during } = broker;
      broker.during = null;
      await during?.();
    },
    refresh: async (devices) => {
      refreshed.push(...devices);
    },
    disconnect: async (device) => {
      disconnected.push(device);
    },
    setTls: async ({ chain }) => {
      served.push(chain);
    },
    probe: async () => [{ listener: 'test', fingerprint: null }],
  };
  server.carriers.current = carriers;
  const publish = makePublisher(server);
  return {
    server,
    fleet: makeFleet(server, publish),
    publish,
    directory,
    around,
    passphrase,
    published,
    refreshed,
    disconnected,
    served,
    broker,
    time,
    close: async () => {
      await close();
      if (root) rmSync(root, { recursive: true });
    },
  };
}

/** Runs with a new server and closes it, whatever happens. */
export async function withFleet(run: (fleet: FleetServer) => Promise<void>): Promise<void> {
  const fleet = await openFleet();
  try {
    await run(fleet);
  } finally {
    await fleet.close();
  }
}

export function proofOf(chain: readonly Uint8Array[]): ClientProof {
  const { issuer, serial, fingerprint, owner } = value(parseCertificate(chain[0] ?? new Uint8Array()));
  return { issuer, serial, fingerprint, commonName: owner, der: chain[0] ?? new Uint8Array() };
}

/** Invited, enrolled and confirmed. */
export async function register({ server, fleet }: FleetServer, name: string, group?: string): Promise<Enrolled> {
  const wanted = group === undefined ? { name } : { name, group };
  const { invitation, password } = value(await invite(server, 'administrator', wanted));
  const key = makeKey();
  const chain = value(await fleet.enrol({ invitation, password, csrDer: makeRequest(key, `serial of ${name}`) }));
  const proof = proofOf(chain);
  const id = value(await fleet.deviceOf(proof));
  value(await fleet.confirm(id));
  return { id, proof, key, chain };
}

export function report(device: string, change: Partial<Report> = {}): Report {
  return {
    format: 1,
    device,
    at: start,
    applied: { group: null, policy: 0, device: 0, command: 0 },
    certificates: [],
    pins: null,
    identity: null,
    clock: { at: 'known', floor: 0 },
    codes: { tries: 0, lockedForMs: 0 },
    faults: [],
    versions: { agent: '0.1.0', runtime: 'v24' },
    accepts: [],
    newer: [],
    ...change,
  };
}

export const bytes = (payload: unknown): Uint8Array => Buffer.from(JSON.stringify(payload));

/** Another device at the same locator: some codes of the one fit it as well. */
export async function addTwin({ server }: FleetServer, id: string): Promise<string> {
  const idOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  let number = 0;
  while (locatorOf(idOf(number)) !== locatorOf(id)) number++;
  const twin = idOf(number);
  const row = await server.db.selectFrom('devices').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  await server.db
    .insertInto('devices')
    .values({ ...row, id: twin, name: 'twin' })
    .execute();
  return twin;
}

/** Payload of a signed document, not verified. */
export const payloadOf = (jws: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8'));

/** Audit rows as `action code`, newest first. */
export const auditOf = async ({ server }: FleetServer): Promise<readonly string[]> =>
  (await listAudit(server, 1000)).map(({ action, facts }) => ('code' in facts ? `${action} ${facts['code']}` : action));
