/** Answering a person at a device who reads out a confirmation code. */
import { fromBase64, parseCertificate, viewCertificate } from '../../protocol/certificate.ts';
import { deriveSecret, formatCode, parseConfirmation } from '../../protocol/codes.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { CertificateView } from '../../protocol/local.ts';
import { instant } from '../../protocol/time.ts';
import {
  actionName,
  candidatesFor,
  type OfferedCertificate,
  type Picked,
  pickCandidate,
  replacementFor,
} from '../core/answer.ts';
import type { Role } from '../core/role.ts';
import { type Actor, audit, type Server } from './context.ts';
import { transact } from './database.ts';
import { findDevice } from './lookup.ts';
import { leafOf, readServerCertificates } from './pins.ts';
import type { Database } from './tables.ts';

export type CodeAnswer = {
  readonly action: string;
  readonly device: { readonly id: string; readonly name: string };
  readonly certificate: { readonly role: Role; readonly view: CertificateView } | null;
  /** Twelve digits in groups of four. */
  readonly replacementCode: string;
};
export type CodeQuestion = { readonly code: string } & Picked;

/**
 * The answer is on record before it is given. Faults: `code-typo`; `code-not-ours` (audited: it may be an interception);
 * `code-ambiguous`; `not-found` for a device that was named.
 */
export async function answerCode(server: Server, actor: Actor, question: CodeQuestion): Promise<Result<CodeAnswer>> {
  const parsed = parseConfirmation(question.code);
  if (!parsed.ok) return parsed;
  const { db, keys } = server;
  const secretOf = (device: string, generation: number) => deriveSecret(keys.codeMaster, device, generation);
  const result = await transact(db, async (trx) => {
    const picked = await resolve(trx, question);
    if (!picked.ok) return picked;
    const devices = await trx
      .selectFrom('devices')
      .select(['id', 'name', 'secret_generation as secretGeneration'])
      .where('locator', '=', parsed.value.locator)
      .where('removed_at', 'is', null)
      .execute();
    const candidates = candidatesFor(parsed.value, devices, await readOffered(trx), secretOf);
    const chosen = pickCandidate(candidates, picked.value);
    if (!chosen.ok) return chosen;
    const { device, certificate } = chosen.value;
    const action = actionName(parsed.value.action);
    const facts = { device: device.name, code: action, certificate: certificate?.fingerprint ?? 'none' };
    await audit(server, trx, { actor, action: 'code-answered', subject: device.id, facts });
    return good({
      action,
      device: { id: device.id, name: device.name },
      certificate: certificate ? viewOffered(certificate) : null,
      replacementCode: formatCode(replacementFor(parsed.value, chosen.value, secretOf)),
    });
  });
  if (!result.ok && result.fault.code === 'code-not-ours')
    await audit(server, db, {
      actor,
      action: 'code-refused',
      subject: parsed.value.locator,
      facts: { code: 'code-not-ours' },
    });
  return result;
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
  return rows
    .filter(({ role }) => role !== 'retired')
    .map((row) => ({ fingerprint: row.fingerprint, role: row.role, der: fromBase64(leafOf(row)) }));
}

function viewOffered({ role, der }: OfferedCertificate): CodeAnswer['certificate'] {
  const parsed = parseCertificate(der);
  if (!parsed.ok) return null;
  const facts = { purpose: 'ksc', source: 'policy', file: '', slot: null, addedAt: instant(0) } as const;
  return { role, view: viewCertificate(parsed.value, facts) };
}
