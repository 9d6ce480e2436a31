/** One block of settings: what counts and whose word it is, the lock, and the way to change it. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { BlockOf, GroupDetails, GroupRef } from '../../../api/groups.ts';
import type { Answer } from '../../api.ts';
import { useApp } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { CheckField } from '../../parts/form.tsx';
import { type FactRow, Facts } from '../../parts/show.tsx';
import { type GroupProps, pathOf, useReach } from './frame.tsx';

export function Block<T>({
  group,
  of: { own, effective, from, lockedBy },
  say,
  none,
  mayChange,
  lock,
  onChange,
  children,
}: GroupProps & {
  readonly of: BlockOf<T>;
  readonly say: (value: T) => ComponentChildren;
  /** Where nobody says anything. */
  readonly none?: string;
  readonly mayChange: boolean;
  readonly lock?: ComponentChildren;
  readonly onChange: () => void;
  readonly children?: ComponentChildren;
}) {
  const { groups } = useApp().words.web;
  const isOwn = from?.id === group.id;
  const rows: readonly FactRow[] = [
    [groups.inForce, effective === null ? <span class="quiet">{none ?? groups.nothingSet}</span> : say(effective)],
    ...(from ? [[groups.setIn, isOwn ? groups.here : <GroupLink key="f" group={from} />] as const] : []),
    ...(own !== null && !isOwn ? [[groups.ownUnused, say(own)] as const] : []),
  ];
  return (
    <>
      <Facts rows={rows} />
      {children}
      {lockedBy && !lock && <p class="hint">{fill(groups.lockedBy, { group: lockedBy.name })}</p>}
      {lock}
      {mayChange && !lockedBy && (
        <button type="button" class="button" onClick={onChange}>
          {groups.change}
        </button>
      )}
    </>
  );
}

export const GroupLink = ({ group: { id, name } }: { readonly group: GroupRef }) => <a href={pathOf(id)}>{name}</a>;

/** A change of the policy: says how many devices it goes to before it is made. */
export function EditDialog({
  title,
  what,
  group,
  changed,
  run,
  onClose,
  children,
}: GroupProps & {
  readonly title: string;
  readonly what?: string;
  readonly run: () => Promise<Answer<unknown>>;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const { words, say } = useApp();
  const { groups } = words.web;
  const reach = useReach(group);
  return (
    <ConfirmDialog
      title={title}
      consequences={[...(what ? [what] : []), reach]}
      confirm={groups.save}
      run={run}
      onDone={() => {
        onClose();
        say(groups.saved);
        changed();
      }}
      onClose={onClose}
    >
      {children}
    </ConfirmDialog>
  );
}

type LockName = 'certificates' | 'contacts' | 'identity' | 'rotation' | keyof GroupDetails['locks'];

/** Locks the block for groups below and for devices; where a group above does, it says which. */
export function LockField({
  name,
  label,
  of: { enforced, lockedBy },
  mayChange,
  group,
  changed,
}: GroupProps & {
  readonly name: LockName;
  /** What is locked, where several stand together. */
  readonly label?: string;
  readonly of: { readonly enforced: boolean; readonly lockedBy: GroupRef | null };
  readonly mayChange: boolean;
}) {
  const { words, api, say } = useApp();
  const { groups } = words.web;
  const [asking, setAsking] = useState(false);
  const reach = useReach(group);
  const block = label ?? groups.lockNames[name as keyof typeof groups.lockNames];
  const coded = name === 'connection' || name === 'reset';
  const what = enforced ? groups.unlockWhat : groups.lockWhat;
  return (
    <>
      <CheckField
        label={label ?? groups.enforced}
        hint={
          lockedBy ? fill(groups.lockedBy, { group: lockedBy.name }) : coded ? groups.lockCodes : groups.enforcedHint
        }
        checked={enforced || lockedBy !== null}
        disabled={!mayChange || lockedBy !== null}
        onChecked={() => setAsking(true)}
      />
      {asking && (
        <ConfirmDialog
          title={fill(enforced ? groups.unlockTitle : groups.lockTitle, { block })}
          consequences={[what, reach]}
          confirm={groups.save}
          run={() => api.send('PUT', `${pathOf(group.id)}/policy/lock`, { block: name, enforced: !enforced })}
          onDone={() => {
            setAsking(false);
            say(groups.saved);
            changed();
          }}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}
