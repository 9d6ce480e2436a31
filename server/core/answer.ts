/** Answering confirmation codes: which device, secret generation and server certificate a code came from. */
import {
  type Action,
  type ActionName,
  actions,
  type Confirmation,
  confirmationMatches,
  locatorOf,
  makeReplacement,
} from '../../protocol/codes.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { Role } from './role.ts';

export type CodeDevice = { readonly id: string; readonly name: string; readonly secretGeneration: number };
export type OfferedCertificate = {
  readonly fingerprint: string;
  readonly role: Role | 'front-end';
  readonly der: Uint8Array;
};
export type Candidate = {
  readonly action: Action;
  readonly device: CodeDevice;
  readonly generation: number;
  /** Null for actions that name no certificate. */
  readonly certificate: OfferedCertificate | null;
};
export type Picked = { readonly device?: string; readonly certificate?: string };
export type SecretOf = (device: string, generation: number) => Uint8Array;

export const actionName = (action: Action): ActionName =>
  (Object.keys(actions) as ActionName[]).find((name) => actions[name] === action) ?? 'replaceCertificate';

/**
 * Every combination the code fits. `certificates` are those the server really has: main, reserve, previous, and those of
 * its front ends. The generation
 * before the current one still counts, since a device may not have confirmed the new one.
 */
export function candidatesFor(
  parsed: Confirmation,
  devices: readonly CodeDevice[],
  certificates: readonly OfferedCertificate[],
  secretOf: SecretOf,
): readonly Candidate[] {
  const offered = parsed.action === actions.replaceCertificate ? certificates : [null];
  return devices
    .filter(({ id }) => locatorOf(id) === parsed.locator)
    .flatMap((device) => generationsOf(device).map((generation) => ({ device, generation })))
    .flatMap(({ device, generation }) => {
      const subject = { secret: secretOf(device.id, generation), deviceId: device.id };
      return offered
        .filter((certificate) => confirmationMatches(parsed, { ...subject, certificateDer: certificate?.der ?? null }))
        .map((certificate) => ({ action: parsed.action, device, generation, certificate }));
    });
}

/** Those that are left when the administrator has named a device, a certificate, both or nothing. */
export const narrowTo = (candidates: readonly Candidate[], picked: Picked): readonly Candidate[] =>
  candidates.filter(
    ({ device, certificate }) =>
      (picked.device === undefined || device.id === picked.device) &&
      (picked.certificate === undefined || certificate?.fingerprint === picked.certificate),
  );

/** Faults: `code-not-ours` when nothing fits, `code-ambiguous` with the devices when the administrator must pick. */
export function pickCandidate(candidates: readonly Candidate[], picked: Picked): Result<Candidate> {
  const fitting = narrowTo(candidates, picked);
  const [first] = fitting;
  if (!first) return bad('code-not-ours');
  if (fitting.length > 1) return bad('code-ambiguous', { count: fitting.length, devices: describe(fitting) });
  return good(first);
}

/** The 12 digits to be told to the person at the device. */
export const replacementFor = (
  parsed: Confirmation,
  { device, generation, certificate }: Candidate,
  secretOf: SecretOf,
) =>
  makeReplacement({
    secret: secretOf(device.id, generation),
    deviceId: device.id,
    certificateDer: certificate?.der ?? null,
    question: parsed.question,
  });

const generationsOf = ({ secretGeneration }: CodeDevice): readonly number[] =>
  secretGeneration > 1 ? [secretGeneration, secretGeneration - 1] : [secretGeneration];

function describe(candidates: readonly Candidate[]): string {
  const shown = candidates.slice(0, 4).map(({ device, certificate }) => {
    const which = certificate ? ` ${certificate.role} ${certificate.fingerprint.slice(0, 16)}` : '';
    return `${device.name.slice(0, 20)} ${device.id}${which}`;
  });
  return shown.join('; ').slice(0, 300);
}
