/** The mail with what a person types at a device to register it (M1, M3, M10). */
import { groupFingerprint } from '../../protocol/certificate.ts';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import type { Invited } from '../api/onboarding.ts';
import { invitationEnd } from '../core/invitation.ts';
import { readAddress } from '../core/mail-address.ts';
import { spellUser } from '../core/user.ts';
import type { Server } from './context.ts';
import type { InvitationMail } from './invitations.ts';
import { queueMails } from './mail-outbox.ts';
import { readMailSetting } from './mail-setting.ts';
import { makeText, sayInstant } from './mail-texts.ts';
import type { Database, Tables } from './tables.ts';

type Told = Omit<Invited, 'mailedTo'>;
type Entrance = Pick<Invited, 'address' | 'fingerprint'>;

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
  const addresses = addressesOf(user, mail, made.invitation);
  if (!addresses.ok) return addresses;
  const facts = {
    ...entranceFacts(made),
    invitation: made.invitation,
    user: made.invitation,
    name: name ?? '',
    fullName: user?.full_name || made.invitation,
    password: made.password,
    expires: sayInstant(made.expiresAt, setting.language),
  };
  const kind = user ? 'installation' : 'invitation';
  const content = await makeText(trx, kind, facts);
  const endsAt = instant(made.expiresAt);
  await queueMails(server, trx, { kind, addresses: addresses.value, content, endsAt, invitation: wanted.id });
  return addresses;
}

/** What a user types who registers by name and own password alone. Faults as above. */
export async function mailEntrance(
  server: Server,
  trx: Database,
  { user, made, mail }: { readonly user: Tables['users']; readonly made: Entrance; readonly mail: InvitationMail },
): Promise<Result<readonly string[]>> {
  if (!(await readMailSetting(trx))) return bad('mail-off');
  const name = spellUser(user);
  const addresses = addressesOf(user, mail, name);
  if (!addresses.ok) return addresses;
  const facts = { ...entranceFacts(made), user: name, fullName: user.full_name || name };
  const content = await makeText(trx, 'credentials', facts);
  const endsAt = invitationEnd(server.clock());
  await queueMails(server, trx, { kind: 'credentials', addresses: addresses.value, content, endsAt });
  return addresses;
}

const entranceFacts = ({ address, fingerprint }: Entrance) => ({
  address,
  fingerprint: groupFingerprint(fingerprint),
});

/** Of the user, and of the copy. */
function addressesOf(user: Tables['users'] | null, mail: InvitationMail, name: string): Result<readonly string[]> {
  const addresses: string[] = [];
  for (const typed of [user?.email ?? '', mail.copy ?? ''].filter((each) => each !== '')) {
    const address = readAddress(typed);
    if (!address.ok) return address;
    addresses.push(address.value);
  }
  if (addresses.length === 0) return bad('mail-no-address', { what: user ? name : 'copy' });
  return good([...new Set(addresses)]);
}
