/** What is judged about MQTT bytes before the MQTT library sees or keeps them. */
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';

/** A signed document in base64url, its header and signature, and the topic. */
export const maxPacketBytes = Math.ceil(maxDocumentBytes / 3) * 4 + 4096;

export type FrameGuard = (chunk: Uint8Array) => Result<null>;

/**
 * Follows the fixed headers (MQTT 3.1.1 §2.2) of a stream cut anywhere. The library would collect a packet of up to
 * 256 MB before it looks at it. Faults: `too-large` for a longer packet, `bad-shape` for a length of five bytes; a faulty
 * stream stays faulty.
 */
export function makeFrameGuard(limit: number = maxPacketBytes): FrameGuard {
  /** `at`: bytes of the body to skip, or the length being read. */
  let skip = 0;
  let lengthBytes = -1;
  let length = 0;
  let broken: Result<null> | null = null;
  return (chunk) => {
    let offset = 0;
    while (!broken && offset < chunk.length) {
      if (skip > 0) {
        const step = Math.min(skip, chunk.length - offset);
        skip -= step;
        offset += step;
        continue;
      }
      const byte = chunk[offset++] ?? 0;
      if (lengthBytes < 0) {
        lengthBytes = 0;
        length = 0;
        continue;
      }
      length += (byte & 0x7f) * 128 ** lengthBytes++;
      if (byte >= 0x80 && lengthBytes === 4) broken = bad('bad-shape', { what: 'mqtt' });
      if (byte >= 0x80) continue;
      if (length > limit) broken = bad('too-large', { bytes: length, limit });
      skip = length;
      lengthBytes = -1;
    }
    return broken ?? good(null);
  };
}

/** Return codes of CONNACK, MQTT 3.1.1 §3.2.2.3. */
export function connackFault(code: number, address: string): Fault {
  if (code === 2) return fault('identity-refused', { address, reason: 'identifier rejected' });
  if (code === 4 || code === 5) return fault('identity-refused', { address, reason: 'not authorized' });
  return fault('server-refused', { address, reason: `connack ${code}` });
}
