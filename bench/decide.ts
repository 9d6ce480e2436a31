/** One trust decision in this process, beside a bare call of the engine and beside the `openssl verify` command. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { question, type TrustRequest, verdict } from '../agent/core/decide.ts';
import { openEngine } from '../native/engine.ts';
import { parseCertificate, toPem } from '../protocol/certificate.ts';
import { instant } from '../protocol/time.ts';
import { issue } from '../test/fakes/issue.ts';
import type { Row } from './row.ts';

type Spread = { readonly p50: number; readonly p99: number };

const goalMs = 0.5;
const warmUp = 2000;
const decisions = 10_000;
const commands = 50;

/** A root, an intermediate and a leaf, EC P-256, with the name checked: what an RDP connection asks. */
export async function benchDecide(): Promise<Row[]> {
  const root = issue({ cn: 'Root', ca: true });
  const middle = issue({ cn: 'Middle', ca: true, by: root });
  const leaf = issue({ cn: 'Leaf', by: middle, dns: ['host.example'] });
  const entry = parseCertificate(root.der);
  if (!entry.ok) throw new Error(entry.fault.code);
  const request: TrustRequest = {
    purpose: 'rdp',
    target: { host: 'host.example', ip: null },
    leaf: leaf.der,
    intermediates: [middle.der],
    at: instant(Date.parse('2026-11-22T00:00:00Z')),
    entries: [entry.value],
    blocklist: new Set(['00'.repeat(32)]),
    crls: [],
    policy: null,
  };
  const { verifyPath } = openEngine();
  const asked = question(request);
  if (asked.do !== 'ask') throw new Error('the engine is not asked');
  const decision = (): void => {
    const step = question(request);
    if (step.do !== 'ask' || !verdict(request, verifyPath(step.question)).trusted) throw new Error('not trusted');
  };
  const bare = (): void => {
    if (!verifyPath(asked.question).trusted) throw new Error('not trusted');
  };
  measure(decision, warmUp);
  measure(bare, warmUp);
  const ours = measure(decision, decisions);
  const engine = measure(bare, decisions);
  const command = measureCommand(toPem(root.der), toPem(middle.der), toPem(leaf.der));
  const met = ours.p50 <= goalMs;
  const goal = `p50 <= ${goalMs} ms`;
  return [
    { what: 'one trust decision, beside a bare engine call', figure: say(ours), floor: say(engine), goal, met },
    { what: 'one trust decision, beside `openssl verify`', figure: say(ours), floor: say(command), goal, met },
  ];
}

function measureCommand(root: string, middle: string, leaf: string): Spread {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-'));
  const [rootFile, middleFile, leafFile] = [join(folder, 'root'), join(folder, 'middle'), join(folder, 'leaf')];
  try {
    writeFileSync(rootFile, root);
    writeFileSync(middleFile, middle);
    writeFileSync(leafFile, leaf);
    const flags =
      '-x509_strict -trusted_first -partial_chain -auth_level 2 -verify_depth 10 -purpose sslserver ' +
      '-policy_check -verify_hostname host.example -attime 1795305600 -no-CAfile -no-CApath -no-CAstore';
    const line = ['verify', ...flags.split(' '), '-CAfile', rootFile, '-untrusted', middleFile, leafFile];
    return measure(() => execFileSync('openssl', line, { stdio: 'ignore' }), commands);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(run: () => unknown, times: number): Spread {
  const took: number[] = [];
  for (let turn = 0; turn < times; turn++) {
    const started = performance.now();
    run();
    took.push(performance.now() - started);
  }
  took.sort((one, other) => one - other);
  const at = (share: number): number => took[Math.min(times - 1, Math.floor(times * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

const say = ({ p50, p99 }: Spread): string => `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`;
