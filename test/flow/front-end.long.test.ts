/** A device that reaches its server through nginx alone: the certificate of nginx is changed in time, and once too early. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import type { Status } from '../../protocol/local.ts';
import { dayMs } from '../../protocol/time.ts';
import type { FrontEndCertificateView } from '../../server/api/server-certificates.ts';
import { freePort } from '../../server/cli/port.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { type Nginx, startNginx } from '../fakes/nginx.ts';
import { assert, needs, test } from '../harness.ts';
import { good, json, slot } from './acts.ts';
import { ask, type Device, openSystem, type System, statusOf, until, whenStatus } from './system.ts';

needs(['nginx']);

const days = (count: number): string => new Date(Date.now() + count * dayMs).toISOString();
const made = (cn: string): Issued => issue({ cn, from: days(-1), to: days(90) });
const print = ({ der }: Issued): string => fingerprintOf(der);
const front = (status: Status): readonly string[] =>
  (status.certificates ?? []).filter((each) => each.slot === 'front-end').map(({ fingerprint }) => fingerprint);

/** MQTT does not come through; a report does. */
const reportedAt = async (system: System): Promise<number> =>
  (await ask<{ readonly reportedAt: number }>(system, '/devices/reception')).reportedAt ?? 0;

/** Off and on again, since it reports at once then: by that report it is reached, and has been told what is new. */
async function again(system: System, device: Device, what: string, holds: (status: Status) => boolean = () => true) {
  await system.powerOff(device, 'SIGTERM');
  const before = await reportedAt(system);
  await system.powerOn(device);
  await until(
    `${what}: a report`,
    () => reportedAt(system),
    (at) => at > before,
  );
  return whenStatus(device, what, holds);
}

test('through nginx alone: registered, its next certificate told ahead, a missed one accepted by a code, our own followed unseen', async () => {
  const system = openSystem();
  let nginx: Nginx | null = null;
  const [first, second, third] = [made('first'), made('second'), made('third')];
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const show = async ({ der, key }: Issued): Promise<void> => {
    await nginx?.close();
    const own = { cert: toPem(der), key: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
    nginx = await startNginx(own, { host: '127.0.0.2', port }, port);
  };
  const tell = async (certificate: Issued): Promise<void> => {
    const file = join(system.folder, `${print(certificate)}.pem`);
    writeFileSync(file, toPem(certificate.der));
    await good(system.admin(['certificate', 'add-front-end', file, '--address', address]));
    await good(system.admin(['front-end', 'add', print(certificate), '--name', 'proxy']));
  };
  const listed = () => ask<readonly FrontEndCertificateView[]>(system, '/server-certificates/front-ends');
  const shown = async () =>
    ((await listed()) as readonly FrontEndCertificateView[]).map((each) => [
      each.owner,
      each.shown,
      each.lacking.length,
    ]);
  try {
    const places = ['--host', '127.0.0.2', '--name', '127.0.0.1', '--https-port', `${port}`, '--legacy-port', 'off'];
    await system.startServer(places);
    await show(first);
    await tell(first);
    const device = system.device('reception');
    await system.powerOn(device);
    const { invitation, password } = (await json(system.admin(['invite', '--name', 'reception', '--json']))) as {
      readonly invitation: string;
      readonly password: string;
    };
    const told = ['--address', address, '--fingerprint', print(first), '--invitation', invitation];
    await good(system.thintrust(device, ['register', ...told], `${password}\n`));
    await until(
      'it reports through nginx',
      () => reportedAt(system),
      (at) => at > 0,
    );
    const own = slot(await statusOf(device), 'current');
    assert.is.not(own, print(first), 'the slots are those of the server');
    assert.equal(front(await statusOf(device)), [print(first)]);

    // Two changes at once: of nginx, and of our own certificate, which this device never meets.
    await tell(second);
    await good(system.admin(['certificate', 'schedule', '--after-days', '30']));
    assert.equal(await shown(), [
      ['first', true, 0],
      ['second', false, 1],
    ]);
    const next = await again(system, device, 'both are held', (status) => slot(status, 'reserve') !== null);
    assert.equal(front(next), [print(first), print(second)]);
    await again(system, device, 'and reported');
    assert.equal(await shown(), [
      ['first', true, 0],
      ['second', false, 0],
    ]);
    const gate = await good(system.admin(['certificate', 'gate']));
    assert.match(gate, new RegExp(`safe to switch.\n.*${address} shows .*told of: ${print(first)}`));
    await show(second);
    await good(system.admin(['certificate', 'switch']));
    const reserve = slot(next, 'reserve');
    const reached = await again(system, device, 'reached by the next one');
    assert.is(reached.replacement, null);
    await again(system, device, 'our own new one is current', (status) => slot(status, 'current') === reserve);
    assert.equal(await shown(), [
      ['first', false, 0],
      ['second', true, 0],
    ]);
    const refused = await system.admin(['certificate', 'remove-front-end', print(second), '--json']);
    assert.is(JSON.parse(refused.out).code, 'front-end-shows');
    await good(system.admin(['certificate', 'remove-front-end', print(first)]));

    await system.powerOff(device, 'SIGTERM');
    await show(third);
    await system.powerOn(device);
    const stranger = await whenStatus(device, 'it is refused', (status) => (status.replacement ?? null) !== null);
    const code = String(stranger.replacement?.confirmationCode);
    assert.is(JSON.parse((await system.admin(['code', code, '--json'])).out).code, 'code-not-ours');
    await tell(third);
    const answer = (await json(system.admin(['code', code, '--json']))) as {
      readonly replacementCode: string;
      readonly certificate: { readonly role: string };
    };
    assert.is(answer.certificate.role, 'front-end');
    await good(system.thintrust(device, ['code', answer.replacementCode]));
    await whenStatus(device, 'the code is taken', (status) => status.replacement === null);
    await again(system, device, 'the policy has it', (status) => front(status).includes(print(third)));
    const last = await again(system, device, 'and the slots are ours', (status) => slot(status, 'current') === reserve);
    assert.is(last.replacement, null);
  } catch (error) {
    throw new Error(`${error}\n--- server\n${system.log('thintrust-server')}\n--- agent\n${system.log('thintrustd')}`);
  } finally {
    await (nginx as Nginx | null)?.close();
    await system.close();
  }
});
