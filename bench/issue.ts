/**
 * Certificates of devices issued in one process, beside what `openssl speed` signs on one core divided by the signatures each
 * needs. The floor is measured before and after, since a machine that others use is seldom as fast twice.
 */
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { makeKey, makeRequest } from '../agent/edge/csr.ts';
import { issueDevice } from '../server/edge/authority.ts';
import { invite } from '../server/edge/invitations.ts';
import { start, value, withFleet } from '../test/fakes/fleet-server.ts';
import type { Row } from './row.ts';

const many = 100;
const goal = 0.6;
const deviceId = '00000000-0000-4000-8000-000000000001';

export async function benchIssue(): Promise<Row[]> {
  const rows: Row[] = [];
  await withFleet(async ({ server, fleet }) => {
    const keys = Array.from({ length: many }, () => makeKey());
    const publicKeys = keys.map((key) =>
      createPublicKey(createPrivateKey({ key: Buffer.from(key), format: 'der', type: 'pkcs8' })).export({
        format: 'der',
        type: 'spki',
      }),
    );
    const alone = (): Promise<unknown> =>
      inTurn(publicKeys, async (publicKeyDer) =>
        issueDevice(server.keys.clientAuthority, { deviceId, publicKeyDer, days: 365, now: start }),
      );
    rows.push(await measure('issue: a certificate over a key', 1, alone));
    const enrolments: { invitation: string; password: string; csrDer: Uint8Array }[] = [];
    for (const [index, key] of keys.entries()) {
      const { invitation, password } = value(await invite(server, 'bench', { name: `device ${index}` }));
      enrolments.push({ invitation, password, csrDer: makeRequest(key, `serial ${index}`) });
    }
    const whole = (): Promise<unknown> => inTurn(enrolments, async (each) => value(await fleet.enrol(each)));
    // The certificate, and the document that tells the device its place.
    rows.push(await measure('issue: a registration, with its password, request, records and documents', 2, whole));
  });
  return rows;
}

async function measure(what: string, signatures: number, run: () => Promise<unknown>): Promise<Row> {
  const before = signingRate();
  const began = performance.now();
  await run();
  const rate = (many * 1000) / (performance.now() - began);
  const floor = (before + signingRate()) / 2 / signatures;
  return {
    what,
    figure: `${rate.toFixed(0)}/s (${((100 * rate) / floor).toFixed(0)} %)`,
    floor: `openssl P-256 ${floor.toFixed(0)}/s${signatures > 1 ? ` with ${signatures} signatures each` : ''}`,
    goal: `≥ ${100 * goal} % of the floor`,
    met: rate >= goal * floor,
  };
}

async function inTurn<Value>(all: readonly Value[], run: (one: Value) => Promise<unknown>): Promise<void> {
  for (const one of all) await run(one);
}

/** Signatures a second on one core, by the clock of the wall as ours is. */
function signingRate(): number {
  const args = ['speed', '-elapsed', '-seconds', '2', 'ecdsap256'];
  const said = execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  const rate = /nistp256\)\s+\S+\s+\S+\s+([\d.]+)/.exec(said)?.[1];
  if (!rate) throw new Error(`openssl speed said:\n${said}`);
  return Number(rate);
}
