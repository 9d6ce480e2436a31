/**
 * HTTPS for agents without an identity, on a port of its own that asks for no client certificate: registration, enrolment,
 * the legacy token endpoint, and check-in by an access token. Failures are bounded by address.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { bad, fault, good, type Result } from '../../protocol/fault.ts';
import { read } from '../../protocol/validate.ts';
import { bearerOf } from '../core/bearer.ts';
import type { Fleet, ListenerTls } from '../core/ports.ts';
import { makeAttempts } from './attempts.ts';
import { type Caller, type DeviceHttp, type ListenOptions, serveRoutes } from './device-app.ts';
import { bodyOf, maxCheckinBytes, type Route } from './device-route.ts';
import { basicOf, enrol, estRoutes, layCertificates, maxEnrolBytes, refuse, requestIn } from './est.ts';
import { makeFrontDoor, noFrontEnds } from './front-end.ts';
import type { Legacy } from './legacy.ts';

export type LegacyHttpOptions = ListenOptions & { readonly legacy: Legacy };
/** The listener where it is open; moved and closed while the server runs. */
export type LegacyPort = {
  /** The new one listens before the old one is closed; rejects where it cannot be had. */
  readonly move: (port: number | null) => Promise<void>;
  readonly setTls: (tls: ListenerTls) => Promise<void>;
  readonly port: () => number | null;
  readonly close: () => Promise<void>;
};
type LimitedRoute = Route & { readonly limited: true };

const maxRegistrationBytes = 4 * 1024;

/** Listens; rejects where the port cannot be had. */
export function serveLegacy(options: LegacyHttpOptions): Promise<DeviceHttp> {
  const { fleet, legacy, clock, tls } = options;
  return serveRoutes(options, {
    routes: routesOf(fleet, legacy),
    asksForCertificate: false,
    // Nobody passes certificates on here.
    gate: makeFrontDoor(noFrontEnds, tls, clock).gate,
    identify: async (request): Promise<Caller> => {
      const device = await legacy.deviceOf(bearerOf(request.headers.authorization));
      return { ...device, stranger: !device.ok && device.fault.code === 'token-refused' };
    },
    attempts: makeAttempts(clock),
  });
}

/** Closed until it is moved somewhere. */
export function makeLegacyPort(options: Omit<LegacyHttpOptions, 'port'>): LegacyPort {
  let tls = options.tls;
  let open: DeviceHttp | null = null;
  const replace = async (next: DeviceHttp | null): Promise<void> => {
    const last = open;
    open = next;
    await last?.close();
  };
  return {
    move: async (port) => {
      if (port !== null && port === open?.port) return;
      await replace(port === null ? null : await serveLegacy({ ...options, tls, port }));
    },
    setTls: async (next) => {
      tls = next;
      await open?.setTls(next);
    },
    port: () => open?.port ?? null,
    close: () => replace(null),
  };
}

/** The legacy token endpoint (Table 89), on this port and on the one for devices with certificates. */
export const tokenRoute = (fleet: Fleet, legacy: Legacy): LimitedRoute => ({
  method: 'POST',
  url: '/v1/token',
  identity: 'none',
  limited: true,
  answer: async (request) => {
    const answered = await legacy.token(bearerOf(request.headers.authorization));
    return answered.ok ? answered : refuse(fleet, request, null, answered.fault);
  },
});

function routesOf(fleet: Fleet, legacy: Legacy): readonly (Route & { readonly limited?: true })[] {
  const [cacerts] = estRoutes(fleet);
  return [
    ...(cacerts ? [cacerts] : []),
    {
      method: 'POST',
      url: '/.well-known/est/simpleenroll',
      bodyLimit: maxEnrolBytes,
      identity: 'none',
      limited: true,
      answer: (request, reply) =>
        /^bearer /i.test(request.headers.authorization ?? '')
          ? enrolByToken(fleet, legacy, request, reply)
          : enrol(fleet, request, reply),
    },
    {
      method: 'POST',
      url: '/v1/register',
      bodyLimit: maxRegistrationBytes,
      identity: 'none',
      limited: true,
      answer: (request) => register(fleet, legacy, request),
    },
    tokenRoute(fleet, legacy),
    {
      method: 'GET',
      url: '/v1/bundle',
      identity: 'current',
      limited: true,
      answer: (_request, _reply, device) => fleet.bundle(device),
    },
    {
      method: 'POST',
      url: '/v1/checkin',
      bodyLimit: maxCheckinBytes,
      identity: 'current',
      limited: true,
      answer: async (request, _reply, device) => {
        const checkin = read('checkinRequest', bodyOf(request), maxCheckinBytes);
        if (checkin.ok) return legacy.checkin(device, checkin.value);
        await fleet.refused(device, 'checkin', checkin.fault);
        return checkin;
      },
    },
  ];
}

/** Faults: `invitation-refused`, and those of the body, which is read only for somebody who shows credentials. */
async function register(fleet: Fleet, legacy: Legacy, request: FastifyRequest): Promise<Result<unknown>> {
  const credentials = basicOf(request.headers.authorization);
  if (!credentials) return refuse(fleet, request, null, fault('invitation-refused'));
  const wanted = read('legacyRegistration', bodyOf(request), maxRegistrationBytes);
  return wanted.ok ? legacy.register(credentials, wanted.value) : refuse(fleet, request, null, wanted.fault);
}

/** RFC 7030 §3.2.3 leaves other ways of authentication open. Faults: those of the request, and of `Legacy.enrol`. */
async function enrolByToken(
  fleet: Fleet,
  legacy: Legacy,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Result<unknown>> {
  const token = bearerOf(request.headers.authorization);
  const csrDer = token ? requestIn(request) : bad('token-refused');
  if (!csrDer.ok) return refuse(fleet, request, null, csrDer.fault);
  const issued = await legacy.enrol(token, csrDer.value);
  return issued.ok ? good(layCertificates(reply, issued.value)) : refuse(fleet, request, null, issued.fault);
}
