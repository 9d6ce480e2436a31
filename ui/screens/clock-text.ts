/** Date and time as they are typed: `2026-03-01` and `12:30`, at an offset from UTC. Pure. */

export type ClockText = { readonly date: string; readonly clock: string };

export function shownTime(at: number, offsetMinutes: number): ClockText {
  const text = new Date(at + offsetMinutes * 60_000).toISOString();
  return { date: text.slice(-24, -14).padStart(10, '0'), clock: text.slice(-13, -8) };
}

/** Unix milliseconds; null where there is no such date or time, or none between 1970 and 9999. */
export function readTime({ date, clock }: ClockText, offsetMinutes: number): number | null {
  const wanted = `${date}T${clock}:00.000Z`;
  const local = Date.parse(wanted);
  if (Number.isNaN(local) || new Date(local).toISOString() !== wanted) return null;
  const at = local - offsetMinutes * 60_000;
  return at < 0 || at > 253402300799999 ? null : at;
}
