/** What is chosen about a new certificate of the server: of which kind, and when it takes over. */
import { dayMs } from '../../../../protocol/time.ts';
import { fill, formatZone } from '../../../../words/say.ts';
import { useApp } from '../../app.ts';
import { FileField, PasswordField, RadioField, SelectField, TextField } from '../../parts/form.tsx';
import { offsetAt } from '../../parts/time.tsx';

const keys = [
  ['ec-p256', 'EC P-256'],
  ['rsa-3072', 'RSA 3072'],
  ['rsa-4096', 'RSA 4096'],
] as const;
const mostDays = 396;
type When = 'ready' | 'days' | 'date' | 'now';
export type Choice = {
  readonly kind: 'own' | 'uploaded';
  readonly key: string;
  readonly file: File | null;
  readonly keyFile: File | null;
  readonly password: string;
  readonly when: When;
  readonly days: string;
  /** As the field gives it: local time without a zone. */
  readonly date: string;
  /** Typed to leave so many devices behind. */
  readonly behind: string;
};
export const untouched: Choice = {
  kind: 'own',
  key: 'ec-p256',
  file: null,
  keyFile: null,
  password: '',
  when: 'ready',
  days: '7',
  date: '',
  behind: '',
};

/** Of what is chosen; null where it is no time that can be. */
export function activationOf({ when, days, date }: Choice): number | null {
  if (when === 'ready' || when === 'now') return Date.now();
  const at = when === 'days' ? (days.trim() === '' ? Number.NaN : Date.now() + Number(days) * dayMs) : Date.parse(date);
  return at >= Date.now() - dayMs && at <= Date.now() + mostDays * dayMs ? Math.floor(at) : null;
}

export const sayKind = ({ kind, key, file }: Choice, uploaded: string): string =>
  kind === 'own' ? (keys.find(([id]) => id === key)?.[1] ?? key) : `${uploaded} (${file?.name ?? ''})`;

type StepProps = { readonly choice: Choice; readonly choose: (change: Partial<Choice>) => void };

export function Kind({ choice, choose }: StepProps) {
  const { words } = useApp();
  const { wizard } = words.web.serverCertificates;
  return (
    <>
      <RadioField
        legend={wizard.kind}
        headed
        value={choice.kind}
        choices={[
          ['own', wizard.own, wizard.ownHint],
          ['uploaded', wizard.uploaded, wizard.uploadedHint],
        ]}
        onValue={(kind) => choose({ kind: kind as Choice['kind'] })}
      />
      {choice.kind === 'own' ? (
        <SelectField
          label={wizard.keyKind}
          hint={wizard.keyHint}
          value={choice.key}
          choices={keys}
          onValue={(key) => choose({ key })}
        />
      ) : (
        <>
          <FileField label={wizard.file} accept=".p12,.pfx,.pem,.crt,.cer,.p7b" onFile={(file) => choose({ file })} />
          <FileField label={wizard.keyFile} accept=".key,.pem,.prk" onFile={(keyFile) => choose({ keyFile })} />
          <PasswordField
            label={wizard.password}
            autocomplete="off"
            value={choice.password}
            onValue={(password) => choose({ password })}
          />
        </>
      )}
    </>
  );
}

export function When({ choice, choose }: StepProps) {
  const { words } = useApp();
  const { wizard } = words.web.serverCertificates;
  const chosen = Date.parse(choice.date);
  const zone = formatZone(offsetAt(Number.isNaN(chosen) ? Date.now() : chosen));
  return (
    <>
      <RadioField
        legend={wizard.when}
        headed
        value={choice.when}
        choices={[
          ['ready', wizard.ready],
          ['days', wizard.days],
          ['date', wizard.date],
          ['now', wizard.now, wizard.nowHint],
        ]}
        onValue={(when) => choose({ when: when as When })}
      />
      {choice.when === 'days' && (
        <TextField
          label={wizard.daysField}
          type="number"
          kind="short"
          value={choice.days}
          onValue={(days) => choose({ days })}
        />
      )}
      {choice.when === 'date' && (
        <TextField
          label={wizard.dateField}
          type="datetime-local"
          hint={fill(wizard.dateHint, { zone })}
          value={choice.date}
          onValue={(date) => choose({ date })}
        />
      )}
    </>
  );
}
