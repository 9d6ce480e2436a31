/**
 * What programs of this device use to show who they are: `<runtime>/identities/<type>/<alias>/` with `cert.pem` (leaf, then its
 * chain), `ca.pem` (the chain alone) and `key.pem` (PKCS#8, not encrypted), for root and the daemon only. As with the exports of
 * trust, a name is a link to a hidden directory beside it, so that key and certificate always belong together.
 */
import { join } from 'node:path';
import { fromBase64, toPem } from '../../protocol/certificate.ts';
import { good, type Result } from '../../protocol/fault.ts';
import type { CorporateCertificate, KeyRef } from '../core/durable.ts';
import { exportFolder, makeFolder } from './export.ts';
import { diskFault, type Files } from './files.ts';

export type ExportCorporate = (certificates: readonly CorporateCertificate[]) => Promise<Result<null>>;
type ReadKey = (key: KeyRef) => Promise<Result<Uint8Array>>;

const types = ['mail', 'vpn'] as const;
const modes = { folder: 0o700, file: 0o600 };

/** One whose key cannot be read is left out, and told: `identity-unreadable`. */
export function openExportCorporate(runtime: string, files: Files, readKey: ReadKey): ExportCorporate {
  const root = join(runtime, 'identities');
  return async (certificates) => {
    try {
      await makeFolder(files, root, modes.folder);
      let unreadable: Result<null> = good(null);
      for (const type of types) {
        const folder = join(root, type);
        await makeFolder(files, folder, modes.folder);
        const names = new Set<string>();
        for (const { alias, id, identity } of certificates.filter((each) => each.type === type).toReversed()) {
          const key = await readKey(identity.key);
          if (!key.ok) {
            unreadable = key;
            continue;
          }
          // Of two by one name the newer has it.
          const name = names.has(alias) ? `${alias} ${id.slice(0, 8)}` : alias;
          names.add(name);
          const [leaf = '', ...above] = identity.chain.map((der) => toPem(fromBase64(der)));
          const texts = {
            'cert.pem': [leaf, ...above].join(''),
            'ca.pem': above.join(''),
            'key.pem': toPem(key.value, 'PRIVATE KEY'),
          };
          const content = new Map(Object.entries(texts).map(([file, text]) => [file, Buffer.from(text, 'utf8')]));
          await exportFolder(folder, name, content, files, modes);
        }
        await removeOthers(files, folder, names);
      }
      return unreadable;
    } catch (error) {
      return { ok: false, fault: diskFault(error, 'export') };
    }
  };
}

/** What is no certificate of ours any more, with its hidden directories. */
async function removeOthers(files: Files, folder: string, names: ReadonlySet<string>): Promise<void> {
  for (const entry of await files.list(folder)) {
    const name = /^\.(.*)-[0-9a-f]{32}$/.exec(entry)?.[1] ?? entry;
    if (!names.has(name)) await files.removeDirectory(join(folder, entry));
  }
}
