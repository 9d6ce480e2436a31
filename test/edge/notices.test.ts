/** Notices to administrators over a real database: each once, whatever restarts, and ten thousand in one mail. */
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { fromBase64, parseCertificate } from '../../protocol/certificate.ts';
import { dayMs, hourMs, type Instant, instant, minuteMs } from '../../protocol/time.ts';
import { dueMails, type Letter } from '../../server/edge/mail-outbox.ts';
import { setMail, unsetMail } from '../../server/edge/mail-setting.ts';
import { tellAdministrators } from '../../server/edge/notices.ts';
import { readPins } from '../../server/edge/pins.ts';
import { addGroup } from '../../server/edge/places.ts';
import { addCertificates } from '../../server/edge/policies.ts';
import { tick } from '../../server/edge/upkeep.ts';
import { addUser } from '../../server/edge/users.ts';
import {
  bytes,
  codeOf,
  type FleetServer,
  openFleet,
  register,
  report,
  start,
  value,
  withFleet,
} from '../fakes/fleet-server.ts';
import { issue } from '../fakes/issue.ts';
import { assert, test } from '../harness.ts';

const admin = 'administrator';

const withMail = (run: (world: FleetServer) => Promise<void>): Promise<void> =>
  withFleet(async (world) => {
    value(await setMail(world.server, admin, { ...setting, administrators: ['boss@x.example', 'deputy@x.example'] }));
    await run(world);
  });
const setting = { host: 'smtp.example.com', from: 'thintrust@x.example' } as const;

/** Mails to the first of the administrators that were made since the last call. */
async function news({ server }: FleetServer): Promise<readonly Letter[]> {
  const letters = await dueMails(server, 1000);
  await server.db.deleteFrom('mails').execute();
  return letters.filter(({ address, kind }) => address === 'boss@x.example' && kind === 'notices');
}

const at = ({ time }: FleetServer, now: number): void => {
  time.now = instant(now);
};

const code = (device: string, seq: number, code: string, tries: number, when: Instant) =>
  bytes({ format: 1, device, seq, at: when, clock: 'known', event: 'code-refused', facts: { code, tries } });

test('a console that locks itself, a user locked out: one mail, once', () =>
  withMail(async (world) => {
    const { server, fleet } = world;
    await tellAdministrators(server);
    assert.equal(await news(world), [], 'what was before is told to nobody');
    const { id } = await register(world, 'reception');
    for (const [seq, [why, tries]] of [
      ['code-wrong', 4],
      ['code-locked', 5],
      ['code-locked', 5],
    ].entries())
      value(await fleet.receive(id, 'event', code(id, seq + 1, String(why), Number(tries), start)));
    value(await addUser(server, admin, { name: 'anna', password: 'Correct-Horse1' }));
    for (let tries = 0; tries < 6; tries++)
      await fleet.enrol({
        invitation: 'anna',
        password: 'Wrong-Horse1',
        csrDer: makeRequest(makeKey(), 'x'),
        from: '192.0.2.1',
      });
    await tellAdministrators(server);
    const [mail, none] = await news(world);
    assert.is(none, undefined);
    assert.is(mail?.subject, 'Notices of 127.0.0.1: 2');
    assert.match(
      mail?.text ?? '',
      /Consoles that locked themselves after wrong codes \(1\)\n- reception: 22 Nov 2026, .* UTC/,
    );
    assert.match(
      mail?.text ?? '',
      /Users locked out after wrong passwords \(1\)\n- anna from 192\.0\.2\.1: until 22 Nov 2026, .* UTC/,
    );
    value(await fleet.receive(id, 'event', code(id, 4, 'code-locked', 6, start)));
    await tellAdministrators(server);
    assert.equal(await news(world), [], 'the next one waits a quarter of an hour');
    at(world, start + 15 * minuteMs);
    await tellAdministrators(server);
    assert.match((await news(world))[0]?.text ?? '', /reception/);
    at(world, start + 2 * hourMs);
    await tellAdministrators(server);
    const again = await openFleet({ directory: world.directory, now: world.time.now });
    await tellAdministrators(again.server);
    await again.close();
    assert.equal(await news(world), []);
  }));

test('certificates of server and devices: at their stages, not at every restart; a reserve made by itself', () =>
  withMail(async (world) => {
    const { server } = world;
    const main = value(parseCertificate(fromBase64((await readPins(server.db)).main)));
    const { id, proof, chain } = await register(world, 'reception');
    const root = issue({ cn: 'RDP root', ca: true, to: '2027-01-11T12:00:00Z' });
    value(await addGroup(server, admin, { name: 'Office' }));
    const upload = { purpose: 'rdp', file: 'root.der', content: root.der } as const;
    assert.ok((await addCertificates(server, admin, 'Office', upload)).ok);
    await tick(server);
    const [policy] = await news(world);
    assert.match(policy?.text ?? '', /Office, rdp: RDP root \(root\.der\), valid until 11 Jan 2027, .* UTC/);
    at(world, main.notAfter - 89 * dayMs);
    await tick(server);
    const [made] = await news(world);
    assert.match(
      made?.text ?? '',
      /The server made its reserve certificate \(1\)\n- SHA-256 [0-9a-f]{16}…, active from .* UTC/,
    );
    const until = await server.db
      .selectFrom('identities')
      .select('not_after')
      .where('device_id', '=', id)
      .executeTakeFirstOrThrow();
    await server.db.deleteFrom('server_certificates').where('role', '=', 'reserve').execute();
    const told: string[] = [];
    for (let day = 32; day >= -32; day -= 1) {
      at(world, until.not_after - day * dayMs);
      await tellAdministrators(server);
      for (const mail of await news(world)) if (mail.text.includes('reception (mobile)')) told.push(String(day));
    }
    assert.equal(told, ['7', '1', '0'], 'seven days before, one before, and at its end');
    const { notBefore, notAfter } = value(parseCertificate(chain[0] ?? new Uint8Array()));
    at(world, world.time.now + hourMs);
    assert.is(codeOf(await world.fleet.mayRenew({ ...proof, notBefore, notAfter })), 'identity-retired');
    await tellAdministrators(server);
    assert.match(
      (await news(world))[0]?.text ?? '',
      /Devices that were retired \(1\)\n- reception: its certificate ended .* UTC;/,
    );
  }));

test('ten thousand certificates that end are one mail', () =>
  withMail(async (world) => {
    const { server } = world;
    await tellAdministrators(server);
    await news(world);
    const rows = Array.from({ length: 10_000 }, (_, index) => ({
      id: `mobile ${index}`,
      type: 'mobile' as const,
      kind: 'thin-client' as const,
      device_id: null,
      device_name: `desk-${String(index).padStart(5, '0')}`,
      user_id: null,
      user_name: '',
      alias: '',
      status: 'valid' as const,
      status_at: start,
      protocol: 'agent' as const,
      source: 'server' as const,
      issued_at: start,
      not_after: start + 5 * dayMs,
      thumbprint: null,
      renewal_disabled: 0,
      search: '',
    }));
    for (let first = 0; first < rows.length; first += 1000)
      await server.db
        .insertInto('certificates')
        .values(rows.slice(first, first + 1000))
        .execute();
    at(world, start + hourMs);
    await tellAdministrators(server);
    const [mail, none] = await news(world);
    assert.is(none, undefined);
    assert.is(mail?.subject, 'Notices of 127.0.0.1: 10000');
    assert.match(mail?.text ?? '', /not renewed \(10000\)\n- desk-0/);
    assert.match(mail?.text ?? '', /… and 9980 more\n/);
    assert.ok((mail?.text.length ?? 0) < 5000);
    at(world, start + 3 * hourMs);
    await tellAdministrators(server);
    assert.equal(await news(world), []);
  }));

test('told to nobody where mail is off, nor later', () =>
  withMail(async (world) => {
    const { server, fleet } = world;
    const { id } = await register(world, 'reception');
    await tellAdministrators(server);
    value(await unsetMail(server, admin));
    value(await fleet.receive(id, 'event', code(id, 1, 'code-locked', 5, start)));
    await tellAdministrators(server);
    value(await setMail(server, admin, { ...setting, administrators: ['boss@x.example'] }));
    at(world, start + hourMs);
    await tellAdministrators(server);
    assert.equal(await news(world), []);
    value(await fleet.receive(id, 'report', bytes(report(id))));
  }));
