/**
 * How the key of an uploaded certificate reaches its device: under a key of this one request, agreed by X25519 (RFC 7748 §6.1)
 * between two pairs that both sides forget, and bound to the device secret. So nothing that carries or terminates the connection can
 * read it, and a secret that gets known later opens no old request.
 */
import { hkdfSync } from 'node:crypto';

export type Delivery = {
  /** X25519, 32 bytes. */
  readonly shared: Uint8Array;
  /** Of the device, 32 bytes. */
  readonly secret: Uint8Array;
  readonly device: string;
  readonly certificate: string;
  /** X25519 public keys, 32 bytes each. */
  readonly devicePublic: Uint8Array;
  readonly serverPublic: Uint8Array;
};

const info = 'thintrust-delivery-v1';
export const deliveryNonceBytes = 12;
export const deliveryTagBytes = 16;
export const x25519Bytes = 32;

/** AES-256-GCM key: HKDF-SHA256 (RFC 5869), salt both public keys, the device's first. */
export function deliveryKey(delivery: Delivery): Uint8Array {
  const { shared, secret, device, certificate, devicePublic, serverPublic } = delivery;
  const material = Buffer.concat([shared, secret]);
  const salt = Buffer.concat([devicePublic, serverPublic]);
  return new Uint8Array(hkdfSync('sha256', material, salt, `${info}\0${device}\0${certificate}`, 32));
}
