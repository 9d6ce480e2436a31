/** A running server: listeners, broker, administration socket, and the tick that keeps everything up to date. */
import { connect } from 'node:net';
import { join } from 'node:path';
import { fingerprintOf } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { minuteMs, secondMs } from '../../protocol/time.ts';
import type { SetupLink } from '../api/account.ts';
import { webPortOf } from '../core/listeners.ts';
import type { Broker, Fleet, ListenerTls } from '../core/ports.ts';
import { forgetPresence } from './absences.ts';
import { firstSetupLink } from './accounts.ts';
import { allAdminRoutes } from './admin-door.ts';
import { serveAdmin } from './admin-http.ts';
import { consoleTls, showConsoleCertificate } from './console-certificate.ts';
import { addressesOf, consoleUrl, type Identity, type Probe, readIdentity, type Server } from './context.ts';
import { serveDevices } from './device-http.ts';
import { allDevices, makeFleet } from './fleet.ts';
import { frontEndsOf } from './front-end.ts';
import { makeJobs } from './job-runner.ts';
import { rewriteKit } from './kit.ts';
import { makeLegacy } from './legacy.ts';
import { makeLegacyPort } from './legacy-http.ts';
import { servedCertificate } from './listener.ts';
import { makeMailer } from './mailer.ts';
import { readListenerTls, readPins } from './pins.ts';
import { makePublisher, queueEverything } from './publishing.ts';
import { tick } from './upkeep.ts';
import { serveWebConsole, type WebConsole } from './web-console.ts';

/** Starts the MQTT side once the fleet is there; it is closed with the service. */
export type StartBroker = (given: {
  readonly server: Server;
  readonly fleet: Fleet;
  readonly tls: ListenerTls;
  readonly identity: Identity;
  /** Gives the broker what waits. */
  readonly publish: () => Promise<void>;
}) => Promise<Broker>;
export type Ready = {
  readonly https: string;
  readonly mqtt: string;
  readonly fingerprint: string;
  /** Address of the Web Console and SHA-256 of its certificate; null where it is closed or its port could not be had. */
  readonly web: { readonly url: string; readonly fingerprint: string } | null;
  /** Where there is no account yet, and none was offered before. */
  readonly setup: SetupLink | null;
};
export type Service = { readonly ready: Ready; readonly close: () => Promise<void> };

export const controlSocket = 'control.sock';
const tickMs = minuteMs;
const drainMs = 5 * secondMs;

/** Fault: `busy` when a server runs in this directory already, `master-key-missing`. Throws when a port cannot be had. */
export async function startService(server: Server, startBroker: StartBroker): Promise<Result<Service>> {
  const { db, directory, log, clock } = server;
  const socket = join(directory, controlSocket);
  if (await answers(socket)) return bad('busy', { what: directory.slice(-200) });
  const tls = await readListenerTls(server);
  if (!tls.ok) return tls;
  const identity = await readIdentity(db);
  const publish = makePublisher(server);
  const fleet = makeFleet(server, publish);
  const closing: (() => Promise<void>)[] = [];
  const close = async () => {
    server.carriers.current = null;
    for (const each of closing.reverse()) await each();
  };
  try {
    const { host, httpsPort: port } = identity;
    const legacy = makeLegacy(server, publish);
    const common = { fleet, tls: tls.value, host, clock, log, legacy };
    const devices = await serveDevices({ ...common, port, frontEnds: frontEndsOf(server) });
    closing.push(devices.close);
    const withoutIdentity = makeLegacyPort(common);
    closing.push(withoutIdentity.close);
    await withoutIdentity.move(identity.legacyPort ?? null);
    const web = makeWebPort(server, () => changed(), identity);
    closing.push(web.close);
    const broker = await startBroker({ server, fleet, tls: tls.value, identity, publish });
    closing.push(broker.close);
    await broker.refresh(await allDevices(server));
    server.carriers.current = {
      publish: broker.publish,
      refresh: broker.refresh,
      disconnect: broker.disconnect,
      setTls: async (next) => {
        await devices.setTls(next);
        await withoutIdentity.setTls(next);
        await broker.setTls(next);
      },
      moveLegacy: withoutIdentity.move,
      setConsoleTls: web.setTls,
      probe: async () => [
        await probe(`https ${devices.port}`, host, devices.port),
        ...(await probeIfOpen(host, withoutIdentity.port())),
        await probe(`mqtt ${broker.port}`, host, broker.port),
      ],
    };
    await forgetPresence(db, server.clock());
    await queueEverything(server, db);
    await publish();
    await rewriteKit(server);
    const mailer = makeMailer(server);
    closing.push(mailer.close);
    const jobs = makeJobs(server, publish, allAdminRoutes);
    const changed = async () => {
      mailer.kick();
      jobs.kick();
      await publish();
    };
    const admin = await serveAdmin(server, changed, socket);
    closing.push(admin.close);
    await web.open();
    closing.push(jobs.close);
    jobs.kick();
    closing.push(keepUp(server, publish, web.open));
    const { https, mqtt } = addressesOf(identity);
    const fingerprint = fingerprintOf(Buffer.from((await readPins(db)).main, 'base64'));
    const shown = await showConsoleCertificate(server);
    const console =
      web.isOpen() && shown.ok ? { url: consoleUrl(identity), fingerprint: shown.value.fingerprint } : null;
    const setup = console ? await firstSetupLink(server) : null;
    return good({ ready: { https, mqtt, fingerprint, web: console, setup }, close });
  } catch (error) {
    await close();
    throw error;
  }
}

type WebPort = {
  /** Where it is not open yet and should be; a port that cannot be had is tried again. */
  readonly open: () => Promise<void>;
  readonly isOpen: () => boolean;
  readonly setTls: (tls: ListenerTls) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Devices are served whether or not the Web Console can be. */
function makeWebPort(server: Server, publish: () => Promise<void>, identity: Identity): WebPort {
  const port = webPortOf(identity);
  let web: WebConsole | null = null;
  return {
    open: async () => {
      if (port === null || web) return;
      try {
        web = await serveWebConsole({ server, publish, tls: await consoleTls(server), host: identity.host, port });
      } catch (error) {
        server.log('error', 'the web console cannot be opened, will try again', { port, reason: String(error) });
      }
    },
    isOpen: () => web !== null,
    setTls: async (tls) => web?.setTls(tls),
    close: async () => web?.close(),
  };
}

/** Short timers only: what is due is decided from the time of the day at each. Returns what ends it. */
function keepUp(server: Server, publish: () => Promise<void>, openConsole: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  const attempt = (what: string, work: () => Promise<void>) => {
    running = running.then(work).catch((error: unknown) => {
      server.log('error', `${what} failed, will try again`, { reason: String(error).slice(0, 300) });
    });
  };
  const upkeep = () =>
    attempt('upkeep', async () => {
      await tick(server);
      await publish();
      await openConsole();
    });
  const timers = [setInterval(upkeep, tickMs), setInterval(() => attempt('publishing', publish), drainMs)];
  upkeep();
  return async () => {
    for (const timer of timers) clearInterval(timer);
    await running;
  };
}

/** Whether somebody listens on a Unix socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (found: boolean) => {
      socket.destroy();
      resolve(found);
    };
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}

const probeIfOpen = async (host: string, port: number | null): Promise<readonly Probe[]> =>
  port === null ? [] : [await probe(`legacy https ${port}`, host, port)];

/** Which certificate a listener shows to a stranger. */
async function probe(listener: string, host: string, port: number): Promise<Probe> {
  const served = await servedCertificate({ host, port });
  return { listener, fingerprint: served && fingerprintOf(served) };
}
