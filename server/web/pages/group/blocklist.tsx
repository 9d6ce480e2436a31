/** Certificates that devices of a group refuse whatever else is said of them. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { BlockedRow, BlockReach } from '../../../api/groups.ts';
import { useApp, useLoad } from '../../app.ts';
import type { PageProps } from '../../pages.ts';
import { ConfirmDialog, Dialog } from '../../parts/dialog.tsx';
import { CheckField, TextField } from '../../parts/form.tsx';
import { FaultNote, Fingerprint } from '../../parts/show.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { Time } from '../../parts/time.tsx';
import { GroupLink } from './block.tsx';
import { GroupFrame, type GroupProps, pathOf, useReach } from './frame.tsx';

export const GroupBlocklistPage = ({ params: { id = '' } }: PageProps) => (
  <GroupFrame id={id} part="blocklist" wide>
    {(props) => <Blocklist {...props} />}
  </GroupFrame>
);

function Blocklist({ group, changed }: GroupProps) {
  const { words, rights, say } = useApp();
  const { groups } = words.web;
  const [blocking, setBlocking] = useState(false);
  const [freeing, setFreeing] = useState<{ rows: readonly BlockedRow[]; done: () => void } | null>(null);
  const [round, setRound] = useState(0);
  const officer = rights.includes('edit-policy-certificates');
  const done = (text: string) => {
    say(text);
    setRound(round + 1);
    changed();
  };
  const columns: readonly Column<BlockedRow>[] = [
    {
      id: 'fingerprint',
      title: groups.fingerprint,
      sortable: true,
      kind: 'main',
      cell: ({ fingerprint }) => <Fingerprint value={fingerprint} />,
    },
    {
      id: 'subject',
      title: groups.subject,
      sortable: true,
      cell: ({ subject }) => subject ?? <span class="quiet">{groups.unknown}</span>,
    },
    {
      id: 'group',
      title: groups.group,
      sortable: true,
      cell: ({ own, groupId, group: name }) => (own ? groups.here : <GroupLink group={{ id: groupId, name }} />),
    },
    { id: 'addedAt', title: groups.addedAt, sortable: true, cell: ({ addedAt }) => <Time at={addedAt} /> },
  ];
  return (
    <>
      {officer && (
        <div class="group-tools">
          <button type="button" class="button button-main" onClick={() => setBlocking(true)}>
            {groups.block}
          </button>
        </div>
      )}
      <Table
        key={round}
        path={`${pathOf(group.id)}/policy/blocklist`}
        caption={groups.blocklist}
        columns={columns}
        start={{ sort: 'addedAt', order: 'desc' }}
        keyOf={({ groupId, fingerprint }) => `${groupId} ${fingerprint}`}
        empty={groups.noBlocked}
        {...(officer && {
          selection: {
            nameOf: ({ fingerprint }: BlockedRow) => fingerprint.slice(0, 16),
            actions: (rows: readonly BlockedRow[], unselect: () => void) => (
              <button type="button" class="button" onClick={() => setFreeing({ rows, done: unselect })}>
                {groups.unblock}
              </button>
            ),
          },
        })}
      />
      {blocking && (
        <BlockDialog
          group={group}
          onDone={() => {
            setBlocking(false);
            done(groups.blocked);
          }}
          onClose={() => setBlocking(false)}
        />
      )}
      {freeing && (
        <UnblockDialog
          group={group}
          rows={freeing.rows}
          onDone={() => {
            setFreeing(null);
            freeing.done();
            done(groups.unblocked);
          }}
          onClose={() => setFreeing(null)}
        />
      )}
    </>
  );
}

type Closing = Pick<GroupProps, 'group'> & { readonly onDone: () => void; readonly onClose: () => void };

function BlockDialog({ group, ...closing }: Closing) {
  const { words, api, language } = useApp();
  const { groups } = words.web;
  const [typed, setTyped] = useState('');
  const [everywhere, setEverywhere] = useState(false);
  const reach = useReach(group);
  const fingerprint = typed.replace(/[\s:]/g, '').toLowerCase();
  const right = /^[0-9a-f]{64}$/.test(fingerprint);
  const path = everywhere ? '/blocklist' : `${pathOf(group.id)}/policy/blocklist`;
  const all = useLoad<BlockReach>(everywhere && right ? `/blocklist/${fingerprint}` : null);
  const count = new Intl.NumberFormat(language);
  const far = right &&
    !all.loading &&
    all.value && [
      fill(groups.compromisedWhat, { devices: count.format(all.value.devices) }),
      fill(groups.compromisedTrust, { devices: count.format(all.value.trusting) }),
    ];
  return (
    <ConfirmDialog
      title={groups.block}
      consequences={everywhere ? far || [groups.blockWhat] : [groups.blockWhat, reach]}
      confirm={groups.block}
      ready={!everywhere || Boolean(far)}
      danger
      run={() => api.send<unknown>('PUT', path, { fingerprint, blocked: true })}
      {...closing}
    >
      <TextField
        label={groups.sha256}
        hint={groups.blockLead}
        wrong={typed === '' || right ? null : groups.sha256}
        required
        maxLength={120}
        autoFocus
        value={typed}
        onValue={setTyped}
      />
      <FaultNote fault={all.fault} again={all.again} />
      <CheckField label={groups.everywhere} checked={everywhere} onChecked={setEverywhere} />
    </ConfirmDialog>
  );
}

function UnblockDialog({ group, rows, ...closing }: Closing & { readonly rows: readonly BlockedRow[] }) {
  const { words, api } = useApp();
  const { groups } = words.web;
  const reach = useReach(group);
  const own = rows.filter((row) => row.own);
  if (own.length === 0)
    return (
      <Dialog title={groups.unblock} onClose={closing.onClose}>
        <p>{groups.unblockNone}</p>
      </Dialog>
    );
  const path = `${pathOf(group.id)}/policy/blocklist`;
  return (
    <ConfirmDialog
      title={fill(groups.unblockTitle, { count: own.length })}
      consequences={[groups.unblockWhat, reach]}
      confirm={groups.unblock}
      danger
      run={async () => {
        for (const { fingerprint } of own) {
          const answer = await api.send<unknown>('PUT', path, { fingerprint, blocked: false });
          if (!answer.ok) return answer;
        }
        return { ok: true, value: null };
      }}
      {...closing}
    />
  );
}
