/** E-mail over a real SMTP server: a real outbox, a real database, and Exim at the other end of the wire. */
import { dayMs, hourMs, instant, minuteMs } from '../../protocol/time.ts';
import { issueCertificates } from '../../server/edge/corporate-issue.ts';
import { invite } from '../../server/edge/invitations.ts';
import { setRules } from '../../server/edge/issuance.ts';
import { pageMails } from '../../server/edge/mail-outbox.ts';
import { setText } from '../../server/edge/mail-texts.ts';
import { sendTest } from '../../server/edge/mailer.ts';
import { auditOf, codeOf, start, value } from '../fakes/fleet-server.ts';
import { anna, readAll, set, type World, withSmtp } from '../fakes/mail-world.ts';
import { secretsIn } from '../fakes/secrets.ts';
import { startRelay } from '../fakes/smtp-server.ts';
import { assert, needs, test } from '../harness.ts';

needs(['exim4', 'python3']);

const admin = 'administrator';

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

test('who registers by a password of his own is told where, and no secret; where the rules ask for one more, that one too', () =>
  withSmtp(null, async (world) => {
    const { server, smtp, send } = world;
    const order = { type: 'mobile', kind: 'thin-client', source: 'server', authentication: 'credentials' } as const;
    const issue = async (copy?: string) =>
      value(
        await issueCertificates(
          server,
          admin,
          { ...order, users: [anna], mail: copy === undefined ? {} : { copy } },
          null,
        ),
      );
    assert.equal(
      (await issue()).refused.map(({ fault: { code } }) => code),
      ['mail-off'],
    );
    value(await set(world, { port: smtp.port }));
    assert.is((await issue('a b@x')).refused[0]?.fault.code, 'bad-argument');
    assert.equal(await server.db.selectFrom('mails').selectAll().execute(), []);
    const { results, server: entrance } = await issue('copy@corp.example');
    const mailedTo = ['anna@xn--80a1acny.example', 'copy@corp.example'];
    assert.equal(
      results.map(({ as, password, mailedTo: to }) => ({ as, password, to })),
      [{ as: 'credentials', password: '', to: mailedTo }],
    );
    await send();
    const [mail] = await smtp.wait(2);
    assert.match(
      mail?.text ?? '',
      new RegExp(`Server address: +${entrance.address}\nServer fingerprint: +[0-9a-f ]{79}\n`),
    );
    assert.match(mail?.text ?? '', /Invitation: +anna@corp\.example\nPassword: +your own password\n/);
    assert.equal(await server.db.selectFrom('invitations').selectAll().execute(), []);
    assert.ok((await auditOf(world)).includes('entrance-mailed'));

    value(await setRules(server, admin, { promptPassword: true }));
    assert.equal(
      (await issue()).results.map(({ as }) => as),
      ['invitation'],
    );
    await send();
    const last = (await smtp.wait(3)).at(-1);
    assert.match(last?.text ?? '', /your own password, a blank, and then this one: [0-9A-Z-]+\n/);
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
    time.now = instant(time.now - 2 * hourMs);
    await send();
    assert.equal(await states(world), ['waiting 2', 'waiting 2'], 'a clock that was put back holds nothing up');
    time.now = instant(start);
    smtp.behave('greylist', false);
    time.now = instant(time.now + minuteMs);
    await send();
    assert.equal(await states(world), ['sent 2', 'undeliverable 2']);
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

const states = async ({ server }: World): Promise<readonly string[]> => {
  const rows = await server.db.selectFrom('mails').select(['state', 'tries']).orderBy('address').execute();
  return rows.map(({ state, tries }) => `${state} ${tries}`);
};
