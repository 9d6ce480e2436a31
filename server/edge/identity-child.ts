/** The other end of `import-identity.ts`: one file in on standard input, what it says or why not on standard output. */
import { fromBase64, toBase64 } from '../../protocol/certificate.ts';
import { type ReadIdentity, readIdentityFile } from './identity-file.ts';

/** Base64 where bytes are meant. */
export type ChildQuestion = { readonly content: string; readonly key: string | null; readonly password: string };

/** Reads to the end of its input, answers once. */
export async function answerIdentityFile(): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(Buffer.from(part));
  const { content, key, password } = JSON.parse(Buffer.concat(parts).toString('utf8')) as ChildQuestion;
  const read = readIdentityFile({
    content: fromBase64(content),
    key: key === null ? null : fromBase64(key),
    password,
  });
  process.stdout.write(JSON.stringify(read.ok ? spelled(read.value) : { faults: read.faults.slice(0, maxFaults) }));
}

const maxFaults = 100;

const spelled = ({ key, publicKey, certificates, legacy }: ReadIdentity) => ({
  key: toBase64(key),
  publicKey: toBase64(publicKey),
  certificates: certificates.map(toBase64),
  legacy,
});
