/** A table as a file behind a link. The byte order mark has spreadsheets read it as UTF-8. */
export const csvFile = (csv: string): string => `data:text/csv;charset=utf-8,${encodeURIComponent(`\uFEFF${csv}`)}`;
