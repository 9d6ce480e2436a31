/** rsyslog and syslog-ng as senders that include the exported configuration: they talk to a server the export vouches for, and to no other (B6). */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openExport } from '../../agent/edge/export.ts';
import { realFiles } from '../../agent/edge/files.ts';
import { fingerprintOf, toBase64 } from '../../protocol/certificate.ts';
import { spawnRsyslog, spawnSyslogNg } from '../fakes/log-servers.ts';
import { authorityOf, serverMaterial, serveTls } from '../fakes/tls-server.ts';
import { assert, needs, table } from '../harness.ts';
import { inDirectory } from './state-directory.ts';

needs(['rsyslogd', 'syslog-ng']);

type Sender = (folder: string, fragments: string, port: number) => ChildProcess;
const rsyslog: Sender = (folder, fragments, port) => {
  const configuration = join(folder, 'configuration');
  writeFileSync(
    configuration,
    `include(file="${fragments}/rsyslog.conf")
global(workDirectory="${folder}")
module(load="impstats" interval="1")
action(type="omfwd" protocol="tcp" target="localhost" port="${port}" StreamDriver="gtls" StreamDriverMode="1"
  StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="localhost" TCP_Framing="octet-counted")
`,
  );
  return spawnRsyslog(folder, configuration);
};
const syslogNg: Sender = (folder, fragments, port) => {
  const configuration = join(folder, 'configuration');
  writeFileSync(join(folder, `lines-${port}`), 'a line\n'.repeat(5));
  writeFileSync(
    configuration,
    `@version: 3.38
@module affile
@module afsocket
@module syslogformat
@include "${fragments}/syslog-ng.conf"
options { stats-freq(0); time-reopen(1); };
source own { file("${folder}/lines-${port}" follow-freq(1) flags(no-parse)); };
destination server { thintrust-log(host("localhost") port(${port})); };
log { source(own); destination(server); };
`,
  );
  return spawnSyslogNg(folder, configuration);
};

const [ours, foreign] = [authorityOf('Logs'), authorityOf('Somebody else')];
const [own, stranger] = [await serverMaterial(ours, ['localhost']), await serverMaterial(foreign, ['localhost'])];
const shown = { root: ours.certificateDer, leaf: own.leaf };
const rows = (['root', 'leaf'] as const).flatMap((exported) =>
  [
    { name: 'rsyslog', start: rsyslog },
    { name: 'syslog-ng', start: syslogNg },
  ].map(({ name, start }) => ({
    name: `${name}, ${exported}`,
    exported,
    start,
    // syslog-ng wants a chain up to an authority of its own: docs/consumers.md.
    taken: name === 'rsyslog' || exported === 'root',
  })),
);

async function inTime(holds: () => boolean, limitMs: number): Promise<boolean> {
  for (const end = Date.now() + limitMs; Date.now() < end; await delay(20)) if (holds()) return true;
  return false;
}

table('an exported certificate', rows, ({ exported, start, taken }) =>
  inDirectory(async (at) => {
    const der = shown[exported];
    const all = [{ purpose: 'log', source: 'policy', fingerprint: fingerprintOf(der), der: toBase64(der) }] as const;
    assert.ok((await openExport(at, realFiles)(all)).ok);
    for (const [material, welcome] of [
      [stranger, false],
      [own, taken],
    ] as const) {
      const { key, cert } = material;
      const served = await serveTls({ key, cert });
      const sender = start(at, join(at, 'trust', 'log'), served.port);
      let said = '';
      for (const stream of [sender.stdout, sender.stderr])
        stream?.on('data', (chunk: Buffer) => {
          said += chunk;
        });
      const heard = await inTime(() => served.received() > 0, welcome ? 20_000 : 3000);
      const ended = once(sender, 'exit');
      sender.kill('SIGKILL');
      await ended;
      await served.close();
      assert.is(heard, welcome, said.slice(-800));
    }
  }),
);
