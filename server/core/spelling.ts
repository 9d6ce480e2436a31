/** Secrets that people read aloud and type: Crockford's letters, no I, L, O, U. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Each byte gives one letter, five bits. */
export const spell = (random: Uint8Array): string => [...random].map((byte) => alphabet[byte % 32]).join('');

/** As it was typed: any case, with or without hyphens and blanks, O for zero, I and L for one. */
export const readSpelled = (typed: string): string =>
  typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');

export const isSpelled = (text: string): boolean => [...text].every((letter) => alphabet.includes(letter));
