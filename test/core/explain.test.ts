/** The stories of a first connection, as sentences: what a server shows, what the store holds, and what a person is told. */

import type { LocalEntry } from '../../agent/core/durable.ts';
import { preflightOf } from '../../agent/core/explain.ts';
import { rulesFor } from '../../agent/core/rules.ts';
import type { Probed } from '../../agent/core/shape.ts';
import { toBase64 } from '../../protocol/certificate.ts';
import { fault } from '../../protocol/fault.ts';
import { parsePlace } from '../../protocol/target.ts';
import { check } from '../../protocol/validate.ts';
import { type Bench, noon, nowOf, openBench, start } from '../fakes/agent.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { assert, table } from '../harness.ts';

const leaf = issue({ cn: 'host.example', dns: ['host.example'] });
const next = issue({ cn: 'host.example', dns: ['host.example'] });
const old = issue({ cn: 'host.example', dns: ['host.example'], to: '2026-10-01T00:00:00Z' });

const local = (issued: Issued, more: Partial<LocalEntry> = {}): LocalEntry => ({
  purpose: 'rdp',
  source: 'manual',
  file: '',
  der: toBase64(issued.der),
  addedAt: noon,
  server: 'host.example:3389',
  ...more,
});
const shows = (issued: Issued, more: Partial<Extract<Probed, { at: 'shown' }>> = {}): Probed => ({
  at: 'shown',
  chain: [issued.der],
  verdict: { trusted: false, fault: fault('issuer-unknown') },
  named: true,
  tls: 'TLSv1.3',
  ...more,
});
const device = (...entries: readonly LocalEntry[]): Bench => {
  const bench = openBench();
  start(bench);
  bench.state = { ...bench.state, durable: { ...bench.state.durable, local: entries } };
  return bench;
};

type Row = { readonly name: string; readonly bench: Bench; readonly outcome: Probed; readonly is: string };
const rows: readonly Row[] = [
  {
    name: 'nothing answers',
    bench: device(),
    outcome: { at: 'failed', fault: fault('timed-out') },
    is: 'failed timed-out',
  },
  { name: 'the first connection asks', bench: device(), outcome: shows(leaf), is: 'unknown' },
  { name: 'the second does not', bench: device(local(leaf)), outcome: shows(leaf), is: 'trusted' },
  {
    name: 'accepted for another server',
    bench: device(local(leaf, { server: 'other.example:3389' })),
    outcome: shows(leaf),
    is: 'unknown',
  },
  {
    name: 'accepted for another purpose',
    bench: device(local(leaf, { purpose: 'log' })),
    outcome: shows(leaf),
    is: 'unknown',
  },
  { name: 'it changed', bench: device(local(leaf)), outcome: shows(next), is: 'refused changed-old-valid' },
  {
    name: 'it changed when it had expired',
    bench: device(local(old)),
    outcome: shows(next),
    is: 'refused changed-old-expired',
  },
  { name: 'it has expired', bench: device(local(old)), outcome: shows(old), is: 'refused expired' },
  { name: 'a stranger that has expired', bench: device(), outcome: shows(old), is: 'refused expired' },
];

table('preflightOf', rows, ({ bench, outcome, is }) => {
  const place = parsePlace('host.example', 3389);
  if (!place.ok) throw new Error('place');
  const { state } = bench;
  const told = preflightOf(state, 'rdp', place.value, outcome, nowOf(bench));
  assert.is([told.verdict, told.fault?.code].filter(Boolean).join(' '), is);
  assert.ok(check('preflight', told).ok);
  assert.is(rulesFor(state, 'rdp', place.value, nowOf(bench)).purpose, 'rdp');
});
