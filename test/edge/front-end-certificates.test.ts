/** Certificates of front ends: told to devices, asked of who shows them, answered for, kept for a rebuild. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf, toBase64, toPem } from '../../protocol/certificate.ts';
import { deriveSecret, makeConfirmation } from '../../protocol/codes.ts';
import type { Policy } from '../../protocol/schema.ts';
import { dayMs } from '../../protocol/time.ts';
import { policyTopic } from '../../protocol/topics.ts';
import { setBlocked } from '../../server/edge/blocking.ts';
import { answerCode } from '../../server/edge/codes.ts';
import { readIdentity } from '../../server/edge/context.ts';
import {
  addFrontEndCertificate,
  listFrontEndCertificates,
  removeFrontEndCertificate,
} from '../../server/edge/front-end-certificates.ts';
import { openKit } from '../../server/edge/kit.ts';
import { leafOf, readPins, readServerCertificates } from '../../server/edge/pins.ts';
import { draftFromKit, draftRepair } from '../../server/edge/repair.ts';
import { readGate, scheduleReserve } from '../../server/edge/rotation.ts';
import {
  auditOf,
  bytes,
  codeOf,
  type FleetServer,
  payloadOf,
  register,
  report,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { type Issued, issue, rsaKey } from '../fakes/issue.ts';
import { serveTls } from '../fakes/tls-server.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';
const authority = issue({ cn: 'Company', ca: true });
const [first, second] = [issue({ cn: 'first', by: authority }), issue({ cn: 'second', by: authority })];
const print = ({ der }: Issued): string => fingerprintOf(der);
const pem = (...all: readonly Issued[]): Uint8Array => Buffer.from(all.map(({ der }) => toPem(der)).join(''));
const add = ({ server }: FleetServer, content: Uint8Array, address = 'proxy.example') =>
  addFrontEndCertificate(server, admin, { address, content });
const told = async (world: FleetServer, group: string) => {
  await world.publish();
  const { payload } = world.published.findLast(({ topic }) => topic === policyTopic(group)) ?? { payload: '' };
  return (payloadOf(payload) as unknown as Policy).server.frontEnds;
};
const remove = ({ server }: FleetServer, issued: Issued, override = false) =>
  removeFrontEndCertificate(server, admin, { fingerprint: print(issued), override });

test('what is added every policy says, bundle, repair file and kit too; the kit leads devices back through it', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const { unassigned } = await readIdentity(server.db);
    assert.is(await told(world, unassigned), undefined);
    value(await add(world, pem(authority, first)));
    value(await add(world, second.der, 'proxy.example:8443'));
    const both = [first, second].map(({ der }) => toBase64(der));
    assert.equal(await told(world, unassigned), both);
    const device = await register(world, 'kiosk');
    assert.equal(value(await fleet.bundle(device.id)).pins.frontEnds, both);
    const order = { days: 1, key: 'recovery', time: false } as const;
    assert.equal(value(await draftRepair(server, admin, order)).payload.pins.frontEnds, both);
    const kit = value(
      await openKit(readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8'), world.passphrase),
    );
    assert.equal(value(draftFromKit(kit, world.time.now, order)).pins.frontEnds, both);
    value(await remove(world, first));
    value(await remove(world, second));
    assert.is(await told(world, unassigned), undefined);
    const actions = (await auditOf(world)).filter((each) => each.startsWith('front-end-certificate'));
    assert.equal(actions, [
      'front-end-certificate-removed',
      'front-end-certificate-removed',
      'front-end-certificate-added',
      'front-end-certificate-added',
    ]);
  }));

test('the list and the gate say what the front end shows now; what it shows is not removed by mistake', () =>
  withFleet(async (world) => {
    const { server, fleet } = world;
    const key = second.key.export({ type: 'pkcs8', format: 'pem' });
    const proxy = await serveTls({ cert: toPem(second.der), key });
    const address = `127.0.0.1:${proxy.port}`;
    value(await add(world, pem(first), address));
    const device = await register(world, 'kiosk');
    const holding = { fingerprint: print(first), purpose: 'ksc', source: 'policy' } as const;
    value(await fleet.receive(device.id, 'report', bytes(report(device.id, { certificates: [holding] }))));
    value(await scheduleReserve(server, admin, world.time.now));
    const gate = async () => value(await readGate(server)).frontEnds;
    assert.equal(await gate(), [{ address, fingerprint: print(second), known: false }]);
    value(await add(world, pem(second), address));
    assert.equal(await gate(), [{ address, fingerprint: print(second), known: true }]);
    const list = async () =>
      (await listFrontEndCertificates(server)).map(({ owner, shown, lacking }) => [owner, shown, lacking.length]);
    assert.equal(await list(), [
      ['first', false, 0],
      ['second', true, 1],
    ]);
    assert.is(codeOf(await remove(world, second)), 'front-end-shows');
    value(await remove(world, second, true));
    await proxy.close();
    assert.equal(await list(), [['first', null, 0]]);
    assert.equal(await gate(), [{ address, fingerprint: null, known: false }]);
  }));

test('a code over it is answered, as long as it is registered', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { id } = await register(world, 'kiosk');
    const secret = deriveSecret(server.keys.codeMaster, id, 1);
    const code = makeConfirmation({ secret, deviceId: id, action: 1, counter: 7, certificateDer: first.der });
    const ask = () => answerCode(server, admin, { code });
    assert.is(codeOf(await ask()), 'code-not-ours');
    value(await add(world, pem(first)));
    const { certificate } = value(await ask());
    assert.is(certificate?.role, 'front-end');
    assert.is(certificate?.view.fingerprint, print(first));
    value(await remove(world, first));
    assert.is(codeOf(await ask()), 'code-not-ours');
  }));

test('it cannot be blocked while devices are told of it, nor told while it is blocked', () =>
  withFleet(async (world) => {
    const { server } = world;
    const { unassigned } = await readIdentity(server.db);
    const block = (blocked: boolean) => setBlocked(server, admin, unassigned, { fingerprint: print(first), blocked });
    value(await add(world, pem(first)));
    assert.is(codeOf(await block(true)), 'would-strand');
    value(await remove(world, first));
    value(await block(true));
    assert.is(codeOf(await add(world, pem(first))), 'would-strand');
    assert.is((await readPins(server.db)).frontEnds, undefined);
  }));

const days = (count: number): string => new Date(Date.parse('2026-11-22T12:00:00Z') + count * dayMs).toISOString();
type Refused = {
  readonly name: string;
  readonly content: (world: FleetServer) => Promise<Uint8Array> | Uint8Array;
  readonly address?: string;
  readonly code: string;
};
const refused: readonly Refused[] = [
  { name: 'an authority alone', content: () => pem(authority), code: 'certificate-missing' },
  { name: 'no certificate', content: () => Buffer.from('hello'), code: 'certificate-unreadable' },
  { name: 'over', content: () => pem(issue({ cn: 'over', to: days(-1) })), code: 'expired' },
  { name: 'a weak key', content: () => pem(issue({ cn: 'weak', key: rsaKey(1024) })), code: 'certificate-weak-key' },
  { name: 'no address', content: () => pem(first), address: 'https://proxy', code: 'bad-argument' },
  {
    name: 'there already',
    content: async (world) => {
      value(await add(world, pem(first)));
      return pem(first);
    },
    code: 'already-exists',
  },
  {
    name: 'one of our own',
    content: async ({ server }) => {
      const [main] = await readServerCertificates(server.db);
      return Buffer.from(main ? leafOf(main) : '', 'base64');
    },
    code: 'already-exists',
  },
  {
    name: 'the ninth',
    content: async (world) => {
      for (let each = 0; each < 8; each++) value(await add(world, pem(issue({ cn: `number ${each}` }))));
      return pem(first);
    },
    code: 'too-many-certificates',
  },
];
table('certificates that are not taken', refused, ({ content, address, code }) =>
  withFleet(async (world) => assert.is(codeOf(await add(world, await content(world), address)), code)),
);

test('what is not there cannot be removed', () =>
  withFleet(async (world) => assert.is(codeOf(await remove(world, first)), 'not-found')));
