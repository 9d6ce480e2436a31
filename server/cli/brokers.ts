/** Which broker a server runs with. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import { embeddedBroker } from '../edge/broker-embedded.ts';
import { writeMosquittoFiles } from '../edge/broker-mosquitto.ts';
import type { Server } from '../edge/context.ts';
import { keepServicePort, mosquittoFilesOf, startMosquitto } from '../edge/mosquitto-service.ts';
import { readListenerTls } from '../edge/pins.ts';
import type { StartBroker } from '../edge/service.ts';
import { type Outcome, textOption, type Words } from './command.ts';
import { freePort } from './port.ts';

type Chosen =
  | { readonly ok: true; readonly value: (server: Server) => Promise<StartBroker> }
  | { readonly ok: 'misused'; readonly text: string };

const kinds = ['embedded', 'mosquitto'];

/** `--broker`, by default the one inside the server. */
export function brokerOf(given: Words): Chosen {
  const kind = textOption(given, 'broker') ?? 'embedded';
  const directory = textOption(given, 'broker-dir');
  if (!kinds.includes(kind))
    return { ok: 'misused', text: fill(words.badChoice, { name: 'broker', choices: kinds.join(', ') }) };
  if (kind === 'embedded') return { ok: true, value: async () => startEmbedded };
  if (directory === undefined)
    return {
      ok: 'misused',
      text: fill(words.missing, { name: '--broker-dir', form: 'run --broker mosquitto --broker-dir DIR' }),
    };
  return {
    ok: true,
    value: async (server) => {
      const place = await prepare(server, directory);
      return startMosquitto(place);
    },
  };
}

/** Everything mosquitto needs before it can start. Fault: `master-key-missing`. */
export async function writeBrokerFiles(server: Server, directory: string): Promise<Outcome> {
  const tls = await readListenerTls(server);
  if (!tls.ok) return tls;
  const place = await prepare(server, directory);
  await writeMosquittoFiles(await mosquittoFilesOf(server, tls.value, place));
  const configuration = join(place, 'mosquitto.conf');
  return {
    ok: true,
    text: `${fill(words.values.mosquitto, { file: configuration, directory: place })}\n`,
    data: { configuration },
  };
}

async function prepare(server: Server, directory: string): Promise<string> {
  const place = resolve(directory);
  // mosquitto runs as a user of its own: its group must be able to get in.
  mkdirSync(join(place, 'store'), { recursive: true, mode: 0o770 });
  await keepServicePort(server.db, freePort);
  return place;
}

const startEmbedded: StartBroker = ({ server, fleet, tls, identity }) =>
  embeddedBroker({ fleet, tls, host: identity.host, port: identity.mqttPort, log: server.log, clock: server.clock });
