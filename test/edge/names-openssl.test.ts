/**
 * Names and purposes through `thintrust decide --batch`, each beside the `openssl verify` command with the same strictness: never is
 * anything accepted that the command rejects, and what is expected is written down beside both (RFC 9525, RFC 5280 §4.2.1.10).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { toPem } from '../../protocol/certificate.ts';
import { runBatch } from '../fakes/batch.ts';
import { clientAuth, type Issued, issue, serverAuth, type Wish } from '../fakes/issue.ts';
import { assert, needs, table } from '../harness.ts';

needs(['openssl']);

const run = promisify(execFile);
const at = '2026-11-22T00:00:00Z';
const root = issue({ cn: 'Root', ca: true });
const walled = issue({ cn: 'Walled', ca: true, by: root, permitted: ['example.org'] });
const ipv6 = Buffer.from('20010db8000000000000000000000001', 'hex');
const leaf = (wish: Partial<Wish>, by: Issued = root): Issued => issue({ cn: 'leaf', by, ...wish });
const host = 'ts.example.org';

type Row = {
  readonly name: string;
  readonly leaf: Issued;
  readonly through?: Issued;
  readonly purpose?: 'server' | 'client' | 'rdp' | 'ksc';
  readonly host?: string;
  readonly ip?: string;
  /** What the command is asked, where it reads names otherwise. */
  readonly asked?: string;
  readonly is: string;
  /** Refused by a rule of ours although the path holds. */
  readonly ours?: true;
};
const rows: readonly Row[] = [
  { name: 'the name', leaf: leaf({ dns: [host] }), host, is: 'trusted' },
  { name: 'the name, other letters', leaf: leaf({ dns: ['TS.Example.ORG'] }), host: 'ts.EXAMPLE.org', is: 'trusted' },
  { name: 'one trailing dot', leaf: leaf({ dns: [host] }), host: `${host}.`, asked: host, is: 'trusted' },
  { name: 'another name', leaf: leaf({ dns: ['other.example.org'] }), host, is: 'name-mismatch' },
  { name: 'the common name alone', leaf: leaf({ cn: host, dns: [] }), host, is: 'name-mismatch', ours: true },
  { name: 'one of several', leaf: leaf({ dns: ['a.example', host] }), host, is: 'trusted' },
  { name: 'a whole wildcard label', leaf: leaf({ dns: ['*.example.org'] }), host, is: 'trusted' },
  { name: 'a wildcard over two labels', leaf: leaf({ dns: ['*.org'] }), host, is: 'name-mismatch' },
  { name: 'a wildcard for the parent', leaf: leaf({ dns: ['*.ts.example.org'] }), host, is: 'name-mismatch' },
  { name: 'half a wildcard label', leaf: leaf({ dns: ['t*.example.org'] }), host, is: 'name-mismatch', ours: true },
  { name: 'a wildcard in the middle', leaf: leaf({ dns: ['ts.*.org'] }), host, is: 'name-mismatch' },
  {
    name: 'an internationalized name',
    leaf: leaf({ dns: ['xn--e1afmkfd.xn--p1ai'] }),
    host: 'Пример.рф',
    asked: 'xn--e1afmkfd.xn--p1ai',
    is: 'trusted',
  },
  {
    name: 'an internationalized name as A-labels',
    leaf: leaf({ dns: ['xn--e1afmkfd.xn--p1ai'] }),
    host: 'xn--e1afmkfd.xn--p1ai',
    is: 'trusted',
  },
  {
    name: 'another internationalized name',
    leaf: leaf({ dns: ['xn--e1afmkfd.xn--p1ai'] }),
    host: 'примеры.рф',
    asked: 'xn--e1afmkfdn2b.xn--p1ai',
    is: 'name-mismatch',
  },
  {
    name: 'a wildcard for an internationalized name',
    leaf: leaf({ dns: ['*.xn--p1ai'] }),
    host: 'пример.рф',
    asked: 'xn--e1afmkfd.xn--p1ai',
    is: 'name-mismatch',
  },
  {
    name: 'a wildcard over an A-label',
    leaf: leaf({ dns: ['*.example.org'] }),
    host: 'пример.example.org',
    asked: 'xn--e1afmkfd.example.org',
    is: 'trusted',
  },
  {
    name: 'an address',
    leaf: leaf({ ips: [Buffer.of(192, 0, 2, 1)] }),
    purpose: 'ksc',
    ip: '192.0.2.1',
    is: 'trusted',
  },
  {
    name: 'another address',
    leaf: leaf({ ips: [Buffer.of(192, 0, 2, 1)] }),
    purpose: 'ksc',
    ip: '192.0.2.2',
    is: 'name-mismatch',
  },
  {
    name: 'an IPv6 address',
    leaf: leaf({ ips: [ipv6] }),
    purpose: 'server',
    ip: '2001:DB8:0::1',
    asked: '2001:db8::1',
    is: 'trusted',
  },
  {
    name: 'an IPv6 address in brackets',
    leaf: leaf({ ips: [ipv6] }),
    purpose: 'server',
    host: '[2001:db8::1]',
    asked: '2001:db8::1',
    is: 'trusted',
  },
  {
    name: 'an address as a DNS name',
    leaf: leaf({ dns: ['192.0.2.1'] }),
    purpose: 'server',
    ip: '192.0.2.1',
    is: 'name-mismatch',
  },
  {
    name: 'an address under a root, for a desktop',
    leaf: leaf({ ips: [Buffer.of(192, 0, 2, 1)] }),
    ip: '192.0.2.1',
    is: 'ip-under-root',
    ours: true,
  },
  { name: 'within the constraint', leaf: leaf({ dns: [host] }, walled), through: walled, host, is: 'trusted' },
  {
    name: 'outside the constraint',
    leaf: leaf({ dns: ['ts.example.net'] }, walled),
    through: walled,
    host: 'ts.example.net',
    is: 'name-constraint',
  },
  {
    name: 'one name within, one outside',
    leaf: leaf({ dns: [host, 'x.example.net'] }, walled),
    through: walled,
    host,
    is: 'name-constraint',
  },
  {
    name: 'a wildcard within the constraint',
    leaf: leaf({ dns: ['*.example.org'] }, walled),
    through: walled,
    host,
    is: 'trusted',
  },
  { name: 'a server as a server', leaf: leaf({ eku: [serverAuth] }), purpose: 'server', is: 'trusted' },
  { name: 'a server as a client', leaf: leaf({ eku: [serverAuth] }), purpose: 'client', is: 'wrong-purpose' },
  { name: 'a client as a client', leaf: leaf({ eku: [clientAuth] }), purpose: 'client', is: 'trusted' },
  { name: 'a client as a server', leaf: leaf({ eku: [clientAuth] }), purpose: 'server', is: 'wrong-purpose' },
  { name: 'a client as a desktop', leaf: leaf({ eku: [clientAuth], dns: [host] }), host, is: 'wrong-purpose' },
  { name: 'both as a server', leaf: leaf({ eku: [clientAuth, serverAuth] }), purpose: 'server', is: 'trusted' },
  { name: 'both as a client', leaf: leaf({ eku: [clientAuth, serverAuth] }), purpose: 'client', is: 'trusted' },
];

table('names and purposes as written, and never more than the openssl command accepts', rows, async (row) => {
  const { purpose = 'rdp', is, ours } = row;
  const line = {
    id: 1,
    purpose,
    ...(row.host === undefined ? {} : { host: row.host }),
    ...(row.ip === undefined ? {} : { ip: row.ip }),
    at,
    anchors: [toPem(root.der)],
    intermediates: row.through ? [toPem(row.through.der)] : [],
    leaf: toPem(row.leaf.der),
  };
  const [answer] = await runBatch([JSON.stringify(line)]);
  assert.is(answer?.trusted ? 'trusted' : answer?.fault, is);
  const command = await accepts(row, purpose);
  if (ours) assert.not(answer?.trusted);
  else assert.is(command, answer?.trusted, 'the openssl command says otherwise');
});

/** Exit 2 is a verdict; anything else that fails is no answer. */
async function accepts({ leaf: end, through, host: name, ip, asked }: Row, purpose: string): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'thintrust-'));
  try {
    await writeFile(join(folder, 'root'), toPem(root.der));
    await writeFile(join(folder, 'leaf'), toPem(end.der));
    if (through) await writeFile(join(folder, 'middle'), toPem(through.der));
    const address = ip !== undefined || name?.startsWith('[');
    const target = asked ?? ip ?? name;
    await run('openssl', [
      'verify',
      ...'-x509_strict -trusted_first -partial_chain -auth_level 2 -no-CAfile -no-CApath -no-CAstore'.split(' '),
      ...['-purpose', purpose === 'client' ? 'sslclient' : 'sslserver', '-attime', String(Date.parse(at) / 1000)],
      ...['-CAfile', join(folder, 'root')],
      ...(through ? ['-untrusted', join(folder, 'middle')] : []),
      ...(target === undefined ? [] : [address ? '-verify_ip' : '-verify_hostname', target]),
      join(folder, 'leaf'),
    ]);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 2) throw error;
    return false;
  } finally {
    await rm(folder, { recursive: true });
  }
}
