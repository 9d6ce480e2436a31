/** Answering a person at a device who reads out a confirmation code. */
import { fingerprintOf, fromBase64, parseCertificate, viewCertificate } from '../../protocol/certificate.ts';
import { actions, type Confirmation, deriveSecret, formatCode, parseConfirmation } from '../../protocol/codes.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { CertificateView } from '../../protocol/local.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import {
  actionName,
  candidatesFor,
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

export type CodeAnswer = {
  readonly action: string;
  readonly device: { readonly id: string; readonly name: string };
  readonly certificate: { readonly role: OfferedCertificate['role']; readonly view: CertificateView } | null;
  /** Twelve digits in groups of four. */
  readonly replacementCode: string;
};
export type CodeQuestion = { readonly code: string } & Picked;

const reenrolmentMs = dayMs;

/**
 * The answer is on record before it is given, and so is a refusal. Faults: `code-typo`; `code-not-ours` (an interception?);
 * `code-ambiguous`; `not-found` for a device that was named.
 */
export async function answerCode(server: Server, actor: Actor, question: CodeQuestion): Promise<Result<CodeAnswer>> {
  const parsed = parseConfirmation(question.code);
  const answered = parsed.ok ? await answerParsed(server, actor, question, parsed.value) : parsed;
  const subject = parsed.ok ? parsed.value.locator : '';
  if (!answered.ok) await recordRefusal(server, { actor, action: 'code-refused', subject }, answered.fault);
  return answered;
}

function answerParsed(
  server: Server,
  actor: Actor,
  question: CodeQuestion,
  parsed: Confirmation,
): Promise<Result<CodeAnswer>> {
  const { db, keys } = server;
  const secretOf = (device: string, generation: number) => deriveSecret(keys.codeMaster, device, generation);
  return transact(db, async (trx) => {
    const picked = await resolve(trx, question);
    if (!picked.ok) return picked;
    const devices = await trx
      .selectFrom('devices')
      .select(['id', 'name', 'secret_generation as secretGeneration'])
      .where('locator', '=', parsed.locator)
      .where('removed_at', 'is', null)
      .execute();
    const candidates = candidatesFor(parsed, devices, await readOffered(trx), secretOf);
    const chosen = pickCandidate(candidates, picked.value);
    if (!chosen.ok) return chosen;
    const { device, certificate } = chosen.value;
    const action = actionName(parsed.action);
    // A device whose identity ran out may enrol again, once.
    if (parsed.action === actions.replaceCertificate)
      await trx
        .updateTable('devices')
        .set({ reenrol_until: server.clock() + reenrolmentMs })
        .where('id', '=', device.id)
        .execute();
    const facts = { device: device.name, code: action, certificate: certificate?.fingerprint ?? 'none' };
    await audit(server, trx, { actor, action: 'code-answered', subject: device.id, facts });
    return good({
      action,
      device: { id: device.id, name: device.name },
      certificate: certificate ? viewOffered(certificate) : null,
      replacementCode: formatCode(replacementFor(parsed, chosen.value, secretOf)),
    });
  });
}

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

function viewOffered({ role, der }: OfferedCertificate): CodeAnswer['certificate'] {
  const parsed = parseCertificate(der);
  if (!parsed.ok) return null;
  const facts = { purpose: 'ksc', source: 'policy', file: '', slot: null, addedAt: instant(0) } as const;
  return { role, view: viewCertificate(parsed.value, facts) };
}
