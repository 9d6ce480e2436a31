declare const brand: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored. */
export type Instant = number & { readonly [brand]: 'Instant' };

export const instant = (unixMs: number): Instant => unixMs as Instant;
/** RFC 7519 NumericDate is in whole seconds. */
export const fromNumericDate = (seconds: number): Instant => (seconds * 1000) as Instant;
export const toNumericDate = (at: Instant): number => Math.floor(at / 1000);

export const secondMs = 1000;
export const minuteMs = 60 * secondMs;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
