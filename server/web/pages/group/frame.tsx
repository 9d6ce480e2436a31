/** What is around each part of a group's policy: its place, what can be done with it, how far its policy has come. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { Delivery, GroupDetails, GroupView } from '../../../api/groups.ts';
import { useApp, useLoad, usePoll } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { TextField } from '../../parts/form.tsx';
import { FaultNote, Loading, Note, Page, Status } from '../../parts/show.tsx';
import { sayTime } from '../../parts/time.tsx';
import { AddGroup, ParentField } from '../groups.tsx';

export type Part = 'settings' | 'certificates' | 'blocklist';
export type GroupProps = { readonly group: GroupDetails; readonly changed: () => void };

const parts: readonly Part[] = ['settings', 'certificates', 'blocklist'];
export const pathOf = (id: string): string => `/groups/${encodeURIComponent(id)}`;

export function GroupFrame({
  id,
  part,
  wide,
  children,
}: {
  readonly id: string;
  readonly part: Part;
  readonly wide?: boolean;
  readonly children: (props: GroupProps) => ComponentChildren;
}) {
  const { words } = useApp();
  const { groups } = words.web;
  const { value: group, fault, again } = useLoad<GroupDetails>(pathOf(id));
  const [round, setRound] = useState(0);
  const changed = () => {
    setRound(round + 1);
    again();
  };
  const lead =
    group?.kind === 'ordinary' ? group.path.map(({ name }) => `${name} / `).join('') + group.name : undefined;
  return (
    <Page
      title={group?.name ?? groups.tree}
      {...(group && group.path.length > 0 && lead ? { lead } : {})}
      up={{ href: '/groups', title: groups.title }}
      {...(wide ? { wide } : {})}
      actions={group?.kind === 'ordinary' && <Actions group={group} changed={changed} />}
    >
      <nav class="tabs" aria-label={groups.parts}>
        {parts.map((each) => (
          <a
            key={each}
            href={each === 'settings' ? pathOf(id) : `${pathOf(id)}/${each}`}
            aria-current={each === part ? 'page' : undefined}
          >
            {groups.tabs[each]}
          </a>
        ))}
      </nav>
      <FaultNote fault={fault} again={again} />
      {group ? (
        <>
          <Arriving key={round} group={group} />
          {children({ group, changed })}
        </>
      ) : (
        !fault && <Loading />
      )}
    </Page>
  );
}

/** How many devices a change of the policy reaches. */
export function useReach({ delivery, groups }: GroupDetails): string {
  const { words, language } = useApp();
  const count = new Intl.NumberFormat(language);
  return fill(words.web.groups.reach, { devices: count.format(delivery.devices), groups: count.format(groups + 1) });
}

const pollMs = 3000;

function Arriving({ group }: { readonly group: GroupDetails }) {
  const { words, language } = useApp();
  const { groups } = words.web;
  const { rev, signedAt, devices, applied } =
    usePoll<Delivery>(`${pathOf(group.id)}/delivery`, pollMs) ?? group.delivery;
  const count = new Intl.NumberFormat(language);
  const counts = { devices: count.format(devices), applied: count.format(applied) };
  const sentence = devices === 0 ? groups.deliveryNone : groups.deliverySome;
  return (
    <div class="delivery">
      <span class="quiet">{fill(groups.delivery, { rev, time: sayTime(words, signedAt) })}</span>
      {devices > applied && <progress max={devices} value={applied} aria-label={fill(sentence, counts)} />}
      <span role="status">
        <Status tone={devices === 0 ? 'quiet' : applied < devices ? 'warn' : 'good'} text={fill(sentence, counts)} />
      </span>
      {devices > 0 && <a href={`/devices?within=${encodeURIComponent(group.id)}`}>{groups.showDevices}</a>}
    </div>
  );
}

type Doing = 'add' | 'rename' | 'move' | 'remove';

function Actions({ group, changed }: GroupProps) {
  const { words, rights } = useApp();
  const { groups } = words.web;
  const [doing, setDoing] = useState<Doing | null>(null);
  if (!rights.includes('edit-groups')) return null;
  const texts = [
    ['add', groups.addBelow],
    ['rename', groups.rename],
    ['move', groups.move],
    ['remove', groups.remove],
  ] as const;
  return (
    <>
      {texts.map(([each, text]) => (
        <button key={each} type="button" class="button" onClick={() => setDoing(each)}>
          {text}
        </button>
      ))}
      {doing && <Step doing={doing} group={group} changed={changed} onClose={() => setDoing(null)} />}
    </>
  );
}

function Step({
  doing,
  group,
  changed,
  onClose,
}: GroupProps & { readonly doing: Doing; readonly onClose: () => void }) {
  const { words, api, say, navigate } = useApp();
  const { groups } = words.web;
  const all = useLoad<readonly GroupView[]>(doing === 'add' || doing === 'move' ? '/groups' : null);
  const [name, setName] = useState(group.name);
  const [parent, setParent] = useState(group.path.at(-1)?.id ?? '');
  const reach = useReach(group);
  const path = pathOf(group.id);
  const done = (text: string) => () => {
    onClose();
    say(text);
    changed();
  };
  if (doing === 'add') return all.value && <AddGroup groups={all.value} parent={group.id} onClose={onClose} />;
  if (doing === 'rename')
    return (
      <ConfirmDialog
        title={fill(groups.renameTitle, { name: group.name })}
        consequences={[reach]}
        confirm={groups.rename}
        run={() => api.send('PUT', `${path}/name`, { name: name.trim() })}
        onDone={done(groups.renamed)}
        onClose={onClose}
      >
        <TextField label={groups.name} required maxLength={120} autoFocus value={name} onValue={setName} />
      </ConfirmDialog>
    );
  if (doing === 'move')
    return (
      <ConfirmDialog
        title={fill(groups.moveTitle, { name: group.name })}
        consequences={[groups.moveWhat, groups.moveNamed, reach]}
        confirm={groups.move}
        danger
        run={() => api.send('PUT', `${path}/parent`, { parent: parent || null })}
        onDone={done(groups.moved)}
        onClose={onClose}
      >
        <FaultNote fault={all.fault} again={all.again} />
        <ParentField
          groups={(all.value ?? []).filter(({ id }) => id !== group.id)}
          value={parent}
          onValue={setParent}
        />
      </ConfirmDialog>
    );
  return (
    <ConfirmDialog
      title={fill(groups.removeTitle, { name: group.name })}
      consequences={[groups.removeWhat]}
      confirm={groups.remove}
      danger
      run={() => api.send('DELETE', path)}
      onDone={() => {
        say(groups.removed);
        navigate('/groups');
      }}
      onClose={onClose}
    >
      {group.devices + group.groups > 0 && <Note tone="warn">{groups.notEmpty}</Note>}
    </ConfirmDialog>
  );
}
