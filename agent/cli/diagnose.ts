/**
 * `thintrust diagnose`: what a support desk asks for, in one JSON object. It needs no daemon, reads what it may and says
 * of the rest why not. It is put together from named parts: no file of the state directory is copied, so no key, device
 * secret or password can be in it.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { arch, cpus, freemem, release, totalmem, uptime } from 'node:os';
import { join } from 'node:path';
import { type Fault, fault } from '../../protocol/fault.ts';
import { version } from '../../protocol/version.ts';
import { fill } from '../../words/say.ts';
import { builtAt } from '../edge/build.ts';
import { diskFault, errnoOf, realFiles } from '../edge/files.ts';
import { findGenerations, placeOf, readGeneration } from '../edge/generations.ts';
import { digestOf } from '../edge/manifest.ts';
import { ask, done, type Given, type Outcome, refusedHere } from './command.ts';

type Part = object | string | number | null;

const format = 1;
const bundleMode = 0o600;
const tailRecords = 500;
const purposes = ['ksc', 'rdp', 'broker', 'log'] as const;

export async function diagnose(given: Given): Promise<Outcome> {
  const bundle = await collect(given);
  const [file] = given.positionals;
  const text = `${JSON.stringify(bundle, null, 2)}\n`;
  if (file === undefined) return done(text, bundle);
  try {
    await writeFile(file, text, { mode: bundleMode, flag: 'wx' });
  } catch (error) {
    const there = errnoOf(error) === 'EEXIST';
    return refusedHere(there ? fault('already-exists', { what: file }) : diskFault(error, file));
  }
  return done(`${fill(given.words.cli.written, { file })}\n`, { file });
}

async function collect(given: Given) {
  const daemon = async (path: string): Promise<Part> => {
    const answer = await ask(given, 'read', { method: 'GET', path });
    return answer.ok ? (answer.value as object) : { fault: answer.fault };
  };
  const { node, openssl, v8 } = process.versions;
  return {
    format,
    versions: { thintrust: version, built: new Date(builtAt(process.env)).toISOString(), node, openssl, v8 },
    platform: await platform(),
    clock: clock(),
    status: await daemon('/status'),
    events: await daemon(`/log?limit=${tailRecords}`),
    generations: await orFault(() => generations(given.state)),
    trust: Object.fromEntries(
      await Promise.all(
        purposes.map(async (purpose) => [purpose, await orFault(() => exported(given.runtime, purpose))] as const),
      ),
    ),
  };
}

const clock = (): Part => ({
  now: new Date().toISOString(),
  zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  upSeconds: Math.round(uptime()),
});

async function platform(): Promise<Part> {
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return {
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? '',
    kernel: release(),
    architecture: arch(),
    processors: cpus().length,
    memoryBytes: { all: totalmem(), free: freemem() },
  };
}

/** Numbers, digests, sizes and faults; not a byte of what they hold. */
async function generations(state: string): Promise<Part> {
  const at = placeOf(state);
  const { current, named, kept } = await findGenerations(at, realFiles);
  const objects = new Map();
  const listed = [];
  for (const one of kept) {
    const { content } = await readGeneration(at, realFiles, one, objects);
    listed.push({
      number: one.number,
      fault: content.ok ? null : content.fault,
      objects: one.manifest.ok
        ? one.manifest.value.objects.map(({ name, sha256, size }) => ({ name, sha256, size }))
        : [],
      keys: one.manifest.ok ? one.manifest.value.keys.length : null,
    });
  }
  return { current, named, listed };
}

async function exported(runtime: string, purpose: string): Promise<Part> {
  const folder = join(runtime, 'trust', purpose);
  const names = (await realFiles.list(folder)).filter((name) => name.endsWith('.pem'));
  return Promise.all(
    names.sort().map(async (name) => {
      const bytes = await realFiles.read(join(folder, name));
      return { name, bytes: bytes.length, sha256: digestOf(bytes) };
    }),
  );
}

async function orFault(read: () => Promise<Part>): Promise<Part | { readonly fault: Fault }> {
  try {
    return await read();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return { fault: fault('not-found') };
    if (errno === 'EACCES' || errno === 'EPERM') return { fault: fault('not-allowed') };
    return { fault: diskFault(error, 'diagnose') };
  }
}
