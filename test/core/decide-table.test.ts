/**
 * The trust decision as a full table: purpose × device × entry × source × purpose of the entry × dates of the leaf × target ×
 * blocklist × clock, each cell judged by the real path engine and compared with the rules as people were told them, written
 * a second time below and sharing nothing with the first.
 */
import type { Durable, LocalEntry } from '../../agent/core/durable.ts';
import { preflightOf } from '../../agent/core/explain.ts';
import { rulesFor } from '../../agent/core/rules.ts';
import type { State } from '../../agent/core/state.ts';
import { openJudge } from '../../agent/edge/judge.ts';
import { type Certificate, fingerprintOf, parseCertificate, toBase64 } from '../../protocol/certificate.ts';
import type { ClientPurpose, Policy } from '../../protocol/schema.ts';
import { parsePlace } from '../../protocol/target.ts';
import { instant } from '../../protocol/time.ts';
import { base64, serverCertificates } from '../fakes/administration.ts';
import { noon, nowOf, openBench, start } from '../fakes/agent.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { assert, table } from '../harness.ts';

const purposes = ['rdp', 'broker', 'log'] as const;
/** `assigned`: in no group, but its policy assigns a certificate of another purpose. */
const devices = ['open', 'assigned', 'managed'] as const;
const kinds = ['none', 'leaf', 'root', 'root expired', 'foreign root', 'before', 'before expired'] as const;
const sources = ['policy', 'factory', 'accepted here', 'accepted elsewhere', 'imported'] as const;
const dates = ['in date', 'expired', 'not yet'] as const;
const targets = ['named', 'not named', 'address'] as const;
const lists = ['nothing', 'the leaf', 'the entry'] as const;
const clocks = ['known', 'unknown'] as const;

type Case = {
  readonly purpose: ClientPurpose;
  readonly device: (typeof devices)[number];
  readonly kind: (typeof kinds)[number];
  readonly source: (typeof sources)[number];
  readonly samePurpose: boolean;
  readonly dates: (typeof dates)[number];
  readonly target: (typeof targets)[number];
  readonly list: (typeof lists)[number];
  readonly clock: (typeof clocks)[number];
};

/** What people were told. */
function told(each: Case): string {
  const { kind, source, dates: when, target, list } = each;
  const assigned = kind !== 'none' && source === 'policy';
  const closed = each.device !== 'open' || assigned;
  const leafBlocked = list === 'the leaf' || (list === 'the entry' && kind === 'leaf');
  if (leafBlocked) return 'refused blocklisted';
  if (each.clock === 'unknown') return 'refused clock-unknown';

  const elsewhere = source === 'accepted elsewhere';
  const counts = kind !== 'none' && each.samePurpose && !elsewhere && (source === 'policy' || !closed);
  // It was meant for this very server: accepted on a connection to it, or a single certificate with its name or address.
  const single = kind === 'leaf' || kind === 'before' || kind === 'before expired';
  const meant = counts && (source === 'accepted here' || (single && target !== 'not named'));

  if (counts && list === 'the entry') {
    if (closed || meant) return 'refused blocklisted';
  } else if (counts && kind === 'leaf') {
    return when === 'expired' ? 'refused expired' : when === 'not yet' ? 'refused not-yet-valid' : 'trusted';
  } else if (counts && (kind === 'root' || kind === 'root expired') && source !== 'accepted here') {
    if (target === 'not named') return 'refused name-mismatch';
    if (kind === 'root expired' || when === 'expired') return 'refused expired';
    if (when === 'not yet') return 'refused not-yet-valid';
    return target === 'address' ? 'refused ip-under-root' : 'trusted';
  } else if (meant) {
    // What was accepted on a connection is that one certificate, even if it calls itself an authority.
    return kind === 'before expired' || kind === 'root expired'
      ? 'refused changed-old-expired'
      : 'refused changed-old-valid';
  }
  if (closed) return 'refused not-assigned';
  if (when === 'expired') return 'refused expired';
  if (when === 'not yet') return 'refused not-yet-valid';
  return target === 'not named' ? 'unknown, mind name-mismatch' : 'unknown';
}

const address = Buffer.of(192, 0, 2, 1);
const authorities = {
  root: issue({ cn: 'Root', ca: true }),
  'root expired': issue({ cn: 'Root', ca: true, to: '2026-10-01T00:00:00Z' }),
  'foreign root': issue({ cn: 'Foreign', ca: true }),
};
const named = { dns: ['host.example'], ips: [address] };
const stranger = issue({ cn: 'Stranger', ca: true });
const before = issue({ cn: 'before', by: stranger, ...named });
const beforeExpired = issue({ cn: 'before', by: stranger, ...named, to: '2026-10-01T00:00:00Z' });
const spans = { 'in date': {}, expired: { to: '2026-11-01T00:00:00Z' }, 'not yet': { from: '2027-01-01T00:00:00Z' } };
const leaves = new Map(
  (['root', 'root expired'] as const).map((by) => [
    by,
    Object.fromEntries(
      dates.map((when) => [when, issue({ cn: 'leaf', by: authorities[by], ...named, ...spans[when] })]),
    ) as Record<Case['dates'], Issued>,
  ]),
);
const typed = { named: 'Host.Example.', 'not named': 'other.example', address: '192.0.2.1' };

const bench = openBench();
start(bench);
const judge = openJudge();
const parsed = new Map<Issued, Certificate>();
const parse = (issued: Issued): Certificate => {
  const known = parsed.get(issued);
  if (known) return known;
  const read = parseCertificate(new Uint8Array(issued.der));
  if (!read.ok) throw new Error(read.fault.code);
  parsed.set(issued, read.value);
  return read.value;
};

function lay(each: Case): { readonly state: State; readonly leaf: Issued; readonly entry: Issued | null } {
  const { kind, source, purpose } = each;
  const of = leaves.get(kind === 'root expired' ? 'root expired' : 'root');
  const leaf = of?.[each.dates];
  if (!leaf) throw new Error('no leaf');
  const entry =
    kind === 'none'
      ? null
      : kind === 'leaf'
        ? leaf
        : kind === 'before'
          ? before
          : kind === 'before expired'
            ? beforeExpired
            : authorities[kind];
  const other = purpose === 'log' ? 'rdp' : 'log';
  const entryPurpose = each.samePurpose ? purpose : other;
  const text = `${each.target === 'address' ? '192.0.2.1' : each.target === 'named' ? 'host.example' : 'other.example'}:1234`;
  const local: LocalEntry[] = [];
  const pushed: { purpose: ClientPurpose; issued: Issued }[] = [];
  // Something else is assigned, for a purpose that is none of this one's.
  if (each.device === 'assigned') pushed.push({ purpose: other, issued: stranger });
  if (entry && source === 'policy') pushed.push({ purpose: entryPurpose, issued: entry });
  if (entry && source !== 'policy')
    local.push({
      purpose: entryPurpose,
      source: source === 'factory' ? 'factory' : 'manual',
      file: source === 'factory' || source === 'imported' ? 'file.pem' : '',
      der: toBase64(entry.der),
      addedAt: noon,
      server: source === 'accepted here' ? text : source === 'accepted elsewhere' ? 'elsewhere.example:1234' : null,
    });
  const blocked = each.list === 'the leaf' ? leaf : each.list === 'the entry' ? entry : null;
  const { server } = bench;
  const entries = pushed.map(({ purpose: of_, issued }) => ({ purpose: of_, file: 'f', certificate: base64(issued) }));
  const blocklist = blocked ? [fingerprintOf(blocked.der)] : [];
  const policy = server.policyOf(server.unassigned, { certificates: { enforced: true, entries }, blocklist });
  const device = { jws: '', device: { ...server.deviceDocument(), managed: each.device === 'managed' } };
  const certificates = pushed.map(({ issued }) => parse(issued));
  const durable: Durable = { ...bench.state.durable, local };
  const floor = each.clock === 'unknown' ? instant(noon + 3_600_000) : bench.state.counters.hardFloor;
  const state: State = {
    ...bench.state,
    durable,
    counters: { ...bench.state.counters, hardFloor: floor },
    held: {
      policy: { jws: '', policy: policy as Policy, certificates, lists: [], revoked: new Set() },
      device: device as State['held']['device'],
    },
  };
  return { state, leaf, entry };
}

function judged(each: Case): string {
  const { state, leaf, entry } = lay(each);
  const place = parsePlace(typed[each.target], 1234);
  if (!place.ok) throw new Error(place.fault.code);
  const now = nowOf(bench);
  const rules = rulesFor(state, each.purpose, place.value, now);
  const der = new Uint8Array(leaf.der);
  const verdict = judge({ ...rules, leaf: der, intermediates: [] });
  const outcome = { at: 'shown', chain: [der], verdict, named: each.target !== 'not named', tls: 'TLSv1.3' } as const;
  const { verdict: is, by, fault, warnings } = preflightOf(state, each.purpose, place.value, outcome, now);
  if (is === 'trusted') {
    assert.is(by?.fingerprint, entry && fingerprintOf(entry.der));
    assert.is(by?.source, each.source === 'policy' || each.source === 'factory' ? each.source : 'manual');
    assert.ok(verdict.trusted, 'nobody trusts what the edge did not');
  } else assert.is(by, null);
  const mind = warnings.filter(({ code }) => code === 'name-mismatch').map(({ code }) => `, mind ${code}`);
  return [is, fault?.code].filter(Boolean).join(' ') + mind.join('');
}

const rows = purposes.flatMap((purpose) =>
  devices.flatMap((device) =>
    kinds.map((kind) => ({ name: `${purpose}, ${device} device, ${kind}`, purpose, device, kind })),
  ),
);

table('the decision', rows, ({ purpose, device, kind }) => {
  for (const source of kind === 'none' ? sources.slice(0, 1) : sources)
    for (const samePurpose of [true, false])
      for (const when of dates)
        for (const target of targets)
          for (const list of lists)
            for (const clock of clocks) {
              const each: Case = { purpose, device, kind, source, samePurpose, dates: when, target, list, clock };
              assert.is(judged(each), told(each), JSON.stringify(each));
            }
});

type Slots = NonNullable<Durable['pins']>;
const [main, reserve, strange] = serverCertificates;
const gone = issue({ cn: 'gone', to: '2026-11-01T00:00:00Z' });
const pin = (issued: Issued | undefined) => ({ der: base64(issued), source: 'policy' as const, addedAt: noon });
const slots: Slots = {
  current: pin(main),
  reserve: { ...pin(reserve), activateAt: instant(noon + 1) },
  previous: null,
};
const pinRows: readonly {
  name: string;
  pins: Slots | null;
  leaf: Issued | undefined;
  blocked?: Issued;
  clock?: 'unknown';
  is: string;
}[] = [
  { name: 'the current certificate', pins: slots, leaf: main, is: 'trusted' },
  { name: 'the reserve before its time', pins: slots, leaf: reserve, is: 'trusted' },
  { name: 'another of the same authority', pins: slots, leaf: strange, is: 'refused not-pinned' },
  {
    name: 'the current one, blocked',
    pins: slots,
    leaf: main,
    ...(main ? { blocked: main } : {}),
    is: 'refused blocklisted',
  },
  { name: 'the current one, expired', pins: { ...slots, current: pin(gone) }, leaf: gone, is: 'refused pin-expired' },
  { name: 'the current one while the clock is unknown', pins: slots, leaf: main, clock: 'unknown', is: 'trusted' },
  {
    name: 'another while the clock is unknown',
    pins: slots,
    leaf: strange,
    clock: 'unknown',
    is: 'refused clock-unknown',
  },
  { name: 'another that has expired', pins: slots, leaf: gone, is: 'refused server-certificate-expired' },
  { name: 'before the registration', pins: null, leaf: main, is: 'refused not-registered' },
];
table(
  'the decision for the Administration Server: the pin slots alone',
  pinRows,
  ({ pins, leaf, blocked, clock, is }) => {
    const each: Case = {
      purpose: 'rdp',
      device: 'managed',
      kind: 'leaf',
      source: 'policy',
      samePurpose: true,
      dates: 'in date',
      target: 'named',
      list: 'nothing',
      clock: clock ?? 'known',
    };
    const { state } = lay(each);
    const policy = state.held.policy;
    const blocklist = blocked ? [fingerprintOf(blocked.der)] : [];
    const held = policy && { ...policy, policy: { ...policy.policy, blocklist } };
    const place = parsePlace('127.0.0.1:443', 443);
    if (!place.ok || !leaf) throw new Error('place');
    const der = new Uint8Array(leaf.der);
    const with_: State = { ...state, durable: { ...state.durable, pins }, held: { ...state.held, policy: held } };
    const now = nowOf(bench);
    const verdict = judge({ ...rulesFor(with_, 'ksc', place.value, now), leaf: der, intermediates: [] });
    const outcome = { at: 'shown', chain: [der], verdict, named: true, tls: 'TLSv1.3' } as const;
    const preflight = preflightOf(with_, 'ksc', place.value, outcome, now);
    assert.is([preflight.verdict, preflight.fault?.code].filter(Boolean).join(' '), is);
    assert.is(verdict.trusted, is === 'trusted', 'the edge says the same');
  },
);
