/** How a device whose identity has been retired shows that it is the one the administrator has answered a code for. */
import { createHmac } from 'node:crypto';

/**
 * The password of one enrolment request (EST, RFC 7030 §3.2.3; the user is the device id): lower-case hex of HMAC-SHA256 by
 * the device secret over `thintrust-reenrol-v1`, a zero byte and the request. It is worth nothing for another request.
 */
export const reenrolmentPassword = (secret: Uint8Array, csrDer: Uint8Array): string =>
  createHmac('sha256', secret).update('thintrust-reenrol-v1\0', 'latin1').update(csrDer).digest('hex');
