/** What a server restored from a backup takes from policies that it signed after that backup, and devices still hold. */

/** Lower-case SHA-256, as everywhere. */
export type BlockedSince = {
  readonly blocked: readonly string[];
  /** Those the server shows now, or is about to: who blocks them again shuts every device out. */
  readonly left: readonly string[];
};

/**
 * To block is the careful side: what was blocked after the backup stays blocked, though a later decision to allow it again
 * may have been lost as well. `known` is what the group blocks already, with those above it.
 */
export function blockedSince(
  shown: readonly string[],
  known: readonly string[],
  ofServer: readonly string[],
): BlockedSince {
  const fresh = [...new Set(shown)].filter((fingerprint) => !known.includes(fingerprint));
  return {
    blocked: fresh.filter((fingerprint) => !ofServer.includes(fingerprint)),
    left: fresh.filter((fingerprint) => ofServer.includes(fingerprint)),
  };
}
