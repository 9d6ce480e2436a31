/** The one place that says who may do what on the administration API. */
export type Role = 'administrator';
export type Action =
  | 'read'
  | 'invite'
  | 'edit-devices'
  | 'edit-certificates'
  | 'edit-users'
  | 'edit-groups'
  | 'edit-policies'
  | 'edit-server-certificates'
  | 'answer-codes'
  | 'read-audit'
  | 'edit-server';

const rights: Readonly<Record<Role, ReadonlySet<Action>>> = {
  administrator: new Set<Action>([
    'read',
    'invite',
    'edit-devices',
    'edit-certificates',
    'edit-users',
    'edit-groups',
    'edit-policies',
    'edit-server-certificates',
    'answer-codes',
    'read-audit',
    'edit-server',
  ]),
};

export const mayDo = (role: Role, action: Action): boolean => rights[role].has(action);
