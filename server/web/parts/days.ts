/** Days by the clock of the browser, and the milliseconds they begin or end at, as they stand in an address. */
const two = (number: number): string => String(number).padStart(2, '0');

/** The day (`2026-11-28`) that begins then or, `until`, that ends then; empty for what is no such time. */
export function dayOf(ms: string, until: boolean): string {
  const at = new Date(Number(ms) - (until ? 1 : 0));
  if (ms === '' || Number.isNaN(at.getTime())) return '';
  return `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** When a day begins, or the next one does: 23 or 25 hours later where the clock is changed. */
export function timeOf(day: string, until: boolean): string {
  const [year = 0, month = 0, date = 0] = day.split('-').map(Number);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return '';
  const at = new Date(year, month - 1, date + (until ? 1 : 0)).getTime();
  return Number.isNaN(at) || at < 0 ? '' : String(at);
}
