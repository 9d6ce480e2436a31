/** What is done with certificates, one or many: each says before what will happen to how many, and after what was refused. */
import { useState } from 'preact/hooks';
import { fill, sayFault } from '../../../../words/say.ts';
import type { CertificateOutcome, CertificateRow } from '../../../api/certificates.ts';
import type { JobOrdered } from '../../../api/jobs.ts';
import { useApp } from '../../app.ts';
import { ConfirmDialog, Dialog } from '../../parts/dialog.tsx';
import { CheckField, TextField } from '../../parts/form.tsx';
import { orderPath } from '../../parts/progress.tsx';
import { Status } from '../../parts/show.tsx';
import { holderOf } from './row.tsx';

/** Of very many the server makes work that goes on by itself. */
type Answered = CertificateOutcome | JobOrdered;
type Doing = 'renew' | 'delete' | 'alias';
type Rows = { readonly rows: readonly CertificateRow[] };
type Running = Rows & {
  readonly onClose: () => void;
  readonly onOutcome: (said: string, answer: Answered, gone: boolean) => void;
};

/** `gone`: they are listed no more. */
export function CertificateActions({ rows, onDone }: Rows & { readonly onDone: (gone: boolean) => void }) {
  const { words, say } = useApp();
  const { certificates } = words.web;
  const [doing, setDoing] = useState<Doing | null>(null);
  const [refused, setRefused] = useState<{ outcome: CertificateOutcome; gone: boolean } | null>(null);
  const running: Running = {
    rows,
    onClose: () => setDoing(null),
    onOutcome: (said, outcome, gone) => {
      setDoing(null);
      if ('job' in outcome) {
        say(fill(certificates.underWay, { count: outcome.job.total }));
        return onDone(gone);
      }
      if (outcome.done.length > 0) say(fill(said, { count: outcome.done.length }));
      if (outcome.refused.length > 0) setRefused({ outcome, gone: gone && outcome.done.length > 0 });
      else onDone(gone);
    },
  };
  return (
    <>
      <button type="button" class="button" onClick={() => setDoing('renew')}>
        {certificates.renew}
      </button>
      {rows.some(isCorporate) && (
        <button type="button" class="button" onClick={() => setDoing('alias')}>
          {certificates.setAlias}
        </button>
      )}
      <button type="button" class="button" onClick={() => setDoing('delete')}>
        {certificates.remove}
      </button>
      {doing === 'renew' && <Renew {...running} />}
      {doing === 'delete' && <Delete {...running} />}
      {doing === 'alias' && <Alias {...running} />}
      {refused && (
        <Refused
          rows={rows}
          outcome={refused.outcome}
          onClose={() => {
            setRefused(null);
            onDone(refused.gone);
          }}
        />
      )}
    </>
  );
}

const isCorporate = ({ type }: CertificateRow): boolean => type !== 'mobile';
const idsOf = (rows: readonly CertificateRow[]): readonly string[] => rows.map(({ id }) => id);

function Renew({ rows, onClose, onOutcome }: Running) {
  const { words, api } = useApp();
  const { certificates } = words.web;
  const uploaded = rows.filter(({ source }) => source === 'uploaded').length;
  return (
    <ConfirmDialog
      title={fill(certificates.renewTitle, { count: rows.length })}
      consequences={[
        ...(uploaded < rows.length ? [certificates.renewWhat, certificates.renewStatus] : []),
        ...(uploaded > 0 ? [fill(certificates.renewUploaded, { count: uploaded })] : []),
      ]}
      confirm={certificates.renew}
      run={() => api.send<Answered>('POST', orderPath('/certificates/renew', rows.length), { ids: idsOf(rows) })}
      onDone={(outcome) => onOutcome(certificates.renewed, outcome, false)}
      onClose={onClose}
    />
  );
}

function Delete({ rows, onClose, onOutcome }: Running) {
  const { words, api } = useApp();
  const { certificates } = words.web;
  const [revoke, setRevoke] = useState(false);
  const inUse = rows.filter((row) => !isCorporate(row) && row.status !== 'superseded');
  const devices = new Set(inUse.map(({ deviceId }) => deviceId)).size;
  const corporate = rows.filter(isCorporate);
  const wipeable = corporate.filter(({ deviceId }) => deviceId !== null).length;
  const body = { ids: idsOf(rows), revoke };
  return (
    <ConfirmDialog
      title={fill(certificates.removeTitle, { count: rows.length })}
      consequences={[
        certificates.removeWhat,
        ...(devices > 0 ? [fill(certificates.removeMobile, { count: devices })] : []),
        ...(wipeable > 0 ? [fill(certificates.removeWipe, { count: wipeable })] : []),
      ]}
      confirm={certificates.remove}
      danger
      run={() => api.send<Answered>('POST', orderPath('/certificates/delete', rows.length), body)}
      onDone={(outcome) => onOutcome(certificates.removed, outcome, true)}
      onClose={onClose}
    >
      {corporate.some(({ source }) => source === 'server') && (
        <CheckField label={certificates.revoke} hint={certificates.revokeHint} checked={revoke} onChecked={setRevoke} />
      )}
    </ConfirmDialog>
  );
}

function Alias({ rows, onClose, onOutcome }: Running) {
  const { words, api } = useApp();
  const { certificates } = words.web;
  const corporate = rows.filter(isCorporate);
  const [alias, setAlias] = useState(corporate[0]?.alias ?? '');
  const left = rows.length - corporate.length;
  const ids = idsOf(corporate);
  return (
    <ConfirmDialog
      title={fill(certificates.aliasTitle, { count: corporate.length })}
      consequences={[certificates.aliasWhat, ...(left > 0 ? [fill(certificates.aliasMobile, { count: left })] : [])]}
      confirm={certificates.setAlias}
      run={() => api.send<JobOrdered | object>('POST', orderPath('/certificates/alias', ids.length), { ids, alias })}
      onDone={(answer) =>
        onOutcome(certificates.aliasSet, 'job' in answer ? answer : { done: [...ids], refused: [] }, false)
      }
      onClose={onClose}
    >
      <TextField
        label={certificates.alias}
        hint={certificates.aliasHint}
        required
        maxLength={64}
        value={alias}
        onValue={setAlias}
      />
    </ConfirmDialog>
  );
}

function Refused({
  rows,
  outcome: { done, refused },
  onClose,
}: Rows & { readonly outcome: CertificateOutcome; readonly onClose: () => void }) {
  const { words } = useApp();
  const { certificates, shell } = words.web;
  const nameOf = (id: string): string => {
    const row = rows.find((each) => each.id === id);
    return row
      ? [certificates.types[row.type], holderOf(words, row), ...(row.alias ? [row.alias] : [])].join(', ')
      : id;
  };
  return (
    <Dialog title={certificates.refusedTitle} onClose={onClose}>
      <p class="row-buttons">
        <Status tone="good" text={fill(certificates.doneCount, { count: done.length })} />
        <Status tone="bad" text={fill(certificates.refused, { count: refused.length })} />
      </p>
      <ul class="consequences">
        {refused.map(({ id, fault }) => (
          <li key={id}>
            <strong>{nameOf(id)}</strong>: {sayFault(words, fault)}
          </li>
        ))}
      </ul>
      <div class="form-buttons">
        <button type="button" class="button button-main" onClick={onClose}>
          {shell.close}
        </button>
      </div>
    </Dialog>
  );
}
