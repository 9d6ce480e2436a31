/** The steps at which one of a few is chosen. What the server would refuse can be seen, and says why. */
import { sayFault } from '../../../../words/say.ts';
import type { MailView } from '../../../api/mail.ts';
import type { IdentityRules } from '../../../api/rules.ts';
import { useApp, useLoad } from '../../app.ts';
import { CheckField, RadioField, TextField } from '../../parts/form.tsx';
import { Note } from '../../parts/show.tsx';
import type { StepProps } from '../issue.tsx';
import { mayReuse, pageSteps, sayNames, whyNot, withoutAddress } from './choice.ts';

export function TypeStep({ choice, onChoice }: StepProps) {
  const { issue } = useApp().words.web;
  return (
    <RadioField
      legend={issue.typeLead}
      choices={(['mail', 'vpn', 'mobile'] as const).map((type) => [type, issue.types[type], issue.typeHints[type]])}
      value={choice.type ?? ''}
      onValue={(type) => onChoice({ type })}
    />
  );
}

export function KindStep({ choice, onChoice }: StepProps) {
  const { words } = useApp();
  const { issue } = words.web;
  return (
    <RadioField
      legend={issue.kindLead}
      choices={(['thin-client', 'android', 'ios'] as const).map((kind) => {
        const refused = whyNot(choice, { kind });
        return [kind, issue.kinds[kind], refused ? sayFault(words, refused) : issue.kindHints[kind], refused !== null];
      })}
      value={choice.kind ?? ''}
      onValue={(kind) => onChoice({ kind })}
    />
  );
}

export function ConnectionStep({ choice, onChoice }: StepProps) {
  const { words } = useApp();
  const { issue } = words.web;
  return (
    <RadioField
      legend={issue.connectionLead}
      choices={(['with-mobile', 'without-mobile'] as const).map((connection) => {
        const refused = whyNot(choice, { connection });
        const hint = refused ? sayFault(words, refused) : issue.connectionHints[connection];
        return [connection, issue.connections[connection], hint, refused !== null];
      })}
      value={choice.connection ?? ''}
      onValue={(connection) => onChoice({ connection })}
    />
  );
}

export function AuthenticationStep({ choice, onChoice }: StepProps) {
  const { issue } = useApp().words.web;
  const often = mayReuse(choice);
  const rules = useLoad<IdentityRules>('/identity-rules').value;
  return (
    <>
      <RadioField
        legend={issue.authenticationLead}
        choices={[
          ['credentials', issue.credentials, <Formats key="f" />],
          ['password', issue.password, issue.passwordHint],
        ]}
        value={choice.authentication ?? ''}
        onValue={(authentication) => onChoice({ authentication })}
      />
      {choice.kind === 'thin-client' && rules?.promptPassword && <Note tone="quiet">{issue.prompted}</Note>}
      {choice.kind !== 'ios' && (
        <fieldset class="radios">
          <legend>{issue.use}</legend>
          <CheckField
            label={issue.reuse}
            hint={often ? issue.reuseHint : issue.reuseNot}
            checked={choice.reuse && often}
            disabled={!often}
            onChecked={(reuse) => onChoice({ reuse })}
          />
        </fieldset>
      )}
    </>
  );
}

function Formats() {
  const { issue } = useApp().words.web;
  return (
    <>
      {issue.credentialsHint} <code>userPrincipalName@DNSDomainName</code>, <code>sAMAccountName</code>,{' '}
      <code>{'sAMADomain\\sAMAccountName'}</code>.
    </>
  );
}

export function SendStep({ choice, onChoice }: StepProps) {
  const { words } = useApp();
  const { issue } = words.web;
  const mail = useLoad<MailView>('/mail');
  const nothing = whyNot(choice, { mail: {} });
  const off = mail.fault?.code === 'mail-off';
  const rules = useLoad<IdentityRules>('/identity-rules').value;
  const own = choice.authentication === 'credentials' && rules?.promptPassword !== true;
  const why = nothing ? issue.nothingToSend : off ? issue.mailOff : mail.fault ? sayFault(words, mail.fault) : null;
  const lacking = withoutAddress(choice);
  return (
    <>
      <RadioField
        legend={issue.sendLead}
        choices={[
          ['mail', issue.byMail, why ?? (own ? issue.byMailOwn : issue.byMailHint), why !== null],
          ['show', issue.show, pageSteps(choice).includes('authentication') ? issue.showHint : issue.showLittle],
        ]}
        value={choice.send ?? ''}
        onValue={(send) => onChoice({ send })}
      />
      {choice.send === 'mail' && why === null && (
        <div class="form">
          <CheckField
            label={issue.copy}
            {...(own ? {} : { hint: issue.copyHint })}
            checked={choice.copy}
            onChecked={(copy) => onChoice({ copy })}
          />
          {choice.copy && (
            <TextField
              label={issue.copyTo}
              type="email"
              maxLength={254}
              value={choice.copyTo}
              onValue={(copyTo) => onChoice({ copyTo })}
            />
          )}
          {lacking.length > 0 && (
            <Note tone="warn" title={issue.lackAddress}>
              {sayNames(lacking)}
            </Note>
          )}
        </div>
      )}
    </>
  );
}
