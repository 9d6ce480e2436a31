/**
 * Certificates of proxies that end TLS before the server, by their public part (ADR 20). Devices accept them beside the
 * server's own; which one a proxy shows is its administrator's to change, so it is looked at, and never assumed.
 */
import {
  type Certificate,
  checkAcceptable,
  fingerprintOf,
  fromBase64,
  parseCertificate,
  toBase64,
} from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { maxFrontEnds } from '../../protocol/limits.ts';
import { parsePlace } from '../../protocol/target.ts';
import type { FrontEndCertificateView, FrontEndProbe } from '../api/server-certificates.ts';
import { type Actor, audit, type FrontEndCertificate, readIdentity, type Server, writeIdentity } from './context.ts';
import { transact } from './database.ts';
import { signAllPolicies } from './documents.ts';
import { rewriteKit } from './kit.ts';
import { servedCertificate } from './listener.ts';
import { isActive } from './lives.ts';
import { readServerCertificates } from './pins.ts';
import type { Database } from './tables.ts';

const defaultPort = 443;

/** By address, oldest first; each front end is asked what it shows. */
export async function listFrontEndCertificates({ db }: Server): Promise<readonly FrontEndCertificateView[]> {
  const { frontEnds = [] } = await readIdentity(db);
  const shown = await shownAt(frontEnds);
  const holdings = await readHoldings(db);
  const views = frontEnds.flatMap(({ address, certificate, addedAt }): FrontEndCertificateView[] => {
    const parsed = parseCertificate(fromBase64(certificate));
    if (!parsed.ok) return [];
    const { fingerprint, owner, notAfter } = parsed.value;
    const now = shown.get(address) ?? null;
    const lacking = holdings
      .filter(({ held }) => !held.has(fingerprint))
      .map(({ id, name, lastSeen }) => ({ id, name, lastSeen }));
    return [
      { address, fingerprint, owner, notAfter, addedAt, shown: now === null ? null : now === fingerprint, lacking },
    ];
  });
  return views.sort((one, other) => one.address.localeCompare(other.address) || one.addedAt - other.addedAt);
}

/** For the gate: what devices that come through a front end meet now. */
export async function probeFrontEnds({ db }: Server): Promise<readonly FrontEndProbe[]> {
  const { frontEnds = [] } = await readIdentity(db);
  const known = new Set(frontEnds.map(({ certificate }) => fingerprintOf(fromBase64(certificate)) as string));
  return [...(await shownAt(frontEnds))].map(([address, fingerprint]) => ({
    address,
    fingerprint,
    known: fingerprint !== null && known.has(fingerprint),
  }));
}

/**
 * The first server certificate of a PEM or DER file; every policy says it. Faults: those of the file and of
 * `checkAcceptable`, `certificate-missing`, `expired`, `bad-argument` for the address, `already-exists`,
 * `too-many-certificates`, `would-strand` where a group blocks it.
 */
export async function addFrontEndCertificate(
  server: Server,
  actor: Actor,
  { address: typed, content }: { readonly address: string; readonly content: Uint8Array },
): Promise<Result<{ readonly fingerprint: string }>> {
  const place = parsePlace(typed, defaultPort);
  if (!place.ok) return place;
  const address = place.value.text;
  const leaf = leafIn(content);
  if (!leaf.ok) return leaf;
  const { der, fingerprint, notAfter, owner } = leaf.value;
  if (notAfter <= server.clock()) return bad('expired', { owner, notAfter });
  return change(server, actor, 'front-end-certificate-added', { address, fingerprint }, async (trx, held) => {
    const own = (await readServerCertificates(trx)).some((each) => each.fingerprint === fingerprint);
    if (own || held.some((each) => fingerprintOf(fromBase64(each.certificate)) === fingerprint))
      return bad('already-exists', { what: fingerprint });
    if (held.length >= maxFrontEnds) return bad('too-many-certificates', { limit: maxFrontEnds });
    return good([...held, { address, certificate: toBase64(der), addedAt: server.clock() }]);
  });
}

/** Faults: `not-found`; `front-end-shows` where the front end shows it now, unless overridden. */
export async function removeFrontEndCertificate(
  server: Server,
  actor: Actor,
  { fingerprint, override }: { readonly fingerprint: string; readonly override: boolean },
): Promise<Result<{ readonly fingerprint: string }>> {
  const shown = (await probeFrontEnds(server)).find((each) => each.fingerprint === fingerprint);
  if (shown && !override) return bad('front-end-shows', { address: shown.address, fingerprint });
  const facts = { fingerprint, shown: shown ? 'yes' : 'no' };
  return change(server, actor, 'front-end-certificate-removed', facts, async (_trx, held) => {
    const left = held.filter(({ certificate }) => fingerprintOf(fromBase64(certificate)) !== fingerprint);
    return left.length === held.length ? bad('not-found', { what: fingerprint }) : good(left);
  });
}

async function change(
  server: Server,
  actor: Actor,
  action: string,
  facts: { readonly fingerprint: string; readonly address?: string; readonly shown?: string },
  decide: (trx: Database, held: readonly FrontEndCertificate[]) => Promise<Result<readonly FrontEndCertificate[]>>,
): Promise<Result<{ readonly fingerprint: string }>> {
  const { fingerprint, ...more } = facts;
  const done = await transact(server.db, async (trx) => {
    const identity = await readIdentity(trx);
    const decided = await decide(trx, identity.frontEnds ?? []);
    if (!decided.ok) return decided;
    await writeIdentity(trx, { ...identity, frontEnds: decided.value });
    await audit(server, trx, { actor, action, subject: fingerprint, facts: more });
    const signed = await signAllPolicies(server, trx);
    return signed.ok ? good({ fingerprint }) : signed;
  });
  if (done.ok) await rewriteKit(server);
  return done;
}

function leafIn(content: Uint8Array): Result<Certificate> {
  const read = readCertificateFile(content);
  if (!read.ok) return read;
  const leaf = read.value.find(({ isCa }) => !isCa);
  return leaf ? checkAcceptable(leaf, 'server') : bad('certificate-missing');
}

/** SHA-256 of what each address shows now; null where nothing answers. */
async function shownAt(frontEnds: readonly FrontEndCertificate[]): Promise<ReadonlyMap<string, string | null>> {
  const addresses = [...new Set(frontEnds.map(({ address }) => address))];
  const found = addresses.map(async (address) => {
    const place = parsePlace(address, defaultPort);
    const served = place.ok ? await servedCertificate(place.value) : null;
    return [address, served && fingerprintOf(served)] as const;
  });
  return new Map(await Promise.all(found));
}

type Holding = {
  readonly id: string;
  readonly name: string;
  readonly lastSeen: number | null;
  readonly held: ReadonlySet<string>;
};

/** Certificates of the server that each device last reported. */
async function readHoldings(trx: Database): Promise<readonly Holding[]> {
  const rows = await trx
    .selectFrom('devices')
    .leftJoin('reports', 'reports.device_id', 'devices.id')
    .select(['devices.id', 'devices.name', 'devices.last_seen', 'reports.body'])
    .where(isActive)
    .orderBy('devices.name')
    .execute();
  return rows.map(({ id, name, last_seen: lastSeen, body }) => {
    const reported = body === null ? {} : (JSON.parse(body) as Reported);
    const held = (reported.certificates ?? []).filter(({ purpose }) => purpose === 'ksc');
    return { id, name, lastSeen, held: new Set(held.map(({ fingerprint }) => fingerprint)) };
  });
}

type Reported = { readonly certificates?: readonly { readonly fingerprint: string; readonly purpose: string }[] };
