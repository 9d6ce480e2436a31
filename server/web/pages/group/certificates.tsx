/** Certificates of a group's policy for each purpose (T14), and what revocation lists say of servers. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { PolicyCertificateRow } from '../../../api/groups.ts';
import { useApp, type Words } from '../../app.ts';
import type { PageProps } from '../../pages.ts';
import { ConfirmDialog, Dialog } from '../../parts/dialog.tsx';
import { Facts, Fingerprint, Status, type Tone } from '../../parts/show.tsx';
import { type Column, Table } from '../../parts/table.tsx';
import { Time } from '../../parts/time.tsx';
import { GroupLink, LockField } from './block.tsx';
import { Compromised } from './blocking.tsx';
import { GroupFrame, type GroupProps, pathOf, useReach } from './frame.tsx';
import { Revocation } from './revocation.tsx';
import { UploadDialog } from './upload.tsx';

export const GroupCertificatesPage = ({ params: { id = '' } }: PageProps) => (
  <GroupFrame id={id} part="certificates" wide>
    {(props) => <Certificates {...props} />}
  </GroupFrame>
);

const purposes = ['rdp', 'broker', 'log'] as const;
const keyOf = ({ groupId, purpose, fingerprint }: PolicyCertificateRow): string =>
  `${groupId} ${purpose} ${fingerprint}`;

type Doing =
  | { readonly at: 'uploading' }
  | { readonly at: 'looking'; readonly row: PolicyCertificateRow }
  | { readonly at: 'blocking'; readonly row: PolicyCertificateRow }
  | { readonly at: 'deleting'; readonly rows: readonly PolicyCertificateRow[]; readonly done: () => void };

function Certificates(props: GroupProps) {
  const { words, rights, say } = useApp();
  const { groups } = words.web;
  const { group, changed } = props;
  const [doing, setDoing] = useState<Doing | null>(null);
  const [round, setRound] = useState(0);
  const officer = rights.includes('edit-policy-certificates');
  const mayChange = officer && group.kind === 'ordinary' && group.certificates.lockedBy === null;
  const done = () => {
    setRound(round + 1);
    changed();
  };
  const columns: readonly Column<PolicyCertificateRow>[] = [
    {
      id: 'file',
      title: groups.file,
      sortable: true,
      kind: 'main',
      cell: (row) => (
        <button type="button" class="link" onClick={() => setDoing({ at: 'looking', row })}>
          {row.file}
        </button>
      ),
    },
    { id: 'state', title: groups.state, cell: (row) => <State row={row} /> },
    { id: 'purpose', title: groups.purpose, sortable: true, cell: ({ purpose }) => groups.purposes[purpose] },
    { id: 'issuer', title: groups.issuer, sortable: true, cell: ({ issuer }) => <Name of={issuer} /> },
    { id: 'subject', title: groups.subject, sortable: true, cell: ({ subject }) => <Name of={subject} /> },
    {
      id: 'notBefore',
      title: groups.notBefore,
      sortable: true,
      minor: 'early',
      cell: (row) => <When at={row.notBefore} />,
    },
    { id: 'notAfter', title: groups.notAfter, sortable: true, cell: (row) => <When at={row.notAfter} /> },
    { id: 'fingerprint', title: groups.fingerprint, sortable: true, cell: (row) => <Start of={row.fingerprint} /> },
    {
      id: 'group',
      title: groups.group,
      sortable: true,
      minor: true,
      cell: ({ own, groupId, group: name }) => (own ? groups.here : <GroupLink group={{ id: groupId, name }} />),
    },
  ];
  const close = () => setDoing(null);
  return (
    <>
      {group.kind === 'ordinary' && (
        <div class="group-tools">
          <LockField {...props} name="certificates" of={group.certificates} mayChange={officer} />
          {mayChange && (
            <button type="button" class="button button-main" onClick={() => setDoing({ at: 'uploading' })}>
              {groups.upload}
            </button>
          )}
        </div>
      )}
      <Table
        key={round}
        path={`${pathOf(group.id)}/policy/certificates`}
        caption={groups.certificates}
        columns={columns}
        filters={[
          { id: 'purpose', title: groups.purpose, choices: purposes.map((each) => [each, groups.purposes[each]]) },
          {
            id: 'own',
            title: groups.origin,
            choices: [
              ['true', groups.origins.own],
              ['false', groups.origins.above],
            ],
          },
        ]}
        start={{ sort: 'file', order: 'asc' }}
        keyOf={keyOf}
        empty={groups.noCertificates}
        {...(mayChange && {
          selection: {
            nameOf: ({ file, purpose }: PolicyCertificateRow) => `${file}, ${groups.purposes[purpose]}`,
            actions: (rows: readonly PolicyCertificateRow[], unselect: () => void) => (
              <button
                type="button"
                class="button button-danger"
                onClick={() => setDoing({ at: 'deleting', rows, done: unselect })}
              >
                {groups.delete}
              </button>
            ),
          },
        })}
      />
      {group.kind === 'ordinary' && <Revocation {...props} mayChange={mayChange} />}
      {doing?.at === 'uploading' && (
        <UploadDialog
          {...props}
          title={groups.upload}
          path={`${pathOf(group.id)}/policy/certificates`}
          purpose
          accept=".pem,.crt,.cer,.der,.p7b,application/x-x509-ca-cert"
          added={groups.addedOf}
          onDone={done}
          onClose={close}
        />
      )}
      {doing?.at === 'looking' && (
        <Details
          row={doing.row}
          onClose={close}
          {...(officer && { onBlock: () => setDoing({ at: 'blocking', row: doing.row }) })}
        />
      )}
      {doing?.at === 'blocking' && (
        <Compromised
          fingerprint={doing.row.fingerprint}
          subject={doing.row.subject}
          onDone={() => {
            close();
            say(groups.compromisedDone);
            done();
          }}
          onClose={close}
        />
      )}
      {doing?.at === 'deleting' && (
        <DeleteDialog
          {...props}
          rows={doing.rows}
          onDone={() => {
            close();
            doing.done();
            say(groups.deleted);
            done();
          }}
          onClose={close}
        />
      )}
    </>
  );
}

function DeleteDialog({
  group,
  rows,
  onDone,
  onClose,
}: GroupProps & {
  readonly rows: readonly PolicyCertificateRow[];
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const { words, api } = useApp();
  const { groups } = words.web;
  const reach = useReach(group);
  const certificates = rows.flatMap(({ own, fingerprint, purpose }) => (own ? [{ fingerprint, purpose }] : []));
  const others = rows.length - certificates.length;
  if (certificates.length === 0)
    return (
      <Dialog title={groups.delete} onClose={onClose}>
        <p>{groups.deleteNone}</p>
      </Dialog>
    );
  return (
    <ConfirmDialog
      title={fill(groups.deleteTitle, { count: certificates.length })}
      consequences={[groups.deleteWhat, ...(others > 0 ? [fill(groups.deleteOwn, { count: others })] : []), reach]}
      confirm={groups.delete}
      danger
      run={() => api.send('POST', `${pathOf(group.id)}/policy/certificates/remove`, { certificates })}
      onDone={onDone}
      onClose={onClose}
    />
  );
}

function Details({
  row,
  onBlock,
  onClose,
}: {
  readonly row: PolicyCertificateRow;
  readonly onBlock?: () => void;
  readonly onClose: () => void;
}) {
  const { groups } = useApp().words.web;
  return (
    <Dialog title={row.file} onClose={onClose}>
      <Facts
        rows={[
          [groups.state, <State key="t" row={row} />],
          [groups.purpose, groups.purposes[row.purpose]],
          [groups.subject, row.subject],
          [groups.issuer, row.issuer],
          [groups.notBefore, <Time key="b" at={row.notBefore} />],
          [groups.notAfter, <Time key="a" at={row.notAfter} />],
          ...(row.names.length > 0 ? [[groups.names, row.names.join(', ')] as const] : []),
          [groups.serial, <code key="s">{row.serial}</code>],
          [groups.key, row.key],
          [groups.authority, row.isCa ? groups.migrateClient.yes : groups.migrateClient.no],
          [groups.fingerprint, <Fingerprint key="f" value={row.fingerprint} />],
          [groups.group, row.own ? groups.here : <GroupLink key="g" group={{ id: row.groupId, name: row.group }} />],
          [groups.addedAt, <Time key="d" at={row.addedAt} />],
        ]}
      />
      {onBlock && (
        <div class="form-buttons">
          <button type="button" class="button button-danger" onClick={onBlock}>
            {groups.compromised}
          </button>
        </div>
      )}
    </Dialog>
  );
}

const soonMs = 30 * 86_400_000;

function State({ row }: { readonly row: PolicyCertificateRow }) {
  const { words } = useApp();
  const [tone, name] = stateOf(row, Date.now());
  return <Status tone={tone} text={words.web.groups.states[name]} />;
}

function stateOf(
  { blocked, counts, notBefore, notAfter }: PolicyCertificateRow,
  now: number,
): readonly [Tone, keyof Words['web']['groups']['states']] {
  if (blocked) return ['bad', 'blocked'];
  if (!counts) return ['quiet', 'unused'];
  if (notAfter < now) return ['bad', 'ended'];
  if (notBefore > now) return ['warn', 'early'];
  return notAfter - now < soonMs ? ['warn', 'soon'] : ['good', 'good'];
}

/** A name of a certificate may be long; it breaks at its commas. */
const Name = ({ of }: { readonly of: string }) => <span class="name">{of.replaceAll(',', ', ')}</span>;

/** Date and zone above one another. */
const When = ({ at }: { readonly at: number }) => (
  <span class="when">
    <Time at={at} />
  </span>
);

/** Enough to tell certificates apart; all of it is in the details, and is what is searched. */
export const Start = ({ of }: { readonly of: string }) => (
  <code class="fingerprint" title={of}>
    {of.slice(0, 4)} {of.slice(4, 8)} {of.slice(8, 12)}…
  </code>
);
