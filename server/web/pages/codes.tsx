/** `Confirm user actions`: the telephone call of a person in front of a device. First look, then answer. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { inFours } from '../../../protocol/fours.ts';
import { checkDigitsHold } from '../../../protocol/mod97.ts';
import { fill, sayFault } from '../../../words/say.ts';
import type { CodeAnswer, CodeAsked, CodeCandidate } from '../../api/code.ts';
import type { Answer, Refused, ShownFault } from '../api.ts';
import { useApp, useSending } from '../app.ts';
import { Form, RadioField, TextField } from '../parts/form.tsx';
import { type FactRow, Facts, Fingerprint, Note, Page, Section } from '../parts/show.tsx';
import { sayTime, Time, TimeOr } from '../parts/time.tsx';
import { Presence } from './devices.tsx';

type Picked = { readonly device?: string; readonly certificate?: string };
type Stage =
  | { readonly at: 'asking' }
  | { readonly at: 'choosing'; readonly candidates: readonly CodeCandidate[] }
  | { readonly at: 'looking'; readonly looked: CodeAsked; readonly picked: Picked }
  | { readonly at: 'given'; readonly given: CodeAnswer };

const confirmationDigits = 16;

export function CodesPage() {
  const { words, api } = useApp();
  const { codes } = words.web;
  const [typed, setTyped] = useState('');
  const [stage, setStage] = useState<Stage>({ at: 'asking' });
  const sending = useSending();
  const digits = typed.replace(/\D/g, '');
  const mistyped = digits.length >= confirmationDigits && !isConfirmation(digits);

  const ask = (picked: Picked, look: boolean) =>
    sending.run(() => api.send<CodeAnswer>('POST', '/codes', { code: digits, ...picked, ...(look ? { look } : {}) }));
  const look = async (picked: Picked) => {
    const answer: Answer<CodeAsked> = await ask(picked, true);
    if (answer.ok) return setStage({ at: 'looking', looked: answer.value, picked });
    const candidates = candidatesOf(answer);
    if (candidates.length === 0) return setStage({ at: 'asking' });
    sending.clear();
    setStage({ at: 'choosing', candidates });
  };
  const give = async (picked: Picked) => {
    const answer = await ask(picked, false);
    if (answer.ok) setStage({ at: 'given', given: answer.value });
  };
  const next = () => {
    setTyped('');
    sending.clear();
    setStage({ at: 'asking' });
  };

  return (
    <Page title={codes.title} lead={codes.lead}>
      {stage.at !== 'given' && (
        <Form
          submit={codes.look}
          busy={sending.busy && stage.at === 'asking'}
          fault={sending.fault?.code === 'code-not-ours' ? null : sending.fault}
          onSend={() => {
            if (digits.length === confirmationDigits && !mistyped) look({});
          }}
        >
          <TextField
            label={codes.confirmation}
            hint={codes.confirmationHint}
            wrong={mistyped ? codes.mistyped : null}
            kind="code"
            inputMode="numeric"
            autocomplete="off"
            maxLength={40}
            autoFocus
            value={typed}
            onValue={(value) => {
              setTyped(grouped(value, typed));
              sending.clear();
              if (stage.at !== 'asking') setStage({ at: 'asking' });
            }}
          />
        </Form>
      )}
      <Refusal fault={sending.fault} />
      {stage.at === 'choosing' && <Choosing candidates={stage.candidates} onChosen={look} />}
      {stage.at === 'looking' && (
        <Looking looked={stage.looked} busy={sending.busy} onGive={() => give(stage.picked)} />
      )}
      {stage.at === 'given' && <Answered given={stage.given} onNext={next} />}
    </Page>
  );
}

/** The one refusal that is more than a mistake. */
function Refusal({ fault }: { readonly fault: ShownFault | null }) {
  const { words } = useApp();
  const { codes } = words.web;
  if (fault?.code !== 'code-not-ours') return null;
  return (
    <Note tone="bad" title={codes.refusedTitle}>
      <p>{sayFault(words, fault)}</p>
      <p>{codes.notOurs}</p>
    </Note>
  );
}

function Choosing({
  candidates,
  onChosen,
}: {
  readonly candidates: readonly CodeCandidate[];
  readonly onChosen: (picked: Picked) => void;
}) {
  const { words } = useApp();
  const { codes } = words.web;
  const [chosen, setChosen] = useState('');
  return (
    <Section title={codes.several} arrives>
      <Form
        submit={codes.choose}
        busy={false}
        fault={null}
        onSend={() => {
          const candidate = candidates[Number(chosen)];
          if (chosen === '' || !candidate) return;
          const { device, certificate } = candidate;
          onChosen({ device: device.id, ...(certificate ? { certificate: certificate.fingerprint } : {}) });
        }}
      >
        <RadioField
          legend={codes.severalLead}
          value={chosen}
          onValue={setChosen}
          choices={candidates.map(({ device, certificate }, index) => [
            String(index),
            device.name,
            <>
              {device.group} {certificate && `· ${codes.roles[certificate.role]} `}
              {certificate && <Fingerprint value={certificate.fingerprint.slice(0, 16)} />}
            </>,
          ])}
        />
      </Form>
    </Section>
  );
}

function Looking({
  looked,
  busy,
  onGive,
}: {
  readonly looked: CodeAsked;
  readonly busy: boolean;
  readonly onGive: () => void;
}) {
  const { words } = useApp();
  const { codes } = words.web;
  return (
    <Section title={codes.actions[looked.action]} lead={codes.effects[looked.action]} arrives>
      <Asked looked={looked} />
      <div class="form-buttons">
        <button type="button" class="button button-main" aria-busy={busy} onClick={onGive}>
          {codes.give}
        </button>
        <span class="quiet">{codes.giveHint}</span>
      </div>
    </Section>
  );
}

function Asked({ looked }: { readonly looked: CodeAsked }) {
  const { words } = useApp();
  const { codes } = words.web;
  const { device, certificate } = looked;
  const rows: readonly FactRow[] = [
    [
      codes.device,
      <a key="d" href={`/devices/${device.id}`}>
        {device.name}
      </a>,
    ],
    [codes.group, device.group],
    [codes.presence, <Presence key="p" presence={device.presence} />],
    [codes.lastSeen, <TimeOr key="l" at={device.lastSeen} none={words.web.devices.never} />],
    [codes.looked, <Time key="t" at={looked.at} />],
  ];
  return (
    <>
      <Facts rows={rows} />
      {certificate && (
        <>
          <h3>{codes.certificate}</h3>
          <Facts
            rows={[
              [codes.owner, certificate.view.owner],
              [codes.role, codes.roles[certificate.role]],
              [codes.issuer, certificate.view.issuer],
              [codes.validFrom, <Time key="f" at={certificate.view.notBefore} />],
              [codes.validTo, <Time key="u" at={certificate.view.notAfter} />],
              [codes.fingerprint, <Fingerprint key="s" value={certificate.view.fingerprint} />],
            ]}
          />
        </>
      )}
    </>
  );
}

function Answered({ given, onNext }: { readonly given: CodeAnswer; readonly onNext: () => void }) {
  const { words } = useApp();
  const { codes } = words.web;
  const answer = useRef<HTMLElement>(null);
  useEffect(() => answer.current?.focus(), []);
  return (
    <section
      ref={answer}
      class="section answer"
      tabIndex={-1}
      aria-labelledby="answer"
      aria-describedby="replacement-code"
    >
      <h2 id="answer">{codes.replacement}</h2>
      <p>{codes.replacementLead}</p>
      <output id="replacement-code" class="large-code">
        {given.replacementCode.split(' ').map((group) => (
          <span key={group}>{group} </span>
        ))}
      </output>
      <p class="quiet">{fill(codes.given, { time: sayTime(words, given.at) })}</p>
      <div class="form-buttons">
        <button type="button" class="button button-main" onClick={onNext}>
          {codes.another}
        </button>
      </div>
      <h3>{codes.actions[given.action]}</h3>
      <Asked looked={given} />
    </section>
  );
}

/** Groups of four while digits are added at the end; what is corrected in the middle stays as it is typed. */
function grouped(value: string, before: string): string {
  const digits = value.replace(/\D/g, '').slice(0, confirmationDigits);
  const added = value.length > before.length && value.startsWith(before.trimEnd());
  return added || digits.length === confirmationDigits ? inFours(digits) : value;
}

const isConfirmation = (digits: string): boolean =>
  digits.length === confirmationDigits && /^[123]/.test(digits) && checkDigitsHold(digits);

function candidatesOf({ fault, problem }: Refused): readonly CodeCandidate[] {
  const { candidates } = problem;
  return fault.code === 'code-ambiguous' && Array.isArray(candidates) ? candidates : [];
}
