/** The one place that says who may do what on the administration API (T20). */
export const roleNames = ['officer', 'administrator', 'auditor'] as const;
/** `officer` is the Security Officer, who alone changes certificates and answers codes. */
export type Role = (typeof roleNames)[number];

export const actions = [
  'read',
  'read-audit',
  'invite',
  'edit-devices',
  'edit-identities',
  'edit-certificates',
  'edit-identity-rules',
  'edit-users',
  'edit-groups',
  'edit-policies',
  'edit-policy-certificates',
  'edit-server-certificates',
  'edit-authorities',
  'answer-codes',
  'edit-server',
  'edit-accounts',
  'recover-accounts',
] as const;
export type Action = (typeof actions)[number];
export type Rights = ReadonlySet<Action>;

const rights: Readonly<Record<Role, Rights>> = {
  officer: new Set<Action>([
    'read',
    'read-audit',
    'invite',
    'edit-identities',
    'edit-certificates',
    'edit-identity-rules',
    'edit-policy-certificates',
    'edit-server-certificates',
    'edit-authorities',
    'answer-codes',
  ]),
  administrator: new Set<Action>([
    'read',
    'read-audit',
    'edit-devices',
    'edit-users',
    'edit-groups',
    'edit-policies',
    'edit-server',
    'edit-accounts',
  ]),
  auditor: new Set<Action>(['read', 'read-audit']),
};

/** Of whoever opens the administration socket. */
export const allRights: Rights = new Set(actions);

/** In the order of `actions`. */
export const actionsOf = (role: Role): readonly Action[] => actions.filter((action) => rights[role].has(action));

export const rightsOf = (roles: readonly Role[]): Rights => new Set(roles.flatMap((role) => [...rights[role]]));

export const mayDo = (held: Rights, action: Action): boolean => held.has(action);

/** Nobody gives rights that he does not hold, nor changes, locks or removes an account that has such. */
export const mayGive = (held: Rights, roles: readonly Role[]): boolean =>
  [...rightsOf(roles)].every((action) => held.has(action));

export const isRole = (text: unknown): text is Role => roleNames.some((role) => role === text);
