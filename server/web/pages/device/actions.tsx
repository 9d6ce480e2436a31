/** What is done with one device: each says before what will happen to it and its certificates. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { CertificateRow } from '../../../api/certificates.ts';
import type { DeviceRow } from '../../../api/devices.ts';
import type { GroupView } from '../../../api/groups.ts';
import { useApp, useLoad } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { SelectField } from '../../parts/form.tsx';

type Doing = 'renew' | 'move' | 'wipe' | 'revoke' | 'remove';
type Props = {
  readonly device: DeviceRow;
  /** Its certificates in the list; null while they are not known. */
  readonly certificates: readonly CertificateRow[] | null;
  readonly onDone: (gone: boolean) => void;
};

/** Those that this account may use, and that the state of the device allows. */
export function DeviceActions({ device, certificates, onDone }: Props) {
  const { words, rights } = useApp();
  const { devices } = words.web;
  const [doing, setDoing] = useState<Doing | null>(null);
  const active = device.standing === 'active' && !device.waiting;
  const offered: readonly (readonly [Doing, string, boolean])[] = [
    ['renew', 'edit-identities', active],
    ['move', 'edit-devices', device.standing !== 'inactive'],
    ['wipe', 'edit-certificates', active],
    ['revoke', 'edit-identities', device.standing !== 'inactive'],
    ['remove', 'edit-identities', true],
  ];
  const shown = offered.filter(([, right, fits]) => fits && rights.includes(right));
  const running = { device, certificates, onClose: () => setDoing(null) };
  return (
    <>
      {shown.map(([action]) => (
        <button key={action} type="button" class="button" onClick={() => setDoing(action)}>
          {devices.actions[action]}
        </button>
      ))}
      {doing === 'move' && <Move {...running} onDone={() => onDone(false)} />}
      {doing !== null && doing !== 'move' && (
        <Confirm {...running} doing={doing} onDone={() => onDone(doing === 'remove')} />
      )}
    </>
  );
}

type Running = Omit<Props, 'onDone'> & { readonly onClose: () => void; readonly onDone: () => void };

function Confirm({
  device,
  certificates,
  doing,
  onDone,
  onClose,
}: Running & { readonly doing: Exclude<Doing, 'move'> }) {
  const { words, api, say } = useApp();
  const { devices } = words.web;
  const path = `/devices/${device.id}`;
  const corporate = (certificates ?? []).filter(({ type, status }) => type !== 'mobile' && status !== 'wiped');
  const facts = { name: device.name, group: device.group, count: certificates ? corporate.length : '…' };
  const requests = {
    renew: ['POST', `${path}/identity/renew`],
    wipe: ['POST', `${path}/wipe`],
    revoke: ['DELETE', `${path}/identity`],
    remove: ['DELETE', path],
  } as const;
  const [method, where] = requests[doing];
  return (
    <ConfirmDialog
      title={`${devices.actions[doing]}: ${device.name}`}
      consequences={devices.consequences[doing].map((sentence) => fill(sentence, facts))}
      confirm={devices.actions[doing]}
      danger={doing !== 'renew'}
      run={() => api.send(method, where)}
      onDone={() => {
        say(devices.doneActions[doing]);
        onClose();
        onDone();
      }}
      onClose={onClose}
    />
  );
}

function Move({ device, onDone, onClose }: Running) {
  const { words, api, say } = useApp();
  const { devices } = words.web;
  const groups = useLoad<readonly GroupView[]>('/groups');
  const others = (groups.value ?? []).filter(({ id, kind }) => id !== device.groupId && kind !== 'recovered');
  const [chosen, setChosen] = useState<string | null>(null);
  const group = chosen ?? others[0]?.id ?? '';
  return (
    <ConfirmDialog
      title={`${devices.actions.move}: ${device.name}`}
      consequences={devices.consequences.move.map((sentence) => fill(sentence, { group: device.group }))}
      confirm={devices.moveNow}
      run={() => api.send('POST', `/devices/${device.id}/move`, { group })}
      onDone={() => {
        say(devices.doneActions.move);
        onClose();
        onDone();
      }}
      onClose={onClose}
    >
      <SelectField
        label={devices.moveTo}
        value={group}
        choices={others.map(({ id, path }) => [id, path] as const)}
        onValue={setChosen}
      />
    </ConfirmDialog>
  );
}
