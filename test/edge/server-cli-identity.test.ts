/** Identities on the command line of a running server: rules, list, renewal, deletion. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeKey, makeRequest } from '../../agent/edge/csr.ts';
import { readCertsOnly } from '../../agent/edge/enrol.ts';
import { toBase64, toPem } from '../../protocol/certificate.ts';
import type { CheckinAnswer } from '../../protocol/schema.ts';
import { authorityCommands } from '../../server/cli/authorities.ts';
import { parse } from '../../server/cli/command.ts';
import { identityCommands } from '../../server/cli/identity.ts';
import { policyCommands } from '../../server/cli/policy.ts';
import { fleetCommands } from '../../server/cli/remote.ts';
import { userCommands } from '../../server/cli/users.ts';
import { payloadOf, proofOf, report, value } from '../fakes/fleet-server.ts';
import { administer, type Ran, type RunningServer, startServer } from '../fakes/server-process.ts';
import { assert, table, test } from '../harness.ts';

const root = mkdtempSync(join(tmpdir(), 'thintrust-server-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const state = join(root, 'state');
/** The commands in this process; that the program runs them is asked once. */
async function ask(...words: string[]): Promise<Omit<Ran, 'code'> & { readonly code: number }> {
  const parsed = parse(
    [...fleetCommands, ...authorityCommands, ...identityCommands, ...policyCommands, ...userCommands],
    [...words, '--state', state],
    {},
  );
  if (parsed.at !== 'run') return { code: 2, out: '', err: parsed.text };
  const outcome = await parsed.command.run(parsed.words);
  if (outcome.ok === 'misused') return { code: 2, out: '', err: outcome.text };
  if (!outcome.ok) return { code: 1, out: '', err: outcome.fault.code };
  return { code: 0, out: parsed.words.json ? JSON.stringify(outcome.data) : outcome.text, err: '' };
}

let running: Promise<RunningServer> | null = null;
const server = (): Promise<RunningServer> => {
  running ??= startServer(state, ['--https-port', '0', '--mqtt-port', '0']);
  return running;
};

type Device = {
  readonly id: string;
  readonly chain: readonly Uint8Array[];
  readonly cert: string;
  readonly key: string;
};

async function post(
  path: string,
  body: string,
  more: object,
): Promise<{ readonly status: number; readonly body: string }> {
  const [host, port] = (await server()).https.split(':');
  const sent = request({ host, port, path, method: 'POST', rejectUnauthorized: false, agent: false, ...more });
  sent.end(body);
  const [answer] = await once(sent, 'response');
  let text = '';
  for await (const part of answer) text += part;
  return { status: answer.statusCode, body: text };
}

/** Enrolled, or renewed where `with` is an identity. */
async function identity(
  path: string,
  subject: string,
  more: { readonly cert?: string; readonly key?: string; readonly auth?: string },
) {
  const key = makeKey();
  const headers = { 'Content-Type': 'application/pkcs10' };
  const { status, body } = await post(`/.well-known/est/${path}`, toBase64(makeRequest(key, subject)), {
    ...more,
    headers,
  });
  assert.is(status, 200, body);
  const chain = value(readCertsOnly(Buffer.from(body)));
  const pem = { cert: chain.map((der) => toPem(der)).join(''), key: toPem(key, 'PRIVATE KEY') };
  return { ...pem, chain, id: proofOf(chain).commonName } satisfies Device;
}

async function registered(name: string): Promise<Device> {
  const { invitation, password } = JSON.parse((await ask('invite', '--name', name, '--json')).out);
  const device = await identity('simpleenroll', 'hardware', { auth: `${invitation}:${password}` });
  assert.is((await post('/v1/bundle/confirm', '{}', device)).status, 204);
  return device;
}

async function checkIn({ id, cert, key }: Device): Promise<CheckinAnswer | string> {
  const body = { format: 1, nonce: '0'.repeat(32), report: report(id), events: [] };
  const answer = await post('/v1/checkin', JSON.stringify(body), { cert, key });
  return answer.status === 200 ? JSON.parse(answer.body) : JSON.parse(answer.body).code;
}
const line = async (name: string): Promise<string> =>
  new RegExp(`^${name} .*$`, 'm').exec((await ask('identities')).out)?.[0] ?? '';

test('an identity from its rules to its deletion', async () => {
  await server();
  assert.match((await ask('identity', 'rules')).out, /^Validity \(days\) +365$/m);
  assert.is((await ask('identity', 'rules', '--validity', '100')).code, 0);
  assert.match((await ask('identity', 'rules')).out, /^Validity \(days\) +100$/m);
  const words = ['--automatic', 'off', '--password-length', '16', '--renew-before', '7'];
  assert.match(
    (await ask('identity', 'rules', ...words)).out,
    /before end \(days\) +7\n.+renewal +off\n.+length +16$/m,
  );
  assert.is((await ask('identities')).out, 'None.\n');
  const device = await registered('kiosk');
  const { serial, fingerprint } = proofOf(device.chain);
  assert.match(await line('kiosk'), new RegExp(`^kiosk +Valid +\\S+Z +\\S+Z +\\S+Z +yes +${serial} +${fingerprint}$`));
  assert.is((await ask('identity', 'renew', 'kiosk')).code, 0);
  assert.match(await line('kiosk'), /Renewal requested/);
  const answer = await checkIn(device);
  const [command = ''] = typeof answer === 'string' ? [] : answer.commands;
  assert.equal(payloadOf(command)['command'], { do: 'renew' });
  const next = await identity('simplereenroll', device.id, device);
  assert.is(typeof (await checkIn(next)), 'object');
  const rows = JSON.parse((await ask('identities', '--json')).out);
  assert.equal(
    rows.map(({ status, thumbprint }: { readonly status: string; readonly thumbprint: string }) => [
      status,
      thumbprint,
    ]),
    [
      ['superseded', fingerprint],
      ['renewed', proofOf(next.chain).fingerprint],
    ],
  );
  assert.match((await ask('identities')).out, /Certificate renewed/);
  assert.is((await ask('identity', 'delete', 'kiosk')).out, 'Removed.\n');
  assert.is((await ask('identities')).out, 'None.\n');
  assert.match((await ask('devices')).out, /^kiosk .*Inactive/m);
  assert.is(await checkIn(next), 'identity-refused');
  assert.is((await ask('identity', 'renew', 'kiosk')).code, 1);
});

test('a user, a device registered by it, a password for an installation, and the end of the user', async () => {
  await server();
  const added = await ask('users', 'add', 'Anna@corp.example', '--full-name', 'Anna K', '--devices', '2');
  const password = /^Password of anna@corp\.example \(shown once\):\n(\S{14})\n$/.exec(added.out)?.[1] ?? '';
  assert.is(added.code, 0, added.err);
  const device = await identity('simpleenroll', 'hardware', { auth: `CORP\\anna:${password}` });
  assert.match((await ask('users', 'list')).out, /^anna@corp\.example +Anna K +unassigned +1\/2 /m);
  assert.is((await ask('identity', 'rules', '--prompt-password', 'on')).code, 0);
  const shown = (await ask('invite', '--user', 'anna')).out;
  assert.match(shown, /typed behind the own password.+\n\n(.+\n)+User +anna@corp\.example\nOne-time password +\S+$/m);
  const once = /password +(\S+)$/m.exec(shown)?.[1] ?? '';
  const second = await identity('simpleenroll', 'hardware', { auth: `anna:${password} ${once}` });
  assert.is.not(second.id, device.id);
  assert.is((await ask('identity', 'rules', '--prompt-password', 'off')).code, 0);
  assert.match((await ask('users', 'set-password', 'anna')).out, /^Password of /);
  assert.is((await ask('users', 'remove', 'anna')).out, 'Removed.\n');
  assert.is((await ask('users', 'list')).out, 'None.\n');
  for (const { id } of [device, second]) assert.is((await ask('device', 'remove', id)).code, 0);
});

test('our authority of identities gives way to a next one', async () => {
  await server();
  const before = await registered('before');
  assert.match((await ask('authority', 'show')).out, /^Role +Key .+\nissues +EC P-256 .+\n\nNot renewed yet +none$/m);
  const made = await ask('authority', 'rollover', '--key', 'rsa-3072');
  assert.match(made.out, /^next +RSA 3072 /m);
  assert.match(made.out, /Copy the recovery kit away again/);
  assert.is((await ask('authority', 'rollover')).err, 'already-exists');
  const rolled = (await ask('authority', 'rollover', '--activate', '--days', '3')).out;
  assert.match(rolled, /^former +EC P-256 .+\n\nNot renewed yet +1: before\nRenewed by +\S+Z$/m);
  assert.is((await ask('authority', 'rollover', '--retire')).err, 'identities-not-renewed');
  const told = await administer(['authority', 'rollover', '--retire'], { state });
  assert.match(told.err, /Devices still use an identity of the former authority: 1 \(before\)\. /);
  assert.is((await ask('identity', 'renew', 'before')).code, 0);
  const after = await identity('simplereenroll', before.id, before);
  assert.is(typeof (await checkIn(after)), 'object');
  assert.match(
    (await ask('authority', 'rollover', '--retire')).out,
    /^retired +EC P-256 .+\n\nNot renewed yet +none$/m,
  );
  assert.match((await ask('authority', 'rollover', '--now')).out, /Not renewed yet +1: before$/m);
  assert.is(typeof (await checkIn(after)), 'object', 'on record');
  assert.is((await ask('device', 'remove', 'before')).code, 0);
});

test('the program knows the commands', async () => {
  await server();
  assert.is((await administer(['users', 'list'], { state })).out, 'None.\n');
  assert.match((await administer(['identity', 'rules'], { state })).out, /^Validity \(days\) +100$/m);
});

test('when a group renews', async () => {
  await server();
  assert.is((await ask('group', 'add', 'Office')).code, 0);
  const shown = async () => /^Renew before end +(.*)$/m.exec((await ask('policy', 'show', 'Office')).out)?.[1];
  for (const [given, says] of [
    ['45', '45 days'],
    ['blank', 'blank (60 days)'],
    ['default', 'default (as identity rules)'],
  ] as const) {
    assert.is((await ask('policy', 'set-identity', 'Office', '--renew-before', given)).code, 0);
    assert.is(await shown(), says);
  }
  assert.is((await ask('policy', 'lock', 'Office', 'identity')).code, 0);
  assert.match((await ask('policy', 'show', 'Office')).out, /^Locked +identity$/m);
});

table(
  'what is not understood',
  [
    {
      name: '0 days before',
      words: ['policy', 'set-identity', 'Office', '--renew-before', '0'],
      code: 2,
      says: /1 to 60, blank/,
    },
    {
      name: '61 days before',
      words: ['policy', 'set-identity', 'Office', '--renew-before', '61'],
      code: 2,
      says: /1 to 60, blank/,
    },
    { name: 'no days at all', words: ['policy', 'set-identity', 'Office'], code: 2, says: /--renew-before is missing/ },
    { name: 'a validity of 398 days', words: ['identity', 'rules', '--validity', '398'], code: 2, says: /1 to 397/ },
    { name: 'seven letters', words: ['identity', 'rules', '--password-length', '7'], code: 2, says: /8 to 16/ },
    { name: 'half automatic', words: ['identity', 'rules', '--automatic', 'half'], code: 2, says: /on, off/ },
    { name: 'two steps', words: ['authority', 'rollover', '--now', '--retire'], code: 2, says: /One step at a time/ },
    { name: 'a key there is not', words: ['authority', 'rollover', '--key', 'dsa'], code: 2, says: /ec-p256/ },
    {
      name: '91 days ahead',
      words: ['authority', 'rollover', '--activate', '--days', '91'],
      code: 2,
      says: /1 to 90/,
    },
    { name: 'no device', words: ['identity', 'renew', 'nobody'], code: 1, says: /not-found/ },
    { name: 'nothing to delete', words: ['identity', 'delete', 'nobody'], code: 1, says: /not-found/ },
  ],
  async ({ words, code, says }) => {
    await server();
    const ran = await ask(...words);
    assert.is(ran.code, code);
    assert.match(ran.err, says);
  },
);

test('the server stops', async () => {
  assert.is(await (await server()).stop(), 0);
});
