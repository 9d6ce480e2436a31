/** One line of typed text with a cursor, and what keys do to it. Pure. */
import { cells } from './frame.ts';

export type Input = { readonly text: string /** Characters before the cursor. */; readonly cursor: number };

export type EditKey =
  | { readonly name: 'character'; readonly character: string }
  | { readonly name: 'left' | 'right' | 'home' | 'end' | 'backspace' | 'delete' };

export type InputRule = {
  /** What a typed character becomes; empty drops it (blanks and colons in a fingerprint). */
  readonly take: (character: string) => string;
  readonly limit: number;
};

export const emptyInput: Input = { text: '', cursor: 0 };

/** The input after one key; the same object when the key changes nothing. */
export function edit(input: Input, key: EditKey, rule: InputRule): Input {
  const { text, cursor } = input;
  switch (key.name) {
    case 'character': {
      const taken = rule.take(key.character);
      if (taken === '' || text.length + taken.length > rule.limit) return input;
      return { text: text.slice(0, cursor) + taken + text.slice(cursor), cursor: cursor + taken.length };
    }
    case 'backspace':
      return cursor === 0 ? input : { text: text.slice(0, cursor - 1) + text.slice(cursor), cursor: cursor - 1 };
    case 'delete':
      return cursor === text.length ? input : { text: text.slice(0, cursor) + text.slice(cursor + 1), cursor };
    case 'left':
      return moved(input, cursor - 1);
    case 'right':
      return moved(input, cursor + 1);
    case 'home':
      return moved(input, 0);
    case 'end':
      return moved(input, text.length);
  }
}

/**
 * Text of a fixed form, such as `12:30`, after one key: a digit is written over the one at the cursor and the cursor steps
 * over what is no digit. Null for keys that mean nothing here.
 */
export function overtype(input: Input, key: { readonly name: string; readonly character?: string }): Input | null {
  const { text, cursor } = input;
  const to = (from: number, step: number): Input => {
    const next = text[from] === undefined || isDigit(text[from] ?? '') ? from : from + step;
    return moved(input, next);
  };
  switch (key.name) {
    case 'character': {
      if (!isDigit(key.character ?? '') || cursor >= text.length) return input;
      const written = { text: text.slice(0, cursor) + key.character + text.slice(cursor + 1), cursor };
      const next = cursor + 1;
      return moved(written, Math.min(text.length - 1, isDigit(text[next] ?? '0') ? next : next + 1));
    }
    case 'left':
    case 'backspace':
      return to(cursor - 1, -1);
    case 'right':
      return cursor + 1 < text.length ? to(cursor + 1, 1) : input;
    case 'home':
      return moved(input, 0);
    case 'end':
      return moved(input, text.length - 1);
    default:
      return null;
  }
}

/** Text in groups of `size`, as it is read aloud. */
export const grouped = (text: string, size = 4): string => text.replace(new RegExp(`(.{${size}})(?=.)`, 'g'), '$1 ');

/** Where a cursor before the character `cursor` stands in the grouped text. */
export const groupedCursor = (cursor: number, size = 4): number => cursor + Math.floor(cursor / size);

/** A field of `width` cells: underscores where nothing is typed yet; long text shows the part around the cursor. */
export function field(text: string, cursor: number, width: number): { readonly shown: string; readonly x: number } {
  const from = Math.max(0, cursor - width + 1);
  return {
    shown: cells(text)
      .slice(from, from + width)
      .padEnd(width, '_'),
    x: cursor - from,
  };
}

/** Text that was there before, the cursor behind it. */
export const inputOf = (text: string): Input => ({ text, cursor: text.length });

export const matching =
  (pattern: RegExp) =>
  (character: string): string =>
    pattern.test(character) ? character : '';

/** `host:port` as in the `address` of protocol/shapes.ts, and a port that exists. */
export function isAddress(text: string): boolean {
  const found = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):([0-9]{1,5})$/.exec(text);
  const port = Number(found?.[1] ?? 0);
  return port >= 1 && port <= 65535;
}

const isDigit = (text: string): boolean => /^[0-9]$/.test(text);

const moved = (input: Input, cursor: number): Input =>
  cursor < 0 || cursor > input.text.length || cursor === input.cursor ? input : { ...input, cursor };
