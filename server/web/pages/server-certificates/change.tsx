/** Changing the server's certificate (T15, B2): a new one, when, the gate with its override, and what happens to how many. */
import { useState } from 'preact/hooks';
import type { Fault } from '../../../../protocol/fault.ts';
import { minuteMs } from '../../../../protocol/time.ts';
import { fill, sayFault } from '../../../../words/say.ts';
import type {
  GateView,
  ReadinessView,
  ServerCertificateView,
  Switched,
  UploadedView,
} from '../../../api/server-certificates.ts';
import { useApp, useLoad, useSending } from '../../app.ts';
import { base64Of } from '../../file.ts';
import { TextField } from '../../parts/form.tsx';
import { FaultNote, Loading, Note, Page, Section, Status } from '../../parts/show.tsx';
import { type Step, Steps } from '../../parts/steps.tsx';
import { sayTime } from '../../parts/time.tsx';
import { CertificateFacts, LackingTable } from '../server-certificates.tsx';
import { activationOf, type Choice, Kind, sayKind, untouched, When } from './choice.tsx';
import { lackingOf, missingOf, totalOf } from './readiness.ts';

const up = '/server-certificates';
type Done = { readonly made: UploadedView | null; readonly switched: Switched | null };

export function ChangeCertificatePage() {
  const { words } = useApp();
  const { serverCertificates: text } = words.web;
  const { value, fault, again } = useLoad<readonly ServerCertificateView[]>(up);
  const [done, setDone] = useState<Done | null>(null);
  const reserve = value?.find(({ role }) => role === 'reserve') ?? null;
  return (
    <Page title={text.change} up={{ href: up, title: text.title }} wide>
      <FaultNote fault={fault} again={again} />
      {!value && !fault && <Loading />}
      {done ? <Finished done={done} /> : value && <Wizard reserve={reserve} onDone={setDone} onStale={again} />}
    </Page>
  );
}

function Wizard({
  reserve,
  onDone,
  onStale,
}: {
  readonly reserve: ServerCertificateView | null;
  readonly onDone: (done: Done) => void;
  /** The reserve has come or gone meanwhile. */
  readonly onStale: () => void;
}) {
  const { words, api } = useApp();
  const { serverCertificates: text } = words.web;
  const { wizard } = text;
  const sending = useSending();
  const [choice, setChoice] = useState(untouched);
  const [faults, setFaults] = useState<readonly Fault[]>([]);
  const choose = (change: Partial<Choice>) => setChoice({ ...choice, ...change });
  const switches = reserve !== null || choice.when === 'now';
  const activation = activationOf(choice);
  // Not read anew with every second.
  const at = reserve || activation === null ? null : Math.floor(activation / minuteMs) * minuteMs;
  const readiness = useLoad<ReadinessView>(reserve || at !== null ? readinessPath(at) : null);
  const gate = useLoad<GateView>(reserve ? `${up}/gate` : null);
  const lacking = readiness.value ? lackingOf(readiness.value) : 0;
  const total = readiness.value ? totalOf(readiness.value) : 0;
  const overridden = choice.behind.trim() === String(lacking);
  const wants = switches && lacking > 0;

  const run = async () => {
    setFaults([]);
    let made: UploadedView | null = null;
    if (!reserve) {
      const sent = await sending.run(() => makeReserve(choice, activation ?? Date.now()));
      if (!sent.ok) return setFaults((sent.problem['faults'] as readonly Fault[] | undefined) ?? []);
      made = 'certificate' in sent.value ? sent.value : { certificate: sent.value, legacy: [] };
    }
    if (!switches) return onDone({ made, switched: null });
    const override = lacking > 0 ? lacking : false;
    const switched = await sending.run(() => api.send<Switched>('POST', `${up}/switch`, { override }));
    if (switched.ok) return onDone({ made, switched: switched.value });
    choose({ behind: '' });
    readiness.again();
    onStale();
  };
  const makeReserve = async (chosen: Choice, activateAt: number) => {
    if (chosen.kind === 'own')
      return api.send<ServerCertificateView | UploadedView>('POST', `${up}/reserve`, { activateAt, key: chosen.key });
    const content = chosen.file && (await base64Of(chosen.file));
    const key = chosen.keyFile && (await base64Of(chosen.keyFile));
    const body = {
      content: content ?? '',
      ...(key ? { key } : {}),
      password: chosen.password,
      role: 'reserve',
      activateAt,
    };
    return api.send<ServerCertificateView | UploadedView>('POST', `${up}/upload`, body);
  };

  const steps: readonly Step[] = [
    ...(reserve
      ? []
      : [
          {
            id: 'kind',
            title: wizard.kind,
            body: () => <Kind choice={choice} choose={choose} />,
            missing: choice.kind === 'uploaded' && !choice.file ? wizard.noFile : null,
          },
          {
            id: 'when',
            title: wizard.when,
            body: () => <When choice={choice} choose={choose} />,
            missing: activation === null ? wizard.badDate : null,
          },
        ]),
    {
      id: 'gate',
      title: wizard.gate,
      missing:
        readiness.value === null
          ? words.web.shell.loading
          : wants && !overridden
            ? fill(wizard.overrideMissing, { count: lacking })
            : null,
      body: () => (
        <>
          {reserve && <p>{wizard.reserveThere}</p>}
          <FaultNote fault={readiness.fault} again={readiness.again} />
          {!readiness.value && <Loading />}
          {readiness.value && switches && (
            <Note tone={lacking > 0 ? 'bad' : 'good'}>
              {fill(lacking > 0 ? wizard.gateShut : wizard.gateOpen, { count: lacking, total })}
            </Note>
          )}
          {readiness.value && !switches && (
            <Note tone="quiet">
              <p>{fill(wizard.gateWaits, { count: lacking, total })}</p>
              <p>{fill(wizard.gateMiss, { count: missingOf(readiness.value) })}</p>
            </Note>
          )}
          {gate.value?.frontEnds.map(({ address, fingerprint, known }) => (
            <Status
              key={address}
              tone={known ? 'good' : 'warn'}
              text={fill(
                fingerprint === null ? wizard.frontEndSilent : known ? wizard.frontEndKnown : wizard.frontEndUnknown,
                { address },
              )}
            />
          ))}
          {lacking > 0 && <LackingTable at={at} />}
          {wants && (
            <>
              <p>{wizard.gateAdvice}</p>
              <TextField
                label={wizard.override}
                kind="short"
                inputMode="numeric"
                value={choice.behind}
                onValue={(behind) => choose({ behind })}
              />
            </>
          )}
        </>
      ),
    },
    {
      id: 'confirm',
      title: wizard.confirm,
      body: () => (
        <>
          {faults.length > 1 && (
            <ul class="consequences">
              {faults.map((each, index) => (
                <li key={index}>{sayFault(words, each)}</li>
              ))}
            </ul>
          )}
          <ul class="consequences">
            {!reserve && <li>{fill(wizard.makes, { kind: sayKind(choice, wizard.uploaded) })}</li>}
            {!reserve && <li>{fill(wizard.tells, { count: total })}</li>}
            {switches && <li>{fill(wizard.switches, { count: total - lacking })}</li>}
            {wants && (
              <li>
                <strong>{fill(wizard.leaves, { count: lacking })}</strong>
              </li>
            )}
            {switches && <li>{wizard.keeps}</li>}
            {!switches && (
              <li>
                {choice.when === 'ready'
                  ? wizard.takesReady
                  : fill(wizard.takesAt, { at: sayTime(words, activation ?? 0) })}
              </li>
            )}
          </ul>
        </>
      ),
    },
  ];
  return (
    <Steps
      label={wizard.steps}
      steps={steps}
      submit={switches ? wizard.submitSwitch : wizard.submitMake}
      changed={choice !== untouched}
      busy={sending.busy}
      fault={sending.fault}
      cancel={up}
      onDone={run}
    />
  );
}

const readinessPath = (at: number | null): string => `${up}/readiness${at === null ? '' : `?at=${at}`}`;

function Finished({ done: { made, switched } }: { readonly done: Done }) {
  const { words } = useApp();
  const { wizard } = words.web.serverCertificates;
  return (
    <Section title={switched ? wizard.doneSwitched : wizard.doneMade} arrives>
      {made && made.legacy.length > 0 && (
        <Note tone="warn">{fill(wizard.legacy, { methods: made.legacy.join(', ') })}</Note>
      )}
      {switched?.listeners.map(({ listener, right }) => (
        <Status
          key={listener}
          tone={right ? 'good' : 'bad'}
          text={fill(right ? wizard.serves : wizard.servesNot, { listener })}
        />
      ))}
      {made && <CertificateFacts of={made.certificate} />}
      <a class="button button-main" href={up}>
        {wizard.back}
      </a>
    </Section>
  );
}
