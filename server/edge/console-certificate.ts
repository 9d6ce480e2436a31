/**
 * The certificate of the Web Console (B12): by default one that the server's own authority makes and renews by itself, else
 * one that was uploaded. Where that ends, or cannot be used, one of our own stands in: nobody is shut out.
 */
import { fingerprintOf, fromBase64, parseCertificate, toBase64, toPem } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs, type Instant } from '../../protocol/time.ts';
import type { ConsoleCertificate } from '../api/account.ts';
import type { OwnFaults } from '../core/own-certificate.ts';
import type { ListenerTls } from '../core/ports.ts';
import { type Actor, audit, type Identity, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import type { IdentityFile } from './identity-file.ts';
import { importIdentity } from './import-identity.ts';
import { makeServerCertificate } from './material.ts';
import { open, seal } from './seal.ts';
import type { Database } from './tables.ts';
import { judgeUpload } from './uploading.ts';

/** `host`: by which name the console is reached; the server's own where it is left out. */
export type ConsoleUpload = IdentityFile & { readonly host?: string };
type Kept = {
  readonly source: 'own' | 'uploaded';
  /** Base64 DER, leaf first. */
  readonly chain: readonly string[];
  readonly sealedKey: string;
  /** What an own one was made for. */
  readonly names: string;
};

const setting = 'console-certificate';
const renewBeforeMs = 30 * dayMs;

/** Fault: `not-found` where the Web Console never ran. */
export async function showConsoleCertificate({ db }: Pick<Server, 'db'>): Promise<Result<ConsoleCertificate>> {
  const kept = await read(db);
  const leaf = parseCertificate(fromBase64(kept?.chain[0] ?? ''));
  if (!kept || !leaf.ok) return bad('not-found', { what: setting });
  const { fingerprint, owner, issuer, notBefore, notAfter } = leaf.value;
  return good({ source: kept.source, fingerprint, owner, issuer, notBefore, notAfter });
}

/** What the console serves now; made, or made anew, where it has to be. */
export async function consoleTls(server: Server): Promise<ListenerTls> {
  const { db, clock, keys } = server;
  const kept = await read(db);
  const identity = await readIdentity(db);
  const key = kept ? open(keys.master, kept.sealedKey) : null;
  if (kept && key?.ok && !isDue(kept, namesOf(identity), toBase64(keys.serverAuthority.certificateDer), clock()))
    return tlsOf(kept, key.value);
  return makeOwn(server, 'server', identity, kept);
}

/** With each upkeep: the listener gets another one when it is due. */
export async function renewConsoleCertificate(server: Server): Promise<void> {
  const before = await read(server.db);
  const tls = await consoleTls(server);
  if (JSON.stringify(await read(server.db)) !== JSON.stringify(before))
    await server.carriers.current?.setConsoleTls?.(tls);
}

/**
 * Judged as a certificate of the server is, by the name the console is reached by, and served at once. Faults: those of
 * `importIdentity` and `judgeUpload`, every one that applies.
 */
export async function uploadConsoleCertificate(
  server: Server,
  actor: Actor,
  { host, ...file }: ConsoleUpload,
): Promise<Result<ConsoleCertificate> | OwnFaults> {
  const { db, clock, keys } = server;
  const imported = await importIdentity(file);
  if (!imported.ok) return imported;
  const { name } = await readIdentity(db);
  const judged = judgeUpload(imported.value, host ?? name, clock());
  if (!judged.ok) return judged;
  const kept: Kept = {
    source: 'uploaded',
    chain: judged.value.map(({ der }) => toBase64(der)),
    sealedKey: seal(keys.master, imported.value.key),
    names: host ?? name,
  };
  await keep(server, actor, 'console-certificate-uploaded', kept);
  await server.carriers.current?.setConsoleTls?.(tlsOf(kept, imported.value.key));
  return showConsoleCertificate(server);
}

/** Back to one of our own, served at once. */
export async function resetConsoleCertificate(server: Server, actor: Actor): Promise<Result<ConsoleCertificate>> {
  const tls = await makeOwn(server, actor, await readIdentity(server.db), null);
  await server.carriers.current?.setConsoleTls?.(tls);
  return showConsoleCertificate(server);
}

/** An uploaded one counts to its end; one of ours is followed ahead of it, and where names or authority have changed. */
function isDue({ source, chain, names }: Kept, wanted: string, authority: string, now: Instant): boolean {
  const leaf = parseCertificate(fromBase64(chain[0] ?? ''));
  if (!leaf.ok) return true;
  if (source === 'uploaded') return now >= leaf.value.notAfter;
  return names !== wanted || chain[1] !== authority || now >= leaf.value.notAfter - renewBeforeMs;
}

const namesOf = ({ name, host }: Identity): string => `${name} ${host}`;

async function makeOwn(server: Server, actor: Actor, identity: Identity, before: Kept | null): Promise<ListenerTls> {
  const { keys, clock, log } = server;
  const { chain, key } = await makeServerCertificate(keys.serverAuthority, identity, 'main', null, clock);
  const der = fromBase64(key);
  const kept: Kept = { source: 'own', chain, sealedKey: seal(keys.master, der), names: namesOf(identity) };
  const ended = before?.source === 'uploaded';
  if (ended) log('warn', 'the uploaded certificate of the web console is over, one of our own stands in');
  await keep(server, actor, ended ? 'console-certificate-ended' : 'console-certificate-made', kept);
  return tlsOf(kept, der);
}

const keep = (server: Server, actor: Actor, action: string, kept: Kept): Promise<Result<null>> =>
  transact(server.db, async (trx) => {
    const value = JSON.stringify(kept);
    await trx
      .insertInto('settings')
      .values({ name: setting, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
    const subject = fingerprintOf(fromBase64(kept.chain[0] ?? ''));
    await audit(server, trx, { actor, action, subject });
    return good(null);
  });

async function read(trx: Database): Promise<Kept | null> {
  const row = await trx.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  return row ? (JSON.parse(row.value) as Kept) : null;
}

const tlsOf = ({ chain }: Kept, key: Uint8Array): ListenerTls => ({
  key: toPem(key, 'PRIVATE KEY'),
  chain: chain.map((der) => toPem(fromBase64(der))).join(''),
  clientAuthorities: '',
});
