/** The connection to the SMTP server: TLS and its password, over a real one. */
import { instant, minuteMs } from '../../protocol/time.ts';
import { invite } from '../../server/edge/invitations.ts';
import { pageMails } from '../../server/edge/mail-outbox.ts';
import { setMail, viewMailSetting } from '../../server/edge/mail-setting.ts';
import { sendTest } from '../../server/edge/mailer.ts';
import { codeOf, value } from '../fakes/fleet-server.ts';
import { anna, readAll, set, withSmtp } from '../fakes/mail-world.ts';
import { secretsIn } from '../fakes/secrets.ts';
import { authorityOf, authorityPem, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['exim4', 'python3']);

const admin = 'administrator';
const user = { name: 'thintrust', password: 'Mail-Password-77' };

const secure = [
  { name: 'STARTTLS', security: 'starttls', onConnect: false },
  { name: 'TLS from the first byte', security: 'tls', onConnect: true },
] as const;

table('with a password, judged strictly', secure, async ({ security, onConnect }) => {
  const authority = authorityOf('Mail CA');
  const other = authorityOf('Other CA');
  const { cert, key } = await serverMaterial(authority, ['127.0.0.1']);
  const elsewhere = await serverMaterial(authority, ['127.0.0.1']);
  await withSmtp({ tls: { cert, key }, user, onConnect }, async (world) => {
    const { server, smtp, send, time } = world;
    const right = {
      port: smtp.port,
      security,
      user: user.name,
      password: user.password,
      authorities: authorityPem(authority),
    };
    value(await set(world, right));
    value(await invite(server, admin, { user: anna, mail: {} }));
    const refused = async (change: object, code: string): Promise<void> => {
      value(await set(world, { ...right, ...change }));
      assert.is(codeOf(await sendTest(server, 'x@corp.example')), code, JSON.stringify(change).slice(0, 60));
      await send();
      assert.equal(
        (await pageMails(server, {})).rows.map(({ state, tries }) => `${state} ${tries}`),
        ['waiting 0'],
      );
    };
    await refused({ authorities: authorityPem(other) }, 'mail-insecure');
    await refused({ authorities: '' }, 'mail-insecure');
    await refused({ authorities: firstOf(elsewhere.cert) }, 'mail-insecure');
    await refused({ host: 'localhost' }, 'mail-insecure');
    await refused({ password: 'wrong' }, 'mail-sign-in');
    // Its own certificate, pinned by itself.
    value(await set(world, { ...right, authorities: firstOf(cert) }));
    await send();
    time.now = instant(time.now + minuteMs);
    value(await sendTest(server, 'x@corp.example'));
    const mails = await smtp.wait(2);
    assert.match(mails[0]?.received ?? '', /TLS1\.[23]/);
    assert.match(mails[0]?.subject ?? '', /^Registering a thin client/);
    for (const change of [{ host: 'x.example' }, { port: 25 }, { user: 'other' }])
      assert.is(
        codeOf(await setMail(server, admin, change)),
        'bad-argument',
        'the password goes nowhere else by itself',
      );
    value(await setMail(server, admin, { language: 'ru' }));
    const view = await viewMailSetting(server.db);
    assert.is(view?.password, true);
    assert.not.ok(JSON.stringify(view).includes(user.password));
    assert.equal(secretsIn(readAll(world.directory), [{ name: 'password', bytes: Buffer.from(user.password) }]), []);
  });
});

test('a server without TLS is sent nothing where TLS is demanded, and no password is ever sent in the clear', () =>
  withSmtp(null, async (world) => {
    const { server, smtp } = world;
    value(await set(world, { port: smtp.port, security: 'starttls' }));
    assert.is(codeOf(await sendTest(server, 'x@corp.example')), 'mail-insecure');
    value(await set(world, { port: smtp.port, security: 'tls' }));
    assert.is(codeOf(await sendTest(server, 'x@corp.example')), 'mail-insecure');
    assert.is(codeOf(await set(world, { port: smtp.port, user: 'a', password: 'b' })), 'bad-argument');
    assert.is(smtp.mails().length, 0);
  }));

const firstOf = (pem: string): string => pem.split(/(?<=-----END CERTIFICATE-----\n)/)[0] ?? '';
