/**
 * `thintrust decide --batch`: JSON lines in, one JSON line out for each, errors included. Works without the daemon and
 * keeps nothing between lines.
 */
import { parseCertificate } from '../../protocol/certificate.ts';
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import { maxBatchLineBytes, maxCertificates, maxCrls, maxIntermediates } from '../../protocol/limits.ts';
import type { DecideLine } from '../../protocol/local.ts';
import { type PemLabel, readPem } from '../../protocol/pem.ts';
import { parseIp, parseTarget, type Target } from '../../protocol/target.ts';
import { parseUtc } from '../../protocol/time.ts';
import { check } from '../../protocol/validate.ts';
import type { TrustEntry, TrustRequest } from '../core/decide.ts';
import type { Judge } from '../edge/judge.ts';

type Id = string | number | null;
type Line = { readonly text: string; readonly whole: boolean };

const nobody: ReadonlySet<string> = new Set();
/** Enough of a line that is no JSON to find an `id` that stands first. */
const leadingId = /^\s*\{\s*"id"\s*:\s*("(?:[^"\\]|\\.){0,200}"|-?[0-9]{1,16})\s*[,}]/;

/**
 * Reads text in chunks of any size, LF or CRLF between lines, and writes each answer with its LF. A line longer than
 * `maxBatchLineBytes` is skipped without being kept and answered `too-large`. Rejects only where `input` or `write` does.
 */
export async function decideBatch(
  input: AsyncIterable<string>,
  write: (line: string) => void | Promise<void>,
  judge: Judge,
): Promise<void> {
  for await (const line of splitLines(input)) await write(`${decideLine(line, judge)}\n`);
}

function decideLine(line: Line, judge: Judge): string {
  if (!line.whole) return refuse(idOfText(line.text), bad('too-large', { limit: maxBatchLineBytes }).fault);
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch {
    return refuse(idOfText(line.text), bad('not-json', { what: 'decideLine' }).fault);
  }
  const id = idOf(value);
  const request = readRequest(value);
  if (!request.ok) return refuse(id, request.fault);
  const verdict = judge(request.value);
  return verdict.trusted ? JSON.stringify({ id, trusted: true }) : refuse(id, verdict.fault);
}

const refuse = (id: Id, { code }: Fault): string => JSON.stringify({ id, trusted: false, fault: code });

/** Faults: those of `check`, `bad-argument`, and of the certificates. */
function readRequest(value: unknown): Result<TrustRequest> {
  const checked = check('decideLine', value);
  if (!checked.ok) return checked;
  const line = checked.value;
  const at = parseUtc(line.at);
  if (at === null) return bad('bad-argument', { what: 'at' });
  const target = readTarget(line);
  if (!target.ok) return target;
  const leaf = readAll([line.leaf], 'CERTIFICATE', 1);
  if (!leaf.ok) return leaf;
  const [first] = leaf.value;
  if (!first) return bad('certificate-unreadable', { what: 'leaf' });
  const intermediates = readAll(line.intermediates, 'CERTIFICATE', maxIntermediates);
  if (!intermediates.ok) return intermediates;
  const entries = readEntries(line.anchors);
  if (!entries.ok) return entries;
  const crls = readAll(line.crls ?? [], 'X509 CRL', maxCrls);
  if (!crls.ok) return bad('crl-unavailable', crls.fault.facts);
  return good({
    purpose: line.purpose,
    target: target.value,
    leaf: first,
    intermediates: intermediates.value,
    at,
    entries: entries.value,
    blocklist: nobody,
    crls: crls.value,
    policy: line.policy ?? null,
  });
}

/** A `host` that is an address counts as one; both given, both are demanded. */
function readTarget(line: DecideLine): Result<Target> {
  const host = typeof line.host === 'string' ? parseTarget(line.host) : good({ host: null, ip: null });
  if (!host.ok || typeof line.ip !== 'string') return host;
  const ip = parseIp(line.ip);
  if (!ip.ok) return ip;
  if (host.value.ip !== null && host.value.ip !== ip.value.ip) return bad('bad-argument', { what: 'ip' });
  return good({ host: host.value.host, ip: ip.value.ip });
}

/** Each text may hold several blocks. Faults: `certificate-unreadable`, `too-many-certificates`. */
function readAll(texts: readonly string[], label: PemLabel, limit: number): Result<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const text of texts) {
    const read = readPem(text, label);
    if (!read.ok) return read;
    found.push(...read.value);
    if (found.length > limit) return bad('too-many-certificates', { limit });
  }
  return good(found);
}

function readEntries(texts: readonly string[]): Result<readonly TrustEntry[]> {
  const read = readAll(texts, 'CERTIFICATE', maxCertificates);
  if (!read.ok) return read;
  const entries: TrustEntry[] = [];
  for (const der of read.value) {
    const entry = parseCertificate(der);
    if (!entry.ok) return entry;
    entries.push(entry.value);
  }
  return good(entries);
}

function idOf(value: unknown): Id {
  if (value === null || typeof value !== 'object' || !('id' in value)) return null;
  const { id } = value;
  return typeof id === 'number' || (typeof id === 'string' && id.length <= 200) ? id : null;
}

function idOfText(text: string): Id {
  const [, found] = leadingId.exec(text.slice(0, 1000)) ?? [];
  if (found === undefined) return null;
  try {
    return idOf({ id: JSON.parse(found) });
  } catch {
    return null;
  }
}

/** Holds at most one line; of a longer one only the beginning. */
async function* splitLines(input: AsyncIterable<string>): AsyncGenerator<Line> {
  let pieces: string[] = [];
  let length = 0;
  const take = (piece: string): void => {
    if (length <= maxBatchLineBytes && piece.length > 0) pieces.push(piece);
    length += piece.length;
  };
  const finish = (): Line => {
    const line = { text: pieces.join(''), whole: length <= maxBatchLineBytes };
    pieces = [];
    length = 0;
    return line;
  };
  for await (const chunk of input) {
    const parts = chunk.split('\n');
    for (const part of parts.slice(0, -1)) {
      take(part);
      yield finish();
    }
    take(parts.at(-1) ?? '');
  }
  if (length > 0) yield finish();
}
