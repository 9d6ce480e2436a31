/** Server-sent events (WHATWG HTML §9.2), as far as the agent sends them: LF, and `data` lines. */

/** Bytes of a stream to the data of its events; `overflow` when one of them is larger than `limit` bytes. */
export function eventReader(
  event: (data: Uint8Array) => void,
  overflow: () => void,
  limit: number,
): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  return (chunk) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > limit) return overflow();
    if (!chunk.includes('\n')) return;
    const text = Buffer.concat(chunks);
    const end = text.lastIndexOf('\n\n');
    if (end < 0) {
      chunks = [text];
      return;
    }
    const rest = text.subarray(end + 2);
    chunks = [Buffer.from(rest)];
    bytes = rest.length;
    for (const block of text.subarray(0, end).toString('utf8').split('\n\n')) {
      const data = block.split('\n').filter((line) => line.startsWith('data:'));
      if (data.length > 0) event(Buffer.from(data.map((line) => line.slice(5).trimStart()).join('\n')));
    }
  };
}
