import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toPem } from '../../protocol/certificate.ts';
import { makeCrl } from '../../server/edge/authority.ts';
import { mosquittoBroker, writeMosquittoFiles } from '../../server/edge/broker-mosquitto.ts';
import { now } from '../fakes/identities.ts';
import { freePort, startMosquitto } from '../fakes/mosquitto.ts';
import { needs } from '../harness.ts';
import { brokerCases, type Start } from './broker-cases.ts';

needs(['mosquitto']);

const start: Start = async ({ fleet, tls, authorities }) => {
  const directory = await mkdtemp(join(tmpdir(), 'thintrust-'));
  const storeDirectory = join(directory, 'store');
  await mkdir(storeDirectory);
  const [devices, service] = [await freePort(), await freePort()].map((port) => ({ host: '127.0.0.1', port }));
  if (!devices || !service) throw new Error('no ports');
  const pidFile = join(directory, 'pid');
  let lists = 0;
  const files = {
    tls,
    directory,
    devices,
    service,
    authority: authorities.server,
    crl: async () =>
      toPem(
        await makeCrl(authorities.client, {
          revoked: fleet.removed(),
          number: ++lists,
          now: now(),
          days: 30,
        }),
        'X509 CRL',
      ),
    alone: { pidFile, storeDirectory },
  };
  await writeMosquittoFiles(files);
  const mosquitto = await startMosquitto(join(directory, 'mosquitto.conf'), devices.port);
  const broker = await mosquittoBroker({
    ...files,
    fleet,
    reload: { pidFile },
    forgotten: async () => {},
    log: process.env['VERBOSE'] ? (...words) => console.error(...words) : () => {},
    clock: now,
  });
  return {
    broker,
    stop: async () => {
      await broker.close();
      await mosquitto.stop();
      await rm(directory, { recursive: true });
    },
  };
};

brokerCases('mosquitto', start);
