/** The server with an outside mosquitto, as an operator sets it up: make the server, write the files, start the broker. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startMosquitto } from '../fakes/mosquitto.ts';
import { good } from './acts.ts';
import type { System } from './system.ts';

export async function openOutsideBroker(system: System) {
  await good(system.admin(['init', '--https-port', '0', '--mqtt-port', '0']));
  const directory = join(system.folder, 'broker');
  await good(system.admin(['mosquitto-config', directory]));
  const configuration = join(directory, 'mosquitto.conf');
  const port = Number(/^listener (\d+)/m.exec(readFileSync(configuration, 'utf8'))?.[1]);
  const broker = await startMosquitto(configuration, port);
  return { serverArguments: ['--broker', 'mosquitto', '--broker-dir', directory], log: broker.log, close: broker.stop };
}
