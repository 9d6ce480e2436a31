/** Renewal with another authority, at the server: whose the new certificate becomes, by what, and whom nobody can take it from. */
import { sign } from 'node:crypto';
import fc from 'fast-check';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { readKey, spkiOf } from '../../agent/edge/device-key.ts';
import { announce } from '../../agent/edge/elsewhere.ts';
import { announcedText } from '../../protocol/announcement.ts';
import { parseCertificate, toBase64, toPem } from '../../protocol/certificate.ts';
import type { Announcement } from '../../protocol/schema.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import type { RenewalProof } from '../../server/core/ports.ts';
import { type Authority, issueDevice, makeAuthority } from '../../server/edge/authority.ts';
import { serveDevices } from '../../server/edge/device-http.ts';
import { addForeignAuthority } from '../../server/edge/foreign.ts';
import { leadsTo } from '../../server/edge/foreign-path.ts';
import { deleteIdentity, listIdentities } from '../../server/edge/identities.ts';
import { invite } from '../../server/edge/invitations.ts';
import { addScep, chooseEnrolment, showMutual } from '../../server/edge/mutual.ts';
import { listAudit } from '../../server/edge/overview.ts';
import { readListenerTls, readPins } from '../../server/edge/pins.ts';
import {
  auditOf,
  codeOf,
  type FleetServer,
  payloadOf,
  proofOf,
  register,
  start,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { now } from '../fakes/tls-server.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';
const foreign = makeAuthority('Foreign CA', start);
const other = makeAuthority('Other CA', start);

type Own = { readonly proof: RenewalProof; readonly key: Uint8Array; readonly chain: readonly Uint8Array[] };
async function identityOf(authority: Authority, { key = makeKey(), days = 30, at = start } = {}): Promise<Own> {
  const publicKeyDer = spkiOf(key);
  const { chainDer } = await issueDevice(authority, { publicKeyDer, deviceId: 'thin 1', days, now: at });
  const { notBefore, notAfter } = value(parseCertificate(chainDer[0] ?? new Uint8Array()));
  return { proof: { ...proofOf(chainDer), notBefore, notAfter }, key, chain: chainDer };
}
const announcementOf = (inUse: Own, next: Own, key = next.key): Announcement => ({
  format: 1,
  chain: next.chain.map(toBase64),
  signature: toBase64(sign('sha256', announcedText(inUse.proof.fingerprint, next.proof.fingerprint), readKey(key))),
});
/** Bound by an invitation. */
async function bound(world: FleetServer, name = 'kiosk'): Promise<Own & { readonly device: string }> {
  const own = await identityOf(foreign);
  const { invitation, password } = value(await invite(world.server, admin, { name }));
  const device = value(await world.fleet.bind(own.proof, { invitation, password }));
  value(await world.fleet.confirm(device));
  return { ...own, device };
}
const withForeign = (use: (world: FleetServer) => Promise<void>): Promise<void> =>
  withFleet(async (world) => {
    value(await addForeignAuthority(world.server, admin, Buffer.from(toPem(foreign.certificateDer))));
    await use(world);
  });

test('announced by the identity in use: the next one is the same device, is its identity from its first contact on', () =>
  withForeign(async (world) => {
    const { fleet } = world;
    const first = await bound(world);
    const next = await identityOf(foreign);
    assert.is(codeOf(await fleet.deviceOf(next.proof)), 'identity-refused');
    assert.is(value(await fleet.follow(first.proof, announcementOf(first, next))), first.device);
    assert.is(value(await fleet.follow(first.proof, announcementOf(first, next))), first.device, 'again');
    assert.is(value(await fleet.deviceOf(next.proof)), first.device);
    assert.is(value(await fleet.deviceOf(first.proof)), first.device, 'the one before stays, to its end');
    const listed = (await listIdentities(world.server)).map(({ thumbprint, status }) => [thumbprint, status]);
    assert.equal(listed, [
      [first.proof.fingerprint, 'superseded'],
      [next.proof.fingerprint, 'renewed'],
    ]);
    const audited = await auditOf(world);
    assert.equal([audited.includes('identity-announced'), audited.includes('identity-renewed')], [true, true]);
  }));

type Refusal = {
  readonly name: string;
  readonly next?: (world: FleetServer) => Promise<Own>;
  readonly announced?: (own: Own, next: Own) => Announcement;
  readonly expected: string;
};
const refusals: readonly Refusal[] = [
  {
    name: 'a certificate whose key it does not have',
    announced: (own, next) => announcementOf(own, next, makeKey()),
    expected: 'identity-refused',
  },
  {
    name: 'a signature beside another identity',
    announced: (_own, next) => announcementOf(next, next),
    expected: 'identity-refused',
  },
  {
    name: 'no signature',
    announced: (own, next) => ({ ...announcementOf(own, next), signature: 'AAAA' }),
    expected: 'identity-refused',
  },
  { name: 'of an authority nobody has let in', next: () => identityOf(other), expected: 'identity-refused' },
  {
    name: 'of our own authority',
    next: ({ server }) => identityOf(server.keys.clientAuthority),
    expected: 'identity-refused',
  },
  {
    name: 'its issuer a certificate that is no CA',
    next: async () => {
      const leaf = await identityOf(foreign);
      const below = await identityOf({
        ...foreign,
        certificateDer: leaf.chain[0] ?? new Uint8Array(),
        keyPkcs8: leaf.key,
      });
      return { ...below, chain: [...below.chain.slice(0, 1), ...leaf.chain] };
    },
    expected: 'identity-refused',
  },
  { name: 'over', next: () => identityOf(foreign, { at: instant(start - 100 * dayMs) }), expected: 'expired' },
  { name: 'the one of another device', next: (world) => bound(world, 'second'), expected: 'identity-refused' },
];
table('follow refuses', refusals, ({ next = () => identityOf(foreign), announced = announcementOf, expected }) =>
  withForeign(async (world) => {
    const own = await bound(world);
    const wanted = await next(world);
    assert.is(codeOf(await world.fleet.follow(own.proof, announced(own, wanted))), expected);
    const rows = await world.server.db
      .selectFrom('identities')
      .select('device_id')
      .where('device_id', '=', own.device)
      .execute();
    assert.is(rows.length, 1);
  }),
);

test('nobody takes the issuer and number of a certificate that is for somebody else', () =>
  withForeign(async (world) => {
    const own = await bound(world);
    const theirs = await identityOf(foreign);
    // Signed by itself, with the names of the other one: the path does not lead to the authority.
    const forged = await identityOf({ ...other, certificateDer: foreign.certificateDer });
    assert.is(codeOf(await world.fleet.follow(own.proof, announcementOf(own, forged))), 'identity-refused');
    const victim = await bound(world, 'victim');
    assert.is(value(await world.fleet.follow(victim.proof, announcementOf(victim, theirs))), victim.device);
    assert.is(codeOf(await world.fleet.follow(own.proof, announcementOf(own, theirs, theirs.key))), 'identity-refused');
  }));

test('who is deleted, retired or unknown announces nothing; ten a day are enough', () =>
  withForeign(async (world) => {
    const { fleet, server, time } = world;
    const stranger = await identityOf(foreign);
    const next = await identityOf(foreign);
    assert.is(codeOf(await fleet.follow(stranger.proof, announcementOf(stranger, next))), 'identity-refused');
    const own = await bound(world);
    for (let issued = 1; issued < 10; issued++)
      value(await fleet.follow(own.proof, announcementOf(own, await identityOf(foreign))));
    assert.is(codeOf(await fleet.follow(own.proof, announcementOf(own, next))), 'busy');
    const gone = await bound(world, 'gone');
    value(await deleteIdentity(server, admin, 'gone'));
    assert.is(codeOf(await fleet.follow(gone.proof, announcementOf(gone, next))), 'identity-refused');
    time.now = instant(start + 61 * dayMs);
    assert.is(codeOf(await fleet.mayRenew(own.proof)), 'identity-retired');
  }));

test('a device of ours moves to the other authority, and back to ours', () =>
  withForeign(async (world) => {
    const { fleet } = world;
    const ours = await register(world, 'kiosk');
    const { notBefore, notAfter } = value(parseCertificate(ours.chain[0] ?? new Uint8Array()));
    const own: Own = { proof: { ...ours.proof, notBefore, notAfter }, key: ours.key, chain: ours.chain };
    const next = await identityOf(foreign);
    assert.is(value(await fleet.follow(own.proof, announcementOf(own, next))), ours.id);
    assert.is(value(await fleet.deviceOf(next.proof)), ours.id);
    const csr = makeRequest(makeKey(), ours.id);
    assert.is(value(await fleet.mayRenew(next.proof)), ours.id);
    const [leaf] = value(await fleet.renew(next.proof, csr));
    assert.is(value(await fleet.deviceOf(proofOf([leaf ?? new Uint8Array()]))), ours.id);
    const named = await identityOf(foreign);
    assert.is(
      codeOf(await fleet.renew(named.proof, makeRequest(makeKey(), ours.id))),
      'identity-refused',
      'a stranger',
    );
    assert.is(codeOf(await fleet.renew(next.proof, makeRequest(makeKey(), 'thin 1'))), 'csr-refused', 'another name');
  }));

test('the enrolment setting is in every policy, without its secret, which devices of ours are given', () =>
  withFleet(async (world) => {
    const { fleet, server } = world;
    const { id } = await register(world, 'kiosk');
    const told = async () => {
      await world.publish();
      const policy = world.published.findLast(({ topic }) => topic.endsWith('/policy'));
      return payloadOf(policy?.payload ?? '')['enrolment'];
    };
    const fingerprint = 'ab'.repeat(32);
    const common = { fingerprint, subject: 'CN=$RANDOM_16$,OU=$CONFIG_UUID$' };
    const url = 'http://ca.example:8080/certsrv/mscep/';
    value(await addScep(server, admin, { ...common, name: 'one', url, password: 'challenge' }));
    value(
      await addScep(server, admin, {
        ...common,
        name: 'two',
        protocol: 'est',
        url: 'https://est.example',
        user: 'us',
        password: 'pw',
      }),
    );
    value(await addScep(server, admin, { ...common, name: 'others', url: 'https://ca.example/scep' }));
    assert.is(await told(), undefined);
    assert.is(codeOf(await fleet.enrolmentSecret(id)), 'not-found');
    value(await chooseEnrolment(server, admin, 'one'));
    const place = (await told()) as Record<string, string>;
    assert.match(place['subject'] ?? '', /^CN=\$RANDOM_16\$,OU=[0-9a-f-]{36}$/);
    assert.equal(
      { ...place, subject: '' },
      { protocol: 'scep', address: 'ca.example:8080', path: '/certsrv/mscep', fingerprint, subject: '' },
    );
    assert.equal(value(await fleet.enrolmentSecret(id)), {
      format: 1,
      protocol: 'scep',
      fingerprint,
      user: '',
      password: 'challenge',
    });
    value(await chooseEnrolment(server, admin, 'two'));
    assert.equal((await told()) as object, {
      ...place,
      protocol: 'est',
      address: 'est.example:443',
      path: '/.well-known/est',
      subject: ((await told()) as Record<string, string>)['subject'],
    });
    assert.is(value(await fleet.enrolmentSecret(id)).user, 'us');
    value(await chooseEnrolment(server, admin, 'others'));
    assert.is(await told(), undefined, 'devices of ours speak SCEP over HTTP alone');
    const shown = JSON.stringify([await showMutual(server), await listAudit(server, 100), world.published]);
    assert.not.match(shown, /challenge"|"pw"|thintrust-sealed/);
    await chooseEnrolment(server, admin, 'two');
    server.refusals.set(`enrolment-secret-given ${id}`, { since: server.clock(), count: 99 });
    const given = async () => (await auditOf(world)).filter((action) => action === 'enrolment-secret-given').length;
    const before = await given();
    for (let asked = 0; asked < 3; asked++) value(await fleet.enrolmentSecret(id));
    assert.is(await given(), before + 1, 'whoever asks on and on fills nothing');
  }));

test('over TLS: the device announces as it does; without the identity in use nobody can', () =>
  withForeign(async (world) => {
    const { fleet, server } = world;
    world.time.now = now();
    const real = { at: now(), days: 30 };
    const [first, next] = [await identityOf(foreign, real), await identityOf(foreign, real)];
    const { invitation, password } = value(await invite(server, admin, { name: 'kiosk' }));
    const device = value(await fleet.bind(first.proof, { invitation, password }));
    const tls = value(await readListenerTls(server));
    const { fingerprint } = value(parseCertificate(Buffer.from((await readPins(server.db)).main, 'base64')));
    const http = await serveDevices({ fleet, tls, host: '127.0.0.1', port: 0, clock: now, log: () => {} });
    const at = { address: `127.0.0.1:${http.port}`, accept: [fingerprint] };
    const credentialsOf = ({ key, chain }: Own) => ({ key, chain: chain.map(toBase64) });
    const codeAt = async (by: Own, told: Own): Promise<string> => {
      const outcome = await announce({ ...at, credentials: credentialsOf(by) }, credentialsOf(told));
      return outcome.at === 'failed' ? outcome.fault.code : outcome.at;
    };
    try {
      assert.is(await codeAt(next, next), 'identity-refused', 'by itself');
      assert.is(await codeAt(first, next), 'answered');
      assert.is(value(await fleet.deviceOf(next.proof)), device);
    } finally {
      await http.close();
    }
  }));

test('leadsTo: a chain damaged anywhere, or made up, leads nowhere and never throws (10^4 runs)', async () => {
  const { chain } = await identityOf(foreign);
  const anchors = [foreign.certificateDer];
  const [leaf = new Uint8Array()] = chain;
  assert.ok(leadsTo([leaf], anchors));
  const damaged = fc.tuple(fc.nat(leaf.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
    const bytes = Uint8Array.from(leaf);
    bytes[at] = (bytes[at] ?? 0) ^ by;
    return [bytes];
  });
  const garbage = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 });
  fc.assert(
    fc.property(fc.oneof(damaged, garbage), (candidate) => !leadsTo(candidate, anchors)),
    { numRuns: 10_000 },
  );
});
