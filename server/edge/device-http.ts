/**
 * HTTPS for devices: enrolment by EST, the registration bundle, check-in, the carrier of the same documents where MQTT is
 * blocked, and signed statements for devices that missed changes of our certificate. A client certificate is asked for and
 * not required; the routes that need one refuse before they read a body, and take it from a known front end too. Every
 * error body is a fault.
 */
import { toPem } from '../../protocol/certificate.ts';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { Rotations } from '../../protocol/schema.ts';
import { read } from '../../protocol/validate.ts';
import { bearerOf } from '../core/bearer.ts';
import type { Fleet } from '../core/ports.ts';
import { makeAttempts } from './attempts.ts';
import { type Caller, type DeviceHttp, type ListenOptions, serveRoutes } from './device-app.ts';
import { bodyOf, maxCheckinBytes, originOf, type Route } from './device-route.ts';
import { basicOf, estRoutes, refuse } from './est.ts';
import { type FrontEnds, makeFrontDoor, noFrontEnds } from './front-end.ts';
import type { Legacy } from './legacy.ts';
import { tokenRoute } from './legacy-http.ts';

export type { DeviceHttp } from './device-app.ts';

/** Ten certificates, base64 in JSON. */
const maxAnnouncementBytes = 11 * 22_000;
/** One request, base64 in JSON. */
const maxCorporateBytes = 26_000;

export type DeviceHttpOptions = ListenOptions & {
  /** Left out: nobody passes certificates on. */
  readonly frontEnds?: FrontEnds;
  /** Left out: there are no token endpoints. */
  readonly legacy?: Legacy;
};

/** Listens; rejects where the port cannot be had. */
export async function serveDevices(options: DeviceHttpOptions): Promise<DeviceHttp> {
  const { fleet, clock, legacy, frontEnds = noFrontEnds } = options;
  const door = makeFrontDoor(frontEnds, options.tls, clock);
  const http = await serveRoutes(options, {
    routes: [...routesOf(fleet), ...(legacy ? tokenRoutes(fleet, legacy) : [])],
    asksForCertificate: true,
    gate: door.gate,
    identify: async (request, needed, binds): Promise<Caller> => {
      if (needed === 'renewable') {
        const proof = door.renewalProofOf(request);
        if (!proof.ok) return { ...proof, stranger: true };
        return { ...(await fleet.mayRenew(proof.value)), stranger: false, proof: proof.value };
      }
      const proof = door.proofOf(request);
      if (!proof.ok) return { ...proof, stranger: true };
      const known = await fleet.deviceOf(proof.value);
      // With an invitation, whoever is not known yet is bound to a device by it.
      const { authorization } = request.headers;
      const invited = !known.ok && binds === 'invitation' ? basicOf(authorization) : null;
      const token = legacy && !known.ok && binds === 'token' ? bearerOf(authorization) : null;
      if (legacy && token) return { ...(await legacy.bind(token, proof.value)), stranger: false };
      if (invited) return { ...(await fleet.bind(proof.value, invited)), stranger: false, recorded: true };
      return { ...known, stranger: false };
    },
    attempts: makeAttempts(clock),
  });
  return {
    ...http,
    setTls: async (next) => {
      door.setTls(next);
      await http.setTls(next);
    },
  };
}

function routesOf(fleet: Fleet): readonly Route[] {
  return [
    ...estRoutes(fleet),
    {
      method: 'GET',
      url: '/v1/crl',
      identity: 'none',
      answer: async (request, reply) => {
        const { authority } = request.query as { authority?: unknown };
        const lists = await fleet.revocations();
        const list = authority === undefined ? lists[0] : lists.find((each) => each.authority === authority);
        if (!list) return bad('not-found', { what: 'authority' });
        reply.type('application/pkix-crl');
        return good(Buffer.from(list.der));
      },
    },
    {
      method: 'GET',
      url: '/v1/crl.pem',
      identity: 'none',
      answer: async (_request, reply) => {
        reply.type('application/x-pem-file');
        return good((await fleet.revocations()).map(({ der }) => toPem(der, 'X509 CRL')).join(''));
      },
    },
    {
      method: 'GET',
      url: '/v1/bundle',
      identity: 'current',
      binds: 'invitation',
      answer: (_request, _reply, device) => fleet.bundle(device),
    },
    {
      method: 'GET',
      url: '/v1/enrolment',
      identity: 'current',
      answer: (_request, _reply, device) => fleet.enrolmentSecret(device),
    },
    {
      method: 'POST',
      url: '/v1/identity',
      bodyLimit: maxAnnouncementBytes,
      identity: 'renewable',
      answer: async (request, _reply, device, proof) => {
        const announced = read('announcement', bodyOf(request), maxAnnouncementBytes);
        const followed = announced.ok && proof ? await fleet.follow(proof, announced.value) : announced;
        if (followed.ok) return good(null);
        return refuse(fleet, request, device, followed.fault);
      },
    },
    {
      method: 'POST',
      url: '/v1/certificate',
      bodyLimit: maxCorporateBytes,
      identity: 'current',
      answer: async (request, _reply, device) => {
        const asked = read('corporateRequest', bodyOf(request), maxCorporateBytes);
        return asked.ok ? fleet.certificate(device, asked.value) : refuse(fleet, request, device, asked.fault);
      },
    },
    {
      method: 'POST',
      url: '/v1/bundle/confirm',
      identity: 'current',
      answer: (_request, _reply, device) => fleet.confirm(device),
    },
    {
      method: 'GET',
      url: '/v1/rotations',
      identity: 'none',
      answer: (request) =>
        rotations(fleet, (request.query as { from?: unknown }).from, (why) =>
          fleet.refused(null, ...originOf(request, why)),
        ),
    },
    {
      method: 'POST',
      url: '/v1/checkin',
      bodyLimit: maxCheckinBytes,
      identity: 'current',
      binds: 'token',
      answer: async (request, _reply, device) => {
        const checkin = read('checkinRequest', bodyOf(request), maxCheckinBytes);
        if (checkin.ok) return fleet.checkin(device, checkin.value);
        await fleet.refused(device, 'checkin', checkin.fault);
        return checkin;
      },
    },
  ];
}

/** Public: certificates the server shows to everyone, signed. Faults: `bad-argument`, `not-found`; on record. */
export async function rotations(
  fleet: Pick<Fleet, 'rotations'>,
  from: unknown,
  refused: (why: Fault) => Promise<void>,
): Promise<Result<Rotations>> {
  const right = typeof from === 'string' && /^[0-9a-f]{64}$/.test(from);
  const found = right ? await fleet.rotations(from) : bad('bad-argument', { what: 'from' });
  if (!found.ok) await refused(found.fault);
  return found;
}

const tokenRoutes = (fleet: Fleet, legacy: Legacy) => [
  tokenRoute(fleet, legacy),
  {
    method: 'POST',
    url: '/v1/mutual/token',
    identity: 'current',
    answer: (_request, _reply, device) => legacy.mutualToken(device),
  } satisfies Route,
];
