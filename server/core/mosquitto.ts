/**
 * What an outside mosquitto (2.0) has to be told, as text: its configuration and its access list. Pure; the edge writes
 * the files and has them read again. `docs/brokers.md` explains each choice.
 */
import { parseTopic } from '../../protocol/topics.ts';
import { type Place, readableTopics, writableTopics } from './access.ts';

export type Endpoint = { readonly host: string; readonly port: number };
export type MosquittoPlan = {
  /** Absolute; everything below is written by the server. */
  readonly directory: string;
  readonly devices: Endpoint;
  /** Where only the server itself connects, with any client id: that is how it takes a device's connection away. */
  readonly service: Endpoint;
  readonly maxPacketBytes: number;
  /** For a mosquitto that has no configuration but this one; null writes a part to be included. */
  readonly alone: { readonly pidFile: string; readonly storeDirectory: string } | null;
};

/** Common name of the server's own client certificate, so its user name. */
export const serviceName = 'thintrust-server';
export const markerTopic = 'thintrust/v1/server/marker';
/** Only the access list of this generation lets the server publish here: so it knows which one is in force. */
export const generationTopic = (generation: number): string => `thintrust/v1/server/access/${generation}`;

export const mosquittoFiles = {
  configuration: 'mosquitto.conf',
  access: 'access.acl',
  /** Key and chain in one file, so that no crash leaves halves of two. */
  server: 'server.pem',
  clients: 'clients.crt',
  revoked: 'clients.crl',
  service: 'service.crt',
} as const;

const maxKeepAliveSeconds = 600;
const maxQueuedMessages = 10_000;

/** Throws RangeError where a path or host would break out of its line. */
export function mosquittoConfiguration(plan: MosquittoPlan): string {
  const { directory, devices, service, maxPacketBytes, alone } = plan;
  const path = (name: string) => `${directory}/${name}`;
  const tls = [
    `certfile ${path(mosquittoFiles.server)}`,
    `keyfile ${path(mosquittoFiles.server)}`,
    'tls_version tlsv1.2',
    'require_certificate true',
    'use_identity_as_username true',
  ];
  const lines = [
    '# Written by thintrust-server at every start. Changes are lost.',
    'per_listener_settings false',
    'allow_anonymous false',
    'allow_zero_length_clientid false',
    `acl_file ${path(mosquittoFiles.access)}`,
    `max_packet_size ${maxPacketBytes}`,
    `max_keepalive ${maxKeepAliveSeconds}`,
    `max_queued_messages ${maxQueuedMessages}`,
    'retain_available true',
    '',
    '# Devices. The client id is the certificate’s name, whatever a client says.',
    `listener ${devices.port} ${devices.host}`,
    ...tls,
    `cafile ${path(mosquittoFiles.clients)}`,
    `crlfile ${path(mosquittoFiles.revoked)}`,
    'use_username_as_clientid true',
    'max_qos 1',
    '',
    '# The server itself.',
    `listener ${service.port} ${service.host}`,
    ...tls,
    `cafile ${path(mosquittoFiles.service)}`,
    ...(alone
      ? [
          '',
          `pid_file ${alone.pidFile}`,
          'persistence true',
          `persistence_location ${alone.storeDirectory}/`,
          'log_dest stderr',
        ]
      : []),
  ];
  if (lines.some((line) => /[\r\n\0]/.test(line))) throw new RangeError('a path or host holds a line end');
  return `${lines.join('\n')}\n`;
}

/** Nothing is allowed that is not written here. Throws RangeError for ids that are no UUIDv4. */
export function accessList(places: Iterable<Place>, generation: number): string {
  const lines = [
    '# Written by thintrust-server. Changes are lost.',
    `user ${serviceName}`,
    'topic readwrite thintrust/v1/device/#',
    'topic readwrite thintrust/v1/group/#',
    `topic readwrite ${markerTopic}`,
    `topic write ${generationTopic(generation)}`,
  ];
  for (const place of places) {
    const [read, write] = [readableTopics(place), writableTopics(place)];
    if ([...read, ...write].some((topic) => parseTopic(topic) === null))
      throw new RangeError(`no device id: ${place.id}`);
    if (write.length === 0) continue;
    lines.push(
      `user ${place.id}`,
      ...read.map((topic) => `topic read ${topic}`),
      ...write.map((topic) => `topic write ${topic}`),
    );
  }
  return `${lines.join('\n')}\n`;
}
