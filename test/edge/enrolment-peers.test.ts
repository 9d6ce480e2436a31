/** Enrolment with software that is not ours: its servers with our clients, its clients with our server (docs/interop.md). */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ForeignEnrolment } from '../../agent/core/durable.ts';
import { makeKey } from '../../agent/edge/csr.ts';
import { enrolElsewhere } from '../../agent/edge/elsewhere.ts';
import { enrol, type Issued } from '../../agent/edge/enrol.ts';
import { enrolByScep, type OldIdentity } from '../../agent/edge/scep.ts';
import { fromBase64, toPem } from '../../protocol/certificate.ts';
import type { Result } from '../../protocol/fault.ts';
import { serveDevices } from '../../server/edge/device-http.ts';
import { invite } from '../../server/edge/invitations.ts';
import {
  type Peer,
  type Place,
  versionOf,
  withEstServer,
  withPlace,
  withScepServer,
} from '../fakes/enrolment-peers.ts';
import { type FleetServer, openFleet, value } from '../fakes/fleet-server.ts';
import { authorityPem, now, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['root', 'chroot', 'openssl', 'scepserver', 'estserver', 'estclient', 'pki']);

const judging = { at: now };
const outcomeOf = (result: Result<unknown>): string => (result.ok ? 'taken' : result.fault.code);
const leafOf = (result: Result<readonly string[]>): X509Certificate =>
  new X509Certificate(fromBase64(value(result)[0] ?? ''));

async function scep(peer: Peer, key: Uint8Array, challenge: string | null, old: OldIdentity | null = null) {
  return enrolByScep({ ...peer, path: '/scep', challenge }, key, 'thin 1', judging, old);
}

test('micromdm scepserver: enrols, refuses a wrong challenge, renews; it answers in single DES', () =>
  withScepServer(['-challenge', 'secret'], async (peer) => {
    const key = makeKey('RSA-2048');
    const enrolled = await scep(peer, key, 'secret');
    assert.is(leafOf(enrolled).subject, 'CN=thin 1');
    assert.is(value(enrolled).length, 2);
    assert.is(outcomeOf(await scep(peer, makeKey('RSA-2048'), 'wrong')), 'challenge-refused');
    const other = { ...peer, fingerprint: 'ab'.repeat(32) };
    assert.is(outcomeOf(await scep(other, makeKey('RSA-2048'), 'secret')), 'authority-mismatch');
    const next = makeKey('RSA-2048');
    // It asks for the challenge in a renewal too.
    const renewed = await scep(peer, next, 'secret', { pkcs8: key, certificate: leafOf(enrolled).raw });
    assert.ok(leafOf(renewed).serialNumber !== leafOf(enrolled).serialNumber);
  }));

test('micromdm scepserver without a challenge: the old identity renews by itself', () =>
  withScepServer([], async (peer) => {
    const key = makeKey('RSA-2048');
    const enrolled = await scep(peer, key, null);
    const renewed = await scep(peer, makeKey('RSA-3072'), null, { pkcs8: key, certificate: leafOf(enrolled).raw });
    assert.is(leafOf(renewed).publicKey.asymmetricKeyDetails?.modulusLength, 3072);
  }));

test('libest estserver: HTTP/1.0, Basic, wrapped base64; every kind of key', () =>
  withEstServer(async ({ address, fingerprint }) => {
    const order = { address, fingerprint, invitation: 'estuser', password: 'estpwd' };
    for (const kind of ['P-256', 'P-384', 'RSA-2048', 'RSA-3072'] as const) {
      const enrolled = await enrol(order, makeKey(kind), 'thin 1', judging);
      assert.is(leafOf(enrolled).subject, 'CN=thin 1', kind);
    }
    const wrong = await enrol({ ...order, password: 'wrong' }, makeKey(), 'thin 1', judging);
    assert.is(outcomeOf(wrong), 'invitation-refused');
    const stranger = await enrol({ ...order, fingerprint: 'ab'.repeat(32) }, makeKey(), 'thin 1', judging);
    assert.is(outcomeOf(stranger), 'fingerprint-mismatch');
  }));

/** As the daemon renews: by the identity in use, for the name that one has. */
async function elsewhere(
  peer: Peer,
  enrolment: Partial<ForeignEnrolment>,
  old: { key: Uint8Array; chain: readonly string[] },
) {
  const server = { address: '127.0.0.1:1', accept: [], credentials: { key: old.key, chain: old.chain } };
  const { address, fingerprint } = peer;
  const where = { address, fingerprint, user: '', password: '', subject: 'another', ...enrolment } as ForeignEnrolment;
  return enrolElsewhere({ enrolment: where, renews: true }, server, makeKey(where.key), judging);
}
const issuedOf = (outcome: Issued): X509Certificate => {
  assert.is(outcome.at, 'issued', JSON.stringify(outcome));
  return new X509Certificate(fromBase64((outcome.at === 'issued' && outcome.chain[0]) || ''));
};

test('libest estserver: renews by the identity alone, with another key', () =>
  withEstServer(async (peer) => {
    const key = makeKey('P-256');
    const { address, fingerprint } = peer;
    const order = { address, fingerprint, invitation: 'estuser', password: 'estpwd' };
    const chain = value(await enrol(order, key, 'thin 1', judging));
    const est = { protocol: 'est', path: '/.well-known/est', key: 'P-256' } as const;
    const renewed = issuedOf(await elsewhere(peer, est, { key, chain }));
    assert.is(renewed.subject, 'CN=thin 1');
    assert.not.ok(renewed.publicKey.equals(new X509Certificate(fromBase64(chain[0] ?? '')).publicKey));
    const other = await elsewhere({ ...peer, fingerprint: 'ab'.repeat(32) }, est, { key, chain });
    assert.is(other.at === 'failed' && other.fault.code, 'authority-mismatch');
  }));

test('micromdm scepserver: what wants its challenge in a renewal too gets it, once it has asked', () =>
  withScepServer(['-challenge', 'secret'], async (peer) => {
    const key = makeKey('RSA-2048');
    const chain = value(await scep(peer, key, 'secret'));
    const told = { protocol: 'scep', path: '/scep', key: 'RSA-2048' } as const;
    const renewed = issuedOf(await elsewhere(peer, { ...told, password: 'secret' }, { key, chain }));
    assert.is(renewed.subject, 'CN=thin 1');
    const wrong = await elsewhere(peer, { ...told, password: 'wrong' }, { key, chain });
    assert.is(wrong.at === 'failed' && wrong.fault.code, 'challenge-refused');
  }));

type Served = { readonly fleet: FleetServer; readonly port: string; readonly place: Place };

/** Our server, its client authority in `ca.pem`; its own certificate is from there too. */
async function withOurServer(use: (served: Served) => Promise<void>): Promise<void> {
  const fleet = await openFleet();
  fleet.time.now = now();
  const { clientAuthority } = fleet.server.keys;
  const { key, cert } = await serverMaterial(clientAuthority, ['127.0.0.1']);
  const tls = { key, chain: cert, clientAuthorities: authorityPem(clientAuthority) };
  const http = await serveDevices({ fleet: fleet.fleet, tls, host: '127.0.0.1', port: 0, clock: now, log: () => {} });
  try {
    await withPlace(async (place) => {
      place.write('ca.pem', authorityPem(clientAuthority));
      await use({ fleet, port: String(http.port), place });
    });
  } finally {
    await http.close();
    await fleet.close();
  }
}

const invited = async ({ fleet }: Served) => value(await invite(fleet.server, 'administrator', { name: 'thin 1' }));
/** Leaves of our authority, by the device they are for. */
const isOurs = ({ fleet }: Served, pem: Uint8Array): boolean => {
  const authority = new X509Certificate(Buffer.from(fleet.server.keys.clientAuthority.certificateDer));
  const leaf = new X509Certificate(pem);
  return leaf.verify(authority.publicKey) && /CN=[0-9a-f-]{36}/.test(leaf.subject);
};

/** A renewed identity: the same device, another certificate and key. */
function assertFollows(next: Uint8Array, before: Uint8Array): void {
  const [one, other] = [new X509Certificate(before), new X509Certificate(next)];
  assert.is(other.subject, one.subject);
  assert.is.not(other.serialNumber, one.serialNumber);
  assert.not.ok(one.publicKey.equals(other.publicKey));
}

test('libest estclient: authorities, CSR attributes, enrolment with a one-time password, all over HTTP/1.0', () =>
  withOurServer(async (served) => {
    const { place, port } = served;
    const to = ['-s', '127.0.0.1', '-p', port, '--pem-output', '-o', '.'];
    const trusting = { EST_OPENSSL_CACERT: 'ca.pem' };
    const taken = await place.run('estclient', ['-g', ...to], trusting);
    assert.not.match(taken.told, /EST_ERR/);
    assert.match(place.read('cacert-0-0.pem').toString(), /BEGIN CERTIFICATE/);
    const { invitation, password } = await invited(served);
    place.write('own.key', toPem(makeKey('RSA-2048'), 'PRIVATE KEY'));
    const ask = ['-e', ...to, '-x', 'own.key', '-u', invitation];
    const refused = await place.run('estclient', [...ask, '-h', 'AAAA-AAAA-AAAA'], trusting);
    assert.ok(refused.told.includes('EST_ERR_AUTH_FAIL'), refused.told);
    const enrolled = await place.run('estclient', [...ask, '-h', password], trusting);
    assert.not.match(enrolled.told, /EST_ERR/);
    const first = place.read('cert-0-0.pem');
    assert.ok(isOurs(served, first));
    // It leaves with 0 whatever happened, and says what did.
    const attributes = await place.run('estclient', ['-a', ...to], trusting);
    assert.not.match(attributes.told, /EST_ERR/);
    place.write('first.pem', first);
    // It knows renewal with the same key alone, and our server wants a new one.
    const renewed = await place.run('estclient', ['-r', ...to, '-c', 'first.pem', '-k', 'own.key'], trusting);
    assert.match(renewed.told, /EST_ERR_HTTP_BAD_REQ/);
  }));

test('strongSwan pki: authorities, enrolment with a one-time password, renewal; base64 on one line', () =>
  withOurServer(async (served) => {
    const { place, port } = served;
    const url = ['--url', `https://127.0.0.1:${port}`, '--cacert', 'ca.pem', '--outform', 'pem'];
    const taken = await place.run('pki', ['--estca', ...url, '--caout', 'out']);
    assert.is(taken.code, 0, taken.told);
    const { invitation, password } = await invited(served);
    place.write('own.key', toPem(makeKey('P-384'), 'PRIVATE KEY'));
    const request = await place.run('pki', ['--req', '--in', 'own.key', '--dn', 'CN=thin 1']);
    assert.is(request.code, 0, request.told);
    place.write('own.csr', request.out);
    const ask = ['--est', ...url, '--in', 'own.csr', '--userpass'];
    const refused = await place.run('pki', [...ask, `${invitation}:AAAA-AAAA-AAAA`]);
    assert.not.equal(refused.code, 0);
    const enrolled = await place.run('pki', [...ask, `${invitation}:${password}`]);
    assert.is(enrolled.code, 0, enrolled.told);
    assert.ok(isOurs(served, enrolled.out));
    place.write('first.pem', enrolled.out);
    place.write('next.key', toPem(makeKey('RSA-3072'), 'PRIVATE KEY'));
    const subject = new X509Certificate(enrolled.out).subject.split('\n').join(', ');
    const again = await place.run('pki', ['--req', '--in', 'next.key', '--dn', subject]);
    place.write('next.csr', again.out);
    const own = ['--cert', 'first.pem', '--key', 'own.key'];
    const renewed = await place.run('pki', ['--est', ...url, '--in', 'next.csr', ...own]);
    assert.is(renewed.code, 0, renewed.told);
    assertFollows(renewed.out, enrolled.out);
  }));

table(
  'docs/interop.md names the versions these tests ran with',
  [{ name: 'scep' }, { name: 'libest-utils' }, { name: 'strongswan-pki' }],
  ({ name }) => {
    const page = readFileSync(new URL('../../docs/interop.md', import.meta.url), 'utf8');
    const version = versionOf(name);
    assert.ok(version.length > 0 && page.includes(`\`${name}\` ${version.replace(/[+-].*$/, '')}`), version);
  },
);
