/** A certificate that is compromised: blocked everywhere, after it was said for how many devices. */
import { fill } from '../../../../words/say.ts';
import type { BlockReach } from '../../../api/groups.ts';
import { useApp, useLoad } from '../../app.ts';
import { ConfirmDialog, Dialog } from '../../parts/dialog.tsx';
import { FaultNote, Fingerprint, Loading } from '../../parts/show.tsx';

export function Compromised({
  fingerprint,
  subject,
  onDone,
  onClose,
}: {
  readonly fingerprint: string;
  readonly subject: string | null;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const { words, api, language } = useApp();
  const { groups } = words.web;
  const reach = useLoad<BlockReach>(`/blocklist/${fingerprint}`);
  const count = new Intl.NumberFormat(language);
  if (!reach.value)
    return (
      <Dialog title={groups.compromisedTitle} onClose={onClose}>
        {reach.fault ? <FaultNote fault={reach.fault} again={reach.again} /> : <Loading />}
      </Dialog>
    );
  const { devices, trusting } = reach.value;
  return (
    <ConfirmDialog
      title={groups.compromisedTitle}
      consequences={[
        fill(groups.compromisedWhat, { devices: count.format(devices) }),
        fill(groups.compromisedTrust, { devices: count.format(trusting) }),
        ...(reach.value.policies.length > 0 ? [groups.compromisedStay] : []),
      ]}
      confirm={groups.compromised}
      danger
      run={() => api.send('PUT', '/blocklist', { fingerprint, blocked: true })}
      onDone={onDone}
      onClose={onClose}
    >
      <div>
        {subject && <p>{subject}</p>}
        <Fingerprint value={fingerprint} />
      </div>
    </ConfirmDialog>
  );
}
