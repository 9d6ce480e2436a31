/** Datagrams really sent, to a path and to an abstract name; Node itself cannot receive them. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openEngine } from '../../native/engine.ts';
import { assert, needs, table } from '../harness.ts';

needs(['python3']);

const receiver = `
import socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + name[1:] if name[0] == "@" else name)
print("ready", flush=True)
for _ in range(2): print(s.recv(8192).hex(), flush=True)`;
const texts = ['READY=1\nSTATUS=подключено', 'a'.repeat(4096)];
const rows = [
  { name: 'path', place: (folder: string) => join(folder, 'notify') },
  { name: 'abstract name', place: (folder: string) => `@${folder}` },
  { name: 'longest path', place: (folder: string) => join(folder, 'n'.repeat(106 - folder.length)) },
];

table('notify sends one datagram', rows, async ({ place }) => {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-'));
  const child = spawn('python3', ['-c', receiver, place(folder)], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const got: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      if (line !== 'ready') got.push(Buffer.from(line, 'hex').toString('utf8'));
      else for (const text of texts) assert.is(openEngine().notify(place(folder), text), 0);
    }
    assert.equal(got, texts);
  } finally {
    child.kill();
    await rm(folder, { recursive: true });
  }
});
