/** What the console screens know: the shape `update` moves and `view` draws. Plain data; time arrives in messages. */
import type { Fault } from '../protocol/fault.ts';
import type { CertificateView, RegisterRequest, Status } from '../protocol/local.ts';
import type { Language } from '../words/say.ts';
import { emptyInput, type Input } from './input.ts';

export type Size = { readonly width: number; readonly height: number };
export type MenuEntry = 'replacement' | 'notices' | 'registration' | 'certificates';
export type Field = 'address' | 'fingerprint' | 'invitation' | 'password';
export type RegistrationScreen = {
  readonly at: 'registration';
  readonly focus: Field | 'register';
  readonly fields: Readonly<Record<Field, Input>>;
  readonly reveal: boolean;
  readonly pending: boolean;
};
export type CodeScreen = {
  readonly at: 'code';
  readonly focus: 'digits' | 'confirm';
  readonly digits: Input;
  readonly pending: boolean;
};
export type ListScreen = { readonly at: 'certificates'; readonly selected: string | null; readonly top: number };
export type DetailsScreen = { readonly at: 'details'; readonly key: string; readonly top: number };
export type NoticesScreen = { readonly at: 'notices'; readonly top: number };
export type Screen =
  | { readonly at: 'main'; readonly selected: MenuEntry }
  | RegistrationScreen
  | ListScreen
  | DetailsScreen
  | { readonly at: 'replacement' }
  | NoticesScreen
  | CodeScreen;

/** What the message line says, until the next key. */
export type Note =
  | { readonly type: 'registered' | 'replaced' | 'replacement-over' | 'answer-lost' }
  | { readonly type: 'bad-address' | 'bad-invitation' | 'bad-password' }
  | { readonly type: 'bad-fingerprint' | 'short-code'; readonly count: number }
  | { readonly type: 'fault'; readonly fault: Fault };

export const fields: readonly Field[] = ['address', 'fingerprint', 'invitation', 'password'];
/** Digits of a replacement code, design of the codes. */
export const codeLength = 12;
/** Hex digits of SHA-256. */
export const fingerprintLength = 64;

export type Model = {
  readonly size: Size;
  readonly language: Language;
  /** Ctrl-C and Ctrl-Q leave the program: for demonstrations, never on a device's own console. */
  readonly allowExit: boolean;
  readonly offsetMinutes: number;
  /** Milliseconds of a clock that never jumps. */
  readonly upMs: number;
  readonly service: 'away' | 'present';
  /** The last status of the agent and `upMs` when the agent made it. */
  readonly status: { readonly value: Status; readonly upMs: number } | null;
  /** Bottom to top; the bottom is always the main window, the top is shown. */
  readonly stack: readonly Screen[];
  readonly note: Note | null;
  /** The registration form opens by itself only once. */
  readonly registrationOffered: boolean;
  /** What the registration form held when it was left, without the password. */
  readonly typed: RegistrationScreen['fields'];
  /** Confirmation code of the replacement whose window has already opened by itself. */
  readonly replacementOffered: string | null;
};

export type KeyName =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'page-up'
  | 'page-down'
  | 'home'
  | 'end'
  | 'enter'
  | 'escape'
  | 'tab'
  | 'back-tab'
  | 'backspace'
  | 'delete'
  | 'f2'
  | 'f3'
  | 'quit';
export type Key = { readonly name: KeyName } | { readonly name: 'character'; readonly character: string };

export type Message =
  | { readonly type: 'key'; readonly key: Key }
  | { readonly type: 'resized'; readonly size: Size }
  | { readonly type: 'ticked'; readonly upMs: number; readonly offsetMinutes: number }
  | { readonly type: 'status-arrived'; readonly status: Status; readonly upMs: number; readonly now: number }
  | { readonly type: 'service-lost' }
  | { readonly type: 'register-answered' | 'code-answered'; readonly fault: Fault | null };

export type Command =
  | { readonly do: 'register'; readonly request: RegisterRequest }
  | { readonly do: 'send-code'; readonly code: string }
  | { readonly do: 'exit' };

export type Start = Pick<Model, 'size' | 'language' | 'allowExit' | 'offsetMinutes' | 'upMs'>;

export const mainScreen: Screen = { at: 'main', selected: 'certificates' };
export const codeScreen: CodeScreen = { at: 'code', focus: 'digits', digits: emptyInput, pending: false };
export const registrationScreen: RegistrationScreen = {
  at: 'registration',
  focus: 'address',
  fields: { address: emptyInput, fingerprint: emptyInput, invitation: emptyInput, password: emptyInput },
  reveal: false,
  pending: false,
};

/** Before the first word of the agent: away. */
export const start = (given: Start): Model => ({
  ...given,
  service: 'away',
  status: null,
  stack: [mainScreen],
  note: null,
  registrationOffered: false,
  typed: registrationScreen.fields,
  replacementOffered: null,
});

export const topScreen = (model: Model): Screen => model.stack.at(-1) ?? mainScreen;

/** The agent's clock now (Unix ms), carried on since its last word. */
export const agentNow = (model: Model): number => (model.status?.value.clock.now ?? 0) + sinceStatusMs(model);

export const sinceStatusMs = (model: Model): number => Math.max(0, model.upMs - (model.status?.upMs ?? model.upMs));

/** Milliseconds until a code may be typed again; 0 when one may. */
export const lockedForMs = (model: Model): number =>
  Math.max(0, (model.status?.value.replacement?.lockedForMs ?? 0) - sinceStatusMs(model));

/** What the main window offers now, top to bottom. */
export function menuOf(status: Status | null): readonly MenuEntry[] {
  const entries: MenuEntry[] = [];
  if (status?.replacement) entries.push('replacement');
  if (status?.at === 'unregistered' || status?.at === 'registering') entries.push('registration');
  entries.push('certificates');
  if (needsAttention(status)) entries.push('notices');
  return entries;
}

const needsAttention = (status: Status | null): boolean =>
  status !== null &&
  (status.at === 'broken' ||
    status.replacement !== null ||
    status.clock.at === 'unknown' ||
    status.policy?.stale === true ||
    status.faults.length > 0);

/** The selected entry of the main window, or the first one when that is no longer offered. */
export function selectedEntry(model: Model): MenuEntry {
  const menu = menuOf(model.status?.value ?? null);
  const [bottom] = model.stack;
  const selected = bottom?.at === 'main' ? bottom.selected : 'certificates';
  return menu.includes(selected) ? selected : (menu[0] ?? 'certificates');
}

/** A certificate may serve several purposes, so the list knows it by both. */
export const certificateKey = (certificate: CertificateView): string =>
  `${certificate.purpose}/${certificate.slot ?? ''}/${certificate.fingerprint}`;

const purposeOrder = ['ksc', 'rdp', 'broker', 'log'];
const slotOrder = ['current', 'reserve', 'previous'];

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

/** Row of the selected certificate; the first one when it is gone; -1 in an empty list. */
export function selectedRow(model: Model, screen: ListScreen): number {
  const certificates = listed(model.status?.value ?? null);
  const found = certificates.findIndex((certificate) => certificateKey(certificate) === screen.selected);
  return certificates.length === 0 ? -1 : Math.max(0, found);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
