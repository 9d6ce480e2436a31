/**
 * Certificates of devices issued in one process, beside what `openssl speed` signs on one core divided by the signatures each
 * needs. The floor is measured before and after, since a machine that others use is seldom as fast twice. Signatures are made
 * beside the event loop: many issues at once use a second core, which the floor does not.
 */
import { execFileSync } from 'node:child_process';
import { makeKey, makeRequest } from '../agent/edge/csr.ts';
import { spkiOf } from '../agent/edge/device-key.ts';
import { parseCertificate } from '../protocol/certificate.ts';
import { issueDevice } from '../server/edge/authority.ts';
import { invite } from '../server/edge/invitations.ts';
import { proofOf, start, value, withFleet } from '../test/fakes/fleet-server.ts';
import type { Row } from './row.ts';

const registered = 100;
const warmUp = 1000;
const many = 10_000;
/** As many as a fleet that renews has under way. */
const atOnce = 64;
const goal = 0.6;
const deviceId = '00000000-0000-4000-8000-000000000001';

type Task = () => Promise<unknown>;

export async function benchIssue(): Promise<Row[]> {
  const rows: Row[] = [];
  await withFleet(async ({ server, fleet }) => {
    const keys = Array.from({ length: registered }, () => makeKey());
    const publicKeys = keys.map(spkiOf);
    const alone = Array.from({ length: many }, (_, index) => () => {
      const publicKeyDer = publicKeys[index % registered] ?? Buffer.alloc(0);
      return issueDevice(server.keys.clientAuthority, { deviceId, publicKeyDer, days: 365, now: start });
    });
    const cold = alone.slice(0, warmUp);
    rows.push(await measure(`issue: the first ${warmUp} certificates over keys, ${atOnce} at once`, 1, cold, atOnce));
    rows.push(await measure(`issue: ${many} certificates after these, ${atOnce} at once`, 1, alone, atOnce));
    rows.push(await measure(`issue: ${warmUp} certificates, one after the other`, 1, cold, 1));

    const chains: (readonly Uint8Array[])[] = [];
    const enrolments: Task[] = [];
    for (const [index, key] of keys.entries()) {
      const { invitation, password } = value(await invite(server, 'bench', { name: `device ${index}` }));
      const csrDer = makeRequest(key, `serial ${index}`);
      enrolments.push(async () => chains.push(value(await fleet.enrol({ invitation, password, csrDer }))));
    }
    // The certificate, and the document that tells the device its place.
    const whole = 'issue: a registration, with its password, request, records and documents';
    rows.push(await measure(`${whole}, ${atOnce} at once`, 2, enrolments, atOnce));
    const renewals = chains.map((chain): Task => {
      const proof = proofOf(chain);
      const { notBefore, notAfter } = value(parseCertificate(proof.der));
      const csrDer = makeRequest(makeKey(), proof.commonName);
      return async () => value(await fleet.renew({ ...proof, notBefore, notAfter }, csrDer));
    });
    rows.push(await measure(`issue: a renewal, with its request and records, ${atOnce} at once`, 1, renewals, atOnce));
  });
  return rows;
}

/** `width` of the tasks are under way at a time. */
async function measure(what: string, signatures: number, tasks: readonly Task[], width: number): Promise<Row> {
  const before = signingRate();
  const began = performance.now();
  const rest = tasks.values();
  const work = async (): Promise<void> => {
    for (const task of rest) await task();
  };
  await Promise.all(Array.from({ length: width }, work));
  const rate = (tasks.length * 1000) / (performance.now() - began);
  const floor = (before + signingRate()) / 2 / signatures;
  return {
    what,
    figure: `${rate.toFixed(0)}/s (${((100 * rate) / floor).toFixed(0)} %)`,
    floor: `openssl P-256 ${floor.toFixed(0)}/s${signatures > 1 ? ` with ${signatures} signatures each` : ''}`,
    goal: `≥ ${100 * goal} % of the floor`,
    met: rate >= goal * floor,
  };
}

/** Signatures a second on one core, by the clock of the wall as ours is. */
function signingRate(): number {
  const args = ['speed', '-elapsed', '-seconds', '2', 'ecdsap256'];
  const said = execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  const rate = /nistp256\)\s+\S+\s+\S+\s+([\d.]+)/.exec(said)?.[1];
  if (!rate) throw new Error(`openssl speed said:\n${said}`);
  return Number(rate);
}
