/** What is chosen in the wizard “Certificate issuance” so far, by the server's own rule of which step there is. Pure. */
import type { Fault } from '../../../../protocol/fault.ts';
import type { DeviceRow } from '../../../api/devices.ts';
import type { UserView } from '../../../api/users.ts';
import {
  type Authentication,
  type ConnectionMethod,
  type IssueOrder,
  type IssueSource,
  type IssueStep,
  refusalOf,
  stepsOf,
} from '../../../core/issue-order.ts';
import { mostOfJob } from '../../../core/job.ts';

export type Choice = {
  readonly type: IssueOrder['type'] | null;
  readonly kind: IssueOrder['kind'] | null;
  readonly connection: ConnectionMethod | null;
  /** Of certificates that devices fetch: those of users, or devices as they are. */
  readonly to: 'users' | 'devices';
  readonly users: ReadonlyMap<string, UserView>;
  readonly devices: ReadonlyMap<string, DeviceRow>;
  readonly alias: string;
  readonly source: IssueSource | null;
  readonly format: 'pkcs12' | 'x509';
  readonly file: File | null;
  readonly key: File | null;
  readonly filePassword: string;
  readonly authentication: Authentication | null;
  readonly reuse: boolean;
  readonly send: 'mail' | 'show' | null;
  readonly copy: boolean;
  readonly copyTo: string;
};
/** A step of the wizard: some of the rule's stand on one page. */
export type PageStep = Exclude<IssueStep, 'alias' | 'reuse'>;
export type Missing =
  | 'choose'
  | 'users'
  | 'devices'
  | 'tooMany'
  | 'noDevice'
  | 'alias'
  | 'file'
  | 'keyFile'
  | 'copyTo'
  | 'noAddress';

export const nothingChosen: Choice = {
  type: null,
  kind: null,
  connection: null,
  to: 'users',
  users: new Map(),
  devices: new Map(),
  alias: '',
  source: null,
  format: 'pkcs12',
  file: null,
  key: null,
  filePassword: '',
  authentication: null,
  reuse: false,
  send: null,
  copy: false,
  copyTo: '',
};

const always: readonly IssueStep[] = ['type', 'kind', 'users', 'source', 'send', 'confirm'];

const ruleSteps = ({ type, kind, connection }: Choice): readonly IssueStep[] =>
  type === null || kind === null ? always : stepsOf(type, kind, connection);

/** In their order. Until type and devices are chosen: those that are always there. */
export const pageSteps = (choice: Choice): readonly PageStep[] =>
  ruleSteps(choice).filter((step): step is PageStep => step !== 'alias' && step !== 'reuse');

/** What was chosen at steps that are there; what an earlier choice took away counts no more. */
export function orderOf(choice: Choice): Partial<IssueOrder> {
  const { type, kind, connection, users, devices, alias, source, authentication, reuse, send, copy, copyTo } = choice;
  const there = new Set(ruleSteps(choice));
  const order: Partial<IssueOrder> = {
    ...(type !== null && { type }),
    ...(kind !== null && { kind }),
    ...(there.has('connection') && connection !== null && { connection }),
    ...(isOfDevices(choice)
      ? devices.size > 0 && { devices: [...devices.keys()] }
      : users.size > 0 && { users: [...users.keys()] }),
    ...(there.has('alias') && alias.trim() !== '' && { alias: alias.trim() }),
    ...(source !== null && { source }),
    ...(there.has('authentication') && authentication !== null && { authentication }),
    ...(send === 'mail' && { mail: copy ? { copy: copyTo.trim() } : {} }),
  };
  return reuse && there.has('reuse') && mayReuse(choice) ? { ...order, reuse } : order;
}

/** One certificate several times on the same device. */
export const mayReuse = ({ type, kind, connection }: Choice): boolean =>
  type !== null &&
  kind !== null &&
  refusalOf({ type, kind, ...(connection !== null && type !== 'mobile' && { connection }), reuse: true }) === null;

/** Why the server would take nothing that goes on from this choice; null: it may be made. Choices of later steps are made anew. */
export function whyNot(choice: Choice, change: Partial<IssueOrder>): Fault | null {
  const made = { ...orderOf(choice), ...change };
  const { type, kind } = made;
  if (type === undefined || kind === undefined) return null;
  const at = inOrder.findIndex((key) => key in change);
  const kept = inOrder.slice(0, at < 0 ? inOrder.length : at).filter((key) => made[key] !== undefined);
  return refusalOf({ ...Object.fromEntries(kept.map((key) => [key, made[key]])), ...change, type, kind });
}

const inOrder = ['kind', 'connection', 'source', 'authentication'] as const;

/** Devices fetch it: only those whom somebody registered can. */
export const isOrdered = ({ type, kind }: Choice): boolean => kind === 'thin-client' && type !== 'mobile';

export const isOfDevices = (choice: Choice): boolean => isOrdered(choice) && choice.to === 'devices';

/** Of how many it is about. */
export const countOf = (choice: Choice): number => (isOfDevices(choice) ? choice.devices : choice.users).size;

export const withoutDevice = (choice: Choice): readonly UserView[] =>
  isOfDevices(choice) ? [] : [...choice.users.values()].filter(({ devices }) => devices === 0);

export const withoutAddress = ({ users }: Choice): readonly UserView[] =>
  [...users.values()].filter(({ email }) => email === '');

/** What has to be chosen at a step before the next one; null: nothing. */
export function missingAt(step: PageStep, choice: Choice): Missing | null {
  const { type, alias, source, format, file, key, send, copy, copyTo } = choice;
  switch (step) {
    case 'users':
      if (countOf(choice) === 0) return isOfDevices(choice) ? 'devices' : 'users';
      if (countOf(choice) > mostOfJob) return 'tooMany';
      return isOrdered(choice) && withoutDevice(choice).length > 0 ? 'noDevice' : null;
    case 'source':
      if (type !== 'mobile' && alias.trim() === '') return 'alias';
      if (!possible(choice, { source })) return 'choose';
      if (source !== 'uploaded') return null;
      if (file === null) return 'file';
      return format === 'x509' && key === null ? 'keyFile' : null;
    case 'send':
      if (send === null || (send === 'mail' && !possible(choice, { mail: {} }))) return 'choose';
      if (send === 'show') return null;
      if (copy) return copyTo.trim() === '' ? 'copyTo' : null;
      return withoutAddress(choice).length > 0 ? 'noAddress' : null;
    case 'confirm':
      return null;
    default:
      return possible(choice, { [step]: choice[step] }) ? null : 'choose';
  }
}

const possible = (choice: Choice, made: { readonly [key in keyof IssueOrder]?: unknown }): boolean =>
  Object.values(made).every((value) => value !== null) && whyNot(choice, made as Partial<IssueOrder>) === null;

const mostNames = 20;
/** Of very many only the first. */
export const sayNames = (named: Iterable<{ readonly name: string }>): string => {
  const names = [...named].map(({ name }) => name);
  return names.slice(0, mostNames).join(', ') + (names.length > mostNames ? ` … (+${names.length - mostNames})` : '');
};
