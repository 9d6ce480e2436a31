/** The support bundle: what is in it, with and without the daemon, and what never is. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openControl } from '../../agent/edge/control.ts';
import { openDisk } from '../../agent/edge/disk.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { listenOnPath } from '../../agent/edge/sockets.ts';
import type { Status } from '../../protocol/local.ts';
import { nothingKept } from '../fakes/control.ts';
import { quiet } from '../fakes/status.ts';
import { assert, test } from '../harness.ts';
import { counters } from './state-directory.ts';

const program = fileURLToPath(new URL('../../agent/cli/main.ts', import.meta.url));
const status: Status = {
  version: '1',
  at: 'unregistered',
  device: null,
  server: null,
  link: { at: 'idle', since: 0, retryInMs: null, fault: null },
  clock: { at: 'known', now: 0, floor: 0 },
  policy: null,
  replacement: null,
  contacts: null,
  certificates: [],
  ...quiet,
  faults: [],
};

type Device = { readonly state: string; readonly runtime: string; readonly secrets: readonly Buffer[] };

/** A state directory with everything that must stay in it: in `state.json`, in its keys, in what a reset left behind. */
async function onDevice(run: (device: Device) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'thintrust-diagnose-'));
  const [state, runtime] = [join(folder, 'state'), join(folder, 'run')];
  const deviceSecret = randomBytes(32);
  const password = `K7Q2-${randomBytes(8).toString('hex')}`;
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const scalar = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url');
  try {
    const disk = await openDisk(state, realFiles);
    const ref = await disk.writeKey(pkcs8);
    assert.ok(ref.ok);
    const content = { deviceSecretHex: deviceSecret.toString('hex'), order: { password } };
    const keys = ref.ok ? [ref.value] : [];
    for (const number of [1, 2])
      await disk.persist(
        number,
        [{ name: 'state.json', bytes: Buffer.from(JSON.stringify({ number, ...content })) }],
        keys,
      );
    await disk.count(counters(5));
    await run({ state, runtime, secrets: [deviceSecret, Buffer.from(password), pkcs8, scalar] });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function diagnose(
  { state, runtime }: Device,
  ...args: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env['PATH'], LANG: 'C.UTF-8', TZ: 'UTC' };
  const all = [program, 'diagnose', '--state', state, '--runtime', runtime, ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, all, { env }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

/** Any eight bytes of a secret in a row, in the spellings a text may have. */
function leaks(text: string, secrets: readonly Buffer[]): readonly string[] {
  const lower = text.toLowerCase();
  return secrets.flatMap((secret) =>
    Array.from({ length: secret.length - 7 }, (_, at) => secret.subarray(at, at + 8)).flatMap((piece) =>
      [
        lower.includes(piece.toString('hex')) && piece.toString('hex'),
        text.includes(piece.toString('latin1')) && piece.toString('latin1'),
        text.includes(piece.toString('base64').slice(0, 10)) && piece.toString('base64'),
        text.includes(piece.toString('base64url').slice(0, 10)) && piece.toString('base64url'),
      ].filter((found) => found !== false),
    ),
  );
}

test('without the daemon: versions, platform, clock, generations with digests, and not a byte of a secret', () =>
  onDevice(async (device) => {
    const { code, out, err } = await diagnose(device);
    assert.equal([code, err], [0, '']);
    const bundle = JSON.parse(out);
    assert.equal(Object.keys(bundle), [
      'format',
      'versions',
      'platform',
      'clock',
      'status',
      'events',
      'generations',
      'trust',
    ]);
    assert.is(bundle.status.fault.code, 'daemon-not-running');
    assert.is(bundle.generations.current, 2);
    assert.equal(
      bundle.generations.listed.map((one: { number: number; fault: unknown; keys: number }) => [
        one.number,
        one.fault,
        one.keys,
      ]),
      [
        [2, null, 1],
        [1, null, 1],
      ],
    );
    assert.equal(leaks(out, device.secrets), []);
  }));

test('the search for leaks finds one', () =>
  onDevice(async ({ state, secrets }) => {
    const names = readdirSync(join(state, 'objects'));
    const object = readFileSync(join(state, 'objects', names[0] ?? ''), 'latin1');
    assert.ok(leaks(object, secrets).length > 0);
    assert.ok(leaks((secrets[2] ?? Buffer.of()).toString('base64'), secrets.slice(2, 3)).length > 0);
  }));

test('with the daemon: its status and its events; the faults of a damaged generation; nothing is changed', () =>
  onDevice(async (device) => {
    const control = await openControl({
      sockets: [{ ...listenOnPath(join(device.runtime, 'read.sock')), right: 'read' }],
      ...nothingKept(),
      log: async () => ({ records: [{ seq: 1, at: 0, severity: 'info', component: 'a', text: 'b' }], more: false }),
      emit: () => {},
    });
    control.show(status);
    appendFileSync(join(device.state, 'generations', '2.json'), 'x');
    const before = snapshot(device.state);
    const { out } = await diagnose(device, '--json').finally(() => control.close());
    const bundle = JSON.parse(out);
    assert.equal(bundle.status, status);
    assert.is(bundle.events.records[0].text, 'b');
    assert.is(bundle.generations.listed[0].fault.code, 'generation-damaged');
    assert.equal(leaks(out, device.secrets), []);
    assert.equal(snapshot(device.state), before);
  }));

test('into a file of our own; one that is there is not overwritten', () =>
  onDevice(async (device) => {
    const file = join(device.state, '..', 'bundle.json');
    const { code, out } = await diagnose(device, file);
    assert.equal([code, out.includes('no keys, passwords or secrets')], [0, true]);
    assert.is(statSync(file).mode & 0o777, 0o600);
    assert.is(JSON.parse(readFileSync(file, 'utf8')).format, 1);
    writeFileSync(file, 'mine');
    const again = await diagnose(device, file);
    assert.is(again.code, 1);
    assert.match(again.err, /already one by this name/);
    assert.is(readFileSync(file, 'utf8'), 'mine');
  }));

test('of a device without any state: why not, for each part', async () => {
  const nowhere = join(tmpdir(), 'thintrust-nowhere');
  const { code, out } = await diagnose({ state: nowhere, runtime: nowhere, secrets: [] });
  const bundle = JSON.parse(out);
  assert.is(code, 0);
  assert.equal([bundle.generations.fault.code, bundle.trust.rdp.fault.code], ['not-found', 'not-found']);
  assert.not(existsSync(nowhere));
});

const snapshot = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => `${name} ${statSync(join(folder, name)).mtimeMs}`);
