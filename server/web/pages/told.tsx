/** What the person at a device types, shown this once. */
import { useApp } from '../app.ts';
import { csvFile } from '../parts/file-link.ts';
import { Icon } from '../parts/icon.tsx';
import { Rows } from '../parts/rows.tsx';
import { Facts, Fingerprint, Note, Section } from '../parts/show.tsx';
import { Time } from '../parts/time.tsx';

type Secret = { readonly invitation: string; readonly password: string };
type Listed = Secret & { readonly name: string; readonly group: string };
export type Told = { readonly address: string; readonly fingerprint: string; readonly expiresAt: number } & (
  | Secret
  | { readonly rows: readonly Listed[]; readonly csv: string }
);

export function ToldSection({ told, onDone }: { readonly told: Told; readonly onDone: () => void }) {
  const { words } = useApp();
  const { onboarding } = words.web;
  const one = 'rows' in told ? null : told;
  const rows = 'rows' in told ? told.rows : [];
  const file = 'csv' in told ? csvFile(told.csv) : null;
  return (
    <Section title={one ? onboarding.told : onboarding.toldList} arrives>
      <Note tone="warn">{onboarding.toldOnce}</Note>
      <Facts
        rows={[
          [onboarding.address, <code key="a">{told.address}</code>],
          [onboarding.fingerprint, <Fingerprint key="f" value={told.fingerprint} />],
          ...(one
            ? ([
                [onboarding.invitation, <code key="i">{one.invitation}</code>],
                [onboarding.password, <code key="p">{one.password}</code>],
              ] as const)
            : []),
          [onboarding.validTo, <Time key="v" at={told.expiresAt} />],
        ]}
      />
      {rows.length > 0 && (
        <Rows
          caption={onboarding.toldList}
          heads={[onboarding.name, onboarding.group, onboarding.invitation, onboarding.password]}
          rows={rows.map(({ name, group, invitation, password }) => ({
            key: invitation,
            cells: [name, group, <code key="i">{invitation}</code>, <code key="p">{password}</code>],
          }))}
        />
      )}
      <div class="form-buttons">
        {file && (
          <a class="button" href={file} download="invitations.csv">
            <Icon name="download" />
            {onboarding.save}
          </a>
        )}
        <button type="button" class="button button-main" onClick={onDone}>
          {onboarding.done}
        </button>
      </div>
    </Section>
  );
}
