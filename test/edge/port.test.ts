/** Ports that are chosen for later. */
import { createServer } from 'node:net';
import { freePort } from '../../server/cli/port.ts';
import { assert, test } from '../harness.ts';

const ephemeral = 32_768;

test('a free port is below those that Linux gives away by itself, and another at each call', async () => {
  const some = await Promise.all(Array.from({ length: 50 }, () => freePort()));
  assert.is(new Set(some).size, some.length);
  assert.ok(some.every((port) => port >= 20_000 && port < ephemeral));
});

test('a port that somebody listens on is passed over', async () => {
  const port = await freePort();
  const taken = createServer().listen(port + 1, '127.0.0.1');
  try {
    await new Promise((resolve) => taken.once('listening', resolve));
    assert.is(await freePort(), port + 2);
  } finally {
    taken.close();
  }
});

test('a host that is not this machine is told', async () => {
  let code = '';
  await freePort('192.0.2.1').catch((error: NodeJS.ErrnoException) => {
    code = error.code ?? '';
  });
  assert.is(code, 'EADDRNOTAVAIL');
});
