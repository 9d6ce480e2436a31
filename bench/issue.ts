/**
 * Certificates of devices issued in one process, beside what `openssl speed` signs on one core divided by the signatures each
 * needs. Both are measured in turns, since a machine that others use is seldom as fast twice: the figures are medians of these
 * turns. Signatures are made beside the event loop: many issues at once use a second core, which the floor does not.
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
/** As many as a fleet that renews has under way. */
const atOnce = 64;
const turns = 9;
const aTurn = 5000;
const goal = 0.6;
const deviceId = '00000000-0000-4000-8000-000000000001';

type Task = () => Promise<unknown>;
type Work = { readonly signatures: number; readonly width: number; readonly goal?: number };

export async function benchIssue(): Promise<Row[]> {
  const rows: Row[] = [];
  await withFleet(async ({ server, fleet }) => {
    const keys = Array.from({ length: registered }, () => makeKey());
    const publicKeys = keys.map(spkiOf);
    const issues = Array.from({ length: aTurn }, (_, index) => () => {
      const publicKeyDer = publicKeys[index % registered] ?? Buffer.alloc(0);
      return issueDevice(server.keys.clientAuthority, { deviceId, publicKeyDer, days: 365, now: start });
    });
    const one = { signatures: 1, width: atOnce };
    const times = (count: number) => Array.from({ length: count }, () => issues);
    rows.push(await measure(`issue: the first ${aTurn} certificates over keys, ${atOnce} at once`, one, times(1)));
    await measure('the next, until all is compiled', one, times(3));
    rows.push(await measure(`issue: a certificate over a key, ${atOnce} at once`, { ...one, goal }, times(turns)));
    rows.push(await measure('issue: a certificate over a key, one after the other', { ...one, width: 1 }, times(3)));

    const chains: (readonly Uint8Array[])[] = [];
    const enrolments: Task[] = [];
    for (const [index, key] of keys.entries()) {
      const { invitation, password } = value(await invite(server, 'bench', { name: `device ${index}` }));
      const csrDer = makeRequest(key, `serial ${index}`);
      enrolments.push(async () => chains.push(value(await fleet.enrol({ invitation, password, csrDer }))));
    }
    // The certificate, and the document that tells the device its place.
    const whole = 'issue: a registration, with its password, request, records and documents';
    rows.push(await measure(`${whole}, ${atOnce} at once`, { signatures: 2, width: atOnce }, [enrolments]));
    const renewals = chains.map((chain): Task => {
      const proof = proofOf(chain);
      const { notBefore, notAfter } = value(parseCertificate(proof.der));
      const csrDer = makeRequest(makeKey(), proof.commonName);
      return async () => value(await fleet.renew({ ...proof, notBefore, notAfter }, csrDer));
    });
    rows.push(await measure(`issue: a renewal, with its request and records, ${atOnce} at once`, one, [renewals]));
  });
  return rows;
}

/** `width` tasks of a turn are under way at a time. */
async function measure(what: string, work: Work, turns: readonly (readonly Task[])[]): Promise<Row> {
  const { signatures, width } = work;
  const took: { readonly rate: number; readonly floor: number; readonly processorUs: number }[] = [];
  for (const tasks of turns) {
    const before = signingRate();
    const [began, used] = [performance.now(), process.cpuUsage()];
    await run(tasks, width);
    const rate = (tasks.length * 1000) / (performance.now() - began);
    const { user, system } = process.cpuUsage(used);
    took.push({ rate, floor: (before + signingRate()) / 2 / signatures, processorUs: (user + system) / tasks.length });
  }
  const share = median(took.map(({ rate, floor }) => rate / floor));
  const [rate, floor, processorUs] = (['rate', 'floor', 'processorUs'] as const).map((name) =>
    median(took.map((turn) => turn[name])),
  ) as [number, number, number];
  const each = processorUs < 1000 ? `${processorUs.toFixed(0)} µs` : `${(processorUs / 1000).toFixed(1)} ms`;
  return {
    what,
    figure: `${rate.toFixed(0)}/s (${(100 * share).toFixed(0)} %), ${each} of processor each`,
    floor: `openssl P-256 ${floor.toFixed(0)}/s${signatures > 1 ? ` with ${signatures} signatures each` : ''}`,
    goal: work.goal === undefined ? 'none named' : `≥ ${100 * work.goal} % of the floor`,
    met: share >= (work.goal ?? 0),
  };
}

async function run(tasks: readonly Task[], width: number): Promise<void> {
  const rest = tasks.values();
  const work = async (): Promise<void> => {
    for (const task of rest) await task();
  };
  await Promise.all(Array.from({ length: width }, work));
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? Number.NaN;

/** Signatures a second on one core, by the clock of the wall as ours is. */
function signingRate(): number {
  const args = ['speed', '-elapsed', '-seconds', '1', 'ecdsap256'];
  const said = execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  const rate = /nistp256\)\s+\S+\s+\S+\s+([\d.]+)/.exec(said)?.[1];
  if (!rate) throw new Error(`openssl speed said:\n${said}`);
  return Number(rate);
}
