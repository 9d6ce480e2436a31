/** The effects of renewal over real TLS: what each answers, and which key is said to be unreadable (B8, F10, F13, F14). */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KeyRef } from '../../agent/core/durable.ts';
import type { Effect, Happening } from '../../agent/core/shape.ts';
import { makeKey } from '../../agent/edge/csr.ts';
import { type DeviceKey, spkiOf } from '../../agent/edge/device-key.ts';
import { openPerform } from '../../agent/edge/perform.ts';
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { certsOnly, issueDevice } from '../../server/edge/authority.ts';
import { readRequest } from '../../server/edge/request.ts';
import { localParts } from '../fakes/device.ts';
import { authorityOf, deviceId, deviceMaterial, now, serverMaterial } from '../fakes/tls-server.ts';
import { assert, table } from '../harness.ts';

const authority = authorityOf('Local');
const material = await serverMaterial(authority, ['127.0.0.1']);
const [current, another] = [await deviceMaterial(authority), await deviceMaterial(authority)];
const nextKey = makeKey();
const refOf = (digit: string): KeyRef => ({ kind: 'file', sha256: digit.repeat(64) });
/** What their TPM says of keys that lie on the disk: away, another, and one that loads them and does not sign. */
const tokens: ReadonlyMap<string, Result<DeviceKey>> = new Map([
  [refOf('7').sha256, bad('tpm-missing')],
  [refOf('8').sha256, bad('tpm-foreign')],
  [refOf('6').sha256, good(mute(bad('tpm-failed')))],
]);
/** What lies on the disk; `9` is lost. */
const keys = new Map<string, Uint8Array>([
  [refOf('1').sha256, current.key],
  [refOf('2').sha256, nextKey],
  [refOf('3').sha256, another.key],
  ...[...tokens.keys()].map((sha256) => [sha256, new Uint8Array()] as const),
]);

/** A key that is there and never signs. */
function mute(why: Result<Uint8Array>): DeviceKey {
  return { spki: spkiOf(nextKey), sign: () => why, useIn: () => null, refused: () => null };
}

const identityBy = (digit: string, chain = current.chain) => ({ key: refOf(digit), chain });
const own = { device: deviceId, accept: [material.fingerprint] };
const checkin = { accept: [material.fingerprint], body: '{}' };
const strange = ['ab'.repeat(32)];

/** `address` is put in when the server listens. */
type Wanted = Effect extends infer One ? (One extends { address: string } ? Omit<One, 'address'> : never) : never;
const rows: readonly {
  readonly name: string;
  readonly effect: Wanted;
  readonly status?: number;
  readonly told: string;
}[] = [
  { name: 'renew', effect: { do: 'renew', ...own, key: refOf('2'), identity: identityBy('1') }, told: 'renewed 2222' },
  {
    name: 'renew: the next key is lost',
    effect: { do: 'renew', ...own, key: refOf('9'), identity: identityBy('1') },
    told: 'next-unreadable identity-unreadable',
  },
  {
    name: 'renew: the key in use is lost',
    effect: { do: 'renew', ...own, key: refOf('2'), identity: identityBy('9') },
    told: 'call-failed renew identity-unreadable',
  },
  {
    name: 'renew: the key in use is not that of its certificate',
    effect: { do: 'renew', ...own, key: refOf('2'), identity: identityBy('3') },
    told: 'call-failed renew identity-unreadable',
  },
  {
    name: 'renew: the TPM of the next key is away: it is not lost',
    effect: { do: 'renew', ...own, key: refOf('7'), identity: identityBy('1') },
    told: 'call-failed renew tpm-missing',
  },
  {
    name: 'renew: the next key is of another TPM',
    effect: { do: 'renew', ...own, key: refOf('8'), identity: identityBy('1') },
    told: 'next-unreadable tpm-foreign',
  },
  {
    name: 'renew: the key in use is of another TPM',
    effect: { do: 'renew', ...own, key: refOf('2'), identity: identityBy('8') },
    told: 'call-failed renew tpm-foreign',
  },
  {
    name: 'renew: the next key does not sign',
    effect: { do: 'renew', ...own, key: refOf('6'), identity: identityBy('1') },
    told: 'call-failed renew tpm-failed',
  },
  {
    name: 'check in: the TPM is away',
    effect: { do: 'checkin', ...checkin, identity: identityBy('7') },
    told: 'call-failed checkin tpm-missing',
  },
  {
    name: 'prove: the TPM is away',
    effect: { do: 'prove', ...checkin, identity: identityBy('7') },
    told: 'call-failed prove tpm-missing',
  },
  {
    name: 'renew: another server',
    effect: { do: 'renew', ...own, accept: strange, key: refOf('2'), identity: identityBy('1') },
    told: 'presented renew',
  },
  {
    name: 'renew: refused',
    effect: { do: 'renew', ...own, key: refOf('2'), identity: identityBy('1') },
    status: 403,
    told: 'call-failed renew identity-retired',
  },
  {
    name: 'enrol again',
    effect: { do: 'enrol-again', ...own, key: refOf('2'), secret: '07'.repeat(32) },
    told: 'renewed 2222',
  },
  {
    name: 'enrol again: the next key is lost',
    effect: { do: 'enrol-again', ...own, key: refOf('9'), secret: '07'.repeat(32) },
    told: 'next-unreadable identity-unreadable',
  },
  {
    name: 'enrol again: another server',
    effect: { do: 'enrol-again', ...own, accept: strange, key: refOf('2'), secret: '07'.repeat(32) },
    told: 'presented enrol-again',
  },
  { name: 'prove', effect: { do: 'prove', ...checkin, identity: identityBy('1') }, told: 'proven {}' },
  { name: 'check in', effect: { do: 'checkin', ...checkin, identity: identityBy('1') }, told: 'checked-in {}' },
  {
    name: 'prove: the next key is lost',
    effect: { do: 'prove', ...checkin, identity: identityBy('9') },
    told: 'next-unreadable identity-unreadable',
  },
  {
    name: 'prove: the key is not that of the certificate (F14)',
    effect: { do: 'prove', ...checkin, identity: identityBy('3') },
    told: 'call-failed prove identity-unreadable',
  },
  {
    name: 'prove: another server',
    effect: { do: 'prove', ...checkin, accept: strange, identity: identityBy('1') },
    told: 'presented prove',
  },
  {
    name: 'prove: refused',
    effect: { do: 'prove', ...checkin, identity: identityBy('1') },
    status: 403,
    told: 'call-failed prove identity-retired',
  },
];

table('one effect, and what it answers', rows, async ({ effect, status = 200, told }) => {
  const options = { key: material.key, cert: material.cert, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, (request, response) => {
    const chunks: Uint8Array[] = [];
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    request.on('end', async () => {
      response.writeHead(status);
      if (status !== 200) response.end('{"code":"identity-retired","kind":"rejected","facts":{}}');
      else if (request.url === '/v1/checkin') response.end('{}');
      else response.end(await issued(Buffer.concat(chunks).toString()));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  let hear: (happening: Happening) => void = () => {};
  const heard = new Promise<Happening>((resolve) => {
    hear = resolve;
  });
  const unused = async () => bad('internal');
  const perform = openPerform({
    ...localParts(),
    storage: {
      persist: unused,
      count: unused,
      writeKey: unused,
      readKey: async ({ sha256 }) => {
        const found = keys.get(sha256);
        return found ? good(found) : bad('identity-unreadable', { what: 'key', wrong: 'ENOENT' });
      },
    },
    keys: {
      make: unused,
      open: async ({ sha256 }, bytes) => tokens.get(sha256) ?? good(bytes),
    },
    emit: (happening) => hear(happening),
  });
  assert.equal(await perform({ ...effect, address } as Effect), [], 'only begun');
  const happening = await heard;
  server.closeAllConnections();
  server.close();
  assert.is(inWords(happening), told);
  if (happening.type === 'renewed') assert.is(happening.chain.length, 2);
});

async function issued(body: string): Promise<string> {
  const request = readRequest(fromBase64(body.replace(/\s/g, '')));
  assert.ok(request.ok);
  const { publicKeyDer } = request.value;
  const { chainDer } = await issueDevice(authority, { publicKeyDer, deviceId, days: 30, now: now() });
  return toBase64(certsOnly(chainDer));
}

function inWords(happening: Happening): string {
  switch (happening.type) {
    case 'renewed':
      return `renewed ${happening.key.sha256.slice(0, 4)}`;
    case 'proven':
    case 'checked-in':
      return `${happening.type} ${Buffer.from(happening.bytes).toString()}`;
    case 'presented':
      return `presented ${happening.call}`;
    case 'call-failed':
      return `call-failed ${happening.call} ${happening.fault.code}`;
    case 'next-unreadable':
      return `next-unreadable ${happening.fault.code}`;
    default:
      return happening.type;
  }
}
