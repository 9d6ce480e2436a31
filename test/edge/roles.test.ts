/** Who may do what at the Web Console's door, role by route, over real HTTPS (T20). A route without a row here fails. */
import { instant, minuteMs } from '../../protocol/time.ts';
import { allRights, type Role } from '../../server/core/permission.ts';
import { allAdminRoutes } from '../../server/edge/admin-door.ts';
import { sessionRoutes } from '../../server/edge/session-routes.ts';
import { addToken } from '../../server/edge/tokens.ts';
import { value } from '../fakes/fleet-server.ts';
import { type Answered, addPerson, type Console, type Page, password, withConsole } from '../fakes/web-client.ts';
import { assert, test } from '../harness.ts';

/** O: Security Officer, A: Administrator, R: Auditor, each alone. */
const rows: Readonly<Record<string, string>> = {
  'POST /invitations': 'O',
  'GET /devices': 'OAR',
  'GET /devices/:device': 'OAR',
  'POST /devices/:device/move': 'A',
  'DELETE /devices/:device': 'O',
  'GET /identities': 'OAR',
  'POST /devices/:device/identity/renew': 'O',
  'DELETE /devices/:device/identity': 'O',
  'GET /identity-rules': 'OAR',
  'PUT /identity-rules': 'O',
  'GET /groups': 'OAR',
  'POST /groups': 'A',
  'GET /authorities': 'OAR',
  'POST /authorities': 'O',
  'DELETE /authorities/:fingerprint': 'O',
  'GET /device-authorities': 'OAR',
  'POST /device-authorities/rollover': 'O',
  'GET /server-certificates': 'OAR',
  'GET /server-certificates/gate': 'OAR',
  'GET /server-certificates/gate/devices': 'OAR',
  'GET /server-certificates/readiness': 'OAR',
  'POST /server-certificates/:fingerprint/compromised': 'O',
  'POST /server-certificates/reserve': 'O',
  'POST /server-certificates/upload': 'O',
  'DELETE /server-certificates/reserve': 'O',
  'POST /server-certificates/switch': 'O',
  'GET /server-certificates/links': 'OAR',
  'GET /server-certificates/statements': 'OAR',
  'DELETE /server-certificates/links/:seq': 'O',
  'GET /policy-keys': 'OAR',
  'POST /policy-keys/announce': 'O',
  'POST /policy-keys/activate': 'O',
  'POST /policy-keys/revoke': 'O',
  'POST /repair-files': 'O',
  'POST /codes': 'O',
  'GET /audit': 'OAR',
  'PUT /adopting': 'A',
  'GET /groups/:group': 'OAR',
  'GET /groups/:group/delivery': 'OAR',
  'PUT /groups/:group/name': 'A',
  'PUT /groups/:group/parent': 'A',
  'DELETE /groups/:group': 'A',
  'GET /groups/:group/policy': 'OAR',
  'GET /groups/:group/policy/certificates': 'OAR',
  'GET /groups/:group/policy/blocklist': 'OAR',
  'GET /blocklist/:fingerprint': 'OAR',
  'PUT /blocklist': 'O',
  'POST /groups/:group/policy/certificates': 'O',
  'POST /groups/:group/policy/certificates/remove': 'O',
  'PUT /groups/:group/policy/contacts': 'A',
  'PUT /groups/:group/policy/blocklist': 'O',
  'PUT /groups/:group/policy/revocation': 'O',
  'POST /groups/:group/policy/revocation-lists': 'O',
  'POST /groups/:group/policy/revocation-lists/remove': 'O',
  'PUT /groups/:group/policy/settings': 'A',
  'PUT /groups/:group/policy/identity': 'O',
  'PUT /groups/:group/policy/rotation': 'O',
  'PUT /groups/:group/naming': 'A',
  'GET /mutual': 'OAR',
  'GET /mutual/devices': 'OAR',
  'PUT /mutual': 'A',
  'PUT /mutual/endpoints/new': 'A',
  'PUT /mutual/endpoints/legacy': 'A',
  'PUT /mutual/legacy-port': 'A',
  'POST /mutual/enrolments': 'A',
  'PUT /mutual/enrolment': 'A',
  'DELETE /mutual/enrolments/:name': 'A',
  'PUT /groups/:group/migrate-client': 'A',
  'GET /front-ends': 'OAR',
  'POST /front-ends': 'A',
  'DELETE /front-ends/:fingerprint': 'A',
  'GET /users': 'OAR',
  'GET /users/:user': 'OAR',
  'POST /users': 'A',
  'PUT /users/:user': 'A',
  'PUT /users/:user/password': 'A',
  'DELETE /users/:user': 'A',
  'GET /server-certificates/front-ends': 'OAR',
  'POST /server-certificates/front-ends': 'O',
  'POST /server-certificates/front-ends/:fingerprint/remove': 'O',
  'GET /accounts': 'OAR',
  'GET /accounts/:account': 'OAR',
  'POST /accounts': 'A',
  'PUT /accounts/:account': 'A',
  'PUT /accounts/:account/password': 'A',
  'DELETE /accounts/:account/second-factor': 'A',
  'DELETE /accounts/:account': 'A',
  'POST /setup-link': '',
  'GET /roles': 'OAR',
  'GET /tokens': 'OAR',
  'POST /tokens': 'A',
  'DELETE /tokens/:token': 'A',
  'GET /console-certificate': 'OAR',
  'POST /console-certificate': 'O',
  'DELETE /console-certificate': 'O',
  'GET /certificates': 'OAR',
  'GET /certificates/:certificate': 'OAR',
  'POST /certificates/alias': 'O',
  'POST /certificates/issue': 'O',
  'POST /certificates/renew': 'O',
  'POST /certificates/delete': 'O',
  'POST /devices/:device/wipe': 'O',
  'GET /devices/:device/certificates': 'OAR',
  'GET /devices/:device/events': 'OAR',
  'GET /devices/:device/offline-risk': 'OAR',
  'GET /corporate-rules': 'OAR',
  'PUT /corporate-rules': 'O',
  'GET /status': 'OAR',
  'GET /metrics': 'OAR',
  'GET /dashboard': 'OAR',
  'GET /server-certificates/offline-risk': 'OAR',
  'GET /mail': 'OAR',
  'PUT /mail': 'A',
  'DELETE /mail': 'A',
  'POST /mail/test': 'A',
  'GET /mail/outbox': 'OAR',
  'GET /mail/texts': 'OAR',
  'PUT /mail/texts/:kind/:language': 'A',
  'DELETE /mail/texts/:kind/:language': 'A',
  'POST /mail/texts/:kind/:language/preview': 'OAR',
  'POST /invitations/import': 'O',
  'GET /group-tokens': 'OAR',
  'POST /group-tokens': 'O',
  'DELETE /group-tokens/:token': 'O',
  'GET /enrolment-requests': 'OAR',
  'POST /enrolment-requests/:number': 'O',
  'POST /devices/:device/replace': 'O',
  'GET /jobs': 'OAR',
  'GET /jobs/:job': 'OAR',
  'DELETE /jobs/:job': 'OAR',
  'POST /jobs/:job/end': 'OAR',
  'GET /openapi.json': 'OAR',
};
/** One route, decided by its body. */
const lock = 'PUT /groups/:group/policy/lock';
const lockRows = {
  certificates: 'O',
  identity: 'O',
  rotation: 'O',
  contacts: 'A',
  connection: 'A',
  reset: 'A',
  dateTime: 'A',
};
const letters: Readonly<Record<Role, string>> = { officer: 'O', administrator: 'A', auditor: 'R' };
const people = Object.keys(letters) as Role[];
/** Without a session. */
const open = ['GET /setup', 'POST /setup', 'POST /session'];

const split = (route: string): readonly [method: string, path: string] => {
  const [method = '', url = ''] = route.split(' ');
  return [method, url.replace(/:\w+/g, 'nowhere')];
};
/** No body of ours: whoever may is told that its shape is wrong, and nothing happens. */
const nonsense = { body: { nonsense: true } };
const refusedBy = ({ status, body }: Answered): boolean =>
  status === 403 && body.code === 'not-allowed' && Object.keys(body.facts).length === 0;

async function ask(page: Page, route: string, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
  const [method, path] = split(route);
  return page.ask(method, path, { ...(method === 'GET' ? {} : nonsense), headers });
}

async function withPeople(
  run: (pages: Readonly<Record<Role, Page>>, console: Console) => Promise<void>,
): Promise<void> {
  await withConsole(async (console) => {
    const pages: Partial<Record<Role, Page>> = {};
    for (const role of people) {
      const page = console.page();
      await addPerson(console, `one-${role}`, role);
      assert.is((await page.signIn(`one-${role}`, password)).status, 200);
      pages[role] = page;
    }
    await run(pages as Record<Role, Page>, console);
  });
}

test('every route has a row, and every row a route', () => {
  const routes = allAdminRoutes.map(({ method, url }) => `${method} ${url}`);
  assert.equal(routes.filter((route) => route !== lock).sort(), Object.keys(rows).sort());
  assert.is(new Set(routes).size, routes.length);
});

test('each role may do what its row says, and nothing else', () =>
  withPeople(async (pages) => {
    for (const [route, may] of Object.entries(rows))
      for (const role of people) {
        const answer = await ask(pages[role], route);
        assert.not.equal(answer.status, 401, `${role}: ${route}`);
        assert.not.equal(answer.body?.code, 'request-forged', `${role}: ${route}`);
        assert.is(!refusedBy(answer), may.includes(letters[role]), `${role}: ${route} ${answer.text.slice(0, 200)}`);
      }
    for (const [block, may] of Object.entries(lockRows))
      for (const role of people) {
        const [method, path] = split(lock);
        const answer = await pages[role].ask(method, path, { body: { block, enforced: true } });
        assert.is(!refusedBy(answer), may === letters[role], `${role}: lock ${block}`);
      }
  }));

test('a token may do what its role may, but makes no accounts and no tokens', () =>
  withConsole(async ({ world, page }) => {
    const bare = page();
    for (const role of people) {
      const giver = { actor: 'root', rights: allRights };
      const { token } = value(await addToken(world.server, giver, { name: role, roles: [role], days: 1 }));
      const headers = { authorization: `Bearer ${token}`, origin: '' };
      for (const [route, may] of Object.entries(rows)) {
        const beyond = /^(POST|PUT|DELETE) \/(accounts|tokens|setup-link)/.test(route);
        const answer = await ask(bare, route, headers);
        assert.is(!refusedBy(answer), may.includes(letters[role]) && !beyond, `${role}: ${route}`);
      }
    }
  }));

const everyRoute = [...allAdminRoutes, ...sessionRoutes].map(({ method, url }) => `${method} ${url}`);
const closed = everyRoute.filter((route) => !open.includes(route));
const changing = closed.filter((route) => !route.startsWith('GET '));

test('without a session, with one that is over, of a disabled account: nothing', () =>
  withPeople(async (pages, console) => {
    const refused = async (page: Page, why: string, headers: Readonly<Record<string, string>> = {}) => {
      for (const route of closed) {
        const { status, body } = await ask(page, route, headers);
        assert.equal([status, body.code], [401, 'session-needed'], `${why}: ${route}`);
      }
    };
    await refused(console.page(), 'nobody');
    await refused(console.page(), 'a made-up cookie', { cookie: `__Host-thintrust=${'a'.repeat(43)}` });
    const { db } = console.world.server;
    await db.updateTable('accounts').set({ disabled_at: 1 }).where('name', '=', 'one-officer').execute();
    await refused(pages.officer, 'disabled');
    console.world.time.now = instant(console.world.time.now + 30 * minuteMs);
    await refused(pages.administrator, 'over');
  }));

test('what changes something needs the token of its session and comes from this origin', () =>
  withPeople(async ({ officer, administrator }, { origin }) => {
    const refused = async (routes: readonly string[], why: string, headers: Readonly<Record<string, string>>) => {
      for (const route of routes) {
        const { status, body } = await ask(officer, route, headers);
        assert.equal([status, body.code], [403, 'request-forged'], `${why}: ${route}`);
      }
    };
    await refused(changing, 'no token', { 'x-csrf-token': '' });
    await refused(changing, 'of another session', { 'x-csrf-token': administrator.held.csrf });
    await refused(everyRoute, 'a foreign page', { origin: 'https://evil.example' });
    await refused(everyRoute, 'a foreign page', { 'sec-fetch-site': 'cross-site' });
    await refused(everyRoute, 'another port of this host', { origin: origin.replace(/\d+$/, '443') });
    assert.is((await officer.ask('GET', '/session')).status, 200);
  }));

test('a token that is none is refused everywhere, also beside a session', () =>
  withPeople(async ({ officer }) => {
    for (const authorization of [
      `Bearer tt_${'a'.repeat(43)}`,
      'Basic b2ZmaWNlcjpvZmZpY2Vy',
      'Bearer',
      'x'.repeat(5000),
    ])
      for (const route of closed.slice(0, 20)) {
        const { status, body } = await ask(officer, route, { authorization });
        assert.equal([status, body.code], [401, 'api-token-refused'], route);
      }
    const { status, body } = await ask(officer, 'GET /status', { authorization: `Bearer tt_${'b'.repeat(43)}` });
    assert.is(status, 401, body.code);
  }));
