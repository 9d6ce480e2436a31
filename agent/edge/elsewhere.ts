/**
 * The identity that follows, from an authority that is not the server's own: by the identity in use where it is that
 * authority's, else by what that authority asks of strangers. And the word to the server that the new one is ours.
 */
import { announcedText } from '../../protocol/announcement.ts';
import { fingerprintOf, fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { bad, type Fault, fault, type Result } from '../../protocol/fault.ts';
import type { EnrolmentSecret } from '../../protocol/schema.ts';
import { read } from '../../protocol/validate.ts';
import { type ForeignEnrolment, isSameAuthority } from '../core/durable.ts';
import { namesOf } from './cms.ts';
import { type DeviceKey, isInFile, signBy } from './device-key.ts';
import { enrol, type Issued, renewAt } from './enrol.ts';
import { exchange, faultOfAnswer, type HttpOutcome } from './https.ts';
import { basic, type Judging } from './registration.ts';
import { enrolByScep } from './scep.ts';
import type { Credentials } from './tls.ts';

/** Where our own server is, and the identity in use. */
export type AtServer = {
  readonly address: string;
  readonly accept: readonly string[];
  readonly credentials: Credentials;
};
export type Elsewhere = { readonly enrolment: ForeignEnrolment; readonly renews: boolean };

const timeoutMs = 30_000;
const maxSecretBytes = 4096;

/**
 * What is asked for is, in a renewal, the Name of the identity in use. Where proof by that identity is not enough, as with an
 * authority that wants its challenge each time, or that renews nothing, it is asked with the challenge: the one the device was
 * told at its registration, or the server's, which is not kept. Faults: those of `enrol`, `renewAt` and `enrolByScep`, and
 * what the server answers.
 */
export async function enrolElsewhere(
  { enrolment, renews }: Elsewhere,
  server: AtServer,
  key: DeviceKey,
  judging: Judging,
): Promise<Issued> {
  const { credentials } = server;
  const renewed = renews ? await renewThere(enrolment, credentials, key, judging, noSecret) : null;
  if (renewed && (renewed.ok || !asksForMore(enrolment, renewed.fault))) return issuedOf(renewed);
  const secret = await secretFor(enrolment, server);
  if (secret.at !== 'told') return secret;
  const knowsRenewal = renewed !== null && renewed.fault.code !== 'capability-missing';
  if (knowsRenewal && secret.password === '') return issuedOf(renewed);
  const asked = knowsRenewal
    ? renewThere(enrolment, credentials, key, judging, secret)
    : enrolThere(enrolment, key, judging, secret);
  return issuedOf(await asked);
}

/** A server that refuses renewal by the identity alone, or a SCEP server that has none. */
const asksForMore = ({ protocol }: ForeignEnrolment, { code }: Fault): boolean =>
  protocol === 'est' ? code === 'identity-refused' : code === 'challenge-refused' || code === 'capability-missing';

const issuedOf = (chain: Result<readonly string[]>): Exclude<Issued, { at: 'presented' }> =>
  chain.ok ? { at: 'issued', chain: chain.value } : { at: 'failed', fault: chain.fault };

async function renewThere(
  enrolment: ForeignEnrolment,
  credentials: Credentials,
  key: DeviceKey,
  judging: Judging,
  secret: Secret,
): Promise<Result<readonly string[]>> {
  const certificate = fromBase64(credentials.chain[0] ?? '');
  const { subject } = namesOf(certificate);
  if (enrolment.protocol === 'est') {
    const authorization = secret.password === '' ? null : basic(secret.user, secret.password);
    return renewAt(enrolment, credentials, key, subject, judging, authorization);
  }
  if (!isInFile(key) || !isInFile(credentials.key)) return needsFile;
  const old = { pkcs8: credentials.key, certificate };
  return enrolByScep({ ...enrolment, challenge: challengeOf(secret) }, key, subject, judging, old);
}

async function enrolThere(
  enrolment: ForeignEnrolment,
  key: DeviceKey,
  judging: Judging,
  secret: Secret,
): Promise<Result<readonly string[]>> {
  const { protocol, subject } = enrolment;
  const { user, password } = secret;
  if (protocol === 'est') return enrol({ ...enrolment, invitation: user, password }, key, subject, judging);
  if (!isInFile(key)) return needsFile;
  return enrolByScep({ ...enrolment, challenge: challengeOf(secret) }, key, subject, judging);
}

/** SCEP opens what it is sent with an RSA key. */
const needsFile = bad('capability-missing', { what: 'RSA' });

const challengeOf = ({ password }: Secret): string | null => (password === '' ? null : password);

type Secret = Pick<EnrolmentSecret, 'user' | 'password'>;
type Told = { readonly at: 'told' } & Secret;
const noSecret: Secret = { user: '', password: '' };

/** Nothing where nobody has told any for this authority: then it is asked without. */
async function secretFor(
  enrolment: ForeignEnrolment,
  server: AtServer,
): Promise<Told | Exclude<Issued, { at: 'issued' }>> {
  if (enrolment.password !== '') return { at: 'told', user: enrolment.user, password: enrolment.password };
  const outcome = await exchange({
    ...server,
    authority: null,
    method: 'GET',
    path: '/v1/enrolment',
    headers: { Accept: 'application/json' },
    body: null,
    maxBytes: maxSecretBytes,
    timeoutMs,
  });
  if (outcome.at !== 'answered') return outcome;
  const none: Told = { at: 'told', ...noSecret };
  if (outcome.answer.status === 404) return none;
  if (outcome.answer.status !== 200) return { at: 'failed', fault: faultOfAnswer(outcome.answer) };
  const secret = read('enrolmentSecret', outcome.answer.body, maxSecretBytes);
  if (!secret.ok) return { at: 'failed', fault: fault('server-answer', { cause: secret.fault.code }) };
  const { user, password } = secret.value;
  return isSameAuthority(secret.value, enrolment) ? { at: 'told', user, password } : none;
}

/** `POST /v1/identity`: status 204 where the server has bound the certificate to this device, now or before. */
export async function announce(server: AtServer, next: Credentials): Promise<HttpOutcome> {
  const [inUse, following] = [server.credentials, next].map(({ chain }) => fingerprintOf(fromBase64(chain[0] ?? '')));
  const text = announcedText(inUse ?? '', following ?? '');
  const signature = toBase64(signBy(next.key, 'sha256', text));
  const outcome = await exchange({
    ...server,
    authority: null,
    method: 'POST',
    path: '/v1/identity',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify({ format: 1, chain: next.chain.slice(0, 10), signature }),
    maxBytes: maxSecretBytes,
    timeoutMs,
  });
  if (outcome.at !== 'answered' || outcome.answer.status === 204) return outcome;
  return { at: 'failed', fault: faultOfAnswer(outcome.answer) };
}
