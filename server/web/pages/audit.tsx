import { fill, formatZone, plainText, sayFault } from '../../../words/say.ts';
import type { AuditRow } from '../../api/devices.ts';
import { useApp, type Words } from '../app.ts';
import type { Choice } from '../parts/form.tsx';
import { Fingerprint, Page } from '../parts/show.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { offsetAt, Time } from '../parts/time.tsx';

export function auditColumnsOf({ web: { audit } }: Words): readonly Column<AuditRow>[] {
  return [
    { id: 'at', title: audit.at, sortable: true, kind: 'main', cell: ({ at }) => <Time at={at} /> },
    { id: 'actor', title: audit.actor, kind: 'code', cell: ({ actor }) => <ShortId text={actor} /> },
    { id: 'action', title: audit.action, cell: ({ action }) => <ActionName action={action} /> },
    { id: 'facts', title: audit.facts, kind: 'text', cell: ({ facts }) => <FactList facts={facts} /> },
    {
      id: 'subject',
      title: audit.subject,
      kind: 'code',
      minor: true,
      cell: ({ subject }) => <ShortId text={subject} />,
    },
  ];
}

export function AuditPage() {
  const { words, language } = useApp();
  const { audit } = words.web;
  const zone = formatZone(offsetAt(Date.now()));
  const byName = ([, one]: Choice, [, other]: Choice) => one.localeCompare(other, language);
  return (
    <Page title={audit.title} lead={audit.lead} wide>
      <Table
        path="/audit"
        caption={audit.table}
        columns={auditColumnsOf(words)}
        filters={[
          { id: 'actor', title: audit.actor, of: 'text' },
          { id: 'action', title: audit.action, choices: Object.entries(audit.actions).sort(byName) },
          { id: 'from', title: fill(audit.from, { zone }), of: 'from' },
          { id: 'to', title: audit.to, of: 'until' },
        ]}
        start={{ sort: 'at', order: 'desc' }}
        keyOf={({ id }) => String(id)}
        empty={words.web.parts.table.empty}
      />
    </Page>
  );
}

function ActionName({ action }: { readonly action: string }) {
  const { words } = useApp();
  const names: Readonly<Record<string, string>> = words.web.audit.actions;
  return Object.hasOwn(names, action) ? names[action] : action;
}

export function FactList({ facts }: { readonly facts: AuditRow['facts'] }) {
  const { words } = useApp();
  const names: Readonly<Record<string, string>> = words.web.audit.factNames;
  return (
    <ul class="fact-list">
      {Object.entries(facts)
        .filter(([, value]) => value !== '')
        .map(([name]) => (
          <li key={name}>
            <span class="quiet">{Object.hasOwn(names, name) ? names[name] : name}</span>{' '}
            <FactValue text={sayFact(words, name, facts)} />
          </li>
        ))}
    </ul>
  );
}

const FactValue = ({ text }: { readonly text: string }) =>
  /^[0-9a-f]{64}$/.test(text) ? <Fingerprint value={text} /> : <ShortId text={text} />;

/** In the language of the reader where it is no name that somebody gave. */
function sayFact(words: Words, name: string, facts: AuditRow['facts']): string {
  const text = plainText(String(facts[name]));
  const { certificates, jobs, shell } = words.web;
  if (/^(code|why|reason)$/.test(name)) return sayFault(words, { code: text, facts });
  if (/^(true|false)$/.test(text)) return text === 'true' ? shell.yes : shell.no;
  if (!/^(type|kind|source|roles?|purpose)$/.test(name)) return text;
  const { types, kinds, sources } = certificates;
  const said = { ...types, ...kinds, ...sources, ...jobs.kinds, ...shell.account.roles, ...words.purposes };
  const sayWord = (word: string): string => (Object.hasOwn(said, word) ? said[word as keyof typeof said] : word);
  return text.split(' ').map(sayWord).join(', ');
}

/** A device or group that has no name here: the first digits of its id, enough to tell it from others in sight. */
const ShortId = ({ text }: { readonly text: string }) =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? (
    <code title={text}>{text.slice(0, 8)}…</code>
  ) : (
    plainText(text)
  );
