/** Rules of issuance (M1, M2). What only an integrated PKI could do stands there, and says why it cannot be chosen. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { Page as Listing } from '../../../api/list.ts';
import type { CorporateRule, IdentityRules } from '../../../api/rules.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { ConfirmDialog } from '../../parts/dialog.tsx';
import { CheckField, Form, TextField } from '../../parts/form.tsx';
import { FaultNote, Loading, Note, Page, Section } from '../../parts/show.tsx';

type Corporate = 'mail' | 'vpn';
type Told = 'validityDays' | 'renewBeforeDays' | 'passwordLength';
const bounds: Readonly<Record<Told, readonly [least: number, most: number]>> = {
  validityDays: [1, 397],
  renewBeforeDays: [1, 60],
  passwordLength: [8, 16],
};

export function RulesPage() {
  const { words, rights } = useApp();
  const { certificates } = words.web;
  const { rules } = certificates;
  const identity = useLoad<IdentityRules>('/identity-rules');
  const corporate = useLoad<Readonly<Record<Corporate, CorporateRule>>>('/corporate-rules');
  const may = rights.includes('edit-identity-rules') && rights.includes('edit-certificates');
  const ready = identity.value && corporate.value;
  return (
    <Page title={rules.title} lead={rules.lead} up={{ href: '/certificates', title: certificates.title }}>
      {!may && <Note tone="quiet">{rules.readOnly}</Note>}
      <FaultNote fault={identity.fault ?? corporate.fault} again={identity.fault ? identity.again : corporate.again} />
      {!ready && !identity.fault && !corporate.fault && <Loading />}
      {identity.value && corporate.value && (
        <>
          <Section title={rules.mobile}>
            <fieldset disabled={!may}>
              <MobileRules before={identity.value} />
            </fieldset>
          </Section>
          {(['mail', 'vpn'] as const).map((type) => (
            <Section key={type} title={rules[type]}>
              <fieldset disabled={!may}>
                <CorporateRules type={type} before={corporate.value?.[type]} />
              </fieldset>
            </Section>
          ))}
          <Section title={rules.pki}>
            <Note tone="quiet">{rules.pkiNone}</Note>
            <div class="form">
              <CheckField label={rules.pkiOn} checked={false} onChecked={nothing} disabled />
              {[rules.pkiDevice, rules.pkiAccount, rules.pkiPassword].map((label) => (
                <TextField key={label} label={label} value="" onValue={nothing} disabled />
              ))}
            </div>
          </Section>
        </>
      )}
    </Page>
  );
}

const nothing = (): void => {};

function MobileRules({ before }: { readonly before: IdentityRules }) {
  const { words } = useApp();
  const { rules } = words.web.certificates;
  const [promptPassword, setPrompt] = useState(before.promptPassword);
  return (
    <RulesForm
      path="/identity-rules"
      type="mobile"
      before={before}
      numbers={['validityDays', 'renewBeforeDays', 'passwordLength']}
      body={(changes) => ({ ...changes, promptPassword })}
    >
      <CheckField label={rules.prompt} hint={rules.promptHint} checked={promptPassword} onChecked={setPrompt} />
    </RulesForm>
  );
}

function CorporateRules({ type, before }: { readonly type: Corporate; readonly before: CorporateRule | undefined }) {
  const { words } = useApp();
  const { rules } = words.web.certificates;
  if (!before) return null;
  return (
    <RulesForm
      path="/corporate-rules"
      type={type}
      before={before}
      numbers={['validityDays', 'renewBeforeDays']}
      body={(changes) => ({ [type]: changes })}
    >
      <TextField
        label={rules.template}
        hint={rules.needsPki}
        value={before.template ?? ''}
        onValue={nothing}
        disabled
      />
      <fieldset class="radios">
        <legend>{rules.onConnection}</legend>
        {Object.entries(rules.onConnectionKinds).map(([kind, label]) => (
          <CheckField
            key={kind}
            label={label}
            hint={rules.needsPki}
            checked={before.onConnection[kind as keyof CorporateRule['onConnection']].issue}
            onChecked={nothing}
            disabled
          />
        ))}
      </fieldset>
    </RulesForm>
  );
}

type Rules = { readonly automaticRenewal: boolean } & { readonly [name in Told]?: number };

/** Turning the renewal off is asked about first: what nobody renews cuts devices off. */
function RulesForm({
  path,
  type,
  before,
  numbers,
  body,
  children,
}: {
  readonly path: string;
  readonly type: 'mobile' | Corporate;
  readonly before: Rules;
  readonly numbers: readonly Told[];
  readonly body: (changes: object) => object;
  readonly children: ComponentChildren;
}) {
  const { words, api, say } = useApp();
  const { rules } = words.web.certificates;
  const sending = useSending();
  const [kept, setKept] = useState(before.automaticRenewal);
  const [automaticRenewal, setAutomatic] = useState(before.automaticRenewal);
  const [typed, setTyped] = useState<Readonly<Record<string, string>>>(
    Object.fromEntries(numbers.map((name) => [name, String(before[name] ?? '')])),
  );
  const [asking, setAsking] = useState(false);
  const wrongOf = (name: Told): string | null => {
    const [least, most] = bounds[name];
    const value = Number(typed[name]);
    const fits = /^\d+$/.test(typed[name] ?? '') && value >= least && value <= most;
    return fits ? null : fill(rules.range, { least, most });
  };
  const changes = { automaticRenewal, ...Object.fromEntries(numbers.map((name) => [name, Number(typed[name])])) };
  const send = () => api.send('PUT', path, body(changes));
  const done = () => {
    setKept(automaticRenewal);
    setAsking(false);
    say(rules.saved);
  };
  const number = (name: Told, label: string, hint: string) => (
    <TextField
      label={label}
      hint={hint}
      inputMode="numeric"
      kind="short"
      maxLength={3}
      value={typed[name] ?? ''}
      wrong={wrongOf(name)}
      onValue={(value) => setTyped((all) => ({ ...all, [name]: value }))}
    />
  );
  return (
    <>
      <Form
        submit={rules.save}
        busy={sending.busy}
        fault={sending.fault}
        onSend={async () => {
          if (numbers.some((name) => wrongOf(name) !== null)) return;
          if (kept && !automaticRenewal) setAsking(true);
          else if ((await sending.run(send)).ok) done();
        }}
      >
        {number(
          'validityDays',
          rules.validity,
          type === 'mobile' ? `${rules.validityHint} ${rules.validityOver}` : rules.validityHint,
        )}
        {number('renewBeforeDays', rules.renewBefore, rules.renewBeforeHint)}
        <CheckField
          label={rules.automatic}
          hint={rules.automaticHint}
          checked={automaticRenewal}
          onChecked={setAutomatic}
        />
        {children}
        {numbers.includes('passwordLength') && number('passwordLength', rules.passwordLength, rules.passwordLengthHint)}
      </Form>
      {asking && <TurnOff type={type} run={send} onDone={done} onClose={() => setAsking(false)} />}
    </>
  );
}

function TurnOff({
  type,
  ...dialog
}: {
  readonly type: 'mobile' | Corporate;
  readonly run: () => ReturnType<ReturnType<typeof useApp>['api']['send']>;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const { words } = useApp();
  const { rules } = words.web.certificates;
  const { value } = useLoad<Listing<unknown>>(`/certificates?type=${type}&limit=1`);
  return (
    <ConfirmDialog
      {...dialog}
      title={rules.offTitle}
      consequences={[
        fill(rules.offCount, { count: value?.total ?? '…' }),
        type === 'mobile' ? rules.offWhat : rules.offWhatCorporate,
      ]}
      confirm={rules.turnOff}
      danger
    />
  );
}
