/** What commands read from standard input. */
const maxInputBytes = 1024 * 1024;

/** From the environment, else the first line of standard input where that is no terminal. */
export async function readPassphrase(): Promise<string> {
  const given = process.env['THINTRUST_PASSPHRASE'];
  if (given !== undefined) return given.trim();
  if (process.stdin.isTTY) return '';
  return (await readInput()).split(/\r?\n/, 1)[0]?.trim() ?? '';
}

/** The first line of standard input as it is, blanks at its ends too; empty where it is a terminal. */
export async function readPasswordLine(): Promise<string> {
  return process.stdin.isTTY ? '' : ((await readInput()).split(/\r?\n/, 1)[0] ?? '');
}

/** All of it, as text; what is beyond 1 MiB is left. */
export async function readInput(): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    const data = Buffer.from(part);
    bytes += data.length;
    if (bytes > maxInputBytes) break;
    parts.push(data);
  }
  return Buffer.concat(parts).toString('utf8');
}
