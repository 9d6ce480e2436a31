/**
 * Where new keys of the device are made, and how one that lies on the disk is used. What the firmware wants holds for the next
 * key that is made; one that is there stays what it is.
 */
import { bad, good, type Result } from '../../protocol/fault.ts';
import type { KeyKind, KeyRef } from '../core/durable.ts';
import type { DeviceKey } from './device-key.ts';
import type { Tpm } from './tpm.ts';

/** What goes on the disk: PKCS#8, or a key as its TPM has wrapped it. */
export type MadeKey = { readonly kind: KeyRef['kind']; readonly bytes: Uint8Array };
export type Keys = {
  /** Faults: those of the TPM; `tpm-unfit` for a kind of key that none is made of; `bad-argument` for a setting that is none. */
  readonly make: (kind: KeyKind) => Promise<Result<MadeKey>>;
  /** Of what `KeyRef` names. Faults: those of the TPM. */
  readonly open: (ref: KeyRef, bytes: Uint8Array) => Promise<Result<DeviceKey>>;
};

/**
 * `wanted`: `file`; `tpm`, and no key where there is none; `auto`, a TPM where there is one at that moment and the key is of a kind
 * for it. A TPM that is there and fails gives no key, and never one in a file instead.
 */
export function openKeys(wanted: string, device: string): Keys {
  let opened: Promise<Tpm> | null = null;
  // Loaded where it is asked for: most devices have none.
  const tpm = (): Promise<Tpm> => {
    opened ??= import('./tpm.ts').then(({ openTpm }) => openTpm(device));
    return opened;
  };
  const inFile = async (kind: KeyKind): Promise<Result<MadeKey>> => {
    const { makeKey } = await import('./csr.ts');
    return good({ kind: 'file', bytes: makeKey(kind) });
  };
  const inTpm = async (): Promise<Result<MadeKey>> => {
    const made = (await tpm()).makeKey();
    return made.ok ? good({ kind: 'token', bytes: made.value }) : made;
  };
  return {
    make: async (kind) => {
      if (wanted === 'file') return inFile(kind);
      const fits = kind === 'P-256';
      if (wanted === 'auto') return fits && (await tpm()).isThere() ? inTpm() : inFile(kind);
      if (wanted !== 'tpm') return bad('bad-argument', { what: 'THINTRUST_KEY' });
      return fits ? inTpm() : bad('tpm-unfit', { kind });
    },
    open: async ({ kind }, bytes) => (kind === 'file' ? good(bytes) : (await tpm()).openKey(bytes)),
  };
}
