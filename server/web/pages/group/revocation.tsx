/** For which purposes devices look servers up in revocation lists, and those lists. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import { useApp } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { SelectField } from '../../parts/form.tsx';
import { Rows } from '../../parts/rows.tsx';
import { type FactRow, Facts, Section } from '../../parts/show.tsx';
import { Time, TimeOr } from '../../parts/time.tsx';
import { EditDialog } from './block.tsx';
import { type GroupProps, pathOf, useReach } from './frame.tsx';
import { UploadDialog } from './upload.tsx';

const purposes = ['rdp', 'broker', 'log'] as const;
const modes = ['off', 'soft', 'hard'] as const;
type Purpose = (typeof purposes)[number];
type Mode = (typeof modes)[number];

export function Revocation({ mayChange, ...props }: GroupProps & { readonly mayChange: boolean }) {
  const { words, api, say } = useApp();
  const { groups } = words.web;
  const { revocation, id } = props.group;
  const [editing, setEditing] = useState<Purpose | null>(null);
  const [mode, setMode] = useState<Mode>('off');
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<string | null>(null);
  const reach = useReach(props.group);
  const path = `${pathOf(id)}/policy`;
  return (
    <Section title={groups.revocation} lead={groups.revocationLead}>
      <Facts
        rows={purposes.map(
          (purpose): FactRow => [
            groups.purposes[purpose],
            <span key={purpose} class="row-buttons">
              {groups.modes[revocation.effective[purpose]]}
              {mayChange && (
                <button
                  type="button"
                  class="link"
                  onClick={() => {
                    setMode(revocation.own[purpose]);
                    setEditing(purpose);
                  }}
                >
                  {groups.change}
                  <span class="unseen"> {groups.purposes[purpose]}</span>
                </button>
              )}
            </span>,
          ],
        )}
      />
      <h3>{groups.lists}</h3>
      {revocation.lists.length === 0 && <p>{groups.noLists}</p>}
      {revocation.lists.length > 0 && (
        <Rows
          caption={groups.lists}
          heads={[
            groups.file,
            groups.list.issuer,
            groups.list.from,
            groups.list.to,
            groups.list.revoked,
            groups.list.verified,
            groups.group,
          ]}
          rows={revocation.lists.map((list) => ({
            key: list.fingerprint,
            cells: [
              list.file,
              list.issuer,
              <Time key="f" at={list.thisUpdate} />,
              <TimeOr key="t" at={list.nextUpdate} none="–" />,
              list.revoked ?? '–',
              list.verified ? groups.migrateClient.yes : groups.migrateClient.no,
              <span key="g" class="row-buttons">
                {list.own ? groups.here : groups.origins.above}
                {list.own && mayChange && (
                  <button type="button" class="link" onClick={() => setRemoving(list.fingerprint)}>
                    {groups.delete}
                    <span class="unseen"> {list.file}</span>
                  </button>
                )}
              </span>,
            ],
          }))}
        />
      )}
      {mayChange && (
        <button type="button" class="button" onClick={() => setAdding(true)}>
          {groups.addLists}
        </button>
      )}
      {editing && (
        <EditDialog
          {...props}
          title={`${groups.revocation}: ${groups.purposes[editing]}`}
          run={() => api.send('PUT', `${path}/revocation`, { purpose: editing, mode })}
          onClose={() => setEditing(null)}
        >
          <SelectField
            label={groups.here}
            hint={fill(groups.effectively, { mode: groups.modes[revocation.effective[editing]] })}
            value={mode}
            choices={modes.map((each) => [each, groups.modes[each]])}
            onValue={(value) => setMode(value as Mode)}
          />
        </EditDialog>
      )}
      {adding && (
        <UploadDialog
          {...props}
          title={groups.addLists}
          path={`${path}/revocation-lists`}
          accept=".crl,.pem,.der"
          added={groups.addedList}
          onDone={props.changed}
          onClose={() => setAdding(false)}
        />
      )}
      {removing && (
        <ConfirmDialog
          title={groups.lists}
          consequences={[reach]}
          confirm={groups.delete}
          danger
          run={() => api.send('POST', `${path}/revocation-lists/remove`, { fingerprint: removing })}
          onDone={() => {
            setRemoving(null);
            say(groups.deleted);
            props.changed();
          }}
          onClose={() => setRemoving(null)}
        />
      )}
    </Section>
  );
}
