/** What several pages say of a certificate. */
import type { CertificateRow } from '../../../api/certificates.ts';
import { useApp, type Words } from '../../app.ts';
import { Status, type Tone } from '../../parts/show.tsx';

/** The device that has it, or else whose it is: of Android and iOS no device is known. */
export const holderOf = (words: Words, { device, user, kind }: CertificateRow): string =>
  device ?? [words.web.certificates.kinds[kind], ...(user === null ? [] : [user])].join(', ');

const tones: Readonly<Record<CertificateRow['status'], Tone>> = {
  ordered: 'warn',
  recorded: 'quiet',
  issued: 'warn',
  valid: 'good',
  'renewal-asked': 'warn',
  renewed: 'good',
  superseded: 'quiet',
  expired: 'bad',
  retired: 'bad',
  wiping: 'warn',
  wiped: 'quiet',
};

export function CertificateStatus({ row: { status } }: { readonly row: Pick<CertificateRow, 'status'> }) {
  return <Status tone={tones[status]} text={useApp().words.web.certificates.statuses[status]} />;
}
