/** How a device shows that the certificate of another authority, which it says follows its identity, is its own. */

/**
 * What the key of the new certificate signs (ECDSA or RSA PKCS #1 v1.5 with SHA-256): `thintrust-identity-v1`, a zero byte,
 * and the SHA-256 of the identity in use and of the new certificate, lower-case hex. The device it is for follows from the
 * identity in use, whose key the handshake proves: the signature is worth nothing beside another one.
 */
export const announcedText = (inUse: string, next: string): Uint8Array =>
  Buffer.from(`thintrust-identity-v1\0${inUse}\0${next}`, 'latin1');
