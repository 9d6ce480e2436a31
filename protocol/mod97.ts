/**
 * ISO/IEC 7064 MOD 97-10 over strings of decimal digits: catches every single wrong digit and every transposition of
 * neighbours. Check digits are 02–98; 00, 01 and 99 are congruent to 97, 98 and 02, never made and never accepted.
 */
const digits = /^[0-9]+$/;

/** The two check digits of `number`, `98 − (100·N mod 97)`, zero-padded. Not decimal digits: a `RangeError`. */
export function checkDigits(number: string): string {
  if (!digits.test(number)) throw new RangeError('MOD 97-10 wants decimal digits');
  let remainder = 0;
  for (const digit of `${number}00`) remainder = (remainder * 10 + Number(digit)) % 97;
  return String(98 - remainder).padStart(2, '0');
}

export const withCheckDigits = (number: string): string => number + checkDigits(number);

/** Whether `text` is decimal digits and nothing else, the last two being the check digits of those before. */
export const checkDigitsHold = (text: string): boolean =>
  digits.test(text) && text.length > 2 && checkDigits(text.slice(0, -2)) === text.slice(-2);
