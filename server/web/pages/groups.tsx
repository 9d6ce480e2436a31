/** The tree of groups, and where a new one is made. */
import { useState } from 'preact/hooks';
import { fill } from '../../../words/say.ts';
import type { GroupView } from '../../api/groups.ts';
import { useApp, useLoad, type Words } from '../app.ts';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { SelectField, TextField } from '../parts/form.tsx';
import { FaultNote, Loading, Page } from '../parts/show.tsx';
import { Tree, type TreeNode } from '../parts/tree.tsx';

export function GroupsPage() {
  const { words, rights } = useApp();
  const { groups } = words.web;
  const { value, fault, again } = useLoad<readonly GroupView[]>('/groups');
  const [q, setQ] = useState('');
  const [adding, setAdding] = useState(false);
  const nodes = value ? treeOf(words, value, q.trim().toLowerCase()) : [];
  const add = rights.includes('edit-groups') && (
    <button type="button" class="button button-main" onClick={() => setAdding(true)}>
      {groups.add}
    </button>
  );
  return (
    <Page title={groups.title} lead={groups.lead} actions={add}>
      <FaultNote fault={fault} again={again} />
      {!value && !fault && <Loading />}
      {value && (
        <>
          <TextField label={groups.search} maxLength={120} value={q} onValue={setQ} />
          <p role="status" class={nodes.length > 0 ? 'unseen' : 'quiet'}>
            {nodes.length === 0 && groups.nothing}
          </p>
          {nodes.length > 0 && <Tree label={groups.tree} nodes={nodes} />}
        </>
      )}
      {adding && <AddGroup groups={value ?? []} parent="" onClose={() => setAdding(false)} />}
    </Page>
  );
}

/** Leads to the group that was made. */
export function AddGroup({
  groups,
  parent: given,
  onClose,
}: {
  readonly groups: readonly GroupView[];
  /** Id; empty: at the top. */
  readonly parent: string;
  readonly onClose: () => void;
}) {
  const { words, api, say, navigate } = useApp();
  const own = words.web.groups;
  const [name, setName] = useState('');
  const [parent, setParent] = useState(given);
  const body = { name: name.trim(), ...(parent === '' ? {} : { parent }) };
  return (
    <ConfirmDialog<{ readonly id: string }>
      title={own.add}
      consequences={[own.addWhat]}
      confirm={own.add}
      run={() => api.send('POST', '/groups', body)}
      onDone={({ id }) => {
        onClose();
        say(own.added);
        navigate(`/groups/${id}`);
      }}
      onClose={onClose}
    >
      <TextField label={own.name} required maxLength={120} autoFocus value={name} onValue={setName} />
      <ParentField groups={groups} value={parent} onValue={setParent} />
    </ConfirmDialog>
  );
}

export function ParentField({
  groups,
  value,
  onValue,
}: {
  readonly groups: readonly GroupView[];
  readonly value: string;
  readonly onValue: (id: string) => void;
}) {
  const { groups: own } = useApp().words.web;
  const choices = groups.filter(({ kind }) => kind === 'ordinary').map(({ id, path }) => [id, path] as const);
  return <SelectField label={own.parent} value={value} choices={[['', own.top], ...choices]} onValue={onValue} />;
}

/** Those that fit and what is above them; the server's own groups last. */
function treeOf(words: Words, groups: readonly GroupView[], q: string): readonly TreeNode[] {
  const own = words.web.groups;
  const below = new Map<string | null, GroupView[]>();
  for (const group of groups) below.set(group.parent, [...(below.get(group.parent) ?? []), group]);
  const total = (group: GroupView): number =>
    (below.get(group.id) ?? []).reduce((sum, child) => sum + total(child), group.devices);
  const note = (group: GroupView): string => {
    const counts = { own: group.devices, all: total(group) };
    const devices = fill(counts.all === counts.own ? own.counted : own.countedAll, counts);
    return group.kind === 'ordinary' ? devices : `${devices} · ${own.kinds[group.kind]}`;
  };
  const nodes = (parent: string | null, all: boolean): readonly TreeNode[] =>
    (below.get(parent) ?? [])
      .toSorted((one, other) => Number(one.kind !== 'ordinary') - Number(other.kind !== 'ordinary'))
      .flatMap((group) => {
        const fits = all || group.name.toLowerCase().includes(q);
        const children = nodes(group.id, fits);
        const { id, name } = group;
        return fits || children.length > 0 ? [{ id, name, href: `/groups/${id}`, note: note(group), children }] : [];
      });
  return nodes(null, q === '');
}
