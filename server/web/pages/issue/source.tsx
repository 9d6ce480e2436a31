/** Alias, and where the certificate comes from. */
import { sayFault } from '../../../../words/say.ts';
import { useApp } from '../../app.ts';
import { FileField, PasswordField, RadioField, TextField } from '../../parts/form.tsx';
import type { StepProps } from '../issue.tsx';
import { whyNot } from './choice.ts';

export function SourceStep({ choice, onChoice }: StepProps) {
  const { words } = useApp();
  const { issue } = words.web;
  return (
    <>
      {choice.type !== 'mobile' && (
        <div class="form">
          <TextField
            label={issue.alias}
            hint={issue.aliasHint}
            maxLength={64}
            value={choice.alias}
            onValue={(alias) => onChoice({ alias })}
          />
        </div>
      )}
      <RadioField
        legend={issue.sourceLead}
        choices={(['server', 'pki', 'uploaded'] as const).map((source) => {
          const refused = whyNot(choice, { source });
          const reason =
            refused?.code === 'step-not-offered' ? issue.mobileUpload : refused && sayFault(words, refused);
          return [source, issue.sources[source], reason ?? issue.sourceHints[source], refused !== null];
        })}
        value={choice.source ?? ''}
        onValue={(source) => onChoice({ source })}
      />
      {choice.source === 'uploaded' && choice.type !== 'mobile' && <Upload choice={choice} onChoice={onChoice} />}
    </>
  );
}

function Upload({ choice: { format, file, key, filePassword }, onChoice }: StepProps) {
  const { issue } = useApp().words.web;
  const chosen = (one: File | null, kinds: string) => (one ? `${issue.chosenFile} ${one.name}` : kinds);
  return (
    <div class="form">
      <RadioField
        legend={issue.format}
        choices={[
          ['pkcs12', 'PKCS #12', 'P12, PFX'],
          ['x509', 'X.509', 'CER, CRT, CERT; PRK, PEM'],
        ]}
        value={format}
        onValue={(next) => onChoice({ format: next, file: null, key: null })}
      />
      {format === 'pkcs12' ? (
        <FileField
          key="p12"
          label={issue.file}
          hint={chosen(file, 'P12, PFX')}
          accept=".p12,.pfx,application/x-pkcs12"
          onFile={(next) => onChoice({ file: next })}
        />
      ) : (
        <>
          <FileField
            key="key"
            label={issue.keyFile}
            hint={chosen(key, 'PRK, PEM')}
            accept=".prk,.pem"
            onFile={(next) => onChoice({ key: next })}
          />
          <FileField
            key="cer"
            label={issue.file}
            hint={chosen(file, 'CER, CRT, CERT')}
            accept=".cer,.crt,.cert"
            onFile={(next) => onChoice({ file: next })}
          />
        </>
      )}
      <PasswordField
        label={issue.filePassword}
        hint={issue.filePasswordHint}
        autocomplete="off"
        value={filePassword}
        onValue={(next) => onChoice({ filePassword: next })}
      />
    </div>
  );
}
