/**
 * One record of a log, one line:
 *
 *     <sequence number> <first 16 hex digits of SHA-256 over number, blank and JSON> [<at>,"<severity>","<component>","<text>",{<facts>}]
 *
 * What a cut tore, a bad disk altered or somebody edited is no line any more.
 */
import { isUtf8 } from 'node:buffer';
import { type Facts, shortFacts } from '../../protocol/fault.ts';
import type { Severity } from '../../protocol/local.ts';
import { instant } from '../../protocol/time.ts';
import type { LogDraft, StoredRecord } from './log.ts';
import { digestOf } from './manifest.ts';

/** Least first. */
export const severities: readonly Severity[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
/** No line is longer, in bytes, its end included. */
export const maxLineBytes = 48 * 1024;

const longestText = 2000;
const longestComponent = 40;
const longestName = 60;
const mostFacts = 12;
const shape = /^([1-9][0-9]{0,15}) ([0-9a-f]{16}) (\[.*\])$/s;
const severityShape = /^[0-9]{1,16} [0-9a-f]{16} \[-?[0-9]{1,16},"([a-z]{4,5})"/;

/** Cuts what is too long, so that every draft has a line. */
export function writeLine(seq: number, { at, component, facts, severity, text }: LogDraft): Buffer {
  const json = JSON.stringify([
    Math.trunc(at),
    severity,
    component.slice(0, longestComponent),
    text.slice(0, longestText),
    kept(facts),
  ]);
  return Buffer.from(`${seq} ${checkOf(seq, json)} ${json}\n`, 'utf8');
}

/** `line` without its end. Null for anything `writeLine` does not write. */
export function readLine(line: Uint8Array): StoredRecord | null {
  if (line.length >= maxLineBytes || !isUtf8(line)) return null;
  const [, digits = '', check = '', json = ''] = shape.exec(Buffer.from(line).toString('utf8')) ?? [];
  const seq = Number(digits);
  if (json === '' || !Number.isSafeInteger(seq) || check !== checkOf(seq, json)) return null;
  try {
    return recordOf(seq, JSON.parse(json));
  } catch {
    return null;
  }
}

/** What the line says its severity is, unchecked and for a fraction of the cost: to pass over what nobody asked for. */
export function severityOf(line: Buffer): Severity | null {
  const word = severityShape.exec(line.toString('latin1', 0, 64))?.[1];
  return severities.find((each) => each === word) ?? null;
}

const checkOf = (seq: number, json: string): string => digestOf(`${seq} ${json}`).slice(0, 16);

const kept = (facts: Facts): Facts =>
  Object.fromEntries(
    Object.entries(shortFacts(facts))
      .slice(0, mostFacts)
      .map(([name, fact]) => [
        name.slice(0, longestName),
        typeof fact === 'string' || Number.isFinite(fact) ? fact : String(fact),
      ]),
  );

function recordOf(seq: number, value: unknown): StoredRecord | null {
  if (!Array.isArray(value) || value.length !== 5) return null;
  const [at, word, component, text, facts]: readonly unknown[] = value;
  const severity = severities.find((each) => each === word);
  if (typeof at !== 'number' || typeof component !== 'string' || typeof text !== 'string') return null;
  if (severity === undefined || !isFacts(facts)) return null;
  return { seq, at: instant(at), severity, component, text, facts };
}

const isFacts = (value: unknown): value is Facts =>
  value !== null &&
  typeof value === 'object' &&
  !Array.isArray(value) &&
  Object.values(value).every((fact) => typeof fact === 'string' || typeof fact === 'number');
