/** How much of what was written to a TCP connection the other machine has not taken yet (proc(5), `/proc/net/tcp`). */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/** Bytes the kernel holds, sent or not; null where it does not say. */
export function unacknowledgedOf({ localPort, remoteFamily, remotePort }: Socket): number | null {
  if (localPort === undefined || remotePort === undefined) return null;
  try {
    const table = readFileSync(`/proc/self/net/${remoteFamily === 'IPv6' ? 'tcp6' : 'tcp'}`, 'latin1');
    return queuedIn(table, localPort, remotePort);
  } catch {
    return null;
  }
}

/** The `tx_queue` of the line with these ports. */
export function queuedIn(table: string, localPort: number, remotePort: number): number | null {
  const [local, remote] = [hex(localPort), hex(remotePort)];
  const line = new RegExp(`^ *[0-9]+: [0-9A-F]+:${local} [0-9A-F]+:${remote} [0-9A-F]{2} ([0-9A-F]{8}):`, 'm');
  const queue = line.exec(table)?.[1];
  return queue === undefined ? null : Number.parseInt(queue, 16);
}

const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
