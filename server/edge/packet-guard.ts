/**
 * Bounds MQTT packets before anything is gathered in memory (MQTT 3.1.1 §2.2: a type, then the remaining length in one to
 * four bytes). The broker behind it would collect whatever length a packet announces.
 */
import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** Room for a report of 3 MiB. */
export const maxPacketBytes = 3.5 * 1024 * 1024;
/** CONNECT, SUBSCRIBE and acknowledgements are small; so is whatever comes before the broker knows who it is. */
const maxOtherBytes = 8 * 1024;
const publishType = 3;
/** Message of the error it ends a connection with. */
export const tooLarge = 'packet too large';

/** Tells of each chunk whether every packet header seen so far keeps the bounds. */
export function packetMeter(limit: number): (chunk: Uint8Array) => boolean {
  let skip = 0;
  let type = -1;
  let length = 0;
  let shift = 0;
  let first = true;
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (skip > 0) {
        const skipped = Math.min(skip, chunk.length - at);
        skip -= skipped;
        at += skipped;
        continue;
      }
      const byte = chunk[at++] ?? 0;
      if (type < 0) {
        type = byte >> 4;
        continue;
      }
      length += (byte & 0x7f) << shift;
      shift += 7;
      if (byte & 0x80 && shift >= 28) return false;
      if (byte & 0x80) continue;
      if (length > (type === publishType && !first ? limit : maxOtherBytes)) return false;
      [skip, type, length, shift, first] = [length, -1, 0, 0, false];
    }
    return true;
  };
}

/** The same stream, destroyed as soon as a packet announces more than it may have. */
export function guardPackets(socket: TLSSocket, limit = maxPacketBytes): Duplex {
  const fits = packetMeter(limit);
  const guarded = new Duplex({
    read: () => {
      socket.resume();
    },
    write: (chunk, _encoding, done) => {
      socket.write(chunk, done);
    },
    // The library writes a packet in pieces: one TLS record and one call of the system for all that wait, not for each.
    writev: (pieces, done) => {
      socket.write(Buffer.concat(pieces.map(({ chunk }) => chunk)), done);
    },
    final: (done) => {
      socket.end(done);
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    if (!fits(chunk)) guarded.destroy(new Error(tooLarge));
    else if (!guarded.push(chunk)) socket.pause();
  });
  socket.on('end', () => guarded.push(null));
  socket.on('error', (error) => guarded.destroy(error));
  socket.on('close', () => guarded.destroy());
  return guarded;
}
