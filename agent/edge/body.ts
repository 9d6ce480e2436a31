/** Bodies of HTTP messages, bounded while they come. */
import { bad, good, type Result } from '../../protocol/fault.ts';

/** Fault: `too-large`. Rejects where the stream breaks off. */
export async function readBody(stream: AsyncIterable<Uint8Array>, limit: number): Promise<Result<Uint8Array>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > limit) return bad('too-large', { limit });
    chunks.push(chunk);
  }
  return good(Buffer.concat(chunks));
}
