import fc from 'fast-check';
import { deviceLeafTopic, fleetFilter, parseTopic, policyTopic, type Topic } from '../../protocol/topics.ts';
import { assert, table, test } from '../harness.ts';

const runs = { numRuns: 10_000 };
const id = '2b902f89-1818-4d5d-8195-7504d90ee2e8';
const formatTopic = (topic: Topic): string =>
  topic.of === 'group' ? policyTopic(topic.id) : deviceLeafTopic(topic.id, topic.leaf);

table<{ name: string; topic: Topic }>(
  'our topics',
  [
    { name: `thintrust/v1/group/${id}/policy`, topic: { of: 'group', id, leaf: 'policy' } },
    { name: `thintrust/v1/device/${id}/device`, topic: { of: 'device', id, leaf: 'device' } },
    { name: `thintrust/v1/device/${id}/command`, topic: { of: 'device', id, leaf: 'command' } },
    { name: `thintrust/v1/device/${id}/report`, topic: { of: 'device', id, leaf: 'report' } },
    { name: `thintrust/v1/device/${id}/event`, topic: { of: 'device', id, leaf: 'event' } },
    { name: `thintrust/v1/device/${id}/presence`, topic: { of: 'device', id, leaf: 'presence' } },
  ],
  ({ name, topic }) => {
    assert.equal(parseTopic(name), topic);
    assert.is(formatTopic(topic), name);
  },
);

table(
  'topics that are not ours',
  [
    '',
    '/',
    '#',
    '+',
    '$SYS/broker/version',
    '$share/x/thintrust/v1/device/+/report',
    'thintrust/v1/#',
    'thintrust/v1/device/+/report',
    'thintrust/v1/device/#',
    `thintrust/v1/device/${id}/+`,
    `thintrust/v1/device/${id}/#`,
    `thintrust/v1/+/${id}/policy`,
    `thintrust/v1/device/${id}`,
    `thintrust/v1/device/${id}/`,
    `thintrust/v1/device/${id}/policy`,
    `thintrust/v1/device/${id}/reports`,
    `thintrust/v1/device/${id}/Report`,
    `thintrust/v1/device/${id}/report/x`,
    `thintrust/v1/group/${id}/report`,
    `thintrust/v1/group/${id}/device`,
    `thintrust/v2/group/${id}/policy`,
    `Thintrust/v1/group/${id}/policy`,
    `/thintrust/v1/group/${id}/policy`,
    `x/thintrust/v1/group/${id}/policy`,
    `thintrust//v1/group/${id}/policy`,
    `thintrust/v1/group//policy`,
    `thintrust/v1/group/${id}/policy\n`,
    `\nthintrust/v1/group/${id}/policy`,
    `thintrust/v1/group/${id}/policy\nthintrust/v1/group/${id}/policy`,
    `thintrust/v1/group/${id}/policy\0`,
    `thintrust/v1/group/${id}\0/policy`,
    ` thintrust/v1/group/${id}/policy`,
    `thintrust/v1/group/${id}/policy `,
    `thintrust/v1/group/${id.toUpperCase()}/policy`,
    `thintrust/v1/group/{${id}}/policy`,
    `thintrust/v1/group/${id.replaceAll('-', '')}/policy`,
    `thintrust/v1/group/${id.slice(1)}/policy`,
    `thintrust/v1/group/${id}0/policy`,
    'thintrust/v1/group/00000000-0000-0000-0000-000000000000/policy',
    // version 1, and version 4 of another variant
    'thintrust/v1/group/2b902f89-1818-1d5d-8195-7504d90ee2e8/policy',
    'thintrust/v1/group/2b902f89-1818-4d5d-c195-7504d90ee2e8/policy',
    'thintrust/v1/group/../policy',
    `thintrust/v1/group/${id}/policy${'x'.repeat(1_000_000)}`,
  ].map((topic) => ({ name: JSON.stringify(topic.slice(0, 110)), topic })),
  ({ topic }) => assert.is(parseTopic(topic), null),
);

table(
  'what the server subscribes to is a filter and no topic, and covers the leaf of every device',
  (['report', 'event', 'presence'] as const).map((leaf) => ({ name: leaf, leaf })),
  ({ leaf }) => {
    const filter = fleetFilter(leaf);
    assert.is(parseTopic(filter), null);
    assert.is(filter.replace('+', id), deviceLeafTopic(id, leaf));
  },
);

const leaf = fc.constantFrom('device', 'command', 'report', 'event', 'presence');
const topic: fc.Arbitrary<Topic> = fc.oneof(
  fc.uuid({ version: 4 }).map((group): Topic => ({ of: 'group', id: group, leaf: 'policy' })),
  fc.tuple(fc.uuid({ version: 4 }), leaf).map(([device, name]): Topic => ({ of: 'device', id: device, leaf: name })),
);

test('a written topic reads back: 10^4 runs', () => {
  fc.assert(
    fc.property(topic, (written) => assert.equal(parseTopic(formatTopic(written)), written)),
    runs,
  );
});

test('any string, 10^4 runs of up to 200 characters: what parses re-encodes to the same, never a throw', () => {
  const levels = fc.constantFrom(
    'thintrust',
    'v1',
    'v2',
    'group',
    'device',
    id,
    id.toUpperCase(),
    'policy',
    'report',
    '+',
    '#',
    '',
    '\0',
  );
  const near = fc.array(levels, { maxLength: 7 }).map((parts) => parts.join('/'));
  const changed = fc
    .tuple(topic, fc.nat(119), fc.string({ maxLength: 1, unit: 'binary' }))
    .map(
      ([written, at, character]) => formatTopic(written).slice(0, at) + character + formatTopic(written).slice(at + 1),
    );
  let ours = 0;
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 200, unit: 'binary' }), near, changed), (text) => {
      const read = parseTopic(text);
      if (!read) return;
      assert.is(formatTopic(read), text);
      ours++;
    }),
    runs,
  );
  assert.ok(ours > 100, 'the generator reaches our topics');
});
