/** Failures others had, injected into a whole device over a disk that forgets (F1, F2, F5, F11, F12, F20, F35, F36, F38, F39). */
import type { Effect, Happening } from '../../agent/core/shape.ts';
import { dayMs, hourMs, minuteMs } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { base64, print, serverCertificates } from '../fakes/administration.ts';
import { ask, cutPower, type Device, type Ending, live, openWorld, type Plan, type World } from '../fakes/device.ts';
import { orderOf } from '../fakes/story.ts';
import { assert, table, test } from '../harness.ts';

const connected = (device: Device): boolean => device.status?.link.at === 'connected';
const count = (device: Device, name: Effect['do']): number =>
  device.effects.filter((effect) => effect.do === name).length;
const seventy = (world: World): void => {
  world.time.clockErrorMs = -world.time.trueMs;
};

/** A registered device with its policy, switched off. */
async function registered(): Promise<World> {
  const world = openWorld();
  world.server.publishPolicies();
  let asked = false;
  const { ending } = await live(world, {
    whenQuiet: (device) => {
      if (asked || device.status?.at !== 'unregistered') return [];
      asked = true;
      return [ask({ do: 'register', order: orderOf(world) })];
    },
    goal: (device) => connected(device) && (device.status?.policy?.rev ?? 0) > 0 && world.server.state.report !== null,
  });
  assert.is(ending, 'goal');
  cutPower(world, 1);
  return world;
}
/** Lives until quiet for so long, doing things once when connected. */
async function liveWith(
  world: World,
  more: Partial<Plan> & { once?: (device: Device) => readonly Happening[]; when?: (device: Device) => boolean },
) {
  let done = false;
  const { once, when = connected, ...plan } = more;
  const lived = await live(world, {
    goal: () => false,
    longestMs: 5 * minuteMs,
    whenQuiet: (device) => {
      if (done || !once || !when(device)) return [];
      done = true;
      return once(device);
    },
    ...plan,
  });
  assert.ok(done || !once, 'never came to it');
  return lived;
}
const revisionOf = (device: Device): number => device.status?.policy?.rev ?? 0;
const newPolicy = (world: World, more: object = {}): readonly Happening[] => {
  world.time.trueMs += 1000;
  return world.server.publishPolicies(more);
};

test('F1: at 1970 nothing is deleted, no code is asked for, and the connection stands', async () => {
  const world = await registered();
  seventy(world);
  world.server.state.reachable = false;
  const { device } = await liveWith(world, { longestMs: hourMs });
  assert.is(device.status?.clock.at, 'unknown');
  assert.is(device.status?.certificates.length, 1);
  assert.is(device.status?.replacement, null);
  assert.ok(count(device, 'connect') > 10, 'tried for ever');
  assert.is(count(device, 'persist'), 0);
  cutPower(world, 2);
  world.server.state.reachable = true;
  const again = await live(world, { goal: (each) => connected(each) && each.status?.clock.at === 'known' });
  assert.is(again.ending, 'goal');
  assert.ok(
    Math.abs((again.device.status?.clock.now ?? 0) - world.time.trueMs) < minuteMs,
    'the time the server signed',
  );
});

test('F1: at 1970 a stranger leads to no code; once the time is there, it does', async () => {
  const world = await registered();
  seventy(world);
  world.server.state.main = 3;
  const { device } = await liveWith(world, { longestMs: 30 * minuteMs });
  assert.is(device.status?.replacement, null);
  assert.is(count(device, 'persist'), 0);
  cutPower(world, 3);
  world.time.clockErrorMs = 0;
  const again = await live(world, { goal: (each) => each.status?.replacement !== null && each.status !== null });
  assert.is(again.ending, 'goal');
});

test('F2, F20: a day without a server: tries for ever, spread, never more often than the cap allows', async () => {
  const world = await registered();
  world.server.state.reachable = false;
  const { device } = await liveWith(world, { longestMs: dayMs });
  const tries = count(device, 'connect') + count(device, 'checkin');
  assert.ok(tries > 300 && tries < 1200, `${tries} tries in a day`);
  assert.is(count(device, 'persist'), 0);
  world.server.state.reachable = true;
  cutPower(world, 4);
  assert.is((await live(world, { goal: connected })).ending, 'goal');
});

const clocks: readonly { name: string; errorMs: number; expected: 'known' }[] = [
  { name: 'a year behind', errorMs: -365 * dayMs, expected: 'known' },
  { name: 'in 1970', errorMs: -Date.parse('2026-11-22T12:00:00Z'), expected: 'known' },
  { name: 'minutes behind', errorMs: -5 * minuteMs, expected: 'known' },
];
table('F5: without NTP the server tells the time', clocks, async ({ errorMs, expected }) => {
  const world = await registered();
  world.time.clockErrorMs = errorMs;
  const { ending, device } = await live(world, {
    goal: (each) => connected(each) && each.status?.clock.at === expected,
    longestMs: 400 * dayMs,
  });
  assert.is(ending, 'goal');
  assert.ok(Math.abs((device.status?.clock.now ?? 0) - world.time.trueMs) <= 10 * minuteMs);
});

test('F12: disk full at a policy: the last good one stays, no PUBACK, applied once there is room', async () => {
  const world = await registered();
  let full = true;
  let before = 0;
  const { ending, device } = await liveWith(world, {
    once: (each) => {
      before = revisionOf(each);
      world.disk.failAfter(0, 'ENOSPC', 40);
      return newPolicy(world);
    },
    goal: (each) => {
      if (full && each.effects.some((effect) => effect.do === 'disconnect')) {
        full = false;
        assert.is(revisionOf(each), before, 'the last good policy stays');
        assert.ok(world.server.state.unacknowledged.size > 0, 'no PUBACK');
        assert.ok(each.status?.faults.some(({ code }) => code === 'disk-full'));
      }
      return !full && connected(each) && revisionOf(each) > before;
    },
    longestMs: hourMs,
  });
  assert.is(ending, 'goal');
  assert.equal(device.status?.faults.filter(({ code }) => code === 'disk-full').length, 0);
  assert.equal(world.server.state.conflicts, []);
});

test('F12: a broken disk stops the agent, which starts again where it was', async () => {
  const world = await registered();
  let before = 0;
  const { ending } = await liveWith(world, {
    once: (each) => {
      before = revisionOf(each);
      world.disk.failAfter(0, 'EIO', 1000);
      return newPolicy(world);
    },
  });
  assert.is(ending, 'stopped');
  cutPower(world, 5);
  const again = await live(world, { goal: (each) => connected(each) && revisionOf(each) > before });
  assert.is(again.ending, 'goal');
});

const hostile: readonly { name: string; make: (world: World) => readonly Happening[]; code?: string }[] = [
  {
    name: 'F35: a policy that is too large',
    make: ({ server }) => [server.deliverRaw(policyTopic(server.unassigned.id), 'x'.repeat(5_000_000))],
    code: 'too-large',
  },
  {
    name: 'F35: too large inside its signature',
    make: ({ server }) => [
      server.deliverRaw(
        policyTopic(server.unassigned.id),
        server.sign('policy', server.policyOf(server.unassigned, { padding: 'x'.repeat(1024 * 1024) })),
      ),
    ],
    code: 'too-large',
  },
  {
    name: 'a forged policy',
    make: ({ server }) => [
      server.deliverRaw(
        policyTopic(server.unassigned.id),
        server.sign('policy', server.policyOf(server.unassigned), server.keys.stranger),
      ),
    ],
    code: 'unknown-key',
  },
  {
    name: 'a policy of another group',
    make: ({ server }) => [
      server.deliverRaw(policyTopic(server.unassigned.id), server.sign('policy', server.policyOf(server.office))),
    ],
    code: 'wrong-audience',
  },
  {
    name: 'a policy of another server',
    make: ({ server }) => [
      server.deliverRaw(
        policyTopic(server.unassigned.id),
        server.sign(
          'policy',
          server.policyOf(server.unassigned, {
            aud: `6f1dcf1c-1111-4111-8111-111111111111/group/${server.unassigned.id}`,
          }),
        ),
      ),
    ],
    code: 'wrong-audience',
  },
  {
    name: 'a device document of another',
    make: ({ server }) => [
      server.deliverRaw(
        deviceLeafTopic(server.device.id, 'device'),
        server.sign(
          'device',
          server.deviceDocument({ aud: `${server.serverId}/device/6f1dcf1c-1111-4111-8111-111111111111` }),
        ),
      ),
    ],
    code: 'wrong-audience',
  },
  {
    name: 'a policy on the topic of commands',
    make: ({ server }) => [
      server.deliverRaw(
        deviceLeafTopic(server.device.id, 'command'),
        server.sign('policy', server.policyOf(server.unassigned)),
      ),
    ],
    code: 'wrong-type',
  },
  {
    name: 'cleared topics',
    make: ({ server }) =>
      [policyTopic(server.unassigned.id), deviceLeafTopic(server.device.id, 'device')].map((topic) =>
        server.deliverRaw(topic, ''),
      ),
  },
  {
    name: 'garbage on every topic and on others',
    make: ({ server }) =>
      ['device', 'command', 'report', 'event', 'presence']
        .map((leaf) => server.deliverRaw(deviceLeafTopic(server.device.id, leaf as 'device'), 'garbage'))
        .concat(
          ['', '#', 'x'.repeat(500), policyTopic(server.office.id)].map((topic) =>
            server.deliverRaw(topic, Buffer.from([0, 255, 1])),
          ),
        ),
    code: 'bad-shape',
  },
  {
    name: 'F36: the policy we hold, again and again',
    make: ({ server }) =>
      Array.from({ length: 50 }, () =>
        server.deliverRaw(
          policyTopic(server.unassigned.id),
          server.state.retained.get(policyTopic(server.unassigned.id)) ?? '',
        ),
      ),
  },
  {
    name: 'would strand',
    make: (world) => newPolicy(world, { blocklist: [print(serverCertificates[0])] }),
    code: 'would-strand',
  },
];
table('F39: a hostile broker changes nothing, and is acknowledged', hostile, async ({ make, code }) => {
  const world = await registered();
  let before = '';
  const picture = (device: Device): string =>
    JSON.stringify([
      device.state.durable,
      device.state.held,
      device.state.waiting,
      device.exported,
      device.state.counters.highest,
    ]);
  const { device } = await liveWith(world, {
    once: (each) => {
      before = picture(each);
      return make(world);
    },
    longestMs: 20_000,
  });
  assert.is(picture(device), before);
  assert.is(world.server.state.unacknowledged.size, 0, 'acknowledged');
  assert.is(count(device, 'persist'), 0);
  assert.is(device.state.faults.document?.code, code);
  assert.ok(connected(device));
  if (code)
    assert.ok(
      [...world.server.state.events.values()].some(({ event }) => event === 'document-refused'),
      'audited',
    );
});

test('F36: old revisions, replayed in any order, change nothing, and the server is shown the newer one', async () => {
  const world = await registered();
  const { server } = world;
  const topic = policyTopic(server.unassigned.id);
  const old: string[] = [server.state.retained.get(topic) ?? ''];
  let newest = 0;
  const { device } = await liveWith(world, {
    once: (each) => {
      for (let turn = 0; turn < 3; turn++) {
        newPolicy(world);
        old.push(server.state.retained.get(topic) ?? '');
      }
      newest = server.state.revisions.get(`${server.serverId}/group/${server.unassigned.id}`) ?? 0;
      assert.ok(connected(each));
      return [old[3], old[1], old[0], old[2], old[3], old[1]].map((jws) => server.deliverRaw(topic, jws ?? ''));
    },
    longestMs: 20_000,
  });
  assert.is(revisionOf(device), newest);
  assert.is(count(device, 'persist'), 1);
  assert.equal(server.state.report?.newer, [old[3]]);
});

/** The server shows another certificate than any we hold. */
const presenting =
  (world: World, index: number) =>
  (effect: Effect): readonly Happening[] | null =>
    (effect.do === 'connect' || effect.do === 'checkin') && !effect.accept.includes(print(serverCertificates[index]))
      ? [{ type: 'presented', der: base64(serverCertificates[index]) }]
      : effect.do === 'connect' || effect.do === 'checkin'
        ? world.server.perform(effect)
        : null;

test('F39: a hostile server gets no trust: no code of the administrator fits its certificate', async () => {
  const world = await registered();
  let typed = false;
  const { device } = await liveWith(world, {
    instead: presenting(world, 2),
    when: (each) => each.status?.replacement !== null && each.status !== null,
    // The administration knows its own certificate only, and makes a code for that.
    once: (each) => {
      typed = true;
      return [ask({ do: 'code', code: world.server.answerCode(each.status?.replacement?.confirmationCode ?? '') })];
    },
  });
  assert.ok(typed);
  assert.is(device.state.durable.pins?.current.der, base64(serverCertificates[0]));
  assert.is(device.state.counters.tries, 1);
  cutPower(world, 6);
  assert.is((await live(world, { goal: connected })).ending, 'goal', 'and the real server is there as before');
});

test('F38: guessing: the lock survives restarts and a full disk, and the server is told', async () => {
  const world = await registered();
  world.server.state.main = 3;
  const codes = async (
    tries: number,
    before: (world: World) => void = () => {},
  ): Promise<{ said: string[]; ending: Ending }> => {
    const said: string[] = [];
    const { device, ending } = await liveWith(world, {
      when: (each) => each.status?.replacement !== null && each.status !== null,
      once: () => {
        before(world);
        return Array.from({ length: tries }, () => ask({ do: 'code', code: '0000 0000 0098' }));
      },
      longestMs: 3 * minuteMs,
    });
    for (const result of device.answers.values()) said.push(result.ok ? 'ok' : result.fault.code);
    cutPower(world, said.length);
    return { said, ending };
  };
  assert.equal((await codes(2)).said, ['code-wrong', 'code-wrong']);
  assert.equal((await codes(1, ({ disk }) => disk.failAfter(0, 'ENOSPC', 6))).said, ['disk-full']);
  assert.equal((await codes(4)).said.slice(-2), ['code-locked', 'code-locked']);
  assert.equal((await codes(1)).said, ['code-locked']);
  world.server.state.main = 0;
  const { device } = await live(world, { goal: connected });
  assert.ok(device.state.counters.tries >= 5);
  await live(world, { goal: (each) => connected(each) && (world.server.state.report?.codes.tries ?? 0) >= 5 });
  assert.ok([...world.server.state.events.values()].some(({ event }) => event === 'code-refused'));
});

test('F11: the newest generation is damaged: the one before goes on, and it is reported', async () => {
  const world = await registered();
  const folder = '/state/generations';
  const names = [...(await world.disk.files.list(folder))].sort(
    (a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10),
  );
  await world.disk.overwrite(`${folder}/${names[0]}`, Buffer.alloc(0));
  const { ending } = await live(world, {
    goal: (device) =>
      connected(device) &&
      (world.server.state.report?.faults.some(({ code }) => code === 'generation-damaged') ?? false),
  });
  assert.is(ending, 'goal');
});
