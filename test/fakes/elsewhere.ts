/** Devices whose identity is of another authority, or goes there, in the administration in memory. */
import type { ForeignEnrolment } from '../../agent/core/durable.ts';
import type { Policy } from '../../protocol/schema.ts';

export const scep: ForeignEnrolment = {
  protocol: 'scep',
  address: 'ca.example:80',
  path: '/scep',
  fingerprint: 'ab'.repeat(32),
  user: '',
  password: 'challenge',
  subject: 'thin-$RANDOM_16$',
  key: 'RSA-2048',
};
/** As a policy names it. */
export const toldByPolicy: NonNullable<Policy['enrolment']> = {
  protocol: 'scep',
  address: 'ca.example:80',
  path: '/scep',
  fingerprint: 'ab'.repeat(32),
  subject: 'kiosk-$RANDOM_16$',
};
