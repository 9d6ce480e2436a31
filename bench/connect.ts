/** What stands between a person's `Connect` and the start of FreeRDP, beside FreeRDP alone against the same server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { shippedClient, withDesk } from '../test/fakes/remote-desktop.ts';
import { authorityOf, serverMaterial } from '../test/fakes/tls-server.ts';
import type { Row } from './row.ts';

const rounds = 7;
const client = '20-freerdp2';
/** FreeRDP says so when the server has let it in. */
const letIn = /Local framebuffer format/;

export async function benchConnect(): Promise<Row[]> {
  const looks: number[] = [];
  const starts: number[] = [];
  const alone: number[] = [];
  await withDesk(async (desk) => {
    const material = await serverMaterial(await authorityOf('Bench'), ['localhost']);
    const { port } = await desk.xrdp(material);
    desk.describe(client, shippedClient(client));
    for (let round = 0; round < rounds; round++) {
      const asked = performance.now();
      const probed = await desk.probe('rdp', port, [material.leaf]);
      if (probed.at !== 'shown' || !probed.verdict.trusted) throw new Error('the server is not trusted');
      const looked = performance.now();
      const running = desk.launch(port, [material.fingerprint]);
      await running.begun;
      starts.push(performance.now() - looked);
      looks.push(looked - asked);
      await running.prints(letIn);
      await running.end();
      alone.push(await freerdp(port, material.fingerprint, desk.display));
    }
  });
  const [look, start, floor] = [looks, starts, alone].map(median);
  return [
    {
      what: 'Connect: look at the server, and start FreeRDP by its runner, beside FreeRDP alone until it is let in',
      figure: `${look} + ${start} ms`,
      floor: `${floor} ms`,
      goal: 'none named',
      met: true,
    },
  ];
}

/** Milliseconds until it is let in. */
async function freerdp(port: number, fingerprint: string, display: string): Promise<number> {
  const colons = fingerprint.replace(/(..)(?=.)/g, '$1:');
  const started = performance.now();
  const args = [
    `/v:localhost:${port}`,
    '/u:good',
    '/p:password',
    '/sec:tls',
    `/cert:deny,fingerprint:sha256:${colons}`,
  ];
  const child = spawn('stdbuf', ['-oL', 'xfreerdp', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DISPLAY: display },
  });
  const ended = once(child, 'exit');
  const took = await new Promise<number>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      if (letIn.test(String(chunk))) resolve(performance.now() - started);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('exit', () => reject(new Error('FreeRDP ended')));
  });
  child.kill();
  await ended;
  return took;
}

const median = (values: readonly number[]): string =>
  ([...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0).toFixed(0);
