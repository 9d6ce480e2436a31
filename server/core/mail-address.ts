/** Addresses of e-mail (RFC 5321 §4.1.2) as this server takes them: plain ASCII before the `@`, a DNS name behind it. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { parseTarget } from '../../protocol/target.ts';

/** `Dot-string` of RFC 5321: no quoted names, which could carry anything. */
const local = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const longestLocal = 64;
const longestAddress = 254;

/**
 * The address as it goes over the wire: a domain in another alphabet becomes A-labels (RFC 5891). Names before the `@` in
 * other alphabets (RFC 6531) are not taken. Fault: `bad-argument`.
 */
export function readAddress(typed: string): Result<string> {
  const text = typed.trim();
  const at = text.lastIndexOf('@');
  const name = text.slice(0, Math.max(0, at));
  const domain = parseTarget(text.slice(at + 1));
  const host = domain.ok && !domain.value.host?.includes('_') ? domain.value.host : null;
  const address = `${name}@${host}`;
  return host !== null && name.length <= longestLocal && local.test(name) && address.length <= longestAddress
    ? good(address)
    : bad('bad-argument', { what: `e-mail address ${text.slice(0, 80)}` });
}
