/** Situations and events around the servers a person connects to, for the state × event table. */
import type { Probed } from '../../agent/core/shape.ts';
import { fingerprintOf, parseCertificate, toBase64, toPem } from '../../protocol/certificate.ts';
import { fault } from '../../protocol/fault.ts';
import { askNow, type Bench, openBench, openRegistered, start } from './agent.ts';
import { issue } from './issue.ts';
import { openRemotes } from './remote.ts';
import type { Incident, Situation } from './situations.ts';

const desktop = issue({ cn: 'desktop.example', dns: ['desktop.example'] });
const other = issue({ cn: 'desktop.example', dns: ['desktop.example'] });
const print = fingerprintOf(desktop.der);
const server = 'desktop.example';
const remotes = openRemotes(new Map([[`${server}:3389`, { chain: [desktop] }]]));
const connect = { do: 'connect', purpose: 'rdp', server, user: 'someone' } as const;
const preflight = { do: 'preflight', purpose: 'rdp', server } as const;
const add = { do: 'add', purpose: 'rdp', server, fingerprint: print } as const;

function looked(bench: Bench): Bench {
  bench.instead = remotes;
  askNow(bench, preflight);
  return bench;
}
function accepted(bench: Bench): Bench {
  askNow(looked(bench), add);
  return bench;
}
function hangingAt(bench: Bench, name: 'probe' | 'launch', ask: typeof connect | typeof preflight): Bench {
  bench.instead = (effect) => (effect.do === name ? [] : remotes(effect));
  askNow(bench, ask);
  bench.instead = remotes;
  return bench;
}
function running(bench: Bench): Bench {
  askNow(accepted(bench), connect);
  return bench;
}
const unregistered = (): Bench => {
  const bench = openBench();
  start(bench);
  return bench;
};

export const remoteSituations: readonly Situation[] = [
  { name: 'looking at a server', make: () => hangingAt(unregistered(), 'probe', preflight) },
  { name: 'a server was looked at', make: () => looked(openRegistered()) },
  { name: 'looking at a server, to connect', make: () => hangingAt(accepted(openRegistered()), 'probe', connect) },
  { name: 'a client is being started', make: () => hangingAt(accepted(openRegistered()), 'launch', connect) },
  { name: 'a session runs', make: () => running(openRegistered()) },
];

const shown = (der: Uint8Array, bench: Bench): Probed => {
  const parsed = parseCertificate(new Uint8Array(der));
  const by = parsed.ok && bench.state.durable.local.some((entry) => entry.der === toBase64(der)) ? parsed.value : null;
  const verdict = by
    ? { trusted: true as const, by: by.fingerprint }
    : { trusted: false as const, fault: fault('issuer-unknown') };
  return { at: 'shown', chain: [new Uint8Array(der)], verdict, named: true, tls: 'TLSv1.3' };
};
const requestOf = ({ state }: Bench): number => state.trust.probes[0]?.request ?? 99;
const sessionOf = ({ state }: Bench): number => state.trust.session?.number ?? 99;
const ended = (code: 'client-refused-certificate' | 'client-missing' | null) => (bench: Bench) =>
  ({ type: 'session-ended', session: sessionOf(bench), fault: code && fault(code) }) as const;

export const remoteIncidents: readonly Incident[] = [
  { name: 'asked to look at a server', make: () => ({ type: 'asked', request: 11, ask: preflight }) },
  {
    name: 'asked to look at no server',
    make: () => ({ type: 'asked', request: 11, ask: { ...preflight, server: '.' } }),
  },
  {
    name: 'asked to look at its own',
    make: () => ({ type: 'asked', request: 11, ask: { do: 'preflight', purpose: 'ksc', server: '' } }),
  },
  { name: 'asked to connect', make: () => ({ type: 'asked', request: 12, ask: connect }) },
  { name: 'asked to add a certificate', make: () => ({ type: 'asked', request: 13, ask: add }) },
  {
    name: 'asked to remove a certificate',
    make: () => ({ type: 'asked', request: 14, ask: { do: 'remove', purpose: 'rdp', fingerprint: print } }),
  },
  {
    name: 'asked to import a file',
    make: () => ({
      type: 'asked',
      request: 15,
      ask: {
        do: 'import',
        purpose: 'log',
        server: null,
        files: [{ name: 'log.pem', content: toBase64(Buffer.from(toPem(other.der))) }],
      },
    }),
  },
  {
    name: 'the server showed what was accepted',
    make: (bench) => ({ type: 'probed', request: requestOf(bench), outcome: shown(desktop.der, bench) }),
  },
  {
    name: 'the server showed something else',
    make: (bench) => ({ type: 'probed', request: requestOf(bench), outcome: shown(other.der, bench) }),
  },
  {
    name: 'the server showed nothing',
    make: (bench) => ({
      type: 'probed',
      request: requestOf(bench),
      outcome: { at: 'failed', fault: fault('timed-out') },
    }),
  },
  {
    name: 'another look ended',
    make: () => ({ type: 'probed', request: 999, outcome: { at: 'failed', fault: fault('timed-out') } }),
  },
  { name: 'the client runs', make: (bench) => ({ type: 'session-running', session: sessionOf(bench) }) },
  { name: 'the client ended', make: ended(null) },
  { name: 'the client refused the certificate', make: ended('client-refused-certificate') },
  { name: 'there is no client', make: ended('client-missing') },
  { name: 'another client ended', make: () => ({ type: 'session-ended', session: 999, fault: null }) },
];
