import { fill, formatZone, plainText } from '../../../words/say.ts';
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

export const FactList = ({ facts }: { readonly facts: AuditRow['facts'] }) => (
  <ul class="fact-list">
    {Object.entries(facts)
      .filter(([, value]) => value !== '')
      .map(([name, value]) => (
        <li key={name}>
          <span class="quiet">{name}</span> <FactValue value={value} />
        </li>
      ))}
  </ul>
);

const FactValue = ({ value }: { readonly value: string | number }) => {
  const text = plainText(String(value));
  return /^[0-9a-f]{64}$/.test(text) ? <Fingerprint value={text} /> : <ShortId text={text} />;
};

/** A device or group that has no name here: the first digits of its id, enough to tell it from others in sight. */
const ShortId = ({ text }: { readonly text: string }) =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? (
    <code title={text}>{text.slice(0, 8)}…</code>
  ) : (
    plainText(text)
  );
