/** E-mail over a real SMTP server: a real outbox, a real database, and Exim at the other end of the wire. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dayMs, hourMs, instant, minuteMs } from '../../protocol/time.ts';
import type { MailSetting } from '../../server/core/mail.ts';
import { invite } from '../../server/edge/invitations.ts';
import { setRules } from '../../server/edge/issuance.ts';
import { pageMails } from '../../server/edge/mail-outbox.ts';
import { setMail, viewMailSetting } from '../../server/edge/mail-setting.ts';
import { setText } from '../../server/edge/mail-texts.ts';
import { type Away, sendDue, sendTest } from '../../server/edge/mailer.ts';
import { databaseFile } from '../../server/edge/state.ts';
import { addUser } from '../../server/edge/users.ts';
import { auditOf, codeOf, type FleetServer, start, value, withFleet } from '../fakes/fleet-server.ts';
import { secretsIn } from '../fakes/secrets.ts';
import { type SmtpServer, startRelay, startSmtp, type Wanted } from '../fakes/smtp-server.ts';
import { authorityOf, authorityPem, serverMaterial } from '../fakes/tls-server.ts';
import { assert, needs, table, test } from '../harness.ts';

needs(['exim4', 'python3']);

const admin = 'administrator';
const user = { name: 'thintrust', password: 'Mail-Password-77' };
const anna = 'anna@corp.example';

type World = FleetServer & { readonly smtp: SmtpServer; readonly send: () => Promise<void> };

const set = ({ server }: Pick<FleetServer, 'server'>, change: Partial<MailSetting> & { password?: string }) =>
  setMail(server, admin, { host: '127.0.0.1', security: 'none', from: 'thintrust@corp.example', ...change });

let plain: Promise<SmtpServer> | null = null;

/** Those in the clear share one server, each finding it empty. */
async function withSmtp(wanted: Wanted | null, run: (world: World) => Promise<void>): Promise<void> {
  if (!wanted) plain ??= startSmtp({});
  const smtp = wanted ? await startSmtp(wanted) : ((await plain) ?? (await startSmtp({})));
  await smtp.start();
  smtp.empty();
  try {
    await withFleet(async (fleet) => {
      const away: Away = { failures: 0, until: instant(0), setting: '' };
      value(await addUser(fleet.server, admin, { name: anna, fullName: 'Анна Каренина', email: 'anna@почта.example' }));
      await run({ ...fleet, smtp, send: () => sendDue(fleet.server, away) });
    });
  } finally {
    if (wanted) await smtp.remove();
  }
}

test('an invitation in the clear: read by another reader, wiped from the disk, not on the screen', () =>
  withSmtp(null, async (world) => {
    const { server, smtp, send, directory } = world;
    value(await setRules(server, admin, { passwordLength: 16 }));
    value(
      await set(world, { port: smtp.port, language: 'ru', replyTo: 'help@corp.example', console: 'https://k.example' }),
    );
    const mail = { copy: 'copy@corp.example' };
    const invited = value(await invite(server, admin, { user: anna, mail }));
    assert.is(invited.password, '');
    assert.equal(invited.mailedTo, ['anna@xn--80a1acny.example', 'copy@corp.example']);
    const { sealed } = await server.db.selectFrom('mails').select('sealed').executeTakeFirstOrThrow();
    assert.ok(readAll(directory).includes(sealed.slice(30, 90)), 'the search finds what lies there');
    await send();
    const mails = await smtp.wait(2);
    const [first] = mails;
    assert.equal(mails.map(({ to }) => to).sort(), ['anna@xn--80a1acny.example', 'copy@corp.example']);
    assert.equal(
      mails.map(({ envelope, to }) => envelope === to),
      [true, true],
    );
    assert.is(first?.subject, 'Регистрация тонкого клиента на сервере 127.0.0.1');
    assert.match(first?.text ?? '', /^Анна Каренина,\n\nвведите эти данные/);
    assert.match(first?.text ?? '', /действует один раз, до \d\d?.*2026.* UTC/);
    assert.is(first?.replyTo, 'help@corp.example');
    assert.is(first?.from, 'thintrust@corp.example');
    assert.equal(
      mails.flatMap(({ defects }) => defects),
      [],
    );
    assert.ok(first?.headers.includes('Auto-Submitted'));
    const password = /пробел, затем этот: ([0-9A-Z-]{19})\n/.exec(first?.text ?? '')?.[1] ?? '';
    assert.is(password.replaceAll('-', '').length, 16);
    const written = readAll(directory);
    assert.not.ok(written.includes(sealed.slice(30, 90)), 'the sealed mail is gone from database and log');
    assert.equal(secretsIn(written, [{ name: 'password', bytes: Buffer.from(password) }]), []);
    assert.equal(
      (await pageMails(server, {})).rows.map(({ state }) => state),
      ['sent', 'sent'],
    );
    await send();
    assert.is(smtp.mails().length, 2);
  }));

test('shown too when asked; without a user, an address, or a server it is refused and nothing is made', () =>
  withSmtp(null, async (world) => {
    const { server, smtp, send } = world;
    assert.is(codeOf(await invite(server, admin, { user: anna, mail: {} })), 'mail-off');
    value(await set(world, { port: smtp.port }));
    assert.is(codeOf(await invite(server, admin, { name: 'desk', mail: {} })), 'mail-no-address');
    assert.is(codeOf(await invite(server, admin, { name: 'desk', mail: { copy: 'a b@x' } })), 'bad-argument');
    assert.equal(await server.db.selectFrom('invitations').selectAll().execute(), []);
    const invited = value(await invite(server, admin, { name: 'desk', mail: { copy: 'x@corp.example', show: true } }));
    await send();
    const [mail] = await smtp.wait(1);
    assert.ok(invited.password.length > 8 && mail?.text.includes(invited.password));
    assert.match(mail?.text ?? '', new RegExp(`Invitation: +${invited.invitation}\n`));
    assert.match(mail?.text ?? '', /Device: +desk\n/);
  }));

const secure = [
  { name: 'STARTTLS', security: 'starttls', onConnect: false },
  { name: 'TLS from the first byte', security: 'tls', onConnect: true },
] as const;

table('with a password, judged strictly', secure, async ({ security, onConnect }) => {
  const authority = await authorityOf('Mail CA');
  const other = await authorityOf('Other CA');
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

test('greylisted, then taken; refused for good; both at once', () =>
  withSmtp(null, async (world) => {
    const { server, smtp, send, time } = world;
    value(await set(world, { port: smtp.port }));
    smtp.behave('greylist', true);
    value(await invite(server, admin, { user: anna, mail: { copy: 'nobody@corp.example' } }));
    await send();
    assert.equal(await states(world), ['waiting 1', 'waiting 1']);
    assert.match((await pageMails(server, {})).rows[0]?.reason ?? '', /^451.*greylisted/);
    await send();
    assert.equal(await states(world), ['waiting 1', 'waiting 1'], 'not before its time');
    smtp.behave('greylist', false);
    time.now = instant(time.now + minuteMs);
    await send();
    assert.equal(await states(world), ['sent 1', 'undeliverable 1']);
    await smtp.wait(1);
    assert.ok((await auditOf(world)).includes('mail-undeliverable'));
    const [row] = await server.db
      .selectFrom('audit')
      .select('facts')
      .where('action', '=', 'mail-undeliverable')
      .execute();
    assert.match(row?.facts ?? '', /550 5\.1\.1 no such user here/);
    const sealed = await server.db.selectFrom('mails').select('sealed').execute();
    assert.equal(
      sealed.map((each) => each.sealed),
      ['', ''],
    );
  }));

test('the server is away and comes back; it is not asked at every turn', () =>
  withSmtp(null, async (world) => {
    const { server, smtp, send, time } = world;
    value(await set(world, { port: smtp.port }));
    value(await invite(server, admin, { user: anna, mail: {} }));
    await smtp.kill();
    await send();
    assert.is(codeOf(await sendTest(server, 'x@corp.example')), 'mail-unreachable');
    await smtp.start();
    await send();
    assert.equal(await states(world), ['waiting 0']);
    const [row] = (await pageMails(server, { state: 'waiting' })).rows;
    assert.match(row?.reason ?? '', /^mail-unreachable: .*ECONNREFUSED/);
    assert.is(row?.nextAt, time.now + minuteMs);
    time.now = instant(time.now + minuteMs);
    await send();
    assert.equal(await states(world), ['sent 0']);
    await smtp.wait(1);
  }));

test('the server dies within DATA: the mail waits, and comes once', () =>
  withSmtp(null, async (world) => {
    const { server, smtp, send, time } = world;
    const relay = await startRelay(smtp.port);
    try {
      value(await set(world, { port: relay.port }));
      value(await invite(server, admin, { user: anna, mail: {} }));
      let killed: Promise<void> | null = null;
      relay.onClient = (text) => {
        if (/^subject:/im.test(text)) killed ??= smtp.kill();
      };
      await send();
      assert.ok(killed, 'it was killed');
      await killed;
      assert.equal(await states(world), ['waiting 1']);
      relay.onClient = null;
      await smtp.start();
      time.now = instant(time.now + minuteMs);
      await send();
      assert.equal(await states(world), ['sent 1']);
      assert.is((await smtp.wait(1)).length, 1);
    } finally {
      relay.close();
    }
  }));

test('what is over is not sent: replaced, used, too late', () =>
  withSmtp(null, async (world) => {
    const { server, smtp, send, time } = world;
    value(await set(world, { port: smtp.port }));
    value(await invite(server, admin, { user: anna, mail: {} }));
    value(await invite(server, admin, { user: anna, mail: {} }));
    await send();
    assert.equal([...(await states(world))].sort(), ['sent 0', 'withdrawn 0']);
    assert.is((await smtp.wait(1)).length, 1);
    await smtp.kill();
    value(await invite(server, admin, { name: 'desk', mail: { copy: 'x@corp.example' } }));
    time.now = instant(time.now + 73 * hourMs);
    await send();
    assert.equal([...(await states(world))].sort(), ['sent 0', 'undeliverable 0', 'withdrawn 0']);
    time.now = instant(start + 40 * dayMs);
    await send();
    assert.equal(await states(world), [], 'forgotten after a month');
  }));

test('nothing in a name or a text adds a header', () =>
  withSmtp(null, async (world) => {
    const { server, smtp, send } = world;
    value(await set(world, { port: smtp.port }));
    const text = { subject: 'For {name}: \u{1F511} ключ', text: '.\n..\nFrom x\n{invitation} {password}\n{name}\n' };
    value(await setText(server, admin, { kind: 'invitation', language: 'en' }, text));
    const name = 'desk\r\nBcc: evil@corp.example\r\n\r\nhello\u202e';
    value(await invite(server, admin, { name, mail: { copy: 'x@corp.example' } }));
    await send();
    const [mail] = await smtp.wait(1);
    assert.is(mail?.subject, 'For desk??Bcc: evil@corp.example????hello?: \u{1F511} ключ');
    assert.match(mail?.text ?? '', /^\.\n\.\.\nFrom x\n[0-9A-Z]{8} [0-9A-Z-]+\ndesk\?\?Bcc/);
    assert.not.ok(mail?.headers.includes('Bcc'));
    assert.is(smtp.mails().length, 1);
  }));

const firstOf = (pem: string): string => pem.split(/(?<=-----END CERTIFICATE-----\n)/)[0] ?? '';

const states = async ({ server }: World): Promise<readonly string[]> => {
  const rows = await server.db.selectFrom('mails').select(['state', 'tries']).orderBy('address').execute();
  return rows.map(({ state, tries }) => `${state} ${tries}`);
};

/** Database and write-ahead log. */
const readAll = (directory: string): Buffer =>
  Buffer.concat(['', '-wal'].map((end) => readFileSync(join(directory, `${databaseFile}${end}`))));
