/** Files that are added to a policy, each by itself: what became of it stands beside its name. */
import { useState } from 'preact/hooks';
import { fill, sayFault } from '../../../../words/say.ts';
import type { ShownFault } from '../../api.ts';
import { useApp } from '../../app.ts';
import { base64Of } from '../../file.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { FileField, Form, SelectField } from '../../parts/form.tsx';
import { Status } from '../../parts/show.tsx';
import { type GroupProps, useReach } from './frame.tsx';

type Outcome = { readonly file: string; readonly added: number | null; readonly faults: readonly string[] };
const purposes = ['rdp', 'broker', 'log'] as const;

export function UploadDialog({
  group,
  title,
  path,
  purpose: asksPurpose,
  accept,
  added,
  onDone,
  onClose,
}: GroupProps & {
  readonly title: string;
  readonly path: string;
  /** Whether it is asked what the files are for. */
  readonly purpose?: boolean;
  readonly accept: string;
  /** How many were added of a file. */
  readonly added: string;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const { words, api } = useApp();
  const { groups } = words.web;
  const [files, setFiles] = useState<readonly File[]>([]);
  const [purpose, setPurpose] = useState('rdp');
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([]);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string | null>(null);
  const reach = useReach(group);
  const send = async (file: File): Promise<Outcome> => {
    const content = await base64Of(file);
    if (content === null) return { file: file.name, added: null, faults: [groups.unreadable] };
    const body = { file: file.name, content, ...(asksPurpose ? { purpose } : {}) };
    const answer = await api.send<readonly string[]>('POST', path, body);
    if (answer.ok) return { file: file.name, added: answer.value.length, faults: [] };
    const { faults = [answer.fault] } = answer.problem as { readonly faults?: readonly ShownFault[] };
    return { file: file.name, added: null, faults: faults.map((fault) => sayFault(words, fault)) };
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <Form
        submit={title}
        busy={busy}
        fault={null}
        onSend={async () => {
          if (files.length === 0) return setWrong(groups.noFile);
          setBusy(true);
          const became: Outcome[] = [];
          for (const file of files) {
            became.push(await send(file));
            setOutcomes([...became]);
          }
          setBusy(false);
          if (became.some((outcome) => outcome.added !== null)) onDone();
        }}
      >
        <p>{reach}</p>
        {asksPurpose && (
          <SelectField
            label={groups.purpose}
            value={purpose}
            choices={purposes.map((each) => [each, groups.purposes[each]])}
            onValue={setPurpose}
          />
        )}
        <FileField
          label={groups.files}
          hint={groups.filesHint}
          accept={accept}
          wrong={wrong}
          onFiles={(chosen) => {
            setFiles(chosen);
            setOutcomes([]);
            setWrong(null);
          }}
        />
        <div role="status">
          <ul class="plain">
            {outcomes.map((outcome, index) => (
              <li key={`${index} ${outcome.file}`}>
                <strong>{outcome.file}</strong>
                {outcome.added !== null && (
                  <div>
                    <Status tone="good" text={fill(added, { count: outcome.added })} />
                  </div>
                )}
                {outcome.faults.map((fault) => (
                  <div key={fault}>
                    <Status tone="bad" text={fault} />
                  </div>
                ))}
              </li>
            ))}
          </ul>
        </div>
      </Form>
    </Dialog>
  );
}
