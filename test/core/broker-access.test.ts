import fc from 'fast-check';
import { mayRead, type Place, readableTopics, spokenLeaf, writableTopics } from '../../server/core/access.ts';
import { accessList, type MosquittoPlan, mosquittoConfiguration } from '../../server/core/mosquitto.ts';
import { assert, rejects, table, test } from '../harness.ts';

const one = '0c3f7c0e-4b4b-4a52-8d2a-c2b93797d941';
const two = '5a1d6f02-93c1-4d7e-b0a4-1c2d3e4f5a6b';
const group = '7d0a8e0e-6f1c-4b8e-9a3e-3a1c4d9d2b11';
const member: Place = { id: one, group };
const removed: Place = { id: one, group: null };
const of = (device: string, leaf: string) => `thintrust/v1/device/${device}/${leaf}`;

table(
  'access',
  [
    { name: 'own device document', topic: of(one, 'device'), reads: true, says: null },
    { name: 'own commands', topic: of(one, 'command'), reads: true, says: null },
    { name: 'policy of the group', topic: `thintrust/v1/group/${group}/policy`, reads: true, says: null },
    { name: 'own report', topic: of(one, 'report'), reads: false, says: 'report' },
    { name: 'own event', topic: of(one, 'event'), reads: false, says: 'event' },
    { name: 'own presence', topic: of(one, 'presence'), reads: false, says: 'presence' },
    { name: 'device document of another', topic: of(two, 'device'), reads: false, says: null },
    { name: 'report of another', topic: of(two, 'report'), reads: false, says: null },
    { name: 'policy of another group', topic: `thintrust/v1/group/${two}/policy`, reads: false, says: null },
    { name: 'everything', topic: '#', reads: false, says: null },
    { name: 'own with a wildcard', topic: of(one, '#'), reads: false, says: null },
    { name: 'commands of all', topic: of('+', 'command'), reads: false, says: null },
    { name: 'the server', topic: 'thintrust/v1/server/marker', reads: false, says: null },
    { name: 'system', topic: '$SYS/broker/uptime', reads: false, says: null },
    { name: 'nothing', topic: '', reads: false, says: null },
  ],
  (row) => {
    assert.is(mayRead(member, row.topic), row.reads);
    assert.is(spokenLeaf(member, row.topic), row.says);
    assert.not(mayRead(removed, row.topic));
    assert.is(spokenLeaf(removed, row.topic), null);
  },
);

test('what may be said is what is listed', () => {
  assert.equal(
    writableTopics(member).map((topic) => spokenLeaf(member, topic)),
    ['report', 'event', 'presence'],
  );
  assert.equal([...readableTopics(removed), ...writableTopics(removed)], []);
});

test('nobody says anything outside its own topics (10,000 runs, topics up to 100 characters)', () => {
  const part = fc.constantFrom('thintrust', 'v1', 'device', 'group', one, two, 'report', 'event', '+', '#', '', '..');
  const topic = fc.oneof(
    fc.string({ maxLength: 100 }),
    fc.array(part, { maxLength: 6 }).map((parts) => parts.join('/')),
  );
  fc.assert(
    fc.property(topic, (given) => {
      const allowed = writableTopics(member).includes(given);
      assert.is(spokenLeaf(member, given) !== null, allowed);
    }),
    { numRuns: 10_000 },
  );
});

test('the access list of mosquitto says it line by line', () => {
  assert.is(
    accessList([member, { id: two, group: null }], 42),
    [
      '# Written by thintrust-server. Changes are lost.',
      'user thintrust-server',
      'topic readwrite thintrust/v1/device/#',
      'topic readwrite thintrust/v1/group/#',
      'topic readwrite thintrust/v1/server/marker',
      'topic write thintrust/v1/server/access/42',
      `user ${one}`,
      `topic read ${of(one, 'device')}`,
      `topic read ${of(one, 'command')}`,
      `topic read thintrust/v1/group/${group}/policy`,
      `topic write ${of(one, 'report')}`,
      `topic write ${of(one, 'event')}`,
      `topic write ${of(one, 'presence')}`,
      '',
    ].join('\n'),
  );
});

const plan: MosquittoPlan = {
  directory: '/var/lib/thintrust-server/mosquitto',
  devices: { host: '0.0.0.0', port: 8883 },
  service: { host: '127.0.0.1', port: 8884 },
  maxPacketBytes: 3670016,
  alone: null,
};

table(
  'refused as a caller’s error',
  [
    { name: 'a device id with a line end', run: () => accessList([{ id: `${one}\nuser x`, group }], 1) },
    { name: 'a device id that is a wildcard', run: () => accessList([{ id: '+', group }], 1) },
    { name: 'a group that is a wildcard', run: () => accessList([{ id: one, group: '#' }], 1) },
    { name: 'a directory with a line end', run: () => mosquittoConfiguration({ ...plan, directory: '/a\nuser root' }) },
    {
      name: 'a host with a line end',
      run: () => mosquittoConfiguration({ ...plan, devices: { host: 'x\r', port: 1 } }),
    },
  ],
  (row) => rejects(async () => row.run(), /RangeError/),
);

test('a configuration to be included takes nothing that belongs to the whole broker', () => {
  assert.not.match(mosquittoConfiguration(plan), /pid_file|persistence_location|log_dest|^user /m);
  const alone = { pidFile: '/run/m.pid', storeDirectory: '/var/lib/m' };
  assert.match(
    mosquittoConfiguration({ ...plan, alone }),
    /pid_file \/run\/m\.pid\npersistence true\npersistence_location \/var\/lib\/m\/\n/,
  );
});

test('both listeners demand certificates and name a client by them', () => {
  const text = mosquittoConfiguration(plan);
  assert.is(text.match(/^require_certificate true$/gm)?.length, 2);
  assert.is(text.match(/^use_identity_as_username true$/gm)?.length, 2);
  assert.is(text.match(/^use_username_as_clientid true$/gm)?.length, 1);
  assert.match(text, /^allow_anonymous false$/m);
});
