/** What came of it: shown once, and forgotten when the wizard is closed. */
import { fill, sayFault } from '../../../../words/say.ts';
import type { Issued } from '../../../api/issue.ts';
import { writeCsv } from '../../../core/csv.ts';
import { useApp, type Words } from '../../app.ts';
import { Icon } from '../../parts/icon.tsx';
import { Leaving } from '../../parts/leaving.tsx';
import { Rows } from '../../parts/rows.tsx';
import { Facts, Fingerprint, Note, Section, Status } from '../../parts/show.tsx';
import { sayTime, TimeOr } from '../../parts/time.tsx';

/** More are in the list to download alone. */
const mostShown = 200;

export function Finish({ issued, close }: { readonly issued: Issued; readonly close: string }) {
  const { words, navigate } = useApp();
  const { issue, onboarding, shell } = words.web;
  const { server, results, refused, legacy } = issued;
  const told = results.some(({ as }) => as === 'invitation' || as === 'credentials');
  const secret = results.some(({ password }) => password !== '');
  const more = Math.max(0, results.length - mostShown) + Math.max(0, refused.length - mostShown);
  return (
    <Section title={refused.length > 0 ? issue.finishPartly : issue.finish} arrives>
      {secret && <Leaving title={issue.leaveTitle} what={issue.leaveWhat} />}
      {secret && <Note tone="warn">{issue.once}</Note>}
      {refused.length > 0 && (
        <>
          <h3>{issue.refused}</h3>
          <Rows
            caption={issue.refused}
            heads={[issue.who, issue.why]}
            rows={refused.slice(0, mostShown).map(({ name, fault }) => ({
              key: name,
              cells: [name, <Status key="s" tone="bad" text={sayFault(words, fault)} />],
            }))}
          />
        </>
      )}
      {told && (
        <Facts
          rows={[
            [onboarding.address, <code key="a">{server.address}</code>],
            [onboarding.fingerprint, <Fingerprint key="f" value={server.fingerprint} />],
          ]}
        />
      )}
      {results.length > 0 && (
        <Rows
          caption={issue.finish}
          heads={[issue.who, issue.result, ...(told ? [onboarding.password, onboarding.validTo] : [])]}
          rows={results.slice(0, mostShown).map((result) => ({
            key: result.id,
            cells: [
              <NameOf key="n" {...result} />,
              <Status key="r" tone="good" text={sayResult(words, result)} />,
              ...(told
                ? [
                    result.password === '' ? (
                      <span class="quiet">{noPassword(words, result)}</span>
                    ) : (
                      <code>{result.password}</code>
                    ),
                    <TimeOr key="t" at={result.expiresAt} none={shell.none} />,
                  ]
                : []),
            ],
          }))}
        />
      )}
      {more > 0 && <p>{fill(issue.manyMore, { count: more })}</p>}
      {legacy.length > 0 && (
        <Note tone="warn" title={issue.legacy}>
          {legacy.join(', ')}
        </Note>
      )}
      <div class="form-buttons">
        <button type="button" class="button button-main" onClick={() => navigate(close)}>
          {shell.close}
        </button>
        <button type="button" class="button" onClick={() => save(csvOf(words, issued), 'certificates.csv')}>
          <Icon name="download" />
          {issue.download}
        </button>
      </div>
    </Section>
  );
}

type Result = Issued['results'][number];

const NameOf = ({ device, user }: Pick<Result, 'device' | 'user'>) => (
  <>
    {device ?? user}
    {device !== null && user !== null && <span class="quiet"> {user}</span>}
  </>
);

const sayResult = ({ web: { issue } }: Words, { as, mailedTo }: Result): string =>
  mailedTo.length > 0
    ? `${as === 'credentials' ? issue.results.mailedOwn : issue.results.mailed} ${mailedTo.join(', ')}`
    : issue.results[as];

const noPassword = ({ web: { issue } }: Words, { as }: Result): string =>
  as === 'credentials' ? issue.ownPassword : issue.inMail;

/** Made here of what is shown: nothing of it goes anywhere. */
function csvOf(words: Words, { server, results, refused }: Issued): string {
  const { issue, onboarding } = words.web;
  const heads = [
    issue.device,
    issue.user,
    issue.result,
    onboarding.address,
    onboarding.fingerprint,
    onboarding.password,
    onboarding.validTo,
  ];
  const rows = results.map((result) => {
    const { device, user, password, expiresAt } = result;
    const where = result.as === 'ordered' || result.as === 'recorded' ? ['', ''] : [server.address, server.fingerprint];
    const end = expiresAt === null ? '' : sayTime(words, expiresAt);
    return [device ?? '', user ?? '', sayResult(words, result), ...where, password, end];
  });
  const not = refused.map(({ name, fault }) => ['', name, sayFault(words, fault), '', '', '', '']);
  return writeCsv([heads, ...rows, ...not]);
}

/** As a file of the browser's own memory; its address holds nothing. The byte order mark has spreadsheets read it as UTF-8. */
function save(csv: string, name: string): void {
  const url = URL.createObjectURL(new Blob([`\uFEFF${csv}`], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
