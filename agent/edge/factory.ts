/**
 * Certificates that the firmware brings: `<root>/<purpose>/*.pem`, read-only, each file with one or several in PEM or DER.
 * They count on devices where nothing is assigned by policy. What is wrong is left out and told; a firmware without any is
 * none the worse.
 */
import { join } from 'node:path';
import { checkAcceptable, toBase64 } from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import { maxCertificates } from '../../protocol/limits.ts';
import type { ClientPurpose } from '../../protocol/schema.ts';
import type { Instant } from '../../protocol/time.ts';
import type { LocalEntry } from '../core/durable.ts';
import type { Factory } from '../core/shape.ts';
import { diskFault, errnoOf, type Files } from './files.ts';

const purposes: readonly ClientPurpose[] = ['rdp', 'broker', 'log'];
const maxFileBytes = 1024 * 1024;
const maxFiles = 256;
const maxFaults = 16;

/** `built` is when they were added. Faults: of files and certificates, each with the `file`; `too-many-certificates`. */
export async function readFactory(root: string, files: Files, built: Instant): Promise<Factory> {
  const entries: LocalEntry[] = [];
  const faults: Fault[] = [];
  const seen = new Set<string>();
  for (const purpose of purposes)
    for (const name of await namesIn(join(root, purpose), files, faults)) {
      const file = `${purpose}/${name}`;
      const read = await readFile(join(root, file), files);
      if ('code' in read) faults.push(fault(read.code, { ...read.facts, file }));
      else
        for (const { der, fingerprint } of read) {
          if (seen.has(`${purpose} ${fingerprint}`)) continue;
          seen.add(`${purpose} ${fingerprint}`);
          entries.push({ purpose, source: 'factory', file: name, der: toBase64(der), addedAt: built, server: null });
        }
    }
  if (entries.length > maxCertificates)
    faults.unshift(fault('too-many-certificates', { count: entries.length, limit: maxCertificates }));
  return { entries: entries.slice(0, maxCertificates), faults: faults.slice(0, maxFaults) };
}

async function namesIn(folder: string, files: Files, faults: Fault[]): Promise<readonly string[]> {
  try {
    const names = (await files.list(folder)).filter((name) => name.endsWith('.pem')).sort();
    if (names.length > maxFiles)
      faults.push(fault('too-large', { count: names.length, limit: maxFiles, file: folder }));
    return names.slice(0, maxFiles);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') faults.push(diskFault(error, folder));
    return [];
  }
}

/** All that are in it, or why none counts. */
async function readFile(path: string, files: Files) {
  try {
    const { kind, size } = await files.stat(path);
    if (kind !== 'file') return fault('certificate-unreadable');
    if (size > maxFileBytes) return fault('too-large', { bytes: size, limit: maxFileBytes });
    const read = readCertificateFile(await files.read(path));
    if (!read.ok) return read.fault;
    for (const certificate of read.value) {
      const judged = checkAcceptable(certificate, 'trust-anchor-or-server');
      if (!judged.ok) return judged.fault;
    }
    return read.value;
  } catch (error) {
    return diskFault(error, path);
  }
}
