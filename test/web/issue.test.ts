/** The wizard “Certificate issuance”: which steps are shown, what is offered at them, and what is sent, for every path. */
import type { DeviceRow } from '../../server/api/devices.ts';
import type { UserView } from '../../server/api/users.ts';
import { certificateTypes, deviceKinds } from '../../server/core/certificates.ts';
import { connectionMethods, judgeOrder } from '../../server/core/issue-order.ts';
import {
  type Choice,
  missingAt,
  nothingChosen,
  orderOf,
  pageSteps,
  whyNot,
} from '../../server/web/pages/issue/choice.ts';
import { assert, table, test } from '../harness.ts';

const anna: UserView = {
  id: 'a',
  name: 'anna',
  fullName: '',
  description: '',
  email: 'anna@corp.example',
  phone: '',
  group: null,
  devices: 1,
  maxDevices: 1,
  createdAt: 0,
};
const users = (...some: readonly Partial<UserView>[]): Pick<Choice, 'users'> => ({
  users: new Map(some.map((one, index) => [String(index), { ...anna, ...one }])),
});
const reception: DeviceRow = {
  id: 'r',
  name: 'reception',
  group: 'Office',
  groupId: 'o',
  presence: 'online',
  lastSeen: null,
  confirmed: true,
  waiting: false,
  standing: 'active',
  agent: null,
  migration: null,
};
const ofDevices: Pick<Choice, 'to' | 'devices'> = { to: 'devices', devices: new Map([['r', reception]]) };
const choose = (change: Partial<Choice>): Choice => ({ ...nothingChosen, ...change });
const file = new File(['x'], 'one.p12');

/** As the source text has them. */
const steps = [
  { name: 'nothing yet', choice: {}, shown: 'type kind users source send confirm' },
  ...(['thin-client', 'android'] as const).flatMap((kind) => [
    {
      name: `mobile, ${kind}`,
      choice: { type: 'mobile', kind } as const,
      shown: 'type kind users source authentication send confirm',
    },
    ...(['mail', 'vpn'] as const).flatMap((type) => [
      {
        name: `${type}, ${kind}, by the mobile certificate`,
        choice: { type, kind, connection: 'with-mobile' } as const,
        shown: 'type kind connection users source send confirm',
      },
      {
        name: `${type}, ${kind}, without it`,
        choice: { type, kind, connection: 'without-mobile' } as const,
        shown: 'type kind connection users source authentication send confirm',
      },
    ]),
  ]),
  {
    name: 'mobile, iOS',
    choice: { type: 'mobile', kind: 'ios' } as const,
    shown: 'type kind users source authentication send confirm',
  },
  ...(['mail', 'vpn'] as const).map((type) => ({
    name: `${type}, iOS, whatever was chosen before`,
    choice: { type, kind: 'ios', connection: 'without-mobile', authentication: 'password' } as const,
    shown: 'type kind users source send confirm',
  })),
];

table('the steps that are shown', steps, ({ choice, shown }) => assert.is(pageSteps(choose(choice)).join(' '), shown));

const offers = [
  {
    name: 'no mobile certificate for Android',
    choice: { type: 'mobile' },
    change: { kind: 'android' },
    code: 'record-only',
  },
  { name: 'nor for iOS', choice: { type: 'mobile' }, change: { kind: 'ios' }, code: 'record-only' },
  { name: 'a VPN certificate for iOS', choice: { type: 'vpn' }, change: { kind: 'ios' }, code: null },
  {
    name: 'later choices do not forbid an earlier one',
    choice: { type: 'vpn', kind: 'thin-client', connection: 'with-mobile', source: 'server' },
    change: { kind: 'ios' },
    code: null,
  },
  {
    name: 'a thin client has its own certificate',
    choice: { type: 'mail', kind: 'thin-client' },
    change: { connection: 'without-mobile' },
    code: 'identity-needed',
  },
  { name: 'no PKI', choice: { type: 'mail', kind: 'ios' }, change: { source: 'pki' }, code: 'pki-not-integrated' },
  {
    name: 'nothing is told of a VPN certificate',
    choice: { type: 'vpn', kind: 'thin-client', connection: 'with-mobile', source: 'server' },
    change: { mail: {} },
    code: 'step-not-offered',
  },
  {
    name: 'of where to register, with a password of one’s own, is',
    choice: { type: 'mobile', kind: 'thin-client', source: 'server', authentication: 'credentials' },
    change: { mail: {} },
    code: null,
  },
  {
    name: 'a one-time password is',
    choice: { type: 'mobile', kind: 'thin-client', source: 'server', authentication: 'password' },
    change: { mail: {} },
    code: null,
  },
] as const;

table('what is offered, and why not', offers, ({ choice, change, code }) =>
  assert.is(whyNot(choose(choice), change)?.code ?? null, code),
);

const mobile = {
  type: 'mobile',
  kind: 'thin-client',
  ...users({}),
  source: 'server',
  authentication: 'password',
} as const;
const vpn = {
  type: 'vpn',
  kind: 'thin-client',
  connection: 'with-mobile',
  ...users({}),
  alias: ' Office ',
  source: 'server',
} as const;
const ios = { ...vpn, kind: 'ios', source: 'uploaded', file } as const;
const lacks = [
  { name: 'a type', choice: {}, step: 'type', missing: 'choose' },
  { name: 'a kind that there is no more', choice: { type: 'mobile', kind: 'ios' }, step: 'kind', missing: 'choose' },
  { name: 'a kind', choice: vpn, step: 'kind', missing: null },
  {
    name: 'a method that there is no more',
    choice: { ...vpn, connection: 'without-mobile' },
    step: 'connection',
    missing: 'choose',
  },
  { name: 'users', choice: { ...mobile, ...users() }, step: 'users', missing: 'users' },
  {
    name: 'a device to fetch it',
    choice: { ...vpn, ...users({}, { devices: 0 }) },
    step: 'users',
    missing: 'noDevice',
  },
  { name: 'a device', choice: { ...vpn, to: 'devices' }, step: 'users', missing: 'devices' },
  { name: 'users, of a choice of devices', choice: { ...vpn, ...ofDevices, ...users() }, step: 'users', missing: null },
  {
    name: 'users, where devices register only',
    choice: { ...mobile, ...ofDevices, ...users() },
    step: 'users',
    missing: 'users',
  },
  {
    name: 'fewer users',
    choice: { ...mobile, ...users(...Array.from({ length: 10_001 }, () => ({}))) },
    step: 'users',
    missing: 'tooMany',
  },
  { name: 'no device to be registered', choice: { ...mobile, ...users({ devices: 0 }) }, step: 'users', missing: null },
  { name: 'an alias', choice: { ...vpn, alias: ' ' }, step: 'source', missing: 'alias' },
  { name: 'a source', choice: { ...vpn, source: null }, step: 'source', missing: 'choose' },
  { name: 'a source that may be', choice: { ...ios, source: 'server' }, step: 'source', missing: 'choose' },
  { name: 'a file', choice: { ...ios, file: null }, step: 'source', missing: 'file' },
  { name: 'a key', choice: { ...ios, format: 'x509' }, step: 'source', missing: 'keyFile' },
  { name: 'no key in PKCS #12', choice: ios, step: 'source', missing: null },
  { name: 'a proof', choice: { ...mobile, authentication: null }, step: 'authentication', missing: 'choose' },
  { name: 'a way', choice: mobile, step: 'send', missing: 'choose' },
  { name: 'a way that there is no more', choice: { ...vpn, send: 'mail' }, step: 'send', missing: 'choose' },
  {
    name: 'an address',
    choice: { ...mobile, send: 'mail', ...users({ email: '' }) },
    step: 'send',
    missing: 'noAddress',
  },
  {
    name: 'an address for the copy',
    choice: { ...mobile, send: 'mail', copy: true, ...users({ email: '' }) },
    step: 'send',
    missing: 'copyTo',
  },
  {
    name: 'a copy is enough',
    choice: { ...mobile, send: 'mail', copy: true, copyTo: 'x@y.example', ...users({ email: '' }) },
    step: 'send',
    missing: null,
  },
  {
    name: 'no address to show it',
    choice: { ...mobile, send: 'show', ...users({ email: '' }) },
    step: 'send',
    missing: null,
  },
] as const;

table('what a step lacks', lacks, ({ choice, step, missing }) => assert.is(missingAt(step, choose(choice)), missing));

const wholes = [
  { name: 'mobile', choice: { ...mobile, send: 'show' }, comes: 'invite' },
  { name: 'mobile, mailed', choice: { ...mobile, send: 'mail', copy: true, copyTo: 'x@y.example' }, comes: 'invite' },
  { name: 'VPN', choice: { ...vpn, send: 'show' }, comes: 'order' },
  { name: 'VPN, for devices', choice: { ...vpn, ...ofDevices, ...users(), send: 'show' }, comes: 'order' },
  {
    name: 'iOS, after devices were chosen',
    choice: { ...ios, ...ofDevices, send: 'show' },
    comes: 'record',
  },
  { name: 'VPN, uploaded', choice: { ...vpn, source: 'uploaded', file, send: 'show' }, comes: 'order' },
  { name: 'iOS', choice: { ...ios, send: 'show' }, comes: 'record' },
  {
    name: 'Android, without the mobile certificate, several times',
    choice: {
      ...ios,
      kind: 'android',
      connection: 'without-mobile',
      authentication: 'password',
      reuse: true,
      send: 'show',
    },
    comes: 'record',
  },
  {
    name: 'mobile, after all of that was chosen for Android',
    choice: { ...mobile, connection: 'without-mobile', alias: 'x', reuse: true, send: 'show' },
    comes: 'invite',
  },
] as const;

table('what is sent holds what is shown, and is taken by the server', wholes, ({ choice, comes }) => {
  const made = choose(choice);
  assert.equal(
    pageSteps(made).flatMap((step) => missingAt(step, made) ?? []),
    [],
  );
  const { type, kind, ...rest } = orderOf(made);
  if (!type || !kind) throw new Error('no type');
  const judged = judgeOrder({ type, kind, ...rest });
  assert.is(judged.ok ? judged.value : judged.fault.code, comes);
});

test('no way through the wizard ends in a refusal: what every step lets pass is taken', () => {
  let taken = 0;
  for (const type of certificateTypes)
    for (const kind of deviceKinds)
      for (const connection of connectionMethods)
        for (const source of ['server', 'pki', 'uploaded'] as const)
          for (const authentication of ['credentials', 'password'] as const)
            for (const reuse of [false, true])
              for (const send of ['mail', 'show'] as const) {
                const made = choose({
                  ...users({}),
                  alias: 'x',
                  file,
                  type,
                  kind,
                  connection,
                  source,
                  authentication,
                  reuse,
                  send,
                });
                if (pageSteps(made).some((step) => missingAt(step, made) !== null)) continue;
                const judged = judgeOrder({ type, kind, ...orderOf(made) });
                assert.ok(judged.ok, JSON.stringify(orderOf(made)));
                taken += 1;
              }
  assert.ok(taken > 50, String(taken));
});
