/** A certificate an administrator brings: kept sealed, told to devices, switched through the gate, never stranding anybody. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf, fromBase64, toPem } from '../../protocol/certificate.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import type { Server } from '../../server/edge/context.ts';
import { readIdentityFile } from '../../server/edge/identity-file.ts';
import { invite } from '../../server/edge/invitations.ts';
import { kitFile, openKit } from '../../server/edge/kit.ts';
import { listLinks } from '../../server/edge/links.ts';
import { readListenerTls, readPins, readServerCertificates } from '../../server/edge/pins.ts';
import {
  listServerCertificates,
  readGate,
  resetReserve,
  scheduleReserve,
  switchCertificate,
} from '../../server/edge/rotation.ts';
import { tick } from '../../server/edge/upkeep.ts';
import { type CertificateUpload, keepCertificate, uploadCertificate } from '../../server/edge/uploading.ts';
import {
  auditOf,
  bytes,
  codeOf,
  type FleetServer,
  register,
  report,
  start,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { type Issued, issue, rsaKey } from '../fakes/issue.ts';
import { assert, table, test } from '../harness.ts';

const admin = 'administrator';
const ips = [Buffer.of(127, 0, 0, 1)];
const year = { from: '2026-10-01T00:00:00Z', to: '2027-10-01T00:00:00Z' };
const root = issue({ cn: 'company root', ca: true });
const middle = issue({ cn: 'company servers', ca: true, by: root });
const leaf = issue({ cn: 'company server', by: middle, key: rsaKey(2048), ips, ...year });
const other = issue({ cn: 'another server', by: middle, ips, ...year });

const pemOf = (issued: readonly Issued[]): string => issued.map(({ der }) => toPem(der)).join('');
const fingerprint = ({ der }: Issued): string => fingerprintOf(der);
const upload = (chain: readonly [Issued, ...Issued[]], more: Partial<CertificateUpload> = {}): CertificateUpload => ({
  content: Buffer.from(pemOf(chain)),
  key: Buffer.from(chain[0].key.export({ type: 'pkcs8', format: 'pem' })),
  password: '',
  role: 'reserve',
  ...more,
});
const whole = upload([leaf, middle, root]);
const rolesOf = async ({ server }: FleetServer): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries((await listServerCertificates(server)).map((each) => [each.fingerprint, each.role]));

/** As `uploadCertificate` does, without the process that reads the file. */
const bring: (server: Server, given: CertificateUpload) => ReturnType<typeof uploadCertificate> = async (
  server,
  given,
) => {
  const read = readIdentityFile(given);
  return read.ok ? keepCertificate(server, admin, read.value, given) : read;
};

test('as reserve it is told to devices, waits for the gate, and is then served whole', () =>
  withFleet(async (world) => {
    const { server, fleet, served, passphrase, directory } = world;
    const { id } = await register(world, 'kiosk');
    const [old] = await listServerCertificates(server);
    const made = value(await uploadCertificate(server, admin, whole));
    assert.equal(
      [made.certificate.role, made.certificate.source, made.certificate.activateAt, made.legacy],
      ['reserve', 'uploaded', start + 7 * dayMs, []],
    );
    assert.is(fingerprintOf(fromBase64((await readPins(server.db)).reserve?.certificate ?? '')), fingerprint(leaf));
    assert.is(value(await readGate(server)).open, false);
    assert.is(codeOf(await switchCertificate(server, admin, false)), 'devices-not-ready');
    const held = { current: old?.fingerprint ?? '', reserve: fingerprint(leaf), previous: null };
    value(await fleet.receive(id, 'report', bytes(report(id, { pins: held }))));
    value(await switchCertificate(server, admin, false));
    assert.equal(await rolesOf(world), { [fingerprint(leaf)]: 'main', [old?.fingerprint ?? '']: 'previous' });
    assert.equal(served, [pemOf([leaf, middle, root])]);
    const tls = value(await readListenerTls(server));
    assert.ok(createPrivateKey(tls.key).equals(leaf.key));
    // nothing of the key lies in the open, and the kit brings it back
    const [row] = (await readServerCertificates(server.db)).filter(({ role }) => role === 'main');
    const key = leaf.key.export({ type: 'pkcs8', format: 'der' }).toString('base64');
    assert.not.ok(row?.sealed_key.includes(key.slice(40, 80)));
    const kit = value(await openKit(readFileSync(join(directory, kitFile), 'utf8'), passphrase));
    const kept = kit.certificates.find(({ role }) => role === 'main');
    assert.equal([kept?.source, kept?.key, kept?.chain.length], ['uploaded', key, 3]);
    assert.equal(
      (await auditOf(world)).filter((action) => /certificate-(uploaded|switched)/.test(action)),
      ['certificate-switched', 'certificate-uploaded'],
    );
  }));

test('a server that no device knows takes it as main at once', () =>
  withFleet(async (world) => {
    const { server, served } = world;
    const [own] = await listServerCertificates(server);
    const made = value(await bring(server, { ...whole, role: 'main' }));
    assert.equal([made.certificate.role, made.certificate.activateAt], ['main', null]);
    assert.equal(await rolesOf(world), { [fingerprint(leaf)]: 'main', [own?.fingerprint ?? '']: 'retired' });
    assert.equal(served, [pemOf([leaf, middle, root])]);
    assert.equal(
      (await listLinks(server)).map(({ from, to }) => [from, to]),
      [[own?.fingerprint, fingerprint(leaf)]],
    );
    assert.is(value(await invite(server, admin, {})).fingerprint, fingerprint(leaf));
  }));

test('a reserve that was taken back may come again, and a retired one too', () =>
  withFleet(async (world) => {
    const { server } = world;
    value(await bring(server, whole));
    value(await resetReserve(server, admin));
    assert.is((await rolesOf(world))[fingerprint(leaf)], 'retired');
    value(await bring(server, { ...whole, activateAt: instant(start + dayMs) }));
    const back = (await listServerCertificates(server)).find(({ role }) => role === 'reserve');
    assert.equal([back?.fingerprint, back?.activateAt], [fingerprint(leaf), start + dayMs]);
  }));

type Refused = {
  readonly name: string;
  readonly given: CertificateUpload;
  readonly before?: (world: FleetServer) => Promise<unknown>;
  readonly codes: readonly string[];
};
const short = issue({ cn: 'short root', ca: true, pathLen: 0 });
const below = issue({ cn: 'below', ca: true, by: short });
const main = { ...whole, role: 'main' } as const;
const refusals: readonly Refused[] = [
  {
    name: 'as main, with a device',
    given: main,
    before: (world) => register(world, 'kiosk'),
    codes: ['devices-pinned'],
  },
  {
    name: 'as main, with an open invitation',
    given: main,
    before: ({ server }) => invite(server, admin, {}),
    codes: ['devices-pinned'],
  },
  {
    name: 'a second reserve',
    given: whole,
    before: ({ server }) => scheduleReserve(server, admin, instant(start)),
    codes: ['reserve-there'],
  },
  {
    name: 'what is main already',
    given: whole,
    before: ({ server }) => bring(server, main),
    codes: ['certificate-twice'],
  },
  { name: 'a chain without its root, which nobody knows', given: upload([leaf, middle]), codes: ['chain-incomplete'] },
  { name: 'no chain at all', given: upload([leaf]), codes: ['chain-incomplete'] },
  {
    name: 'a chain longer than its root allows',
    given: upload([issue({ cn: 'too deep', by: below, ips, ...year }), below, short]),
    codes: ['path-too-long'],
  },
  {
    name: 'an authority that may not name this server',
    given: (() => {
      const bound = issue({ cn: 'bound', ca: true, permitted: ['elsewhere.example'] });
      return upload([issue({ cn: 'x', by: bound, ips, dns: ['here.example'], ...year }), bound]);
    })(),
    codes: ['name-constraint'],
  },
  { name: 'the key of another', given: { ...whole, key: upload([other]).key }, codes: ['key-foreign'] },
  {
    name: 'another name, and too long a life',
    given: upload([issue({ cn: 'x', dns: ['x.example'], from: year.from, to: '2029-01-01T00:00:00Z' })]),
    codes: ['life-too-long', 'name-mismatch'],
  },
  {
    name: 'an activation after its end',
    given: { ...whole, activateAt: instant(Date.parse(year.to)) },
    codes: ['bad-argument'],
  },
  {
    name: 'an activation in the past',
    given: { ...whole, activateAt: instant(start - 2 * dayMs) },
    codes: ['bad-argument'],
  },
  {
    name: 'a file that is none',
    given: { ...whole, content: Buffer.from('hello') },
    codes: ['certificate-unreadable'],
  },
];
table('refused, and nothing is changed', refusals, ({ given, before, codes }) =>
  withFleet(async (world) => {
    await before?.(world);
    const then = [await rolesOf(world), world.served.length];
    const refused = await bring(world.server, given);
    const faults = refused.ok ? [] : 'faults' in refused ? refused.faults : [refused.fault];
    assert.equal(
      faults.map(({ code }) => code),
      codes,
    );
    assert.equal([await rolesOf(world), world.served.length], then);
  }),
);

test('near its end one of our own stands by, late, and it is on record that the two are not the same', () =>
  withFleet(async (world) => {
    const { server, time } = world;
    value(await bring(server, main));
    const end = Date.parse(year.to);
    time.now = instant(end - 90 * dayMs - 1);
    await tick(server);
    assert.is(codeOf(await readGate(server)), 'no-reserve');
    time.now = instant(end - 90 * dayMs);
    await tick(server);
    await tick(server);
    const reserve = (await listServerCertificates(server)).find(({ role }) => role === 'reserve');
    assert.equal([reserve?.source, reserve?.activateAt], ['own', end - 7 * dayMs]);
    assert.is((await auditOf(world)).filter((action) => action === 'uploaded-certificate-ends').length, 1);
    // the administrator brings the next one after all
    const next = upload([
      issue({ cn: 'next', by: middle, ips, from: '2027-06-01T00:00:00Z', to: '2028-06-01T00:00:00Z' }),
      middle,
      root,
    ]);
    assert.is(codeOf(await bring(server, next)), 'reserve-there');
    value(await resetReserve(server, admin));
    value(await bring(server, next));
  }));

test('a reserve that ends before it is used strands nobody: it is dropped, and one of our own comes in time', () =>
  withFleet(async (world) => {
    const { server, time } = world;
    await register(world, 'absent');
    const brief = upload([issue({ cn: 'brief', ips, from: '2026-11-01T00:00:00Z', to: '2026-12-20T00:00:00Z' })]);
    value(await bring(server, brief));
    time.now = instant(Date.parse('2026-12-20T00:00:00Z'));
    assert.is(codeOf(await switchCertificate(server, admin, true)), 'expired');
    await tick(server);
    assert.is(codeOf(await readGate(server)), 'no-reserve');
    assert.ok((await auditOf(world)).includes('reserve-reset'));
    const main = (await listServerCertificates(server)).find(({ role }) => role === 'main');
    time.now = instant((main?.notAfter ?? 0) - 90 * dayMs);
    await tick(server);
    assert.is(value(await readGate(server)).open, false);
  }));
