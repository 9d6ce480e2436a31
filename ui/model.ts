/** What the console screens know: the shape `update` moves and `view` draws. Plain data; time arrives in messages. */
import type { Fault } from '../protocol/fault.ts';
import type {
  AddRequest,
  CertificateView,
  CodeRequest,
  ConnectAnswer,
  ConnectionRequest,
  ConnectRequest,
  ImportAnswer,
  ImportRequest,
  LogPage,
  MediaList,
  Preflight,
  PreflightRequest,
  RegisterRequest,
  RemoveRequest,
  RepairCheckRequest,
  RepairRequest,
  RepairView,
  SettingsRequest,
  Severity,
  Status,
  TimeRequest,
} from '../protocol/local.ts';
import type { Language, SentenceFacts, Words } from '../words/say.ts';
import { emptyInput } from './input.ts';
import type { ConnectFields, MainScreen, RegistrationScreen, Screen } from './screen.ts';

export type Size = { readonly width: number; readonly height: number };

export type NoteName = keyof Words['screens']['notes'];
/** What the message line says until the next key, or for a while (`notes.ts`) from `sinceMs` (of `upMs`) on. */
export type Note =
  | { readonly type: 'note'; readonly name: NoteName; readonly facts: SentenceFacts; readonly sinceMs: number }
  | { readonly type: 'fault'; readonly fault: Fault };

export type Model = {
  readonly size: Size;
  readonly language: Language;
  /** Ctrl-C and Ctrl-Q leave the program: for demonstrations, never on a device's own console. */
  readonly allowExit: boolean;
  /** What changes between the letters of two languages on this keyboard, as people call it; null where it has one. */
  readonly layoutKey: string | null;
  readonly offsetMinutes: number;
  /** Milliseconds of a clock that never jumps. */
  readonly upMs: number;
  readonly service: 'away' | 'present';
  /** The last status of the agent and `upMs` when the agent made it. */
  readonly status: { readonly value: Status; readonly upMs: number } | null;
  /** Bottom to top; the bottom is always the main window, the top is shown. */
  readonly stack: readonly Screen[];
  readonly note: Note | null;
  /** Number of the last question to the agent. */
  readonly tickets: number;
  /** The registration form opens by itself only once. */
  readonly registrationOffered: boolean;
  /** What the registration form held when it was left, without the password. */
  readonly typed: RegistrationScreen['fields'];
  /** Confirmation code of the replacement whose window has already opened by itself. */
  readonly replacementOffered: string | null;
  /** Server and certificate of the log server's question that has already opened by itself. */
  readonly logOffered: string | null;
};

export const keyNames = [
  'up',
  'down',
  'left',
  'right',
  'page-up',
  'page-down',
  'home',
  'end',
  'enter',
  'escape',
  'tab',
  'back-tab',
  'backspace',
  'delete',
  'f2',
  'f3',
  'f4',
  'f5',
  'f6',
  'quit',
] as const;
export type KeyName = (typeof keyNames)[number];
export type Key = { readonly name: KeyName } | { readonly name: 'character'; readonly character: string };

/** What the agent can be asked: the routes of its control API. */
export type Ask =
  | { readonly do: 'register'; readonly body: RegisterRequest }
  | { readonly do: 'code'; readonly body: CodeRequest }
  | { readonly do: 'connect'; readonly body: ConnectRequest }
  | { readonly do: 'preflight'; readonly body: PreflightRequest }
  | { readonly do: 'add'; readonly body: AddRequest }
  | { readonly do: 'remove'; readonly body: RemoveRequest }
  | { readonly do: 'import'; readonly body: ImportRequest }
  | { readonly do: 'settings'; readonly body: SettingsRequest }
  | { readonly do: 'connection'; readonly body: ConnectionRequest }
  | { readonly do: 'time'; readonly body: TimeRequest }
  | { readonly do: 'reset' }
  | { readonly do: 'check-repair'; readonly body: RepairCheckRequest }
  | { readonly do: 'repair'; readonly body: RepairRequest }
  | { readonly do: 'media' }
  | { readonly do: 'log'; readonly severity: Severity; readonly before: number | null };
/** `done`: accepted, and the status tells what has come of it. */
export type Answer =
  | { readonly of: 'done' }
  | { readonly of: 'fault'; readonly fault: Fault }
  | { readonly of: 'connect'; readonly value: ConnectAnswer }
  | { readonly of: 'preflight'; readonly value: Preflight }
  | { readonly of: 'import'; readonly value: ImportAnswer }
  | { readonly of: 'repair'; readonly value: RepairView }
  | { readonly of: 'media'; readonly value: MediaList }
  | { readonly of: 'log'; readonly value: LogPage };

export type Message =
  | { readonly type: 'key'; readonly key: Key }
  | { readonly type: 'resized'; readonly size: Size }
  | { readonly type: 'ticked'; readonly upMs: number; readonly offsetMinutes: number }
  | { readonly type: 'status-arrived'; readonly status: Status; readonly upMs: number; readonly now: number }
  | { readonly type: 'service-lost' }
  | { readonly type: 'answered'; readonly ticket: number; readonly answer: Answer };

export type Command = { readonly do: 'ask'; readonly ticket: number; readonly ask: Ask } | { readonly do: 'exit' };

export type Start = Pick<Model, 'size' | 'language' | 'allowExit' | 'layoutKey' | 'offsetMinutes' | 'upMs'>;

const untouched: ConnectFields = { server: null, user: emptyInput, password: emptyInput };
export const mainScreen: MainScreen = {
  at: 'main',
  focus: null,
  purpose: 'rdp',
  fields: { rdp: untouched, broker: untouched },
};
export const registrationScreen: RegistrationScreen = {
  at: 'registration',
  focus: 'address',
  fields: { address: emptyInput, fingerprint: emptyInput, invitation: emptyInput, password: emptyInput },
  issuer: 'server',
  reveal: false,
  pending: null,
};

/** Before the first word of the agent: away. */
export const start = (given: Start): Model => ({
  ...given,
  service: 'away',
  status: null,
  stack: [mainScreen],
  note: null,
  tickets: 0,
  registrationOffered: false,
  typed: registrationScreen.fields,
  replacementOffered: null,
  logOffered: null,
});

export const topScreen = (model: Model): Screen => model.stack.at(-1) ?? mainScreen;

export const statusIn = (model: Model): Status | null => model.status?.value ?? null;

/** The agent's clock now (Unix ms), carried on since its last word. */
export const agentNow = (model: Model): number => (model.status?.value.clock.now ?? 0) + sinceStatusMs(model);

export const sinceStatusMs = (model: Model): number => Math.max(0, model.upMs - (model.status?.upMs ?? model.upMs));

/** Milliseconds until a code may be typed again; 0 when one may. The lock is one for all actions. */
export function lockedForMs(model: Model): number {
  const status = model.status?.value;
  const locked = Math.max(status?.replacement?.lockedForMs ?? 0, status?.operation?.lockedForMs ?? 0);
  return Math.max(0, locked - sinceStatusMs(model));
}

/** The certificate of the log server is one the person may accept: nothing else stands in the way. */
export const logIsAsked = (status: Status | null): boolean =>
  status?.mayAdd === true && status.log.at === 'refused' && status.log.preflight?.verdict === 'unknown';

/** A certificate may serve several purposes, so the list knows it by both. */
export const certificateKey = (certificate: CertificateView): string =>
  `${certificate.purpose}/${certificate.slot ?? ''}/${certificate.fingerprint}`;

const purposeOrder = ['ksc', 'rdp', 'broker', 'log'];
const slotOrder = ['current', 'reserve', 'previous', 'front-end'];

/** Certificates as listed: by purpose and slot, then owner, then the longest validity first. */
export const listed = (status: Status | null): readonly CertificateView[] =>
  [...(status?.certificates ?? [])].sort(
    (a, b) =>
      purposeOrder.indexOf(a.purpose) - purposeOrder.indexOf(b.purpose) ||
      slotOrder.indexOf(a.slot ?? '') - slotOrder.indexOf(b.slot ?? '') ||
      compare(a.owner.toLowerCase(), b.owner.toLowerCase()) ||
      b.notAfter - a.notAfter ||
      compare(a.fingerprint, b.fingerprint),
  );

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
