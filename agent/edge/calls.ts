/**
 * What is asked over the network on behalf of an effect: of the Administration Server, and of servers that a person or a policy
 * names. Each answers with the happenings to tell the core. Protocols are loaded where they are asked for, and gone with the next start.
 */
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import type { Identity, KeyRef, Order } from '../core/durable.ts';
import type { Call, Effect, Happening } from '../core/shape.ts';
import { type DeviceKey, isInFile, TokenError } from './device-key.ts';
import type { Disk } from './disk.ts';
import type { AtServer } from './elsewhere.ts';
import type { Issued } from './enrol.ts';
import type { Keys } from './keys.ts';
import type { Judging } from './registration.ts';
import type { Credentials } from './tls.ts';

type KeyEdges = { readonly storage: Pick<Disk, 'readKey'>; readonly keys: Keys };
/** What a call needs of the other edges. */
export type CallEdges = KeyEdges & { readonly judging: Judging };

export const callFailed = (call: Call, why: Fault): Happening => ({ type: 'call-failed', call, fault: why });

/** For X.224, TLS and the judgement together. */
const probeTimeoutMs = 10_000;

export async function probeBy({ place, request, rules }: Extract<Effect, { do: 'probe' }>): Promise<Happening> {
  try {
    const { probe } = await import('./probe.ts');
    return { type: 'probed', request, outcome: await probe({ place, rules, timeoutMs: probeTimeoutMs }) };
  } catch (error) {
    const why = fault('internal', { what: String(error).slice(0, 200) });
    return { type: 'probed', request, outcome: { at: 'failed', fault: why } };
  }
}

export const faultOfThrown = (error: unknown): Fault =>
  error instanceof TokenError ? error.fault : fault('internal', { what: String(error).slice(0, 200) });

async function keyOf(ref: KeyRef, { keys, storage }: KeyEdges): Promise<Result<DeviceKey>> {
  const bytes = await storage.readKey(ref);
  return bytes.ok ? keys.open(ref, bytes.value) : bytes;
}

export async function credentialsOf({ key: ref, chain }: Identity, edges: KeyEdges): Promise<Result<Credentials>> {
  const key = await keyOf(ref, edges);
  return key.ok ? good({ key: key.value, chain }) : key;
}

export async function enrolBy(
  { key: ref, order, subject }: Extract<Effect, { do: 'enrol' }>,
  edges: CallEdges,
): Promise<readonly Happening[]> {
  const key = await keyOf(ref, edges);
  if (!key.ok) return [callFailed('enrol', key.fault)];
  const chain = await enrolWith(order, key.value, subject, edges.judging);
  return [chain.ok ? { type: 'enrolled', chain: chain.value } : callFailed('enrol', chain.fault)];
}

async function enrolWith(order: Order, key: DeviceKey, subject: string, judging: Judging) {
  const { enrolment } = order;
  if (enrolment?.protocol === 'scep') {
    const { enrolByScep } = await import('./scep.ts');
    if (!isInFile(key)) return bad('capability-missing', { what: 'RSA' });
    return enrolByScep({ ...enrolment, challenge: enrolment.password }, key, subject, judging);
  }
  const { enrol } = await import('./enrol.ts');
  return enrol(enrolment ? { ...enrolment, invitation: enrolment.user } : order, key, subject, judging);
}

export async function callBy(
  effect: Extract<Effect, { do: 'fetch-bundle' | 'confirm-bundle' }>,
  edges: CallEdges,
): Promise<readonly Happening[]> {
  const { judging } = edges;
  const credentials = await credentialsOf(effect.identity, edges);
  if (!credentials.ok) return [callFailed(effect.do, credentials.fault)];
  const { confirmBundle, fetchBundle } = await import('./registration.ts');
  const { accept, address } = effect;
  const call = effect.do === 'fetch-bundle' ? fetchBundle : confirmBundle;
  const invited = 'invited' in effect ? { invited: effect.invited } : {};
  const outcome = await call({ accept, address, credentials: credentials.value, judging, ...invited });
  if (outcome.at === 'failed') return [callFailed(effect.do, outcome.fault)];
  if (outcome.at === 'presented') return [callFailed(effect.do, fault('fingerprint-mismatch', { address }))];
  return [
    effect.do === 'fetch-bundle'
      ? { type: 'bundle-fetched', bytes: outcome.answer.body }
      : { type: 'bundle-confirmed' },
  ];
}

export async function askRotations({
  address,
  from,
}: Extract<Effect, { do: 'fetch-rotations' }>): Promise<readonly Happening[]> {
  const { fetchRotations } = await import('./rotations.ts');
  const fetched = await fetchRotations(address, from);
  return [
    fetched.ok ? { type: 'rotations-fetched', bytes: fetched.value } : callFailed('fetch-rotations', fetched.fault),
  ];
}

export async function checkInBy(
  { accept, address, announcedBy, body, do: call, identity }: Extract<Effect, { do: 'checkin' | 'prove' }>,
  edges: CallEdges,
): Promise<readonly Happening[]> {
  const credentials = await credentialsOf(identity, edges);
  if (!credentials.ok)
    return [call === 'prove' ? nextLost(call, credentials.fault) : callFailed(call, credentials.fault)];
  const announcer = announcedBy ? await credentialsOf(announcedBy, edges) : null;
  if (announcer && !announcer.ok) return [callFailed(call, announcer.fault)];
  const { checkIn } = await import('./checkin.ts');
  const place = { accept, address };
  const announced = announcer && (await announceBy({ ...place, credentials: announcer.value }, credentials.value));
  const known = announced === null || announced.at === 'answered';
  const outcome = known ? await checkIn({ ...place, body, credentials: credentials.value }) : announced;
  if (outcome.at === 'failed') return [callFailed(call, outcome.fault)];
  if (outcome.at === 'presented') return [{ type: 'presented', der: outcome.der, ...(call === 'prove' && { call }) }];
  const { body: bytes, fingerprint } = outcome.answer;
  return [{ type: call === 'prove' ? 'proven' : 'checked-in', fingerprint, bytes }];
}

export async function fetchCorporateBy(
  effect: Extract<Effect, { do: 'fetch-corporate' }>,
  edges: KeyEdges,
  keep: (pkcs8: Uint8Array) => Promise<Result<KeyRef>>,
): Promise<readonly Happening[]> {
  const credentials = await credentialsOf(effect.identity, edges);
  if (!credentials.ok) return [callFailed(effect.do, credentials.fault)];
  const { fetchCorporate } = await import('./corporate.ts');
  const fetched = await fetchCorporate({ ...effect, credentials: credentials.value });
  if (!fetched.ok) return [callFailed(effect.do, fetched.fault)];
  const { pkcs8, chain } = fetched.value;
  const key = await keep(pkcs8);
  const { id, order } = effect;
  return [key.ok ? { type: 'corporate-fetched', id, order, key: key.value, chain } : callFailed(effect.do, key.fault)];
}

async function announceBy(server: AtServer, next: Credentials) {
  const { announce } = await import('./elsewhere.ts');
  return announce(server, next);
}

/** What may pass, as a TPM that does not answer, costs no key. */
const nextLost = (call: Call, why: Fault): Happening =>
  why.kind === 'unavailable' ? callFailed(call, why) : { type: 'next-unreadable', fault: why };

export async function followBy(
  effect: Extract<Effect, { do: 'renew' | 'enrol-again' }>,
  edges: CallEdges,
): Promise<readonly Happening[]> {
  const { do: call } = effect;
  const { judging } = edges;
  const key = await keyOf(effect.key, edges);
  if (!key.ok) return [nextLost(call, key.fault)];
  const credentials = effect.do === 'renew' ? await credentialsOf(effect.identity, edges) : null;
  if (credentials && !credentials.ok) return [callFailed(call, credentials.fault)];
  const { accept, address, device } = effect;
  const { enrolAgain, renew } = await import('./enrol.ts');
  const ask = async (): Promise<Issued> => {
    if (effect.do === 'enrol-again') return enrolAgain({ accept, address, device, secret: effect.secret }, key.value);
    if (!credentials) return { at: 'failed', fault: fault('internal') };
    const server = { accept, address, credentials: credentials.value };
    if (!effect.elsewhere) return renew({ ...server, device }, key.value);
    const { enrolElsewhere } = await import('./elsewhere.ts');
    return enrolElsewhere(effect.elsewhere, server, key.value, judging);
  };
  const outcome = await ask();
  if (outcome.at === 'failed') return [callFailed(call, outcome.fault)];
  return [
    outcome.at === 'issued'
      ? { type: 'renewed', key: effect.key, chain: outcome.chain }
      : { type: 'presented', der: outcome.der, call },
  ];
}
