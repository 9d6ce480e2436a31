import { question, type TrustPurpose, type TrustRequest, verdict } from '../../agent/core/decide.ts';
import { fingerprintOf, parseCertificate } from '../../protocol/certificate.ts';
import { type FaultCode, fault } from '../../protocol/fault.ts';
import type { PathAnswer } from '../../protocol/path.ts';
import { instant } from '../../protocol/time.ts';
import { type Issued, issue, issueList } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const at = instant(Date.parse('2026-11-22T00:00:00Z'));
const root = issue({ cn: 'Root', ca: true });
const otherRoot = issue({ cn: 'Other root', ca: true });
const middle = issue({ cn: 'Middle', ca: true, by: root });
const leaf = issue({ cn: 'Leaf', by: root, dns: ['host.example'], to: '2026-12-01T00:00:00Z' });
const other = issue({ cn: 'Other', by: root });
const host = { host: 'host.example', ip: null };
const ip = { host: null, ip: '192.0.2.1' };

const request = (wish: Partial<TrustRequest>): TrustRequest => ({
  purpose: 'rdp',
  target: host,
  leaf: leaf.der,
  intermediates: [],
  at,
  entries: entries(root),
  blocklist: new Set(),
  crls: [],
  policy: null,
  ...wish,
});
const yes: PathAnswer = { trusted: true, anchor: 0, chainLength: 2 };
const no = (code: FaultCode): PathAnswer => ({ trusted: false, fault: fault(code, { openssl: 1, depth: 0 }) });

const lists = { crls: [issueList({ by: root, revoked: [leaf] })] };

type Row = {
  readonly name: string;
  readonly wish: Partial<TrustRequest>;
  /** What the engine would say; left out: it must not be asked. */
  readonly engine?: PathAnswer;
  /** The entry trusted by, or the fault. */
  readonly is: Issued | FaultCode;
};
const client: readonly TrustPurpose[] = ['rdp', 'broker', 'log'];
const plain: readonly TrustPurpose[] = ['server', 'client', 'ksc'];

const rows: readonly Row[] = [
  { name: 'CA entry, the path holds', wish: {}, engine: yes, is: root },
  { name: 'the second CA entry', wish: { entries: entries(otherRoot, root) }, engine: { ...yes, anchor: 1 }, is: root },
  { name: 'CA entry behind an end-entity one', wish: { entries: entries(other, root) }, engine: yes, is: root },
  { name: 'CA entry, the path does not hold', wish: {}, engine: no('wrong-purpose'), is: 'wrong-purpose' },
  { name: 'no entry', wish: { entries: [] }, engine: no('issuer-unknown'), is: 'issuer-unknown' },
  { name: 'an anchor the engine cannot have meant', wish: {}, engine: { ...yes, anchor: 1 }, is: 'internal' },
  { name: 'CA entry and a bad path, address', wish: { target: ip }, engine: no('expired'), is: 'expired' },
  ...client.flatMap((purpose): readonly Row[] => [
    { name: `${purpose}: address under a root`, wish: { purpose, target: ip }, engine: yes, is: 'ip-under-root' },
    { name: `${purpose}: pinned`, wish: { purpose, entries: entries(leaf) }, is: leaf },
    { name: `${purpose}: pinned, address`, wish: { purpose, entries: entries(root, leaf), target: ip }, is: leaf },
    { name: `${purpose}: another pinned`, wish: { purpose, entries: entries(other) }, is: 'issuer-unknown' },
  ]),
  ...plain.map(
    (purpose): Row => ({
      name: `${purpose}: address in the SAN`,
      wish: { purpose, target: ip },
      engine: yes,
      is: root,
    }),
  ),
  { name: 'ksc: pinned', wish: { purpose: 'ksc', entries: entries(leaf) }, is: leaf },
  { name: 'ksc: another pinned', wish: { purpose: 'ksc', entries: entries(other) }, is: 'not-pinned' },
  {
    name: 'server: an end-entity certificate is no anchor',
    wish: { purpose: 'server', entries: entries(leaf) },
    engine: no('issuer-unknown'),
    is: 'issuer-unknown',
  },
  { name: 'pinned and listed, softly', wish: { entries: entries(leaf), ...lists, revocation: 'soft' }, is: 'revoked' },
  { name: 'pinned and listed, hard', wish: { entries: entries(leaf), ...lists, revocation: 'hard' }, is: 'revoked' },
  { name: 'pinned and listed, not asked', wish: { entries: entries(leaf), ...lists }, is: leaf },
  { name: 'pinned, no list, hard', wish: { entries: entries(leaf), revocation: 'hard' }, is: leaf },
  {
    name: 'pinned, listed and blocked',
    wish: { entries: entries(leaf), ...lists, revocation: 'soft', blocklist: new Set([fingerprintOf(leaf.der)]) },
    is: 'blocklisted',
  },
  {
    name: 'pinned, listed and expired',
    wish: { entries: entries(leaf), ...lists, revocation: 'soft', at: after('2026-12-01') },
    is: 'expired',
  },
  { name: 'CA entry, listed', wish: { ...lists, revocation: 'soft' }, engine: no('revoked'), is: 'revoked' },
  { name: 'CA entry, no list', wish: { revocation: 'hard' }, engine: no('crl-unavailable'), is: 'crl-unavailable' },
  { name: 'pinned, another name', wish: { entries: entries(leaf), target: { host: 'x', ip: null } }, is: leaf },
  { name: 'pinned, last instant', wish: { entries: entries(leaf), at: day('2026-12-01') }, is: leaf },
  { name: 'pinned, expired', wish: { entries: entries(leaf), at: after('2026-12-01') }, is: 'expired' },
  { name: 'pinned, first instant', wish: { entries: entries(leaf), at: day('2026-01-01') }, is: leaf },
  { name: 'pinned, not yet', wish: { entries: entries(leaf), at: day('2025-12-31') }, is: 'not-yet-valid' },
  {
    name: 'pinned and expired beside its root',
    wish: { entries: entries(leaf, root), at: after('2026-12-01') },
    is: 'expired',
  },
  { name: 'leaf blocked', wish: { blocklist: list(leaf) }, is: 'blocklisted' },
  { name: 'leaf blocked and pinned', wish: { entries: entries(leaf), blocklist: list(leaf) }, is: 'blocklisted' },
  { name: 'leaf blocked and expired', wish: { blocklist: list(leaf), at: after('2026-12-01') }, is: 'blocklisted' },
  {
    name: 'presented intermediate blocked',
    wish: { intermediates: [middle.der], blocklist: list(middle) },
    is: 'blocklisted',
  },
  {
    name: 'leaf blocked, shown with its other signature',
    wish: { leaf: twin(leaf), blocklist: list(leaf) },
    is: 'blocklisted',
  },
  {
    name: 'listed with its other signature, shown with the first',
    wish: { blocklist: new Set([fingerprintOf(twin(leaf))]) },
    is: 'blocklisted',
  },
  {
    name: 'pinned, shown with its other signature',
    wish: { leaf: twin(leaf), entries: entries(leaf) },
    is: 'issuer-unknown',
  },
  { name: 'the only entry blocked', wish: { blocklist: list(root) }, is: 'blocklisted' },
  {
    name: 'one of two entries blocked: the other counts',
    wish: { entries: entries(root, otherRoot), blocklist: list(root) },
    engine: yes,
    is: otherRoot,
  },
];

table('decide', rows, ({ wish, engine, is }) => {
  const asked = request(wish);
  const step = question(asked);
  assert.is(step.do, engine ? 'ask' : 'judged');
  const judged = step.do === 'judged' ? step.verdict : verdict(asked, engine ?? no('internal'));
  const wanted = typeof is === 'string' ? is : fingerprintOf(is.der);
  assert.is(judged.trusted ? judged.by : judged.fault.code, wanted);
});

const purposes = [...client, ...plain].map((purpose) => ({ name: purpose, purpose }));

table(
  'the engine is asked for the purpose and never for an address under a name-only root',
  purposes,
  ({ purpose }) => {
    const step = question(request({ purpose, target: { host: 'host.example', ip: '192.0.2.1' } }));
    assert.is(step.do, 'ask');
    if (step.do !== 'ask') return;
    assert.is(step.question.purpose, purpose === 'client' ? 'client' : 'server');
    assert.is(step.question.host, 'host.example');
    assert.is(step.question.ip, client.includes(purpose) ? null : '192.0.2.1');
  },
);

test('the engine gets neither blocked nor end-entity entries as anchors, and whole seconds', () => {
  const step = question(
    request({ entries: entries(other, root, otherRoot), blocklist: list(root), at: instant(at + 999) }),
  );
  assert.is(step.do, 'ask');
  if (step.do !== 'ask') return;
  assert.equal(step.question.anchors, [otherRoot.der]);
  assert.is(step.question.atSeconds, at / 1000);
});

test('a mismatch says which name was asked for', () => {
  const judged = verdict(request({}), no('name-mismatch'));
  assert.not(judged.trusted);
  if (!judged.trusted) assert.is(judged.fault.facts['host'], 'host.example');
});

function entries(...issued: readonly Issued[]): TrustRequest['entries'] {
  return issued.map(({ der }) => {
    const read = parseCertificate(der);
    if (!read.ok) throw new Error(read.fault.code);
    return read.value;
  });
}

function list(...issued: readonly Issued[]): ReadonlySet<string> {
  return new Set(issued.map(({ der }) => fingerprintOf(der)));
}

function twin({ twin: other }: Issued): Uint8Array {
  if (!other) throw new Error('no twin');
  return other;
}

function day(text: string) {
  return instant(Date.parse(`${text}T00:00:00Z`));
}

function after(text: string) {
  return instant(day(text) + 1);
}
