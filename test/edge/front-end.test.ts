/** The field `Client-Cert` (RFC 9440): believed from a named front end only, through a real nginx too. */
import { once } from 'node:events';
import { Agent, request as httpsRequest } from 'node:https';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { writeClientCert } from '../../server/core/client-cert.ts';
import { addFrontEnd, removeFrontEnd } from '../../server/edge/front-end.ts';
import { invite } from '../../server/edge/invitations.ts';
import { removeDevice } from '../../server/edge/places.ts';
import { auditOf, type Enrolled, codeOf as faultOf, register, value } from '../fakes/fleet-server.ts';
import {
  makeAuthorities,
  makeDevice,
  makeExpiredDevice,
  makeServerAsClient,
  type TestDevice,
} from '../fakes/identities.ts';
import {
  type Answer,
  basic,
  checkinAt,
  codeOf,
  type Identity,
  type Setting,
  withListeners,
} from '../fakes/legacy-agent.ts';
import { startNginx } from '../fakes/nginx.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['nginx']);

type Front = Setting & { readonly own: TestDevice; readonly device: Enrolled; readonly identity: Identity };

/** The front end is of an authority the server does not know. */
const withFront = (run: (front: Front) => Promise<void>): Promise<void> =>
  withListeners(async (setting) => {
    const own = await makeDevice((await makeAuthorities()).client);
    value(await addFrontEnd(setting.fleet.server, 'administrator', { fingerprint: own.fingerprint, name: 'proxy' }));
    const device = await register(setting.fleet, 'kiosk');
    await run({ ...setting, own, device, identity: identityOf(device) });
  });

const identityOf = ({ chain, key }: Enrolled): Identity => ({
  cert: chain.map((der) => toPem(der)).join(''),
  key: toPem(key, 'PRIVATE KEY'),
});
const derOf = (pem: string): Uint8Array =>
  Buffer.from(/-----BEGIN CERTIFICATE-----([^-]*)-----END/.exec(pem)?.[1] ?? '', 'base64');
const passed = (der: Uint8Array) => ({ 'Client-Cert': writeClientCert(der) });
const bundle = (
  { http, ask }: Setting,
  headers: Readonly<Record<string, string>>,
  identity?: Identity,
): Promise<Answer> => ask({ port: http.port, path: '/v1/bundle', headers, identity });

test('what a named front end passes on counts as the device’s own certificate', () =>
  withFront(async (front) => {
    const headers = passed(front.device.chain[0] ?? new Uint8Array());
    const answer = await bundle(front, headers, front.own);
    assert.is(answer.status, 200, answer.body);
    assert.is(answer.json['deviceId'], front.device.id);
    const checkin = await checkinAt(front, front.http.port, front.device.id, [], { headers, identity: front.own });
    assert.is(checkin.status, 200, checkin.body);
  }));

test('renewal goes through a front end too, and within 30 days after the end (A7)', () =>
  withFront(async (front) => {
    const { server } = front.fleet;
    const renew = async (identity: Identity) => {
      const answer = await front.ask({
        port: front.http.port,
        path: '/.well-known/est/simplereenroll',
        headers: { ...passed(front.device.chain[0] ?? new Uint8Array()), 'Content-Type': 'application/pkcs10' },
        body: Buffer.from(makeRequest(makeKey(), front.device.id)).toString('base64'),
        identity,
      });
      return codeOf(answer);
    };
    assert.is(await renew(front.own), '200');
    assert.is(await renew(front.identity), 'front-end-unknown');
    const later = instant(front.began + 390 * dayMs);
    const own = await makeDevice((await makeAuthorities()).client, undefined, later);
    value(await addFrontEnd(server, 'administrator', { fingerprint: own.fingerprint, name: 'later' }));
    front.fleet.time.now = later;
    assert.is(codeOf(await bundle(front, passed(front.device.chain[0] ?? new Uint8Array()), own)), 'expired');
    assert.is(await renew(own), '200');
    front.fleet.time.now = instant(front.began + 391 * dayMs + 10 * dayMs);
    const last = await makeDevice((await makeAuthorities()).client, undefined, front.fleet.time.now);
    value(await addFrontEnd(server, 'administrator', { fingerprint: last.fingerprint, name: 'last' }));
    assert.is(await renew(last), 'identity-retired');
  }));

type Who = (front: Front) => Promise<{ readonly identity?: Identity | undefined }>;
const others: readonly { readonly name: string; readonly who: Who }[] = [
  { name: 'no certificate', who: async () => ({}) },
  { name: 'the device itself', who: async ({ identity }) => ({ identity }) },
  {
    name: 'another device of ours',
    who: async ({ fleet }) => ({ identity: identityOf(await register(fleet, 'other')) }),
  },
  { name: 'the server’s own certificate', who: async ({ tls }) => ({ identity: { cert: tls.chain, key: tls.key } }) },
  {
    name: 'another certificate of the front end’s authority',
    who: async () => ({ identity: await makeDevice((await makeAuthorities()).client) }),
  },
  {
    name: 'a front end whose certificate ran out',
    who: async ({ fleet, own }) => {
      fleet.time.now = instant(fleet.time.now + 3 * dayMs);
      return { identity: own };
    },
  },
  {
    name: 'a front end that was removed',
    who: async ({ fleet, own }) => {
      value(await removeFrontEnd(fleet.server, 'administrator', own.fingerprint));
      return { identity: own };
    },
  },
];
table('the field is refused from anyone else, on every path, and on record', others, ({ who }) =>
  withFront(async (front) => {
    const { identity } = await who(front);
    const headers = passed(front.device.chain[0] ?? new Uint8Array());
    for (const path of ['/v1/bundle', '/.well-known/est/cacerts', '/nowhere'])
      for (const field of [headers, { 'Client-Cert-Chain': headers['Client-Cert'] }]) {
        const answer = await front.ask({ port: front.http.port, path, headers: field, identity });
        assert.is(answer.status, 403, path);
        assert.is(codeOf(answer), 'front-end-unknown');
        assert.is((await auditOf(front.fleet))[0], 'request-refused front-end-unknown');
      }
  }),
);

type Passed = {
  readonly name: string;
  readonly der: (front: Front) => Promise<Uint8Array>;
  readonly status: number;
  readonly code: string;
};
const strangers: readonly Passed[] = [
  {
    name: 'a certificate of a foreign authority',
    der: async () => (await makeDevice((await makeAuthorities()).client)).chainDer[0] ?? new Uint8Array(),
    status: 401,
    code: 'identity-refused',
  },
  {
    name: 'a server certificate of our client authority',
    der: async ({ fleet }) => derOf((await makeServerAsClient(fleet.server.keys.clientAuthority)).cert),
    status: 401,
    code: 'identity-refused',
  },
  { name: 'the front end’s own', der: async ({ own }) => derOf(own.cert), status: 401, code: 'identity-refused' },
  { name: 'no certificate at all', der: async () => Buffer.from('nothing'), status: 401, code: 'identity-refused' },
  {
    name: 'an expired one of ours',
    der: async ({ fleet }) =>
      (await makeExpiredDevice(fleet.server.keys.clientAuthority)).chainDer[0] ?? new Uint8Array(),
    status: 401,
    code: 'expired',
  },
  {
    name: 'one that is not valid yet',
    der: async ({ fleet, began }) =>
      (await makeDevice(fleet.server.keys.clientAuthority, undefined, instant(began + dayMs))).chainDer[0] ??
      new Uint8Array(),
    status: 401,
    code: 'identity-refused',
  },
  {
    name: 'one of ours that belongs to no device',
    der: async ({ fleet }) => (await makeDevice(fleet.server.keys.clientAuthority)).chainDer[0] ?? new Uint8Array(),
    status: 403,
    code: 'identity-refused',
  },
  {
    name: 'one of a removed device',
    der: async ({ fleet, device }) => {
      value(await removeDevice(fleet.server, 'administrator', device.id));
      return device.chain[0] ?? new Uint8Array();
    },
    status: 403,
    code: 'identity-refused',
  },
];
table('a passed certificate is judged as in a handshake', strangers, ({ der, status, code }) =>
  withFront(async (front) => {
    const answer = await bundle(front, passed(await der(front)), front.own);
    assert.is(answer.status, status, answer.body);
    assert.is(codeOf(answer), code);
    assert.match((await auditOf(front.fleet))[0] ?? '', new RegExp(`^request-refused ${code}$`));
  }),
);

test('fields of another form are refused, whoever sends them', () =>
  withFront(async (front) => {
    const right = writeClientCert(front.device.chain[0] ?? new Uint8Array());
    for (const field of [
      '',
      'x',
      right.slice(1),
      `${right}, ${right}`,
      `${right};a=1`,
      encodeURIComponent(front.identity.cert),
    ]) {
      const answer = await bundle(front, { 'Client-Cert': field }, front.own);
      assert.is(answer.status, 401, field);
      assert.is(codeOf(answer), 'bad-shape');
    }
  }));

test('on one connection of the front end each request is of the device it passes on', () =>
  withFront(async (front) => {
    const other = await register(front.fleet, 'other');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const seen: unknown[] = [];
    for (const { chain } of [front.device, other, front.device]) {
      const request = httpsRequest({
        host: '127.0.0.1',
        port: front.http.port,
        path: '/v1/bundle',
        headers: passed(chain[0] ?? new Uint8Array()),
        rejectUnauthorized: false,
        agent,
        cert: front.own.cert,
        key: front.own.key,
      });
      request.end();
      const [response] = await once(request, 'response');
      let body = '';
      for await (const part of response) body += part;
      seen.push(JSON.parse(body).deviceId);
      assert.is(request.reusedSocket, seen.length > 1);
    }
    agent.destroy();
    assert.equal(seen, [front.device.id, other.id, front.device.id]);
  }));

test('a front end is named once, and removing one that is not there is refused', () =>
  withFront(async ({ fleet: { server }, own }) => {
    const add = (name: string) => addFrontEnd(server, 'administrator', { fingerprint: own.fingerprint, name });
    assert.is(faultOf(await add('proxy')), 'already-exists');
    assert.is(faultOf(await add('pro\nxy')), 'bad-argument');
    assert.is(faultOf(await removeFrontEnd(server, 'administrator', '00'.repeat(32))), 'not-found');
  }));

test('nginx as the documentation configures it: registration, check-in, tokens, and nothing from outside passes', () =>
  withFront(async (front) => {
    const nginx = await startNginx(front.own, front.http);
    try {
      const { port } = nginx;
      const through = (headers: Readonly<Record<string, string>>, identity?: Identity) =>
        front.ask({ port, path: '/v1/bundle', headers, identity });
      const own = await through({}, front.identity);
      assert.is(own.status, 200, own.body);
      assert.is(own.json['deviceId'], front.device.id);
      const other = await register(front.fleet, 'other');
      const forged = passed(other.chain[0] ?? new Uint8Array());
      assert.is((await through(forged, front.identity)).json['deviceId'], front.device.id);
      assert.is((await through(forged)).status, 401);
      assert.is((await through({ 'Client-Cert-Chain': forged['Client-Cert'] }, front.identity)).status, 200);
      const checkin = await checkinAt(front, port, front.device.id, [], { identity: front.identity });
      assert.is(checkin.status, 200, checkin.body);

      const { invitation, password } = value(await invite(front.fleet.server, 'administrator', { name: 'new' }));
      const enrolled = await front.ask({
        port,
        path: '/.well-known/est/simpleenroll',
        headers: { ...basic(`${invitation}:${password}`), 'Content-Type': 'application/pkcs10' },
        body: Buffer.from(makeRequest(makeKey(), 'serial 2')).toString('base64'),
      });
      assert.is(enrolled.status, 200, enrolled.body);

      const foreign = await through({}, await makeDevice((await makeAuthorities()).client));
      assert.is(codeOf(foreign), 'identity-refused');
      // nginx itself wants an end that is not over; the server would say so too.
      const expired = await through({}, await makeExpiredDevice(front.fleet.server.keys.clientAuthority));
      assert.is(expired.status, 400);

      value(await removeFrontEnd(front.fleet.server, 'administrator', fingerprintOf(derOf(front.own.cert))));
      assert.is(codeOf(await through({}, front.identity)), 'front-end-unknown');
    } finally {
      await nginx.close();
    }
  }));
