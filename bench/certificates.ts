/** The list of certificates at the administration API: 100,000 rows sorted, filtered, searched and paged, beside one row by its id. */
import { request } from 'node:http';
import { join } from 'node:path';
import { sql } from 'kysely';
import { serveAdmin } from '../server/edge/admin-http.ts';
import type { Server } from '../server/edge/context.ts';
import { withFleet } from '../test/fakes/fleet-server.ts';
import type { Row } from './row.ts';

const rows = 100_000;
const goalMs = 100;
const tries = 7;
const questions: readonly (readonly [string, string])[] = [
  ['by end, first page', 'sort=notAfter'],
  ['by user, last page', `sort=user&order=desc&offset=${rows - 50}`],
  ['by status, of one type, from the middle', `sort=status&type=vpn&offset=${Math.floor(rows / 6)}`],
  ['by alias, of one status and source', 'sort=alias&status=valid&source=uploaded'],
  ['of a rare status, by device', 'sort=device&status=retired'],
  ['a word that one has', 'q=station-77777'],
  ['a word that many have, by end', 'q=station-7&sort=notAfter'],
  ['a word that nobody has', 'q=nobody'],
  ['by latest update, ends before', 'sort=since&order=desc&endsBefore=1790000000000'],
];

export async function benchCertificates(): Promise<Row[]> {
  const found: Row[] = [];
  await withFleet(async ({ server, directory, publish }) => {
    await fill(server);
    const socket = join(directory, 'bench.sock');
    const admin = await serveAdmin(server, publish, socket);
    const { best: floor } = await measure(socket, '/api/v1/certificates/certificate-50000', tries);
    for (const [what, query] of questions) {
      const { best, usual, worst, total } = await measure(socket, `/api/v1/certificates?limit=50&${query}`, tries);
      found.push({
        what: `certificates, ${rows} of them: ${what} (${total})`,
        figure: `${usual.toFixed(0)} ms (${best.toFixed(0)} to ${worst.toFixed(0)})`,
        floor: `${floor.toFixed(1)} ms, one by its id`,
        goal: `<= ${goalMs} ms`,
        met: usual <= goalMs,
      });
    }
    await admin.close();
  });
  return found;
}

async function measure(socketPath: string, path: string, times: number) {
  // The first opens the connection and compiles the statement.
  let total = await ask(socketPath, path);
  const figures: number[] = [];
  for (let count = 0; count < times; count += 1) {
    const started = performance.now();
    total = await ask(socketPath, path);
    figures.push(performance.now() - started);
  }
  figures.sort((a, b) => a - b);
  const [best = 0, usual = 0, worst = 0] = [figures[0], figures[Math.floor(times / 2)], figures[times - 1]];
  return { best, usual, worst, total };
}

const ask = (socketPath: string, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const call = request({ socketPath, path }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => {
        if (answer.statusCode !== 200) return reject(new Error(`${path}: ${answer.statusCode}`));
        resolve((JSON.parse(Buffer.concat(parts).toString()) as { total?: number }).total ?? 1);
      });
    });
    call.on('error', reject);
    call.end();
  });

async function fill({ db }: Server): Promise<void> {
  const series = sql`with recursive series (i) as (select 0 union all select i + 1 from series where i < ${rows - 1})`;
  await sql`insert into devices (id, name, hardware_id, group_id, secret_generation, locator, presence, created_at)
    ${series} select 'device-' || i, 'STATION-' || i, '', (select id from groups limit 1), 1, '', 'offline', 0 from series`.execute(
    db,
  );
  await sql`insert into certificates (id, type, kind, device_id, device_name, user_id, user_name, alias, status, status_at,
      protocol, source, issued_at, not_after, thumbprint, renewal_disabled, search)
    ${series} select 'certificate-' || i, case i % 3 when 0 then 'mobile' when 1 then 'vpn' else 'mail' end, 'thin-client',
      'device-' || i, 'STATION-' || i, null, 'user' || (i * 7919 % 30011) || '@example.com',
      case i % 3 when 0 then '' else 'office ' || (i % 17) end,
      case when i % 5003 = 0 then 'retired' when i % 11 = 0 then 'expired' when i % 7 = 0 then 'renewed' else 'valid' end,
      1780000000000 + (i * 104729 % 100003) * 60000, 'agent', case when i % 4 = 1 then 'uploaded' else 'server' end,
      1770000000000 + i, 1780000000000 + (i * 15485863 % 100003) * 300000,
      lower(hex(randomblob(32))), 0,
      'station-' || i || char(10) || 'user' || (i * 7919 % 30011) || '@example.com'
      from series`.execute(db);
}
