/** Authorities that are not ours, made by openssl: RSA, as SCEP needs them. */

import { makeKey } from '../../agent/edge/csr.ts';
import { toPem } from '../../protocol/certificate.ts';
import { openssl } from './openssl.ts';

export type ForeignCertificate = { readonly certificate: Uint8Array; readonly pkcs8: Uint8Array };

export const keyPem = (pkcs8: Uint8Array): string => toPem(pkcs8, 'PRIVATE KEY');

const extensions = `[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
subjectKeyIdentifier = hash
[signing]
extendedKeyUsage = 1.3.6.1.5.5.7.3.28
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
[enciphering]
extendedKeyUsage = 1.3.6.1.4.1.311.20.2.1
basicConstraints = critical,CA:FALSE
keyUsage = critical,keyEncipherment
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
`;

/** A self-signed root. */
export function makeRoot(name: string, pkcs8: Uint8Array = makeKey('RSA-2048')): ForeignCertificate {
  const config = `[req]\ndistinguished_name = name\n[name]\n${extensions}`;
  const args = [
    'req',
    '-x509',
    '-new',
    '-key',
    'key',
    '-config',
    'config',
    '-extensions',
    'ca',
    '-subj',
    `/CN=${name}`,
  ];
  const certificate = openssl([...args, '-days', '30', '-outform', 'DER', '-out', 'out'], {
    key: keyPem(pkcs8),
    config,
  });
  return { certificate, pkcs8 };
}

/** A certificate for the key and the subject of a request, which openssl verifies. */
export function issueFor(
  root: ForeignCertificate,
  request: Uint8Array,
  kind: 'ca' | 'signing' | 'enciphering' | 'client' = 'client',
): Uint8Array {
  const args = ['x509', '-req', '-inform', 'DER', '-in', 'csr', '-CA', 'ca', '-CAkey', 'key', '-set_serial', '4711'];
  return openssl([...args, '-days', '20', '-extfile', 'ext', '-extensions', kind, '-outform', 'DER', '-out', 'out'], {
    csr: request,
    ca: toPem(root.certificate),
    key: keyPem(root.pkcs8),
    ext: extensions,
  });
}
