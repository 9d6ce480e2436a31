/**
 * The name or address a person or a configuration gave, as a reference identity of RFC 9525: A-labels in lower case, or a
 * canonical IP literal. A text that only some resolvers read as an address is refused, not guessed at.
 */
import { domainToASCII } from 'node:url';
import { bad, good, type Result } from './fault.ts';

/** What a certificate must name. Both demanded: it must name both. Neither: the name is not checked. */
export type Target = { readonly host: string | null; readonly ip: string | null };

/** Where to connect: `host` is an A-label name or an IP literal without brackets; `text` is `host:port` for people. */
export type Place = { readonly host: string; readonly port: number; readonly target: Target; readonly text: string };

const longestInput = 1000;
const longestName = 253;
const octet = '(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const ipv4 = new RegExp(`^${octet}(\\.${octet}){3}$`);
/** RFC 1123 §2.1, and `_`, which internal names have. */
const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** WHATWG URL §3.5 "ends in a number": what inet_aton(3) may take for an IPv4 address. */
const numeric = /^([0-9]+|0x[0-9a-f]*)$/;

/**
 * A host as typed: DNS name, internationalized name, IPv4, or IPv6 with or without brackets. One trailing dot is
 * dropped. Fault: `bad-argument` (leading dot, NUL, empty label, wildcard, port, ambiguous number, too long).
 */
export function parseTarget(text: string): Result<Target> {
  const address = parseIp(text);
  if (address.ok) return address;
  const host = toName(text);
  return host === null ? bad('bad-argument', { what: 'host' }) : good({ host, ip: null });
}

/**
 * A server as typed: a host as above, and a port behind a colon; an IPv6 literal with a port stands in brackets.
 * Fault: `bad-argument`.
 */
export function parsePlace(text: string, defaultPort: number): Result<Place> {
  const typed = text.trim();
  const bare = parseIp(typed);
  const [, before = typed, digits = ''] = bare.ok ? [] : (/^(.*):([0-9]{1,5})$/.exec(typed) ?? []);
  const target = parseTarget(before);
  if (!target.ok) return target;
  const port = digits === '' ? defaultPort : Number(digits);
  if (port < 1 || port > 65535) return bad('bad-argument', { what: 'port' });
  const host = target.value.host ?? target.value.ip ?? '';
  return good({ host, port, target: target.value, text: `${host.includes(':') ? `[${host}]` : host}:${port}` });
}

/** An IP literal only; no zone, no octal, no short forms. Fault: `bad-argument`. */
export function parseIp(text: string): Result<Target> {
  const ip = ipv4.test(text) ? text : toIpv6(text);
  return ip === null ? bad('bad-argument', { what: 'ip' }) : good({ host: null, ip });
}

/** RFC 5952 form; the URL parser reads RFC 4291 §2.2 and nothing else between brackets. */
function toIpv6(text: string): string | null {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  if (bare.length > 45 || !/^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(bare)) return null;
  return URL.canParse(`http://[${bare}]/`) ? new URL(`http://[${bare}]/`).hostname.slice(1, -1) : null;
}

function toName(text: string): string | null {
  if (text.length > longestInput) return null;
  const ascii = toAscii(text);
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  const labels = name.split('.');
  if (name.length > longestName || !labels.every((one) => label.test(one))) return null;
  return numeric.test(labels.at(-1) ?? '') ? null : name;
}

/** UTS 46 only where it is needed, and never over ASCII that a URL parser would read as something else than a name. */
function toAscii(text: string): string {
  const lower = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (/^[a-z0-9._-]*$/.test(lower)) return lower;
  return [...lower].every((letter) => letter > '\u007f' || /[a-z0-9._-]/.test(letter)) ? domainToASCII(lower) : '';
}
