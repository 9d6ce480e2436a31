/** All that was chosen, before anything is done. */
import { fill } from '../../../../words/say.ts';
import type { IdentityRules } from '../../../api/rules.ts';
import { useApp, useLoad } from '../../app.ts';
import { type FactRow, Facts, Note } from '../../parts/show.tsx';
import { type Choice, countOf, isOfDevices, isOrdered, orderOf, pageSteps, sayNames } from './choice.ts';

export function ConfirmStep({ choice }: { readonly choice: Choice }) {
  const { words, language } = useApp();
  const { issue, shell } = words.web;
  const { type, kind, connection, users, source, file, key } = choice;
  const rules = useLoad<IdentityRules>('/identity-rules').value;
  // A rule may ask for a one-time password beside the own one.
  const authentication = rules?.promptPassword ? 'password' : (choice.authentication ?? 'password');
  const order = orderOf(choice);
  const ofDevices = isOfDevices(choice);
  const devices = ofDevices ? countOf(choice) : [...users.values()].reduce((sum, user) => sum + user.devices, 0);
  const count = new Intl.NumberFormat(language);
  const files = [key, file].flatMap((each) => (each ? [each.name] : [])).join(', ');
  const rows: readonly (FactRow | false)[] = [
    type !== null && [issue.steps.type, issue.types[type]],
    kind !== null && [issue.steps.kind, issue.kinds[kind]],
    connection !== null && order.connection !== undefined && [issue.steps.connection, issue.connections[connection]],
    ofDevices
      ? [issue.devicesChosen, sayNames(choice.devices.values())]
      : [issue.steps.users, sayNames(users.values())],
    order.alias !== undefined && [issue.alias, order.alias],
    source !== null && [
      issue.source,
      source === 'uploaded' ? `${issue.sources.uploaded}: ${files}` : issue.sources[source],
    ],
    order.authentication !== undefined && [issue.steps.authentication, issue[order.authentication]],
    pageSteps(choice).includes('authentication') && kind !== 'ios' && [issue.reuse, order.reuse ? shell.yes : shell.no],
    [
      issue.steps.send,
      order.mail === undefined ? issue.show : [issue.byMail, ...(order.mail.copy ? [order.mail.copy] : [])].join('; '),
    ],
  ];
  const what = isOrdered(choice)
    ? fill(issue.will.order, { count: count.format(devices) })
    : fill(type !== 'mobile' ? issue.will.record : issue.will[authentication], {
        count: count.format(users.size),
      });
  return (
    <>
      <Facts rows={rows.filter((row) => row !== false)} />
      <Note tone="quiet">{what}</Note>
    </>
  );
}
