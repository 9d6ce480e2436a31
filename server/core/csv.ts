/** Comma-separated values (RFC 4180), as spreadsheets of any country write them. */

/**
 * Rows of fields; a line that is empty is left out. The separator is the first of `,`, `;` and tab that stands in the first
 * line outside of quotes; a byte order mark at the beginning is dropped. Null where a quote is not closed, or stands
 * inside a field that is not quoted.
 */
export function parseCsv(text: string): readonly (readonly string[])[] | null {
  const body = text.replace(/^\uFEFF/, '');
  const separator = separatorOf(body);
  const rows: string[][] = [];
  let at = 0;
  let row: string[] = [];
  for (;;) {
    const quoted = body[at] === '"';
    const field = quoted ? quotedAt(body, at) : plainAt(body, at, separator);
    if (field === null) return null;
    row.push(field.value);
    at = field.end;
    if (body[at] === separator) {
      at += 1;
      continue;
    }
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
    if (at >= body.length) return rows;
    if (body.startsWith('\r\n', at)) at += 2;
    else if (body[at] === '\n' || body[at] === '\r') at += 1;
    else return null;
  }
}

/**
 * One line each, CRLF between them. A field that a spreadsheet would take for a formula is given an apostrophe, as OWASP
 * has it for CSV injection.
 */
export const writeCsv = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => `${row.map(spellField).join(',')}\r\n`).join('');

function spellField(value: string): string {
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",;\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function separatorOf(body: string): string {
  const [line = ''] = body.replace(/"[^"]*"/g, '').split(/[\r\n]/, 1);
  return /[,;\t]/.exec(line)?.[0] ?? ',';
}

type Field = { readonly value: string; readonly end: number };

function plainAt(body: string, start: number, separator: string): Field | null {
  let end = start;
  while (end < body.length && body[end] !== separator && body[end] !== '\n' && body[end] !== '\r') end += 1;
  const value = body.slice(start, end);
  return value.includes('"') ? null : { value, end };
}

function quotedAt(body: string, start: number): Field | null {
  let value = '';
  let at = start + 1;
  for (;;) {
    const quote = body.indexOf('"', at);
    if (quote < 0) return null;
    value += body.slice(at, quote);
    if (body[quote + 1] !== '"') return { value, end: quote + 1 };
    value += '"';
    at = quote + 2;
  }
}
