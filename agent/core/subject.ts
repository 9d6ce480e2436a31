/**
 * The common name in a request to a foreign authority: the variables of certificate templates (`protocol/subject`) become
 * values of this device. They come from its key and the time of the order, so that whatever is repeated with the key asks
 * for the same name.
 */
import { createHash } from 'node:crypto';
import { fillSubject, randomBytesFor } from '../../protocol/subject.ts';
import type { Instant } from '../../protocol/time.ts';
import type { ForeignEnrolment, KeyRef, Order } from './durable.ts';

/** What the state of the device holds of one: variables make a text longer than it was. */
const longestSubject = 512;

/** The order with its subject as it will be asked for; an order to the server's own authority stays as it is. */
export const withSubject = (order: Order, key: KeyRef, at: Instant): Order =>
  order.enrolment ? { ...order, enrolment: namedFor(order.enrolment, key, at) } : order;

export const namedFor = (enrolment: ForeignEnrolment, key: KeyRef, at: Instant): ForeignEnrolment => ({
  ...enrolment,
  subject: subjectOf(enrolment.subject, key.sha256, at).slice(0, longestSubject),
});

/** `seed` is never to be read from what comes out. */
export function subjectOf(template: string, seed: string, at: Instant): string {
  const bytes = (count: number, label: string): Buffer => {
    const parts: Buffer[] = [];
    for (let part = 0; part * digestBytes < count; part++)
      parts.push(createHash('sha256').update(`thintrust-subject-v1\0${seed}\0${at}\0${label}\0${part}`).digest());
    return Buffer.concat(parts).subarray(0, count);
  };
  const random = bytes(randomBytesFor(template), 'random');
  return fillSubject(template, { random, configUuid: uuidOf(bytes(16, 'uuid').toString('hex')), now: at });
}

const digestBytes = 32;

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
