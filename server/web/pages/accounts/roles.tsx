/** Roles and what each may do, by the server's own rights. */
import type { RolesView } from '../../../api/account.ts';
import { useApp, type Words } from '../../app.ts';
import { CheckField } from '../../parts/form.tsx';
import { Icon } from '../../parts/icon.tsx';
import { Rows } from '../../parts/rows.tsx';
import { Loading, Section } from '../../parts/show.tsx';

type Role = RolesView[number]['role'];

export const roleNames = ({ web }: Words, roles: readonly Role[]): string =>
  roles.map((role) => web.shell.account.roles[role]).join(', ');

/** Nobody gives a role whose rights he does not hold; the server has the same rule. */
export const maySet = (roles: RolesView | null, rights: readonly string[], role: Role): boolean =>
  roles?.find((each) => each.role === role)?.actions.every((action) => rights.includes(action)) ?? false;

export function RolesSection({ roles }: { readonly roles: RolesView | null }) {
  const { words } = useApp();
  const { accounts } = words.web;
  const held = new Set(roles?.flatMap(({ actions }) => actions));
  return (
    <Section title={accounts.roles} lead={accounts.rolesLead}>
      {!roles && <Loading />}
      {roles && (
        <Rows
          caption={accounts.roles}
          heads={[accounts.right, ...roles.map(({ role }) => roleNames(words, [role]))]}
          rows={[...held].map((action) => ({
            key: action,
            cells: [
              accounts.rights[action],
              ...roles.map(({ role, actions }) => (
                <May key={role} yes={actions.includes(action)} yesText={words.web.shell.yes} />
              )),
            ],
          }))}
        />
      )}
    </Section>
  );
}

const May = ({ yes, yesText }: { readonly yes: boolean; readonly yesText: string }) =>
  yes ? (
    <span class="status status-good">
      <Icon name="check" />
      <span>{yesText}</span>
    </span>
  ) : (
    <span class="quiet">–</span>
  );

/** One box for each role; what must not be given is closed, and says why. */
export function RoleFields({
  roles,
  given,
  closed,
  onGiven,
}: {
  readonly roles: RolesView;
  readonly given: readonly Role[];
  /** Why none of them can be changed. */
  readonly closed?: string | null;
  readonly onGiven: (given: readonly Role[]) => void;
}) {
  const { words, rights } = useApp();
  const { accounts } = words.web;
  return (
    <fieldset class="form">
      <legend>{accounts.roles}</legend>
      {roles.map(({ role }) => {
        const may = maySet(roles, rights, role);
        return (
          <CheckField
            key={role}
            label={roleNames(words, [role])}
            hint={closed ?? (may ? accounts.roleHints[role] : accounts.notYours)}
            checked={given.includes(role)}
            disabled={Boolean(closed) || !may}
            onChecked={(checked) => onGiven(checked ? [...given, role] : given.filter((each) => each !== role))}
          />
        );
      })}
    </fieldset>
  );
}
