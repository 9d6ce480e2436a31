/** The tools: event log, certificates, pre-flight check, notifications, product information. */
import { fault } from '../../protocol/fault.ts';
import type { LogRecord, RepairView, Severity, Status } from '../../protocol/local.ts';
import type { Answer, Message } from '../../ui/model.ts';
import { answer, arrive, done, type Picture, press, refused, tools, type } from './playing.ts';
import {
  byHand,
  judged,
  leaf,
  manyCertificates,
  now,
  registered,
  replacing,
  retired,
  troubled,
  unmanaged,
} from './statuses.ts';

const severities: readonly Severity[] = ['info', 'info', 'warn', 'error', 'info', 'fatal'];
const texts = [
  'the link to the administration server is up',
  'policy revision 1772300000000 is in use; 3 certificates came, 1 left',
  'the certificate of the log server is not trusted: issuer-unknown; nothing was sent, the device will ask again in 4 minutes',
  'connection to rdp.example.com:3389 refused: changed-old-valid',
];
export const records = (first: number, count: number): LogRecord[] =>
  Array.from({ length: count }, (_, index) => ({
    seq: first - index,
    at: now - index * 61_000,
    severity: severities[index % severities.length] ?? 'info',
    component: 'agent/trust',
    text: texts[index % texts.length] ?? '',
  }));
const forwarded: Status = {
  ...registered,
  log: { at: 'connected', server: 'log.example.com:6514', fault: null, preflight: null, unsent: 0, dropped: 0 },
};
const waiting: Status = {
  ...registered,
  log: {
    at: 'waiting',
    server: 'log.example.com:6514',
    fault: fault('server-unreachable', { address: 'log.example.com:6514' }),
    preflight: null,
    unsent: 1204,
    dropped: 17,
  },
};
const page = (count: number, more: boolean, ticket = 1): Message =>
  answer(ticket, { of: 'log', value: { records: records(5000 - (ticket - 1) * 100, count), more } });
const inLog = (status: Status): readonly Message[] => [arrive(status), ...tools(0)];
const inList = (status: Status): readonly Message[] => [arrive(status), ...tools(1)];
const inPreflight: readonly Message[] = [arrive(unmanaged), ...tools(2)];
const checking: readonly Message[] = [...inPreflight, ...press('down'), ...type('rdp.example.com'), ...press('enter')];
const inImport: readonly Message[] = [...inList(unmanaged), ...press('f4')];
const files = ['RDP root.cer', 'branch/broker.pem', 'log-server.p7b', 'корневой сертификат.crt'];
const media: Message = answer(1, {
  of: 'media',
  value: { files: files.map((name, index) => ({ name, bytes: 900 + 700 * index })), repairs: [], more: false },
});
const importing: readonly Message[] = [...inImport, media, ...press('down', 'enter', 'down', 'enter', 'tab', 'enter')];
const opened: Status = { ...unmanaged, certificates: [...unmanaged.certificates, byHand] };
const removing: readonly Message[] = [...inList(opened), ...press('end', 'delete')];

const repairView: RepairView = {
  rev: 7,
  https: 'ksc.example.com:443',
  mqtt: 'ksc.example.com:8883',
  certificate: leaf,
  signedAt: now - 3 * 86_400_000,
  validUntil: now + 27 * 86_400_000,
  by: 'recovery',
  time: null,
};
const sticks: Answer = {
  of: 'media',
  value: { files: [], repairs: ['USB/repair.thintrust', 'USB/старый.thintrust'].map(sized), more: false },
};
function sized(name: string) {
  return { name, bytes: 2345 };
}
const inRepair: readonly Message[] = [arrive(registered), ...tools(5)];
const choosing: readonly Message[] = [...inRepair, answer(1, sticks)];
const looking: readonly Message[] = [...choosing, ...press('enter')];
const repairing = (more: Partial<RepairView> = {}): readonly Message[] => [
  ...looking,
  answer(2, { of: 'repair', value: { ...repairView, ...more } }),
];
const repaired: readonly Message[] = [...repairing(), ...press('tab', 'enter')];
export const repairPictures: readonly Picture[] = [
  { name: 'repair-looking', messages: inRepair },
  {
    name: 'repair-nothing',
    messages: [...inRepair, answer(1, { of: 'media', value: { files: [], repairs: [], more: false } })],
  },
  { name: 'repair', messages: choosing },
  { name: 'repair-checking', messages: looking },
  { name: 'repair-stale', messages: [...looking, answer(2, refused(fault('repair-stale')))] },
  { name: 'repair-question', messages: repairing() },
  {
    name: 'repair-question-time',
    messages: [...repairing({ by: 'policy', time: now - 3 * 86_400_000 }), ...press('tab')],
  },
  { name: 'repair-running', messages: repaired },
  { name: 'repair-done', messages: [...repaired, arrive(registered), answer(3, done)] },
  { name: 'repair-refused', messages: [...repaired, answer(3, refused(fault('repair-used', { rev: 7 })))] },
  { name: 'main-repair-offered', messages: [arrive({ ...registered, repair: 'USB/repair.thintrust' })] },
  { name: 'replacement-repair-offered', messages: [arrive({ ...replacing, repair: 'USB/repair.thintrust' })] },
  {
    name: 'main-repair-and-replacement',
    messages: [arrive({ ...replacing, repair: 'USB/repair.thintrust' }), ...press('escape')],
  },
];

/** A list that is past its date has named the certificate of the log server. */
const revokes = (log: 'soft' | 'hard'): Status['revocation'] => ({
  modes: { rdp: 'off', broker: 'off', log },
  lists: [{ issuer: 'Example Servers CA', thisUpdate: now - 8 * 86_400_000, nextUpdate: now - 86_400_000 }],
  revoked: ['c1'.repeat(32)],
});

export const toolPictures: readonly Picture[] = [
  { name: 'tools', messages: inLog(registered).slice(0, -1) },
  { name: 'log-loading', messages: inLog(registered) },
  { name: 'log-empty', messages: [...inLog(registered), page(0, false)] },
  { name: 'log', messages: [...inLog(forwarded), page(100, true), ...press('down', 'down')] },
  { name: 'log-waiting', messages: [...inLog(waiting), page(4, false)] },
  { name: 'log-errors', messages: [...inLog(forwarded), page(9, false), ...press('f4', 'f4'), page(3, false, 3)] },
  {
    name: 'log-older',
    messages: [...inLog(forwarded), page(100, true), ...press('end'), page(50, false, 2), ...press('end')],
  },
  { name: 'log-fault', messages: [...inLog(forwarded), answer(1, refused(fault('daemon-not-running')))] },
  { name: 'record', messages: [...inLog(forwarded), page(9, false), ...press('down', 'down', 'enter')] },
  { name: 'certificates', messages: inList(registered) },
  { name: 'certificates-open', messages: [...inList(opened), ...press('end')] },
  { name: 'certificates-revoked', messages: inList({ ...registered, revocation: revokes('hard') }) },
  {
    name: 'details-revoked',
    messages: [...inList({ ...registered, revocation: revokes('soft') }), ...press('end', 'enter')],
  },
  { name: 'certificates-blocked', messages: inList({ ...registered, blocked: ['c1'.repeat(32)] }) },
  { name: 'certificates-closed', messages: [...inList(registered), ...press('f4')] },
  { name: 'certificates-not-removable', messages: [...inList(registered), ...press('delete')] },
  { name: 'certificates-empty', messages: inList({ ...registered, certificates: [] }) },
  { name: 'certificates-empty-open', messages: inList({ ...unmanaged, certificates: [] }) },
  { name: 'certificates-many', messages: [...inList(many()), ...press('page-down', 'page-down', 'down')] },
  { name: 'certificates-end', messages: [...inList(many()), ...press('end')] },
  { name: 'details', messages: [...inList(registered), ...press('enter')] },
  { name: 'details-root', messages: [...inList(registered), ...press('down', 'down', 'enter')] },
  { name: 'details-expired', messages: [...inList(registered), ...press('end', 'enter')] },
  { name: 'details-by-hand', messages: [...inList(opened), ...press('end', 'enter')] },
  {
    name: 'details-blocked',
    messages: [...inList({ ...registered, blocked: ['c1'.repeat(32)] }), ...press('end', 'enter')],
  },
  { name: 'details-hostile-names', messages: [...inList(long()), ...press('enter')] },
  { name: 'details-long', messages: [...inList(long()), ...press('enter', 'page-down')] },
  {
    name: 'details-gone',
    messages: [...inList(registered), ...press('enter'), arrive({ ...registered, certificates: [] })],
  },
  { name: 'removal', messages: removing },
  { name: 'removal-running', messages: [...removing, ...press('tab', 'enter')] },
  { name: 'removal-done', messages: [...removing, ...press('tab', 'enter'), arrive(unmanaged), answer(1, done)] },
  { name: 'import-looking', messages: inImport },
  {
    name: 'import-nothing',
    messages: [...inImport, answer(1, { of: 'media', value: { files: [], repairs: [], more: false } })],
  },
  { name: 'import', messages: [...inImport, media] },
  { name: 'import-marked', messages: [...inImport, media, ...press('right', 'down', 'enter', 'down', 'down')] },
  { name: 'import-none-marked', messages: [...inImport, media, ...press('tab', 'tab', 'enter')] },
  { name: 'import-running', messages: importing },
  {
    name: 'imported',
    messages: [...importing, answer(2, { of: 'import', value: { added: [leaf, leaf], refused: [] } })],
  },
  {
    name: 'imported-refused',
    messages: [
      ...importing,
      answer(2, {
        of: 'import',
        value: {
          added: [],
          refused: [
            {
              file: 'RDP root.cer',
              block: 0,
              fault: fault('certificate-weak-key', { owner: 'Root', key: 'RSA 1024' }),
            },
            { file: 'branch/broker.pem', block: 3, fault: fault('certificate-unreadable') },
            { file: 'branch/broker.pem', block: 4, fault: fault('already-trusted', { owner: 'Root' }) },
          ],
        },
      }),
    ],
  },
  { name: 'preflight', messages: inPreflight },
  { name: 'preflight-own', messages: [...inPreflight, ...press('left')] },
  { name: 'preflight-nothing-typed', messages: [...inPreflight, ...press('down', 'enter')] },
  { name: 'preflight-checking', messages: checking },
  {
    name: 'report-trusted',
    messages: [...checking, answer(1, { of: 'preflight', value: judged('trusted') })],
  },
  {
    name: 'report-unknown',
    messages: [
      ...checking,
      answer(1, {
        of: 'preflight',
        value: judged('unknown', { warnings: [fault('name-mismatch', { host: 'rdp.example.com' })] }),
      }),
    ],
  },
  {
    name: 'report-refused',
    messages: [
      ...checking,
      answer(1, {
        of: 'preflight',
        value: judged('refused', { fault: fault('revoked', { owner: 'rdp.example.com' }), chain: [leaf, leaf] }),
      }),
    ],
  },
  {
    name: 'report-failed',
    messages: [
      ...checking,
      answer(1, {
        of: 'preflight',
        value: judged('failed', {
          fault: fault('timed-out', { address: 'rdp.example.com:3389' }),
          chain: [],
          tls: null,
        }),
      }),
    ],
  },
  { name: 'notices', messages: [arrive(troubled), ...press('escape', 'tab', 'tab', 'tab', 'enter')] },
  {
    name: 'notices-revoked',
    messages: [arrive({ ...registered, revocation: revokes('hard') }), ...tools(3)],
  },
  { name: 'notices-none', messages: [arrive({ ...registered, certificates: [] }), ...tools(3)] },
  {
    name: 'notices-certificates',
    messages: [
      arrive({
        ...registered,
        blocked: ['b0'.repeat(32)],
        log: {
          at: 'refused',
          server: 'log.example.com:6514',
          fault: fault('changed-old-valid'),
          preflight: judged('refused', { fault: fault('changed-old-valid') }),
          unsent: 3,
          dropped: 12,
        },
      }),
      ...tools(3),
    ],
  },
  { name: 'product', messages: [arrive(registered), ...tools(4)] },
  {
    name: 'product-retired',
    messages: [arrive(retired), ...press('escape', 'down', 'enter', 'down', 'down', 'down', 'down', 'enter')],
  },
  {
    name: 'notices-identity',
    messages: [
      arrive({
        ...registered,
        certificates: [],
        identity: registered.identity && { ...registered.identity, notAfter: now + 5 * 86_400_000 },
      }),
      ...tools(3),
    ],
  },
];

function many(): Status {
  return { ...registered, certificates: [...manyCertificates] };
}

function long(): Status {
  const [first] = manyCertificates;
  const names = Array.from({ length: 40 }, (_, index) => `rdp-${index + 1}.branch-office.example.com`);
  return {
    ...registered,
    certificates: first ? [{ ...first, names, subject: 'CN=證書 \u202egnp.exe\u001b[2J é й' }] : [],
  };
}
