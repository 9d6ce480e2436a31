/** The mail with what a person types at a device to register it (M1, M3, M10). */
import { groupFingerprint } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { readAddress } from '../core/mail-address.ts';
import type { Server } from './context.ts';
import type { InvitationMail, Invited } from './invitations.ts';
import { queueMails } from './mail-outbox.ts';
import { readMailSetting } from './mail-setting.ts';
import { makeText, sayInstant } from './mail-texts.ts';
import type { Database, Tables } from './tables.ts';

type Told = Omit<Invited, 'mailedTo'>;

/** Queues it. Answers with the addresses. Faults: `mail-off`, `mail-no-address`, `bad-argument`. */
export async function mailInvitation(
  server: Server,
  trx: Database,
  wanted: {
    readonly id: string;
    readonly made: Told;
    readonly name: string | null;
    readonly user: Tables['users'] | null;
    readonly mail: InvitationMail;
  },
): Promise<Result<readonly string[]>> {
  const { made, user, mail, name } = wanted;
  const setting = await readMailSetting(trx);
  if (!setting) return bad('mail-off');
  const addresses: string[] = [];
  for (const typed of [user?.email ?? '', mail.copy ?? ''].filter((each) => each !== '')) {
    const address = readAddress(typed);
    if (!address.ok) return address;
    addresses.push(address.value);
  }
  if (addresses.length === 0) return bad('mail-no-address', { what: user ? made.invitation : 'copy' });
  const facts = {
    address: made.address,
    fingerprint: groupFingerprint(made.fingerprint),
    invitation: made.invitation,
    user: made.invitation,
    name: name ?? '',
    fullName: user?.full_name || made.invitation,
    password: made.password,
    expires: sayInstant(made.expiresAt, setting.language),
  };
  const content = await makeText(trx, user ? 'installation' : 'invitation', facts);
  const kind = user ? 'installation' : 'invitation';
  const endsAt = instant(made.expiresAt);
  await queueMails(server, trx, { kind, addresses, content, endsAt, invitation: wanted.id });
  return good([...new Set(addresses)]);
}
