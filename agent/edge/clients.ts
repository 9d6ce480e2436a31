/**
 * Clients of remote desktops, each described by one small file (docs/clients.md): read from the folders given, filled with
 * what one launch is about, and asked what an exit code means. Nothing here starts anything.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { ClientFile, SessionOrder } from '../../protocol/session.ts';
import { read } from '../../protocol/validate.ts';

export type Client = ClientFile & { readonly name: string };
export type Clients = {
  /** In the order of their file names. */
  readonly clients: readonly Client[];
  readonly refused: readonly { readonly file: string; readonly fault: Fault }[];
};
/** What one launch is about. */
export type Launching = {
  readonly host: string;
  readonly port: number;
  /** `host:port`, a literal IPv6 host in brackets. */
  readonly server: string;
  readonly user: string;
  /** SHA-256, 64 hex digits each. */
  readonly fingerprints: readonly string[];
  /** Stands for the private directory of the session. */
  readonly mark: string;
};
export type Candidate = SessionOrder['candidates'][number];

/** Names of the files a session finds in its private directory. */
export const bundleName = 'bundle.pem';
/** Never there: where a program insists on a list of authorities, it gets an empty one. */
const nothingName = 'none';
const maxFileBytes = 64 * 1024;
const maxFiles = 64;
const placeholders = /\{([a-z]+)\}/g;
const known: ReadonlySet<string> = new Set([
  'host',
  'port',
  'server',
  'user',
  'fingerprints',
  'bundle',
  'directory',
  'none',
]);

/** A file of an earlier folder replaces those of the same name in later ones; an empty one takes them away. */
export async function readClients(folders: readonly string[], purpose: ClientFile['purpose']): Promise<Clients> {
  const files = new Map<string, string>();
  for (const folder of folders)
    for (const name of await listFolder(folder)) if (!files.has(name)) files.set(name, join(folder, name));
  const names = [...files].sort(([one], [other]) => (one < other ? -1 : 1)).slice(0, maxFiles);
  const clients: Client[] = [];
  const refused: { file: string; fault: Fault }[] = [];
  for (const [name, file] of names) {
    const client = await readClient(file);
    if (!client.ok) refused.push({ file, fault: client.fault });
    else if (client.value?.purpose === purpose) clients.push({ ...client.value, name: name.replace(/\.json$/, '') });
  }
  return { clients, refused };
}

/** The programs of a client, each with its arguments. */
export function candidatesOf(client: Client, launching: Launching): readonly Candidate[] {
  const fill = filler(client, launching);
  const filled = {
    contains: client.contains ?? null,
    arguments: client.arguments.map(fill),
    password: client.password,
    environment: mapValues(client.environment ?? {}, fill),
  };
  return client.programs.map((program) => ({ program, ...filled }));
}

/**
 * What the exit code of a client says; null where the session has ended as sessions do. Faults:
 * `client-refused-certificate`, `client-sign-in`, `server-unreachable`, `rdp-no-tls`, `client-failed`.
 */
export function faultOfExit(client: Client, exit: number | null, address: string): Fault | null {
  const meaning = exit === 0 ? 'ended' : (client.exits?.[String(exit)] ?? null);
  switch (meaning) {
    case 'ended':
      return null;
    case 'certificate':
      return fault('client-refused-certificate');
    case 'sign-in':
      return fault('client-sign-in', { address });
    case 'unreachable':
      return fault('server-unreachable', { address });
    case 'no-tls':
      return fault('rdp-no-tls', { address });
    case null:
      return fault('client-failed', { reason: client.name, ...(exit === null ? {} : { status: exit }) });
  }
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith('.json'));
  } catch {
    return [];
  }
}

async function readClient(file: string): Promise<Result<ClientFile | null>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    return bad('not-found', { what: error instanceof Error ? error.message : file });
  }
  if (bytes.length === 0) return good(null);
  const client = read('clientFile', bytes, maxFileBytes);
  if (!client.ok) return client;
  const texts = [...client.value.arguments, ...Object.values(client.value.environment ?? {})];
  const strange = texts.flatMap(namesIn).find((name) => !known.has(name));
  return strange === undefined ? client : bad('bad-argument', { what: `{${strange}}` });
}

/** What is put in is never looked at again: a user may be called `{port}`. */
function filler(client: Client, { fingerprints, host, mark, port, server, user }: Launching): (text: string) => string {
  const values: Readonly<Record<string, string>> = {
    host,
    port: String(port),
    server,
    user,
    fingerprints: fingerprints.map((one) => writeFingerprint(client.fingerprint ?? '{hex}', one)).join(','),
    bundle: `${mark}/${bundleName}`,
    directory: mark,
    none: `${mark}/${nothingName}`,
  };
  return (text) => text.replace(placeholders, (_, name: string) => values[name] ?? '');
}

const writeFingerprint = (template: string, hex: string): string =>
  template.replaceAll('{hex}', hex).replaceAll('{colons}', hex.replace(/(..)(?=.)/g, '$1:'));
const namesIn = (text: string): readonly string[] => [...text.matchAll(placeholders)].map(([, name = '']) => name);
const mapValues = (record: Readonly<Record<string, string>>, change: (text: string) => string) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
