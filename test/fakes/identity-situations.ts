/** Situations and events of the device's own certificate, for the state × event table and the tests of renewal. */
import type { KeyRef } from '../../agent/core/durable.ts';
import { nextKeyOf } from '../../agent/core/generation.ts';
import { leafOf, registeredOf } from '../../agent/core/identity.ts';
import type { Effect, Happening } from '../../agent/core/shape.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import { dayMs, minuteMs } from '../../protocol/time.ts';
import { deviceLeafTopic } from '../../protocol/topics.ts';
import { base64, print, serverCertificates } from './administration.ts';
import {
  askNow,
  type Bench,
  keyDigest,
  lastStatus,
  loseConnection,
  noon,
  openRegistered,
  pass,
  send,
} from './agent.ts';
import { issue } from './issue.ts';
import type { Incident, Situation } from './situations.ts';

export const identityDays = 100;

/** Registered by a certificate of so many days, and connected. */
export const openAgeing = (days: number = identityDays): Bench =>
  openRegistered((bench) => {
    bench.server.state.identityDays = days;
  });

/** The clock jumps, and the agent is woken once. */
export function leap(bench: Bench, byMs: number): readonly Effect[] {
  bench.time.uptimeMs += byMs;
  return send(bench, { type: 'tick' });
}

/** To this many days before the end of the identity in use; behind it where they are negative. */
export function leapTo(bench: Bench, daysBefore: number): readonly Effect[] {
  const own = registeredOf(bench.state);
  const end = (own && leafOf(own.identity)?.notAfter) ?? 0;
  return leap(bench, end - daysBefore * dayMs - noon - bench.time.uptimeMs);
}

/** One effect is not performed, until the bench is let go on by `instead`. */
export const hang = (bench: Bench, name: Effect['do']): void => {
  bench.instead = (effect) => (effect.do === name ? [] : null);
};
export const letGo = (bench: Bench): void => {
  bench.instead = () => null;
};

const inWindow = (name: Effect['do']) => (): Bench => {
  const bench = openAgeing();
  hang(bench, name);
  leapTo(bench, 20);
  pass(bench, minuteMs);
  letGo(bench);
  return bench;
};
const refusedAt = (call: 'renew' | 'prove', why: Fault) => (): Bench => {
  const bench = openAgeing();
  bench.instead = (effect) => (effect.do === call ? [{ type: 'call-failed', call, fault: why }] : null);
  leapTo(bench, 20);
  pass(bench, minuteMs);
  letGo(bench);
  return bench;
};
/** Away since before its end, and woken so many days after it. */
export const openLate = (daysAfter: number): Bench => {
  const bench = openAgeing();
  loseConnection(bench);
  bench.server.state.reachable = false;
  leapTo(bench, -daysAfter);
  return bench;
};
const lateAt = (name: Effect['do']) => (): Bench => {
  const bench = openLate(10);
  bench.server.state.reachable = true;
  hang(bench, name);
  pass(bench, 10 * minuteMs);
  letGo(bench);
  return bench;
};
export const openRetired = (): Bench => {
  const bench = openLate(40);
  bench.server.state.reachable = true;
  pass(bench, 10 * minuteMs);
  if (lastStatus(bench).replacement?.about !== 'device') throw new Error('a retired device asks for no code');
  return bench;
};
const readmittedAt = (name: Effect['do']) => (): Bench => {
  const bench = openRetired();
  hang(bench, name);
  answerCode(bench);
  pass(bench, minuteMs);
  letGo(bench);
  return bench;
};
export function answerCode(bench: Bench): void {
  const shown = lastStatus(bench).replacement?.confirmationCode ?? '';
  askNow(bench, { do: 'code', code: bench.server.answerCode(shown) });
}

export const identitySituations: readonly Situation[] = [
  { name: 'renewing, making a key', make: inWindow('make-key') },
  { name: 'renewing, asking', make: inWindow('renew') },
  { name: 'renewing, proving', make: inWindow('prove') },
  { name: 'renewal refused', make: refusedAt('renew', fault('csr-refused')) },
  { name: 'proof refused', make: refusedAt('prove', fault('identity-refused')) },
  { name: 'proof not answered', make: refusedAt('prove', fault('timed-out')) },
  { name: 'expired, away', make: () => openLate(10) },
  { name: 'expired, asking', make: lateAt('renew') },
  { name: 'expired, proving', make: lateAt('prove') },
  { name: 'retired, a code asked', make: openRetired },
  { name: 'readmitted, enrolling again', make: readmittedAt('enrol-again') },
  { name: 'readmitted, proving', make: readmittedAt('prove') },
];

const deviceOf = ({ server }: Bench): string => server.device.id || '6f1dcf1c-1111-4111-8111-111111111111';
const nextKey = ({ state }: Bench): KeyRef => {
  const own = registeredOf(state);
  return (own && nextKeyOf(own)) ?? { kind: 'file', sha256: keyDigest };
};
const dates = { from: new Date(noon - dayMs).toISOString(), to: new Date(noon + 3000 * dayMs).toISOString() };

export const identityIncidents: readonly Incident[] = [
  {
    name: 'a certificate for the next key',
    make: (bench) => ({
      type: 'renewed',
      key: nextKey(bench),
      chain: [base64(issue({ cn: deviceOf(bench), ...dates }))],
    }),
  },
  {
    name: 'the certificate of another device',
    make: (bench) => ({ type: 'renewed', key: nextKey(bench), chain: [base64(issue({ cn: 'another', ...dates }))] }),
  },
  { name: 'garbage for a certificate', make: (bench) => ({ type: 'renewed', key: nextKey(bench), chain: ['AAAA'] }) },
  { name: 'the next identity proven', make: proven },
  {
    name: 'garbage for a proof',
    make: () => ({ type: 'proven', fingerprint: print(serverCertificates[0]), bytes: Buffer.from('{') }),
  },
  {
    name: 'the next key unreadable',
    make: () => ({ type: 'next-unreadable', fault: fault('identity-unreadable', { what: 'key', wrong: 'ENOENT' }) }),
  },
  ...(['renew', 'enrol-again', 'prove'] as const).flatMap((call): Incident[] => [
    { name: `${call} refused`, make: () => ({ type: 'call-failed', call, fault: fault('csr-refused') }) },
    {
      name: `${call}: not this identity`,
      make: () => ({ type: 'call-failed', call, fault: fault('identity-refused') }),
    },
    {
      name: `${call} did not get through`,
      make: () => ({ type: 'call-failed', call, fault: fault('server-unreachable') }),
    },
    { name: `${call}: retired`, make: () => ({ type: 'call-failed', call, fault: fault('identity-retired') }) },
    {
      name: `${call}: presented an unknown certificate`,
      make: () => ({ type: 'presented', der: base64(serverCertificates[2]), call }),
    },
  ]),
  {
    name: 'checkin: retired',
    make: () => ({ type: 'call-failed', call: 'checkin', fault: fault('identity-retired') }),
  },
  { name: 'checkin: expired', make: () => ({ type: 'call-failed', call: 'checkin', fault: fault('expired') }) },
  {
    name: 'a command to renew',
    make: (bench) => ({
      type: 'message',
      connection: 'connection' in bench.state.link ? bench.state.link.connection : 99,
      ticket: 7,
      topic: deviceLeafTopic(deviceOf(bench), 'command'),
      payload: Buffer.from(bench.server.commandOf('renew')),
    }),
  },
];

/** What the server would answer to the proof under way. */
function proven({ server, state, time }: Bench): Happening {
  const { renewal } = state;
  const nonce = renewal.at === 'proving' ? renewal.nonce : '0'.repeat(32);
  const signed = server.sign('time', { ...server.deviceDocument(), nonce, time: noon + time.uptimeMs });
  const { eventSeq: acknowledged } = state.counters;
  const answer = { format: 1, policy: null, device: null, commands: [], time: signed, acknowledged };
  return {
    type: 'proven',
    fingerprint: print(serverCertificates[server.state.main]),
    bytes: Buffer.from(JSON.stringify(answer)),
  };
}
