import { plainText } from '../../../words/say.ts';
import { useApp } from '../app.ts';
import { Page } from '../parts/show.tsx';
import { type Column, Table } from '../parts/table.tsx';
import { Time } from '../parts/time.tsx';

type AuditRow = {
  readonly id: number;
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly facts: Readonly<Record<string, string | number>>;
};

export function AuditPage() {
  const { words } = useApp();
  const { audit } = words.web;
  const columns: readonly Column<AuditRow>[] = [
    { id: 'at', title: audit.at, sortable: true, cell: ({ at }) => <Time at={at} /> },
    { id: 'actor', title: audit.actor, cell: ({ actor }) => actor },
    { id: 'action', title: audit.action, kind: 'main', cell: ({ action }) => <ActionName action={action} /> },
    { id: 'subject', title: audit.subject, minor: true, cell: ({ subject }) => <code>{plainText(subject)}</code> },
    { id: 'facts', title: audit.facts, kind: 'text', cell: ({ facts }) => <FactList facts={facts} /> },
  ];
  return (
    <Page title={audit.title} lead={audit.lead} wide>
      <Table
        path="/audit"
        caption={audit.table}
        columns={columns}
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

export const FactList = ({ facts }: { readonly facts: AuditRow['facts'] }) => (
  <ul class="fact-list">
    {Object.entries(facts).map(([name, value]) => (
      <li key={name}>
        <span class="quiet">{name}</span> {plainText(String(value))}
      </li>
    ))}
  </ul>
);
