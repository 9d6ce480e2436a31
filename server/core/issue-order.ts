/**
 * What an administrator orders by the wizard “Certificate issuance” (M3): which of its steps there are for a type of certificate, a kind
 * of device and a connection method, and whether what was chosen fits them. A thin client has the steps of Android.
 */
import { bad, type Fault, good, type Result } from '../../protocol/fault.ts';
import type { CertificateType, DeviceKind } from './certificates.ts';

export const connectionMethods = ['with-mobile', 'without-mobile'] as const;
export const issueSources = ['server', 'pki', 'uploaded'] as const;
export const authentications = ['credentials', 'password'] as const;
export type ConnectionMethod = (typeof connectionMethods)[number];
export type IssueSource = (typeof issueSources)[number];
export type Authentication = (typeof authentications)[number];

export type IssueOrder = {
  readonly type: CertificateType;
  readonly kind: DeviceKind;
  readonly connection?: ConnectionMethod | undefined;
  readonly users?: readonly string[] | undefined;
  /** Beside the users, or in their place. */
  readonly devices?: readonly string[] | undefined;
  readonly alias?: string | undefined;
  readonly source?: IssueSource | undefined;
  readonly authentication?: Authentication | undefined;
  /** One certificate several times on the same device. */
  readonly reuse?: boolean | undefined;
  /** Details go by e-mail to the user, a copy to another address; `show`: they are answered all the same. Left out: they are answered. */
  readonly mail?: { readonly copy?: string | undefined; readonly show?: boolean | undefined } | undefined;
};
export type IssueStep =
  | 'type'
  | 'kind'
  | 'connection'
  | 'users'
  | 'alias'
  | 'source'
  | 'authentication'
  | 'reuse'
  | 'send'
  | 'confirm';
/** What it comes to: an invitation to register, an order that devices fetch, or a record. */
export type Issue = 'invite' | 'order' | 'record';

/** In their order. `connection` null: not chosen yet. */
export function stepsOf(
  type: CertificateType,
  kind: DeviceKind,
  connection: ConnectionMethod | null,
): readonly IssueStep[] {
  const likeAndroid = kind !== 'ios';
  const method: readonly IssueStep[] = type !== 'mobile' && likeAndroid ? ['connection'] : [];
  const alias: readonly IssueStep[] = type === 'mobile' ? [] : ['alias'];
  const proves = type === 'mobile' || (likeAndroid && connection === 'without-mobile');
  const authentication: readonly IssueStep[] = proves
    ? ['authentication', ...(likeAndroid ? ['reuse' as const] : [])]
    : [];
  return ['type', 'kind', ...method, 'users', ...alias, 'source', ...authentication, 'send', 'confirm'];
}

/**
 * Faults: `step-not-offered` for what was chosen at a step that is not there; `bad-argument` for a step without a choice;
 * `pki-not-integrated`; `record-only` where a device of that kind would have to do something; `identity-needed` for a thin client that
 * is to get a certificate without its own.
 */
export function judgeOrder(order: IssueOrder): Result<Issue> {
  const { type, kind, connection, users = [], devices = [], alias, source, authentication, reuse } = order;
  const steps = stepsOf(type, kind, connection ?? null);
  const chosen = { connection, alias, source, authentication, reuse };
  for (const step of ['connection', 'alias', 'source', 'authentication', 'reuse'] as const) {
    const there = chosen[step] !== undefined;
    if (there && !steps.includes(step)) return bad('step-not-offered', { what: step });
    if (!there && steps.includes(step) && step !== 'reuse') return bad('bad-argument', { what: step });
  }
  if (source === 'pki') return bad('pki-not-integrated');
  if (kind !== 'thin-client' && devices.length > 0) return bad('step-not-offered', { what: 'devices' });
  if (users.length + devices.length === 0) return bad('bad-argument', { what: 'users' });
  // Whoever registers a device types something; nobody else has to be told anything.
  const told = kind === 'thin-client' && type === 'mobile';
  if (order.mail !== undefined && !told) return bad('step-not-offered', { what: 'mail' });
  if (kind !== 'thin-client') return type !== 'mobile' && source === 'uploaded' ? good('record') : bad('record-only');
  if (type === 'mobile') {
    if (source === 'uploaded') return bad('step-not-offered', { what: 'upload' });
    // A device that is registered has its certificate.
    if (devices.length > 0) return bad('step-not-offered', { what: 'devices' });
    return reuse === true ? bad('not-allowed', { what: 'reuse' }) : good('invite');
  }
  return connection === 'with-mobile' ? good('order') : bad('identity-needed');
}

/**
 * Why nothing would be taken that goes on from these choices: the fault of the first way on; null where there is one that is taken.
 * Users and alias are never the reason.
 */
export function refusalOf(chosen: Begun): Fault | null {
  let first: Fault | null = null;
  for (const order of waysOn(chosen)) {
    const judged = judgeOrder(order);
    if (judged.ok) return null;
    first ??= judged.fault;
  }
  return first;
}

/** The first two steps are made. */
type Begun = Pick<IssueOrder, 'type' | 'kind'> & Partial<IssueOrder>;

function* waysOn(chosen: Begun): Generator<IssueOrder> {
  const each = <V>(value: V | undefined, all: readonly V[]): readonly V[] => (value === undefined ? all : [value]);
  const { type, kind } = chosen;
  const methods = stepsOf(type, kind, null).includes('connection') ? connectionMethods : [undefined];
  for (const connection of each(chosen.connection, methods)) {
    const steps = stepsOf(type, kind, connection ?? null);
    const ways = steps.includes('authentication') ? authentications : [undefined];
    const alias = steps.includes('alias') ? 'x' : undefined;
    for (const source of each(chosen.source, issueSources))
      for (const authentication of each(chosen.authentication, ways))
        yield { users: ['x'], ...chosen, connection, alias, source, authentication };
  }
}
