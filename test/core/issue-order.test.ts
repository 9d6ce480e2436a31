/** The wizard “Certificate issuance” (M3): its steps and what is refused, by the source text. */

import fc from 'fast-check';
import { certificateTypes, deviceKinds } from '../../server/core/certificates.ts';
import { firstCorporateRules, judgeCorporateRules } from '../../server/core/corporate.ts';
import {
  authentications,
  connectionMethods,
  type IssueOrder,
  issueSources,
  judgeOrder,
  refusalOf,
  stepsOf,
} from '../../server/core/issue-order.ts';
import { assert, table, test } from '../harness.ts';

const first = 'type kind';
const mobile = (reuse: boolean) => `${first} users source authentication${reuse ? ' reuse' : ''} send confirm`;
const steps = [
  { name: 'mobile, thin client', of: ['mobile', 'thin-client', null], steps: mobile(true) },
  { name: 'mobile, Android', of: ['mobile', 'android', null], steps: mobile(true) },
  { name: 'mobile, iOS: no use several times', of: ['mobile', 'ios', null], steps: mobile(false) },
  ...(['mail', 'vpn'] as const).flatMap((type) => [
    ...(['thin-client', 'android'] as const).flatMap((kind) => [
      {
        name: `${type}, ${kind}, by the mobile certificate`,
        of: [type, kind, 'with-mobile'],
        steps: `${first} connection users alias source send confirm`,
      },
      {
        name: `${type}, ${kind}, without it`,
        of: [type, kind, 'without-mobile'],
        steps: `${first} connection users alias source authentication reuse send confirm`,
      },
      {
        name: `${type}, ${kind}, not chosen yet`,
        of: [type, kind, null],
        steps: `${first} connection users alias source send confirm`,
      },
    ]),
    { name: `${type}, iOS`, of: [type, 'ios', null], steps: `${first} users alias source send confirm` },
  ]),
] as const;

table('stepsOf', steps, ({ of, steps: wanted }) =>
  assert.is(stepsOf(...(of as Parameters<typeof stepsOf>)).join(' '), wanted),
);

const vpn: IssueOrder = {
  type: 'vpn',
  kind: 'thin-client',
  connection: 'with-mobile',
  users: ['anna'],
  alias: 'Office',
  source: 'server',
};
const identity: IssueOrder = {
  type: 'mobile',
  kind: 'thin-client',
  users: ['anna'],
  source: 'server',
  authentication: 'password',
};
const ios: IssueOrder = { type: 'mail', kind: 'ios', users: ['anna'], alias: 'Post', source: 'uploaded' };
const orders: readonly { readonly name: string; readonly order: IssueOrder; readonly comes: string }[] = [
  { name: 'VPN of our own', order: vpn, comes: 'order' },
  { name: 'mail, uploaded', order: { ...vpn, type: 'mail', source: 'uploaded' }, comes: 'order' },
  { name: 'to devices by name', order: { ...vpn, users: [], devices: ['RECEPTION'] }, comes: 'order' },
  { name: 'to nobody', order: { ...vpn, users: [] }, comes: 'bad-argument users' },
  { name: 'without an alias', order: { ...vpn, alias: undefined }, comes: 'bad-argument alias' },
  { name: 'without a source', order: { ...vpn, source: undefined }, comes: 'bad-argument source' },
  { name: 'without a method', order: { ...vpn, connection: undefined }, comes: 'bad-argument connection' },
  { name: 'by a PKI', order: { ...vpn, source: 'pki' }, comes: 'pki-not-integrated' },
  { name: 'a mobile one by a PKI', order: { ...identity, source: 'pki' }, comes: 'pki-not-integrated' },
  {
    name: 'how to prove oneself, where the certificate does',
    order: { ...vpn, authentication: 'password' },
    comes: 'step-not-offered authentication',
  },
  {
    name: 'without the mobile certificate',
    order: { ...vpn, connection: 'without-mobile', authentication: 'password' },
    comes: 'identity-needed',
  },
  { name: 'mobile', order: identity, comes: 'invite' },
  {
    name: 'mobile, by the user’s own password',
    order: { ...identity, authentication: 'credentials' },
    comes: 'invite',
  },
  { name: 'mobile, by e-mail', order: { ...identity, mail: {} }, comes: 'invite' },
  {
    name: 'by e-mail, without a one-time password',
    order: { ...identity, authentication: 'credentials', mail: {} },
    comes: 'invite',
  },
  { name: 'iOS, by e-mail', order: { ...ios, mail: {} }, comes: 'step-not-offered mail' },
  { name: 'VPN, by e-mail', order: { ...vpn, mail: {} }, comes: 'step-not-offered mail' },
  { name: 'mobile, with an alias', order: { ...identity, alias: 'x' }, comes: 'step-not-offered alias' },
  {
    name: 'mobile, with a method',
    order: { ...identity, connection: 'with-mobile' },
    comes: 'step-not-offered connection',
  },
  { name: 'mobile, uploaded', order: { ...identity, source: 'uploaded' }, comes: 'step-not-offered upload' },
  {
    name: 'mobile, for a device that is there',
    order: { ...identity, devices: ['RECEPTION'] },
    comes: 'step-not-offered devices',
  },
  { name: 'mobile, several times', order: { ...identity, reuse: true }, comes: 'not-allowed reuse' },
  { name: 'mobile, once', order: { ...identity, reuse: false }, comes: 'invite' },
  { name: 'iOS, uploaded', order: ios, comes: 'record' },
  { name: 'iOS, with a method', order: { ...ios, connection: 'with-mobile' }, comes: 'step-not-offered connection' },
  { name: 'iOS, several times', order: { ...ios, reuse: false }, comes: 'step-not-offered reuse' },
  { name: 'iOS, of our own', order: { ...ios, source: 'server' }, comes: 'record-only' },
  { name: 'iOS, mobile', order: { ...identity, kind: 'ios' }, comes: 'record-only' },
  { name: 'Android, uploaded', order: { ...ios, kind: 'android', connection: 'with-mobile' }, comes: 'record' },
  {
    name: 'Android, for a device',
    order: { ...ios, kind: 'android', connection: 'with-mobile', devices: ['x'] },
    comes: 'step-not-offered devices',
  },
];

table('judgeOrder', orders, ({ order, comes }) => {
  const judged = judgeOrder(order);
  const said = judged.ok ? judged.value : [judged.fault.code, ...Object.values(judged.fault.facts)].join(' ');
  assert.is(said, comes);
});

const begun = [
  { name: 'VPN for thin clients', chosen: { type: 'vpn', kind: 'thin-client' }, code: null },
  { name: 'mobile for Android', chosen: { type: 'mobile', kind: 'android' }, code: 'record-only' },
  { name: 'mail for iOS: uploaded', chosen: { type: 'mail', kind: 'ios' }, code: null },
  { name: 'mail for iOS, of our own', chosen: { type: 'mail', kind: 'ios', source: 'server' }, code: 'record-only' },
  {
    name: 'VPN without the mobile certificate',
    chosen: { type: 'vpn', kind: 'thin-client', connection: 'without-mobile' },
    code: 'identity-needed',
  },
  {
    name: 'the same for Android',
    chosen: { type: 'vpn', kind: 'android', connection: 'without-mobile', reuse: true },
    code: null,
  },
  { name: 'by a PKI', chosen: { type: 'mobile', kind: 'thin-client', source: 'pki' }, code: 'pki-not-integrated' },
  {
    name: 'mobile, uploaded',
    chosen: { type: 'mobile', kind: 'thin-client', source: 'uploaded' },
    code: 'step-not-offered',
  },
  { name: 'mobile, several times', chosen: { type: 'mobile', kind: 'thin-client', reuse: true }, code: 'not-allowed' },
  { name: 'mobile, by e-mail', chosen: { type: 'mobile', kind: 'thin-client', mail: {} }, code: null },
  { name: 'VPN, by e-mail', chosen: { type: 'vpn', kind: 'thin-client', mail: {} }, code: 'step-not-offered' },
] as const;

table('refusalOf: why nothing that begins so is taken', begun, ({ chosen, code }) =>
  assert.is(refusalOf(chosen)?.code ?? null, code),
);

test('whatever is chosen: what is taken has a choice at each of its steps and none elsewhere', () =>
  fc.assert(
    fc.property(
      fc.record(
        {
          type: fc.constantFrom(...certificateTypes),
          kind: fc.constantFrom(...deviceKinds),
          connection: fc.constantFrom(...connectionMethods),
          users: fc.constantFrom(['anna'], []),
          alias: fc.constant('Office'),
          source: fc.constantFrom(...issueSources),
          authentication: fc.constantFrom(...authentications),
          reuse: fc.boolean(),
        },
        { requiredKeys: ['type', 'kind'] },
      ),
      (order) => {
        if (!judgeOrder(order).ok) return;
        const there = stepsOf(order.type, order.kind, order.connection ?? null);
        for (const step of ['connection', 'alias', 'source', 'authentication'] as const)
          assert.is(order[step] !== undefined, there.includes(step), step);
        assert.ok(order.reuse === undefined || there.includes('reuse'));
        assert.is.not(order.source, 'pki');
      },
    ),
    { numRuns: 2000 },
  ));

const onConnection = { issue: true, alias: 'Office' };
const rules = [
  { name: 'as they are at first', change: {}, code: null },
  { name: 'a year and a month', change: { validityDays: 397 }, code: null },
  { name: 'longer', change: { validityDays: 398 }, code: 'bad-argument' },
  { name: 'no window', change: { renewBeforeDays: 0 }, code: 'bad-argument' },
  { name: 'a wide window', change: { renewBeforeDays: 61 }, code: 'bad-argument' },
  { name: 'half a day', change: { renewBeforeDays: 0.5 }, code: 'bad-argument' },
  { name: 'by order alone', change: { automaticRenewal: false }, code: null },
  { name: 'a template', change: { template: 'User' }, code: 'pki-not-integrated' },
  {
    name: 'when a device connects',
    change: { onConnection: { ...firstCorporateRules.vpn.onConnection, 'thin-client': onConnection } },
    code: 'pki-not-integrated',
  },
];

table('judgeCorporateRules', rules, ({ change, code }) => {
  const judged = judgeCorporateRules({ ...firstCorporateRules, vpn: { ...firstCorporateRules.vpn, ...change } });
  assert.is(judged.ok ? null : judged.fault.code, code);
});
