/** Connecting to a server: the main window's form, the question, and every way in which there is no connection. */
import { type FaultCode, fault, faultKinds } from '../../protocol/fault.ts';
import type { Preflight, Status } from '../../protocol/local.ts';
import type { Message } from '../../ui/model.ts';
import { answer, arrive, done, type Picture, press, refused, tick, type } from './playing.ts';
import { judged, leaf, now, registered, unmanaged } from './statuses.ts';

const typed: readonly Message[] = [
  ...type('rdp.example.com'),
  ...press('tab'),
  ...type('m.user'),
  ...press('tab'),
  ...type('pa ss-ж'),
];
const asked = (status: Status): readonly Message[] => [arrive(status), ...typed, ...press('enter')];
const stopped = (preflight: Preflight, ticket = 1): Message =>
  answer(ticket, { of: 'connect', value: { at: 'stopped', preflight } });
/** A connection that is refused for this reason, or has failed by it. */
export const refusalBy = (code: FaultCode): readonly Message[] => [
  ...asked(registered),
  stopped(
    judged(faultKinds[code] === 'rejected' ? 'refused' : 'failed', {
      fault: fault(code, {
        host: 'rdp.example.com',
        owner: 'rdp.example.com',
        address: 'rdp.example.com:3389',
        count: 3,
      }),
    }),
  ),
];
const question: readonly Message[] = [...asked(unmanaged), stopped(judged('unknown'))];
const adding: readonly Message[] = [...question, ...press('tab', 'enter')];
const running = (at: 'starting' | 'running' | 'ended', why: FaultCode | null = null): Status => ({
  ...unmanaged,
  session: {
    number: 1,
    purpose: 'rdp',
    server: 'rdp.example.com:3389',
    at,
    since: now - 65_000,
    fault: why === null ? null : fault(why, { status: 147 }),
  },
});
const preset: Status = {
  ...registered,
  settings: {
    ...registered.settings,
    rdp: { value: 'rdp.example.com', source: 'policy', locked: true },
    broker: { value: 'broker.example.com:8443', source: 'policy', locked: false },
  },
};

const hostile = judged('unknown', {
  warnings: [fault('name-mismatch', { host: 'rdp.example.com' }), fault('issuer-unknown', { issuer: 'CN=A' })],
  chain: [
    {
      ...leaf,
      owner: 'xrdp \u202egnp.exe\u001b[2J',
      issuer: `CN=${'очень длинное имя издателя, '.repeat(8)}`,
      names: Array.from({ length: 40 }, (_, index) => `rdp-${index + 1}.branch-office.example.com`),
      notAfter: now - 1000,
    },
  ],
});

/** What a pre-flight or a client can end with, and what goes with it. */
const reasons: readonly (readonly [FaultCode, Readonly<Record<string, string | number>>])[] = [
  ['changed-old-expired', { host: 'rdp.example.com', owner: 'rdp.example.com' }],
  ['changed-old-valid', { host: 'rdp.example.com', owner: 'rdp.example.com' }],
  ['not-assigned', { host: 'rdp.example.com' }],
  ['clock-unknown', {}],
  ['name-mismatch', { host: 'rdp.example.com' }],
  ['ip-under-root', {}],
  ['issuer-unknown', { issuer: 'CN=Example Remote Desktops Root CA' }],
  ['expired', { owner: 'rdp.example.com' }],
  ['not-yet-valid', { owner: 'rdp.example.com' }],
  ['revoked', { owner: 'rdp.example.com' }],
  ['blocklisted', { owner: 'rdp.example.com' }],
  ['wrong-purpose', {}],
  ['certificate-weak-key', { owner: 'rdp.example.com', key: 'RSA 1024' }],
  ['certificate-weak-signature', { owner: 'rdp.example.com' }],
  ['certificate-wrong-kind', { owner: 'rdp.example.com' }],
  ['path-too-long', {}],
  ['policy-constraint', {}],
  ['name-constraint', {}],
  ['path-invalid', {}],
  ['crl-unavailable', {}],
  ['session-busy', { server: 'rdp.example.com:3389' }],
  ['client-refused-certificate', {}],
];
/** Nothing was shown. */
const failures: readonly (readonly [FaultCode, Readonly<Record<string, string | number>>])[] = [
  ['server-unreachable', { address: 'rdp.example.com:3389' }],
  ['server-refused', { address: 'rdp.example.com:3389' }],
  ['timed-out', { address: 'rdp.example.com:3389' }],
  ['tls-failed', { address: 'rdp.example.com:3389', reason: 'wrong version number' }],
  ['not-rdp', { address: 'rdp.example.com:3389' }],
  ['rdp-no-tls', { address: 'rdp.example.com:3389' }],
  ['client-missing', { what: 'xfreerdp' }],
];

export const connecting: readonly Picture[] = [
  { name: 'connect-typed', messages: [arrive(unmanaged), ...typed] },
  { name: 'connect-nothing-typed', messages: [arrive(unmanaged), ...press('down', 'down', 'enter')] },
  { name: 'connect-broker', messages: [arrive(unmanaged), ...press('up', 'right')] },
  {
    name: 'connect-broker-no-user',
    messages: [
      arrive(unmanaged),
      ...press('up', 'right', 'down'),
      ...type('broker'),
      ...press('down', 'down', 'enter'),
    ],
  },
  { name: 'connect-preset', messages: [arrive(preset)] },
  { name: 'connect-preset-broker', messages: [arrive(preset), ...press('up', 'right', 'down')] },
  { name: 'waiting', messages: asked(unmanaged) },
  { name: 'waiting-refused', messages: [...asked(unmanaged), answer(1, refused(fault('busy')))] },
  { name: 'waiting-lost', messages: [...asked(unmanaged), { type: 'service-lost' }, arrive(unmanaged)] },
  { name: 'question', messages: question },
  { name: 'question-hostile', messages: [...asked(unmanaged), stopped(hostile)] },
  { name: 'question-hostile-end', messages: [...asked(unmanaged), stopped(hostile), ...press('end', 'tab')] },
  { name: 'question-adding', messages: adding },
  { name: 'question-added', messages: [...adding, answer(2, done)] },
  { name: 'question-cancelled', messages: [...question, ...press('enter')] },
  { name: 'question-changed', messages: [...adding, answer(2, refused(fault('not-shown')))] },
  {
    name: 'session-starting',
    messages: [
      ...adding,
      answer(2, done),
      answer(3, { of: 'connect', value: { at: 'started', session: 1, preflight: judged('trusted') } }),
      arrive(running('starting')),
    ],
  },
  { name: 'session-running', messages: [arrive(running('running')), tick(60_000)] },
  { name: 'session-one-at-a-time', messages: [arrive(running('running')), ...typed, ...press('enter')] },
  { name: 'session-ended', messages: [arrive(running('running')), arrive(running('ended'))] },
  { name: 'session-failed', messages: [arrive(running('running')), arrive(running('ended', 'client-failed'))] },
  {
    name: 'session-failed-later',
    messages: [arrive(running('running')), arrive(running('ended', 'client-failed')), ...press('enter')],
  },
  ...reasons.map(([code, facts]) => ({
    name: `refusal-${code}`,
    messages: [...asked(registered), stopped(judged('refused', { fault: fault(code, facts) }))],
  })),
  {
    name: 'refusal-changed-open',
    messages: [
      ...asked(unmanaged),
      stopped(judged('refused', { fault: fault('changed-old-valid', { host: 'rdp.example.com', owner: 'rdp' }) })),
    ],
  },
  ...failures.map(([code, facts]) => ({
    name: `refusal-${code}`,
    messages: [...asked(registered), stopped(judged('failed', { fault: fault(code, facts), chain: [] }))],
  })),
];
