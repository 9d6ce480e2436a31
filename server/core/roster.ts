/** A list of devices to come, as a file of comma-separated values: one invitation each (B13). */
import { bad, type Fault, fault, good, type Result } from '../../protocol/fault.ts';
import { parseCsv } from './csv.ts';

export type Expected = { readonly row: number; readonly name: string; readonly group: string | null };
export type Roster =
  | Result<readonly Expected[]>
  | { readonly ok: false; readonly fault: Fault; readonly faults: readonly Fault[] };

/** A password of each has to be told to a person: more at once is what group tokens are for. */
export const mostExpected = 2000;
const maxName = 120;
const maxFaults = 100;

/**
 * The first line names the columns: `name` and, if there is one, `group`, in any order and case; others are passed over. Without a
 * group the device goes to the unassigned ones. Faults: `csv-unreadable`, `csv-columns`, `csv-too-long`; `csv-row`
 * with row (the file's first is 1) and column for each that is not right, a name that stands twice among them.
 */
export function readRoster(text: string): Roster {
  const rows = parseCsv(text);
  if (rows === null) return bad('csv-unreadable');
  const [heads = [], ...lines] = rows;
  const columns = heads.map((head) => head.trim().toLowerCase());
  const [nameAt, groupAt] = [columns.indexOf('name'), columns.indexOf('group')];
  if (nameAt < 0 || lines.length === 0) return bad('csv-columns', { columns: 'name, group' });
  if (lines.length > mostExpected) return bad('csv-too-long', { limit: mostExpected, count: lines.length });
  const faults: Fault[] = [];
  const seen = new Set<string>();
  const expected = lines.map((line, index) => {
    const row = index + 2;
    const name = (line[nameAt] ?? '').trim();
    const group = (line[groupAt] ?? '').trim();
    if (name === '' || name.length > maxName || /\p{Cc}/u.test(name) || seen.has(name))
      faults.push(fault('csv-row', { row, column: 'name' }));
    if (line.length > columns.length) faults.push(fault('csv-row', { row, column: String(columns.length + 1) }));
    seen.add(name);
    return { row, name, group: group === '' ? null : group };
  });
  const [first] = faults;
  return first ? { ok: false, fault: first, faults: faults.slice(0, maxFaults) } : good(expected);
}
