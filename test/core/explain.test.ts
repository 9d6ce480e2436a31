/** The stories of a first connection, as sentences: what a server shows, what the store holds, and what a person is told. */

import type { LocalEntry } from '../../agent/core/durable.ts';
import { preflightOf } from '../../agent/core/explain.ts';
import { rulesFor } from '../../agent/core/rules.ts';
import type { Probed } from '../../agent/core/shape.ts';
import { type Certificate, fingerprintOf, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import { fault } from '../../protocol/fault.ts';
import type { Policy } from '../../protocol/schema.ts';
import { parsePlace } from '../../protocol/target.ts';
import { check } from '../../protocol/validate.ts';
import { settingsWith } from '../fakes/administration.ts';
import { type Bench, noon, nowOf, openBench, start } from '../fakes/agent.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { assert, table } from '../harness.ts';

const root = issue({ cn: 'Root', ca: true });
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
function parsed(issued: Issued): Certificate {
  const read = parseCertificate(new Uint8Array(issued.der));
  if (!read.ok) throw new Error(read.fault.code);
  return read.value;
}
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

/** Managed: the policy has this root for `rdp`, and names this server where it names one. */
const managed = (server: string | null, more: object = {}): Bench => {
  const bench = device();
  const { server: own } = bench;
  const entries = [{ purpose: 'rdp' as const, file: 'root.pem', certificate: toBase64(root.der) }];
  const settings = settingsWith([], { rdp: { enforced: false, value: server } });
  const policy = own.policyOf(own.office, { certificates: { enforced: true, entries }, settings, ...more }) as Policy;
  const certificates = [parsed(root)];
  const held = {
    policy: { jws: '', policy, certificates, lists: [], revoked: new Set() },
    device: { jws: '', device: { ...own.deviceDocument(), managed: true } },
  };
  bench.state = { ...bench.state, held: held as Bench['state']['held'] };
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
  {
    name: 'an authority was imported for it, and another issued what it shows',
    bench: device(local(root, { file: 'root.pem' })),
    outcome: shows(leaf),
    is: 'refused issuer-unknown',
  },
  {
    name: 'an authority was imported for any server',
    bench: device(local(root, { file: 'root.pem', server: null })),
    outcome: shows(leaf),
    is: 'unknown',
  },
  {
    name: 'an authority was imported for it, and what was accepted before still holds',
    bench: device(local(root, { file: 'root.pem' }), local(leaf)),
    outcome: shows(next),
    is: 'refused changed-old-valid',
  },
  {
    name: 'an authority was imported for it, and what was accepted before has expired',
    bench: device(local(root, { file: 'root.pem' }), local(old)),
    outcome: shows(next),
    is: 'refused issuer-unknown',
  },
  {
    name: 'managed, under a root: a server the policy does not name',
    bench: managed('other.example'),
    outcome: shows(leaf),
    is: 'refused not-assigned',
  },
  {
    name: 'managed, under a root: the server the policy names, issued by another',
    bench: managed('Host.example'),
    outcome: shows(leaf),
    is: 'refused issuer-unknown',
  },
  {
    name: 'managed, the root blocked: the server the policy names',
    bench: managed('host.example', { blocklist: [fingerprintOf(root.der)] }),
    outcome: shows(leaf),
    is: 'refused blocklisted',
  },
  {
    name: 'managed: a list of the root names it',
    bench: managed('host.example'),
    outcome: shows(leaf, { verdict: { trusted: false, fault: fault('revoked', { depth: 0 }) } }),
    is: 'refused revoked',
  },
  {
    name: 'managed: no list in force',
    bench: managed('host.example'),
    outcome: shows(leaf, { verdict: { trusted: false, fault: fault('crl-unavailable') } }),
    is: 'refused crl-unavailable',
  },
  { name: 'it has expired', bench: device(local(old)), outcome: shows(old), is: 'refused expired' },
  { name: 'a stranger that has expired', bench: device(), outcome: shows(old), is: 'refused expired' },
];

function tell({ bench, outcome, is }: Row): void {
  const place = parsePlace('host.example', 3389);
  if (!place.ok) throw new Error('place');
  const { state } = bench;
  const told = preflightOf(state, 'rdp', place.value, outcome, nowOf(bench));
  assert.is([told.verdict, told.fault?.code].filter(Boolean).join(' '), is);
  assert.ok(check('preflight', told).ok);
  assert.is(rulesFor(state, 'rdp', place.value, nowOf(bench)).purpose, 'rdp');
}
table('preflightOf', rows, tell);

const otherRoot = issue({ cn: 'Other root', ca: true });
const imported = { file: 'root.pem', server: null } as const;
/** The policy has two roots, and has blocked one of them. */
const blocking = (): Bench => {
  const entries = [root, otherRoot].map((each) => ({
    purpose: 'rdp' as const,
    file: 'root.pem',
    certificate: toBase64(each.der),
  }));
  const bench = managed(null, { certificates: { enforced: true, entries }, blocklist: [fingerprintOf(root.der)] });
  const { policy } = bench.state.held;
  if (!policy) throw new Error('no policy');
  const held = { ...bench.state.held, policy: { ...policy, certificates: [root, otherRoot].map(parsed) } };
  bench.state = { ...bench.state, held };
  return bench;
};
const byRoot = { verdict: { trusted: true, by: fingerprintOf(root.der) } } as const;
const since: readonly Row[] = [
  {
    name: 'its authority still counts',
    bench: device(local(root, imported)),
    outcome: shows(leaf, byRoot),
    is: 'trusted',
  },
  {
    name: 'its authority was removed, another one stands',
    bench: device(local(otherRoot, imported)),
    outcome: shows(leaf, byRoot),
    is: 'unknown',
  },
  {
    name: 'its authority was blocked, another one stands',
    bench: blocking(),
    outcome: shows(leaf, byRoot),
    is: 'refused not-assigned',
  },
  {
    name: 'its authority counts as itself alone now',
    bench: device(local(root), local(otherRoot, imported)),
    outcome: shows(leaf, byRoot),
    is: 'refused changed-old-valid',
  },
  {
    name: 'nobody could judge',
    bench: device(),
    outcome: shows(leaf, { verdict: { trusted: false, fault: fault('internal', { what: 'engine' }) } }),
    is: 'refused internal',
  },
];
table('preflightOf, by what counts when the server has answered', since, tell);
