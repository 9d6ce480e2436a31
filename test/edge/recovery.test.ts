/** A lost server comes back: from a backup, and from the recovery kit alone. Its devices stay. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRequest } from '../../agent/edge/csr.ts';
import { fingerprintOf, fromBase64, toPem } from '../../protocol/certificate.ts';
import type { Report } from '../../protocol/schema.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import { deviceLeafTopic, policyTopic } from '../../protocol/topics.ts';
import { issueDevice } from '../../server/edge/authority.ts';
import { makeBackup, recoverFromKit, restoreBackup, setAdopting } from '../../server/edge/backup.ts';
import { setBlocked } from '../../server/edge/blocking.ts';
import { readIdentity } from '../../server/edge/context.ts';
import { deleteIdentity } from '../../server/edge/identities.ts';
import { invite } from '../../server/edge/invitations.ts';
import { rewriteKit } from '../../server/edge/kit.ts';
import { readListenerTls } from '../../server/edge/pins.ts';
import { addGroup, listDevices, listGroups, moveDevice, removeDevice } from '../../server/edge/places.ts';
import { addCertificates, setContacts, setLock, setSetting, showPolicy } from '../../server/edge/policies.ts';
import { addRevocationLists, setRevocation } from '../../server/edge/revocation-lists.ts';
import { listServerCertificates, scheduleReserve, switchCertificate } from '../../server/edge/rotation.ts';
import { makeSigningKey, signDocument } from '../../server/edge/sign.ts';
import { initialise, isInitialised, openState } from '../../server/edge/state.ts';
import { tick } from '../../server/edge/upkeep.ts';
import {
  auditOf,
  bytes,
  codeOf,
  type Enrolled,
  type FleetServer,
  openFleet,
  payloadOf,
  proofOf,
  register,
  report,
  start,
  temporary,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { issue, issueList } from '../fakes/issue.ts';
import { assert, rejects, table, test } from '../harness.ts';

const admin = 'administrator';
const passphrase = 'a passphrase of the operator';
const pem = readFileSync('test/vectors/certificates/authority.pem');
const revocationList = issueList({ by: issue({ cn: 'Elsewhere', ca: true }), number: 3 });
const nonce = 'a'.repeat(32);

const latest = ({ published }: FleetServer, topic: string): string =>
  published.findLast((each) => each.topic === topic)?.payload ?? '';
const revOf = (jws: string): number => Number(payloadOf(jws)['rev']);

/** A device in a group with a certificate and contacts, and what it holds on its disk. */
async function managed(
  world: FleetServer,
): Promise<{ device: Enrolled; group: string; policy: string; place: string }> {
  const { server } = world;
  const group = value(await addGroup(server, admin, { name: 'Office' })).id;
  value(await addCertificates(server, admin, 'Office', { purpose: 'rdp', file: 'root.pem', content: pem }));
  value(
    await setContacts(server, admin, 'Office', {
      name: 'Service desk',
      phone: '+7 000 000-00-00',
      email: '',
      note: '',
    }),
  );
  value(await setSetting(server, admin, 'Office', { name: 'rdp', value: 'farm.example', enforced: true }));
  value(await setLock(server, admin, 'Office', { block: 'reset', enforced: true }));
  value(await setRevocation(server, admin, 'Office', { purpose: 'rdp', mode: 'hard' }));
  value(await addRevocationLists(server, admin, 'Office', { file: 'list.crl', content: revocationList }));
  const device = await register(world, 'kiosk', 'Office');
  await world.publish();
  return {
    device,
    group,
    policy: latest(world, policyTopic(group)),
    place: latest(world, deviceLeafTopic(device.id, 'device')),
  };
}

const holding = (device: string, group: string, policy: string, place: string, newer: readonly string[] = []): Report =>
  report(device, {
    applied: { group, policy: revOf(policy), device: revOf(place), command: 0 },
    newer: [...newer],
  });

/** Into a directory of its own, opened at `now`, and taken away afterwards. */
async function broughtBack(
  bring: (directory: string) => Promise<unknown>,
  now: number,
  run: (world: FleetServer) => Promise<void>,
): Promise<void> {
  const root = temporary();
  try {
    const directory = join(root, 'state');
    await bring(directory);
    const world = await openFleet({ directory, now: instant(now) });
    try {
      await run(world);
    } finally {
      await world.close();
    }
  } finally {
    rmSync(root, { recursive: true });
  }
}

const around = (directory: string, now: number) => ({ directory, clock: () => instant(now), log: () => {} });

test('a cut before the restored server knows that it was restored leaves no server; restoring again does', () =>
  withFleet(async (world) => {
    const directory = join(temporary(), 'state');
    try {
      const { device } = await managed(world);
      const backup = value(await makeBackup(world.around, passphrase));
      const cut = (): never => {
        throw new Error('the power went');
      };
      await rejects(
        () => restoreBackup({ directory, clock: cut, log: () => {} }, backup, passphrase),
        /the power went/,
      );
      assert.not(isInitialised(directory));
      value(await restoreBackup(around(directory, start), backup, passphrase));
      assert.is(codeOf(await restoreBackup(around(directory, start), backup, passphrase)), 'already-exists');
      const restored = await openFleet({ directory, now: start });
      assert.ok((await readIdentity(restored.server.db)).adopting);
      assert.is(value(await restored.fleet.deviceOf(device.proof)), device.id);
      await restored.close();
    } finally {
      rmSync(join(directory, '..'), { recursive: true });
    }
  }));

test('a restored backup raises its revisions above what devices show, even with a clock that fell back', () =>
  withFleet(async (world) => {
    const { device, group } = await managed(world);
    const backup = value(await makeBackup(world.around, passphrase));
    world.time.now = instant(start + dayMs);
    value(await setContacts(world.server, admin, 'Office', { name: 'New desk', phone: '', email: '', note: '' }));
    value(await moveDevice(world.server, admin, { device: 'kiosk', group: 'Office' }));
    await world.publish();
    const [policy, place] = [latest(world, policyTopic(group)), latest(world, deviceLeafTopic(device.id, 'device'))];
    const late = await register(world, 'enrolled after the backup', 'Office');
    const bring = async (directory: string) => value(await restoreBackup(around(directory, start), backup, passphrase));
    await broughtBack(bring, start, async (restored) => {
      assert.is(value(await restored.fleet.deviceOf(device.proof)), device.id);
      value(await restored.fleet.receive(device.id, 'report', bytes(holding(device.id, group, policy, place))));
      await restored.publish();
      assert.ok(revOf(latest(restored, policyTopic(group))) < revOf(policy), 'a bare number raises nothing');
      value(
        await restored.fleet.receive(
          device.id,
          'report',
          bytes(holding(device.id, group, policy, place, [policy, place])),
        ),
      );
      assert.ok(revOf(latest(restored, policyTopic(group))) > revOf(policy));
      assert.ok(revOf(latest(restored, deviceLeafTopic(device.id, 'device'))) > revOf(place));
      assert.is((await auditOf(restored)).filter((row) => row === 'revision-raised').length, 2);
      assert.is(value(await showPolicy(restored.server, 'Office')).own.contacts.value?.name, 'Service desk');
      assert.is(value(await restored.fleet.deviceOf(late.proof)), late.id, 'taken in');
    });
  }));

test('what was blocked after the backup stays blocked, but for what the server shows again', () =>
  withFleet(async (world) => {
    const { device, group, place } = await managed(world);
    value(await setBlocked(world.server, admin, 'Office', { fingerprint: 'a'.repeat(64), blocked: true }));
    const backup = value(await makeBackup(world.around, passphrase));
    const [main] = await listServerCertificates(world.server);
    value(await scheduleReserve(world.server, admin, start));
    await switchCertificate(world.server, admin, true);
    world.time.now = instant(start + dayMs);
    for (const fingerprint of ['b'.repeat(64), main?.fingerprint ?? ''])
      value(await setBlocked(world.server, admin, 'Office', { fingerprint, blocked: true }));
    await world.publish();
    const policy = latest(world, policyTopic(group));
    // Seven days old when it comes back: signed anew only after devices have had the time to speak.
    const later = start + 8 * dayMs;
    const bring = async (directory: string) => {
      const { madeAt, main: shown } = value(await restoreBackup(around(directory, later), backup, passphrase));
      assert.equal([madeAt, shown], [start, main?.fingerprint]);
    };
    await broughtBack(bring, later, async (restored) => {
      await tick(restored.server);
      await restored.publish();
      const known = async (): Promise<readonly string[]> =>
        value(await showPolicy(restored.server, 'Office')).own.blocklist;
      assert.equal(await known(), ['a'.repeat(64)]);
      const shown = report(device.id, {
        applied: { group, policy: revOf(policy), device: revOf(place), command: 0 },
        newer: [policy],
      });
      value(await restored.fleet.receive(device.id, 'report', bytes(shown)));
      await restored.publish();
      assert.equal([...(await known())].sort(), ['a'.repeat(64), 'b'.repeat(64)]);
      const signed = payloadOf(latest(restored, policyTopic(group)));
      assert.ok(Number(signed['rev']) > revOf(policy));
      assert.equal([...(signed['blocklist'] as string[])].sort(), ['a'.repeat(64), 'b'.repeat(64)]);
      const actions = await auditOf(restored);
      for (const action of ['certificate-blocked-again', 'certificate-not-blocked-again'])
        assert.is(actions.filter((row) => row === action).length, 1, action);
    });
  }));

test('what another key signed, or what is for another device, raises nothing', () =>
  withFleet(async (world) => {
    const { device, group, policy, place } = await managed(world);
    const other = await register(world, 'other', 'Office');
    const far = { ...payloadOf(policy), rev: revOf(policy) + 1_000_000 };
    const stranger = makeSigningKey();
    const forged = signDocument('policy', stranger.keyPkcs8, stranger.publicKey, far);
    const { keyPkcs8, publicKey } = world.server.keys.policy;
    const foreign = signDocument('policy', keyPkcs8, publicKey, { ...far, aud: `${nonce}/group/${group}` });
    for (const newer of [[forged], [foreign], ['a.b.c']])
      value(await world.fleet.receive(device.id, 'report', bytes(holding(device.id, group, policy, place, newer))));
    const otherPlace = signDocument('device', keyPkcs8, publicKey, {
      ...payloadOf(place),
      rev: revOf(place) + 1_000_000,
    });
    value(await world.fleet.receive(other.id, 'report', bytes(report(other.id, { newer: [otherPlace] }))));
    assert.not.ok((await auditOf(world)).includes('revision-raised'));
    assert.ok((await auditOf(world)).includes('newer-refused'));
    value(await setContacts(world.server, admin, 'Office', null));
    await world.publish();
    assert.ok(revOf(latest(world, policyTopic(group))) < revOf(policy) + 1_000_000);
  }));

test('a server rebuilt from the kit alone keeps its devices, their group and their certificates', () =>
  withFleet(async (world) => {
    const { device, group, policy, place } = await managed(world);
    const removed = await register(world, 'removed');
    value(await removeDevice(world.server, admin, 'removed'));
    const reserve = value(await scheduleReserve(world.server, admin, start));
    await switchCertificate(world.server, admin, true);
    const next = value(await scheduleReserve(world.server, admin, instant(start + dayMs)));
    const before = await readIdentity(world.server.db);
    const tls = value(await readListenerTls(world.server));
    const kit = readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8');
    const bring = async (directory: string) =>
      value(await recoverFromKit(around(directory, start + dayMs), kit, world.passphrase));
    await broughtBack(bring, start + dayMs, async (rebuilt) => {
      const { server, fleet } = rebuilt;
      assert.is((await readIdentity(server.db)).serverId, before.serverId);
      assert.equal(value(await readListenerTls(server)), tls);
      const roles = (await listServerCertificates(server)).map(({ role, fingerprint }) => [role, fingerprint]);
      assert.ok(roles.some(([role, fingerprint]) => role === 'main' && fingerprint === reserve.fingerprint));
      assert.ok(roles.some(([role, fingerprint]) => role === 'reserve' && fingerprint === next.fingerprint));
      assert.ok(roles.some(([role]) => role === 'previous'));
      assert.is(codeOf(await fleet.deviceOf(removed.proof)), 'identity-refused');
      assert.is(
        codeOf(await fleet.deviceOf({ ...removed.proof, serial: 'AB' })),
        'identity-refused',
        'whatever it shows',
      );
      assert.is(codeOf(await fleet.deviceOf({ ...device.proof, commonName: 'not an id' })), 'identity-refused');

      assert.is(value(await fleet.deviceOf(device.proof)), device.id);
      const [waiting] = await listDevices(server);
      assert.equal([waiting?.name, waiting?.group, waiting?.waiting], [device.id, 'Recovered', true]);
      await tick(server);
      await rebuilt.publish();
      assert.not.ok(
        rebuilt.published.some(({ topic }) => topic === deviceLeafTopic(device.id, 'device')),
        'nothing moves it',
      );

      const asked = value(
        await fleet.checkin(device.id, {
          format: 1,
          nonce,
          report: holding(device.id, group, policy, place),
          events: [],
        }),
      );
      assert.is(await fleet.groupOf(device.id), group, 'it may read the group it names');
      assert.equal(rebuilt.refreshed.at(-1), { id: device.id, group }, 'a broker that keeps a list knows');
      assert.is(payloadOf(asked.policy ?? '')['aud'], payloadOf(policy)['aud']);
      assert.ok(revOf(asked.policy ?? '') < revOf(policy), 'a question can never be applied');
      assert.ok(revOf(asked.device ?? '') < revOf(place));

      value(await fleet.receive(device.id, 'report', bytes(holding(device.id, group, policy, place, [policy, place]))));
      const again = latest(rebuilt, policyTopic(group));
      assert.ok(revOf(again) > revOf(policy));
      const {
        certificates,
        contacts,
        server: pins,
      } = payloadOf(again) as unknown as {
        certificates: { entries: unknown[] };
        contacts: { value: { name: string } };
        server: { main: string };
      };
      assert.equal(certificates, payloadOf(policy)['certificates']);
      assert.equal(payloadOf(again)['settings'], payloadOf(policy)['settings'], 'what was set and locked');
      assert.equal(payloadOf(again)['revocation'], payloadOf(policy)['revocation']);
      assert.ok(payloadOf(again)['revocation']);
      assert.is(contacts.value.name, 'Service desk');
      assert.is(fingerprintOf(fromBase64(pins.main)), reserve.fingerprint);
      const document = payloadOf(latest(rebuilt, deviceLeafTopic(device.id, 'device')));
      assert.is(document['group'], group, 'the device is where it was');
      assert.ok(Number(document['rev']) > revOf(place));
      const [back] = await listDevices(server);
      assert.equal([back?.name, back?.group, back?.waiting], ['kiosk', 'Office', false]);
      const bundle = value(await fleet.bundle(device.id));
      assert.is(bundle.secret, value(await world.fleet.bundle(device.id)).secret, 'codes stay right');
      const { invitation, password } = value(await invite(server, admin, {}));
      assert.ok((await fleet.enrol({ invitation, password, csrDer: makeRequest(device.key, 'new') })).ok);
    });
  }));

test('over MQTT a recovered device is asked too, and an administrator may decide instead', () =>
  withFleet(async (world) => {
    const { device, group, policy, place } = await managed(world);
    const kit = readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8');
    const bring = async (directory: string) =>
      value(await recoverFromKit(around(directory, start), kit, world.passphrase));
    await broughtBack(bring, start + dayMs, async (rebuilt) => {
      value(await rebuilt.fleet.deviceOf(device.proof));
      value(await rebuilt.fleet.receive(device.id, 'report', bytes(holding(device.id, group, policy, place))));
      assert.ok(rebuilt.refreshed.some((each) => each.id === device.id && each.group === group));
      const questions = rebuilt.published.filter(({ retain }) => !retain).map(({ topic }) => topic);
      assert.equal(questions, [policyTopic(group), deviceLeafTopic(device.id, 'device')]);
      value(await addGroup(rebuilt.server, admin, { name: 'Decided' }));
      value(await moveDevice(rebuilt.server, admin, { device: device.id, group: 'Decided' }));
      await rebuilt.publish();
      assert.is((await listDevices(rebuilt.server))[0]?.waiting, false);
      assert.is(payloadOf(latest(rebuilt, deviceLeafTopic(device.id, 'device')))['managed'], true);
    });
  }));

test('what was revoked of a device that goes on does not shut it out of a server rebuilt from the kit', () =>
  withFleet(async (world) => {
    const { device } = await managed(world);
    const { db } = world.server;
    const row = await db
      .selectFrom('identities')
      .selectAll()
      .where('device_id', '=', device.id)
      .executeTakeFirstOrThrow();
    const unused = { ...row, serial: '77', fingerprint: '7'.repeat(64), first_contact_at: null, revoked_at: start };
    await db.insertInto('identities').values(unused).execute();
    await rewriteKit(world.server);
    const kit = readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8');
    const bring = async (directory: string) =>
      value(await recoverFromKit(around(directory, start), kit, world.passphrase));
    await broughtBack(bring, start + dayMs, async (rebuilt) => {
      assert.is(value(await rebuilt.fleet.deviceOf(device.proof)), device.id);
    });
  }));

test('a device whose identity was deleted is not adopted by another certificate of it', () =>
  withFleet(async (world) => {
    const { device } = await managed(world);
    const kit = readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8');
    const bring = async (directory: string) =>
      value(await recoverFromKit(around(directory, start), kit, world.passphrase));
    await broughtBack(bring, start + dayMs, async (rebuilt) => {
      value(await rebuilt.fleet.deviceOf(device.proof));
      const publicKeyDer = createPublicKey(
        createPrivateKey({ key: Buffer.from(device.key), format: 'der', type: 'pkcs8' }),
      ).export({ format: 'der', type: 'spki' });
      const { clientAuthority } = rebuilt.server.keys;
      const plan = { publicKeyDer, deviceId: device.id, days: 365, now: start };
      const one = await issueDevice(clientAuthority, plan);
      const other = await issueDevice(clientAuthority, plan);
      assert.is(
        value(await rebuilt.fleet.deviceOf(proofOf(one.chainDer))),
        device.id,
        'until then another one will do',
      );
      value(await deleteIdentity(rebuilt.server, admin, device.id));
      assert.is(codeOf(await rebuilt.fleet.deviceOf(proofOf(other.chainDer))), 'identity-refused');
    });
  }));

test('a device that holds nothing is asked nothing, and adopting can be ended', () =>
  withFleet(async (world) => {
    const { device } = await managed(world);
    const late = await register(world, 'late');
    const kit = readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8');
    assert.is(codeOf(await setAdopting(world.server, admin, true)), 'not-allowed');
    const bring = async (directory: string) =>
      value(await recoverFromKit(around(directory, start), kit, world.passphrase));
    await broughtBack(bring, start, async (rebuilt) => {
      value(await rebuilt.fleet.deviceOf(device.proof));
      const answer = value(
        await rebuilt.fleet.checkin(device.id, { format: 1, nonce, report: report(device.id), events: [] }),
      );
      assert.is(answer.device, null);
      value(await setAdopting(rebuilt.server, admin, false));
      assert.is(codeOf(await rebuilt.fleet.deviceOf(late.proof)), 'identity-refused');
      assert.equal(
        (await listGroups(rebuilt.server)).map(({ name }) => name),
        ['Recovered', 'Unassigned'],
      );
    });
  }));

table(
  'what cannot come back',
  [
    { name: 'wrong passphrase of a backup', of: 'backup', phrase: 'wrong', code: 'passphrase-wrong' },
    { name: 'wrong passphrase of a kit', of: 'kit', phrase: 'wrong', code: 'passphrase-wrong' },
    { name: 'a backup that is none', of: 'backup', change: () => 'junk', code: 'backup-unreadable' },
    {
      name: 'a backup cut short',
      of: 'backup',
      change: (text) => text.slice(0, text.length / 2),
      code: 'backup-unreadable',
    },
    { name: 'a kit that is none', of: 'kit', change: () => '{"format":"other"}', code: 'backup-unreadable' },
    { name: 'a backup given as a kit', of: 'backup', as: 'kit', code: 'backup-unreadable' },
    { name: 'a kit given as a backup', of: 'kit', as: 'backup', code: 'backup-unreadable' },
    {
      name: 'a kit whose update somebody else made',
      of: 'kit',
      change: (text) => text.replace(/("signature": ")(.{8})/, '$1AAAAAAAA'),
      code: 'backup-unreadable',
    },
    { name: 'a directory in use', of: 'backup', occupied: true, code: 'already-exists' },
  ] as {
    readonly name: string;
    readonly of: 'backup' | 'kit';
    readonly as?: 'backup' | 'kit';
    readonly phrase?: string;
    readonly change?: (text: string) => string;
    readonly occupied?: boolean;
    readonly code: string;
  }[],
  ({ of, as = of, phrase, change = (text: string) => text, occupied = false, code }) =>
    withFleet(async (world) => {
      const right = of === 'kit' ? world.passphrase : passphrase;
      const text =
        of === 'kit'
          ? readFileSync(join(world.directory, 'recovery-kit.json'), 'utf8')
          : value(await makeBackup(world.around, passphrase));
      const root = temporary();
      try {
        const to = around(occupied ? world.directory : join(root, 'state'), start);
        const bring = as === 'kit' ? recoverFromKit : restoreBackup;
        assert.is(codeOf(await bring(to, change(text), phrase ?? right)), code);
      } finally {
        rmSync(root, { recursive: true });
      }
    }),
);

test('a state directory that lost its master key, or has another, is refused and left alone', () =>
  withFleet(async ({ around: here, directory }) => {
    const key = readFileSync(join(directory, 'master.key'));
    writeFileSync(join(directory, 'master.key'), `${'ab'.repeat(32)}\n`);
    assert.is(codeOf(await openState(here)), 'master-key-missing');
    rmSync(join(directory, 'master.key'));
    assert.is(codeOf(await openState(here)), 'master-key-missing');
    writeFileSync(join(directory, 'thintrust-master-key'), key);
    const opened = value(await openState({ ...here, credentials: directory }));
    await opened.close();
  }));

test('a server whose authority has an RSA key comes back from kit and backup as it was', async () => {
  const directory = temporary();
  let shown = '';
  const choices = { name: '127.0.0.1', host: '127.0.0.1', httpsPort: 4430, mqttPort: 8830 };
  const keep = (phrase: string) => {
    shown = phrase;
  };
  try {
    value(await initialise(around(directory, start), choices, keep, 'rsa-3072'));
    const first = await openFleet({ directory, now: start });
    const device = await register(first, 'kiosk');
    const { clientAuthority, serverAuthority } = first.server.keys;
    assert.is(createPublicKey(toPem(clientAuthority.certificateDer)).asymmetricKeyDetails?.modulusLength, 3072);
    await first.close();
    const kit = readFileSync(join(directory, 'recovery-kit.json'), 'utf8');
    const backup = value(await makeBackup(around(directory, start), passphrase));
    const ways = [
      async (place: string) => value(await recoverFromKit(around(place, start + dayMs), kit, shown)),
      async (place: string) => value(await restoreBackup(around(place, start + dayMs), backup, passphrase)),
    ];
    for (const bring of ways)
      await broughtBack(bring, start + dayMs, async ({ server, fleet }) => {
        assert.equal([server.keys.clientAuthority, server.keys.serverAuthority], [clientAuthority, serverAuthority]);
        assert.is(value(await fleet.deviceOf(device.proof)), device.id);
        value(await scheduleReserve(server, admin, instant(start + dayMs)));
      });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a lost master key costs the database, and no device: the kit makes another server of it', () =>
  withFleet(async (world) => {
    const { device } = await managed(world);
    const root = temporary();
    try {
      const lost = join(root, 'lost');
      cpSync(world.directory, lost, { recursive: true });
      rmSync(join(lost, 'master.key'));
      assert.is(codeOf(await openState(around(lost, start))), 'master-key-missing');
      const kit = readFileSync(join(lost, 'recovery-kit.json'), 'utf8');
      const directory = join(root, 'state');
      value(await recoverFromKit(around(directory, start), kit, world.passphrase));
      const rebuilt = await openFleet({ directory, now: start });
      assert.is(value(await rebuilt.fleet.deviceOf(device.proof)), device.id);
      const [before, after] = [
        readFileSync(join(world.directory, 'master.key')),
        readFileSync(join(directory, 'master.key')),
      ];
      assert.not.equal(before, after);
      await rebuilt.close();
    } finally {
      rmSync(root, { recursive: true });
    }
  }));
