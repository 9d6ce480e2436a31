/**
 * Log lines to standard error: lower case, no full stop, fields, the fault code. Under systemd each line carries its
 * priority (sd-daemon(3)). Nothing secret is ever a text or a fact, and a line cannot be broken by what a peer sent.
 */
import type { Facts, Fault } from '../../protocol/fault.ts';

export type Level = 'info' | 'warning' | 'error';
export type Journal = (level: Level, text: string, fault?: Fault | null) => void;

const priorities: Readonly<Record<Level, number>> = { error: 3, warning: 4, info: 6 };
const longestLine = 2000;

export const openJournal = (
  write: (line: string) => void,
  env: { readonly [name: string]: string | undefined },
): Journal => {
  const prefix = env['JOURNAL_STREAM'] ? (level: Level) => `<${priorities[level]}>` : (level: Level) => `${level}: `;
  return (level, text, fault) => write(`${prefix(level)}${formatLine(text, fault ?? null)}\n`);
};

export const formatLine = (text: string, fault: Fault | null): string =>
  formatFields(text, fault ? { code: fault.code, ...fault.facts } : {});

/** `text code=… name=value name="two words"`. */
export function formatFields(text: string, facts: Facts): string {
  const fields = Object.entries(facts);
  const line = [plain(text), ...fields.map(([name, value]) => `${plain(name)}=${quoted(plain(String(value)))}`)].join(
    ' ',
  );
  // Half a character is none.
  return line.slice(0, longestLine).replace(/[\ud800-\udbff]$/, '');
}

const plain = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ').trim();
const quoted = (value: string): string => (/^[^\s"=]+$/.test(value) ? value : JSON.stringify(value));
