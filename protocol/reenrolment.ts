/** How a retired device proves itself when it enrols again: by its secret, over the request that it sends. */
import { createHmac } from 'node:crypto';

const label = 'thintrust-reenrol-v1\0';

/**
 * The Basic password beside the device id, 64 lower-case hex digits. It is bound to the request, so who reads it can
 * enrol no key but the device's own.
 */
export const reenrolmentPassword = (secret: Uint8Array, csrDer: Uint8Array): string =>
  createHmac('sha256', secret).update(label, 'ascii').update(csrDer).digest('hex');
