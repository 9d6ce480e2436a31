/** What somebody chose on his disk, as the API takes it. */

/** Base64 of the file's bytes; null where it cannot be read (any more). */
export async function base64Of(file: File): Promise<string | null> {
  const bytes = await file.arrayBuffer().catch(() => null);
  return bytes && btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(''));
}
