/** Passwords of users: typed by the rule of the server, or made there and shown once. */
import { fill, sayFault } from '../../../../words/say.ts';
import type { UserMade } from '../../../api/users.ts';
import { judgePassword, specialCharacters } from '../../../core/user.ts';
import { useApp } from '../../app.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { PasswordField } from '../../parts/form.tsx';
import { Facts, Note } from '../../parts/show.tsx';

/** What is wrong is told while it is typed, by the rule the server has. */
export function OwnPassword({ value, onValue }: { readonly value: string; readonly onValue: (value: string) => void }) {
  const { words } = useApp();
  const judged = judgePassword(value);
  return (
    <PasswordField
      label={words.web.users.password}
      hint={fill(words.web.users.passwordRule, { special: specialCharacters })}
      wrong={value === '' || judged.ok ? null : sayFault(words, judged.fault)}
      autocomplete="new-password"
      value={value}
      onValue={onValue}
    />
  );
}

export const passwordOf = (own: boolean, password: string) => (own ? { password } : {});

/** Nobody sees it again: closing forgets it. */
export function MadeDialog({ made, onClose }: { readonly made: UserMade; readonly onClose: () => void }) {
  const { words } = useApp();
  const { users } = words.web;
  return (
    <Dialog title={users.madeTitle} onClose={onClose}>
      <Note tone="warn">{users.madeOnce}</Note>
      <Facts
        rows={[
          [users.name, made.name],
          [users.password, <code key="p">{made.password}</code>],
        ]}
      />
      <div class="form-buttons">
        <button type="button" class="button button-main" onClick={onClose}>
          {words.web.shell.close}
        </button>
      </div>
    </Dialog>
  );
}
