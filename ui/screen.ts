/** Every window there is, as plain data: what it remembers between two keys. */

import type { Fault } from '../protocol/fault.ts';
import type {
  ConnectionRequest,
  ConnectRequest,
  ImportAnswer,
  LogRecord,
  MediaList,
  Preflight,
  PresentedView,
  RegisterRequest,
  RepairView,
  Severity,
} from '../protocol/local.ts';
import type { ClientPurpose, Purpose } from '../protocol/schema.ts';
import type { Input } from './input.ts';

/** The number of the question a window waits for; null while it waits for none. */
type Pending = { readonly pending: number | null };
/** The first line shown of a text that scrolls. */
type Top = { readonly top: number };
type Fields<Name extends string> = Readonly<Record<Name, Input>>;

/** What the window below asks again. */
export type LockedOrder = { readonly do: 'connection'; readonly body: ConnectionRequest } | { readonly do: 'reset' };
export type SessionPurpose = ConnectRequest['purpose'];
export type ConnectField = 'server' | 'user' | 'password';
export type MenuEntry = 'replacement' | 'reenrolment' | 'registration' | 'notices' | 'tools' | 'settings';
export type MainPart = 'purpose' | ConnectField | 'connect' | MenuEntry;
/** `server` null: nothing was typed, the one from the settings stands there. */
export type ConnectFields = { readonly server: Input | null; readonly user: Input; readonly password: Input };
export type MainScreen = {
  readonly at: 'main';
  /** Null: where one begins, which depends on what is known. */
  readonly focus: MainPart | null;
  readonly purpose: SessionPurpose;
  readonly fields: Readonly<Record<SessionPurpose, ConnectFields>>;
};
export type WaitingScreen = { readonly at: 'waiting'; readonly order: ConnectRequest } & Pending;
/** `order`: what is connected once the certificate is added; null for the log server, which connects by itself. */
export type QuestionScreen = {
  readonly at: 'question';
  readonly purpose: ClientPurpose;
  readonly preflight: Preflight;
  readonly order: ConnectRequest | null;
  readonly focus: 'add' | 'cancel';
} & Pending &
  Top;
export type RefusalScreen = {
  readonly at: 'refusal';
  readonly purpose: Purpose;
  readonly server: string;
  readonly fault: Fault;
  /** What the server showed; null where it showed none, or was not asked. */
  readonly certificate: PresentedView | null;
  readonly asked: boolean;
} & Top;

export type ToolsEntry = 'log' | 'certificates' | 'preflight' | 'notices' | 'registration' | 'product' | 'repair';
export type ToolsScreen = { readonly at: 'tools'; readonly selected: ToolsEntry };
export type SettingsEntry = 'connection' | 'logServer' | 'rdp' | 'broker' | 'time' | 'language' | 'reset';
export type SettingsScreen = { readonly at: 'settings'; readonly selected: SettingsEntry };

export type PreflightScreen = {
  readonly at: 'preflight';
  readonly purpose: Purpose;
  readonly server: Input;
  readonly focus: 'purpose' | 'server' | 'check';
} & Pending;
export type ReportScreen = { readonly at: 'report'; readonly preflight: Preflight } & Top;

export type LogScreen = {
  readonly at: 'log';
  readonly severity: Severity;
  readonly records: readonly LogRecord[];
  readonly more: boolean;
  readonly row: number;
} & Pending &
  Top;
export type RecordScreen = { readonly at: 'record'; readonly record: LogRecord } & Top;

export type ListScreen = { readonly at: 'certificates'; readonly selected: string | null } & Top;
export type DetailsScreen = { readonly at: 'details'; readonly key: string } & Top;
export type RemovalScreen = {
  readonly at: 'removal';
  readonly key: string;
  readonly focus: 'remove' | 'cancel';
} & Pending;
export type ImportScreen = {
  readonly at: 'import';
  readonly purpose: ClientPurpose;
  /** Null until the agent has looked. */
  readonly media: MediaList | null;
  readonly marked: readonly string[];
  readonly row: number;
  readonly focus: 'purpose' | 'files' | 'add';
} & Pending &
  Top;
export type ImportedScreen = { readonly at: 'imported'; readonly answer: ImportAnswer } & Top;

export type RepairScreen = {
  readonly at: 'repair';
  /** Null until the agent has looked. */
  readonly media: MediaList | null;
  readonly row: number;
} & Pending;
export type RepairQuestionScreen = {
  readonly at: 'repair-question';
  readonly name: string;
  readonly view: RepairView;
  readonly focus: 'repair' | 'cancel';
} & Pending &
  Top;

export type RegistrationField = 'address' | 'fingerprint' | 'invitation' | 'password';
export type RegistrationScreen = {
  readonly at: 'registration';
  readonly focus: RegistrationField | 'issuer' | 'register';
  readonly fields: Fields<RegistrationField>;
  readonly issuer: Issuer;
  readonly reveal: boolean;
} & Pending;
/** Who issues the identity: the server's own authority, or another one by one of two protocols. */
export type Issuer = 'server' | 'est' | 'scep';
export type AuthorityField = 'address' | 'fingerprint' | 'user' | 'secret' | 'subject';
export type AuthorityScreen = {
  readonly at: 'authority';
  readonly issuer: Exclude<Issuer, 'server'>;
  /** What the page before was told. */
  readonly order: Omit<RegisterRequest, 'enrolment'>;
  readonly focus: AuthorityField | 'register';
  readonly fields: Fields<AuthorityField>;
  readonly reveal: boolean;
} & Pending;
export type CodeScreen = {
  readonly at: 'code';
  readonly focus: 'digits' | 'confirm';
  readonly digits: Input;
} & Pending;

export type AddressSetting = 'logServer' | 'rdp' | 'broker';
export type AddressScreen = {
  readonly at: 'address';
  readonly setting: AddressSetting;
  readonly server: Input;
  readonly focus: 'server' | 'save' | 'certificate';
} & Pending;
export type ConnectionScreen = {
  readonly at: 'connection';
  readonly fields: Fields<'https' | 'mqtt'>;
  readonly focus: 'https' | 'mqtt' | 'save';
} & Pending;
/** Over the window whose action the policy locked; that one asks again when the code was right. */
export type OperationScreen = {
  readonly at: 'operation';
  readonly action: 'connection' | 'reset';
  readonly order: LockedOrder;
  readonly focus: 'digits' | 'confirm';
  readonly digits: Input;
} & Pending;
export type TimeScreen = {
  readonly at: 'time';
  readonly fields: Fields<'date' | 'clock'>;
  readonly focus: 'date' | 'clock' | 'set';
} & Pending;
export type LanguageScreen = { readonly at: 'language'; readonly selected: 'en' | 'ru' } & Pending;
export type ResetScreen = { readonly at: 'reset'; readonly focus: 'reset' | 'cancel' } & Pending;
export type ProductScreen = { readonly at: 'product' } & Top;
export type NoticesScreen = { readonly at: 'notices' } & Top;

export type Screen =
  | MainScreen
  | WaitingScreen
  | QuestionScreen
  | RefusalScreen
  | ToolsScreen
  | SettingsScreen
  | PreflightScreen
  | ReportScreen
  | LogScreen
  | RecordScreen
  | ListScreen
  | DetailsScreen
  | RemovalScreen
  | ImportScreen
  | ImportedScreen
  | RepairScreen
  | RepairQuestionScreen
  | RegistrationScreen
  | AuthorityScreen
  | { readonly at: 'replacement' }
  | CodeScreen
  | AddressScreen
  | ConnectionScreen
  | OperationScreen
  | TimeScreen
  | LanguageScreen
  | ResetScreen
  | ProductScreen
  | NoticesScreen;
/** Windows that ask the agent something. */
export type AskingScreen = Extract<Screen, Pending>;
export type ScrollingScreen = Extract<Screen, Top>;
