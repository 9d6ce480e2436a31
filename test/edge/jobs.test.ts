/** Long work: ordered, left, looked at, ended, and gone on with after a restart. Over real HTTPS and a real database. */
import { bad, good } from '../../protocol/fault.ts';
import { dayMs, instant } from '../../protocol/time.ts';
import type { Imported } from '../../server/api/onboarding.ts';
import { allAdminRoutes } from '../../server/edge/admin-door.ts';
import type { Work } from '../../server/edge/admin-route.ts';
import { makeJobs } from '../../server/edge/job-runner.ts';
import { endJob } from '../../server/edge/jobs.ts';
import { tick } from '../../server/edge/upkeep.ts';
import { auditOf, type FleetServer } from '../fakes/fleet-server.ts';
import { addPerson, type Console, type Page, password, withConsole } from '../fakes/web-client.ts';
import { assert, test } from '../harness.ts';

type Begin = Work['begin'];

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `c${index}`);

/** VPN certificates that are of no device, in use. */
async function addCertificates({ server }: FleetServer, ids: readonly string[]): Promise<void> {
  const row = { type: 'vpn', kind: 'thin-client', protocol: 'agent', source: 'server', status: 'valid' } as const;
  const more = { device_id: null, device_name: '', user_id: null, user_name: '', search: '', renewal_disabled: 0 };
  const dates = { status_at: 1, issued_at: 1, not_after: server.clock() + dayMs, thumbprint: null };
  for (let first = 0; first < ids.length; first += 500) {
    const some = ids.slice(first, first + 500);
    const rows = some.map((id) => ({ ...row, ...more, ...dates, id, alias: id }));
    await server.db.insertInto('certificates').values(rows).execute();
  }
}

const count = async ({ server }: FleetServer, status: 'valid' | 'renewal-asked') =>
  (await server.db.selectFrom('certificates').select('id').where('status', '=', status).execute()).length;

async function signIn(console: Console, name: string, ...roles: Parameters<typeof addPerson>[2][]): Promise<Page> {
  await addPerson(console, name, ...roles);
  const page = console.page();
  assert.is((await page.signIn(name, password)).status, 200);
  return page;
}

/** As it is when it is through. */
async function through(page: Page, location: unknown) {
  for (;;) {
    const { status, body } = await page.ask('GET', String(location).replace('/api/v1', ''));
    assert.is(status, 200);
    if (body.finishedAt !== null) return body;
  }
}

test('ordered with background=1: answered at once, done by itself, the answer is told to who ordered it', () =>
  withConsole(async (console) => {
    const { world } = console;
    const [olga, other] = [await signIn(console, 'olga', 'officer'), await signIn(console, 'other', 'officer')];
    await addCertificates(world, names(30));
    const body = { ids: [...names(30), 'nowhere', 'c3'] };
    const ordered = await olga.ask('POST', '/certificates/renew?background=1', { body });
    assert.is(ordered.status, 202, ordered.text);
    const { job } = ordered.body;
    assert.is(ordered.headers['location'], `/api/v1/jobs/${job.id}`);
    assert.equal([job.kind, job.actor, job.total], ['certificates/renew', 'olga', 31]);
    const done = await through(olga, ordered.headers['location']);
    assert.equal([done.state, done.done, done.refused, done.fault], ['done', 30, 1, null]);
    assert.equal(done.answer, {
      done: names(30),
      refused: [{ id: 'nowhere', fault: { code: 'not-found', kind: 'rejected', facts: { what: 'nowhere' } } }],
    });
    assert.is(await count(world, 'renewal-asked'), 30);
    const seen = (await other.ask('GET', `/jobs/${job.id}`)).body;
    assert.equal([seen.done, seen.refused, seen.answer], [30, 1, null]);
    const { body: mine } = await olga.ask('GET', '/jobs?by=olga&state=done');
    assert.equal([mine.total, mine.rows[0].id], [1, job.id]);
    assert.is((await olga.ask('GET', '/jobs?by=other')).body.total, 0);
    assert.equal(
      (await auditOf(world)).filter((action) => action.startsWith('job-')),
      ['job-finished', 'job-ordered'],
    );

    world.time.now = instant(world.time.now + dayMs + 1);
    await tick(world.server);
    await olga.signIn('olga', password);
    assert.is((await olga.ask('GET', `/jobs/${job.id}`)).status, 404, 'a day later');
  }));

test('Prefer: respond-async (RFC 7240); more than a thousand without being asked; an order that is wrong at once', () =>
  withConsole(async (console) => {
    const olga = await signIn(console, 'olga', 'officer');
    const headers = { prefer: 'wait=10, respond-async' };
    const body = { csv: 'name\none\ntwo\n' };
    const ordered = await olga.ask('POST', '/invitations/import', { headers, body });
    assert.equal([ordered.status, ordered.headers['preference-applied']], [202, 'respond-async']);
    const answer = (await through(olga, ordered.headers['location'])).answer as Imported;
    assert.equal(
      answer.rows.map(({ name }) => name),
      ['one', 'two'],
    );
    assert.match(answer.csv, /^name,group,invitation,password,address,fingerprint\r\none,Unassigned,/);

    const wrong = await olga.ask('POST', '/invitations/import', { headers, body: { csv: 'name\none\none\n' } });
    assert.equal([wrong.status, wrong.body.code], [400, 'csv-row']);
    const alias = await olga.ask('POST', '/certificates/alias?background=1', { body: { ids: ['x'], alias: '.' } });
    assert.equal([alias.status, alias.body.code], [400, 'bad-argument']);
    assert.is((await olga.ask('POST', '/certificates/renew?background=2', { body: { ids: ['x'] } })).status, 400);

    const many = await olga.ask('POST', '/certificates/renew', { body: { ids: names(1001) } });
    assert.is(many.status, 202);
    assert.is((await through(olga, many.headers['location'])).refused, 1001);
    assert.is((await olga.ask('POST', '/certificates/renew', { body: { ids: names(1000) } })).status, 200);
  }));

test('issuing to many: what is refused of one leaves the others done', () =>
  withConsole(async (console) => {
    const anna = await signIn(console, 'anna', 'officer', 'administrator');
    for (const name of ['ivan', 'petr']) assert.is((await anna.ask('POST', '/users', { body: { name } })).status, 200);
    const body = {
      type: 'mobile',
      kind: 'thin-client',
      source: 'server',
      authentication: 'password',
      users: ['ivan', 'nobody', 'petr'],
    };
    const ordered = await anna.ask('POST', '/certificates/issue?background=1', { body });
    assert.is(ordered.status, 202, ordered.text);
    const { answer } = await through(anna, ordered.headers['location']);
    assert.equal(
      answer.results.map((each: { readonly user: string }) => each.user),
      ['ivan', 'petr'],
    );
    assert.equal(
      answer.refused.map((each: { readonly name: string }) => each.name),
      ['nobody'],
    );
  }));

test('ended on the way: the rest is left as it is; who could not order it cannot end it', () =>
  withConsole(async (console) => {
    const { world } = console;
    const [olga, other] = [await signIn(console, 'olga', 'officer'), await signIn(console, 'other', 'officer')];
    const auditor = await signIn(console, 'auditor', 'auditor');
    await addCertificates(world, names(2000));
    const ordered = await olga.ask('POST', '/certificates/renew', { body: { ids: names(2000) } });
    const path = `/jobs/${ordered.body.job.id}`;
    assert.equal((await auditor.ask('POST', `${path}/end`)).body.code, 'not-allowed');
    assert.equal((await olga.ask('DELETE', path)).body.code, 'busy', 'what is not over is not forgotten');
    assert.is((await other.ask('POST', `${path}/end`)).status, 200);
    const { state, done, answer } = await through(olga, path);
    assert.is(state, 'ended');
    assert.ok(done < 2000, `${done}`);
    assert.is(await count(world, 'renewal-asked'), done);
    assert.equal(answer, done === 0 ? null : { done: names(done), refused: [] });
    assert.is((await auditor.ask('DELETE', path)).status, 403);
    assert.is((await other.ask('POST', `${path}/end`)).status, 200);
    assert.is((await olga.ask('GET', path)).status, 200, 'ended too late: its outcome is still there');
    assert.is((await olga.ask('DELETE', path)).status, 200, 'what is over can be forgotten');
    assert.is((await olga.ask('GET', path)).status, 404);
  }));

test('a server that stops goes on where it was; each is done once; what it cannot read any more is broken', () =>
  withConsole(async (console) => {
    const { world } = console;
    const olga = await signIn(console, 'olga', 'officer');
    await addCertificates(world, names(300));
    const { server } = world;
    const runner = makeJobs(server, world.publish, allAdminRoutes);
    await runner.close();
    // Nobody works on it: the order lies there as after a stop.
    let asked = 0;
    const works = allAdminRoutes.map((route) =>
      route.url === '/certificates/renew' && route.work
        ? { ...route, work: { ...route.work, begin: slowly(route.work.begin, () => ++asked === 100) } }
        : route,
    );
    function slowly(
      begin: NonNullable<(typeof allAdminRoutes)[number]['work']>['begin'],
      stop: () => boolean,
    ): typeof begin {
      return async (...given) => {
        const act = await begin(...given);
        if (!act.ok) return act;
        return {
          ok: true,
          value: async (item, within) => {
            const result = await act.value(item, within);
            if (stop()) void first.close();
            return result;
          },
        };
      };
    }
    const first = makeJobs(server, world.publish, works);
    await insertJob(world, { ids: names(300) }, 'certificates/renew', 300);
    first.kick();
    while (asked < 100) await new Promise(setImmediate);
    await first.close();
    const stopped = (await olga.ask('GET', '/jobs/job')).body;
    assert.equal([stopped.state, stopped.done < 300], ['running', true]);
    assert.is(await count(world, 'renewal-asked'), stopped.done);
    await insertJob(world, {}, 'certificates/of-a-later-release', 5, 'later');
    await insertJob(world, {}, 'certificates/renew', 5, 'another-key');
    await server.db.updateTable('jobs').set({ sealed: '' }).where('id', '=', 'another-key').execute();
    const again = makeJobs(server, world.publish, allAdminRoutes);
    again.kick();
    assert.equal((await through(olga, '/jobs/job')).done, 300);
    for (const [id, code] of [
      ['later', 'unknown-version'],
      ['another-key', 'bad-shape'],
    ]) {
      const { state, fault } = await through(olga, `/jobs/${id}`);
      assert.equal([state, fault.code], ['broken', code]);
    }
    await again.close();
    const renewed = (await auditOf(world)).filter((action) => action === 'corporate-renewal-asked');
    assert.is(renewed.length, 300);
  }));

/** One kind of work is begun in another way. */
const begunBy = (kind: string, begin: (usual: Begin) => Begin) =>
  allAdminRoutes.map((route) =>
    route.url === `/${kind}` && route.work
      ? { ...route, work: { ...route.work, begin: begin(route.work.begin) } }
      : route,
  );

test('what cannot begin just now, as while another file with a key is read, begins later', () =>
  withConsole(async (console) => {
    const { world } = console;
    const olga = await signIn(console, 'olga', 'officer');
    await addCertificates(world, names(3));
    let asked = 0;
    const busyAtFirst = begunBy(
      'certificates/renew',
      (usual) =>
        async (...given) =>
          ++asked === 1 ? bad('busy') : usual(...given),
    );
    await insertJob(world, { ids: names(3) }, 'certificates/renew', 3);
    const runner = makeJobs(world.server, world.publish, busyAtFirst);
    runner.kick();
    const { state, done, fault } = await through(olga, '/jobs/job');
    assert.equal([state, done, fault, asked], ['done', 3, null, 2]);
    await runner.close();
  }));

/** Issues to users until the second of them was done, and not yet recorded. */
function stoppedAtSecond(stop: (user: string) => Promise<void>) {
  let tried = 0;
  return begunBy('certificates/issue', (usual) => async (...given) => {
    const act = await usual(...given);
    if (!act.ok) return act;
    return good(async (item, within) => {
      const result = await act.value(item, within);
      if (++tried === 2) await stop(item);
      return result;
    });
  });
}

test('one-time passwords that were made before it was ended or broke are told to who ordered it, and to nobody else', () =>
  withConsole(async (console) => {
    const { world } = console;
    const { db } = world.server;
    const olga = await signIn(console, 'olga', 'officer', 'administrator');
    const other = await signIn(console, 'other', 'officer');
    const users = ['anna', 'ivan', 'petr', 'vera'];
    for (const name of users) assert.is((await olga.ask('POST', '/users', { body: { name } })).status, 200);
    const order = { type: 'mobile', kind: 'thin-client', source: 'server', authentication: 'password', users };
    // Not over HTTPS: the console of this test has a runner of its own, which would be woken.
    const end = async (id: string) =>
      assert.ok((await endJob(world.server, { actor: 'olga', rights: new Set() }, id, () => null)).ok);
    const passwordsOf = async (path: string) => {
      const { state, done, answer, fault } = await through(olga, path);
      assert.is((await other.ask('GET', path)).body.answer, null);
      const row = JSON.stringify(await db.selectFrom('jobs').selectAll().execute());
      for (const { password: made } of answer.results) assert.ok(/^[a-z0-9-]{8,}$/i.test(made) && !row.includes(made));
      assert.equal(await db.selectFrom('job_results').selectAll().execute(), []);
      return [state, done, answer.results.map((each: { readonly user: string }) => each.user), fault?.code ?? null];
    };

    await insertJob(world, order, 'certificates/issue', 4);
    const ended = makeJobs(
      world.server,
      world.publish,
      stoppedAtSecond(async () => {
        await end('job');
        await end('job');
        assert.equal((await olga.ask('GET', '/jobs/job')).body.state, 'ending');
      }),
    );
    ended.kick();
    assert.equal(await passwordsOf('/jobs/job'), ['ended', 2, ['anna', 'ivan'], null]);
    await ended.close();

    // Stopped, and what it would go on with is not possible any more.
    await insertJob(world, order, 'certificates/issue', 4, 'broken');
    const stopping = makeJobs(
      world.server,
      world.publish,
      stoppedAtSecond(async () => void stopping.close()),
    );
    stopping.kick();
    while ((await olga.ask('GET', '/jobs/broken')).body.done < 2);
    await stopping.close();
    const broken = makeJobs(
      world.server,
      world.publish,
      begunBy('certificates/issue', () => async () => bad('mail-off')),
    );
    broken.kick();
    assert.equal(await passwordsOf('/jobs/broken'), ['broken', 2, ['anna', 'ivan'], 'mail-off']);
    await broken.close();

    // Ended while the server was stopping: found at the next start.
    await insertJob(world, order, 'certificates/issue', 4, 'cut');
    const cut = makeJobs(
      world.server,
      world.publish,
      stoppedAtSecond(async () => {
        void cut.close();
        await end('cut');
      }),
    );
    cut.kick();
    while ((await olga.ask('GET', '/jobs/cut')).body.state !== 'ending');
    await cut.close();
    assert.is((await olga.ask('GET', '/jobs/cut')).body.finishedAt, null);
    const next = makeJobs(world.server, world.publish, allAdminRoutes);
    next.kick();
    assert.equal(await passwordsOf('/jobs/cut'), ['ended', 2, ['anna', 'ivan'], null]);
    await next.close();
  }));

test('ended while it begins: nothing of it is done', () =>
  withConsole(async (console) => {
    const { world } = console;
    const olga = await signIn(console, 'olga', 'officer');
    await addCertificates(world, names(3));
    const endedMeanwhile = begunBy('certificates/delete', (usual) => async (...given) => {
      assert.is((await olga.ask('POST', '/jobs/job/end')).status, 200);
      return usual(...given);
    });
    await insertJob(world, { ids: names(3) }, 'certificates/delete', 3);
    const runner = makeJobs(world.server, world.publish, endedMeanwhile);
    runner.kick();
    assert.is((await through(olga, '/jobs/job')).state, 'ended');
    await runner.close();
    assert.is(await count(world, 'valid'), 3);
    assert.is((await olga.ask('GET', '/jobs/job')).body.state, 'ended');
  }));

test('what is ordered and what it came to lies sealed; no more than twenty wait', () =>
  withConsole(async (console) => {
    const { world } = console;
    const olga = await signIn(console, 'olga', 'officer');
    const body = { csv: 'name\nsecret-device\n' };
    const ordered = await olga.ask('POST', '/invitations/import?background=1', { body });
    const { answer } = await through(olga, ordered.headers['location']);
    const [row] = await world.server.db.selectFrom('jobs').selectAll().execute();
    assert.equal(row?.sealed, '', 'the order is of no more use');
    assert.ok(!JSON.stringify(row).includes(answer.rows[0].password));
    assert.equal(await world.server.db.selectFrom('job_results').selectAll().execute(), []);
    for (let each = 0; each < 20; each++) await insertJob(world, {}, 'x', 1, `w${each}`);
    const refused = await olga.ask('POST', '/invitations/import?background=1', { body });
    assert.equal([refused.status, refused.body.code], [429, 'busy']);
  }));

async function insertJob(
  { server }: FleetServer,
  body: object,
  kind: string,
  total: number,
  id = 'job',
): Promise<void> {
  const { seal } = await import('../../server/edge/seal.ts');
  const sealed = seal(server.keys.master, Buffer.from(JSON.stringify(body)));
  const row = { id, kind, actor: 'olga', sealed, answer: null, fault: null, state: 'waiting', total } as const;
  const rest = { done: 0, refused: 0, made_at: 1, started_at: null, finished_at: null };
  await server.db
    .insertInto('jobs')
    .values({ ...row, ...rest })
    .execute();
}
