/** What a group sets on its devices, beside certificates. */
import { useState } from 'preact/hooks';
import { fill } from '../../../../words/say.ts';
import type { GroupDetails } from '../../../api/groups.ts';
import { useApp } from '../../app.ts';
import type { PageProps } from '../../pages.ts';
import { CheckField, RadioField, TextField } from '../../parts/form.tsx';
import { Section } from '../../parts/show.tsx';
import { Block, EditDialog, LockField } from './block.tsx';
import { GroupFrame, type GroupProps, pathOf } from './frame.tsx';

export const GroupSettingsPage = ({ params: { id = '' } }: PageProps) => (
  <GroupFrame id={id} part="settings">
    {(props) => (
      <>
        <Contacts {...props} />
        {props.group.kind === 'ordinary' && (
          <>
            <Servers {...props} />
            <Locks {...props} />
            <Naming {...props} />
            <Identity {...props} />
            <YesNo {...props} name="rotation" />
            <YesNo {...props} name="migrateClient" />
          </>
        )}
      </>
    )}
  </GroupFrame>
);

const contactFields = ['name', 'phone', 'email', 'note'] as const;
const longest = { name: 120, phone: 60, email: 120, note: 200 };
const noContacts = { name: '', phone: '', email: '', note: '' };

function Contacts(props: GroupProps) {
  const { words, api, rights } = useApp();
  const { groups } = words.web;
  const block = props.group.contacts;
  const [editing, setEditing] = useState(false);
  const [inherit, setInherit] = useState(false);
  const [value, setValue] = useState(noContacts);
  const mayChange = rights.includes('edit-policies');
  return (
    <Section title={groups.contacts} lead={groups.contactsLead}>
      <Block
        {...props}
        of={block}
        say={(of) => contactFields.map((field) => of[field] && <div key={field}>{of[field]}</div>)}
        mayChange={mayChange}
        lock={<LockField {...props} name="contacts" of={block} mayChange={mayChange} />}
        onChange={() => {
          setInherit(block.own === null && props.group.path.length > 0);
          setValue(block.own ?? block.effective ?? noContacts);
          setEditing(true);
        }}
      />
      {editing && (
        <EditDialog
          {...props}
          title={groups.contacts}
          run={() => api.send('PUT', `${pathOf(props.group.id)}/policy/contacts`, inherit ? null : value)}
          onClose={() => setEditing(false)}
        >
          <Inherit inherit={inherit} onInherit={setInherit} />
          {!inherit &&
            contactFields.map((field) => (
              <TextField
                key={field}
                label={groups.contact[field]}
                maxLength={longest[field]}
                value={value[field]}
                onValue={(typed) => setValue({ ...value, [field]: typed })}
              />
            ))}
        </EditDialog>
      )}
    </Section>
  );
}

/** The group's own word, or that of the group above. */
function Inherit({
  inherit,
  onInherit,
}: {
  readonly inherit: boolean;
  readonly onInherit: (inherit: boolean) => void;
}) {
  const { groups } = useApp().words.web;
  return (
    <RadioField
      legend={groups.setIn}
      choices={[
        ['own', groups.own],
        ['inherit', groups.inherit],
      ]}
      value={inherit ? 'inherit' : 'own'}
      onValue={(chosen) => onInherit(chosen === 'inherit')}
    />
  );
}

type ServerName = keyof GroupDetails['settings'];
const servers: readonly ServerName[] = ['rdp', 'broker', 'logServer'];

function Servers(props: GroupProps) {
  const { words, api, rights } = useApp();
  const { groups } = words.web;
  const [editing, setEditing] = useState<ServerName | null>(null);
  const [value, setValue] = useState('');
  const [enforced, setEnforced] = useState(false);
  const { settings, id } = props.group;
  return (
    <Section title={groups.servers} lead={groups.serversLead}>
      {servers.map((name) => (
        <div key={name} class="block">
          <h3>{groups.server[name]}</h3>
          <Block
            {...props}
            of={settings[name]}
            say={(address) => (
              <>
                <code>{address}</code>
                {(settings[name].lockedBy || (settings[name].enforced && settings[name].from?.id === id)) &&
                  ` · ${groups.enforced}`}
              </>
            )}
            mayChange={rights.includes('edit-policies')}
            onChange={() => {
              setValue(settings[name].own ?? '');
              setEnforced(settings[name].enforced);
              setEditing(name);
            }}
          />
        </div>
      ))}
      {editing && (
        <EditDialog
          {...props}
          title={groups.server[editing]}
          run={() => {
            const address = value.trim() || null;
            const body = { name: editing, value: address, enforced: address !== null && enforced };
            return api.send('PUT', `${pathOf(id)}/policy/settings`, body);
          }}
          onClose={() => setEditing(null)}
        >
          <TextField
            label={groups.address}
            hint={`${groups.addressHint} ${groups.emptyInherits}`}
            maxLength={300}
            autoFocus
            value={value}
            onValue={setValue}
          />
          <CheckField
            label={groups.enforced}
            hint={groups.enforcedHint}
            checked={enforced && value.trim() !== ''}
            disabled={value.trim() === ''}
            onChecked={setEnforced}
          />
        </EditDialog>
      )}
    </Section>
  );
}

const locks = ['connection', 'reset', 'dateTime'] as const;

function Locks(props: GroupProps) {
  const { words, rights } = useApp();
  const { groups } = words.web;
  return (
    <Section title={groups.locks}>
      {locks.map((name) => (
        <LockField
          key={name}
          {...props}
          name={name}
          label={groups.lock[name]}
          of={props.group.locks[name]}
          mayChange={rights.includes('edit-policies')}
        />
      ))}
    </Section>
  );
}

const digits = 4;
const nameOf = (fields: readonly string[], number: number): string =>
  [...fields, String(number).padStart(digits, '0')].join('-');

function Naming(props: GroupProps) {
  const { words, api, rights } = useApp();
  const { groups } = words.web;
  const { naming: block, nextNumber, id } = props.group;
  const [editing, setEditing] = useState(false);
  const [typed, setTyped] = useState('');
  const fields = typed.split(/[\s-]+/).filter(Boolean);
  const right = fields.length <= 4 && fields.every((field) => /^[\p{L}\p{N}]{1,10}$/u.test(field));
  return (
    <Section title={groups.naming} lead={groups.namingLead}>
      <Block
        {...props}
        of={block}
        none={groups.noRule}
        say={(of) => (
          <>
            <code>{of.join('-')}</code>
            <div class="quiet">
              {groups.next} {nameOf(of, nextNumber)}
            </div>
          </>
        )}
        mayChange={rights.includes('edit-groups')}
        onChange={() => {
          setTyped(block.own?.join('-') ?? '');
          setEditing(true);
        }}
      />
      {editing && (
        <EditDialog
          {...props}
          title={groups.naming}
          what={groups.namingWhat}
          run={() => api.send('PUT', `${pathOf(id)}/naming`, { fields: fields.length > 0 ? fields : null })}
          onClose={() => setEditing(false)}
        >
          <TextField
            label={groups.namingField}
            hint={`${groups.wrongNaming} ${groups.emptyInherits}`}
            wrong={right ? null : groups.wrongNaming}
            maxLength={60}
            autoFocus
            value={typed}
            onValue={setTyped}
          />
          {right && fields.length > 0 && (
            <p role="status">
              {groups.next} <strong>{nameOf(fields, nextNumber)}</strong>
            </p>
          )}
        </EditDialog>
      )}
    </Section>
  );
}

function Identity(props: GroupProps) {
  const { words, api, rights } = useApp();
  const { groups } = words.web;
  const { identity: block, renewBeforeDays, id } = props.group;
  const [editing, setEditing] = useState(false);
  const [choice, setChoice] = useState('inherit');
  const [days, setDays] = useState('');
  const mayChange = rights.includes('edit-policy-certificates');
  return (
    <Section title={groups.identity} lead={groups.identityLead}>
      <Block
        {...props}
        of={block}
        none={fill(groups.byRules, { days: renewBeforeDays })}
        say={(of) => (of.renewBeforeDays === null ? groups.blank : fill(groups.days, { days: of.renewBeforeDays }))}
        mayChange={mayChange}
        lock={<LockField {...props} name="identity" of={block} mayChange={mayChange} />}
        onChange={() => {
          setChoice(block.own === null ? 'inherit' : block.own.renewBeforeDays === null ? 'blank' : 'days');
          setDays(String(block.own?.renewBeforeDays ?? renewBeforeDays));
          setEditing(true);
        }}
      />
      {editing && (
        <EditDialog
          {...props}
          title={groups.identity}
          run={() => {
            const body = choice === 'inherit' ? null : { renewBeforeDays: choice === 'blank' ? null : Number(days) };
            return api.send('PUT', `${pathOf(id)}/policy/identity`, body);
          }}
          onClose={() => setEditing(false)}
        >
          <RadioField
            legend={groups.identity}
            choices={[
              ['inherit', groups.inherit],
              ['days', groups.daysField],
              ['blank', groups.blank],
            ]}
            value={choice}
            onValue={setChoice}
          />
          {choice === 'days' && (
            <TextField label={groups.daysField} type="number" kind="short" required value={days} onValue={setDays} />
          )}
        </EditDialog>
      )}
    </Section>
  );
}

const yesNo = {
  rotation: { right: 'edit-policy-certificates', path: '/policy/rotation', field: 'allowed' },
  migrateClient: { right: 'edit-policies', path: '/migrate-client', field: 'migrate' },
} as const;

/** What a group allows, forbids, or leaves to the group above. */
function YesNo({ name, ...props }: GroupProps & { readonly name: keyof typeof yesNo }) {
  const { words, api, rights } = useApp();
  const { groups } = words.web;
  const { right, path, field } = yesNo[name];
  const said = groups[name];
  const block = props.group[name];
  const [editing, setEditing] = useState(false);
  const [choice, setChoice] = useState('');
  const mayChange = rights.includes(right);
  return (
    <Section title={said.title} lead={said.lead}>
      <Block
        {...props}
        of={block}
        none={said.no}
        say={(allowed) => (allowed ? said.yes : said.no)}
        mayChange={mayChange}
        {...(name === 'rotation' && { lock: <LockField {...props} name={name} of={block} mayChange={mayChange} /> })}
        onChange={() => {
          setChoice(block.own === null ? '' : block.own ? 'yes' : 'no');
          setEditing(true);
        }}
      />
      {editing && (
        <EditDialog
          {...props}
          title={said.title}
          run={() => {
            const value = choice === '' ? null : choice === 'yes';
            return api.send('PUT', `${pathOf(props.group.id)}${path}`, { [field]: value });
          }}
          onClose={() => setEditing(false)}
        >
          <RadioField
            legend={said.title}
            choices={[
              ['', groups.inherit],
              ['yes', said.yes],
              ['no', said.no],
            ]}
            value={choice}
            onValue={setChoice}
          />
        </EditDialog>
      )}
    </Section>
  );
}
