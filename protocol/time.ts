/** Instants, and the two spellings of a time that cross our wires. */
declare const brand: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored. */
export type Instant = number & { readonly [brand]: 'Instant' };

export const instant = (unixMs: number): Instant => unixMs as Instant;
export const instantOrNull = (unixMs: number | null): Instant | null => unixMs as Instant | null;
/** RFC 7519 NumericDate is in whole seconds. */
export const fromNumericDate = (seconds: number): Instant => (seconds * 1000) as Instant;
export const toNumericDate = (at: Instant): number => Math.floor(at / 1000);

/** RFC 3339 §5.6 in UTC, years 0001 to 9999, fractions cut to milliseconds; null for anything else, leap seconds too. */
export function parseUtc(text: string): Instant | null {
  const match = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,30}))?(?:Z|\+00:00)$/i.exec(text);
  if (!match) return null;
  const [, day, time, fraction = ''] = match;
  const spelled = `${day}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z`;
  const unixMs = Date.parse(spelled);
  // Date.parse takes 30 February and 24:00; what it means by them is not what was written.
  const exact = !Number.isNaN(unixMs) && new Date(unixMs).toISOString() === spelled && !spelled.startsWith('0000');
  return exact ? instant(unixMs) : null;
}

export const secondMs = 1000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
