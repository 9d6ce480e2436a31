/**
 * The common name in a request to a foreign authority: the variables of certificate templates (requirement A5) become values of
 * this device. They come from its key and the time of the order, so that whatever is repeated with the key asks for the
 * same name.
 */
import { createHash } from 'node:crypto';
import type { Instant } from '../../protocol/time.ts';
import type { KeyRef, Order } from './durable.ts';

const variable = /\$([A-Z][A-Z0-9_]*)\$/g;
const lengths: Readonly<Record<string, number>> = { RANDOM_16: 16, RANDOM_32: 32, RANDOM_64: 64 };

/** The order with its subject as it will be asked for; an order to the server's own authority stays as it is. */
export const withSubject = (order: Order, key: KeyRef, at: Instant): Order =>
  order.enrolment
    ? { ...order, enrolment: { ...order.enrolment, subject: fillSubject(order.enrolment.subject, key.sha256, at) } }
    : order;

/**
 * `$RANDOM_16$`, `$RANDOM_32$`, `$RANDOM_64$` (hex digits), `$CONFIG_UUID$` (UUIDv4), `$TIMESTAMP_MS$`; any other becomes
 * `$RANDOM_32$`, the same name the same value. `seed` is never to be read from what comes out.
 */
export function fillSubject(template: string, seed: string, at: Instant): string {
  const digits = (name: string): string =>
    createHash('sha256').update(`thintrust-subject-v1\0${seed}\0${at}\0${name}`).digest('hex');
  return template.replace(variable, (_whole, name: string) => {
    if (name === 'TIMESTAMP_MS') return String(at);
    if (name === 'CONFIG_UUID') return uuidOf(digits(name));
    return digits(name).slice(0, lengths[name] ?? 32);
  });
}

/** RFC 9562 §5.4: version 4, variant 10. */
const uuidOf = (hex: string): string => {
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
};
