/**
 * Records as syslog messages (RFC 5424) in the framing of RFC 5425 §4.3: octet count, blank, message. The same record is the
 * same bytes whenever it is sent. Events are facility local0, audit records `log audit` (13); each log counts its own
 * `meta sequenceId` (§7.3.1). The facts stand in the structured data and, for receivers that drop those, in the text too.
 * 32473 is the enterprise number for documentation (RFC 5612).
 */
import type { Severity } from '../../protocol/local.ts';
import { formatFields } from './journal.ts';
import type { StoredRecord } from './log.ts';

export type LogName = 'event' | 'audit';

/** What every receiver should take (RFC 5425 §4.3.1); a longer text is cut. */
export const maxMessageBytes = 8192;

const facilities: Readonly<Record<LogName, number>> = { event: 16, audit: 13 };
const levels: Readonly<Record<Severity, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };
const applications: Readonly<Record<LogName, string>> = { event: 'thintrust', audit: 'thintrust-audit' };
const mostDataBytes = 4096;
const lastInstant = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const wrap = 2 ** 31 - 1;
const byteOrderMark = '\ufeff';

/** `device` is printable ASCII without blanks. */
export function frameOf(log: LogName, record: StoredRecord, device: string): Buffer {
  const { component, facts, seq, text } = record;
  const code = log === 'audit' ? text : String(facts['code'] ?? '');
  const head = [
    `<${facilities[log] * 8 + levels[record.severity]}>1`,
    new Date(Math.min(Math.max(record.at, 0), lastInstant)).toISOString(),
    word(device, 255),
    applications[log],
    '-',
    word(code, 32),
    `[meta sequenceId="${((seq - 1) % wrap) + 1}"]${dataOf({ component, ...facts })}`,
  ].join(' ');
  const body = plain(formatFields(text, facts));
  const message = Buffer.from(body === '' ? head : `${head} ${byteOrderMark}${body}`, 'utf8');
  const kept = message.subarray(0, endOfText(message));
  return Buffer.concat([Buffer.from(`${kept.length} `), kept]);
}

function dataOf(facts: StoredRecord['facts']): string {
  let data = '[thintrust@32473';
  for (const [name, value] of Object.entries(facts)) {
    const parameter = ` ${nameOf(name)}="${plain(String(value)).replace(/["\\\]]/g, '\\$&')}"`;
    if (Buffer.byteLength(data) + Buffer.byteLength(parameter) >= mostDataBytes) break;
    data += parameter;
  }
  return `${data}]`;
}

/** SD-NAME. */
const nameOf = (text: string): string => text.replace(/[^!#-<>-\\^-~]/g, '_').slice(0, 32) || '_';
const word = (text: string, longest: number): string => text.replace(/[^!-~]/g, '_').slice(0, longest) || '-';
const plain = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ');

/** Where to cut so that no character is. */
function endOfText(message: Buffer): number {
  let end = Math.min(message.length, maxMessageBytes);
  while (end < message.length && ((message[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return end;
}
