/** The settings: free, locked by the policy, and opened by the administrator's code. */
import { fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import type { Message } from '../../ui/model.ts';
import { answer, arrive, done, type Picture, press, refused, settings, type } from './playing.ts';
import { judged, leaf, now, registered, unmanaged, unregistered } from './statuses.ts';

const shut: Status = {
  ...registered,
  settings: {
    ...registered.settings,
    connection: { locked: true },
    reset: { locked: true },
    dateTime: { locked: true },
    logServer: { value: 'log.example.com:6514', source: 'policy', locked: true },
    rdp: { value: 'rdp.example.com', source: 'policy', locked: false },
  },
  log: { at: 'connected', server: 'log.example.com:6514', fault: null, preflight: null, unsent: 0, dropped: 0 },
};
const asking = (status: Status, action: 'connection' | 'reset', openForMs = 0): Status => ({
  ...status,
  operation: {
    action,
    confirmationCode: openForMs > 0 ? '' : '2042 7351 0029 4463',
    openForMs,
    lockedForMs: 0,
    triesLeft: 5,
  },
});
/** The focus begins at the user where the server is known. */
const inSettings = (status: Status, entry: number): readonly Message[] => [
  arrive(status),
  ...(status.settings.rdp.value === null ? [] : press('up')),
  ...settings(entry),
];
const needsCode: Message = answer(1, refused(fault('code-needed')));
const atOperation: readonly Message[] = [
  ...inSettings(shut, 0),
  ...press('down', 'enter'),
  needsCode,
  arrive(asking(shut, 'connection')),
];
const toReset: readonly Message[] = press('tab', 'enter');
const logAsked = (verdict: 'unknown' | 'refused'): Status => ({
  ...unmanaged,
  settings: { ...unmanaged.settings, logServer: { value: 'log.example.com', source: 'local', locked: false } },
  log: {
    at: 'refused',
    server: 'log.example.com:6514',
    fault: verdict === 'unknown' ? null : fault('changed-old-valid', { host: 'log.example.com' }),
    preflight: judged(verdict, {
      purpose: 'log',
      server: 'log.example.com:6514',
      chain: [{ ...leaf, owner: 'log.example.com', names: ['log.example.com'] }],
      fault: verdict === 'unknown' ? null : fault('changed-old-valid', { host: 'log.example.com' }),
    }),
    unsent: 34,
    dropped: 0,
  },
});

export const settingPictures: readonly Picture[] = [
  { name: 'settings', messages: inSettings(unmanaged, 0).slice(0, -1) },
  { name: 'settings-locked', messages: inSettings(shut, 0).slice(0, -1) },
  {
    name: 'settings-unregistered',
    messages: [arrive(unregistered), ...press('escape', 'down'), ...settings(0).slice(0, -1)],
  },
  { name: 'connection', messages: inSettings(unmanaged, 0) },
  {
    name: 'connection-bad',
    messages: [
      ...inSettings(unmanaged, 0),
      ...press('backspace', 'backspace', 'backspace', 'backspace', 'down', 'enter'),
    ],
  },
  { name: 'connection-unregistered', messages: [arrive(unregistered), ...press('escape', 'down'), ...settings(0)] },
  { name: 'connection-saving', messages: [...inSettings(unmanaged, 0), ...press('down', 'enter')] },
  { name: 'connection-saved', messages: [...inSettings(unmanaged, 0), ...press('down', 'enter'), answer(1, done)] },
  { name: 'connection-locked', messages: inSettings(shut, 0) },
  { name: 'connection-open', messages: inSettings(asking(shut, 'connection', 9 * 60_000 + 30_000), 0) },
  { name: 'operation', messages: atOperation },
  { name: 'operation-waiting', messages: atOperation.slice(0, -1) },
  { name: 'operation-typing', messages: [...atOperation, ...type('1042')] },
  {
    name: 'operation-wrong',
    messages: [
      ...atOperation,
      ...type('104273510029'),
      ...press('enter'),
      answer(2, refused(fault('code-wrong', { triesLeft: 4 }))),
    ],
  },
  {
    name: 'operation-right',
    messages: [...atOperation, ...type('104273510029'), ...press('enter'), answer(2, done)],
  },
  { name: 'log-server', messages: inSettings(unmanaged, 1) },
  { name: 'log-server-locked', messages: inSettings(shut, 1) },
  { name: 'log-server-question', messages: inSettings(logAsked('unknown'), 1).concat(arrive(logAsked('unknown'))) },
  {
    name: 'log-server-unknown',
    messages: [...inSettings(logAsked('unknown'), 1), arrive(logAsked('unknown')), ...press('escape')],
  },
  { name: 'log-server-refused', messages: inSettings(logAsked('refused'), 1) },
  { name: 'log-server-why', messages: [...inSettings(logAsked('refused'), 1), ...press('down', 'down', 'enter')] },
  {
    name: 'log-server-saved',
    messages: [...inSettings(unmanaged, 1), ...type('log.example.com'), ...press('enter'), answer(1, done)],
  },
  { name: 'rdp-server', messages: inSettings(shut, 2) },
  { name: 'broker', messages: inSettings(shut, 3) },
  { name: 'time', messages: inSettings(unmanaged, 4) },
  {
    name: 'time-typed',
    messages: [...inSettings(unmanaged, 4), ...type('20270415'), ...press('down'), ...type('0815')],
  },
  { name: 'time-bad', messages: [...inSettings(unmanaged, 4), ...type('20260230'), ...press('down', 'down', 'enter')] },
  { name: 'time-locked', messages: inSettings(shut, 4) },
  { name: 'time-unknown', messages: inSettings({ ...unmanaged, clock: { at: 'unknown', now, floor: now } }, 4) },
  {
    name: 'time-refused',
    messages: [
      ...inSettings(unmanaged, 4),
      ...press('down', 'enter'),
      answer(1, refused(fault('time-below-floor', { time: '2026-01-01', floor: '2026-02-28' }))),
    ],
  },
  { name: 'language', messages: inSettings(unmanaged, 5) },
  { name: 'reset', messages: inSettings(unmanaged, 6) },
  { name: 'reset-locked', messages: [...inSettings(shut, 6), ...press('tab')] },
  { name: 'reset-running', messages: [...inSettings(unmanaged, 6), ...toReset] },
  { name: 'reset-done', messages: [...inSettings(unmanaged, 6), ...toReset, arrive(unregistered), answer(1, done)] },
  { name: 'reset-code', messages: [...inSettings(shut, 6), ...toReset, needsCode, arrive(asking(shut, 'reset'))] },
];
