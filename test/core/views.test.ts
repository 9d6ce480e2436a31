/** What the agent tells others: always of the right shape, never a secret. */
import type { State } from '../../agent/core/agent.ts';
import type { Effect } from '../../agent/core/shape.ts';
import { exportsOf, reportOf } from '../../agent/core/views.ts';
import { check } from '../../protocol/validate.ts';
import { base64, print, rdpRoot, serverCertificates } from '../fakes/administration.ts';
import { nowOf, openRegistered } from '../fakes/agent.ts';
import { live, openWorld } from '../fakes/device.ts';
import { situations } from '../fakes/situations.ts';
import { chapterOf, tellStory } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

/** Effects that leave the agent by other ways than its own disk and the enrolment. */
const telling = new Set<Effect['do']>([
  'show',
  'export',
  'publish',
  'checkin',
  'spool',
  'log',
  'notify',
  'answer',
  'stop',
  'connect',
  'fetch-bundle',
  'confirm-bundle',
]);

function secretsOf({ durable: { registration }, pendingOrder }: State): readonly string[] {
  const order = 'order' in registration ? registration.order : pendingOrder;
  const bundle = registration.at === 'registered' ? registration.bundle : null;
  const secret = bundle ? [bundle.secret, Buffer.from(bundle.secret, 'hex').toString('base64')] : [];
  return [...secret, ...(order ? [order.password] : []), 'PRIVATE KEY'];
}

function assertTold(state: State, effects: readonly Effect[]): void {
  const secrets = secretsOf(state).filter((secret) => secret.length >= 5);
  for (const effect of effects) {
    if (!telling.has(effect.do)) continue;
    const text = JSON.stringify(effect);
    for (const secret of secrets) assert.not.ok(text.includes(secret), `${effect.do} tells a secret`);
    if (effect.do === 'show') assertShape('status', effect.status);
    if (effect.do === 'spool') assertShape('auditEvent', effect.event);
    if (effect.do === 'publish' && effect.topic.endsWith('/report')) assertShape('report', JSON.parse(effect.payload));
    if (effect.do === 'publish' && effect.topic.endsWith('/presence'))
      assertShape('presence', JSON.parse(effect.payload));
    if (effect.do === 'publish' && effect.topic.endsWith('/event'))
      assertShape('auditEvent', JSON.parse(effect.payload));
    if (effect.do === 'checkin') assertShape('checkinRequest', JSON.parse(effect.body));
  }
}
function assertShape(name: 'status' | 'report' | 'auditEvent' | 'presence' | 'checkinRequest', value: unknown): void {
  const checked = check(name, value);
  assert.ok(checked.ok, JSON.stringify(checked));
}

test('the whole story tells nothing but what its schemas say, and no secret', async () => {
  const world = openWorld();
  const tell = tellStory();
  const { ending, device } = await live(world, {
    whenQuiet: (each) => {
      assertTold(each.state, each.effects);
      return tell(world, each);
    },
    goal: (each) => chapterOf(world) === 'end' && each.status?.link.at === 'connected',
  });
  assert.is(ending, 'goal');
  assertTold(device.state, device.effects);
  assert.ok(device.effects.length > 100);
});

table('every situation tells the same way', situations, ({ make }) => {
  const bench = make();
  assertTold(bench.state, bench.effects);
});

test('a generation of a registered device keeps no password', () => {
  const bench = openRegistered();
  assert.not.ok(JSON.stringify(bench.state.durable).includes('"password"'));
});

test('the store: pins by slot, policy entries by purpose, and where each came from', () => {
  const bench = openRegistered();
  const { durable, held } = bench.state;
  const policy = held.policy && {
    ...held.policy,
    policy: { ...held.policy.policy, blocklist: [print(rdpRoot)] },
  };
  const local = [
    {
      purpose: 'rdp' as const,
      source: 'factory' as const,
      file: 'f',
      der: base64(rdpRoot),
      addedAt: nowOf(bench).wall,
      server: null,
    },
    {
      purpose: 'log' as const,
      source: 'manual' as const,
      file: 'm',
      der: base64(serverCertificates[1]),
      addedAt: nowOf(bench).wall,
      server: null,
    },
    {
      purpose: 'rdp' as const,
      source: 'manual' as const,
      file: '',
      der: base64(serverCertificates[2]),
      addedAt: nowOf(bench).wall,
      server: 'desk.test:3389',
    },
  ];
  const exported = (managed: boolean, blocked: boolean) =>
    exportsOf(
      { ...durable, local },
      {
        policy: blocked ? policy : held.policy,
        device: held.device && { ...held.device, device: { ...held.device.device, managed } },
      },
    ).map(({ purpose, source, fingerprint }) => `${purpose} ${source} ${fingerprint.slice(0, 8)}`);
  const pin = `ksc policy ${print(serverCertificates[0]).slice(0, 8)}`;
  const own = [`rdp factory ${print(rdpRoot).slice(0, 8)}`, `log manual ${print(serverCertificates[1]).slice(0, 8)}`];
  assert.equal(exported(false, false), [pin, ...own]);
  assert.equal(exported(false, true), [pin, own[1]], 'blocked everywhere');
  assert.equal(exported(true, false), [pin], 'managed: only the policy counts');
});

test('no report before there is a device', () => {
  assert.is(
    situations.every(({ make }) => {
      const bench = make();
      const { at } = bench.state.durable.registration;
      return (reportOf(bench.state, nowOf(bench)) !== null) === (at === 'registered');
    }),
    true,
  );
});
