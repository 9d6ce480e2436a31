/**
 * Subjects of certificates that an agent asks a foreign authority for, as a template with variables. Five are known; what
 * else looks like one is replaced as `$RANDOM_32$` is, and a setting that uses one is not offered.
 */
import type { Instant } from './time.ts';

export type SubjectFacts = {
  /** Fresh for each subject, at least `randomBytesFor` many. */
  readonly random: Uint8Array;
  /** Of the setting. */
  readonly configUuid: string;
  readonly now: Instant;
};

export const subjectVariables = [
  '$RANDOM_16$',
  '$RANDOM_32$',
  '$RANDOM_64$',
  '$CONFIG_UUID$',
  '$TIMESTAMP_MS$',
] as const;
export const maxSubject = 256;

const variable = /\$[A-Za-z0-9_.-]{1,64}\$/g;
const digitsOf: Readonly<Record<string, number>> = { $RANDOM_16$: 16, $RANDOM_32$: 32, $RANDOM_64$: 64 };
const otherDigits = 32;

/** Variables of a template that are none of the five, in order, each once. */
export const unknownVariables = (template: string): readonly string[] =>
  [...new Set(template.match(variable) ?? [])].filter(
    (name) => !(subjectVariables as readonly string[]).includes(name),
  );

/** Whether a setting with this subject is offered. */
export const isOffered = (template: string): boolean => unknownVariables(template).length === 0;

/** What `fillSubject` may take of `random`: two hex digits a byte. */
export const randomBytesFor = (template: string): number =>
  (template.match(variable) ?? []).reduce((sum, name) => sum + digits(name) / 2, 0);

/** Every occurrence of a random variable has digits of its own. Throws RangeError where `random` is too short. */
export function fillSubject(template: string, { random, configUuid, now }: SubjectFacts): string {
  let taken = 0;
  return template.replace(variable, (name) => {
    if (name === '$CONFIG_UUID$') return configUuid;
    if (name === '$TIMESTAMP_MS$') return String(now);
    const part = random.subarray(taken, taken + digits(name) / 2);
    taken += digits(name) / 2;
    if (part.length * 2 !== digits(name)) throw new RangeError('not enough random bytes for the subject');
    return [...part].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  });
}

const digits = (name: string): number =>
  name === '$CONFIG_UUID$' || name === '$TIMESTAMP_MS$' ? 0 : (digitsOf[name] ?? otherDigits);
