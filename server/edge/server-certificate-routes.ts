/** What the administration API offers about the server's own certificates, and about files for devices that lost them. */
import { Type } from '@sinclair/typebox';
import { bad, good } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { oneOf } from '../api/list.ts';
import {
  compromisedView,
  gateView,
  lackingColumns,
  lackingRow,
  linkView,
  offlineRisk,
  readinessView,
  repairDraft,
  serverCertificateView,
  serverKey,
  statementsView,
  switchedView,
  uploadedView,
} from '../api/server-certificates.ts';
import { verdicts } from '../core/absence.ts';
import { readOfflineRisk } from './absences.ts';
import { type AdminRoute, closed, done, of, reading, withBody } from './admin-route.ts';
import { markCompromised } from './compromised.ts';
import { pageLacking, readReadiness } from './lacking.ts';
import { allStatements, listLinks, removeLink } from './links.ts';
import { listing } from './listing.ts';
import { draftRepair } from './repair.ts';
import { listServerCertificates, readGate, resetReserve, scheduleReserve, switchCertificate } from './rotation.ts';
import { uploadCertificate } from './uploading.ts';

const url = '/server-certificates';
const action = 'edit-server-certificates';
const when = Type.Integer({ minimum: 0, maximum: 253402300799999 });
/** Four characters for three bytes of a mebibyte, and a little more: the operation says what is too large. */
const base64File = Type.String({ maxLength: 1_500_000, pattern: '^[A-Za-z0-9+/]*={0,2}$' });
const at = Type.Object({ at: Type.Optional(when) }, closed);
const instantOf = ({ at: asked }: Readonly<Record<string, unknown>>) =>
  asked === undefined ? null : instant(Number(asked));

export const serverCertificateRoutes: readonly AdminRoute[] = [
  reading(url, Type.Array(serverCertificateView), async (server) => good(await listServerCertificates(server))),
  reading(`${url}/gate`, gateView, (server) => readGate(server)),
  listing({
    url: `${url}/gate/devices`,
    row: lackingRow,
    columns: lackingColumns,
    filters: { verdict: oneOf(verdicts), at: when },
    run: pageLacking,
  }),
  {
    ...reading(`${url}/readiness`, readinessView, (server, { query }) => readReadiness(server, instantOf(query))),
    query: at,
  },
  {
    ...reading(`${url}/offline-risk`, offlineRisk, (server, { query }) => readOfflineRisk(server, instantOf(query))),
    query: at,
  },
  withBody(
    { method: 'POST', url: `${url}/reserve`, action, answer: serverCertificateView },
    Type.Object({ activateAt: when, key: Type.Optional(serverKey) }, closed),
    (server, { activateAt, key }, { actor }) => scheduleReserve(server, actor, instant(activateAt), key),
  ),
  withBody(
    { method: 'POST', url: `${url}/upload`, action, answer: uploadedView },
    Type.Object(
      {
        content: base64File,
        key: Type.Optional(base64File),
        password: Type.String({ maxLength: 1000 }),
        role: oneOf(['main', 'reserve']),
        activateAt: Type.Optional(when),
      },
      closed,
    ),
    (server, { content, key, password, role, activateAt }, { actor }) =>
      uploadCertificate(server, actor, {
        content: Buffer.from(content, 'base64'),
        key: key === undefined ? null : Buffer.from(key, 'base64'),
        password,
        role,
        ...(activateAt === undefined ? {} : { activateAt: instant(activateAt) }),
      }),
  ),
  {
    method: 'DELETE',
    url: `${url}/reserve`,
    action,
    answer: done,
    run: (server, { actor }) => resetReserve(server, actor),
  },
  withBody(
    { method: 'POST', url: `${url}/switch`, action, answer: switchedView },
    /** As a number: how many devices whoever decided was told would be left behind. Were it more by now, it is refused. */
    Type.Object({ override: Type.Union([Type.Boolean(), Type.Integer({ minimum: 0 })]) }, closed),
    (server, { override }, { actor }) => switchCertificate(server, actor, override),
  ),
  withBody(
    { method: 'POST', url: `${url}/:fingerprint/compromised`, action, answer: compromisedView },
    Type.Object({ look: Type.Optional(Type.Boolean()) }, closed),
    (server, { look = false }, call) =>
      markCompromised(server, call.actor, { fingerprint: of(call, 'fingerprint'), look }),
  ),
  reading(`${url}/links`, Type.Array(linkView), async (server) => good(await listLinks(server))),
  reading(`${url}/statements`, statementsView, (server) => allStatements(server)),
  {
    method: 'DELETE',
    url: `${url}/links/:seq`,
    action,
    answer: done,
    run: (server, call) => {
      const seq = of(call, 'seq');
      return /^[0-9]{1,9}$/.test(seq)
        ? removeLink(server, call.actor, Number(seq))
        : Promise.resolve(bad('bad-argument', { what: 'link' }));
    },
  },
  withBody(
    { method: 'POST', url: '/repair-files', action, answer: repairDraft },
    Type.Object(
      { days: Type.Integer({ minimum: 1, maximum: 90 }), key: oneOf(['policy', 'recovery']), time: Type.Boolean() },
      closed,
    ),
    (server, body, { actor }) => draftRepair(server, actor, body),
  ),
];
