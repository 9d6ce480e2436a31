/** Answering a person at a device who reads out a confirmation code. */
import { fingerprintOf, fromBase64, parseCertificate, viewCertificate } from '../../protocol/certificate.ts';
import { actions, type Confirmation, deriveSecret, formatCode, parseConfirmation } from '../../protocol/codes.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import type { CodeAnswer, CodeAsked, CodeCandidate } from '../api/code.ts';
import {
  actionName,
  type Candidate,
  candidatesFor,
  narrowTo,
  type OfferedCertificate,
  type Picked,
  pickCandidate,
  replacementFor,
} from '../core/answer.ts';
import { type Actor, audit, readIdentity, type Server } from './context.ts';
import { transact } from './database.ts';
import { findDevice } from './lookup.ts';
import { leafOf, readServerCertificates } from './pins.ts';
import { recordRefusal } from './refusals.ts';
import type { Database } from './tables.ts';

export type CodeQuestion = { readonly code: string } & Picked;
export type CodeResult<T> = Result<T> & { readonly candidates?: readonly CodeCandidate[] };

const reenrolmentMs = dayMs;

/**
 * The answer is on record before it is given, and so is a refusal. Faults: `code-typo`; `code-not-ours` (an interception?);
 * `code-ambiguous`, with the candidates; `not-found` for a device that was named.
 */
export const answerCode = (server: Server, actor: Actor, question: CodeQuestion): Promise<CodeResult<CodeAnswer>> =>
  decide(server, actor, question, async (trx, parsed, { asked, replacementCode }) => {
    const { device, certificate } = asked;
    // A device whose identity ran out may enrol again, once.
    if (parsed.action === actions.replaceCertificate)
      await trx
        .updateTable('devices')
        .set({ reenrol_until: server.clock() + reenrolmentMs })
        .where('id', '=', device.id)
        .execute();
    const facts = {
      device: device.name,
      code: asked.action,
      certificate: certificate?.view.fingerprint ?? 'none',
    };
    await audit(server, trx, { actor, action: 'code-answered', subject: device.id, facts });
    return { ...asked, replacementCode };
  });

/** What would be answered, before it is: the administrator compares it with what the person says. Faults as above. */
export const lookUpCode = (server: Server, actor: Actor, question: CodeQuestion): Promise<CodeResult<CodeAsked>> =>
  decide(server, actor, question, async (_trx, _parsed, { asked }) => asked);

type Found = { readonly asked: CodeAsked; readonly replacementCode: string };

async function decide<T>(
  server: Server,
  actor: Actor,
  question: CodeQuestion,
  then: (trx: Database, parsed: Confirmation, found: Found) => Promise<T>,
): Promise<CodeResult<T>> {
  const parsed = parseConfirmation(question.code);
  const decided: CodeResult<T> = parsed.ok
    ? await transact(server.db, async (trx) => {
        const found = await findAsked(server, trx, question, parsed.value);
        return found.ok ? good(await then(trx, parsed.value, found.value)) : found;
      })
    : parsed;
  const subject = parsed.ok ? parsed.value.locator : '';
  if (!decided.ok) await recordRefusal(server, { actor, action: 'code-refused', subject }, decided.fault);
  return decided;
}

async function findAsked(
  server: Server,
  trx: Database,
  question: CodeQuestion,
  parsed: Confirmation,
): Promise<CodeResult<Found>> {
  const { keys } = server;
  const secretOf = (device: string, generation: number) => deriveSecret(keys.codeMaster, device, generation);
  const picked = await resolve(trx, question);
  if (!picked.ok) return picked;
  const devices = await trx
    .selectFrom('devices')
    .innerJoin('groups', 'groups.id', 'devices.group_id')
    .select(['devices.id', 'devices.name', 'secret_generation as secretGeneration'])
    .select(['groups.name as group', 'presence', 'last_seen as lastSeen'])
    .where('locator', '=', parsed.locator)
    .where('removed_at', 'is', null)
    .execute();
  const candidates = candidatesFor(parsed, devices, await readOffered(trx), secretOf);
  const chosen = pickCandidate(candidates, picked.value);
  const groupOf = (id: string): string => devices.find((each) => each.id === id)?.group ?? '';
  if (!chosen.ok)
    return chosen.fault.code === 'code-ambiguous'
      ? { ...chosen, candidates: narrowTo(candidates, picked.value).map((each) => viewCandidate(each, groupOf)) }
      : chosen;
  const { device, certificate } = chosen.value;
  const row = devices.find(({ id }) => id === device.id);
  return good({
    asked: {
      action: actionName(parsed.action),
      device: {
        id: device.id,
        name: device.name,
        group: groupOf(device.id),
        presence: row?.presence ?? 'offline',
        lastSeen: row?.lastSeen ?? null,
      },
      certificate: certificate ? viewOffered(certificate) : null,
      at: server.clock(),
    },
    replacementCode: formatCode(replacementFor(parsed, chosen.value, secretOf)),
  });
}

const viewCandidate = ({ device, certificate }: Candidate, groupOf: (device: string) => string): CodeCandidate => ({
  device: { id: device.id, name: device.name, group: groupOf(device.id) },
  certificate: certificate ? { role: certificate.role, fingerprint: certificate.fingerprint } : null,
});

async function resolve(trx: Database, { device, certificate }: CodeQuestion): Promise<Result<Picked>> {
  const named = certificate === undefined ? {} : { certificate };
  if (device === undefined) return good(named);
  const found = await findDevice(trx, device);
  return found.ok ? good({ ...named, device: found.value.id }) : bad(found.fault.code, found.fault.facts);
}

/** Certificates a device of ours can have been shown; older ones the server has given up. */
async function readOffered(trx: Database): Promise<readonly OfferedCertificate[]> {
  const rows = await readServerCertificates(trx);
  const { frontEnds = [] } = await readIdentity(trx);
  const own = rows
    .filter(({ role }) => role !== 'retired')
    .map((row) => ({ fingerprint: row.fingerprint, role: row.role, der: fromBase64(leafOf(row)) }));
  const shown = frontEnds.map(({ certificate }) => {
    const der = fromBase64(certificate);
    return { fingerprint: fingerprintOf(der), role: 'front-end' as const, der };
  });
  return [...own, ...shown];
}

function viewOffered({ role, der }: OfferedCertificate): CodeAsked['certificate'] {
  const parsed = parseCertificate(der);
  if (!parsed.ok) return null;
  const facts = { purpose: 'ksc', source: 'policy', file: '', slot: null, addedAt: instant(0) } as const;
  return { role, view: viewCertificate(parsed.value, facts) };
}
