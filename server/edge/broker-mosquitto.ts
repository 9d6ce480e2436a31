/**
 * An outside mosquitto: the server writes its configuration, certificates, revocation list and access list, has them read
 * again by SIGHUP, and is itself two MQTT clients of it. One listens with a session that outlives it and acknowledges
 * what the fleet has taken; the other publishes, so that a fleet which publishes while it listens waits for nobody.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { toPem } from '../../protocol/certificate.ts';
import { readCertificateFile } from '../../protocol/certificate-file.ts';
import { deviceLeafTopic, fleetFilter, parseTopic } from '../../protocol/topics.ts';
import { type Place, upward } from '../core/access.ts';
import {
  accessList,
  type Endpoint,
  generationTopic,
  markerTopic,
  mosquittoConfiguration,
  mosquittoFiles,
} from '../core/mosquitto.ts';
import type { Broker, Clock, Fleet, ListenerTls, Log } from '../core/ports.ts';
import type { Authority } from './authority.ts';
import { writeDurable } from './files.ts';
import { servedCertificate } from './listener.ts';
import { type Door, makeCredentials, openLink, takeOver } from './mosquitto-link.ts';
import { makeMarker } from './mosquitto-marker.ts';
import { maxPacketBytes } from './packet-guard.ts';

export type MosquittoFiles = {
  readonly tls: ListenerTls;
  /** Absolute; made where it is missing. mosquitto must be able to read what is in it. */
  readonly directory: string;
  /** Where devices connect. */
  readonly devices: Endpoint;
  /** Where the server connects; reachable from nowhere else if possible. */
  readonly service: Endpoint;
  /** Signs the server's own client certificate; mosquitto trusts it on the service listener alone. */
  readonly authority: Authority;
  /** The revocation list of the client authority, PEM. */
  readonly crl: () => Promise<string>;
  /** Null writes a part to be included into a configuration of one's own. */
  readonly alone: { readonly pidFile: string; readonly storeDirectory: string } | null;
};
export type MosquittoOptions = MosquittoFiles & {
  readonly fleet: Fleet;
  /** Has mosquitto read its files again. */
  readonly reload: Reload;
  /** mosquitto came back without what it was given: everything has to be published again. */
  readonly forgotten: () => Promise<void>;
  readonly log: Log;
  readonly clock: Clock;
};
export type Reload = { readonly pidFile: string } | { readonly command: readonly [string, ...string[]] };

const listenerId = 'thintrust-server-listens';
const speakerId = 'thintrust-server-speaks';
const firstConnectionMs = 10_000;
const reloadTimeoutMs = 10_000;
const reloadPollMs = 50;
/** OpenSSL takes a list only where its time is later than that of the one before, in whole seconds. */
const betweenListsMs = 1100;
const runCommand = promisify(execFile);

/** Everything mosquitto needs before it can start; the same is done at every start of the server. */
export async function writeMosquittoFiles(files: MosquittoFiles): Promise<void> {
  const { directory, tls } = files;
  const write = writerOf(directory);
  await mkdir(directory, { recursive: true, mode: 0o750 });
  write(mosquittoFiles.configuration, mosquittoConfiguration({ ...files, maxPacketBytes }));
  write(mosquittoFiles.clients, tls.clientAuthorities);
  write(mosquittoFiles.service, toPem(files.authority.certificateDer));
  write(mosquittoFiles.server, serverFile(tls));
  write(mosquittoFiles.revoked, await files.crl());
  // One from before stands until the fleet has said who is who: an empty one would shut every device out.
  if (!existsSync(join(directory, mosquittoFiles.access))) write(mosquittoFiles.access, accessList([], 0));
}

/** Resolves once mosquitto answers, or after ten seconds without: the server starts all the same and keeps trying. */
export async function mosquittoBroker(options: MosquittoOptions): Promise<Broker> {
  const { directory, devices, service, log, clock } = options;
  const write = writerOf(directory);
  const places = new Map<string, Place>();
  /** Removed, and not yet disconnected. */
  const leaving = new Set<string>();
  let accepted: readonly string[] = [leafOf(options.tls)];
  let clientAuthorities = options.tls.clientAuthorities;
  let generation: number = clock();
  let confirmed = 0;

  const writeAccess = () => write(mosquittoFiles.access, accessList(places.values(), generation));
  const writeList = async () => {
    await delay(Math.max(0, listedAt + betweenListsMs - performance.now()));
    write(mosquittoFiles.revoked, await options.crl());
    listedAt = performance.now();
  };

  await writeMosquittoFiles(options);
  let listedAt = performance.now();

  const credentials = await makeCredentials(options.authority, clock());
  const door: Door = { endpoint: service, credentials, accepted: () => accepted };
  const marker = makeMarker(options.forgotten);
  const failed = (error: Error) => log('warn', 'broker connection', { reason: String(error).slice(0, 200) });
  const listener = openLink({
    door,
    clientId: listenerId,
    lasting: true,
    connected: (link) => link.subscribe(upward.map(fleetFilter)),
    heard: (topic, payload) => hear(options, topic, payload),
    failed,
  });
  let answered = () => {};
  const first = new Promise<void>((resolve) => {
    answered = resolve;
  });
  const speaker = openLink({
    door,
    clientId: speakerId,
    lasting: false,
    connected: async (link) => {
      await marker.check(link);
      answered();
      if (leaving.size > 0 || (confirmed > 0 && confirmed !== generation)) await apply();
    },
    heard: async (topic, payload, retained) => {
      if (topic === markerTopic && retained) marker.saw(String(payload));
      return true;
    },
    failed,
  });

  /** Has the files read again, and waits until the access list of this generation is in force. */
  async function reload(): Promise<void> {
    await signal(options.reload).catch(failed);
    const until = performance.now() + reloadTimeoutMs;
    while (speaker.isUp()) {
      const allowed = await speaker.publish(generationTopic(generation), '', false).then(
        () => true,
        () => false,
      );
      if (allowed) {
        confirmed = generation;
        return;
      }
      if (performance.now() > until) throw new Error('mosquitto does not read its files again');
      await delay(reloadPollMs);
    }
    log('warn', 'mosquitto is away and reads its files when it starts');
  }

  const apply = joined(async () => {
    const gone = [...leaving];
    if (gone.length > 0) await writeList();
    generation = Math.max(generation + 1, clock());
    writeAccess();
    await reload();
    if (!speaker.isUp()) return;
    for (const id of gone) {
      await takeOver(door, id, true);
      for (const leaf of ['report', 'presence'] as const) await speaker.publish(deviceLeafTopic(id, leaf), '', true);
      leaving.delete(id);
    }
  });

  await Promise.race([first, delay(firstConnectionMs, undefined, { ref: false })]);
  if (!speaker.isUp()) log('warn', 'mosquitto does not answer yet', { host: service.host, port: service.port });
  return {
    port: devices.port,
    publish: async (topic, payload, retain) => {
      await speaker.publish(topic, payload, retain);
      if (retain) marker.move(speaker);
    },
    refresh: async (changed) => {
      for (const { id, group } of changed) {
        places.delete(id);
        leaving.delete(id);
        if (group === null) leaving.add(id);
        else places.set(id, { id, group });
      }
      await apply();
    },
    disconnect: (device) => takeOver(door, device, false),
    setTls: async (tls) => {
      accepted = [leafOf(tls), ...accepted].slice(0, 2);
      write(mosquittoFiles.server, serverFile(tls));
      if (tls.clientAuthorities !== clientAuthorities) {
        // Read again, its file adds authorities and takes none away.
        const ended = pemsOf(clientAuthorities).some((pem) => !tls.clientAuthorities.includes(pem));
        clientAuthorities = tls.clientAuthorities;
        write(mosquittoFiles.clients, clientAuthorities);
        // Without the list of an authority what it issued is refused.
        await writeList();
        if (ended) log('warn', 'mosquitto must be restarted to stop trusting a client authority');
      }
      await signal(options.reload).catch(failed);
      await untilServed(devices, leafOf(tls), log);
    },
    close: async () => {
      await Promise.all([listener.close(), speaker.close()]);
    },
  };
}

/** Whether a message of a device is to be acknowledged: kept by the fleet, or refused for good. */
async function hear({ fleet, log }: MosquittoOptions, topic: string, payload: Uint8Array): Promise<boolean> {
  const parsed = parseTopic(topic);
  const leaf = upward.find((each) => each === parsed?.leaf);
  if (parsed?.of !== 'device' || !leaf || payload.length === 0) return true;
  const received = await fleet.receive(parsed.id, leaf, payload);
  if (received.ok) return true;
  log('warn', 'message refused', { device: parsed.id, leaf, code: received.fault.code });
  return received.fault.kind === 'rejected';
}

/** Waits until a listener shows this certificate. */
async function untilServed(endpoint: Endpoint, pem: string, log: Log): Promise<void> {
  for (const until = performance.now() + reloadTimeoutMs; ; ) {
    await delay(reloadPollMs);
    const served = await servedCertificate(endpoint);
    if (served && toPem(served) === pem) return;
    if (!served) return log('warn', 'mosquitto is away and reads its files when it starts');
    if (performance.now() > until) throw new Error('mosquitto does not serve its new certificate');
  }
}

async function signal(reload: Reload): Promise<void> {
  if ('command' in reload) {
    const [program, ...words] = reload.command;
    await runCommand(program, words, { timeout: reloadTimeoutMs });
    return;
  }
  const pid = Number.parseInt(await readFile(reload.pidFile, 'utf8'), 10);
  if (!(pid > 1)) throw new Error('no process id of mosquitto');
  process.kill(pid, 'SIGHUP');
}

/** One run at a time; calls that come meanwhile share the one after it. */
function joined(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | null = null;
  return () => {
    next ??= running
      .catch(() => {})
      .then(() => {
        next = null;
        running = run();
        return running;
      });
    return next;
  };
}

const writerOf = (directory: string) => (name: string, content: string) =>
  writeDurable(join(directory, name), content, 0o640);

const pemsOf = (text: string): readonly string[] => text.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g) ?? [];

const serverFile = ({ key, chain }: ListenerTls): string => `${key.trimEnd()}\n${chain}`;

const leafOf = ({ chain }: ListenerTls): string => {
  const leaf = readCertificateFile(Buffer.from(chain));
  if (!leaf.ok || !leaf.value[0]) throw new Error('the server certificate cannot be read');
  return toPem(leaf.value[0].der);
};
