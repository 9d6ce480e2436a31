/** The Web Console's door over real HTTPS: setup, signing in, sessions, the second factor, accounts, tokens, pages, certificate. */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fingerprintOf, toPem } from '../../protocol/certificate.ts';
import { dayMs, hourMs, instant, minuteMs } from '../../protocol/time.ts';
import { stepAt, totp } from '../../server/core/totp.ts';
import { firstSetupLink, makeSetupLink } from '../../server/edge/accounts.ts';
import { consoleTls, renewConsoleCertificate, showConsoleCertificate } from '../../server/edge/console-certificate.ts';
import { listAudit } from '../../server/edge/overview.ts';
import { auditOf, value } from '../fakes/fleet-server.ts';
import { type Issued, issue } from '../fakes/issue.ts';
import { addPerson, type Console, type Page, password, withConsole } from '../fakes/web-client.ts';
import { assert, test } from '../harness.ts';

const later = ({ world }: Console, ms: number): void => {
  world.time.now = instant(world.time.now + ms);
};
const base32 = (text: string): Buffer => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...text].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
};

test('the setup link makes the first account, once, and signs it in', () =>
  withConsole(async (console) => {
    const { server } = console.world;
    const link = await firstSetupLink(server);
    assert.match(link?.url ?? '', /^https:\/\/127\.0\.0\.1:8080\/setup#[A-Za-z0-9_-]{32}$/);
    assert.is(await firstSetupLink(server), null);
    const token = link?.url.split('#')[1];
    const page = console.page();
    assert.equal((await page.ask('GET', '/setup')).body, { needed: true });
    const wrong = await page.ask('POST', '/setup', { body: { token: 'x'.repeat(32), name: 'anna', password } });
    assert.equal([wrong.status, wrong.body.code], [401, 'setup-refused']);
    const weak = await page.ask('POST', '/setup', { body: { token, name: 'anna', password: 'anna' } });
    assert.is(weak.body.code, 'account-password-weak');
    const made = await page.ask('POST', '/setup', { body: { token, name: 'Anna', password } });
    assert.is(made.status, 200);
    assert.equal(made.body.account.roles, ['officer', 'administrator']);
    page.take(made);
    assert.is((await page.ask('GET', '/status')).status, 200);
    assert.equal((await page.ask('GET', '/setup')).body, { needed: false });
    const again = await page.ask('POST', '/setup', { body: { token, name: 'boris', password } });
    assert.is(again.body.code, 'setup-refused');
    assert.is(await firstSetupLink(server), null);
    const other = value(await makeSetupLink(server, 'root'));
    later(console, 72 * hourMs);
    const late = { token: other.url.split('#')[1], name: 'boris', password };
    assert.is((await page.ask('POST', '/setup', { body: late })).body.code, 'setup-refused');
  }));

test('signing in: the same answer for a wrong name and a wrong password, on record, and locked after five', () =>
  withConsole(async (console) => {
    await addPerson(console, 'anna', 'auditor');
    const page = console.page();
    assert.equal((await page.ask('GET', '/session')).body.code, 'session-needed');
    const refused = [await page.signIn('anna', 'wrong'), await page.signIn('nobody', 'wrong')];
    assert.equal(
      refused.map(({ body }) => body),
      [refused[0]?.body, refused[0]?.body],
    );
    assert.equal([refused[0]?.status, refused[0]?.body.code], [401, 'sign-in-refused']);
    const right = await page.signIn(' ANNA ', password);
    assert.is(right.status, 200);
    assert.match(right.headers['set-cookie']?.[0] ?? '', /; Path=\/; Secure; HttpOnly; SameSite=Strict$/);
    assert.is(right.headers['cache-control'], 'no-store');
    assert.equal((await page.ask('GET', '/session')).body, right.body);
    assert.is((await page.ask('DELETE', '/session')).status, 200);
    assert.is((await page.ask('GET', '/session')).status, 401);
    const rows = (await listAudit(console.world.server, 4)).map(({ actor, action }) => `${actor} ${action}`);
    assert.equal(rows, ['anna signed-out', 'anna signed-in', 'stranger sign-in-refused', 'stranger sign-in-refused']);
    for (let count = 0; count < 5; count++) assert.is((await page.signIn('anna', 'wrong')).status, 401);
    const locked = await page.signIn('anna', password);
    assert.equal([locked.status, locked.body.code, locked.headers['retry-after']], [429, 'sign-in-locked', '60']);
    const locks = (await listAudit(console.world.server, 50)).filter(({ action }) => action === 'account-locked');
    assert.equal(
      locks.map(({ subject, facts }) => [subject, facts['from']]),
      [['anna', '127.0.0.1']],
    );
    later(console, 15 * minuteMs);
    assert.is((await page.signIn('anna', password)).status, 200);
  }));

test('a session ends: idle, old, with the password, with the account; and is always a new one', () =>
  withConsole(async (console) => {
    await addPerson(console, 'chief', 'officer', 'administrator');
    await addPerson(console, 'anna', 'auditor');
    const [chief, anna] = [console.page(), console.page()];
    await anna.signIn('anna', password);
    const first = anna.held.cookie;
    later(console, 29 * minuteMs);
    assert.is((await anna.ask('GET', '/status')).status, 200);
    later(console, 29 * minuteMs);
    assert.is((await anna.ask('GET', '/status', { headers: { 'x-thintrust-poll': '1' } })).status, 200);
    later(console, 2 * minuteMs);
    assert.is((await anna.ask('GET', '/status')).body.code, 'session-needed');
    await anna.signIn('anna', password);
    assert.not.equal(anna.held.cookie, first);
    for (let hour = 0; hour < 48; hour++) {
      later(console, 15 * minuteMs);
      const { status } = await anna.ask('GET', '/session');
      assert.is(status, hour < 47 ? 200 : 401, `${hour}`);
    }
    await chief.signIn('chief', password);
    await anna.signIn('anna', password);
    const cookie = anna.held.cookie;
    await anna.signIn('anna', password);
    const old = await console.page().ask('GET', '/session', { headers: { cookie: `__Host-thintrust=${cookie}` } });
    assert.is(old.status, 401, 'the session of before is over');
    assert.is((await chief.ask('PUT', '/accounts/anna', { body: { disabled: true } })).status, 200);
    assert.is((await anna.ask('GET', '/session')).status, 401);
    assert.is((await anna.signIn('anna', password)).body.code, 'sign-in-refused');
    assert.is((await chief.ask('PUT', '/accounts/anna', { body: { disabled: false } })).status, 200);
    await anna.signIn('anna', password);
    const reset = await chief.ask('PUT', '/accounts/anna/password', { body: {} });
    assert.is((await anna.ask('GET', '/session')).status, 401);
    await anna.signIn('anna', reset.body.password);
    const changed = await anna.ask('PUT', '/session/password', {
      body: { current: reset.body.password, password: 'another fine password' },
    });
    assert.is(changed.status, 200);
    assert.is((await anna.ask('GET', '/session')).status, 401, 'the cookie of before');
    anna.take(changed);
    assert.is((await anna.ask('GET', '/session')).status, 200);
  }));

test('the second factor: enrolled with a code, needed from then on, never taken twice, recovered, reset by another', () =>
  withConsole(async (console) => {
    const { time } = console.world;
    await addPerson(console, 'chief', 'officer', 'administrator');
    await addPerson(console, 'anna', 'officer');
    const page = console.page();
    await page.signIn('anna', password);
    assert.equal(
      (await page.ask('PUT', '/session/language', { body: { language: 'ru' } })).body.account.language,
      'ru',
    );
    const early = await page.ask('PUT', '/session/second-factor', { body: { code: '123456' } });
    assert.is(early.body.code, 'bad-argument');
    const wrong = await page.ask('POST', '/session/second-factor', { body: { password: 'wrong' } });
    assert.is(wrong.body.code, 'sign-in-refused');
    const { body: offer } = await page.ask('POST', '/session/second-factor', { body: { password } });
    assert.match(offer.uri, /^otpauth:\/\/totp\/thintrust%20127\.0\.0\.1:anna\?secret=[A-Z2-7]{32}&/);
    const secret = base32(offer.secret);
    const code = (steps = 0) => totp(secret, stepAt(time.now) + steps);
    const set = await page.ask('PUT', '/session/second-factor', { body: { code: code() } });
    assert.is(set.body.recoveryCodes.length, 10);
    const needed = await page.signIn('anna', password);
    assert.equal([needed.status, needed.body.code], [401, 'second-factor-needed']);
    assert.is((await page.signIn('anna', 'wrong', code(1))).body.code, 'sign-in-refused');
    assert.is((await page.signIn('anna', password, code())).body.code, 'sign-in-refused', 'spent at the enrolment');
    assert.is((await page.signIn('anna', password, code(1))).status, 200);
    assert.is((await page.signIn('anna', password, code(1))).status, 401, 'twice');
    later(console, minuteMs);
    const both = await Promise.all([0, 1].map(() => console.page().signIn('anna', password, code())));
    assert.equal(both.map(({ status }) => status).sort(), [200, 401], 'at once');
    const [recovery = ''] = set.body.recoveryCodes;
    assert.is((await page.signIn('anna', password, recovery.toLowerCase())).status, 200);
    assert.is((await page.signIn('anna', password, recovery)).status, 401);
    for (let count = 0; count < 4; count++) {
      assert.is((await page.signIn('anna', password)).body.code, 'second-factor-needed');
      assert.is((await page.signIn('anna', password, '000000')).status, 401);
    }
    assert.is(
      (await page.signIn('anna', password, code(1))).body.code,
      'sign-in-locked',
      'a right password takes no failure back',
    );
    const lock = (await listAudit(console.world.server, 10)).filter(({ action }) => action === 'account-locked');
    assert.is(lock.length, 1, 'who has the password and not the code is on record');
    const chief = console.page();
    await chief.signIn('chief', password);
    assert.is((await chief.ask('DELETE', '/accounts/anna/second-factor')).status, 200);
    assert.is((await page.signIn('anna', password)).status, 200);
    later(console, 15 * minuteMs);
    const { body: next } = await page.ask('POST', '/session/second-factor', { body: { password } });
    const again = totp(base32(next.secret), stepAt(time.now));
    const confirmed = await page.ask('PUT', '/session/second-factor', { body: { code: again } });
    assert.ok(confirmed.body.account?.secondFactor, confirmed.text);
    const off = await page.ask('DELETE', '/session/second-factor', { body: { password } });
    assert.equal([off.status, off.body.account.secondFactor], [200, false]);
    const { db } = console.world.server;
    const rows = await db.selectFrom('accounts').selectAll().execute();
    assert.not.ok(JSON.stringify(rows).includes(offer.secret));
  }));

test('accounts: nobody gives, changes, resets or removes what is beyond him, nor ends himself', () =>
  withConsole(async (console) => {
    await addPerson(console, 'chief', 'officer', 'administrator');
    await addPerson(console, 'adam', 'administrator');
    const [chief, adam] = [console.page(), console.page()];
    await chief.signIn('chief', password);
    await adam.signIn('adam', password);
    const tell = async (page: Page, method: string, path: string, body?: unknown) => {
      const { status, body: told } = await page.ask(method, path, body === undefined ? {} : { body });
      return status === 200 ? 'good' : told.code;
    };
    const officer = { name: 'olga', roles: ['officer'] };
    assert.is(await tell(adam, 'POST', '/accounts', officer), 'not-allowed');
    assert.is(await tell(adam, 'POST', '/accounts', { name: 'ann', roles: ['auditor'] }), 'good');
    assert.is(await tell(chief, 'POST', '/accounts', officer), 'good');
    assert.is(await tell(chief, 'POST', '/accounts', officer), 'already-exists');
    assert.is(await tell(adam, 'PUT', '/accounts/olga', { fullName: 'x' }), 'not-allowed');
    assert.is(await tell(adam, 'PUT', '/accounts/olga/password', {}), 'not-allowed');
    assert.is(await tell(adam, 'DELETE', '/accounts/olga/second-factor'), 'not-allowed');
    assert.is(await tell(adam, 'DELETE', '/accounts/olga'), 'not-allowed');
    assert.is(await tell(adam, 'PUT', '/accounts/ann', { roles: ['officer'] }), 'not-allowed');
    assert.is(await tell(adam, 'PUT', '/accounts/adam', { roles: ['auditor'] }), 'not-allowed');
    assert.is(await tell(chief, 'DELETE', '/accounts/chief'), 'not-allowed');
    assert.is(await tell(chief, 'PUT', '/accounts/chief', { disabled: true }), 'not-allowed');
    const taken = { password: 'whoever sits down here' };
    assert.is(
      await tell(chief, 'PUT', '/accounts/chief/password', taken),
      'not-allowed',
      'the present one is asked for',
    );
    assert.is(await tell(chief, 'POST', '/setup-link', {}), 'not-allowed');
    assert.is(await tell(adam, 'POST', '/tokens', { name: 't', roles: ['officer'], days: 1 }), 'not-allowed');
    assert.is(await tell(chief, 'DELETE', '/accounts/olga'), 'good');
    const { body } = await adam.ask('GET', '/accounts');
    assert.equal(
      body.rows.map(({ name }: { name: string }) => name),
      ['adam', 'ann', 'chief'],
    );
    assert.not.match(JSON.stringify(body), /argon2/);
  }));

test('a token does what its roles and its maker may, makes no accounts, and ends', () =>
  withConsole(async (console) => {
    await addPerson(console, 'chief', 'officer', 'administrator');
    const [chief, program] = [console.page(), console.page()];
    await chief.signIn('chief', password);
    const roles = ['officer', 'administrator'];
    const made = await chief.ask('POST', '/tokens', { body: { name: 'robot', roles, days: 2 } });
    const authorization = `Bearer ${made.body.token}`;
    const bare = { origin: '', 'x-csrf-token': '', authorization };
    const tell = async (method: string, path: string, body?: unknown) =>
      (await program.ask(method, path, { headers: bare, ...(body === undefined ? {} : { body }) })).status;
    assert.is(await tell('POST', '/groups', { name: 'Office' }), 200);
    assert.is((await listAudit(console.world.server, 1))[0]?.actor, 'token:robot');
    assert.is(await tell('POST', '/accounts', { name: 'mole', roles: ['auditor'] }), 403);
    assert.is(await tell('POST', '/tokens', { name: 'heir', roles: ['auditor'], days: 9 }), 403);
    assert.is(await tell('GET', '/session'), 401);
    const [, , last = ''] = /^(tt_)(.*)(.)$/.exec(made.body.token) ?? [];
    const forged = await program.ask('GET', '/status', { headers: { authorization: `Bearer tt_${last}x` } });
    assert.equal([forged.status, forged.body.code], [401, 'api-token-refused']);
    const { db } = console.world.server;
    const set = (change: object) => db.updateTable('accounts').set(change).where('name', '=', 'chief').execute();
    await set({ roles: '["auditor"]' });
    assert.is(await tell('POST', '/groups', { name: 'Hall' }), 403);
    await set({ roles: JSON.stringify(roles), disabled_at: 1 });
    assert.is(await tell('GET', '/status'), 401);
    await set({ disabled_at: null });
    assert.is(await tell('GET', '/status'), 200);
    later(console, 2 * dayMs);
    assert.is(await tell('GET', '/status'), 401);
  }));

test('pages: from memory, with their headers, compressed; unknown paths are the page, unknown files are not', async () => {
  const pages = mkdtempSync(join(tmpdir(), 'thintrust-web-'));
  try {
    mkdirSync(join(pages, 'assets'));
    writeFileSync(join(pages, 'index.html'), '<!doctype html><title>thintrust</title>');
    writeFileSync(join(pages, 'assets/index-AbCd_123.js'), `'use strict';${' '.repeat(2000)}`);
    writeFileSync(join(pages, 'secret.pem'), 'no type, no file');
    await withConsole(
      async ({ get }) => {
        const page = await get('/devices/1?x=1');
        assert.is(page.status, 200);
        assert.match(page.text, /thintrust/);
        assert.is(page.headers['cache-control'], 'no-cache');
        const policy = String(page.headers['content-security-policy']);
        assert.equal(policy.split('; '), [
          "default-src 'none'",
          ...['script', 'style', 'img', 'font', 'connect'].map((kind) => `${kind}-src 'self'`),
          "form-action 'self'",
          "frame-ancestors 'none'",
          "base-uri 'none'",
        ]);
        assert.is(page.headers['cross-origin-opener-policy'], 'same-origin');
        assert.is(page.headers['cross-origin-resource-policy'], 'same-origin');
        assert.is(page.headers['x-content-type-options'], 'nosniff');
        assert.is(page.headers['referrer-policy'], 'no-referrer');
        const script = await get('/assets/index-AbCd_123.js', { 'accept-encoding': 'gzip, br' });
        assert.is(script.headers['content-encoding'], 'gzip');
        assert.match(String(script.headers['cache-control']), /immutable/);
        assert.is(script.headers['content-type'], 'text/javascript; charset=utf-8');
        for (const path of ['/assets/gone-AbCd_123.js', '/api/v1/nothing', '/api/'])
          assert.is((await get(path)).status, 404);
        assert.not.match((await get('/secret.pem')).text, /no type/);
        assert.not.match((await get('/..%2f..%2fetc/passwd')).text, /root:/);
      },
      { pages },
    );
  } finally {
    rmSync(pages, { recursive: true });
  }
});

test('the certificate: of our own authority, renewed ahead, followed when names change, uploaded and reset', () =>
  withConsole(async (console) => {
    const { server, time } = console.world;
    const served: string[] = [];
    const carriers = server.carriers.current;
    if (carriers)
      server.carriers.current = {
        ...carriers,
        setConsoleTls: async (tls) => {
          served.push(tls.chain);
          await console.setTls(tls);
        },
      };
    const first = value(await showConsoleCertificate(server));
    const shown = await peer(console);
    assert.is(shown.fingerprint256.replaceAll(':', '').toLowerCase(), first.fingerprint);
    assert.ok(shown.verify(new X509Certificate(server.keys.serverAuthority.certificateDer).publicKey));
    assert.ok(shown.checkIP('127.0.0.1') && shown.checkHost('localhost'));
    assert.ok(first.notAfter - first.notBefore <= 397 * dayMs);
    await consoleTls(server);
    assert.is(value(await showConsoleCertificate(server)).fingerprint, first.fingerprint, 'kept');
    time.now = instant(first.notAfter - 30 * dayMs);
    await renewConsoleCertificate(server);
    const second = value(await showConsoleCertificate(server));
    assert.not.equal(second.fingerprint, first.fingerprint);
    assert.is(served.length, 1);
    assert.is((await peer(console)).fingerprint256.replaceAll(':', '').toLowerCase(), second.fingerprint);
    assert.ok((await auditOf(console.world)).includes('console-certificate-made'));
  }));

const ips = [Buffer.of(127, 0, 0, 1)];
const year = { from: '2026-10-01T00:00:00Z', to: '2027-10-01T00:00:00Z' };
const root = issue({ cn: 'company root', ca: true });
const leaf = issue({ cn: 'console', by: root, ips, ...year });
const elsewhere = issue({ cn: 'console', by: root, dns: ['console.example'], ...year });
const filesOf = (issued: Issued, key = issued) => ({
  content: Buffer.from(toPem(issued.der) + toPem(root.der)).toString('base64'),
  key: Buffer.from(key.key.export({ type: 'pkcs8', format: 'pem' })).toString('base64'),
  password: '',
});

test('a certificate of the administrator’s: served at once, refused with the reason, and at its end one of ours stands in', () =>
  withConsole(async (console) => {
    const { server, time } = console.world;
    const carriers = server.carriers.current;
    if (carriers) server.carriers.current = { ...carriers, setConsoleTls: console.setTls };
    await addPerson(console, 'olga', 'officer');
    const page = console.page();
    await page.signIn('olga', password);
    const bring = (body: object) => page.ask('POST', '/console-certificate', { body });
    const shown = async () => (await peer(console)).fingerprint256.replaceAll(':', '').toLowerCase();
    const own = await shown();
    assert.is((await bring(filesOf(elsewhere))).body.code, 'name-mismatch');
    assert.is((await bring(filesOf(leaf, elsewhere))).body.code, 'key-foreign');
    assert.is(await shown(), own);
    const taken = await bring(filesOf(leaf));
    assert.equal([taken.status, taken.body.source], [200, 'uploaded'], taken.text);
    assert.is(await shown(), fingerprintOf(leaf.der));
    assert.is((await bring({ ...filesOf(elsewhere), host: 'console.example' })).body.source, 'uploaded');
    assert.is((await page.ask('DELETE', '/console-certificate')).body.source, 'own');
    await bring(filesOf(leaf));
    const { db } = server;
    const kept = await db.selectFrom('settings').select('value').where('name', '=', 'console-certificate').execute();
    const plain = leaf.key.export({ type: 'pkcs8', format: 'der' }).toString('base64');
    assert.not.ok(kept[0]?.value.includes(plain.slice(0, 60)), 'sealed');
    time.now = instant(Date.parse(year.to) - dayMs);
    await renewConsoleCertificate(server);
    assert.is(await shown(), fingerprintOf(leaf.der), 'it counts to its end');
    time.now = instant(Date.parse(year.to));
    await renewConsoleCertificate(server);
    assert.is(value(await showConsoleCertificate(server)).source, 'own');
    assert.is(await shown(), value(await showConsoleCertificate(server)).fingerprint);
    assert.ok((await auditOf(console.world)).includes('console-certificate-ended'));
    // A key that cannot be opened strands nobody.
    await db
      .updateTable('settings')
      .set({ value: kept[0]?.value.replace(/"sealedKey":"[^"]{40}/, '"sealedKey":"x') ?? '' })
      .where('name', '=', 'console-certificate')
      .execute();
    time.now = instant(Date.parse(year.from) + 60 * dayMs);
    await consoleTls(server);
    assert.is(value(await showConsoleCertificate(server)).source, 'own');
  }));

function peer({ port }: Console): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const found = socket.getPeerX509Certificate();
      socket.destroy();
      if (found) resolve(found);
      else reject(new Error('no certificate'));
    });
    socket.on('error', reject);
  });
}
